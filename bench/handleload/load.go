package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/measure"
	"github.com/idnode/idnode/proto/handle"
)

// load asks one server over one transport.
type load struct {
	*options
	names         corpus.Names
	network, addr string
	want          handle.Rcode // of a good answer
}

// asker is a connection with its queries.
type asker struct {
	wire
	*load
	rec    *measure.Recorder // of who receives
	lost   int               // queries given up while asking, of who asks
	flight *flight
	pick   corpus.Picker
	start  time.Time // of the run
	head   handle.Header
	name   []byte
	out    []byte
}

func (l *load) askers() (all []*asker, err error) {
	h := handle.Header{Opcode: handle.OpResolve, Flags: handle.FlagKeepAlive | handle.FlagPublicOnly, SiteSerial: handle.NoSiteSerial,
		Expiration: uint32(time.Now().Unix()) + handle.Lifetime}
	for range l.conns {
		w, err := dial(l.network, l.addr)
		if err != nil {
			closeAll(all)
			return nil, err
		}
		a := &asker{wire: w, load: l, rec: measure.NewRecorder(), flight: newFlight(), head: h}
		l.picked++ // or each run would find in the cache what the one before asked for
		if seed := l.seed + l.picked; l.options.pick == "uniform" {
			a.pick = corpus.Uniform(seed, l.records)
		} else {
			a.pick = corpus.Zipf(seed, l.records, 1.1)
		}
		all = append(all, a)
	}
	return all, nil
}

func closeAll(all []*asker) {
	for _, a := range all {
		a.Close()
	}
}

// ask sends a query that is or was due then. On TCP it leaves with the next flush.
func (a *asker) ask(due time.Duration) error {
	id, lost := a.flight.begin(due)
	if lost {
		a.lost++
	}
	a.name = a.names.Append(a.name[:0], a.pick())
	a.out = handle.Begin(a.out[:0])
	a.out = handle.AppendBytes(a.out, a.name)
	a.out = append(a.out, 0, 0, 0, 0, 0, 0, 0, 0) // no indexes, no types: all values
	a.out = handle.Finish(a.out, 0, handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: id}, a.head)
	return a.send(a.out)
}

// take records the answer in message.
func (a *asker) take(message []byte) {
	e, rest, err := handle.ParseEnvelope(message)
	if err != nil {
		a.rec.Failure(err)
		return
	}
	due, ok := a.flight.end(e.RequestID)
	if !ok {
		return // it came late, and has been counted
	}
	h, _, err := handle.ParseHeader(rest)
	switch {
	case err != nil:
		a.rec.Failure(err)
	case h.Rcode != a.want || uint64(e.Length) > uint64(len(rest)):
		a.rec.Failure(fmt.Errorf("code %d in %d of %d octets", h.Rcode, len(rest), e.Length))
	default:
		a.rec.Success(time.Since(a.start) - due)
	}
}

// finish closes the connections and sums up. What is still under way has timed out.
func finish(all []*asker, errs []error) (*measure.Recorder, error) {
	closeAll(all)
	sum := measure.NewRecorder()
	for _, a := range all {
		a.giveUp(math.MaxInt64)
		for range a.lost {
			a.rec.Failure(os.ErrDeadlineExceeded)
		}
		sum.Add(a.rec)
	}
	return sum, errors.Join(errs...)
}

// giveUp counts the queries that were due before limit as timed out.
func (a *asker) giveUp(limit time.Duration) {
	for range a.flight.expire(limit) {
		a.rec.Failure(os.ErrDeadlineExceeded)
	}
}

// closed keeps --outstanding queries under way for d.
func (l *load) closed(ctx context.Context, d time.Duration) (*measure.Recorder, time.Duration, error) {
	all, err := l.askers()
	if err != nil {
		return nil, 0, err
	}
	errs := make([]error, len(all))
	var running sync.WaitGroup
	start := time.Now()
	for k, a := range all {
		a.start = start
		depth := l.outstanding / len(all)
		if k < l.outstanding%len(all) {
			depth++
		}
		running.Go(func() { errs[k] = a.keep(ctx, depth, d) })
	}
	running.Wait()
	sum, err := finish(all, errs)
	return sum, d, err // those answered later are at most --outstanding
}

