package registry

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// PrefixRequest asks for a namespace.
type PrefixRequest struct {
	Scheme        identifier.Scheme
	Prefix        string // in any spelling of the scheme; "": the next free number (handle and oid)
	Enterprise    string
	Mode          identifier.Mode      // default Hosted
	CaseSensitive *bool                // default: the registrar's for Handle prefixes; always false for others
	Service       *identifier.Service  // required if delegated
	Quota         *identifier.Quota    // nil: none
	Patterns      []identifier.Pattern // only if hosted
}

// PrefixPatch changes a namespace; nil leaves a field as it is.
type PrefixPatch struct {
	Mode          *identifier.Mode
	CaseSensitive *bool
	Service       *identifier.Service
	Quota         *identifier.Quota     // zero fields: no bound
	Patterns      *[]identifier.Pattern // all of them: what is there goes
}

// PrefixList asks for namespaces in the order of their schemes and names.
type PrefixList struct {
	Actor      Actor
	Scheme     identifier.Scheme // 0: all
	Enterprise string            // "": all that the actor may see
	Paging
}

// Numbers is the rule by which next free prefixes are chosen. The zero value counts from 1.
type Numbers struct {
	First    uint64   // the first number to give out; default 1
	Digits   int      // Handle numbers are filled with zeros to so many digits; default: as they are
	Reserved []string // prefixes that are only given out when they are asked for, as the node's own "88.1021.000000"
}

// AllocatePrefix allocates a namespace under one of the node's own to an active enterprise.
// Operators only. A namespace inside another's must be inside one of the same enterprise or of
// [Self]. Refusals: CodeForbidden, CodeInvalidPrefix, CodeNotFound (the enterprise),
// CodeEnterpriseSuspended, CodeAlreadyExists, and those of the idempotency key.
func (r *Registrar) AllocatePrefix(ctx context.Context, q PrefixRequest, w Write) (*identifier.Namespace, error) {
	if !w.Actor.IsOperator() {
		return nil, refuse(CodeForbidden, "", "role %s does not allocate prefixes", w.Actor.Role)
	}
	if q.Mode == "" {
		q.Mode = identifier.Hosted
	}
	if q.Scheme.String() == "unknown" {
		return nil, refuse(CodeInvalidPrefix, "/scheme", "a scheme is required")
	}
	if q.Enterprise == "" {
		return nil, refuse(CodeInvalidPrefix, "/enterprise", "an enterprise is required")
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	fingerprint := func(h hash.Hash) { hashJSON(h, "prefix.create", q) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*identifier.Namespace, error) {
		ns, err := r.allocate(ctx, b, now, q)
		if err != nil {
			return nil, err
		}
		return ns, r.audit(b, now, w.Actor, AuditEntry{Op: "prefix.create", ID: qualified(ns.Key()), Version: ns.Version})
	})
}

// allocate adds to b the namespace asked for. The registrar's gate is held alone.
func (r *Registrar) allocate(ctx context.Context, b *storage.Batch, now time.Time, q PrefixRequest) (*identifier.Namespace, error) {
	if e := r.checkActive(ctx, q.Enterprise, "/enterprise"); e != nil {
		return nil, e
	}
	ns := &identifier.Namespace{
		Scheme: q.Scheme, Enterprise: q.Enterprise, State: identifier.NamespaceActive, Mode: q.Mode,
		CaseSensitive: q.Scheme == identifier.Handle && r.exact, Service: q.Service, Quota: q.Quota, Patterns: slices.Clone(q.Patterns),
		Created: now, Updated: now,
	}
	if q.CaseSensitive != nil {
		ns.CaseSensitive = *q.CaseSensitive
	}
	if e := checkService(ns); e != nil {
		return nil, e
	}
	if err := r.checkPrefixes(ctx, q.Enterprise); err != nil {
		return nil, err
	}
	var err error
	if ns.Prefix, err = r.choosePrefix(ctx, q); err != nil {
		return nil, err
	}
	if q.Scheme != identifier.Handle {
		r.quotas.forgetAll(q.Scheme) // it may take over identifiers of a namespace above
	}
	return ns, putNamespace(b, ns, storage.OpCreate)
}

// checkPrefixes refuses one more namespace to an enterprise that has as many as it may.
func (r *Registrar) checkPrefixes(ctx context.Context, enterprise string) error {
	if r.limits.PrefixesPerEnterprise == 0 || enterprise == Self {
		return nil
	}
	held := 0
	err := r.store.Scan(ctx, namespaceRange(0), func(_ []byte, item storage.Item) error {
		ns, err := storage.DecodeNamespace(item)
		if err == nil && ns.Enterprise == enterprise && ns.State != identifier.NamespaceWithdrawn {
			held++
		}
		return err
	})
	if err == nil && held >= r.limits.PrefixesPerEnterprise {
		err = r.metrics.overQuota(refuse(CodeQuotaPrefixes, "/enterprise", "enterprise %s has %d prefixes, as many as it may", enterprise, held))
	}
	return err
}

