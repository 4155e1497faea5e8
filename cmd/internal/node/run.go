package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/idnode/idnode/storage"
)

// Phases of a node's life.
const (
	starting int32 = iota
	ready
	leaving // lame duck: still answering, not ready
)

// Run serves until ctx ends or a server fails, then stops: not ready, a lame-duck pause, listeners
// closed, what is under way drained within shutdown.drain_timeout, workers, store. It prints the
// ready line once every surface is served.
func (n *Node) Run(ctx context.Context) error {
	// The servers outlive ctx: they are told to stop by Shutdown.
	base := context.WithoutCancel(ctx)
	workers, stopWorkers := context.WithCancel(base)
	var work sync.WaitGroup
	work.Go(func() {
		if err := n.resolver.Follow(workers, n.engine); err != nil && workers.Err() == nil {
			n.log.Error("the resolver no longer follows the change log", "err", err)
		}
	})
	work.Go(func() {
		storage.NewJanitor(storage.JanitorOptions{Store: n.engine, Logger: n.log,
			ChangelogRetention: n.cfg.Store.ChangelogRetention}).Run(workers)
	})
	work.Go(func() { n.verifier.Run(workers) })
	work.Go(func() { n.webhooks.Run(workers) })
	jobs, stopJobs := context.WithCancel(workers)
	defer stopJobs()
	work.Go(func() { n.jobs.Run(jobs) })
	work.Go(func() { n.audit.Run(workers) })
	if n.backup != nil {
		work.Go(func() { n.serveBackup(workers) })
	}
	if n.queries != nil {
		work.Go(func() { n.queries.Run(workers) })
		work.Go(func() { n.counter.run(workers, func(err error) { n.log.Error("count resolutions", "err", err) }) })
	}
	work.Go(func() { n.counts.Run(workers) })
	if n.sync != nil {
		work.Go(func() { n.sync.Run(workers) })
		for _, follow := range n.orders {
			work.Go(func() { follow(workers) })
		}
		work.Go(func() { n.watchHealth(workers) })
		work.Go(func() {
			n.feeder.run(workers, func(err error) { n.log.Error("count requests for the sync", "err", err) })
		})
	}
	servers, failed := errgroup.WithContext(base)
	servers.Go(func() error { return n.watchStore(workers) })
	for _, s := range n.surfaces {
		servers.Go(func() error {
			if err := s.Serve(base); err != nil {
				return fmt.Errorf("serve %s: %w", s.name, err)
			}
			return nil
		})
	}
	n.phase.Store(ready)
	n.announce()
	select {
	case <-ctx.Done():
		n.log.Info("stopping")
		n.phase.Store(leaving)
		time.Sleep(n.cfg.Shutdown.LameDuck)
	case <-failed.Done():
		n.phase.Store(leaving)
	}
	stopJobs() // and who waits for one does not hold up the rest
	err := n.drain(base)
	stopWorkers()
	err = errors.Join(servers.Wait(), err)
	work.Wait()
	return errors.Join(err, n.Close())
}

// watchStore ends the node when its store has failed for good: only a restart brings it back, and
// whoever supervises the process must see it.
func (n *Node) watchStore(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := n.engine.Health(); errors.Is(err, storage.ErrUnavailable) {
				return fmt.Errorf("store: %w", err)
			}
		}
	}
}

// drain stops the servers, the admin listener last. Its deadline is its own: the cancelled context
// would drain nothing.
func (n *Node) drain(base context.Context) error {
	ctx, cancel := context.WithTimeout(base, n.cfg.Shutdown.DrainTimeout)
	defer cancel()
	var fronts errgroup.Group
	for _, s := range n.surfaces[1:] {
		fronts.Go(func() error { return n.stop(ctx, s) })
	}
	return errors.Join(fronts.Wait(), n.stop(ctx, n.surfaces[0]))
}

// stop shuts s down. That clients were cut who had not finished in time is no failure of the node.
func (n *Node) stop(ctx context.Context, s surface) error {
	err := s.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		n.log.Warn("clients were cut at the end of the drain timeout", "surface", s.name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	return nil
}

// announce prints the line that says where the node can be reached.
func (n *Node) announce() {
	var args []any
	for _, s := range n.surfaces {
		args = append(args, s.name, s.Addr().String())
	}
	n.log.Info("ready", args...)
}
