package statistics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// census counts the records of a snapshot, while the follower goes on. What the snapshot does not have
// yet, the follower adds.
type census struct {
	snap  storage.Snapshot
	taken time.Time
	end   storage.Seq // no entry behind it is in the snapshot

	stop  context.CancelFunc
	done  chan struct{}
	found map[identifier.Key]*holding // once done
	err   error                       // once done

	since map[identifier.Key]*holding // what changed that the snapshot does not have
}

// beginCount begins a census.
func (f *follower) beginCount(ctx context.Context) error {
	snap, err := f.s.store.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("count what is held: %w", err)
	}
	// The snapshot may have what is not durable yet, and so not in the log. Once a later batch is durable
	// all of it is.
	f.st.Again = true
	if err := f.apply(ctx, new(storage.Batch)); err != nil {
		return errors.Join(err, snap.Close())
	}
	end, err := f.s.store.Last(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("read end of change log: %w", err), snap.Close())
	}
	own, stop := context.WithCancel(ctx)
	c := &census{snap: snap, taken: f.s.now(), end: end, stop: stop, done: make(chan struct{}), since: make(map[identifier.Key]*holding)}
	go func() {
		defer close(c.done)
		c.found, c.err = countRecords(own, snap, f.namespaces)
	}()
	f.count = c
	return nil
}

// over reports whether all is counted.
func (c *census) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *census) close() {
	c.stop()
	<-c.done
	c.snap.Close() // it has been read, or is not needed
}

// saw reports whether a change is in the snapshot.
func (c *census) saw(ctx context.Context, seq storage.Seq, ch *storage.Change) (bool, error) {
	if seq > c.end {
		return false, nil
	}
	item, err := c.snap.Get(ctx, ch.Key)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read record as it was: %w", err)
	}
	return item.Version >= ch.Version, nil
}

// later is what changed in k that the snapshot does not have.
func (c *census) later(k identifier.Key) *holding {
	h := c.since[k]
	if h == nil {
		h = new(holding)
		c.since[k] = h
	}
	return h
}

// finishCount stores what the census has found. The cursor is behind all that is in the snapshot.
func (f *follower) finishCount(ctx context.Context) error {
	c := f.count
	if c.err != nil {
		return fmt.Errorf("count what is held: %w", c.err)
	}
	if c.taken.After(f.st.Seen) {
		f.st.Seen = c.taken
	}
	if !f.st.Known {
		f.st.Known = true
		f.st.Unsure[len(f.st.Unsure)-1].To = f.today()
	}
	f.st.Again = false
	for k := range c.found {
		f.holding(k)
	}
	for k, h := range f.held {
		was := *h
		h.active, h.revoked = 0, 0
		for _, part := range []*holding{c.found[k], c.since[k]} {
			if part != nil {
				h.active += part.active
				h.revoked += part.revoked
			}
		}
		if ns := f.namespaces.Get(k); ns != nil {
			f.move(k, h, ns.Enterprise) // it may have been given to another in what was lost of the log
		}
		if *h != was || h.active+h.revoked > 0 {
			f.touch(k, h)
		}
	}
	f.close()
	return f.store(ctx)
}

// countRecords counts the records of each namespace.
func countRecords(ctx context.Context, snap storage.Snapshot, namespaces *storage.Namespaces) (map[identifier.Key]*holding, error) {
	found := make(map[identifier.Key]*holding)
	var rec identifier.Record
	var of *holding
	var prefix []byte // of the keys of the last Handle namespace
	err := snap.Scan(ctx, storage.TableRange(storage.TableRecord), func(key []byte, item storage.Item) error {
		if prefix == nil || !bytes.HasPrefix(key, prefix) {
			of, prefix = nil, nil
			if k, ok := namespaceOf(namespaces, key); ok {
				if of = found[k]; of == nil {
					of = new(holding)
					found[k] = of
				}
				if k.Scheme == identifier.Handle {
					prefix = storage.RecordKey(identifier.Key{Scheme: k.Scheme, Name: k.Name + "/"})
				}
			}
		}
		if of == nil {
			return nil
		}
		if err := identifier.DecodeRecordInto(item.Value, &rec); err != nil {
			return fmt.Errorf("record %x: %w", key, err)
		}
		if rec.State == identifier.Revoked {
			of.revoked++
		} else {
			of.active++
		}
		return nil
	})
	return found, err
}

// namespaceOf is the namespace that the record at key is in, one without a name if it is in none of ours.
// The record of a Handle prefix is in none, nor is what is no key of a record: ok is false.
func namespaceOf(namespaces *storage.Namespaces, key []byte) (ns identifier.Key, ok bool) {
	k, ok := storage.ParseRecordKey(key)
	if !ok {
		return ns, false
	}
	if k.Scheme == identifier.Handle {
		name, _, found := strings.Cut(k.Name, "/") // a Handle is in no namespace but the one that it begins with
		if !found {
			return ns, false
		}
		if at := (identifier.Key{Scheme: k.Scheme, Name: name}); namespaces.Get(at) != nil {
			return at, true
		}
	}
	id, err := k.Scheme.Parse(k.Name)
	if err != nil || id.IsPrefixRecord() {
		return ns, false
	}
	if at := namespaces.Find(id); at != nil {
		return at.Key(), true
	}
	return identifier.Key{Scheme: k.Scheme}, true
}
