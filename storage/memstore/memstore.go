// Package memstore is a storage engine in memory, for tests and examples. It forgets everything
// when it is closed.
package memstore

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/RaduBerinde/btreemap"

	"github.com/idnode/idnode/storage"
)

// Store is a storage.Store in memory. Its methods may be called concurrently.
type Store struct {
	mu      sync.RWMutex
	rows    *rows
	log     []storage.Entry // after trimmed, in order
	last    storage.Seq
	trimmed storage.Seq
	moved   chan struct{} // closed and replaced when an entry is added, closed by Close
	closed  bool
}

var _ storage.Store = (*Store)(nil)

// rows maps keys to items. Neither is changed once it is in a tree, so trees share them.
type rows = btreemap.BTreeMap[[]byte, storage.Item]

// New returns an empty store.
func New() *Store {
	return &Store{rows: btreemap.New[[]byte, storage.Item](32, bytes.Compare), moved: make(chan struct{})}
}

// Get implements storage.Reader.
func (s *Store) Get(ctx context.Context, key []byte) (storage.Item, error) {
	if err := ctx.Err(); err != nil {
		return storage.Item{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return storage.Item{}, storage.ErrClosed
	}
	return get(s.rows, key)
}

// GetInto implements storage.Reader.
func (s *Store) GetInto(ctx context.Context, key, dst []byte) (storage.Item, error) {
	item, err := s.Get(ctx, key)
	item.Value = append(dst, item.Value...)
	return item, err
}

// MultiGet implements storage.Reader.
func (s *Store) MultiGet(ctx context.Context, keys [][]byte) ([]storage.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, storage.ErrClosed
	}
	return multiGet(s.rows, keys), nil
}

// Scan implements storage.Reader. It sees the moment at which it began.
func (s *Store) Scan(ctx context.Context, r storage.Range, fn func(key []byte, item storage.Item) error) error {
	rows, err := s.clone(ctx)
	if err != nil {
		return err
	}
	return scan(ctx, rows, r, fn)
}

// clone takes the state of this moment, in constant time.
func (s *Store) clone(ctx context.Context) (*rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, storage.ErrClosed
	}
	return s.rows.Clone(), nil
}

// Apply implements storage.Writer.
func (s *Store) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, storage.ErrClosed
	}
	if err := s.checkVersions(b); err != nil {
		return 0, err
	}
	for _, w := range b.Writes() {
		switch w.Kind {
		case storage.WritePut:
			s.rows.ReplaceOrInsert(bytes.Clone(w.Key), storage.Item{Version: w.Becomes(), Value: copied(w.Value)})
		case storage.WriteSet:
			s.rows.ReplaceOrInsert(bytes.Clone(w.Key), storage.Item{Value: copied(w.Value)})
		case storage.WriteDelete:
			s.rows.Delete(w.Key)
		}
	}
	if len(b.Changes()) > 0 {
		s.last++
		s.log = append(s.log, cloneEntry(storage.Entry{
			Seq:     s.last,
			Time:    time.Now().UTC().Truncate(time.Millisecond),
			Changes: b.Changes(),
		}))
		close(s.moved)
		s.moved = make(chan struct{})
	}
	return s.last, nil
}

func (s *Store) checkVersions(b *storage.Batch) error {
	var conflict *storage.ConflictError
	for _, w := range b.Writes() {
		if w.Kind == storage.WriteSet {
			continue
		}
		// An absent key gives the zero item.
		if _, item, _ := s.rows.Get(w.Key); item.Version != w.Expect {
			if conflict == nil {
				conflict = new(storage.ConflictError)
			}
			conflict.Keys = append(conflict.Keys, bytes.Clone(w.Key))
		}
	}
	if conflict == nil {
		return nil // and not a nil *ConflictError
	}
	return conflict
}

// DeleteRange implements storage.Writer.
func (s *Store) DeleteRange(ctx context.Context, start, end []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return storage.ErrClosed
	}
	if bytes.Compare(start, end) >= 0 {
		return nil
	}
	var keys [][]byte
	for key := range s.rows.Ascend(btreemap.GE(start), btreemap.LT(end)) {
		keys = append(keys, key)
	}
	for _, key := range keys {
		s.rows.Delete(key)
	}
	return nil
}

// Read implements storage.Feed.
func (s *Store) Read(ctx context.Context, after storage.Seq, max int) ([]storage.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, storage.ErrClosed
	}
	if after < s.trimmed {
		return nil, storage.ErrTrimmed
	}
	rest := s.log[s.position(after):]
	var entries []storage.Entry
	for i := 0; i < min(len(rest), max); i++ {
		entries = append(entries, cloneEntry(rest[i]))
	}
	return entries, nil
}

// position is where the first entry after the given place stands in the log.
func (s *Store) position(after storage.Seq) int {
	return sort.Search(len(s.log), func(i int) bool { return s.log[i].Seq > after })
}

// Wait implements storage.Feed.
func (s *Store) Wait(ctx context.Context, after storage.Seq) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.RLock()
		closed, last, moved := s.closed, s.last, s.moved
		s.mu.RUnlock()
		if closed {
			return storage.ErrClosed
		}
		if last > after {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
}

// Last implements storage.Feed.
func (s *Store) Last(context.Context) (storage.Seq, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return 0, storage.ErrClosed
	}
	return s.last, nil
}

// Trim implements storage.Feed. It never passes the newest entry.
func (s *Store) Trim(ctx context.Context, upTo storage.Seq) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return storage.ErrClosed
	}
	if upTo = min(upTo, s.last); upTo > s.trimmed {
		s.log = slices.Clone(s.log[s.position(upTo):])
		s.trimmed = upTo
	}
	return nil
}

// Health reports ErrClosed or nil.
func (s *Store) Health() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return storage.ErrClosed
	}
	return nil
}

// Close forgets everything. Calls after the first do nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.rows, s.log = nil, nil
		close(s.moved)
	}
	return nil
}

func get(rows *rows, key []byte) (storage.Item, error) {
	_, item, ok := rows.Get(key)
	if !ok {
		return storage.Item{}, storage.ErrNotFound
	}
	item.Value = copied(item.Value)
	return item, nil
}

func multiGet(rows *rows, keys [][]byte) []storage.Item {
	items := make([]storage.Item, len(keys))
	for i, key := range keys {
		if _, item, ok := rows.Get(key); ok {
			items[i] = storage.Item{Version: item.Version, Value: copied(item.Value)}
		}
	}
	return items
}

func scan(ctx context.Context, rows *rows, r storage.Range, fn func(key []byte, item storage.Item) error) error {
	low, high := btreemap.GE(r.Start), btreemap.Max[[]byte]()
	if len(r.End) > 0 {
		if bytes.Compare(r.Start, r.End) >= 0 {
			return nil
		}
		high = btreemap.LT(r.End)
	}
	seq := rows.Ascend(low, high)
	if r.Reverse {
		seq = rows.Descend(high, low)
	}
	n := 0
	for key, item := range seq {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(key, item); err != nil {
			if err == storage.Stop {
				return nil
			}
			return err
		}
		if n++; n == r.Limit {
			return nil
		}
	}
	return ctx.Err()
}

func cloneEntry(e storage.Entry) storage.Entry {
	e.Changes = slices.Clone(e.Changes)
	for i := range e.Changes {
		e.Changes[i].Key = bytes.Clone(e.Changes[i].Key)
	}
	return e
}

// copied is never nil, which would mean absent.
func copied(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }
