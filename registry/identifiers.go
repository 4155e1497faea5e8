package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/storage"
)

// Get asks for a record, now or as it was.
type Get struct {
	Actor   Actor
	Version uint64    // 0: the newest
	At      time.Time // as it was at that moment; zero: now
}

// Get returns a record. Who may not read its namespace's private values gets the public ones. A
// tombstone is returned, without values. Refusals: CodeNotFound, also for a version or a moment at
// which there was no such record or whose history is no longer kept.
func (r *Registrar) Get(ctx context.Context, id identifier.ID, g Get) (*identifier.Record, error) {
	ns := r.namespaces.Find(id)
	if ns == nil {
		return nil, refuse(CodeNotFound, "id", "%s is not registered", id)
	}
	k := id.Key(ns.CaseSensitive)
	item, err := r.store.Get(ctx, storage.RecordKey(k))
	if err != nil {
		return nil, r.notRegistered(id, err)
	}
	rec, err := decodeItem(item)
	if err == nil {
		switch {
		case g.Version != 0 && g.Version != rec.Version:
			rec, err = r.versionOf(ctx, k, g.Version)
		case g.Version == 0 && !g.At.IsZero() && g.At.Before(rec.Updated):
			rec, err = r.stateAt(ctx, k, g.At)
		}
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse(CodeNotFound, "id", "%s has no such version", id)
	}
	if err != nil {
		return nil, AsError(fmt.Errorf("get %s: %w", id, err))
	}
	if g.Actor.mayRead(ns) {
		return shown(rec), nil
	}
	rec, err = r.visible(ctx, id, rec, g.Actor)
	if err != nil {
		return nil, AsError(fmt.Errorf("get %s: %w", id, err))
	}
	return rec, nil
}

// visible is rec as a sees it, whose namespace is another's: the public values, and those of fields
// whose template names a's enterprise among its readers. The template's present revision decides.
func (r *Registrar) visible(ctx context.Context, id identifier.ID, rec *identifier.Record, a Actor) (*identifier.Record, error) {
	p := public(rec)
	if rec.State == identifier.Revoked || a.Enterprise == "" || len(p.Values) == len(rec.Values) {
		return p, nil
	}
	t, err := r.templateOf(ctx, id, rec)
	if err != nil || t == nil || t.Validator == nil {
		return p, err
	}
	p.Values = slices.DeleteFunc(slices.Clone(rec.Values), func(v identifier.Value) bool {
		f := t.Field(v.Index)
		return !v.Public() && (f == nil || f.Read != template.ReadEnterprises || !slices.Contains(f.Readers, a.Enterprise))
	})
	return p, nil
}

// notRegistered is err of reading id's record in terms for the client.
func (r *Registrar) notRegistered(id identifier.ID, err error) *Error {
	if errors.Is(err, storage.ErrNotFound) {
		return refuse(CodeNotFound, "id", "%s is not registered", id)
	}
	return AsError(fmt.Errorf("get %s: %w", id, err))
}

func (r *Registrar) versionOf(ctx context.Context, k identifier.Key, version uint64) (*identifier.Record, error) {
	item, err := r.store.Get(ctx, storage.HistoryKey(k, version))
	if err != nil {
		return nil, err
	}
	item.Version = version
	return decodeItem(item)
}

// stateAt returns the newest past version that was there at the moment t.
func (r *Registrar) stateAt(ctx context.Context, k identifier.Key, t time.Time) (*identifier.Record, error) {
	span := storage.PrefixRange(storage.HistoryPrefix(k))
	span.Reverse = true
	var found *identifier.Record
	err := r.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
		rec, err := identifier.DecodeRecord(item.Value)
		if err != nil {
			return err
		}
		if rec.Updated.After(t) {
			return nil
		}
		if found, err = identifier.DecodeRecord(bytes.Clone(item.Value)); err != nil {
			return err
		}
		found.Version = binary.BigEndian.Uint64(key[len(key)-8:])
		return storage.Stop
	})
	if err == nil && found == nil {
		err = storage.ErrNotFound
	}
	return found, err
}

