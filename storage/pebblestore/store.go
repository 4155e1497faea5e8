// Package pebblestore is the storage engine for one machine: Pebble on a local disk.
//
// Writes go through one pipeline that groups whatever is waiting into one synced commit (commit.go).
// The layout of keys and rows is in package storage and its DESIGN.md.
package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/idnode/idnode/storage"
)

// Store is a storage.Store on Pebble. Its methods may be called concurrently.
type Store struct {
	db     *pebble.DB
	lock   *pebble.Lock
	logger *slog.Logger
	gate   gate
	frozen bool // Options.ReadOnly
	space  space
	met    *metrics // nil without a Registerer

	// The pipeline; see commit.go.
	queue    chan *request
	written  chan *group
	free     chan *group
	building sync.Mutex  // held while batches of callers are read
	seq      storage.Seq // newest place given; commitLoop's
	requests sync.Pool
	loops    sync.WaitGroup

	absences absences

	feed   feed
	stalls atomic.Int64 // write stalls since Open

	// closing is closed by Close, failed when Pebble can write no more; failure says why.
	closing chan struct{}
	failed  chan struct{}
	failure atomic.Pointer[error]

	snapMu sync.Mutex
	snaps  map[*snapshot]struct{}

	closeOnce sync.Once
	closeErr  error
}

var _ storage.Store = (*Store)(nil)

// Open opens the store in directory dir and creates it if there is none. A directory serves one
// Store at a time, of all processes.
func Open(dir string, o Options) (*Store, error) {
	o.setDefaults()
	s := &Store{
		logger:  o.Logger,
		queue:   make(chan *request, queueLen),
		written: make(chan *group, groupsAhead),
		free:    make(chan *group, groupsAhead+2),
		closing: make(chan struct{}),
		failed:  make(chan struct{}),
		snaps:   make(map[*snapshot]struct{}),
	}
	s.gate.init()
	s.frozen = o.ReadOnly
	s.space.init(o.FS, dir, o.MinFreeBytes)
	s.requests.New = func() any { return &request{done: make(chan struct{}, 1)} }
	if err := s.open(dir, &o); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	s.loops.Add(3)
	go s.commitLoop()
	go s.syncLoop()
	go s.warm(o.CacheBytes)
	return s, nil
}

func (s *Store) open(dir string, o *Options) (err error) {
	if !o.ReadOnly {
		if err := o.FS.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if s.lock, err = pebble.LockDirectory(dir, o.FS); err != nil {
		return fmt.Errorf("lock directory, is another node using it? %w", err)
	}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	p := o.pebble()
	p.Lock = s.lock
	p.Logger = logger{s}
	p.EventListener = s.listener()
	opened := make(chan *pebble.DB, 1)
	err = s.apart(func() error {
		db, err := pebble.Open(dir, p)
		opened <- db
		return err
	})
	if err != nil {
		return err
	}
	s.db = <-opened
	if err := s.checkFormat(); err != nil {
		return err
	}
	if err := s.recoverFeed(); err != nil {
		return err
	}
	if o.Registerer == nil {
		return nil
	}
	if s.met, err = newMetrics(s, o.Registerer); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// release gives back what open has taken.
func (s *Store) release() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	return errors.Join(err, s.lock.Close())
}

// Health reports why the store cannot take writes now, or nil: ErrClosed, ErrNoSpace or ErrUnavailable.
func (s *Store) Health() error {
	if !s.gate.enter() {
		return storage.ErrClosed
	}
	defer s.gate.leave()
	return s.writable()
}

// errReadOnly is what a store that is only read answers to writes.
var errReadOnly = fmt.Errorf("%w: it was opened for reading only", storage.ErrUnavailable)

func (s *Store) writable() error {
	if s.failure.Load() != nil {
		return s.failureErr()
	}
	if s.frozen {
		return errReadOnly
	}
	return s.space.check()
}

// DeleteRange implements storage.Writer. It needs no free space to speak of, and so goes on when
// Apply refuses.
func (s *Store) DeleteRange(ctx context.Context, start, end []byte) error {
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
	if string(start) >= string(end) {
		return nil
	}
	start, end = append([]byte(nil), start...), append([]byte(nil), end...)
	if err := s.apart(func() error { return s.db.DeleteRange(start, end, pebble.Sync) }); err != nil {
		return fmt.Errorf("delete range: %w", unavailable(err))
	}
	return nil
}

// Close waits for calls under way, ends snapshots that are still open, and releases the directory.
// After a failure of Pebble the directory stays locked until the process ends. Calls after the
// first return what it returned.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Store) close() error {
	close(s.closing)
	s.gate.shut()
	close(s.queue) // nobody is left inside who could send
	s.met.unregister()
	if s.failure.Load() != nil {
		// Pebble may hold its locks for ever; waiting for it would be waiting for ever.
		return fmt.Errorf("close store: %w", s.failureErr())
	}
	if err := s.apart(func() error { s.loops.Wait(); return nil }); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	s.snapMu.Lock()
	for n := range s.snaps {
		n.end()
	}
	clear(s.snaps)
	s.snapMu.Unlock()
	if err := s.apart(s.release); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// gate counts the calls under way, so that Close can wait for them. A call inside another, from a
// function given to Scan, may be refused while the outer one goes on; it never waits.
type gate struct {
	n    atomic.Int64 // below zero once shut
	idle chan struct{}
}

const gateShut = -1 << 62

func (g *gate) init() { g.idle = make(chan struct{}, 1) }

func (g *gate) enter() bool {
	if g.n.Add(1) > 0 {
		return true
	}
	g.leave()
	return false
}

func (g *gate) leave() {
	if g.n.Add(-1) == gateShut {
		select {
		case g.idle <- struct{}{}:
		default:
		}
	}
}

// shut lets nobody in any more and returns when everybody has left. It is called once.
func (g *gate) shut() {
	for n := g.n.Add(gateShut); n != gateShut; n = g.n.Load() {
		<-g.idle
	}
}

// since is the time that an operation has taken, in seconds.
func since(start time.Time) float64 { return time.Since(start).Seconds() }
