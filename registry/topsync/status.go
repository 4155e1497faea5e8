package topsync

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// Status is how far the sync is.
type Status struct {
	Day       string           `json:"day,omitempty"`      // what happens now is counted for it
	GatherLag float64          `json:"gatherLagSeconds"`   // age of the oldest batch of the change log that has not been looked through
	Loading   bool             `json:"loading,omitempty"`  // what was there when the sync began is gone through
	Targets   []TargetStatus   `json:"targets"`            // in the order of the configuration
	Withheld  []WithheldStatus `json:"withheld,omitempty"` // tables with things that cannot be reported as they are
	Things    []WithheldThing  `json:"things,omitempty"`   // of the table asked for, those things
	Refused   []RefusedStatus  `json:"refused,omitempty"`  // of the target and table asked for, rows that did not arrive
}

// TargetStatus is how far a target is.
type TargetStatus struct {
	Name        string        `json:"name"`
	Kind        string        `json:"kind,omitempty"`
	BreakerOpen bool          `json:"breakerOpen,omitempty"`
	Tables      []TableStatus `json:"tables"`
}

// TableStatus is how far a target has a table.
type TableStatus struct {
	Table        string    `json:"table"`
	State        string    `json:"state"` // ok, waiting, failing or paused
	Acknowledged uint64    `json:"acknowledged"`
	Released     uint64    `json:"released"` // rows up to here may leave
	Last         uint64    `json:"last"`     // the newest row
	Oldest       uint64    `json:"oldest"`   // the oldest that is kept: replay reaches back to it
	LagRows      uint64    `json:"lagRows"`
	LagSeconds   float64   `json:"lagSeconds"`
	Refused      uint64    `json:"refused,omitempty"` // rows that did not arrive
	Sent         time.Time `json:"sent,omitzero"`     // of the last push that was answered, since the node started
	Failing      *Failing  `json:"failing,omitempty"`
}

// WithheldStatus is how many things of a table cannot be reported.
type WithheldStatus struct {
	Table  string `json:"table"`
	Things int    `json:"things"`
}

// WithheldThing is a thing that cannot be reported as it is, and why.
type WithheldThing struct {
	Table  string     `json:"table"`
	Key    string     `json:"key"`
	Faults []RowFault `json:"faults"`
}

// RefusedStatus is a row that did not arrive, and why.
type RefusedStatus struct {
	Target string `json:"target"`
	Table  string `json:"table"`
	refusedRow
}

// detailRows bounds how many things and rows a status names.
const detailRows = 1000

// StatusQuery asks for a part of the status. The zero query asks for all, without the things and rows.
type StatusQuery struct {
	Target, Table string
}

// Status tells how far the sync is. Refusals: CodeForbidden, CodeNotFound.
func (s *Syncer) Status(ctx context.Context, q StatusQuery, a registry.Actor) (*Status, error) {
	if !a.Has(registry.RoleOperator, registry.RoleReviewer, registry.RoleAuditor) {
		return nil, registry.Refuse(registry.CodeForbidden, "", "role %s does not see the sync with the top-level node", a.Role)
	}
	if _, err := s.lanesOf(q.Target, q.Table); err != nil {
		return nil, err
	}
	st, err := s.status(ctx, q)
	if err != nil {
		return nil, registry.AsError(fmt.Errorf("read status of the sync: %w", err))
	}
	return st, nil
}

