package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/querylog"
)

const (
	syncFlush = 50_000          // requests, or addresses, that are counted in one batch
	syncLag   = 2 * time.Second // what is in the log of requests is in the order of time but for less
)

// syncFeeder counts the log of resolution requests for the reports to the top-level node. It reads the log behind its
// writer, as queryCounter does, from a place of its own.
type syncFeeder struct {
	queries *queryCounter // reads what was asked
	counts  *topsync.Requests

	begun bool           // place is known
	place querylog.Place // up to which the log is counted
	from  time.Time      // what is older is not counted: the sync began then; zero: it goes on
}

// run counts until ctx ends.
func (f *syncFeeder) run(ctx context.Context, complain func(err error)) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	var said time.Time
	for {
		if err := f.count(ctx); err != nil && ctx.Err() == nil && time.Since(said) > countErrors {
			said = time.Now()
			complain(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// count counts what has been logged since the last time.
func (f *syncFeeder) count(ctx context.Context) error {
	if !f.begun {
		position, err := f.counts.Position(ctx)
		if err != nil {
			return err
		}
		if f.place, err = querylog.ParsePlace(string(position)); err != nil {
			return fmt.Errorf("place up to which requests are counted: %w", err)
		}
		if position == nil {
			f.from = time.Now()
		}
		f.begun = true
	}
	for {
		began := time.Now()
		n := 0
		err := f.queries.log.Read(ctx, f.place, f.from, time.Time{}, func(b *querylog.Block) error {
			for i := range b.Entries {
				if !b.Entries[i].Time.Before(f.from) {
					f.add(&b.Entries[i])
				}
			}
			f.place = b.Next
			if n += len(b.Entries); n >= syncFlush || f.counts.Waiting() >= syncFlush {
				return errCounted
			}
			return nil
		})
		through := time.Time{} // nothing is said of what is behind the place
		if err == nil {
			through = began.Add(-syncLag)
		}
		if err == nil || errors.Is(err, errCounted) {
			if err := f.counts.Flush(ctx, []byte(f.place.String()), through); err != nil {
				return err
			}
		}
		if !errors.Is(err, errCounted) {
			return err
		}
	}
}

// add counts a request.
func (f *syncFeeder) add(e *querylog.Entry) {
	q := topsync.Question{Time: e.Time, Took: e.Took, Client: e.Client}
	if id, ok := f.queries.identifier(e); ok {
		q.ID, q.Namespace = id, f.queries.namespaces.Find(id)
	}
	switch e.Status {
	case resolver.Found, resolver.NoValues, resolver.Referral:
		q.Success = true
	}
	f.counts.Count(&q)
}
