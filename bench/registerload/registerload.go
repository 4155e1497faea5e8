// Package registerload registers identifiers with a node as fast as it acknowledges them. All of it is
// closed: a client sends its next registration when the last is acknowledged.
package registerload

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/measure"
	"github.com/idnode/idnode/bench/internal/target"
)

// Generator registers records of a corpus with a node, one after another.
type Generator struct {
	Node    *target.Node
	Corpus  corpus.Corpus
	Clients int    // of Singles
	Most    uint64 // records of a run of Singles; 0 for as many as its time allows

	next atomic.Uint64
}

// Begin makes number the first that is registered. No number is used twice.
func (g *Generator) Begin(number uint64) { g.next.Store(number) }

// Prepare writes the next count records to a file in dir, which is gone when it is closed, so that an
// import takes little of the generator.
func (g *Generator) Prepare(dir string, count uint64) (*os.File, error) {
	f, err := os.CreateTemp(dir, "import-")
	if err != nil {
		return nil, err
	}
	first := g.next.Add(count) - count
	w := bufio.NewWriterSize(f, 1<<20)
	err = errors.Join(os.Remove(f.Name()), g.Corpus.WriteNDJSON(w, first, count), w.Flush())
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Import imports what was prepared and returns how long that took. Latencies are not known.
func (g *Generator) Import(ctx context.Context, lines io.Reader) (*measure.Recorder, time.Duration, error) {
	start := time.Now()
	s, err := g.Node.Import(ctx, "create", io.NopCloser(lines))
	rec := measure.NewRecorder()
	rec.Done, rec.Failed, rec.First = uint64(s.Stored), uint64(s.Failed), s.FirstFailure
	return rec, time.Since(start), err
}

// Job has what was prepared registered by a job, and returns how long that took from its first octet to its end.
func (g *Generator) Job(ctx context.Context, lines io.Reader) (*measure.Recorder, time.Duration, error) {
	start := time.Now()
	s, err := g.Node.Job(ctx, "create", io.NopCloser(lines))
	rec := measure.NewRecorder()
	rec.Done, rec.Failed = uint64(s.Stored), uint64(s.Failed)
	return rec, time.Since(start), err
}

// client registers single records over one surface.
type client interface {
	// register returns when record i of the corpus is acknowledged, or has failed.
	register(ctx context.Context, i uint64) error
	close()
}

// Singles measures registrations one at a time over mode, "http" or "grpc", for d after a warm-up.
func (g *Generator) Singles(ctx context.Context, mode string, warmup, d time.Duration) (*measure.Result, error) {
	clients, err := g.connect(mode)
	defer func() {
		for _, c := range clients {
			c.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	if _, _, err := g.drive(ctx, clients, warmup); err != nil {
		return nil, err
	}
	return g.Node.Measure(mode, func() (*measure.Recorder, time.Duration, error) { return g.drive(ctx, clients, d) })
}

func (g *Generator) connect(mode string) (clients []client, err error) {
	if mode == "grpc" {
		return g.dialGRPC()
	}
	for range g.Clients {
		c, err := g.dialHTTP()
		if err != nil {
			return clients, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// drive lets all clients register for d, or until g.Most are done, and waits for the last
// acknowledgements.
func (g *Generator) drive(ctx context.Context, clients []client, d time.Duration) (*measure.Recorder, time.Duration, error) {
	limit := uint64(1<<64 - 1)
	if g.Most > 0 {
		limit = g.next.Load() + g.Most
	}
	recorders := make([]*measure.Recorder, len(clients))
	var running sync.WaitGroup
	start := time.Now()
	for k, c := range clients {
		rec := measure.NewRecorder()
		recorders[k] = rec
		running.Go(func() {
			for ctx.Err() == nil {
				begin := time.Now()
				if begin.Sub(start) >= d {
					return
				}
				i := g.next.Add(1) - 1
				if i >= limit {
					return
				}
				if err := c.register(ctx, i); err != nil {
					rec.Failure(err)
					continue
				}
				rec.Success(time.Since(begin))
			}
		})
	}
	running.Wait()
	elapsed := time.Since(start)
	all := measure.NewRecorder()
	for _, rec := range recorders {
		all.Add(rec)
	}
	return all, elapsed, ctx.Err()
}