// keep asks so that depth queries are under way until d has passed, and takes the last answers.
func (a *asker) keep(ctx context.Context, depth int, d time.Duration) error {
	for {
		elapsed := time.Since(a.start)
		for elapsed < d && a.flight.underWay() < depth {
			if err := a.ask(elapsed); err != nil {
				return err
			}
		}
		if err := a.flush(); err != nil {
			return err
		}
		if a.flight.underWay() == 0 {
			return ctx.Err()
		}
		// The deadline is for the queries that get no answer; it is moved only when it has passed.
		if err := a.SetReadDeadline(time.Now().Add(a.timeout / 4)); err != nil {
			return err
		}
		if err := a.exchange(d); !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		a.giveUp(time.Since(a.start) - a.timeout)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// exchange takes answers and asks again for each, until d has passed and all are there.
func (a *asker) exchange(d time.Duration) error {
	for {
		message, err := a.receive()
		if err != nil {
			return err
		}
		before := a.flight.underWay()
		a.take(message)
		if now := time.Since(a.start); now < d {
			for range before - a.flight.underWay() {
				if err := a.ask(now); err != nil {
					return err
				}
			}
		} else if a.flight.underWay() == 0 {
			return nil
		}
		if !a.waiting() {
			if err := a.flush(); err != nil {
				return err
			}
		}
	}
}

// open asks rate queries a second for d, evenly spaced, over all connections in turn. One goroutine
// asks, and when it comes late it asks at once for all that is due. A latency counts from when its
// query was due: waiting that the node causes is not left out, and neither is the generator's own.
func (l *load) open(ctx context.Context, d time.Duration, rate float64) (*measure.Recorder, time.Duration, error) {
	all, err := l.askers()
	if err != nil {
		return nil, 0, err
	}
	errs := make([]error, len(all)+1)
	var receiving sync.WaitGroup
	start := time.Now()
	for k, a := range all {
		a.start = start
		receiving.Go(func() { errs[k] = a.receiveAll() })
	}
	errs[len(all)] = l.pace(ctx, all, start, d, rate)
	elapsed := time.Since(start)
	for end := time.Now().Add(l.timeout); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(time.Millisecond) {
		if !slices.ContainsFunc(all, func(a *asker) bool { return a.flight.underWay() > 0 }) {
			break
		}
	}
	for _, a := range all {
		_ = a.SetReadDeadline(time.Unix(1, 0)) // ends receiveAll; a connection that is broken has ended it
	}
	receiving.Wait()
	sum, err := finish(all, errs)
	return sum, elapsed, err
}

// pace asks until all that is due within d has been asked. It has a thread of its own, because the
// runtime's timers wake a goroutine only to the millisecond.
func (l *load) pace(ctx context.Context, all []*asker, start time.Time, d time.Duration, rate float64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	interval := float64(time.Second) / rate
	for n := 0; ; {
		asked := n
		for elapsed := time.Since(start); ; n++ {
			due := time.Duration(float64(n) * interval)
			if due >= d || due > elapsed {
				break
			}
			if err := all[n%len(all)].ask(due); err != nil {
				return err
			}
		}
		for k := range min(n-asked, len(all)) {
			if err := all[(asked+k)%len(all)].flush(); err != nil {
				return err
			}
		}
		due := time.Duration(float64(n) * interval)
		if due >= d || ctx.Err() != nil {
			return ctx.Err()
		}
		if err := sleep(due - time.Since(start)); err != nil {
			return err
		}
	}
}

// receiveAll takes answers until the read deadline.
func (a *asker) receiveAll() error {
	for {
		message, err := a.receive()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		a.take(message)
	}
}
