package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/internal/rowenc"
)

// feed is what is known of the change log without reading it.
type feed struct {
	durable atomic.Uint64 // place of the newest entry that is synced
	trimmed atomic.Uint64 // entries up to here are gone

	mu   sync.Mutex
	wake chan struct{} // closed when durable moves; nil when nobody waits

	trim sync.Mutex // held by Trim
}

// advance makes entries up to seq readable.
func (f *feed) advance(seq storage.Seq) {
	if uint64(seq) == f.durable.Load() {
		return
	}
	f.mu.Lock()
	f.durable.Store(uint64(seq))
	if f.wake != nil {
		close(f.wake)
		f.wake = nil
	}
	f.mu.Unlock()
}

// moved returns a channel that is closed once an entry after the given place can be read, or nil
// if one can be already.
func (f *feed) moved(after storage.Seq) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.durable.Load() > uint64(after) {
		return nil
	}
	if f.wake == nil {
		f.wake = make(chan struct{})
	}
	return f.wake
}

// trimmedKey holds the last trimmed place. Trim never passes the newest entry, so the place of that
// entry is known even when none is left.
func trimmedKey() []byte { return storage.MetaKey("trimmed") }

// recoverFeed reads the two ends of the log.
func (s *Store) recoverFeed() error {
	item, err := get(find, s.db, trimmedKey(), nil)
	switch {
	case err == nil && len(item.Value) == 8:
		s.feed.trimmed.Store(binary.BigEndian.Uint64(item.Value))
	case err == nil:
		return errors.New("read trimmed place: corrupt row")
	case !errors.Is(err, storage.ErrNotFound):
		return fmt.Errorf("read trimmed place: %w", err)
	}
	r := storage.TableRange(storage.TableChange)
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: r.Start, UpperBound: r.End})
	if err != nil {
		return err
	}
	last := storage.Seq(s.feed.trimmed.Load())
	if iter.Last() {
		seq, ok := rowenc.ParseChangeKey(iter.Key())
		if !ok {
			iter.Close()
			return errors.New("read change log: corrupt key")
		}
		last = max(last, seq)
	}
	if err := iter.Close(); err != nil {
		return err
	}
	s.seq = last
	s.feed.durable.Store(uint64(last))
	return nil
}

// Read implements storage.Feed.
func (s *Store) Read(ctx context.Context, after storage.Seq, max int) ([]storage.Entry, error) {
	if !s.gate.enter() {
		return nil, storage.ErrClosed
	}
	defer s.gate.leave()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	durable := storage.Seq(s.feed.durable.Load())
	if after >= durable {
		return nil, nil
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: rowenc.ChangeKey(after + 1),
		UpperBound: rowenc.ChangeKey(durable + 1),
	})
	if err != nil {
		return nil, fmt.Errorf("read change log: %w", unavailable(err))
	}
	defer iter.Close()
	// Trim moves the place first and deletes then: what the iterator may miss, this tells.
	if after < storage.Seq(s.feed.trimmed.Load()) {
		return nil, storage.ErrTrimmed
	}
	var entries []storage.Entry
	for ok := max > 0 && iter.First(); ok; ok = len(entries) < max && iter.Next() {
		seq, ok := rowenc.ParseChangeKey(iter.Key())
		if !ok {
			return nil, fmt.Errorf("read change log: %w", unavailable(rowenc.ErrCorrupt))
		}
		row, err := iter.ValueAndErr()
		if err != nil {
			return nil, fmt.Errorf("read change log: %w", unavailable(err))
		}
		e, err := rowenc.ParseEntry(seq, row)
		if err != nil {
			return nil, fmt.Errorf("read change log at %d: %w", seq, unavailable(err))
		}
		entries = append(entries, e)
	}
	if err := iter.Error(); err != nil {
		return nil, fmt.Errorf("read change log: %w", unavailable(err))
	}
	return entries, nil
}

// Wait implements storage.Feed. Closing the store ends it with ErrClosed.
func (s *Store) Wait(ctx context.Context, after storage.Seq) error {
	if !s.gate.enter() {
		return storage.ErrClosed
	}
	defer s.gate.leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		moved := s.feed.moved(after)
		if moved == nil {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return storage.ErrClosed
		case <-s.failed:
			return s.failureErr()
		}
	}
}

// Last implements storage.Feed.
func (s *Store) Last(ctx context.Context) (storage.Seq, error) {
	if !s.gate.enter() {
		return 0, storage.ErrClosed
	}
	defer s.gate.leave()
	return storage.Seq(s.feed.durable.Load()), nil
}

// Trim implements storage.Feed. It never passes the newest entry. Like DeleteRange it goes on when
// Apply refuses for want of space.
func (s *Store) Trim(ctx context.Context, upTo storage.Seq) error {
	if !s.gate.enter() {
		return storage.ErrClosed
	}
	defer s.gate.leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.frozen {
		return errReadOnly
	}
	s.feed.trim.Lock()
	defer s.feed.trim.Unlock()
	upTo = min(upTo, storage.Seq(s.feed.durable.Load()))
	from := storage.Seq(s.feed.trimmed.Load())
	if upTo <= from {
		return nil
	}
	s.feed.trimmed.Store(uint64(upTo))
	err := s.apart(func() error {
		b := s.db.NewBatch()
		defer b.Close()
		if err := b.DeleteRange(rowenc.ChangeKey(from+1), rowenc.ChangeKey(upTo+1), nil); err != nil {
			return err
		}
		place := binary.BigEndian.AppendUint64(nil, uint64(upTo))
		if err := b.Set(trimmedKey(), rowenc.AppendItem(nil, 0, place), nil); err != nil {
			return err
		}
		return b.Commit(pebble.Sync)
	})
	if err != nil {
		return fmt.Errorf("trim change log: %w", unavailable(err))
	}
	return nil
}
