package topsync

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/idnode/idnode/storage"
)

// outageAfter is how long nothing may be heard of the node before it counts as not having run.
const outageAfter = 5 * time.Minute

// beatRow says until when the node ran.
type beatRow struct {
	At      time.Time `json:"at"`
	Stopped bool      `json:"stopped,omitempty"` // it was told to stop
}

var beatKey = storage.SyncKey(storage.SyncState, []string{"beat"}, nil)

func (s *Syncer) lastBeat(ctx context.Context) (b beatRow, err error) {
	item, err := s.store.Get(ctx, beatKey)
	if isNotFound(err) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &b)
	}
	return b, err
}

// beat notes that the node runs, or stops: the time since the last beat are running hours of the month.
func (s *Syncer) beat(ctx context.Context, stopped bool) error {
	now := s.now()
	return s.journal.write(ctx, func(w *writing) error {
		last, err := s.lastBeat(ctx)
		if err != nil {
			return err
		}
		if !last.At.IsZero() && !last.Stopped && now.After(last.At) && now.Sub(last.At) < outageAfter {
			if err := s.addRunning(ctx, w, last.At, now); err != nil {
				return err
			}
		}
		return putBeat(w, beatRow{now, stopped})
	})
}

func putBeat(w *writing, b beatRow) error {
	return w.put(beatKey, &b)
}

// addRunning adds running time to its months, of which there are at most two.
func (s *Syncer) addRunning(ctx context.Context, w *writing, from, to time.Time) error {
	m := monthOf(from, s.o.Location)
	if end := m.end(s.o.Location); to.After(end) {
		if err := s.addToMonth(ctx, w, m.plus(1), func(sum *monthSum) { sum.Running += to.Sub(end) }); err != nil {
			return err
		}
		to = end
	}
	return s.addToMonth(ctx, w, m, func(sum *monthSum) { sum.Running += to.Sub(from) })
}

// returned looks, when the keeper begins, for how long the node did not run: a stop that was asked for is maintenance,
// another an event.
func (s *Syncer) returned(ctx context.Context, now time.Time) error {
	last, err := s.lastBeat(ctx)
	if err != nil {
		return fmt.Errorf("read when the node last ran: %w", err)
	}
	away := now.Sub(last.At)
	switch {
	case last.At.IsZero():
		return s.journal.write(ctx, func(w *writing) error {
			if err := s.addToMonth(ctx, w, monthOf(now, s.o.Location), func(m *monthSum) { m.Since = now }); err != nil {
				return err
			}
			return putBeat(w, beatRow{At: now})
		})
	case last.Stopped:
		return s.journal.write(ctx, func(w *writing) error {
			m := monthOf(last.At, s.o.Location)
			if err := s.addToMonth(ctx, w, m, func(sum *monthSum) { sum.Stops = append(sum.Stops, stop{last.At, now}) }); err != nil {
				return err
			}
			return putBeat(w, beatRow{At: now})
		})
	case away < outageAfter:
		return nil
	}
	const cause = "the node did not run"
	if err := s.journal.write(ctx, func(w *writing) error {
		number, err := s.addAbnormal(ctx, w, last.At, CategorySystem, cause)
		if err != nil {
			return err
		}
		if err := s.addNormal(ctx, w, number, now, cause, ""); err != nil {
			return err
		}
		return putBeat(w, beatRow{At: now})
	}); err != nil {
		return err
	}
	s.log.Warn("the node did not run and had not been told to stop", "from", last.At, "to", now)
	return nil
}
