package registry

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/storage"
)

// reference is one that a record makes: from the value with the index, 0 for the successor of a
// tombstone.
type reference struct {
	to    identifier.Key
	text  string // as the record spells it
	index uint32
	kind  string
}

// Reference is a link between two records.
type Reference struct {
	ID    string `json:"id"`              // the record at the other end
	Kind  string `json:"kind"`            // "reference" of a Handle value, "field" of a template, or "successor"
	Index uint32 `json:"index,omitempty"` // the value that refers
	Type  string `json:"type,omitempty"`  // its type
	State string `json:"state,omitempty"` // of the record at the other end, if it is registered here
}

// Kinds of references.
const (
	ReferenceValue     = "reference" // a reference of a Handle value (RFC 3651, section 3.1)
	ReferenceField     = "field"     // a value of a template's field of type reference
	ReferenceSuccessor = "successor" // of a tombstone
)

// references are those that a state of a record that follows t makes, each pair of target and index once. What is no
// identifier refers to nothing.
func (r *Registrar) references(rec *identifier.Record, t *compiled) []reference {
	var refs []reference
	add := func(text string, index uint32, kind string) {
		id, err := identifier.Parse(text)
		if err != nil {
			return
		}
		caseSensitive := false
		if ns := r.namespaces.Find(id); ns != nil {
			caseSensitive = ns.CaseSensitive
		}
		ref := reference{id.Key(caseSensitive), text, index, kind}
		if !slices.ContainsFunc(refs, func(o reference) bool { return o.to == ref.to && o.index == ref.index }) {
			refs = append(refs, ref)
		}
	}
	if rec.State == identifier.Revoked {
		if rec.Successor != "" {
			add(rec.Successor, 0, ReferenceSuccessor)
		}
		return refs
	}
	for i := range rec.Values {
		v := &rec.Values[i]
		for _, ref := range v.Refs {
			add(ref.Handle, v.Index, ReferenceValue)
		}
		if t == nil || t.Validator == nil {
			continue
		}
		if f := t.Field(v.Index); f != nil && f.Type == template.Reference {
			add(string(v.Data), v.Index, ReferenceField)
		}
	}
	return refs
}

// ReferencesFrom returns what the record of id refers to, by values that a may read. Refusals: as of Get.
func (r *Registrar) ReferencesFrom(ctx context.Context, id identifier.ID, a Actor) ([]*Reference, error) {
	rec, err := r.Get(ctx, id, Get{Actor: a})
	if err != nil {
		return nil, err
	}
	t, err := r.templateOf(ctx, id, rec)
	if err != nil {
		return nil, AsError(fmt.Errorf("references of %s: %w", id, err))
	}
	refs := r.references(rec, t)
	keys := make([][]byte, len(refs))
	for i := range refs {
		keys[i] = storage.RecordKey(refs[i].to)
	}
	items, err := r.store.MultiGet(ctx, keys)
	if err != nil {
		return nil, AsError(fmt.Errorf("references of %s: %w", id, err))
	}
	out := make([]*Reference, len(refs))
	for i, ref := range refs {
		out[i] = &Reference{ID: ref.text, Kind: ref.kind, Index: ref.index, Type: typeAt(rec, ref.index)}
		target, err := decodeItem(items[i])
		if err != nil {
			return nil, AsError(fmt.Errorf("references of %s: %w", id, err))
		}
		if target != nil {
			out[i].State = target.State.String()
		}
	}
	return out, nil
}

// ReferencesTo returns a page of the records that refer to id by values that a may read, in the order
// of their names, and the cursor of the next page. id need not be registered.
func (r *Registrar) ReferencesTo(ctx context.Context, id identifier.ID, a Actor, p Paging) ([]*Reference, string, error) {
	caseSensitive := false
	if ns := r.namespaces.Find(id); ns != nil {
		caseSensitive = ns.CaseSensitive
	}
	k := id.Key(caseSensitive)
	span := storage.PrefixRange(storage.IndexKey(storage.IndexReference, []string{k.Scheme.String(), k.Name}, nil))
	return page(ctx, r, span, p, func(key []byte, _ storage.Item) (*Reference, error) {
		_, parts, rest, ok := storage.ParseIndexKey(key, 4)
		if !ok || len(rest) != 4 {
			return nil, fmt.Errorf("index key of references is damaged")
		}
		scheme, err := identifier.ParseScheme(parts[2])
		if err != nil {
			return nil, err
		}
		return r.referrer(ctx, identifier.Key{Scheme: scheme, Name: parts[3]}, binary.BigEndian.Uint32(rest), k, a)
	})
}

// referrer is the record at from, as one end of a reference to the record at to; nil if a may not see it.
func (r *Registrar) referrer(ctx context.Context, from identifier.Key, index uint32, to identifier.Key, a Actor) (*Reference, error) {
	item, err := r.store.Get(ctx, storage.RecordKey(from))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", from.Name, err)
	}
	rec, err := decodeItem(item)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", from.Name, err)
	}
	id, err := rec.Parse()
	if err != nil {
		return nil, err
	}
	if ns := r.namespaces.Find(id); index != 0 && (ns == nil || !a.mayRead(ns)) {
		if i := slices.IndexFunc(rec.Values, func(v identifier.Value) bool { return v.Index == index }); i < 0 || !rec.Values[i].Public() {
			return nil, nil
		}
	}
	t, err := r.templateOf(ctx, id, rec)
	if err != nil {
		return nil, err
	}
	for _, ref := range r.references(rec, t) {
		if ref.index == index && ref.to == to {
			return &Reference{ID: rec.ID, Kind: ref.kind, Index: index, Type: typeAt(rec, index), State: rec.State.String()}, nil
		}
	}
	return nil, nil // changed since the scan began
}

// templateOf is the template that the record of id follows, nil for none.
func (r *Registrar) templateOf(ctx context.Context, id identifier.ID, rec *identifier.Record) (*compiled, error) {
	ns := r.namespaces.Find(id)
	if ns == nil || rec.Template == "" {
		return nil, nil
	}
	return r.templateFor(ctx, id, ns, rec.Template, nil)
}

func typeAt(rec *identifier.Record, index uint32) string {
	for i := range rec.Values {
		if rec.Values[i].Index == index {
			return rec.Values[i].Type
		}
	}
	return ""
}
