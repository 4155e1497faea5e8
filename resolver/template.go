package resolver

import (
	"context"
	"strings"
	"sync"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// A Handle that has no record of its own may be computed, as the Handle.Net server does it, by the
// templates of HS_NAMESPACE values (section 9 of spec/handle-protocol.md): the name is divided at the
// delimiter that the prefix record names into a base and an extension, and the template of the
// base's own record, or else that of the prefix, makes the values.

const (
	typeNamespace = "HS_NAMESPACE"

	// prefixRecords begins the canonical names of prefix records.
	prefixRecords = "0.na/"
)

// refusal is why a template computes nothing, for people; "" if it does.
type refusal string

const (
	templateBroken   refusal = "the template's namespace cannot be read"
	templateFails    refusal = "the template cannot be evaluated"
	templateInactive refusal = "the template's namespace is not active"
	templateRevoked  refusal = "the template's base is revoked"
	templateRefuses  refusal = "the template makes no values"
)

// template is what the prefix records say about handles of a namespace that have no record: that of
// the namespace itself, and around it those of the prefixes it is derived from. A nil template is
// that of a namespace whose handles are not computed.
type template struct {
	info *handle.Namespace
	why  refusal // info is of no use then
}

// templates remember the template of each namespace that was asked for, nil ones included, until a
// prefix record or a namespace changes. They are no more than there are namespaces.
type templates struct {
	mu    sync.RWMutex
	moved uint64 // counts changes: what was read before one is not remembered after it
	known map[string]*template
}

// get returns the template of the namespace of that prefix if it is known, and otherwise the ticket
// for put, to be taken before anything is read.
func (m *templates) get(prefix string) (t *template, ticket uint64, ok bool) {
	m.mu.RLock()
	t, ok = m.known[prefix]
	ticket = m.moved
	m.mu.RUnlock()
	return t, ticket, ok
}

func (m *templates) put(prefix string, t *template, ticket uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ticket != m.moved {
		return
	}
	if m.known == nil {
		m.known = make(map[string]*template)
	}
	m.known[prefix] = t
}

// clear forgets all templates: those of derived prefixes depend on the ones above.
func (m *templates) clear() {
	m.mu.Lock()
	m.moved++
	m.known = nil
	m.mu.Unlock()
}

// isPrefixRecord reports whether k is where the record of a prefix is stored.
func isPrefixRecord(k identifier.Key) bool {
	return k.Scheme == identifier.Handle && strings.HasPrefix(k.Name, prefixRecords)
}

// templateOf returns the template of ns. Like namespaces, templates are not read anew for askers who
// want no caches: unknown names are what floods ask for.
func (r *Resolver) templateOf(ctx context.Context, ns *identifier.Namespace) (*template, error) {
	t, ticket, ok := r.templates.get(ns.Prefix)
	if ok {
		return t, nil
	}
	t, err := r.readTemplate(ctx, ns.Prefix)
	if err == nil {
		r.templates.put(ns.Prefix, t, ticket)
	}
	return t, err
}

// readTemplate reads the prefix records of prefix and of all that it is derived from, up to one that
// is not to be heeded.
func (r *Resolver) readTemplate(ctx context.Context, prefix string) (*template, error) {
	t := new(template)
	last := &t.info
	for p := prefix; p != ""; p = above(p) {
		// A suspended prefix says nothing, here as elsewhere.
		if ns := r.o.Namespaces.Get(identifier.Key{Scheme: identifier.Handle, Name: p}); ns != nil && ns.State != identifier.NamespaceActive {
			continue
		}
		rec, _, err := r.record(ctx, identifier.Key{Scheme: identifier.Handle, Name: prefixRecords + p}, &Query{})
		if err != nil {
			return nil, err
		}
		var info *handle.Namespace
		if info, t.why = namespaceIn(rec); t.why != "" {
			break
		}
		if info != nil {
			*last = info
			last = &info.Parent
		}
	}
	switch {
	case t.info.Delimiter() != "":
		t.why = "" // whatever is wrong further up
	case t.why == "":
		return nil, nil
	}
	return t, nil
}

// above is the prefix that p is derived from; "" if it is derived from none.
func above(p string) string { return p[:max(0, strings.LastIndexByte(p, '.'))] }

// namespaceIn returns what the first HS_NAMESPACE value of rec says that everybody may read; nil if
// there is none, or if it is broken or its handles do not resolve.
func namespaceIn(rec *identifier.Record) (*handle.Namespace, refusal) {
	if rec == nil || rec.State != identifier.Active {
		return nil, ""
	}
	for i := range rec.Values {
		v := &rec.Values[i]
		if !v.Public() || !identifier.EqualFoldASCII(v.Type, typeNamespace) {
			continue
		}
		info, err := handle.ParseNamespace(v.Data)
		switch {
		case err != nil:
			return nil, templateBroken
		case info.Status != handle.StatusActive:
			return nil, templateInactive
		}
		return info, ""
	}
	return nil, ""
}

// templated answers q by the template of its namespace; missing is the answer if that has none for it.
// A template that is broken is one that computes nothing: only a record that cannot be read is a failure.
func (r *Resolver) templated(ctx context.Context, q *Query, missing Answer, t *trace) Answer {
	ns := missing.Namespace
	if ns == nil || ns.Scheme != identifier.Handle {
		return missing
	}
	tmpl, err := r.templateOf(ctx, ns)
	if err != nil {
		a := r.answer(q, ns, nil, TierNone, err)
		t.step(Step{Stage: StagePattern, Name: qualified(ns), Status: a.Status})
		return a
	}
	if tmpl == nil {
		return missing
	}
	x := handle.Expansion{Handle: q.ID.String(), CaseSensitive: ns.CaseSensitive}
	why := tmpl.why
	if why == "" {
		var ok bool
		if x.Base, x.Extension, ok = tmpl.info.Split(x.Handle); !ok {
			return missing
		}
		missing.Stamp = missing.Stamp.Wide() // any record may be what a template cites
		var rec *identifier.Record
		rec, why, err = r.expand(ctx, tmpl.info, x, ns, q.NoCache)
		switch {
		case err != nil:
			a := r.answer(q, ns, nil, TierNone, err)
			t.template(&x, a.Status, a.Tier, "")
			return a
		case why == "":
			a := r.answer(q, ns, rec, TierComputed, nil)
			a.Stamp = missing.Stamp
			t.template(&x, a.Status, a.Tier, "computed by a template")
			return a
		}
	}
	if why == templateBroken || why == templateFails {
		r.o.Logger.Debug(string(why), "id", q.ID.Qualified())
	}
	t.template(&x, NotFound, missing.Tier, string(why))
	return missing
}

// expand computes the record of x, a handle in ns that info divides. The error is that a record which
// that takes cannot be read.
func (r *Resolver) expand(ctx context.Context, info *handle.Namespace, x handle.Expansion, ns *identifier.Namespace, noCache bool) (*identifier.Record, refusal, error) {
	base, err := r.stored(ctx, x.Base, noCache)
	if err != nil {
		return nil, "", err
	}
	rec := &identifier.Record{Scheme: identifier.Handle, ID: x.Handle, State: identifier.Active,
		Created: ns.Created, Updated: ns.Updated, Version: ns.Version}
	if base != nil {
		if base.State != identifier.Active {
			return nil, templateRevoked, nil
		}
		own, why := namespaceIn(base)
		if why != "" {
			return nil, why, nil
		}
		if own != nil {
			own.Parent = info
			info = own
		}
		x.Values = publicValues(base)
		rec.Created, rec.Updated, rec.Version = base.Created, base.Updated, base.Version
	}
	var unread error
	x.Cite = func(ref identifier.Ref) ([]byte, bool) {
		cited, err := r.stored(ctx, ref.Handle, noCache)
		if err != nil {
			unread = err
		}
		if cited == nil || cited.State != identifier.Active {
			return nil, false
		}
		for i := range cited.Values {
			if v := &cited.Values[i]; v.Index == ref.Index && v.Public() {
				return v.Data, true
			}
		}
		return nil, false
	}
	values, found, err := info.Expand(x)
	switch {
	case unread != nil:
		return nil, "", unread
	case err != nil:
		return nil, templateFails, nil
	case !found || len(values) == 0: // there are no records without values
		return nil, templateRefuses, nil
	}
	rec.Values = values
	return rec, "", nil
}

// publicValues are those values of rec that everybody may read; not nil. A template sees no others:
// its author need not be one who may read them, and what it computes is public.
func publicValues(rec *identifier.Record) []identifier.Value {
	values := make([]identifier.Value, 0, len(rec.Values))
	for i := range rec.Values {
		if v := &rec.Values[i]; v.Public() {
			values = append(values, *v)
		}
	}
	return values
}

// stored returns the record of a handle that this node answers for; nil if it keeps none. The record
// is not in an asker's Scratch: a template looks at several.
func (r *Resolver) stored(ctx context.Context, name string, noCache bool) (*identifier.Record, error) {
	id, err := identifier.Handle.Parse(name)
	if err != nil {
		return nil, nil
	}
	ns := r.o.Namespaces.Find(id)
	if ns == nil || ns.State != identifier.NamespaceActive || ns.Mode == identifier.Delegated && !id.IsPrefixRecord() {
		return nil, nil
	}
	rec, _, err := r.record(ctx, id.Key(ns.CaseSensitive), &Query{NoCache: noCache})
	return rec, err
}
