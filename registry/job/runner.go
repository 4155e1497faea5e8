package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/registry"
)

// Options are the parts of a Runner.
type Options struct {
	Registrar  *registry.Registrar   // required
	Dir        string                // of the inputs; required
	Concurrent int                   // jobs that run at a time, of different enterprises; default 4. As many short ones run beside them
	Retention  time.Duration         // how long ended jobs are kept; default 30 days
	Free       func() error          // why nothing more may be written to the disk, or nil; default: it always may
	Busy       func(busy bool)       // is told when the first job begins and the last has ended; default: nobody
	Clock      func() time.Time      // default time.Now
	Logger     *slog.Logger          // default slog.Default()
	Registerer prometheus.Registerer // takes the metrics; default none
}

// Runner keeps the inputs of jobs and runs them. Its methods may be called from many goroutines.
type Runner struct {
	o       Options
	metrics *counters
	pace    *pace
	wake    chan struct{} // something is new
	stop    chan struct{} // closed when Run is told to end

	closeStop func()

	// lanes are the processors that jobs may keep busy at a time. With at least one to spare, a question that comes in is
	// taken up at once; else it is when a goroutine is preempted, after 10 ms.
	lanes chan struct{}

	mu       sync.Mutex
	running  map[string]*run // by job
	turns    map[string]int  // by enterprise: when it last had its turn
	turnsHad int
	fresh    map[string]bool // inputs of this process, until those of earlier ones have been looked through; then nil
}

// run is a job under way.
type run struct {
	enterprise string
	short      bool
	cancel     context.CancelCauseFunc
	progress   *progress
}

// errCancelled ends the run of a job that was cancelled.
var errCancelled = errors.New("cancelled")

// New returns a Runner.
func New(o Options) (*Runner, error) {
	if o.Registrar == nil || o.Dir == "" {
		return nil, errors.New("job: Registrar and Dir are required")
	}
	if o.Concurrent == 0 {
		o.Concurrent = 4
	}
	if o.Retention == 0 {
		o.Retention = 30 * 24 * time.Hour
	}
	if o.Free == nil {
		o.Free = func() error { return nil }
	}
	if o.Busy == nil {
		o.Busy = func(bool) {}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Runner{o: o, pace: newPace(), lanes: make(chan struct{}, max(1, runtime.NumCPU()/2)), wake: make(chan struct{}, 1), stop: make(chan struct{}), running: make(map[string]*run), turns: make(map[string]int), fresh: make(map[string]bool)}
	s.closeStop = sync.OnceFunc(func() { close(s.stop) })
	var err error
	if s.metrics, err = newMetrics(o.Registerer, s); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Submit queues the job of an input that has been received. It returns the job that the same input with the same
// options has already, and then forgets this one.
func (s *Runner) Submit(ctx context.Context, in Input, q registry.JobRequest, w registry.Write) (*registry.Job, error) {
	q.ID, q.Format, q.Digest, q.Octets, q.Lines = in.ID, in.Format, in.Digest, in.Octets, in.Lines
	j, err := s.o.Registrar.CreateJob(ctx, q, w)
	if e := registry.AsError(err); err == nil && j.ID != in.ID || err != nil && e.Code != registry.CodeUnavailable {
		s.Discard(in.ID)
	}
	if err != nil {
		return nil, err
	}
	s.notify()
	return j, nil
}

// Retry queues a job of the rows of another that failed, or were held back.
func (s *Runner) Retry(ctx context.Context, id string, w registry.Write) (*registry.Job, error) {
	parent, err := s.o.Registrar.Job(ctx, id, w.Actor)
	if err != nil {
		return nil, err
	}
	switch {
	case !parent.State.Ended():
		return nil, registry.Refuse(registry.CodeInvalidState, "", "the job is %s", string(parent.State))
	case parent.Summary.Total == parent.Summary.Stored+parent.Summary.Skipped && parent.State == registry.JobDone:
		return nil, registry.Refuse(registry.CodeInvalidState, "", "no row of the job failed")
	}
	in := Input{ID: s.newID(), Format: parent.Format, Octets: parent.Octets}
	in.Lines = max(parent.Lines, parent.Summary.Total) - parent.Summary.Stored - parent.Summary.Skipped
	if err := parent.ReadDigest(&in.Digest); err != nil {
		return nil, err
	}
	if err := s.share(id, in.ID); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, registry.Refuse(registry.CodeInvalidState, "", "the job's input is not kept any more")
		}
		return nil, err
	}
	return s.Submit(ctx, in, registry.JobRequest{Enterprise: parent.Enterprise, Name: parent.Name, Options: parent.Options, Parent: parent, Language: parent.Language}, w)
}

// Cancel ends a job.
func (s *Runner) Cancel(ctx context.Context, id string, w registry.Write) (*registry.Job, error) {
	j, err := s.o.Registrar.CancelJob(ctx, id, w)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.running[id]; r != nil {
		r.cancel(errCancelled)
	}
	return j, nil
}

// Delete forgets a job that has ended.
func (s *Runner) Delete(ctx context.Context, id string, w registry.Write) error {
	if err := s.o.Registrar.DropJob(ctx, id, w); err != nil {
		return err
	}
	s.Discard(id)
	return nil
}

