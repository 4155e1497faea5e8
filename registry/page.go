package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"

	"github.com/idnode/idnode/storage"
)

// pageRows is the number of items of a page for which limit was asked.
func (r *Registrar) pageRows(limit int) (int, *Error) {
	switch {
	case limit == 0:
		return r.limits.DefaultPageRows, nil
	case limit < 0 || limit > r.limits.PageRows:
		return 0, refuse(CodeInvalidRequest, "limit", "from 1 to %d", r.limits.PageRows)
	}
	return limit, nil
}

// A cursor is the last key of a page, which lists go on after.
func cursorOf(key []byte) string { return base64.RawURLEncoding.EncodeToString(key) }

// startAfter is the first key after cursor, which must be of the table; without a cursor it is nil.
func startAfter(cursor string, table storage.Table) ([]byte, *Error) {
	if cursor == "" {
		return nil, nil
	}
	key, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || storage.TableOf(key) != table {
		return nil, refuse(CodeInvalidCursor, "cursor", "not a cursor that a list gave")
	}
	return append(key, 0), nil
}

// page reads a page of a range and the cursor of the next page, "" at the end. What pick makes nil
// of is left out.
func page[T any](ctx context.Context, r *Registrar, span storage.Range, p Paging, pick func(key []byte, item storage.Item) (*T, error)) ([]*T, string, error) {
	rows, refusal := r.pageRows(p.Limit)
	if refusal != nil {
		return nil, "", refusal
	}
	start, refusal := startAfter(p.Cursor, storage.TableOf(span.Start))
	if refusal != nil {
		return nil, "", refusal
	}
	if bytes.Compare(start, span.Start) > 0 {
		span.Start = start
	}
	out := make([]*T, 0, min(rows, 64))
	var last []byte
	next := ""
	err := r.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
		v, err := pick(key, item)
		if err != nil {
			return fmt.Errorf("key %x: %w", key, err)
		}
		if v == nil {
			return nil
		}
		if len(out) == rows {
			next = cursorOf(last)
			return storage.Stop
		}
		out, last = append(out, v), append(last[:0], key...)
		return nil
	})
	if err != nil {
		return nil, "", AsError(err)
	}
	return out, next, nil
}