// choosePrefix returns the canonical name of the namespace asked for, or of the next free one.
func (r *Registrar) choosePrefix(ctx context.Context, q PrefixRequest) (string, error) {
	if q.Prefix == "" {
		return r.nextPrefix(ctx, q.Scheme)
	}
	name, err := q.Scheme.ParseNamespace(q.Prefix)
	if err != nil {
		return "", refuse(CodeInvalidPrefix, "/prefix", "%s", err)
	}
	if !r.ownsPrefix(identifier.Key{Scheme: q.Scheme, Name: name}) {
		return "", refuse(CodeInvalidPrefix, "/prefix", "%s is not under a prefix of this node", name)
	}
	err = r.store.Scan(ctx, namespaceRange(q.Scheme), func(_ []byte, item storage.Item) error {
		ns, err := storage.DecodeNamespace(item)
		switch {
		case err != nil:
			return err
		case ns.Prefix == name:
			return refuse(CodeAlreadyExists, "/prefix", "%s is allocated", name)
		case q.Scheme.Contains(ns.Prefix, name) && ns.Enterprise != q.Enterprise && ns.Enterprise != Self:
			return refuse(CodeInvalidPrefix, "/prefix", "%s lies in %s, which is allocated to another enterprise", name, ns.Prefix)
		}
		return nil
	})
	return name, err
}

