package pebblestore

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/internal/rowenc"
)

// The pipeline of writes:
//
//	Apply → queue → commitLoop: check versions, number, write to log and memtable → written →
//	syncLoop: wait until the log is synced, move the feed on, answer the callers
//
// While a group is being synced the next one is built, and what arrives meanwhile makes up the one
// after. Only commitLoop writes, so a version that it has read cannot change before it writes.
const (
	queueLen    = 4096
	groupsAhead = 16      // groups written and not yet synced
	groupLen    = 1024    // batches
	groupBytes  = 4 << 20 // about: the last batch may pass it
)

// request is one Apply under way.
type request struct {
	batch *storage.Batch
	size  int // octets of batch
	state atomic.Uint32
	done  chan struct{} // takes one token when seq and err are set
	seq   storage.Seq
	err   error
}

const (
	waiting   = 0
	taken     = 1 // by commitLoop: an answer will come
	abandoned = 2 // by its caller: commitLoop passes over it
)

func (r *request) answer(seq storage.Seq, err error) {
	r.seq, r.err = seq, err
	r.done <- struct{}{}
}

// group is what is committed together.
type group struct {
	requests []*request // all taken from the queue, then only the accepted
	batch    *pebble.Batch
	empty    bool        // checks only
	last     storage.Seq // place of the newest entry, in this group or before
}

// Apply implements storage.Writer.
func (s *Store) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	if !s.gate.enter() {
		return 0, storage.ErrClosed
	}
	defer s.gate.leave()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := s.writable(); err != nil {
		return 0, err
	}
	if s.met != nil {
		defer func(start time.Time) { s.met.commit.Observe(since(start)) }(time.Now())
	}
	r := s.requests.Get().(*request)
	r.batch, r.size = b, b.Size()
	r.state.Store(waiting)
	select {
	case s.queue <- r:
	case <-ctx.Done():
		s.requests.Put(r)
		return 0, ctx.Err()
	case <-s.failed:
		s.requests.Put(r)
		return 0, s.failureErr()
	}
	select {
	case <-r.done:
		return s.settle(r)
	case <-s.failed:
		return s.giveUp(r)
	case <-ctx.Done():
	}
	if r.state.CompareAndSwap(waiting, abandoned) {
		return 0, ctx.Err() // r stays in the queue and is not used again
	}
	select {
	case <-r.done:
		return s.settle(r)
	case <-s.failed:
		return s.giveUp(r)
	}
}

// settle returns r's answer and r to the pool.
func (s *Store) settle(r *request) (storage.Seq, error) {
	seq, err := r.seq, r.err
	r.batch, r.err = nil, nil
	s.requests.Put(r)
	return seq, err
}

// giveUp is for a request that may never be answered. It returns when nobody reads the batch.
func (s *Store) giveUp(r *request) (storage.Seq, error) {
	if !r.state.CompareAndSwap(waiting, abandoned) {
		s.building.Lock()
		s.building.Unlock() //lint:ignore SA2001 waits for the batch to have been copied
	}
	select {
	case <-r.done:
		return r.seq, r.err
	default:
		return 0, s.failureErr()
	}
}

func (s *Store) commitLoop() {
	defer s.loops.Done()
	defer close(s.written)
	overlay := make(map[string]uint64)
	for first := range s.queue {
		g := s.gather(first)
		s.build(g, overlay)
		if len(g.requests) == 0 {
			g.batch.Close()
			s.recycle(g)
			continue
		}
		// Asked now, because Pebble takes the memory of large batches.
		if g.empty = g.batch.Empty(); !g.empty {
			if err := s.db.ApplyNoSyncWait(g.batch, pebble.Sync); err != nil {
				s.fail(fmt.Errorf("write log: %w", err))
				return
			}
		}
		if s.met != nil {
			s.met.batches.Observe(float64(len(g.requests)))
		}
		select {
		case s.written <- g:
		case <-s.failed:
			return
		}
	}
}

