package api

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"mime"
	"net/http"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/sheet"
)

// maxSheet bounds a filled sheet in octets as it is sent; unpacked it may be sheet.MaxUnzipped.
const maxSheet = 32 << 20

// isSheet reports whether the body of an import is a filled sheet of a template.
func isSheet(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == xlsx
}

// rowReader gives the rows of an import.
type rowReader interface {
	next() (registry.Row, error)
	// wait lets go of the body, which raw reads, once the import has ended.
	wait(raw *patientReader)
}

// sheetReader gives the rows of a filled sheet.
type sheetReader struct {
	scheme   identifier.Scheme
	template string
	row      func() (sheet.Row, bool)
	stop     func()
}

// newSheetReader reads a filled sheet of the template that the query names.
func (s *server) newSheetReader(r *http.Request, body io.Reader) (*sheetReader, error) {
	q := r.URL.Query()
	if q.Get("template") == "" || q.Get("prefix") == "" {
		return nil, invalid("template", "a sheet is of a template: name it and its prefix in the query")
	}
	t, err := s.template(r.Context(), q.Get("scheme"), q.Get("prefix"), q.Get("template"), "")
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(body, maxSheet+1))
	switch {
	case err != nil:
		return nil, invalid("", "the body cannot be read: %s", err)
	case len(content) > maxSheet:
		return nil, registry.Refuse(registry.CodeTooLarge, "", "the sheet is longer than %d octets", maxSheet)
	}
	rows, err := sheet.Read(bytes.NewReader(content), int64(len(content)), contentOf(t), sheet.Options{})
	if e, ok := errors.AsType[*sheet.Error](err); ok {
		refusal := registry.RefuseProblems(registry.CodeInvalidFile, e.Problems)
		refusal.Err = e.Err
		return nil, refusal
	}
	if err != nil {
		return nil, err
	}
	reader := &sheetReader{scheme: t.Scheme, template: t.Name}
	reader.row, reader.stop = iter.Pull(rows)
	return reader, nil
}

func (s *sheetReader) next() (registry.Row, error) {
	in, ok := s.row()
	if !ok {
		return registry.Row{}, io.EOF
	}
	row := registry.Row{Line: in.Line, Fields: in.Fields, Record: &identifier.Record{Scheme: s.scheme, ID: in.ID, Template: s.template}}
	if len(in.Problems) > 0 {
		row.Err = registry.RefuseProblems(registry.CodeTemplateMismatch, in.Problems)
	}
	return row, nil
}

func (s *sheetReader) wait(*patientReader) { s.stop() }
