package registry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Order is what the node above orders about a namespace of this node.
type Order struct {
	From   string // name of the target that is reported to
	Seq    uint64 // the order's number there, rising; 0: it has none, and is carried out whenever it comes
	Prefix identifier.Key
	Action Action // ActionSuspend, ActionWithdraw or ActionActivate
	Reason string
}

// text is an order as the audit log has it.
func (o *Order) text() string {
	if o.Seq == 0 {
		return fmt.Sprintf("ordered by %s: %s", o.From, o.Reason)
	}
	return fmt.Sprintf("order %d of %s: %s", o.Seq, o.From, o.Reason)
}

// Obey carries out an order, at once and once: what it changes and its number are one batch. What it brings about lasts until
// the node above orders otherwise; an operator can withdraw a suspended namespace, not activate it. An order to activate
// lifts only what was ordered. An order about what is not here, or is so already, is carried out with that. It returns the
// namespace as it is then, nil if there is none.
func (r *Registrar) Obey(ctx context.Context, o Order) (*identifier.Namespace, error) {
	switch o.Action {
	case ActionSuspend, ActionWithdraw, ActionActivate:
	default:
		return nil, refuse(CodeInvalidRequest, "action", "unknown action %q", o.Action)
	}
	if e := r.checkText(CodeInvalidRequest, "/reason", o.Reason); e != nil {
		return nil, e
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	actor := NodeActor()
	done, err := once(ctx, r, Write{Actor: actor}, func(h hash.Hash) { hashJSON(h, "prefix.order", o) }, func(b *storage.Batch, now time.Time) (*obeyed, error) {
		last, version, err := r.orderPlace(ctx, o.From)
		if err != nil {
			return nil, err
		}
		ns, err := r.readNamespace(ctx, o.Prefix)
		if e := AsError(err); err != nil && e.Code != CodeNotFound {
			return nil, err
		}
		out := &obeyed{Namespace: ns}
		if err != nil {
			out.Namespace = nil
		}
		if o.Seq > 0 {
			if o.Seq <= last {
				return out, nil
			}
			b.Put(storage.CounterKey(storage.CounterOrder, o.From), binary.AppendUvarint(nil, o.Seq), version)
		}
		if out.Namespace != nil && o.apply(ns, now) {
			out.Changed = true
			ns.Updated = now
			r.quotas.forget(o.Prefix)
			if err := putNamespace(b, ns, storage.OpUpdate); err != nil {
				return nil, err
			}
		}
		return out, r.audit(b, now, actor, AuditEntry{Op: "prefix.order." + string(o.Action), ID: qualified(o.Prefix), Reason: o.text()})
	})
	if err != nil {
		return nil, err
	}
	if done.Changed {
		r.log.Info("prefix "+string(o.Action), "prefix", o.Prefix.Name, "by", o.From, "order", o.Seq, "reason", o.Reason)
	}
	return done.Namespace, nil
}

// obeyed is what came of an order.
type obeyed struct {
	Namespace *identifier.Namespace
	Changed   bool
}

// apply changes ns as is ordered, and reports whether that is a change.
func (o *Order) apply(ns *identifier.Namespace, now time.Time) bool {
	by := &identifier.Ordered{By: o.From, Order: o.Seq, Since: now}
	switch {
	case ns.State == identifier.NamespaceWithdrawn:
		return false
	case o.Action == ActionSuspend && (ns.State != identifier.NamespaceSuspended || ns.Ordered == nil):
		ns.State, ns.Ordered = identifier.NamespaceSuspended, by
	case o.Action == ActionWithdraw:
		ns.State, ns.Ordered = identifier.NamespaceWithdrawn, by
	case o.Action == ActionActivate && ns.Ordered != nil:
		ns.State, ns.Ordered, ns.Reason = identifier.NamespaceActive, nil, ""
		return true
	default:
		return false
	}
	ns.Reason = o.Reason
	return true
}

// OrderPlace is the number of the last order of a target that was carried out, 0 if there was none.
func (r *Registrar) OrderPlace(ctx context.Context, from string) (uint64, error) {
	last, _, err := r.orderPlace(ctx, from)
	if err != nil {
		return 0, AsError(err)
	}
	return last, nil
}

func (r *Registrar) orderPlace(ctx context.Context, from string) (last, version uint64, err error) {
	key := storage.CounterKey(storage.CounterOrder, from)
	item, err := r.store.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	last, n := binary.Uvarint(item.Value)
	if n != len(item.Value) {
		return 0, 0, fmt.Errorf("key %x: order %x", key, item.Value)
	}
	return last, item.Version, nil
}

// EnterpriseOrder is what the node above has decided about an enterprise of this node.
type EnterpriseOrder struct {
	From       string // name of the target that is reported to
	CreditCode string // by which both nodes know the enterprise
	Action     Action // ActionSuspend, ActionWithdraw or ActionActivate
	Reason     string
}

// ObeyEnterprise carries out a decision about an enterprise, at once; repeated it changes nothing. As with orders about namespaces
// ([Registrar.Obey]) only the node above lifts what it has brought about, an order to activate lifts nothing else, and one
// about what is not here is carried out with that: then the enterprise returned is nil. Refusals: CodeInvalidRequest.
func (r *Registrar) ObeyEnterprise(ctx context.Context, o EnterpriseOrder) (*Enterprise, error) {
	step, known := transitions[o.Action]
	if !known || o.Action != ActionSuspend && o.Action != ActionWithdraw && o.Action != ActionActivate {
		return nil, refuse(CodeInvalidRequest, "action", "unknown action %q", o.Action)
	}
	if e := r.checkText(CodeInvalidRequest, "/reason", o.Reason); e != nil {
		return nil, e
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	actor := NodeActor()
	done, err := once(ctx, r, Write{Actor: actor}, func(h hash.Hash) { hashJSON(h, "enterprise.order", o) }, func(b *storage.Batch, now time.Time) (*Enterprise, error) {
		entry := AuditEntry{Op: "enterprise.order." + string(o.Action), ID: o.CreditCode, Reason: "ordered by " + o.From + ": " + o.Reason}
		e, err := r.heldBy(ctx, o.CreditCode)
		if err != nil {
			return nil, err
		}
		if e != nil {
			entry.ID, entry.From = e.ID, e.State
			if changed, err := r.applyOrder(ctx, b, e, &o, step.to, now); err != nil {
				return nil, err
			} else if changed {
				if err := putEnterprise(b, e, storage.OpUpdate); err != nil {
					return nil, err
				}
			}
			entry.To, entry.Version = e.State, e.Version
		}
		return e, r.audit(b, now, actor, entry)
	})
	if err == nil && done != nil {
		r.log.Info("the node above has decided about an enterprise", "enterprise", done.ID, "order", o.Action, "by", o.From, "state", done.State, "reason", o.Reason)
	}
	return done, err
}

// heldBy is the enterprise with a unified social credit code, nil if there is none, and for the node's own.
func (r *Registrar) heldBy(ctx context.Context, creditCode string) (*Enterprise, error) {
	if creditCode == "" {
		return nil, nil
	}
	item, err := r.store.Get(ctx, storage.IndexKey(storage.IndexCertificate, []string{certificateOf(EnterpriseForm{CreditCode: creditCode})}, nil))
	if errors.Is(err, storage.ErrNotFound) || err == nil && string(item.Value) == Self {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.readEnterprise(ctx, string(item.Value))
}

// applyOrder changes e as is ordered, and reports whether that is a change.
func (r *Registrar) applyOrder(ctx context.Context, b *storage.Batch, e *Enterprise, o *EnterpriseOrder, to EnterpriseState, now time.Time) (bool, error) {
	switch {
	case o.Action == ActionActivate && (e.Ordered == nil || e.State != EnterpriseSuspended),
		o.Action == ActionSuspend && (e.State != EnterpriseActive && e.State != EnterpriseSuspended || e.Ordered != nil),
		o.Action == ActionWithdraw && e.State != EnterpriseActive && e.State != EnterpriseSuspended:
		return false, nil
	}
	e.Ordered = &identifier.Ordered{By: o.From, Since: now}
	if o.Action == ActionActivate {
		e.Ordered = nil
	}
	e.Updated = now
	return true, r.takeStep(ctx, b, e, EnterpriseStep{Action: o.Action, Reason: o.Reason}, to, NodeActor(), now)
}