// gather takes what is waiting behind first.
func (s *Store) gather(first *request) *group {
	var g *group
	select {
	case g = <-s.free:
	default:
		g = new(group)
	}
	g.requests = append(g.requests[:0], first)
	size := first.size
	for len(g.requests) < groupLen && size < groupBytes {
		select {
		case r, ok := <-s.queue:
			if !ok {
				return g
			}
			g.requests = append(g.requests, r)
			size += r.size
		default:
			return g
		}
	}
	return g
}

// build checks the requests of g one after another and writes the accepted ones to its batch.
// overlay is empty memory for the versions that earlier requests of the group leave behind.
func (s *Store) build(g *group, overlay map[string]uint64) {
	s.building.Lock()
	defer s.building.Unlock()
	g.batch = s.db.NewBatch()
	now := time.Now()
	accepted := g.requests[:0]
	alone := len(g.requests) == 1
	for _, r := range g.requests {
		if !r.state.CompareAndSwap(waiting, taken) {
			continue
		}
		if err := s.checkVersions(r.batch, overlay); err != nil {
			r.answer(0, err)
			continue
		}
		for _, w := range r.batch.Writes() {
			version, write := uint64(0), true
			switch w.Kind {
			case storage.WritePut:
				version = w.Becomes()
				put(g.batch, w.Key, version, w.Value)
			case storage.WriteSet:
				put(g.batch, w.Key, 0, w.Value)
			case storage.WriteDelete:
				g.batch.Delete(w.Key, nil)
			default:
				write = false
			}
			if write && !alone {
				overlay[string(w.Key)] = version
			}
		}
		if changes := r.batch.Changes(); len(changes) > 0 {
			s.seq++
			g.batch.Set(rowenc.ChangeKey(s.seq), rowenc.AppendEntry(nil, now, changes), nil)
		}
		r.seq = s.seq
		accepted = append(accepted, r)
	}
	clear(g.requests[len(accepted):])
	g.requests, g.last = accepted, s.seq
	clear(overlay)
}

// checkVersions returns a *storage.ConflictError if a key of b is not at its expected version.
func (s *Store) checkVersions(b *storage.Batch, overlay map[string]uint64) error {
	var conflict *storage.ConflictError
	for _, w := range b.Writes() {
		if w.Kind == storage.WriteSet {
			continue
		}
		version, known := overlay[string(w.Key)]
		if !known {
			var err error
			if version, err = s.version(w.Key); err != nil {
				return fmt.Errorf("read version: %w", unavailable(err))
			}
		}
		if version != w.Expect {
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

// version is that of key in the newest applied state, 0 if it is absent.
func (s *Store) version(key []byte) (uint64, error) {
	row, iter, err := find(s.db, key)
	if err == storage.ErrNotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	item, err := rowenc.ParseItem(row)
	if cerr := iter.Close(); err == nil {
		err = cerr
	}
	return item.Version, err
}

// put writes a row straight into the batch's memory.
func put(b *pebble.Batch, key []byte, version uint64, value []byte) {
	op := b.SetDeferred(len(key), rowenc.ItemSize(version, value))
	copy(op.Key, key)
	rowenc.PutItem(op.Value, version, value)
	op.Finish()
}

func (s *Store) syncLoop() {
	defer s.loops.Done()
	for g := range s.written {
		if !g.empty {
			if err := g.batch.SyncWait(); err != nil {
				s.fail(fmt.Errorf("sync log: %w", err))
				return
			}
		}
		g.batch.Close()
		// Before the answers, so that who has one can read the entry.
		s.feed.advance(g.last)
		for _, r := range g.requests {
			r.done <- struct{}{}
		}
		s.recycle(g)
	}
}

func (s *Store) recycle(g *group) {
	clear(g.requests)
	g.requests, g.batch = g.requests[:0], nil
	select {
	case s.free <- g:
	default:
	}
}
