package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
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
	Concurrent int                   // jobs that run at a time, of different enterprises; default 4
	Retention  time.Duration         // how long ended jobs are kept; default 30 days
	Free       func() error          // why nothing more may be written to the disk, or nil; default: it always may
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

	mu      sync.Mutex
	running map[string]*run // by job
	turn    map[string]int  // by enterprise: when it last had its turn
	turns   int
}

// run is a job under way.
type run struct {
	enterprise string
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
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Runner{o: o, pace: newPace(), wake: make(chan struct{}, 1), running: make(map[string]*run), turn: make(map[string]int)}
	var err error
	if s.metrics, err = newMetrics(o.Registerer, s); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Submit queues the job of an input that has been received. It returns the job that the same input with the same
// options has already, and then forgets this one.
func (s *Runner) Submit(ctx context.Context, in Input, q registry.JobRequest, w registry.Write) (*registry.Job, error) {
	q.ID, q.Format, q.Digest, q.Octets = in.ID, in.Format, in.Digest, in.Octets
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
	in := Input{ID: registry.NewJobID(), Format: parent.Format, Octets: parent.Octets}
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

// Run runs jobs until ctx ends, then lets the chunks that are being stored finish.
func (s *Runner) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
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

// next chooses a job to run, and notes that it runs: of the enterprises with none under way the one whose last turn is
// longest ago, and its oldest job. It is nil if there is none, or no room.
func (s *Runner) next(ctx context.Context) (*registry.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.running) >= s.o.Concurrent || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	busy := make(map[string]bool)
	for _, r := range s.running {
		busy[r.enterprise] = true
	}
	var best *registry.Job
	err := s.o.Registrar.EachJob(ctx, func(j *registry.Job) error {
		switch {
		case j.State.Ended() || busy[j.Enterprise]:
		case best == nil, s.turn[j.Enterprise] < s.turn[best.Enterprise],
			j.Enterprise == best.Enterprise && j.Created.Before(best.Created):
			best = j
		}
		return nil
	})
	if err != nil || best == nil {
		return nil, err
	}
	s.turns++
	s.turn[best.Enterprise] = s.turns
	s.running[best.ID] = &run{enterprise: best.Enterprise, progress: newProgress(best, s.o.Clock())}
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

// dropOrphans removes inputs that have no job: their upload or submission was broken off.
func (s *Runner) dropOrphans(ctx context.Context) error {
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
		id, input := strings.CutSuffix(f.Name(), inputSuffix)
		if !input || !known[id] {
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
