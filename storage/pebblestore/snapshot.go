package pebblestore

import (
	"context"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/idnode/idnode/storage"
)

// snapshot is a storage.Snapshot. Closing the store ends it as well.
type snapshot struct {
	s    *Store
	gate gate // calls under way on this snapshot
	snap *pebble.Snapshot
	over atomic.Bool
}

// Snapshot implements storage.Store.
func (s *Store) Snapshot(ctx context.Context) (storage.Snapshot, error) {
	if !s.gate.enter() {
		return nil, storage.ErrClosed
	}
	defer s.gate.leave()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.failure.Load() != nil {
		// Taking one needs a lock that Pebble may have left locked.
		return nil, s.failureErr()
	}
	n := &snapshot{s: s, snap: s.db.NewSnapshot()}
	n.gate.init()
	s.snapMu.Lock()
	s.snaps[n] = struct{}{}
	s.snapMu.Unlock()
	return n, nil
}

func (n *snapshot) enter() bool {
	if !n.s.gate.enter() {
		return false
	}
	if !n.gate.enter() {
		n.s.gate.leave()
		return false
	}
	return true
}

func (n *snapshot) leave() {
	n.gate.leave()
	n.s.gate.leave()
}

func (n *snapshot) Get(ctx context.Context, key []byte) (storage.Item, error) {
	return n.GetInto(ctx, key, noValue)
}

func (n *snapshot) GetInto(ctx context.Context, key, dst []byte) (storage.Item, error) {
	if !n.enter() {
		return storage.Item{}, storage.ErrClosed
	}
	defer n.leave()
	if err := ctx.Err(); err != nil {
		return storage.Item{}, err
	}
	return get(find, n.snap, key, dst)
}

func (n *snapshot) MultiGet(ctx context.Context, keys [][]byte) ([]storage.Item, error) {
	if !n.enter() {
		return nil, storage.ErrClosed
	}
	defer n.leave()
	return multiGet(ctx, n.snap, keys)
}

func (n *snapshot) Scan(ctx context.Context, r storage.Range, fn func(key []byte, item storage.Item) error) error {
	if !n.enter() {
		return storage.ErrClosed
	}
	defer n.leave()
	return scan(ctx, n.snap, r, fn)
}

// Close waits for calls under way on the snapshot.
func (n *snapshot) Close() error {
	if !n.s.gate.enter() {
		return nil // the store's Close ends it
	}
	defer n.s.gate.leave()
	n.s.snapMu.Lock()
	delete(n.s.snaps, n)
	n.s.snapMu.Unlock()
	n.end()
	return nil
}

func (n *snapshot) end() {
	if n.over.CompareAndSwap(false, true) {
		n.gate.shut()
		// After a failure Pebble may have left the lock that this takes locked for ever.
		if n.s.failure.Load() == nil {
			n.snap.Close()
		}
	}
}
