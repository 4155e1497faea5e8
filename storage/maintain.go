package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// EncodeCursor is the value under a CursorKey: a follower has dealt with the entries up to seq.
func EncodeCursor(seq Seq) []byte { return binary.BigEndian.AppendUint64(nil, uint64(seq)) }

// DecodeCursor is the inverse of EncodeCursor.
func DecodeCursor(value []byte) (Seq, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("decode cursor: %d octets, want 8", len(value))
	}
	return Seq(binary.BigEndian.Uint64(value)), nil
}

// JanitorOptions configures a Janitor. Only Store is required.
type JanitorOptions struct {
	Store Store

	// ChangelogRetention is how long an entry of the change log stays at least, even if every
	// follower has passed it. Default 7 days.
	ChangelogRetention time.Duration

	// IdempotencyRetention is how long an idempotency entry stays at least. Whole days are
	// removed, so it may stay up to a day longer. Default 24 hours.
	IdempotencyRetention time.Duration

	// Interval is the time between sweeps. Default 10 minutes.
	Interval time.Duration

	// Clock tells the time. Default: time.Now.
	Clock func() time.Time

	// Logger takes what was trimmed and what went wrong. Default: discard.
	Logger *slog.Logger
}

// Janitor removes what has been kept long enough. On several nodes with one store each may have
// its own: sweeping twice does no harm.
type Janitor struct {
	o JanitorOptions
}

// NewJanitor returns a Janitor for o.Store.
func NewJanitor(o JanitorOptions) *Janitor {
	if o.ChangelogRetention == 0 {
		o.ChangelogRetention = 7 * 24 * time.Hour
	}
	if o.IdempotencyRetention == 0 {
		o.IdempotencyRetention = 24 * time.Hour
	}
	if o.Interval == 0 {
		o.Interval = 10 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Janitor{o}
}

// Run sweeps at once and then every interval until ctx ends. A failed sweep is logged and tried
// again an interval later.
func (j *Janitor) Run(ctx context.Context) {
	t := time.NewTicker(j.o.Interval)
	defer t.Stop()
	for {
		if err := j.Sweep(ctx); err != nil && ctx.Err() == nil {
			j.o.Logger.Error("sweep store", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Sweep removes what is due now. It does as much as it can and returns all errors.
func (j *Janitor) Sweep(ctx context.Context) error {
	return errors.Join(j.trimChangelog(ctx), j.dropIdempotency(ctx))
}

func (j *Janitor) trimChangelog(ctx context.Context) error {
	upTo, err := j.oldest(ctx, j.o.Clock().Add(-j.o.ChangelogRetention))
	if err != nil {
		return fmt.Errorf("trim change log: %w", err)
	}
	lowest, err := j.lowestCursor(ctx)
	if err != nil {
		return fmt.Errorf("trim change log: %w", err)
	}
	if lowest < upTo {
		j.o.Logger.Warn("a follower holds back the change log", "seq", lowest, "due", upTo)
		upTo = lowest
	}
	return j.o.Store.Trim(ctx, upTo)
}

// oldest returns the least place after which no entry is from before limit. It searches by halves:
// a log of a week has hundreds of millions of entries, and a sweep reads a few dozen of them.
func (j *Janitor) oldest(ctx context.Context, limit time.Time) (Seq, error) {
	high, err := j.o.Store.Last(ctx)
	if err != nil {
		return 0, err
	}
	low := Seq(0) // all entries before it are old
	for low < high {
		mid := low + (high-low)/2
		next, err := j.o.Store.Read(ctx, mid, 1)
		switch {
		case errors.Is(err, ErrTrimmed):
			low = mid + 1
		case err != nil:
			return 0, err
		case len(next) == 1 && next[0].Time.Before(limit):
			low = min(next[0].Seq, high)
		default:
			high = mid
		}
	}
	return low, nil
}

// lowestCursor is the place of the follower that is furthest behind, or the greatest there is if
// nobody follows.
func (j *Janitor) lowestCursor(ctx context.Context) (Seq, error) {
	lowest := Seq(math.MaxUint64)
	err := j.o.Store.Scan(ctx, TableRange(TableCursor), func(key []byte, item Item) error {
		seq, err := DecodeCursor(item.Value)
		if err != nil {
			return fmt.Errorf("follower %q: %w", key[1:], err)
		}
		lowest = min(lowest, seq)
		return nil
	})
	return lowest, err
}

func (j *Janitor) dropIdempotency(ctx context.Context) error {
	r := Range{
		Start: TableRange(TableIdempotency).Start,
		End:   IdempotencyDay(j.o.Clock().Add(-j.o.IdempotencyRetention)),
		Limit: 1,
	}
	// Looking first spares a store at rest a range deletion every interval.
	due := false
	err := j.o.Store.Scan(ctx, r, func([]byte, Item) error {
		due = true
		return nil
	})
	if err == nil && due {
		err = j.o.Store.DeleteRange(ctx, r.Start, r.End)
	}
	if err != nil {
		return fmt.Errorf("remove idempotency entries: %w", err)
	}
	return nil
}
