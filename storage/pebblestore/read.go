package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/internal/rowenc"
)

// Get implements storage.Reader.
func (s *Store) Get(ctx context.Context, key []byte) (storage.Item, error) {
	return s.GetInto(ctx, key, noValue)
}

// noValue is not nil, as a value is not that is empty.
var noValue = []byte{}

// timedGets is of how many gets one is timed: looking at the clock twice and filing the result costs
// a tenth of what a get from a cached block does.
const timedGets = 16

// GetInto implements storage.Reader.
func (s *Store) GetInto(ctx context.Context, key, dst []byte) (storage.Item, error) {
	if !s.gate.enter() {
		return storage.Item{}, storage.ErrClosed
	}
	defer s.gate.leave()
	if err := ctx.Err(); err != nil {
		return storage.Item{}, err
	}
	if s.met != nil && rand.Uint32()%timedGets == 0 {
		defer func(start time.Time) { s.met.get.Observe(since(start)) }(time.Now())
	}
	look := find
	if s.absences.rare() {
		look = likely
	}
	item, err := get(look, s.db, key, dst)
	s.absences.learn(err == storage.ErrNotFound)
	return item, err
}

// absences is how many of the keys that were asked for lately were absent, of absencesAll: the mean of
// all, each weighing a 64th less than the one after it. Calls that overlap may lose one another's: it
// decides between two ways to the same answer.
type absences struct{ n atomic.Int32 }

const (
	absencesAll  = 1 << 12
	absencesRare = absencesAll / 32 // see DESIGN.md, "Miss path"
)

func (a *absences) rare() bool { return a.n.Load() < absencesRare }

func (a *absences) learn(absent bool) {
	n := a.n.Load()
	next := n - n>>6
	if absent {
		next = n + (absencesAll-n)>>6
	}
	if next != n { // as it is when nothing is ever absent
		a.n.Store(next)
	}
}

// MultiGet implements storage.Reader.
func (s *Store) MultiGet(ctx context.Context, keys [][]byte) ([]storage.Item, error) {
	if !s.gate.enter() {
		return nil, storage.ErrClosed
	}
	defer s.gate.leave()
	return multiGet(ctx, s.db, keys)
}

// Scan implements storage.Reader. It sees the moment at which it began.
func (s *Store) Scan(ctx context.Context, r storage.Range, fn func(key []byte, item storage.Item) error) error {
	if !s.gate.enter() {
		return storage.ErrClosed
	}
	defer s.gate.leave()
	start := time.Now()
	err := scan(ctx, s.db, r, fn)
	if s.met != nil {
		s.met.scan.Observe(since(start))
	}
	return err
}

// pointReads has iterators ask the filters of the last level as well. Pebble's own Get never does: it
// reads a block to find that a key is absent, where the filter says so. See DESIGN.md, "Miss path".
var pointReads = pebble.IterOptions{KeyTypes: pebble.IterKeyTypePointsOnly, UseL6Filters: true}

// find returns the row of key, in memory that Pebble owns until it is closed, or storage.ErrNotFound and
// nothing to close.
func find(r pebble.Reader, key []byte) ([]byte, io.Closer, error) {
	if len(key) == 0 {
		return nil, nil, storage.ErrNotFound // no table has it, and Pebble must not be asked for an empty prefix
	}
	iter, err := r.NewIter(&pointReads)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	if iter.SeekPrefixGE(key) && bytes.Equal(iter.Key(), key) {
		row, verr := iter.ValueAndErr()
		if verr == nil {
			return row, iter, nil
		}
		err = verr
	}
	if err = errors.Join(err, iter.Close()); err != nil {
		return nil, nil, unavailable(err)
	}
	return nil, nil, storage.ErrNotFound
}

// likely is find for keys that are there, as a rule: it does not ask the filters of the last level.
func likely(r pebble.Reader, key []byte) ([]byte, io.Closer, error) {
	row, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil, storage.ErrNotFound
	}
	if err != nil {
		return nil, nil, unavailable(err)
	}
	return row, closer, nil
}

// get copies a row that look finds once, out of memory that Pebble owns, to the end of dst.
func get(look func(pebble.Reader, []byte) ([]byte, io.Closer, error), r pebble.Reader, key, dst []byte) (storage.Item, error) {
	row, closer, err := look(r, key)
	if err == storage.ErrNotFound {
		return storage.Item{}, err
	}
	if err != nil {
		return storage.Item{}, fmt.Errorf("get: %w", err)
	}
	item, err := rowenc.ParseItem(row)
	if err == nil {
		item.Value = append(dst, item.Value...)
	}
	if cerr := closer.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return storage.Item{}, fmt.Errorf("get: %w", unavailable(err))
	}
	return item, nil
}

// multiGet reads with one iterator, which is one moment. Keys are visited in their order, so that
// neighbours share blocks.
func multiGet(ctx context.Context, r pebble.Reader, keys [][]byte) ([]storage.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	items := make([]storage.Item, len(keys))
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(keys[a], keys[b]) })
	iter, err := r.NewIter(&pointReads)
	if err != nil {
		return nil, fmt.Errorf("multi-get: %w", unavailable(err))
	}
	defer iter.Close()
	for _, i := range order {
		if len(keys[i]) == 0 {
			continue // as in find
		}
		if !iter.SeekPrefixGE(keys[i]) || !bytes.Equal(iter.Key(), keys[i]) {
			continue
		}
		row, err := iter.ValueAndErr()
		if err == nil {
			items[i], err = rowenc.ParseItem(row)
		}
		if err != nil {
			return nil, fmt.Errorf("multi-get: %w", unavailable(err))
		}
		items[i].Value = copied(items[i].Value)
	}
	if err := iter.Error(); err != nil {
		return nil, fmt.Errorf("multi-get: %w", unavailable(err))
	}
	return items, nil
}

func scan(ctx context.Context, pr pebble.Reader, r storage.Range, fn func(key []byte, item storage.Item) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(r.End) > 0 && bytes.Compare(r.Start, r.End) >= 0 {
		return nil
	}
	var bounds pebble.IterOptions
	if len(r.Start) > 0 {
		bounds.LowerBound = r.Start
	}
	if len(r.End) > 0 {
		bounds.UpperBound = r.End
	}
	iter, err := pr.NewIter(&bounds)
	if err != nil {
		return fmt.Errorf("scan: %w", unavailable(err))
	}
	defer iter.Close()
	first, next := iter.First, iter.Next
	if r.Reverse {
		first, next = iter.Last, iter.Prev
	}
	n := 0
	for ok := first(); ok; ok = next() {
		// A look at the context costs about as much as a step does.
		if n%64 == 63 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		row, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("scan: %w", unavailable(err))
		}
		item, err := rowenc.ParseItem(row)
		if err != nil {
			return fmt.Errorf("scan: key %x: %w", iter.Key(), unavailable(err))
		}
		if err := fn(iter.Key(), item); err != nil {
			if err == storage.Stop {
				return nil
			}
			return err
		}
		if n++; n == r.Limit {
			return nil
		}
	}
	if err := iter.Error(); err != nil {
		return fmt.Errorf("scan: %w", unavailable(err))
	}
	return nil
}

// copied is never nil, which would mean absent.
func copied(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }
