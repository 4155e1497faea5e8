package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// reasonUnhomed is the reason of a namespace that was suspended by an un-home; a home activates it.
const reasonUnhomed = "un-homed over the Handle protocol"

// HomePrefix makes the node answer for a Handle prefix (spec/handle-protocol.md, section 10, "home"). One
// that nobody was allocated is allocated, hosted, as ChangeValues does; a delegated one becomes hosted;
// one that was un-homed, or went with its prefix record, comes back. Who may is for the caller to say.
// Refusals: CodeInvalidPrefix, CodeNotYourNamespace, CodeNamespaceSuspended (by an operator, who has to
// activate it), CodeEnterpriseSuspended, CodeAlreadyExists.
func (r *Registrar) HomePrefix(ctx context.Context, prefix string, by Identity) (*identifier.Namespace, error) {
	return r.changeHome(ctx, prefix, "home", by, func(k identifier.Key, now time.Time) (hold, error) {
		h, err := r.claimPrefix(ctx, k, now)
		if err != nil {
			return hold{}, err
		}
		ns := h.ns
		if e := r.checkActive(ctx, ns.Enterprise, "prefix"); e != nil {
			return hold{}, e
		}
		switch {
		case ns.State == identifier.NamespaceSuspended && ns.Reason == reasonUnhomed:
			h.op, ns.State, ns.Reason = storage.OpUpdate, identifier.NamespaceActive, ""
		case ns.State != identifier.NamespaceActive:
			return hold{}, refuse(CodeNamespaceSuspended, "prefix", "namespace %s is %s: %s", ns.Prefix, ns.State, ns.Reason)
		}
		if ns.Mode == identifier.Delegated {
			h.op, ns.Mode = storage.OpUpdate, identifier.Hosted
		}
		return h, nil
	})
}

// UnhomePrefix is the reverse: the node no longer answers for a prefix. A namespace of which it is known
// where else it is served becomes delegated, any other suspended; its records stay for a later
// HomePrefix. One that is not homed stays as it is. Refusals: CodeInvalidPrefix (also: it has patterns,
// which nobody else could answer), CodeNotYourNamespace, CodeInvalidState (the node's own prefix, which
// it answers for by its configuration).
func (r *Registrar) UnhomePrefix(ctx context.Context, prefix string, by Identity) (*identifier.Namespace, error) {
	return r.changeHome(ctx, prefix, "unhome", by, func(k identifier.Key, _ time.Time) (hold, error) {
		ns := r.namespaces.Get(k)
		switch {
		case ns == nil && slices.Contains(r.prefixes, k):
			return hold{}, refuse(CodeInvalidState, "prefix", "%s is a prefix of the node itself, which goes with the configuration", k.Name)
		case ns == nil:
			return hold{}, refuse(CodeNotYourNamespace, "prefix", "%s is not homed here", k.Name)
		}
		ns, err := r.readNamespace(ctx, k)
		if err != nil || !ns.Serves() {
			return hold{ns: ns}, err
		}
		if ns.Service == nil {
			ns.State, ns.Reason = identifier.NamespaceSuspended, reasonUnhomed
			return hold{ns: ns, op: storage.OpUpdate}, nil
		}
		ns.Mode = identifier.Delegated
		if e := checkService(ns); e != nil {
			return hold{}, e
		}
		return hold{ns: ns, op: storage.OpUpdate}, nil
	})
}

// changeHome applies change to the namespace of a Handle prefix. What change refuses is not written.
func (r *Registrar) changeHome(ctx context.Context, prefix, op string, by Identity, change func(identifier.Key, time.Time) (hold, error)) (*identifier.Namespace, error) {
	name, err := identifier.Handle.ParseNamespace(prefix)
	if err != nil {
		return nil, refuse(CodeInvalidPrefix, "prefix", "%s", err)
	}
	k := identifier.Key{Scheme: identifier.Handle, Name: name}
	r.gate.Lock()
	defer r.gate.Unlock()
	changed := false
	ns, err := once(ctx, r, Write{}, nil, func(b *storage.Batch, now time.Time) (*identifier.Namespace, error) {
		h, err := change(k, now)
		if changed = h.op != 0; err != nil || !changed {
			return h.ns, err
		}
		h.ns.Updated = now
		if err := putNamespace(b, h.ns, h.op); err != nil {
			return nil, err
		}
		return h.ns, r.auditNative(b, now, by, AuditEntry{Op: "prefix." + op, ID: qualified(k), Version: h.ns.Version})
	})
	if err == nil && changed {
		r.log.Info("prefix "+op, "prefix", ns.Prefix, "enterprise", ns.Enterprise, "by", by.String())
	}
	return ns, err
}

// Homed returns the prefix records of the Handle prefixes that the node answers for: those that are
// allocated, active and hosted, and the node's own. Of its own, those
// inside others left out, it also tells "0.NA/0.NA/88.101": the prefixes derived from 88.101 live here (spec/handle-protocol.md, section 10, "Names").
func (r *Registrar) Homed(ctx context.Context) ([]string, error) {
	var homed []string
	err := r.store.Scan(ctx, namespaceRange(identifier.Handle), func(_ []byte, item storage.Item) error {
		ns, err := storage.DecodeNamespace(item)
		if err == nil && ns.Serves() {
			homed = append(homed, prefixRecords+ns.Prefix)
		}
		return err
	})
	if err != nil {
		return nil, AsError(fmt.Errorf("list homed prefixes: %w", err))
	}
	for _, own := range r.prefixes {
		if own.Scheme != identifier.Handle {
			continue
		}
		if r.namespaces.Get(own) == nil {
			homed = append(homed, prefixRecords+own.Name)
		}
		inside := func(k identifier.Key) bool {
			return k.Scheme == own.Scheme && strings.HasPrefix(own.Name, k.Name+".")
		}
		if !slices.ContainsFunc(r.prefixes, inside) {
			homed = append(homed, prefixRecords+prefixRecords+own.Name)
		}
	}
	slices.Sort(homed)
	return slices.Compact(homed), nil // a prefix may be configured twice
}