// List asks for records in the order of schemes and canonical names.
type List struct {
	Actor  Actor
	Scheme identifier.Scheme // 0: that of Prefix, or all
	// Prefix is what canonical names begin with, "" for all. It never cuts a number of a namespace in
	// two: "88.1021.15" lists what is under 88.1021.15, and nothing under 88.1021.150.
	Prefix string
	Limit  int    // most records; 0: Limits.DefaultPageRows
	Cursor string // Page.Next of the page before; "": from the start
}

// Page is a part of a list.
type Page struct {
	Records []*identifier.Record // tombstones among them, without values
	Next    string               // cursor for the next page; "" at the end
}

// List returns a page of records. Operators and auditors list everything; keys of an enterprise list
// what is in its namespaces. Refusals: CodeForbidden, CodeInvalidRequest, CodeInvalidCursor.
func (r *Registrar) List(ctx context.Context, l List) (Page, error) {
	if !l.Actor.Has(RoleOperator, RoleAuditor, RoleAdmin, RoleWriter, RoleReader) {
		return Page{}, refuse(CodeForbidden, "", "role %s does not list identifiers", l.Actor.Role)
	}
	rows, refusal := r.pageRows(l.Limit)
	if refusal != nil {
		return Page{}, refusal
	}
	start, refusal := startAfter(l.Cursor, storage.TableRecord)
	if refusal != nil {
		return Page{}, refusal
	}
	scheme, prefix, refusal := r.listPrefix(l)
	if refusal != nil {
		return Page{}, refusal
	}
	spans, err := r.listSpans(ctx, l.Actor, scheme, prefix)
	if err != nil {
		return Page{}, AsError(fmt.Errorf("list: %w", err))
	}
	p := Page{Records: make([]*identifier.Record, 0, min(rows, 64))}
	var last []byte
	for _, span := range spans {
		if bytes.Compare(start, span.Start) > 0 {
			span.Start = start
		}
		if span.End != nil && bytes.Compare(span.Start, span.End) >= 0 {
			continue
		}
		err := r.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
			k, ok := storage.ParseRecordKey(key)
			if !ok || !atBoundary(k, prefix) {
				return nil
			}
			rec, err := identifier.DecodeRecord(bytes.Clone(item.Value))
			if err != nil {
				return fmt.Errorf("key %x: %w", key, err)
			}
			if !r.listed(l.Actor, rec) {
				return nil
			}
			if len(p.Records) == rows {
				p.Next = cursorOf(last)
				return storage.Stop
			}
			rec.Version = item.Version
			p.Records, last = append(p.Records, shown(rec)), append(last[:0], key...)
			return nil
		})
		if err != nil {
			return Page{}, AsError(fmt.Errorf("list: %w", err))
		}
		if p.Next != "" {
			break
		}
	}
	return p, nil
}

// listPrefix reads the scheme and the beginning of canonical names that l asks for.
func (r *Registrar) listPrefix(l List) (identifier.Scheme, string, *Error) {
	scheme, prefix := l.Scheme, l.Prefix
	if name, rest, ok := strings.Cut(prefix, ":"); ok {
		if s, err := identifier.ParseScheme(name); err == nil {
			if scheme != 0 && scheme != s {
				return 0, "", refuse(CodeInvalidRequest, "prefix", "the prefix is of scheme %s", s)
			}
			scheme, prefix = s, rest
		}
	}
	if scheme == 0 && prefix != "" {
		detected := identifier.Detect(strings.TrimRight(prefix, "./"))
		if len(detected) == 0 {
			return 0, "", refuse(CodeInvalidRequest, "prefix", "no scheme has identifiers of this form: name its scheme")
		}
		scheme = detected[0].Scheme
	}
	if scheme == identifier.Handle {
		authority, suffix, inside := strings.Cut(prefix, "/")
		prefix = identifier.FoldASCII(authority)
		if inside {
			if ns := r.namespaces.Get(identifier.Key{Scheme: scheme, Name: prefix}); ns == nil || !ns.CaseSensitive {
				suffix = identifier.FoldASCII(suffix)
			}
			prefix += "/" + suffix
		}
	}
	return scheme, prefix, nil
}