func (s *Runner) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sweepEvery is how often ended jobs are looked through for those that are due.
const sweepEvery = 10 * time.Minute

// Stopping is closed when Run is told to end: who waits for a job need not wait longer.
func (s *Runner) Stopping() <-chan struct{} { return s.stop }

// Run runs jobs, once, until ctx ends, then lets the chunks that are being stored finish.
func (s *Runner) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	defer s.closeStop()
	if err := s.dropOrphans(ctx); err != nil && ctx.Err() == nil {
		s.o.Logger.Error("look through inputs of jobs", "err", err)
	}
	all.Go(func() { s.pace.run(ctx) })
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		for {
			j, err := s.next(ctx)
			if err != nil && ctx.Err() == nil {
				s.o.Logger.Error("look for jobs", "err", err)
			}
			if j == nil {
				break
			}
			all.Go(func() { s.do(ctx, j) })
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-sweep.C:
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				s.o.Logger.Error("drop ended jobs", "err", err)
			}
		}
	}
}

// A short job does not wait for the long ones of its enterprise: somebody may sit before it.
const (
	shortLines  = 1000
	shortOctets = 4 << 20
)

func isShort(j *registry.Job) bool {
	return j.Lines > 0 && j.Lines <= shortLines && j.Octets <= shortOctets && j.Parent == ""
}

// next chooses a job to run, and notes that it runs: of the enterprises with none under way the one whose last turn is
// longest ago, and its oldest job; short jobs and long ones apart. It is nil if there is none, or no room.
func (s *Runner) next(ctx context.Context) (*registry.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	type kind struct {
		enterprise string
		short      bool
	}
	busy, room := make(map[kind]bool), map[bool]int{true: s.o.Concurrent, false: s.o.Concurrent}
	for _, r := range s.running {
		busy[kind{r.enterprise, r.short}] = true
		room[r.short]--
	}
	if room[true]+room[false] <= 0 || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var best *registry.Job
	err := s.o.Registrar.EachJob(ctx, func(j *registry.Job) error {
		switch {
		case j.State.Ended() || busy[kind{j.Enterprise, isShort(j)}] || room[isShort(j)] <= 0:
		case best == nil, s.turns[j.Enterprise] < s.turns[best.Enterprise],
			j.Enterprise == best.Enterprise && j.Created.Before(best.Created):
			best = j
		}
		return nil
	})
	if err != nil || best == nil {
		return nil, err
	}
	s.turnsHad++
	s.turns[best.Enterprise] = s.turnsHad
	if len(s.running) == 0 {
		s.o.Busy(true)
	}
	s.running[best.ID] = &run{enterprise: best.Enterprise, short: isShort(best), progress: newProgress(best, s.o.Clock())}
	return best, nil
}

// sweep forgets jobs that ended longer than the retention ago.
func (s *Runner) sweep(ctx context.Context) error {
	var due []string
	before := s.o.Clock().Add(-s.o.Retention)
	err := s.o.Registrar.EachJob(ctx, func(j *registry.Job) error {
		if j.State.Ended() && j.Finished.Before(before) {
			due = append(due, j.ID)
		}
		return nil
	})
	for _, id := range due {
		err = errors.Join(err, s.Delete(ctx, id, registry.Write{Actor: registry.NodeActor(), Reason: "retention"}))
	}
	return err
}

// newID is the id of an input to come.
func (s *Runner) newID() string {
	id := registry.NewJobID()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh != nil {
		s.fresh[id] = true
	}
	return id
}

// dropOrphans removes inputs of earlier processes that have no job: their upload or submission was broken off.
func (s *Runner) dropOrphans(ctx context.Context) error {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fresh = nil
	}()
	files, err := os.ReadDir(s.o.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	known := make(map[string]bool)
	if err := s.o.Registrar.EachJob(ctx, func(j *registry.Job) error { known[j.ID] = true; return nil }); err != nil {
		return err
	}
	for _, f := range files {
		id, rest, _ := strings.Cut(f.Name(), ".")
		s.mu.Lock()
		fresh := s.fresh[id]
		s.mu.Unlock()
		if !fresh && ("."+rest != inputSuffix || !known[id]) {
			err = errors.Join(err, os.Remove(s.path(f.Name())))
		}
	}
	return err
}

// Progress is how far a job that is under way has come.
type Progress struct {
	Summary       registry.Summary `json:"summary"`
	RowsPerSecond float64          `json:"rowsPerSecond"` // of this run
	Done          float64          `json:"done"`          // of the input, from 0 to 1
	Remaining     time.Duration    `json:"-"`             // at this rate; 0: not known
}

// Progress returns how far a job has come; false if it is not under way.
func (s *Runner) Progress(id string) (Progress, bool) {
	s.mu.Lock()
	r := s.running[id]
	s.mu.Unlock()
	if r == nil {
		return Progress{}, false
	}
	return r.progress.now(s.o.Clock()), true
}

// Running lists the jobs under way.
func (s *Runner) Running() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.running))
}
