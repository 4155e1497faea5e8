package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/idnode/idnode/proto/identifier"
)

// verifiers is how many records are read back at once.
const verifiers = 8

// stored returns a record as the node has it, nil if it has none or a tombstone.
func (m *migration) stored(ctx context.Context, id string) (*identifier.Record, error) {
	body, err := m.call(ctx, request{method: http.MethodGet, path: "/v1/identifiers", query: url.Values{"id": {"handle:" + id}}})
	if p, ok := errors.AsType[*problem](err); ok && (p.Status == http.StatusNotFound || p.Status == http.StatusGone || p.Status == http.StatusBadRequest) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rec, err := identifier.ParseRecordJSON(body)
	if err != nil {
		return nil, failf("answer of %s is not what idctl knows: %v", m.server, err)
	}
	return rec, nil
}

// sameRecord says what is different of the record that the node has from what was to be migrated; "" for nothing.
// Timestamps count where the source gives them; the order of values does not.
func sameRecord(want, got *identifier.Record) string {
	if want.Template != got.Template {
		return fmt.Sprintf("template %q, not %q", got.Template, want.Template)
	}
	for i := range want.Values {
		w := &want.Values[i]
		at := slices.IndexFunc(got.Values, func(v identifier.Value) bool { return v.Index == w.Index })
		if at < 0 {
			return fmt.Sprintf("value %d is missing", w.Index)
		}
		g := &got.Values[at]
		what := ""
		switch {
		case w.Type != g.Type:
			what = "type"
		case !bytes.Equal(w.Data, g.Data):
			what = "data"
		case w.TTLType != g.TTLType || w.TTL != g.TTL:
			what = "ttl"
		case w.Perms != g.Perms:
			what = "permissions"
		case !slices.Equal(w.Refs, g.Refs):
			what = "references"
		case w.Timestamp != 0 && w.Timestamp != g.Timestamp:
			what = "timestamp"
		default:
			continue
		}
		return fmt.Sprintf("value %d has another %s", w.Index, what)
	}
	for i := range got.Values {
		if !slices.ContainsFunc(want.Values, func(v identifier.Value) bool { return v.Index == got.Values[i].Index }) {
			return fmt.Sprintf("value %d is not in the files", got.Values[i].Index)
		}
	}
	return ""
}

// verifyAll reads back all templates and records and compares them.
func (m *migration) verifyAll(ctx context.Context) error {
	for _, t := range m.templates.list {
		if err := m.verifyTemplate(ctx, t); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := m.open()
	defer in.close()
	work := make(chan *migrated)
	var mu sync.Mutex
	var first error
	note := func(err error) {
		if err != nil && first == nil {
			first = err
			cancel()
		}
	}
	var workers sync.WaitGroup
	for range verifiers {
		workers.Go(func() {
			for p := range work {
				got, err := m.stored(ctx, p.record.ID)
				mu.Lock()
				if err == nil {
					err = m.compared(p, got)
				}
				note(err)
				mu.Unlock()
			}
		})
	}
	for ctx.Err() == nil {
		p, err := in.next()
		if err != nil {
			mu.Lock()
			if !errors.Is(err, io.EOF) {
				note(err)
			}
			mu.Unlock()
			break
		}
		if p.record == nil {
			if p.failure != nil {
				mu.Lock()
				note(m.wrong(*p.failure))
				mu.Unlock()
			}
			continue
		}
		m.rename(p)
		select {
		case work <- p:
		case <-ctx.Done():
		}
	}
	close(work)
	workers.Wait()
	if first == nil {
		return ctx.Err()
	}
	return first
}

// compared counts a record beside the one that the node has.
func (m *migration) compared(p *migrated, got *identifier.Record) error {
	n := &m.report.Records
	n.Total++
	f := failure{File: p.file, Line: p.line, ID: p.record.ID, Status: "failed"}
	if got == nil {
		n.New++
		f.Code, f.Detail = "not_found", say(m.language(), "the node does not have it")
		return m.failed.add(f)
	}
	if f.Detail = sameRecord(p.record, got); f.Detail == "" {
		n.Same++
		return nil
	}
	n.Different++
	f.Code = "different"
	return m.failed.add(f)
}
