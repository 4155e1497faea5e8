package resolver

import (
	"context"
	"errors"
	"time"

	"github.com/idnode/idnode/storage"
)

// Forget drops from the cache what changes concern, and reads changed namespaces again. Queries that
// start after Forget has returned see the changes.
func (r *Resolver) Forget(ctx context.Context, changes []storage.Change) {
	if err := r.o.Namespaces.Observe(ctx, changes); err != nil {
		r.o.Logger.Error("namespaces are out of date", "err", err)
	}
	for i := range changes {
		if k, ok := storage.ParseRecordKey(changes[i].Key); ok {
			r.o.Cache.Forget(k)
			r.flights.Forget(flightKey(k)) // who asks now must not get an answer read before
			if isPrefixRecord(k) {         // what is unknown below it depends on it
				r.templates.clear()
				r.stamps.world.Add(1)
			}
			r.stamps.changed(k)
		} else if storage.TableOf(changes[i].Key) == storage.TableNamespace {
			r.templates.clear()
			r.stamps.world.Add(1)
		}
	}
}

// Announce says that changes are about to be written here: until Conclude, what they concern is answered from
// the store alone, where they may be seen from now on.
func (r *Resolver) Announce(changes []storage.Change) {
	for i := range changes {
		if k, ok := storage.ParseRecordKey(changes[i].Key); ok {
			r.stamps.begin(k)
		}
	}
}

// Conclude ends what Announce began; if the changes were applied it is Forget, too.
func (r *Resolver) Conclude(ctx context.Context, changes []storage.Change, applied bool) {
	if applied {
		r.Forget(ctx, changes)
	}
	for i := range changes {
		if k, ok := storage.ParseRecordKey(changes[i].Key); ok {
			r.stamps.end(k)
		}
	}
}

// feedBatch is how many entries of the change log are read at once.
const feedBatch = 256

// Follow applies the changes of feed, made by whichever node, until ctx ends. It starts at the end
// of the log: what was cached before was read after those changes.
func (r *Resolver) Follow(ctx context.Context, feed storage.Feed) error {
	after, err := feed.Last(ctx)
	for ctx.Err() == nil {
		var entries []storage.Entry
		if err == nil {
			entries, err = feed.Read(ctx, after, feedBatch)
		}
		switch {
		case errors.Is(err, storage.ErrTrimmed):
			// We fell behind further than the log reaches: whatever is cached may be old.
			if after, err = feed.Last(ctx); err == nil {
				err = r.o.Namespaces.Reload(ctx)
			}
			r.o.Cache.Clear()
			r.templates.clear()
			r.stamps.world.Add(1)
		case err == nil && len(entries) == 0:
			err = feed.Wait(ctx, after)
		case err == nil:
			for _, e := range entries {
				r.Forget(ctx, e.Changes)
			}
			after = entries[len(entries)-1].Seq
		}
		if err != nil && ctx.Err() == nil {
			if errors.Is(err, storage.ErrClosed) {
				return err
			}
			r.o.Logger.Error("following the change log", "err", err)
			err = nil
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
	return ctx.Err()
}
