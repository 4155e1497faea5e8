package topsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// Category is what an abnormal event is about: item 18 of annex 2.
type Category string

// The categories.
const (
	CategoryNetwork Category = "1"
	CategorySystem  Category = "2"
	CategoryAttack  Category = "3"
	CategoryOther   Category = "4"
)

// Event is an abnormal event of the node.
type Event struct {
	Number    string    `json:"number"` // unique in the node: the moment of the event, and a number behind it
	Category  Category  `json:"category"`
	At        time.Time `json:"at"`
	Cause     string    `json:"cause,omitempty"`
	Recovered time.Time `json:"recovered,omitzero"`
	ClosedBy  string    `json:"closedBy,omitempty"` // number of the report that things are normal again
	Analysis  string    `json:"analysis,omitempty"`
	Solution  string    `json:"solution,omitempty"`
}

// Report is what an operator reports of an event.
type Report struct {
	Category Category  // of an abnormal event
	At       time.Time // zero: now
	Cause    string    // what happened, and why if that is known
	Number   string    // of the event that is over
	Solution string    // what was done about it, for the monthly report
}

// ReportEvent reports for an operator that something is abnormal, or with a number that it is back to normal, and
// returns the event. It is audited. Refusals: CodeForbidden, CodeInvalidRequest, CodeNotFound, CodeInvalidState.
func (s *Syncer) ReportEvent(ctx context.Context, r Report, a registry.Actor) (*Event, error) {
	if !a.IsOperator() {
		return nil, registry.Refuse(registry.CodeForbidden, "", "role %s does not order the sync with the top-level node", a.Role)
	}
	now := s.now()
	if r.At.IsZero() {
		r.At = now
	}
	switch {
	case r.At.After(now.Add(time.Minute)):
		return nil, registry.Refuse(registry.CodeInvalidRequest, "/at", "the time has not come yet")
	case r.Number == "" && (r.Category < CategoryNetwork || r.Category > CategoryOther):
		return nil, registry.Refuse(registry.CodeInvalidRequest, "/category", "1 (network), 2 (system), 3 (attack) or 4 (other) is expected")
	case utf8.RuneCountInString(r.Cause) > maxWords || utf8.RuneCountInString(r.Solution) > maxWords:
		return nil, registry.Refuse(registry.CodeInvalidRequest, "/cause", "longer than %d characters", maxWords)
	}
	var out Event
	err := s.journal.write(ctx, func(w *writing) (err error) {
		op := "sync.normal"
		if r.Number == "" {
			op = "sync.abnormal"
			r.Number, err = s.addAbnormal(ctx, w, r.At, r.Category, r.Cause)
		} else {
			err = s.addNormal(ctx, w, r.Number, r.At, r.Cause, r.Solution)
		}
		if err != nil {
			return err
		}
		out = *w.events[r.Number]
		return s.o.Registrar.AddAudit(&w.Batch, a, registry.AuditEntry{Op: op, ID: r.Number, Reason: r.Cause})
	})
	if err != nil {
		return nil, registry.AsError(err)
	}
	return &out, nil
}

// maxWords bounds what is told of an event, in characters.
const maxWords = 1024

func eventKey(number string) []byte {
	return storage.SyncKey(storage.SyncEvent, nil, []byte(number))
}

// Abnormal reports an abnormal event from the time on, and returns its number.
func (s *Syncer) Abnormal(ctx context.Context, at time.Time, category Category, cause string) (number string, err error) {
	err = s.journal.write(ctx, func(w *writing) error {
		number, err = s.addAbnormal(ctx, w, at, category, cause)
		return err
	})
	return number, err
}

// Normal reports that an abnormal event is over. What was done about it is for the monthly report. Refusals:
// registry.CodeNotFound, registry.CodeInvalidState (it is over already).
func (s *Syncer) Normal(ctx context.Context, number string, at time.Time, cause, solution string) error {
	return s.journal.write(ctx, func(w *writing) error { return s.addNormal(ctx, w, number, at, cause, solution) })
}

func (s *Syncer) addAbnormal(ctx context.Context, w *writing, at time.Time, category Category, cause string) (string, error) {
	at = at.UTC().Truncate(time.Second)
	number, err := s.eventNumber(ctx, w, at)
	if err != nil {
		return "", err
	}
	w.events[number] = &Event{Number: number, Category: category, At: at, Cause: clean(cause)}
	return number, s.addEventRow(w, number, at, map[string]any{"kind": "1", "cause": clean(cause), "category": category})
}

func (s *Syncer) addNormal(ctx context.Context, w *writing, number string, at time.Time, cause, solution string) error {
	e, err := s.event(ctx, w, number)
	if err != nil {
		return err
	}
	if at.Before(e.At) {
		at = e.At
	}
	if !e.Recovered.IsZero() {
		return registry.Refuse(registry.CodeInvalidState, "number", "event %s is over already", number)
	}
	at = at.UTC().Truncate(time.Second)
	if e.ClosedBy, err = s.eventNumber(ctx, w, at); err != nil {
		return err
	}
	e.Recovered, e.Analysis, e.Solution = at, clean(cause), clean(solution)
	return s.addEventRow(w, e.ClosedBy, at, map[string]any{"kind": "2", "closes": number, "cause": clean(cause), "category": e.Category})
}

// event is an event as it is stored, or as w is about to.
func (s *Syncer) event(ctx context.Context, w *writing, number string) (*Event, error) {
	if e := w.events[number]; e != nil {
		return e, nil
	}
	item, err := s.store.Get(ctx, eventKey(number))
	if isNotFound(err) {
		return nil, registry.Refuse(registry.CodeNotFound, "number", "no event %s", number)
	}
	if err != nil {
		return nil, err
	}
	e := new(Event)
	if err := json.Unmarshal(item.Value, e); err != nil {
		return nil, fmt.Errorf("decode event %s: %w", number, err)
	}
	w.events[number] = e
	return e, nil
}

// eventNumber is a number that no report of an event has: the moment in China, and a number behind it, which goes up
// with the rows of M2.
func (s *Syncer) eventNumber(ctx context.Context, w *writing, at time.Time) (string, error) {
	h, err := w.head("M2")
	if err != nil {
		return "", err
	}
	for n := h.Last + 1; ; n++ {
		number := fmt.Sprintf("%s-%d", at.In(s.o.Location).Format("20060102150405"), n)
		_, err := s.event(ctx, w, number)
		if refused, ok := errors.AsType[*registry.Error](err); ok && refused.Code == registry.CodeNotFound {
			return number, nil
		}
		if err != nil {
			return "", err
		}
	}
}

func (s *Syncer) addEventRow(w *writing, number string, at time.Time, data map[string]any) error {
	if len(s.o.Prefixes) == 0 {
		return nil
	}
	prefix := qualified(s.o.Prefixes[0])
	data["prefix"], data["number"], data["at"] = prefix, number, second(at)
	if data["cause"] == "" {
		delete(data, "cause")
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_, err = w.addRow("M2", row{Key: prefix + " " + number, Op: topreport.Add, Time: at, Data: text})
	return err
}

// events are the abnormal events that began in a month, in their order.
func (s *Syncer) events(ctx context.Context, m month) ([]Event, error) {
	stamp := m.start(s.o.Location).Format("200601")
	var all []Event
	err := s.store.Scan(ctx, storage.PrefixRange(eventKey(stamp)), func(_ []byte, item storage.Item) error {
		var e Event
		if err := json.Unmarshal(item.Value, &e); err != nil {
			return err
		}
		all = append(all, e)
		return nil
	})
	return all, err
}
