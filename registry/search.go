package registry

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/storage"
)

// maxSearch is how much of a value the index of fields has, in octets.
const maxSearch = 128

// Search asks for the records that follow a template, and of those for the ones that say something
// in a searchable field.
type Search struct {
	Actor    Actor
	Template string            // name of the template
	Field    string            // name or index of a searchable field; "": all records of the template
	Value    string            // what the field says: exactly, or the beginning of a text
	Begins   bool              // Value is a beginning
	Scheme   identifier.Scheme // 0: that of Prefix, or all
	Prefix   string            // as List.Prefix
	Paging
}

// Search returns a page of records by namespace, then by what the field says, then by name. Who
// searches is as in List. Refusals: as of List, CodeNotFound (the template), and CodeInvalidRequest for
// a field that is none, or is not searchable.
func (r *Registrar) Search(ctx context.Context, s Search) (Page, error) {
	if !s.Actor.Has(RoleOperator, RoleAuditor, RoleAdmin, RoleWriter, RoleReader) {
		return Page{}, refuse(CodeForbidden, "", "role %s does not list identifiers", s.Actor.Role)
	}
	rows, refusal := r.pageRows(s.Limit)
	if refusal != nil {
		return Page{}, refusal
	}
	start, refusal := startAfter(s.Cursor, storage.TableIndex)
	if refusal != nil {
		return Page{}, refusal
	}
	scheme, prefix, refusal := r.listPrefix(List{Actor: s.Actor, Scheme: s.Scheme, Prefix: s.Prefix})
	if refusal != nil {
		return Page{}, refusal
	}
	spans, err := r.searchSpans(ctx, &s, scheme)
	if err != nil {
		return Page{}, AsError(err)
	}
	var found []storedRow
	next := ""
	for _, span := range spans {
		if bytes.Compare(start, span.Start) > 0 {
			span.Start = start
		}
		if bytes.Compare(span.Start, span.End) >= 0 {
			continue
		}
		err := r.store.Scan(ctx, span, func(key []byte, _ storage.Item) error {
			k, ok := indexedRecord(key)
			if !ok {
				return fmt.Errorf("index key %x is damaged", key)
			}
			if !strings.HasPrefix(k.Name, prefix) || !atBoundary(k, prefix) {
				return nil
			}
			if len(found) == rows {
				next = cursorOf(found[rows-1].at)
				return storage.Stop
			}
			found = append(found, storedRow{k, bytes.Clone(key)})
			return nil
		})
		if err != nil {
			return Page{}, AsError(fmt.Errorf("search: %w", err))
		}
		if next != "" {
			break
		}
	}
	p, err := r.recordsAt(ctx, s.Actor, found)
	p.Next = next
	return p, err
}

// storedRow is a record found in an index, and where.
type storedRow struct {
	key identifier.Key
	at  []byte
}

// recordsAt reads the records of rows. One that a may not read, or that has gone since, is left out.
func (r *Registrar) recordsAt(ctx context.Context, a Actor, rows []storedRow) (Page, error) {
	keys := make([][]byte, len(rows))
	for i := range rows {
		keys[i] = storage.RecordKey(rows[i].key)
	}
	items, err := r.store.MultiGet(ctx, keys)
	if err != nil {
		return Page{}, AsError(fmt.Errorf("search: %w", err))
	}
	p := Page{Records: make([]*identifier.Record, 0, len(rows))}
	for i := range items {
		rec, err := decodeItem(items[i])
		if err != nil {
			return Page{}, AsError(fmt.Errorf("search: record %s: %w", rows[i].key.Name, err))
		}
		if rec != nil && r.listed(a, rec) {
			p.Records = append(p.Records, shown(rec))
		}
	}
	return p, nil
}

// searchSpans are the ranges of the index that hold what s asks for, in order: one for each namespace
// that has the template and that the actor may read.
func (r *Registrar) searchSpans(ctx context.Context, s *Search, scheme identifier.Scheme) ([]storage.Range, error) {
	var spaces []*identifier.Namespace
	err := r.store.Scan(ctx, namespaceRange(scheme), func(_ []byte, item storage.Item) error {
		ns, err := storage.DecodeNamespace(item)
		if err == nil && s.Actor.mayRead(ns) {
			spaces = append(spaces, ns)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	slices.SortFunc(spaces, func(a, b *identifier.Namespace) int {
		return cmp.Or(strings.Compare(a.Scheme.String(), b.Scheme.String()), strings.Compare(a.Prefix, b.Prefix))
	})
	var spans []storage.Range
	var unsearchable *Error
	known := false
	for _, ns := range spaces {
		t, err := r.compiledTemplate(ctx, ns.Key(), s.Template)
		if err != nil {
			return nil, err
		}
		if t == nil || t.Validator == nil {
			continue
		}
		known = true
		span, e := searchSpan(s, t)
		if e != nil {
			unsearchable = e
			continue
		}
		spans = append(spans, span)
	}
	switch {
	case !known:
		return nil, refuse(CodeNotFound, "template", "there is no published template %s", s.Template)
	case len(spans) == 0:
		return nil, unsearchable
	}
	return spans, nil
}

// searchSpan is the range of the index that holds what s asks for of the template t.
func searchSpan(s *Search, t *compiled) (storage.Range, *Error) {
	if s.Field == "" {
		return storage.PrefixRange(storage.IndexKey(storage.IndexField, append(fieldParts(t.Template, 0), ""), nil)), nil
	}
	f := t.FieldByName(s.Field)
	if n, err := strconv.ParseUint(s.Field, 10, 32); f == nil && err == nil {
		f = t.Field(uint32(n))
	}
	switch {
	case len(s.Value) > maxSearch:
		return storage.Range{}, refuse(CodeInvalidRequest, "value", "at most %d octets are compared", maxSearch)
	case f == nil:
		return storage.Range{}, refuse(CodeInvalidRequest, "field", "template %s has no field %s", s.Template, s.Field)
	case !f.Searchable:
		return storage.Range{}, refuse(CodeInvalidRequest, "field", "field %s of template %s is not searchable", f.Name, s.Template)
	case s.Begins && (f.Type == template.Number || f.Type == template.Boolean):
		return storage.Range{}, refuse(CodeInvalidRequest, "match", "a beginning is of texts and dates, and field %s is a %s", f.Name, f.Type)
	case s.Begins:
		return storage.PrefixRange(storage.IndexBeginning(storage.IndexField, fieldParts(t.Template, f.Index), t.IndexText(f, []byte(s.Value)))), nil
	}
	return storage.PrefixRange(storage.IndexKey(storage.IndexField, append(fieldParts(t.Template, f.Index), t.IndexText(f, []byte(s.Value))), nil)), nil
}

// indexedRecord is the record that a key of the index of fields leads to.
func indexedRecord(key []byte) (identifier.Key, bool) {
	_, _, place, ok := storage.ParseIndexKey(key, 5)
	if !ok || len(place) < 2 {
		return identifier.Key{}, false
	}
	return identifier.Key{Scheme: identifier.Scheme(place[0]), Name: string(place[1:])}, true
}
