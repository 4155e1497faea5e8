package registry

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Steps by which a hosted namespace moves to the enterprise's own node, and back.
const (
	ActionFreeze   Action = "freeze"   // nothing is written any more; what is there is answered
	ActionUnfreeze Action = "unfreeze" // the reverse
	ActionHandover Action = "handover" // a frozen namespace is delegated
	ActionTakeback Action = "takeback" // it is hosted again, with the records that were left here
)

// PrefixMove is a step of a move. Repeated, it is done already and changes nothing.
type PrefixMove struct {
	Prefix  identifier.Key
	Action  Action
	Reason  string
	Service *identifier.Service // the other node: required of a handover, told to writers by a freeze
	Digest  string              // of a handover: the content digest of the other node, compared with ours
}

// MovePrefix carries out a step of a move in one batch. An enterprise's admin freezes and unfreezes its
// namespaces; operators do all. Refusals: CodeForbidden, CodeNotYourNamespace, CodeNotFound,
// CodeInvalidPrefix (the service), CodeInvalidState, CodeConflict (the digest is another).
func (r *Registrar) MovePrefix(ctx context.Context, m PrefixMove, w Write) (*identifier.Namespace, error) {
	if e := r.checkText(CodeInvalidRequest, "/reason", m.Reason); e != nil {
		return nil, e
	}
	if e := r.checkMove(ctx, m, w.Actor); e != nil {
		return nil, e
	}
	if m.Action == ActionHandover && m.Digest != "" {
		// Outside of the gate: it may take long, and what is frozen does not change.
		d, err := r.PrefixDigest(ctx, m.Prefix, w.Actor)
		if err != nil {
			return nil, err
		}
		if ns, err := r.readNamespace(ctx, m.Prefix); err == nil && ns.Frozen != nil && d.Content != m.Digest {
			return nil, refuse(CodeConflict, "/digest", "the records here have another content: their digest is %s", d.Content)
		}
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	changed := false
	fingerprint := func(h hash.Hash) {
		hashJSON(h, "prefix."+string(m.Action), []any{qualified(m.Prefix), m.Reason, m.Service, m.Digest})
	}
	ns, err := once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*identifier.Namespace, error) {
		ns, err := r.readNamespace(ctx, m.Prefix)
		if err != nil {
			return nil, err
		}
		if changed, err = m.apply(ns, now); err != nil || !changed {
			return ns, err
		}
		if err := r.moveSite(ctx, b, &m, ns, w.Actor, now); err != nil {
			return nil, err
		}
		ns.Updated = now
		r.quotas.forget(m.Prefix)
		if err := putNamespace(b, ns, storage.OpUpdate); err != nil {
			return nil, err
		}
		return ns, r.audit(b, now, w.Actor, AuditEntry{Op: "prefix." + string(m.Action), ID: qualified(m.Prefix), Version: ns.Version, Reason: m.Reason})
	})
	if err == nil && changed {
		r.log.Info("prefix "+string(m.Action), "prefix", ns.Prefix, "enterprise", ns.Enterprise, "by", w.Actor.by(), "reason", m.Reason)
	}
	return ns, err
}

// checkMove refuses who may not take the step.
func (r *Registrar) checkMove(ctx context.Context, m PrefixMove, a Actor) error {
	switch m.Action {
	case ActionFreeze, ActionUnfreeze:
	case ActionHandover, ActionTakeback:
		if !a.IsOperator() {
			return refuse(CodeForbidden, "", "role %s does not change prefixes", a.Role)
		}
	default:
		return refuse(CodeInvalidRequest, "action", "unknown action %q", m.Action)
	}
	if a.IsOperator() {
		return nil
	}
	ns, err := r.readNamespace(ctx, m.Prefix)
	switch {
	case err != nil:
		return err
	case !a.owns(ns):
		return refuse(CodeNotYourNamespace, "prefix", "namespace %s is not yours", ns.Prefix)
	case !a.Has(RoleAdmin):
		return refuse(CodeForbidden, "", "role %s does not change prefixes", a.Role)
	}
	return nil
}

// apply makes of ns what it is after the step, and reports whether that is something else.
func (m *PrefixMove) apply(ns *identifier.Namespace, now time.Time) (bool, error) {
	impossible := refuse(CodeInvalidState, "action", "namespace %s is %s and %s: %s is not possible", ns.Prefix, ns.State, ns.Mode, m.Action)
	switch hosted := ns.Mode == identifier.Hosted; m.Action {
	case ActionFreeze:
		if !ns.Serves() {
			return false, impossible
		}
		if m.Service != nil {
			if e := checkService(&identifier.Namespace{Scheme: ns.Scheme, Mode: identifier.Delegated, Service: m.Service}); e != nil {
				return false, e
			}
		}
		if f := ns.Frozen; f != nil && f.Reason == m.Reason && sameService(f.Service, m.Service) {
			return false, nil
		}
		since := now
		if ns.Frozen != nil {
			since = ns.Frozen.Since
		}
		ns.Frozen = &identifier.Freeze{Since: since, Reason: m.Reason, Service: m.Service}
	case ActionUnfreeze:
		if ns.Frozen == nil {
			return false, nil
		}
		ns.Frozen = nil
	case ActionHandover:
		if !hosted && sameService(ns.Service, m.Service) && ns.Handover != nil {
			return false, nil
		}
		if !ns.Serves() {
			return false, impossible
		}
		if ns.Frozen == nil {
			return false, refuse(CodeInvalidState, "action", "namespace %s is not frozen: what is written now would be lost", ns.Prefix)
		}
		ns.Handover = &identifier.Handover{Since: now, Reason: m.Reason, Digest: m.Digest, Patterns: ns.Patterns}
		ns.Mode, ns.Service, ns.Patterns, ns.Frozen = identifier.Delegated, m.Service, nil, nil
		if e := checkService(ns); e != nil {
			return false, e
		}
	case ActionTakeback:
		if hosted && ns.Handover == nil {
			return false, nil
		}
		if hosted || ns.Handover == nil || ns.State != identifier.NamespaceActive {
			return false, impossible
		}
		m.Service = ns.Service // whose site is taken out of the prefix record
		ns.Mode, ns.Service, ns.Patterns, ns.Handover, ns.Frozen = identifier.Hosted, nil, slices.Clone(ns.Handover.Patterns), nil, nil
		if e := checkService(ns); e != nil {
			return false, e
		}
	}
	return true, nil
}

