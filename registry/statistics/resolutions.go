package statistics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Outcome is what became of a question.
type Outcome uint8

const (
	Found    Outcome = iota // it was answered, a referral included
	NotFound                // there is no such identifier, or it is not answered for
	Other                   // it was refused, or the node failed
	outcomes
)

// Resolutions counts questions, as they are read from a log that can be read again from a place in it.
// One goroutine calls its methods.
type Resolutions struct {
	s       *Statistics
	pending map[questionDay]*questions
	tried   *attempt // of which the store did not say whether it was applied
}

type questionDay struct {
	series
	day day
}

// attempt is a Flush.
type attempt struct {
	expect uint64 // version of the position's row before it
	counts map[questionDay]*questions
}

// position is the row of positionKey.
type position struct {
	Since    time.Time `json:"since"` // of the first Flush
	Position []byte    `json:"position"`
}

// Resolutions returns a counter of questions. There is one for a store.
func (s *Statistics) Resolutions() *Resolutions {
	return &Resolutions{s: s, pending: make(map[questionDay]*questions)}
}

// Count counts n questions at a time. ns is the namespace that was asked for; nil: none of ours, which
// is counted for nobody, by scheme. Nothing is stored before Flush.
func (r *Resolutions) Count(ns *identifier.Namespace, at time.Time, scheme identifier.Scheme, outcome Outcome, n uint64) {
	k := questionDay{series{ns: identifier.Key{Scheme: scheme}}, dayOf(at, r.s.o.Location)}
	if ns != nil {
		k.series = series{ns.Enterprise, ns.Key()}
	}
	q := r.pending[k]
	if q == nil {
		q = new(questions)
		r.pending[k] = q
	}
	q[min(outcome, Other)] += n
}

// Flush stores what was counted, and with it the place up to which the log has been read, as one batch.
// After an error nothing of it is lost: it is stored by the next Flush that succeeds.
func (r *Resolutions) Flush(ctx context.Context, upTo []byte) error {
	at, version, err := r.s.position(ctx, r.s.store)
	if err != nil {
		return err
	}
	if t := r.tried; t != nil {
		r.tried = nil
		if version == t.expect { // it was not applied
			for k, q := range t.counts {
				r.restore(k, q)
			}
		}
	}
	if at.Since.IsZero() {
		at.Since = r.s.now()
	}
	at.Position = upTo
	value, err := json.Marshal(&at)
	if err != nil {
		return err
	}
	var b storage.Batch
	b.Put(positionKey, value, version)
	if err := r.add(ctx, &b); err != nil {
		return err
	}
	if _, err = r.s.store.Apply(ctx, &b); err != nil {
		if errors.Is(err, storage.ErrUnavailable) {
			r.tried, r.pending = &attempt{version, r.pending}, make(map[questionDay]*questions)
		}
		return fmt.Errorf("store counts of resolutions: %w", err)
	}
	clear(r.pending)
	return nil
}

// add adds to b the rows with what is pending added to what is stored.
func (r *Resolutions) add(ctx context.Context, b *storage.Batch) error {
	days := make([]questionDay, 0, len(r.pending))
	keys := make([][]byte, 0, len(r.pending))
	for k := range r.pending {
		days, keys = append(days, k), append(keys, k.key(storage.CounterResolutions, k.day))
	}
	items, err := r.s.store.MultiGet(ctx, keys)
	if err != nil {
		return fmt.Errorf("read counts of resolutions: %w", err)
	}
	for i, item := range items {
		sum := *r.pending[days[i]]
		if item.Value != nil {
			old, err := parseQuestions(item.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", days[i].ns.Name, err)
			}
			for j := range sum {
				sum[j] += old[j]
			}
		}
		b.Set(keys[i], sum.append(nil))
	}
	return nil
}

// restore makes pending again what was not stored.
func (r *Resolutions) restore(k questionDay, q *questions) {
	if now := r.pending[k]; now != nil {
		for i := range q {
			now[i] += q[i]
		}
		return
	}
	r.pending[k] = q
}

// Position returns the place of the last Flush, from which the log is read again after a restart; nil
// if there was none.
func (r *Resolutions) Position(ctx context.Context) ([]byte, error) {
	at, _, err := r.s.position(ctx, r.s.store)
	return at.Position, err
}

func (s *Statistics) position(ctx context.Context, from storage.Reader) (at position, version uint64, err error) {
	item, err := from.Get(ctx, positionKey)
	if errors.Is(err, storage.ErrNotFound) {
		return at, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &at)
	}
	if err != nil {
		return at, 0, fmt.Errorf("read position of resolutions: %w", err)
	}
	return at, item.Version, nil
}
