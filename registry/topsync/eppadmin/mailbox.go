package eppadmin

import (
	"context"
	"log/slog"
	"time"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/epp/client"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// Registrar carries out what has been decided. *registry.Registrar is one.
type Registrar interface {
	Obey(context.Context, registry.Order) (*identifier.Namespace, error)
	ObeyEnterprise(context.Context, registry.EnterpriseOrder) (*registry.Enterprise, error)
}

// pollAfter is how soon after a failure the mailbox is looked into again.
const pollAfter = 5 * time.Second

// Follow carries out what waits in the mailbox, each message before it is acknowledged, until ctx ends. name is that of the
// target, by which the audit log knows who has ordered it.
func (t *Target) Follow(ctx context.Context, name string, registrar Registrar, log *slog.Logger) {
	for ctx.Err() == nil {
		more, err := t.next(ctx, name, registrar, log)
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
func (t *Target) next(ctx context.Context, name string, registrar Registrar, log *slog.Logger) (more bool, err error) {
	m, err := t.o.Client.Poll(ctx)
	if err != nil || m == nil {
		return false, err
	}
	switch data := m.Data.(type) {
	case *epp.PrefixAudit:
		o := registry.Order{From: name, Prefix: identifier.Key{Scheme: identifier.Handle, Name: identifier.FoldASCII(data.Prefix)}, Action: meaning(data.State, data.Result), Reason: data.Reason}
		if _, err := registrar.Obey(ctx, o); err != nil {
			return false, err
		}
		log.Info("the top-level node has decided about a prefix", "target", name, "prefix", data.Prefix, "result", int(data.Result), "state", int(data.State), "reason", data.Reason)
	case *epp.EntAudit:
		code, err := t.holder(ctx, data)
		if err != nil {
			return false, err
		}
		if _, err := registrar.ObeyEnterprise(ctx, registry.EnterpriseOrder{From: name, CreditCode: code, Action: meaning(data.State, data.Result), Reason: data.Reason}); err != nil {
			return false, err
		}
		log.Info("the top-level node has decided about an enterprise", "target", name, "ent", data.EntID, "result", int(data.Result), "state", int(data.State), "reason", data.Reason)
	default:
		log.Warn("a message of the top-level node is not understood", "target", name, "message", m.ID, "text", m.Text)
	}
	if _, err = t.o.Client.Ack(ctx, m.ID); is(err, epp.CodeNotExists) {
		err = nil // an answer was lost
	}
	return true, err
}

// meaning is what the end of an audit, or a new state, means here: what has not passed is suspended.
func meaning(state epp.State, result epp.AuditResult) registry.Action {
	switch {
	case state == epp.StateWithdrawn:
		return registry.ActionWithdraw
	case state == epp.StateSuspended, result != epp.AuditPassed:
		return registry.ActionSuspend
	}
	return registry.ActionActivate
}

// holder is the credit code of the enterprise that a message is about: the command that led to it names it, and for others
// the top-level node is asked under which number it has each enterprise. "" if it is none of them.
func (t *Target) holder(ctx context.Context, a *epp.EntAudit) (string, error) {
	if code := client.CreditCode(a.ClTRID); code != "" {
		return code, nil
	}
	codes, err := t.o.Certificates(ctx)
	if err != nil {
		return "", err
	}
	for _, code := range codes {
		if id, err := t.find(ctx, code); err != nil || id == a.EntID {
			return code, err
		}
	}
	return "", nil
}