func sameService(a, b *identifier.Service) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// moveSite brings the record of a Handle prefix in line, if one is stored: it wins over the computed
// one, so an HS_SITE in it is where clients go. A handover puts the new node there; a take-back what
// stood there before.
func (r *Registrar) moveSite(ctx context.Context, b *storage.Batch, m *PrefixMove, ns *identifier.Namespace, a Actor, now time.Time) error {
	k, ok := prefixRecordKey(ns)
	if !ok || m.Action != ActionHandover && m.Action != ActionTakeback {
		return nil
	}
	key := storage.RecordKey(k)
	item, err := r.store.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	rec, err := decodeItem(item)
	if err != nil || rec.State != identifier.Active {
		return err
	}
	site := handle.ServiceSite(m.Service)
	theirs := handle.AppendSite(nil, &site)
	values, err := r.sitesFor(ctx, k, rec, m.Action, theirs)
	if err != nil || values == nil {
		return err
	}
	if now.Before(rec.Updated) {
		now = rec.Updated
	}
	next := *rec
	next.Values, next.Updated, next.Version = values, now, rec.Version+1
	for i := range next.Values {
		if isSite(&next.Values[i]) {
			next.Values[i].Timestamp = uint32(now.Unix())
		}
	}
	id, err := rec.Parse()
	if err != nil {
		return err
	}
	var long longNames
	r.addRecord(b, &long, &request{id: id, key: k}, key, item, outcome{record: &next, before: rec, op: storage.OpUpdate}, identifier.AppendRecord(nil, &next))
	return r.audit(b, now, a, AuditEntry{Op: "identifier.update", ID: id.Qualified(), Version: next.Version, Reason: "prefix." + string(m.Action)})
}

func isSite(v *identifier.Value) bool { return identifier.EqualFoldASCII(v.Type, "HS_SITE") }

// sitesFor is the values of a prefix record after a step, nil if they stay. theirs is the site of the
// other node.
func (r *Registrar) sitesFor(ctx context.Context, k identifier.Key, rec *identifier.Record, action Action, theirs []byte) ([]identifier.Value, error) {
	first := slices.IndexFunc(rec.Values, func(v identifier.Value) bool { return isSite(&v) })
	if first < 0 {
		return nil, nil
	}
	if action == ActionHandover {
		v := rec.Values[first]
		v.Data = theirs
		rest := slices.DeleteFunc(slices.Clone(rec.Values), func(v identifier.Value) bool { return isSite(&v) })
		return slices.Insert(rest, min(first, len(rest)), v), nil
	}
	if string(rec.Values[first].Data) != string(theirs) {
		return nil, nil // somebody has changed it since
	}
	var before []identifier.Value
	span := storage.PrefixRange(storage.HistoryPrefix(k))
	span.Reverse = true
	err := r.store.Scan(ctx, span, func(_ []byte, item storage.Item) error {
		past, err := identifier.DecodeRecord(slices.Clone(item.Value))
		if err != nil {
			return fmt.Errorf("past version of %s: %w", k.Name, err)
		}
		for i := range past.Values {
			if v := &past.Values[i]; isSite(v) && string(v.Data) != string(theirs) {
				before = append(before, *v)
			}
		}
		if before != nil {
			return storage.Stop
		}
		return nil
	})
	if err != nil || before == nil {
		return nil, err
	}
	rest := slices.DeleteFunc(slices.Clone(rec.Values), func(v identifier.Value) bool {
		return isSite(&v) || slices.ContainsFunc(before, func(o identifier.Value) bool { return o.Index == v.Index })
	})
	return slices.Insert(rest, min(first, len(rest)), before...), nil
}

// checkFrozen refuses writes in a namespace whose records are moving.
func checkFrozen(ns *identifier.Namespace) *Error {
	switch {
	case ns.Frozen == nil:
		return nil
	case ns.Frozen.Service != nil:
		return refuse(CodeFrozen, "/id", "the records of %s are moving to the node at %s", ns.Prefix, serviceText(ns.Frozen.Service))
	}
	return refuse(CodeFrozen, "/id", "the records of %s are moving to another node", ns.Prefix)
}

// serviceText is where a service is, for people: "192.0.2.7 (tcp 2641, http 8080)".
func serviceText(s *identifier.Service) string {
	var ports []string
	for _, p := range []struct {
		name string
		port uint16
	}{{"udp", s.UDP}, {"tcp", s.TCP}, {"http", s.HTTP}, {"dns", s.DNS}} {
		if p.port != 0 {
			ports = append(ports, p.name+" "+strconv.Itoa(int(p.port)))
		}
	}
	ip := s.IP
	if ip == (netip.Addr{}) {
		ip = netip.IPv4Unspecified()
	}
	return ip.String() + " (" + strings.Join(ports, ", ") + ")"
}
