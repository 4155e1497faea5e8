package topsync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// Follower is the name of the cursor in the change log.
const Follower = "topsync"

// Defaults of Options.
const (
	DefaultRetention     = 35 * 24 * time.Hour
	DefaultExactSources  = 1_000_000
	DefaultSourcesPerRow = 10_000
	DefaultBatchRows     = 500
	DefaultBatchOctets   = 1 << 20
	DefaultTimeout       = 30 * time.Second
)

// Options are the parts of a Syncer.
type Options struct {
	Store     storage.Store       // required; its change log is followed
	Registrar *registry.Registrar // required

	// Prefixes are the node's own: what T3, M1 and M2 are of. The first stands for the node as a whole. Without
	// one there are no rows of these tables.
	Prefixes []identifier.Key
	// Routes are where identifiers of the node are resolved: T2, and T7 of hosted prefixes. Asked when Run begins.
	// Default: none, and no rows of T2 and of hosted prefixes in T7.
	Routes func() []Route
	// Targets are reported to. Default: nobody; rows are gathered all the same.
	Targets []TargetOptions
	// CountsRequests says that somebody feeds Requests: a day is closed only once its requests have been counted.
	CountsRequests bool

	// Location is the time zone of hours, days and months. Default: China.
	Location *time.Location
	// Retention is how long rows are kept that every target has acknowledged, to be replayed. Default 35 days.
	Retention time.Duration
	// ExactSources is of how many source addresses of a prefix and day the requests are counted exactly. Those of
	// the others are estimated: see Sketch. Default 1 000 000.
	ExactSources int
	// SourcesPerRow is how many sources one row has; longer lists are parts, each a row. Default 10 000.
	SourcesPerRow int
	// BatchRows and BatchOctets bound what is pushed at once. Defaults 500, and 1 MiB, which one row may pass.
	BatchRows, BatchOctets int
	// Timeout bounds a push. Default 30 seconds.
	Timeout time.Duration
	// Clock tells the time. Default: time.Now.
	Clock func() time.Time
	// Logger takes what operators must know. Default: slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics. Default: none.
	Registerer prometheus.Registerer
}

// Syncer reports to the targets. Its methods may be called from many goroutines.
type Syncer struct {
	o       Options
	store   storage.Store
	log     *slog.Logger
	journal *journal
	lanes   []*lane
	metrics *metrics

	counting sync.Mutex // orders flushes of requests and the moment at which a day is closed

	mu        sync.Mutex
	open      day                  // requests are counted for this day at the earliest; "": nothing is known yet
	latencies map[day]*measurement // of registrations, not stored yet
	poked     chan struct{}        // wakes the keeper
}

// New returns a Syncer; Run starts it.
func New(o Options) (*Syncer, error) {
	if o.Store == nil || o.Registrar == nil {
		return nil, errors.New("topsync: Store and Registrar are required")
	}
	if o.Location == nil {
		o.Location = China
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.ExactSources == 0 {
		o.ExactSources = DefaultExactSources
	}
	if o.SourcesPerRow == 0 {
		o.SourcesPerRow = DefaultSourcesPerRow
	}
	if o.BatchRows == 0 {
		o.BatchRows = DefaultBatchRows
	}
	if o.BatchOctets == 0 {
		o.BatchOctets = DefaultBatchOctets
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Syncer{o: o, store: o.Store, log: o.Logger, poked: make(chan struct{}, 1), latencies: make(map[day]*measurement)}
	s.journal = newJournal(o.Store, s.wake)
	for i := range o.Targets {
		t := &o.Targets[i]
		if t.Target == nil || t.Name == "" || slices.ContainsFunc(o.Targets[:i], func(other TargetOptions) bool { return other.Name == t.Name }) {
			return nil, fmt.Errorf("topsync: target %q has no adapter, or no name of its own", t.Name)
		}
		b := new(breaker)
		for _, table := range tablesOf(t.Tables) {
			if topreport.Find(table) == nil {
				return nil, fmt.Errorf("topsync: target %s: no table %q", t.Name, table)
			}
			s.lanes = append(s.lanes, newLane(s, t, table, b))
		}
	}
	var err error
	if s.metrics, err = newMetrics(s, o.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Run gathers rows and sends them until ctx ends. What was not acknowledged is sent again by the next Run. One
// process runs it: with several nodes on one store only one may.
func (s *Syncer) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { s.keep(ctx) })
	for _, l := range s.lanes {
		work.Go(func() { l.run(ctx) })
	}
	work.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if err := s.beat(last, true); err != nil && !errors.Is(err, storage.ErrClosed) {
		s.log.Error("note the end of the sync", "err", err)
	}
}

// Forget gives up the sync's place in the change log, for a node that reports no more: nothing is kept for it. A Syncer
// that runs later looks at everything anew, counts from then on, and goes on with the numbers of rows.
func Forget(ctx context.Context, store storage.Store) error {
	item, err := store.Get(ctx, cursorKey)
	if isNotFound(err) {
		return nil
	}
	for _, of := range []storage.Sync{storage.SyncDay, storage.SyncSource, storage.SyncFeed} {
		if err == nil {
			r := storage.PrefixRange(storage.SyncKey(of, nil, nil))
			err = store.DeleteRange(ctx, r.Start, r.End)
		}
	}
	if err == nil {
		var b storage.Batch
		b.Delete(cursorKey, item.Version)
		_, err = store.Apply(ctx, &b)
	}
	if err != nil {
		return fmt.Errorf("give up the sync's place in the change log: %w", err)
	}
	return nil
}

// lastWords bounds what is stored when Run ends.
const lastWords = 5 * time.Second

// now is the time in UTC to the millisecond.
func (s *Syncer) now() time.Time { return s.o.Clock().UTC().Truncate(time.Millisecond) }

// wake wakes who sends rows of the table.
func (s *Syncer) wake(table string) {
	for _, l := range s.lanes {
		if l.table == table {
			l.signal()
		}
	}
}

// poke wakes the keeper.
func (s *Syncer) poke() {
	select {
	case s.poked <- struct{}{}:
	default:
	}
}

// sleep waits, but not longer than ctx or for a signal on woken, which may be nil.
func sleep(ctx context.Context, woken <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-woken:
	case <-t.C:
	case <-ctx.Done():
	}
}