func (s *Syncer) status(ctx context.Context, q StatusQuery) (*Status, error) {
	st := &Status{Targets: []TargetStatus{}, GatherLag: s.gatherLag(ctx).Seconds()}
	item, err := s.store.Get(ctx, stateKey)
	if err == nil {
		var k state
		if err := json.Unmarshal(item.Value, &k); err != nil {
			return nil, err
		}
		st.Day, st.Loading = string(k.Day), !k.Loaded
	} else if !isNotFound(err) {
		return nil, err
	}
	for i := range s.o.Targets {
		t := &s.o.Targets[i]
		if q.Target != "" && q.Target != t.Name {
			continue
		}
		out := TargetStatus{Name: t.Name, Kind: t.Kind, Tables: []TableStatus{}}
		for _, l := range s.lanes {
			if l.target != t || q.Table != "" && q.Table != l.table {
				continue
			}
			out.BreakerOpen = l.breaker.isOpen()
			table, err := l.status(ctx)
			if err != nil {
				return nil, err
			}
			out.Tables = append(out.Tables, table)
			if q.Table != "" {
				if err := l.refused(ctx, st); err != nil {
					return nil, err
				}
			}
		}
		st.Targets = append(st.Targets, out)
	}
	return st, s.withheld(ctx, q.Table, st)
}

// status is how far the lane is, as it is stored.
func (l *lane) status(ctx context.Context) (TableStatus, error) {
	p, err := readPlace(ctx, l.s.store, l.target.Name, l.table)
	if err != nil {
		return TableStatus{}, err
	}
	h, err := l.s.journal.head(ctx, l.table)
	if err != nil {
		return TableStatus{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := TableStatus{Table: l.table, State: "ok", Acknowledged: p.Acknowledged, Released: h.Released, Last: h.Last, Oldest: h.Trimmed + 1,
		Refused: p.Refused, Sent: l.sent, Failing: l.failing}
	if h.Released > p.Acknowledged {
		out.State, out.LagRows = "waiting", h.Released-p.Acknowledged
		if !l.oldest.IsZero() {
			out.LagSeconds = max(0, l.s.now().Sub(l.oldest)).Seconds()
		}
	}
	if l.failing != nil {
		out.State = "failing"
	}
	if p.Paused {
		out.State = "paused"
	}
	return out, nil
}

// refused adds the rows that did not arrive.
func (l *lane) refused(ctx context.Context, st *Status) error {
	span := storage.PrefixRange(storage.SyncKey(storage.SyncRefused, []string{l.target.Name, l.table}, nil))
	span.Limit = detailRows
	return l.s.store.Scan(ctx, span, func(_ []byte, item storage.Item) error {
		r := RefusedStatus{Target: l.target.Name, Table: l.table}
		if err := json.Unmarshal(item.Value, &r.refusedRow); err != nil {
			return err
		}
		st.Refused = append(st.Refused, r)
		return nil
	})
}

// withheld adds how many things cannot be reported, and those of the table.
func (s *Syncer) withheld(ctx context.Context, table string, st *Status) error {
	for _, name := range topreport.Names() {
		if !settled[name] || table != "" && name != table {
			continue
		}
		n := 0
		span := storage.PrefixRange(storage.SyncKey(storage.SyncWithheld, []string{name}, nil))
		err := s.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
			if n++; table == "" || n > detailRows {
				return nil
			}
			_, parts, _, ok := storage.ParseSyncKey(key, 2)
			if !ok {
				return errDamaged
			}
			thing := WithheldThing{Table: name, Key: parts[1]}
			if err := json.Unmarshal(item.Value, &thing.Faults); err != nil {
				return err
			}
			st.Things = append(st.Things, thing)
			return nil
		})
		if err != nil {
			return err
		}
		if n > 0 {
			st.Withheld = append(st.Withheld, WithheldStatus{name, n})
		}
	}
	return nil
}

// gatherLag is the age of the oldest batch behind the cursor, 0 if there is none or nobody can tell.
func (s *Syncer) gatherLag(ctx context.Context) time.Duration {
	item, err := s.store.Get(ctx, cursorKey)
	if err != nil {
		return 0
	}
	at, err := storage.DecodeCursor(item.Value)
	if err != nil {
		return 0
	}
	entries, err := s.store.Read(ctx, at, 1)
	if err != nil || len(entries) == 0 {
		return 0
	}
	return max(0, s.now().Sub(entries[0].Time))
}
