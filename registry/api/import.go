package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/rows"
)

const (
	importPath = "/v1/identifiers:import"

	// importIdle bounds the wait for more of an import's body, and for the client to take results.
	importIdle = 2 * time.Minute

	// abortPatience bounds the reading of what is left of a body after an import has ended early.
	abortPatience = 2 * time.Second

	// flushEvery is how long a result may wait for others to go out with.
	flushEvery = 200 * time.Millisecond

	// zstdWindow bounds the memory that a zstd frame may ask for.
	zstdWindow = 8 << 20
)

// importEnd is the last line of an import's answer.
type importEnd struct {
	registry.Summary
	*registry.Comparison // of a dry run
}

// importAborted is the last line of an import that ended early: the rows counted are stored, of the
// others it is not said. It has no total, by which it is told from importEnd.
type importAborted struct {
	Status  string `json:"status"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Stored  int    `json:"stored"`
	Skipped int    `json:"skipped"`
	Failed  int    `json:"failed"`
}

func (s *server) imports() {
	s.mux.HandleFunc("POST "+importPath, s.importRecords)
	str := func(enum ...any) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Enum: enum} }
	op := s.describe(operation{
		id: "importIdentifiers", method: http.MethodPost, path: importPath, tag: "identifiers", summary: "Import a stream of records",
		description: "NDJSON, a record a line, also with Content-Encoding gzip or zstd. The answer is NDJSON while the import goes on: a line for each record that failed, " +
			"at the end the counts. Or a filled sheet of a template (/v1/templates:sheet), named in the query. An import that had to end early ends with a line of status \"aborted\" and has no total. Timestamps of values are kept where they are given.",
		errors: []int{413, 415},
	})
	op.Parameters = []*huma.Param{
		{Name: "mode", In: "query", Schema: str("create", "upsert", "skip-existing"), Description: "What to do with identifiers that exist; default create: the row fails"},
		{Name: "allocate", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean}, Description: "Operators: allocate unknown namespaces under the node to its own enterprise"},
		{Name: "dryRun", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean}, Description: "Hold the rows to all checks and store nothing; the counts then say how many are new, the same as what is stored, or different"},
		{Name: "template", In: "query", Schema: str(), Description: "Of a sheet: the template"},
		{Name: "prefix", In: "query", Schema: str(), Description: "Of a sheet: the prefix of the template"},
		{Name: "scheme", In: "query", Schema: str("handle", "oid", "ecode", "gs1"), Description: "Of a sheet: the scheme of the prefix; default handle"},
		{Name: "Content-Encoding", In: "header", Schema: str("gzip", "zstd")},
	}
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/x-ndjson": {Schema: schemaOf[recordDoc](s)}, xlsx: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	op.Responses["200"] = &huma.Response{
		Description: "Failures, then the counts",
		Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{
			OneOf: []*huma.Schema{schemaOf[registry.RowResult](s), schemaOf[importEnd](s), schemaOf[importAborted](s)},
		}}},
	}
	s.huma.OpenAPI().AddOperation(&op)
}

func (s *server) importRecords(w http.ResponseWriter, r *http.Request) {
	o, err := importOptions(r)
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	rc := http.NewResponseController(w)
	defer rc.SetWriteDeadline(time.Time{}) // or it would end later answers on the connection
	raw := &patientReader{r: r.Body, rc: rc}
	body, err := importBody(raw, r.Header.Get("Content-Encoding"))
	if err != nil {
		writeProblem(w, s.problem(ctx, err))
		return
	}
	defer body.Close()

	out := &results{w: w, rc: rc}
	var lines rowReader
	if isSheet(r) {
		if lines, err = s.newSheetReader(r.WithContext(ctx), body); err != nil {
			writeProblem(w, s.problem(ctx, err))
			return
		}
	} else {
		lines = lineReader{rows.ReadLines(ctx, body, 1, 0, s.limits.LineOctets, identifier.ParseWriteJSON)}
	}
	sum, err := s.reg.Import(ctx, func() (registry.Row, error) {
		if err := out.flushStale(); err != nil {
			return registry.Row{}, err
		}
		return lines.next()
	}, o, out.add)
	cancel()
	lines.wait(raw)
	if err == nil {
		out.write(importEnd{sum, o.DryRun})
		out.flush()
		return
	}
	p := s.problem(r.Context(), err)
	// net/http reads some of a refused body before it answers; a client that sends nothing does not
	// hold that up for long.
	raw.hurry(abortPatience)
	if !out.begun() && sum == (registry.Summary{}) {
		writeProblem(w, p)
		return
	}
	out.write(importAborted{"aborted", p.Code, p.Detail, sum.Stored, sum.Skipped, sum.Failed})
	out.flush()
	discard(r.Body)
}

// discard reads what is left of the body of an import that ended early, so that the client gets to
// read the answer: closing a connection with unread input resets it. The deadline of reads ends it;
// then the connection cannot be used again, and net/http must not try.
func discard(body io.Reader) {
	if _, err := io.Copy(io.Discard, body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func importOptions(r *http.Request) (registry.ImportOptions, error) {
	q := r.URL.Query()
	o := registry.ImportOptions{Actor: actorOf(r.Context()), Mode: registry.ImportMode(q.Get("mode")), Language: languageOf(r.Context())}
	var dry bool
	for name, to := range map[string]*bool{"allocate": &o.Allocate, "dryRun": &dry} {
		if text := q.Get(name); text != "" {
			var err error
			if *to, err = strconv.ParseBool(text); err != nil {
				return o, invalid(name, "true or false is expected")
			}
		}
	}
	if dry {
		o.DryRun = new(registry.Comparison)
	}
	return o, nil
}

// importBody undoes the body's encoding.
func importBody(r io.Reader, encoding string) (io.ReadCloser, error) {
	switch encoding {
	case "", "identity":
		return io.NopCloser(r), nil
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, invalid("", "the body is not in gzip: %s", err)
		}
		return z, nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, invalid("", "the body is not in zstd: %s", err)
		}
		return z.IOReadCloser(), nil
	}
	return nil, registry.Refuse(codeUnsupportedMediaType, "Content-Encoding", "the encodings known here are gzip and zstd")
}

// patientReader lets each read wait for importIdle, in place of a limit on the whole.
type patientReader struct {
	r  io.Reader
	rc *http.ResponseController

	mu      sync.Mutex
	stopped bool
}

func (p *patientReader) Read(b []byte) (int, error) {
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return 0, io.ErrUnexpectedEOF
	}
	// Where there are no deadlines the server's own limits hold.
	_ = p.rc.SetReadDeadline(time.Now().Add(importIdle))
	p.mu.Unlock()
	return p.r.Read(b)
}

// hurry refuses later reads, and lets those that go past p, or are under way, wait for no longer than d.
func (p *patientReader) hurry(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	_ = p.rc.SetReadDeadline(time.Now().Add(d))
}

// results writes an import's answer. It belongs to one goroutine.
type results struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	buf     bytes.Buffer
	started bool
	flushed time.Time
}

func (o *results) begun() bool { return o.started || o.buf.Len() > 0 }

// add takes the result of a row.
func (o *results) add(row registry.RowResult) error { return o.write(row) }

func (o *results) write(line any) error {
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if o.buf.Len() == 0 {
		o.flushed = time.Now()
	}
	o.buf.Write(b)
	o.buf.WriteByte('\n')
	if o.buf.Len() > 32<<10 {
		return o.flush()
	}
	return nil
}

// flushStale sends results that have waited for flushEvery.
func (o *results) flushStale() error {
	if o.buf.Len() == 0 || time.Since(o.flushed) < flushEvery {
		return nil
	}
	return o.flush()
}

func (o *results) flush() error {
	if !o.started {
		o.started = true
		// Results go out while the body comes in. HTTP/2 is so from the start, and says that it is not
		// supported there. Until now net/http was free to read the rest of a refused import's body.
		_ = o.rc.EnableFullDuplex()
		o.w.Header().Set("Content-Type", "application/x-ndjson")
		o.w.Header().Set("Cache-Control", "no-store")
		o.w.WriteHeader(http.StatusOK)
	}
	_ = o.rc.SetWriteDeadline(time.Now().Add(importIdle))
	_, err := o.w.Write(o.buf.Bytes())
	o.buf.Reset()
	if err == nil {
		err = o.rc.Flush()
	}
	if errors.Is(err, http.ErrNotSupported) {
		err = nil
	}
	return err
}

// lineReader reads the lines of an import's body.
type lineReader struct{ *rows.Lines }

func (l lineReader) next() (registry.Row, error) { return l.Next() }

// wait returns when nothing reads the body any more, which must be so before the handler returns. The
// reader's context must be cancelled before, or the body read to its end. A client that sends nothing
// is given a moment before its connection is given up.
func (l lineReader) wait(raw *patientReader) {
	select {
	case <-l.Done():
		return
	case <-time.After(200 * time.Millisecond):
	}
	raw.hurry(0)
	<-l.Done()
}
