// Command registerload registers identifiers as fast as a node acknowledges them: one at a time
// over HTTP or gRPC from many clients, or as an import. It reports acknowledgements a second,
// latencies, and what they cost the node. Without --server it starts a node for it, and without
// --mode it tries all of them.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/measure"
	"github.com/idnode/idnode/bench/internal/target"
)

const defaultImport = 300_000 // records

// options are the flags.
type options struct {
	target   target.Flags
	mode     string
	clients  int
	duration time.Duration
	warmup   time.Duration
	records  uint64
	seed     uint64
}

func main() {
	var o options
	o.target.Register(flag.CommandLine)
	flag.StringVar(&o.mode, "mode", "", "http, grpc or import, or several with commas (default all)")
	flag.IntVar(&o.clients, "clients", 256, "clients of http and grpc; each waits for its acknowledgement before it goes on")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "of http and grpc")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "of http and grpc, before the measured time")
	flag.Uint64Var(&o.records, "records", 0, fmt.Sprintf("most records of a run (default: http and grpc by duration, import %d)", defaultImport))
	flag.Uint64Var(&o.seed, "seed", 1, "of what the records hold")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "registerload:", err)
		os.Exit(1)
	}
}

// generator registers records of a corpus with a node. No number is used twice.
type generator struct {
	*options
	node   *target.Node
	corpus corpus.Corpus
	next   atomic.Uint64
}

func run(ctx context.Context, o *options) (err error) {
	modes := strings.Split(cmp.Or(o.mode, "http,grpc,import"), ",")
	if i := slices.IndexFunc(modes, func(m string) bool { return m != "http" && m != "grpc" && m != "import" }); i >= 0 || flag.NArg() > 0 || o.clients < 1 {
		return fmt.Errorf("usage: --mode http, grpc or import, --clients at least 1, no arguments")
	}
	node, err := o.target.Open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := node.Close(); err == nil {
			err = e
		}
	}()
	g := &generator{options: o, node: node, corpus: corpus.Corpus{Names: corpus.Serials(target.Prefix), Seed: o.seed}}
	if node.Dir() == "" {
		// A running node may have the numbers of earlier runs.
		g.next.Store(uint64(time.Now().Unix()) << 32)
	} else {
		wait, err := syncTime(node.Dir())
		if err != nil {
			return err
		}
		fmt.Printf("a write of 4 KiB is synced in %v (median) where the node keeps its data\n", wait.Round(time.Microsecond))
	}
	if _, err := g.importRecords(ctx, 1); err != nil { // also allocates the namespace
		return err
	}
	for _, mode := range modes {
		var r *measure.Result
		if mode == "import" {
			count := cmp.Or(o.records, defaultImport)
			r, err = node.Measure(mode, func() (*measure.Recorder, time.Duration, error) {
				start := time.Now()
				rec, err := g.importRecords(ctx, count)
				return rec, time.Since(start), err
			})
		} else {
			r, err = g.singles(ctx, mode)
		}
		if err != nil {
			return err
		}
		fmt.Println(r)
		if r.Done == 0 {
			return fmt.Errorf("%s: nothing was acknowledged", mode)
		}
	}
	return nil
}

// importRecords imports the next count records.
func (g *generator) importRecords(ctx context.Context, count uint64) (*measure.Recorder, error) {
	first := g.next.Add(count) - count
	s, err := g.node.Import(ctx, "create", g.corpus.NDJSON(first, count))
	rec := measure.NewRecorder()
	rec.Done, rec.Failed, rec.First = uint64(s.Stored), uint64(s.Failed), s.FirstFailure
	return rec, err
}

// client registers single records over one surface.
type client interface {
	// register returns when record i of the corpus is acknowledged, or has failed.
	register(ctx context.Context, i uint64) error
	close()
}

// singles measures registrations one at a time.
func (g *generator) singles(ctx context.Context, mode string) (*measure.Result, error) {
	clients, err := g.connect(mode)
	defer func() {
		for _, c := range clients {
			c.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	if _, _, err := g.drive(ctx, clients, g.warmup); err != nil {
		return nil, err
	}
	return g.node.Measure(fmt.Sprintf("%s, %d clients", mode, g.clients), func() (*measure.Recorder, time.Duration, error) {
		return g.drive(ctx, clients, g.duration)
	})
}

func (g *generator) connect(mode string) (clients []client, err error) {
	if mode == "grpc" {
		return g.dialGRPC()
	}
	for range g.clients {
		c, err := g.dialHTTP()
		if err != nil {
			return clients, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// drive lets all clients register for d, or until --records are done, and waits for the last
// acknowledgements.
func (g *generator) drive(ctx context.Context, clients []client, d time.Duration) (*measure.Recorder, time.Duration, error) {
	limit := uint64(1<<64 - 1)
	if g.records > 0 {
		limit = g.next.Load() + g.records
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