// nextPrefix is one more than the greatest number allocated directly under the node's first prefix
// of the scheme, by the rule of [Numbers]. Numbers are never used again: withdrawn namespaces keep theirs.
func (r *Registrar) nextPrefix(ctx context.Context, scheme identifier.Scheme) (string, error) {
	i := slices.IndexFunc(r.prefixes, func(k identifier.Key) bool { return k.Scheme == scheme })
	if i < 0 || scheme != identifier.Handle && scheme != identifier.OID {
		return "", refuse(CodeInvalidPrefix, "/prefix", "the node has no numbers to give out for scheme %s: name a prefix", scheme)
	}
	parent := r.prefixes[i].Name + "."
	digits := 0
	if scheme == identifier.Handle { // numbers of OIDs have no leading zeros
		digits = r.numbers.Digits
	}
	last := max(r.numbers.First, 1) - 1
	err := r.store.Scan(ctx, storage.PrefixRange(storage.NamespaceKey(identifier.Key{Scheme: scheme, Name: parent})), func(key []byte, _ storage.Item) error {
		k, _ := storage.ParseNamespaceKey(key)
		// A number of its own and the first of a namespace further down both say that it is taken.
		number, _, _ := strings.Cut(k.Name[len(parent):], ".")
		if n, err := strconv.ParseUint(number, 10, 63); err == nil {
			last = max(last, n)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	for {
		last++
		if name := fmt.Sprintf("%s%0*d", parent, digits, last); !slices.Contains(r.numbers.Reserved, name) {
			return name, nil
		}
	}
}

// ownsPrefix reports whether the node may allocate k.
func (r *Registrar) ownsPrefix(k identifier.Key) bool {
	return slices.ContainsFunc(r.prefixes, func(own identifier.Key) bool {
		return own.Scheme == k.Scheme && k.Scheme.Contains(own.Name, k.Name)
	})
}

// Prefix returns a namespace. People of the node see all, others their enterprise's. Refusals:
// CodeNotFound, CodeNotYourNamespace.
func (r *Registrar) Prefix(ctx context.Context, k identifier.Key, a Actor) (*identifier.Namespace, error) {
	ns, err := r.readNamespace(ctx, k)
	if err != nil {
		return nil, err
	}
	if !a.ofNode() && !a.owns(ns) {
		return nil, refuse(CodeNotYourNamespace, "prefix", "namespace %s is not yours", ns.Prefix)
	}
	return ns, nil
}

// UpdatePrefix changes how a namespace is served. Operators only. Refusals: CodeForbidden,
// CodeNotFound, CodeInvalidPrefix, CodeHasRecords (the case rule).
func (r *Registrar) UpdatePrefix(ctx context.Context, k identifier.Key, p PrefixPatch, w Write) (*identifier.Namespace, error) {
	fingerprint := func(h hash.Hash) { hashJSON(h, "prefix.update", []any{qualified(k), p}) }
	return r.changePrefix(ctx, k, w, fingerprint, AuditEntry{Op: "prefix.update"}, func(ns *identifier.Namespace) error {
		if p.CaseSensitive != nil && *p.CaseSensitive != ns.CaseSensitive {
			found, err := r.hasRecords(ctx, k)
			if err != nil {
				return err
			}
			if found {
				return refuse(CodeHasRecords, "/caseSensitive", "namespace %s has records", ns.Prefix)
			}
			ns.CaseSensitive = *p.CaseSensitive
		}
		if p.Mode != nil {
			ns.Mode = *p.Mode
		}
		if p.Service != nil {
			ns.Service = p.Service
		}
		if p.Quota != nil {
			ns.Quota = p.Quota
			if *p.Quota == (identifier.Quota{}) {
				ns.Quota = nil
			}
		}
		if p.Patterns != nil {
			ns.Patterns = slices.Clone(*p.Patterns)
		}
		if e := checkService(ns); e != nil {
			return e
		}
		return nil
	})
}

// PrefixAction suspends, activates, withdraws or transfers (to the enterprise to) a namespace.
// Operators only. Refusals: CodeForbidden, CodeNotFound, CodeInvalidState, and for a transfer
// CodeEnterpriseSuspended.
func (r *Registrar) PrefixAction(ctx context.Context, k identifier.Key, action Action, reason, to string, w Write) (*identifier.Namespace, error) {
	if e := r.checkText(CodeInvalidRequest, "/reason", reason); e != nil {
		return nil, e
	}
	if action != ActionTransfer && to != "" {
		return nil, refuse(CodeInvalidRequest, "/to", "only a transfer goes to an enterprise")
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "prefix."+string(action), []string{qualified(k), reason, to}) }
	ns, err := r.changePrefix(ctx, k, w, fingerprint, AuditEntry{Op: "prefix." + string(action), Reason: reason}, func(ns *identifier.Namespace) error {
		active, suspended := ns.State == identifier.NamespaceActive, ns.State == identifier.NamespaceSuspended
		switch {
		case action == ActionActivate && ns.Ordered != nil:
			return refuse(CodeInvalidState, "action", "the node above, %s, has ordered that namespace %s is %s: only it can lift that", ns.Ordered.By, ns.Prefix, ns.State)
		case action == ActionSuspend && active:
			ns.State, ns.Reason = identifier.NamespaceSuspended, reason
		case action == ActionActivate && suspended:
			ns.State, ns.Reason = identifier.NamespaceActive, ""
		case action == ActionWithdraw && (active || suspended):
			ns.State, ns.Reason = identifier.NamespaceWithdrawn, reason
		case action == ActionTransfer && (active || suspended):
			if e := r.checkActive(ctx, to, "/to"); e != nil {
				return e
			}
			if to != ns.Enterprise {
				if err := r.checkPrefixes(ctx, to); err != nil {
					return err
				}
			}
			ns.Enterprise = to
		case action == ActionSuspend || action == ActionActivate || action == ActionWithdraw || action == ActionTransfer:
			return refuse(CodeInvalidState, "action", "namespace %s is %s: %s is not possible", ns.Prefix, ns.State, action)
		default:
			return refuse(CodeInvalidRequest, "action", "unknown action %q", action)
		}
		return nil
	})
	if err == nil {
		r.log.Info("prefix "+string(action), "prefix", ns.Prefix, "enterprise", ns.Enterprise, "by", w.Actor.by(), "reason", reason)
	}
	return ns, err
}

// changePrefix applies change to a namespace. What change refuses is not written.
func (r *Registrar) changePrefix(ctx context.Context, k identifier.Key, w Write, fingerprint func(hash.Hash), entry AuditEntry, change func(*identifier.Namespace) error) (*identifier.Namespace, error) {
	if !w.Actor.IsOperator() {
		return nil, refuse(CodeForbidden, "", "role %s does not change prefixes", w.Actor.Role)
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*identifier.Namespace, error) {
		ns, err := r.readNamespace(ctx, k)
		if err != nil {
			return nil, err
		}
		if err := change(ns); err != nil {
			return nil, err
		}
		ns.Updated = now
		r.quotas.forget(k)
		if err := putNamespace(b, ns, storage.OpUpdate); err != nil {
			return nil, err
		}
		entry.ID, entry.Version = qualified(k), ns.Version
		return ns, r.audit(b, now, w.Actor, entry)
	})
}

// ListPrefixes returns a page of namespaces, and the cursor of the next. People of the node see
// all, others their enterprise's.
func (r *Registrar) ListPrefixes(ctx context.Context, l PrefixList) ([]*identifier.Namespace, string, error) {
	return page(ctx, r, namespaceRange(l.Scheme), l.Paging, func(_ []byte, item storage.Item) (*identifier.Namespace, error) {
		ns, err := storage.DecodeNamespace(item)
		if err != nil || l.Enterprise != "" && ns.Enterprise != l.Enterprise || !l.Actor.ofNode() && !l.Actor.owns(ns) {
			return nil, err
		}
		return ns, nil
	})
}

// allocatable returns the namespace that id needs, if the node may allocate it: the prefix of a Handle, else the
// node's own prefix that contains id.
func (r *Registrar) allocatable(id identifier.ID) (identifier.Key, *Error) {
	for name := range id.Namespaces() {
		k := identifier.Key{Scheme: id.Scheme(), Name: name}
		if id.Scheme() == identifier.Handle && r.ownsPrefix(k) || slices.Contains(r.prefixes, k) {
			return k, nil
		}
	}
	return identifier.Key{}, refuse(CodeNotYourNamespace, "/id", "%s is not under a prefix of this node", id)
}

// allocateFor allocates to Self the namespace that an operator's import needs for id.
func (r *Registrar) allocateFor(ctx context.Context, id identifier.ID, a Actor) *Error {
	k, e := r.allocatable(id)
	if e != nil {
		return e
	}
	q := PrefixRequest{Scheme: k.Scheme, Prefix: k.Name, Enterprise: Self}
	_, err := r.AllocatePrefix(ctx, q, Write{Actor: a})
	if err == nil {
		return nil
	}
	if e := AsError(err); e.Code != CodeAlreadyExists { // a row before, or another import
		return e
	}
	return nil
}

// hasRecords reports whether the namespace k has records, tombstones included.
func (r *Registrar) hasRecords(ctx context.Context, k identifier.Key) (bool, error) {
	found := false
	for _, span := range recordRanges(k) {
		span.Limit = 1
		err := r.store.Scan(ctx, span, func([]byte, storage.Item) error {
			found = true
			return storage.Stop
		})
		if err != nil {
			return false, err
		}
	}
	return found, nil
}

// checkService holds ns to what can be said of how it is served, and compiles its patterns.
func checkService(ns *identifier.Namespace) *Error {
	if ns.CaseSensitive && ns.Scheme != identifier.Handle {
		return refuse(CodeInvalidPrefix, "/caseSensitive", "scheme %s has no letter case to respect", ns.Scheme)
	}
	switch ns.Mode {
	case identifier.Hosted:
		return checkPatterns(ns)
	case identifier.Delegated:
		s := ns.Service
		switch {
		case s == nil:
			return refuse(CodeInvalidPrefix, "/service", "a delegated namespace needs a service to refer to")
		case !s.IP.IsValid() || s.IP.IsUnspecified() || s.IP.IsMulticast() || s.IP.Zone() != "":
			return refuse(CodeInvalidPrefix, "/service/ip", "not the address of a host")
		case s.UDP == 0 && s.TCP == 0 && s.HTTP == 0 && s.DNS == 0:
			return refuse(CodeInvalidPrefix, "/service", "at least one port is required")
		case len(ns.Patterns) > 0:
			return refuse(CodeInvalidPrefix, "/patterns", "only a hosted namespace has patterns: what is delegated is answered elsewhere")
		}
		return nil
	}
	return refuse(CodeInvalidPrefix, "/mode", "a namespace is hosted or delegated")
}

func checkPatterns(ns *identifier.Namespace) *Error {
	err := ns.Compile()
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*identifier.PatternError](err)
	if !ok {
		return AsError(err)
	}
	if e.Field == "" {
		return refuse(CodeInvalidPrefix, "/patterns", "%s", Reason(e.Reason))
	}
	return refuse(CodeInvalidPrefix, fmt.Sprintf("/patterns/%d/%s", e.Pattern, e.Field), "%s", Reason(e.Reason))
}

