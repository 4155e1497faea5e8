package rows

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/recordcsv"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/sheet"
)

// Raw reads a table as it was written.
type Raw struct {
	Names []string // of the columns, without ErrorColumns
	ID    int      // the place among them of the identifiers of lines that belong together; -1: every line stands for itself

	in   cells
	keep []int // places of Names
	stop func()
}

// NewRaw reads up to the names of the columns. A table of a workbook is read as NewXLSX does, else as NewCSV does; both have
// refused what cannot be read before.
func NewRaw(f *os.File, workbook bool, o Table) (*Raw, error) {
	t := &Raw{ID: -1, stop: func() {}}
	if !workbook {
		t.in = newCSVCells(f, o.MaxOctets)
	} else {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		lines, err := newSheetCells(f, info.Size())
		if err != nil {
			return nil, err
		}
		t.in, t.stop = lines, lines.stop
	}
	o.Ignore = ErrorColumns
	for {
		names, err := t.in.read()
		if errors.Is(err, io.EOF) {
			err = registry.Refuse(registry.CodeInvalidRequest, "", "the file has no first line with the names of the columns")
		}
		if err != nil {
			t.stop()
			return nil, err
		}
		whole := recordColumn(names) >= 0
		if workbook && o.Content != nil && !whole && !sheet.IsHeader(names, o.Content, o.Options) {
			continue // titles
		}
		for i, name := range names {
			folded := identifier.FoldASCII(strings.TrimSpace(name))
			if slices.Contains(ErrorColumns, folded) {
				continue
			}
			if folded == recordcsv.Columns[recordcsv.ID] && o.Template == "" && !whole {
				t.ID = len(t.Names)
			}
			t.Names, t.keep = append(t.Names, strings.Clone(name)), append(t.keep, i)
		}
		return t, nil
	}
}

// Next returns the cells of the next line, as many as there are names, or io.EOF. They are valid until the next call.
func (t *Raw) Next() (line int, texts []string, err error) {
	in, err := t.in.read()
	if err != nil {
		return 0, nil, err
	}
	texts = make([]string, len(t.keep))
	for k, i := range t.keep {
		if i < len(in) {
			texts[k] = in[i]
		}
	}
	return t.in.line(), texts, nil
}

// Close ends the reading.
func (t *Raw) Close() { t.stop() }
