package memstore

import (
	"context"
	"sync/atomic"

	"github.com/idnode/idnode/storage"
)

// snapshot is a storage.Snapshot: a tree of its own. It ends with the store.
type snapshot struct {
	s    *Store
	rows atomic.Pointer[rows] // nil once closed
}

// Snapshot implements storage.Store.
func (s *Store) Snapshot(ctx context.Context) (storage.Snapshot, error) {
	rows, err := s.clone(ctx)
	if err != nil {
		return nil, err
	}
	n := &snapshot{s: s}
	n.rows.Store(rows)
	return n, nil
}

func (n *snapshot) open(ctx context.Context) (*rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows := n.rows.Load()
	if rows == nil || n.s.Health() != nil {
		return nil, storage.ErrClosed
	}
	return rows, nil
}

func (n *snapshot) Get(ctx context.Context, key []byte) (storage.Item, error) {
	rows, err := n.open(ctx)
	if err != nil {
		return storage.Item{}, err
	}
	return get(rows, key)
}

func (n *snapshot) GetInto(ctx context.Context, key, dst []byte) (storage.Item, error) {
	item, err := n.Get(ctx, key)
	item.Value = append(dst, item.Value...)
	return item, err
}

func (n *snapshot) MultiGet(ctx context.Context, keys [][]byte) ([]storage.Item, error) {
	rows, err := n.open(ctx)
	if err != nil {
		return nil, err
	}
	return multiGet(rows, keys), nil
}

func (n *snapshot) Scan(ctx context.Context, r storage.Range, fn func(key []byte, item storage.Item) error) error {
	rows, err := n.open(ctx)
	if err != nil {
		return err
	}
	return scan(ctx, rows, r, fn)
}

func (n *snapshot) Close() error {
	n.rows.Store(nil)
	return nil
}
