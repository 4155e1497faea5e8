package registry

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// reasonPrefixDeleted is the reason of a namespace that was withdrawn because its prefix record was
// deleted: a create of that record by the same enterprise brings it back.
const reasonPrefixDeleted = "the prefix record was deleted"

// hold is the namespace that a change over the Handle protocol writes in.
type hold struct {
	key identifier.Key // of the record
	ns  *identifier.Namespace
	op  storage.Op // what the change does to ns: 0 nothing, else OpCreate or OpUpdate
}

// hold finds the namespace of n, and refuses if nothing may be written there. A namespace that is yet
// to be allocated, or to be brought back, is returned as it will be.
func (r *Registrar) hold(ctx context.Context, n *native, now time.Time) (hold, error) {
	if n.prefix.Name == "" {
		ns, refusal := r.authority(Actor{Role: RoleOperator}).locate(ctx, n.id)
		if refusal != nil {
			return hold{}, refusal
		}
		return hold{key: n.id.Key(ns.CaseSensitive), ns: ns}, nil
	}
	h, err := r.claimPrefix(ctx, n.prefix, now)
	if err != nil {
		return hold{}, err
	}
	if h.ns.State != identifier.NamespaceActive {
		return hold{}, refuse(CodeNamespaceSuspended, "/id", "namespace %s is %s", h.ns.Prefix, h.ns.State)
	}
	if h.ns.Mode == identifier.Delegated && !n.id.IsPrefixRecord() {
		return hold{}, refuse(CodeDelegated, "/id", "the records of %s are held by the enterprise's own node", h.ns.Prefix)
	}
	if e := checkFrozen(h.ns); e != nil && !n.id.IsPrefixRecord() {
		return hold{}, e
	}
	if e := r.checkActive(ctx, h.ns.Enterprise, "/id"); e != nil {
		return hold{}, e
	}
	h.key = n.id.Key(h.ns.CaseSensitive)
	return h, nil
}

// claimPrefix returns the Handle namespace k as it is, or as it will be once it is allocated or brought
// back. The registrar's gate is held alone.
func (r *Registrar) claimPrefix(ctx context.Context, k identifier.Key, now time.Time) (hold, error) {
	ns, err := r.readNamespace(ctx, k)
	e, _ := errors.AsType[*Error](err)
	switch {
	case e != nil && e.Code == CodeNotFound:
		fresh, err := r.derivedNamespace(ctx, k, now)
		return hold{ns: fresh, op: storage.OpCreate}, err
	case err != nil:
		return hold{}, err
	case ns.State != identifier.NamespaceWithdrawn || ns.Reason != reasonPrefixDeleted:
		return hold{ns: ns}, nil
	}
	holder, refusal := r.holderAbove(ctx, k)
	switch {
	case refusal != nil:
		return hold{}, refusal
	case holder != ns.Enterprise: // who has it now must not read what the other left
		return hold{}, refuse(CodeAlreadyExists, "/id", "%s was allocated to another enterprise", ns.Prefix)
	}
	ns.State, ns.Reason, ns.Updated = identifier.NamespaceActive, "", now
	return hold{ns: ns, op: storage.OpUpdate}, nil
}

// derivedNamespace is the namespace k as it is allocated over the Handle protocol.
func (r *Registrar) derivedNamespace(ctx context.Context, k identifier.Key, now time.Time) (*identifier.Namespace, error) {
	if !r.ownsPrefix(k) {
		return nil, refuse(CodeNotYourNamespace, "/id", "%s is not under a prefix of this node", k.Name)
	}
	holder, refusal := r.holderAbove(ctx, k)
	if refusal != nil {
		return nil, refusal
	}
	name, err := r.choosePrefix(ctx, PrefixRequest{Scheme: k.Scheme, Prefix: k.Name, Enterprise: holder})
	if err != nil {
		return nil, err
	}
	return &identifier.Namespace{Scheme: k.Scheme, Prefix: name, Enterprise: holder, State: identifier.NamespaceActive,
		Mode: identifier.Hosted, CaseSensitive: r.exact, Created: now, Updated: now}, nil
}

// holderAbove returns the enterprise that holds the nearest namespace above k, [Self] if none is
// allocated. It refuses if nothing may be written there.
func (r *Registrar) holderAbove(ctx context.Context, k identifier.Key) (string, *Error) {
	for name := k.Name; ; {
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return Self, nil
		}
		name = name[:i]
		if ns := r.namespaces.Get(identifier.Key{Scheme: k.Scheme, Name: name}); ns != nil {
			return ns.Enterprise, r.authority(Actor{Role: RoleOperator}).check(ctx, ns)
		}
	}
}

// settleHold adds to b what n does to its namespace. gone: its prefix record goes.
func (r *Registrar) settleHold(ctx context.Context, b *storage.Batch, n *native, h hold, gone bool, now time.Time) error {
	var entry AuditEntry
	switch {
	case gone && n.id.IsPrefixRecord():
		if e := r.checkEmpty(ctx, h.ns); e != nil {
			return e
		}
		h.op = storage.OpUpdate
		h.ns.State, h.ns.Reason, h.ns.Updated = identifier.NamespaceWithdrawn, reasonPrefixDeleted, now
		entry.Op, entry.Reason = "prefix.withdraw", reasonPrefixDeleted
	case h.op == storage.OpCreate:
		entry.Op = "prefix.create"
	case h.op == storage.OpUpdate:
		entry.Op = "prefix.activate"
	default:
		return nil
	}
	if err := putNamespace(b, h.ns, h.op); err != nil {
		return err
	}
	entry.ID, entry.Version = qualified(h.ns.Key()), h.ns.Version
	return r.auditNative(b, now, n.By, entry)
}

// maxDeleted is how many tombstones of deleted identifiers are looked past for something that is
// registered; where there are more, a namespace is taken to be in use.
const maxDeleted = 1000

// checkEmpty refuses unless the namespace may go with its prefix record: it is not the node's own, no
// namespace below it is allocated, and nothing is registered in it. Identifiers that were deleted are
// nothing; those that were revoked for another reason still have something to say.
func (r *Registrar) checkEmpty(ctx context.Context, ns *identifier.Namespace) error {
	k := ns.Key()
	if slices.Contains(r.prefixes, k) {
		return refuse(CodeInvalidState, "/id", "%s is a prefix of the node itself, which goes with the configuration", k.Name)
	}
	below := storage.PrefixRange(storage.NamespaceKey(identifier.Key{Scheme: k.Scheme, Name: k.Name + "."}))
	err := r.store.Scan(ctx, below, func(_ []byte, item storage.Item) error {
		ns, err := storage.DecodeNamespace(item)
		if err != nil || ns.State == identifier.NamespaceWithdrawn {
			return err
		}
		return refuse(CodeHasRecords, "/id", "%s is allocated below %s", ns.Prefix, k.Name)
	})
	if err != nil {
		return err
	}
	deleted := 0
	for _, span := range recordRanges(k) {
		err := r.store.Scan(ctx, span, func(_ []byte, item storage.Item) error {
			rec, err := identifier.DecodeRecord(item.Value)
			if err != nil {
				return err
			}
			if deleted++; rec.State == identifier.Revoked && rec.Reason == reasonDeleted && deleted <= maxDeleted {
				return nil
			}
			return refuse(CodeHasRecords, "/id", "identifiers are registered under %s", k.Name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
