package eppadmin

import (
	"context"
	"log/slog"
	"time"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// Obey carries out an order. *registry.Registrar has such a method.
type Obey func(context.Context, registry.Order) (*identifier.Namespace, error)

// pollAfter is how soon after a failure the mailbox is looked into again.
const pollAfter = 5 * time.Second

// Follow carries out what waits in the mailbox, each message before it is acknowledged, until ctx ends. name is that of the
// target, by which the audit log knows who has ordered it.
func (t *Target) Follow(ctx context.Context, name string, obey Obey, log *slog.Logger) {
	for ctx.Err() == nil {
		more, err := t.next(ctx, name, obey, log)
		wait := t.o.PollEvery
		switch {
		case err != nil:
			if ctx.Err() == nil {
				log.Warn("look into the top-level node's mailbox", "target", name, "err", err)
			}
			wait = pollAfter
		case more:
			continue
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// next deals with one message; more is false if none waits.
func (t *Target) next(ctx context.Context, name string, obey Obey, log *slog.Logger) (more bool, err error) {
	m, err := t.o.Client.Poll(ctx)
	if err != nil || m == nil {
		return false, err
	}
	switch data := m.Data.(type) {
	case *epp.PrefixAudit:
		o := orderOf(name, data)
		if _, err := obey(ctx, o); err != nil {
			return false, err
		}
		log.Info("the top-level node has decided about a prefix", "target", name, "prefix", data.Prefix, "result", int(data.Result), "state", int(data.State), "reason", data.Reason)
	case *epp.EntAudit:
		log.Info("the top-level node has decided about an enterprise", "target", name, "ent", data.EntID, "result", int(data.Result), "state", int(data.State), "reason", data.Reason)
	default:
		log.Warn("a message of the top-level node is not understood", "target", name, "message", m.ID, "text", m.Text)
	}
	if _, err = t.o.Client.Ack(ctx, m.ID); is(err, epp.CodeNotExists) {
		err = nil // an answer was lost
	}
	return true, err
}

// orderOf is what the end of an audit, or a new state, means for a prefix here: one that has not passed is not resolved.
func orderOf(name string, a *epp.PrefixAudit) registry.Order {
	o := registry.Order{From: name, Prefix: identifier.Key{Scheme: identifier.Handle, Name: identifier.FoldASCII(a.Prefix)}, Action: registry.ActionActivate, Reason: a.Reason}
	switch {
	case a.State == epp.StateWithdrawn:
		o.Action = registry.ActionWithdraw
	case a.State == epp.StateSuspended, a.Result != epp.AuditPassed:
		o.Action = registry.ActionSuspend
	}
	return o
}