// atBoundary reports whether k's name, which begins with prefix, goes on with a new part where
// prefix ends in the number of a namespace.
func atBoundary(k identifier.Key, prefix string) bool {
	if prefix == "" || len(k.Name) == len(prefix) || k.Scheme != identifier.Handle && k.Scheme != identifier.OID {
		return true
	}
	end, next := prefix[len(prefix)-1], k.Name[len(prefix)]
	if end == '.' || end == '/' || strings.Contains(prefix, "/") {
		return true
	}
	return next == '.' || next == '/'
}

// listed reports whether rec, met while scanning for a, is in a namespace that a may read.
func (r *Registrar) listed(a Actor, rec *identifier.Record) bool {
	if a.readsAll() {
		return true
	}
	id, err := rec.Scheme.Parse(rec.ID)
	if err != nil {
		return false
	}
	ns := r.namespaces.Find(id)
	return ns != nil && a.mayRead(ns)
}

// listSpans returns the ranges of keys, in order and without overlap, in which the records are that
// a lists: all, or those of its namespaces.
func (r *Registrar) listSpans(ctx context.Context, a Actor, scheme identifier.Scheme, prefix string) ([]storage.Range, error) {
	all := storage.TableRange(storage.TableRecord)
	if scheme != 0 {
		all = storage.PrefixRange(storage.RecordKey(identifier.Key{Scheme: scheme, Name: prefix}))
	}
	if a.readsAll() {
		return []storage.Range{all}, nil
	}
	return spansOf(ctx, r.store, scheme, all, a.owns)
}

// spansOf returns the ranges of keys within all, in order and without overlap, in which the records are of the namespaces
// that has picks.
func spansOf(ctx context.Context, from storage.Reader, scheme identifier.Scheme, all storage.Range, has func(*identifier.Namespace) bool) ([]storage.Range, error) {
	var own []storage.Range
	err := from.Scan(ctx, namespaceRange(scheme), func(_ []byte, item storage.Item) error {
		ns, err := storage.DecodeNamespace(item)
		if err != nil || !has(ns) {
			return err
		}
		for _, span := range recordRanges(ns.Key()) {
			span.Start = maxKey(span.Start, all.Start)
			span.End = minKey(span.End, all.End)
			if bytes.Compare(span.Start, span.End) < 0 {
				own = append(own, span)
			}
		}
		return nil
	})
	slices.SortFunc(own, func(x, y storage.Range) int {
		return cmp.Or(bytes.Compare(x.Start, y.Start), bytes.Compare(y.End, x.End))
	})
	// Namespaces of a tree lie in one another: what is inside the span before adds nothing.
	merged := own[:0]
	for _, span := range own {
		if n := len(merged); n == 0 || bytes.Compare(span.Start, merged[n-1].End) >= 0 {
			merged = append(merged, span)
		} else {
			merged[n-1].End = maxKey(merged[n-1].End, span.End)
		}
	}
	return merged, err
}

// recordRanges are the ranges of keys that hold all records of the namespace k.
func recordRanges(k identifier.Key) []storage.Range {
	switch k.Scheme {
	case identifier.Handle:
		return []storage.Range{storage.PrefixRange(storage.RecordKey(identifier.Key{Scheme: k.Scheme, Name: k.Name + "/"}))}
	case identifier.OID:
		self := storage.RecordKey(k)
		below := storage.PrefixRange(storage.RecordKey(identifier.Key{Scheme: k.Scheme, Name: k.Name + "."}))
		return []storage.Range{{Start: self, End: append(bytes.Clone(self), 0)}, below}
	case identifier.GS1:
		var spans []storage.Range
		for _, beginning := range identifier.GS1Beginnings(k.Name) {
			spans = append(spans, storage.PrefixRange(storage.RecordKey(identifier.Key{Scheme: k.Scheme, Name: beginning})))
		}
		return spans
	}
	return []storage.Range{storage.PrefixRange(storage.RecordKey(k))}
}

// inRanges reports whether key lies in one of the ranges.
func inRanges(spans []storage.Range, key []byte) bool {
	return slices.ContainsFunc(spans, func(r storage.Range) bool { return bytes.Compare(r.Start, key) <= 0 && bytes.Compare(key, r.End) < 0 })
}

func minKey(a, b []byte) []byte {
	if bytes.Compare(a, b) < 0 {
		return a
	}
	return b
}

func maxKey(a, b []byte) []byte {
	if bytes.Compare(a, b) > 0 {
		return a
	}
	return b
}
