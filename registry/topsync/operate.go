package topsync

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// Action is what an operator orders.
type Action string

// The orders.
const (
	Pause  Action = "pause"  // nothing leaves; rows are gathered
	Resume Action = "resume" // rows leave again, at once
	Replay Action = "replay" // rows from a number on leave again
)

// Order is an operator's order for a target and table; "" is all of them.
type Order struct {
	Action Action
	Target string
	Table  string
	From   uint64 // of a replay: the first row, which needs a table. 0: the oldest that is kept
	Reason string
}

// Do carries out an order, and returns the status of what it is about. It is audited. Refusals: CodeForbidden,
// CodeNotFound, CodeInvalidRequest.
func (s *Syncer) Do(ctx context.Context, o Order, a registry.Actor) (*Status, error) {
	if !a.IsOperator() {
		return nil, registry.Refuse(registry.CodeForbidden, "", "role %s does not order the sync with the top-level node", a.Role)
	}
	lanes, err := s.lanesOf(o.Target, o.Table)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Action != Pause && o.Action != Resume && o.Action != Replay:
		return nil, registry.Refuse(registry.CodeInvalidRequest, "action", "unknown action %q", string(o.Action))
	case o.From > 0 && o.Table == "":
		return nil, registry.Refuse(registry.CodeInvalidRequest, "/table", "a number of a row needs its table")
	}
	for _, l := range lanes {
		if err := l.do(ctx, o, a); err != nil {
			return nil, registry.AsError(err)
		}
	}
	s.log.Info("sync "+string(o.Action), "target", o.Target, "table", o.Table, "from", o.From, "by", a.KeyID+a.Account, "reason", o.Reason)
	return s.status(ctx, StatusQuery{Target: o.Target})
}

// lanesOf are the lanes of a target and table; "" is all.
func (s *Syncer) lanesOf(target, table string) ([]*lane, error) {
	var found []*lane
	known := target == ""
	for _, l := range s.lanes {
		known = known || l.target.Name == target
		if (target == "" || l.target.Name == target) && (table == "" || l.table == table) {
			found = append(found, l)
		}
	}
	switch {
	case !known:
		return nil, registry.Refuse(registry.CodeNotFound, "target", "no target %s", target)
	case len(found) == 0 && table != "":
		return nil, registry.Refuse(registry.CodeNotFound, "table", "no table %s is reported", table)
	}
	return found, nil
}

// do carries out an order for the lane.
func (l *lane) do(ctx context.Context, o Order, a registry.Actor) error {
	for {
		p, err := readPlace(ctx, l.s.store, l.target.Name, l.table)
		if err != nil {
			return err
		}
		h, err := l.s.journal.head(ctx, l.table)
		if err != nil {
			return err
		}
		switch o.Action {
		case Pause, Resume:
			p.Paused = o.Action == Pause
		case Replay:
			from := max(o.From, h.Trimmed+1)
			if o.From > 0 && (o.From <= h.Trimmed || o.From > h.Last+1) {
				return registry.Refuse(registry.CodeInvalidRequest, "/from", "rows from %d to %d are kept", h.Trimmed+1, h.Last)
			}
			p.Acknowledged = min(p.Acknowledged, from-1)
		}
		value, err := json.Marshal(&p)
		if err != nil {
			return err
		}
		var b storage.Batch
		b.Put(placeKey(l.target.Name, l.table), value, p.version)
		entry := registry.AuditEntry{Op: "sync." + string(o.Action), ID: l.target.Name, Last: l.table, Version: o.From, Reason: o.Reason}
		if err := l.s.o.Registrar.AddAudit(&b, a, entry); err != nil {
			return err
		}
		_, err = l.s.store.Apply(ctx, &b)
		if errors.Is(err, storage.ErrConflict) {
			continue // rows were acknowledged meanwhile
		}
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.place.known = false
		if o.Action != Pause && l.failing != nil {
			l.failing.Next = l.s.now()
		}
		l.mu.Unlock()
		if o.Action != Pause {
			l.breaker.reset()
		}
		l.signal()
		return nil
	}
}