// readNamespace returns the namespace k. It reads the store, whose version a change needs.
func (r *Registrar) readNamespace(ctx context.Context, k identifier.Key) (*identifier.Namespace, error) {
	item, err := r.store.Get(ctx, storage.NamespaceKey(k))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse(CodeNotFound, "prefix", "prefix %s is not allocated", k.Name)
	}
	if err != nil {
		return nil, AsError(fmt.Errorf("read prefix %s: %w", k.Name, err))
	}
	return storage.DecodeNamespace(item)
}

// putNamespace adds ns to b in place of its present version, and moves it to the next.
func putNamespace(b *storage.Batch, ns *identifier.Namespace, op storage.Op) error {
	value, err := storage.EncodeNamespace(ns)
	if err != nil {
		return fmt.Errorf("encode prefix %s: %w", ns.Prefix, err)
	}
	key := storage.NamespaceKey(ns.Key())
	b.Put(key, value, ns.Version)
	ns.Version++
	b.Log(storage.Change{Op: op, Key: key, Version: ns.Version})
	return nil
}

func namespaceRange(scheme identifier.Scheme) storage.Range {
	if scheme == 0 {
		return storage.TableRange(storage.TableNamespace)
	}
	return storage.PrefixRange(storage.NamespaceKey(identifier.Key{Scheme: scheme}))
}

func qualified(k identifier.Key) string { return k.Scheme.String() + ":" + k.Name }
