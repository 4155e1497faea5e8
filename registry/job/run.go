package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// do runs a job to its end, or until ctx ends: then it goes on from there at the next start.
func (s *Runner) do(ctx context.Context, j *registry.Job) {
	defer s.notify()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	s.running[j.ID].cancel = cancel
	p := s.running[j.ID].progress
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		if delete(s.running, j.ID); len(s.running) == 0 {
			s.o.Busy(false)
		}
		s.mu.Unlock()
	}()
	end, err := s.rows(ctx, j, p)
	cause := context.Cause(ctx)
	switch {
	case err == nil, errors.Is(cause, errCancelled):
		err = nil
	case cause != nil: // the node stops
		return
	case retryable(err):
		s.o.Logger.Warn("job waits", "job", j.ID, "err", err)
		select { // it stays under way, and is tried again
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
		return
	}
	// The end must be noted whatever has been cancelled.
	end.Cause = err
	if _, err := s.o.Registrar.EndJob(context.WithoutCancel(ctx), j.ID, end); err != nil {
		s.o.Logger.Error("note the end of a job", "job", j.ID, "err", err)
	}
	s.metrics.ended(err)
}

// retryAfter is how long a job rests whose rows could not be stored: the disk is full, or the store is away.
const retryAfter = 5 * time.Second

// retryable reports whether a job that ended with err may go on later. Its chunks are stored or not: nothing is in between.
func retryable(err error) bool {
	switch registry.AsError(err).Code {
	case registry.CodeNoSpace, registry.CodeUnavailable, registry.CodeConflict:
		return true
	}
	return false
}

// rows registers the rows of a job from where it stands.
func (s *Runner) rows(ctx context.Context, j *registry.Job, p *progress) (registry.JobEnd, error) {
	if _, err := s.o.Registrar.StartJob(ctx, j.ID); err != nil {
		return registry.JobEnd{}, err
	}
	k, err := s.loadKeeper(ctx, j, p)
	if err != nil {
		return registry.JobEnd{}, err
	}
	before := registry.JobEnd{Summary: k.before.Summary}
	if j.Options.DryRun {
		before.Found = &k.before.Found
	}
	f, err := os.Open(s.path(j.ID) + inputSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return before, registry.Refuse(registry.CodeInvalidState, "", "the job's input is not kept any more")
	}
	if err != nil {
		return before, fmt.Errorf("open input of job: %w", err)
	}
	defer f.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	src, err := s.source(ctx, j, f, k)
	if err != nil {
		return before, err
	}
	defer src.close()
	defer stop()
	o := registry.ImportOptions{
		Actor: j.Actor(), Mode: j.Options.Mode, Language: j.Language, Allocate: j.Options.Allocate, Keeper: k, From: k.end,
	}
	o.DryRun, o.Job = before.Found, j.ID
	if j.Options.Atomic {
		o.Atomic = s.o.Registrar.Limits().AtomicRows
	}
	o.Turn = s.turn
	sum, err := s.o.Registrar.Import(ctx, src.next, o, func(registry.RowResult) error { return nil })
	sum.Add(k.before.Summary)
	return registry.JobEnd{Summary: sum, Found: o.DryRun}, err
}

// turn waits until a job may work on its next chunk: after a rest, if the node is busy, and when a lane is free.
func (s *Runner) turn(ctx context.Context) (done func(), err error) {
	if err := s.pace.wait(ctx); err != nil {
		return nil, err
	}
	select {
	case s.lanes <- struct{}{}:
		return func() { <-s.lanes }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// keeper keeps account of a job's chunks in the store. It is a registry.ChunkKeeper.
type keeper struct {
	id       string
	mints    bool          // the identifiers are the job's own
	before   registry.Kept // of the chunks that follow one another from the beginning
	line     int           // the last of them
	end      int64         // where the input goes on behind it
	kept     map[int]registry.Kept
	progress *progress
	counted  func(registry.Summary)
}

// loadKeeper reads what earlier runs of the job stored.
func (s *Runner) loadKeeper(ctx context.Context, j *registry.Job, p *progress) (*keeper, error) {
	k := &keeper{id: j.ID, mints: j.Options.Rule != "", kept: make(map[int]registry.Kept), progress: p, counted: s.metrics.counted}
	type chunk struct {
		first int
		*registry.JobChunk
	}
	var chunks []chunk
	err := s.o.Registrar.JobChunks(ctx, j.ID, 0, func(first int, c *registry.JobChunk) error {
		chunks = append(chunks, chunk{first, &registry.JobChunk{End: c.End, Summary: c.Summary, Found: c.Found, Before: c.Before, Runs: c.Runs}})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, c := range chunks {
		if c.Before != k.end { // the one before it is missing
			for _, c := range chunks[i:] {
				k.kept[c.first] = registry.Kept{Summary: c.Summary, Found: c.Found}
			}
			break
		}
		k.before.Summary.Add(c.Summary)
		k.before.Found.Add(c.Found)
		k.line, k.end = c.Last(), c.End
	}
	p.add(k.before.Summary, k.end)
	return k, nil
}

// Kept implements registry.ChunkKeeper.
func (k *keeper) Kept(line int) (registry.Kept, bool) {
	kept, ok := k.kept[line]
	return kept, ok
}

// Keep implements registry.ChunkKeeper.
func (k *keeper) Keep(b *storage.Batch, c *registry.ChunkResult) error {
	return registry.KeepJobChunk(b, k.id, c, k.mints)
}

// Advance implements registry.ChunkKeeper.
func (k *keeper) Advance(sum registry.Summary, end int64) {
	k.progress.add(sum, end)
	k.counted(sum)
}

// progress is how far a job has come.
type progress struct {
	mu      sync.Mutex
	octets  int64 // of the input
	started time.Time
	sum     registry.Summary
	end     int64

	base    int // rows and place at the start of this run
	baseEnd int64
	begun   bool
}

func newProgress(j *registry.Job, now time.Time) *progress {
	return &progress{octets: j.Octets, started: now}
}

// add counts the rows up to the place end of the input. The first call tells what earlier runs did.
func (p *progress) add(sum registry.Summary, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sum.Add(sum)
	p.end = max(p.end, end)
	if !p.begun {
		p.begun, p.base, p.baseEnd = true, p.sum.Total, p.end
	}
}

func (p *progress) now(t time.Time) Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := Progress{Summary: p.sum}
	if p.octets > 0 {
		out.Done = min(1, float64(p.end)/float64(p.octets))
	}
	if d := t.Sub(p.started); d > 0 {
		out.RowsPerSecond = float64(p.sum.Total-p.base) / d.Seconds()
		if done := p.end - p.baseEnd; done > 0 {
			out.Remaining = time.Duration(float64(d) * float64(p.octets-p.end) / float64(done))
		}
	}
	return out
}

// source gives the rows of an input that are to be registered, from where the keeper stands.
type source interface {
	next() (registry.Row, error) // io.EOF at the end
	close()
}
