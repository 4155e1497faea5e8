package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/resolver"
)

// flight is one asking, for all who want to know the same at that time.
type flight struct {
	old     atomic.Pointer[resolver.Foreign] // an expired answer that was found on the way
	landed  chan struct{}                    // closed when the rest is set
	foreign *resolver.Foreign
	err     error
	hops    []resolver.Hop
}

// course is what a flight is for. Who asks after something was forgotten does not share one from before.
type course struct {
	slot
	ticket resolver.Ticket
	hops   bool // somebody wants to know the hops
}

// board returns the flight for q, which begins if there is none. It takes over what work.begin has begun.
func (s *Shared) board(ctx context.Context, q resolver.UpstreamQuery, ticket resolver.Ticket) *flight {
	q.ID = own(q.ID)
	at := slotOf(q.ID, q.From)
	c := course{at, ticket, q.Hop != nil}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fl := s.flights[c]; fl != nil {
		s.work.end()
		s.m.shared.Inc()
		return fl
	}
	fl := &flight{landed: make(chan struct{})}
	s.flights[c] = fl
	go func() {
		defer s.work.end()
		defer func() {
			// A panic here would be raised in a goroutine that no front end recovers.
			if v := recover(); v != nil {
				fl.foreign, fl.err = nil, fmt.Errorf("panic asking another node: %v", v)
			}
			s.mu.Lock()
			delete(s.flights, c)
			s.mu.Unlock()
			close(fl.landed)
		}()
		// It has an end of its own, so that who goes away does not fail the rest.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Timeout)
		defer cancel()
		defer context.AfterFunc(s.work.ended, cancel)()
		s.fly(ctx, fl, q, &at, ticket)
	}()
	return fl
}

// fly looks into Redis and, if that does not do, asks, or waits for the node that is asking.
func (s *Shared) fly(ctx context.Context, fl *flight, q resolver.UpstreamQuery, at *slot, ticket resolver.Ticket) {
	if q.Hop != nil {
		q.Hop = func(h resolver.Hop) { fl.hops = append(fl.hops, h) }
	}
	var l looked
	if s.reachable(at.key) {
		var err error
		begun := time.Now()
		enough := func(f *resolver.Foreign) bool { return s.fresh(s.bound(f, time.Now()), time.Now()) }
		l, err = s.far.look(*at, enough)
		s.lookedUp(fl, &q, at, ticket, l, err, begun)
		pause := 5 * time.Millisecond
		for err == nil && l.taken && fl.foreign == nil && time.Since(begun) < s.o.Wait {
			select {
			case <-ctx.Done():
				fl.err = ctx.Err()
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, 50*time.Millisecond)
			l, err = s.far.look(*at, enough)
			if err != nil || !l.taken {
				s.lookedUp(fl, &q, at, ticket, l, err, begun)
			}
		}
		if fl.foreign != nil {
			return
		}
	}
	s.m.asked.Inc()
	f, err := s.next.Resolve(ctx, q)
	if err != nil {
		s.m.failed.Inc()
		s.release(at, l)
		s.near.hold(at, time.Now().Add(retryIn))
		fl.err = err
		return
	}
	fl.foreign = s.keep(at, ticket, l, f)
}

// lookedUp sees to what was found in Redis.
func (s *Shared) lookedUp(fl *flight, q *resolver.UpstreamQuery, at *slot, ticket resolver.Ticket, l looked, err error, begun time.Time) {
	now := time.Now()
	f := s.bound(l.foreign, now)
	if q.Hop != nil {
		h := hop("redis", q, f, !s.fresh(f, now), now.Sub(begun))
		if err != nil {
			h.Code, h.Detail = "error", err.Error()
		}
		q.Hop(h)
	}
	if err != nil {
		return
	}
	switch {
	case s.fresh(f, now):
		s.m.farHit(f)
		s.keepNear(at, ticket, f, now)
		f.Tier = resolver.TierRedis
		fl.foreign = f
	default:
		s.m.missed.WithLabelValues(layerFar).Inc()
		if s.usable(f, now) {
			f.Tier = resolver.TierRedis
			fl.old.Store(f)
			if v, _ := s.near.get(at); v.foreign == nil || f.Fetched.After(v.foreign.Fetched) {
				s.keepNear(at, ticket, f, now)
			}
		}
	}
}

// work is what goes on by itself.
type work struct {
	mu     sync.Mutex
	closed bool
	going  sync.WaitGroup
	ended  context.Context // done when no more is to begin
	stop   context.CancelFunc
}

func newWork() *work {
	w := new(work)
	w.ended, w.stop = context.WithCancel(context.Background())
	return w
}

// begin reports whether work may still begin; it ends with end.
func (w *work) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.going.Add(1)
	}
	return !w.closed
}

func (w *work) end() { w.going.Done() }

// close has all work end, and waits for that.
func (w *work) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.stop()
	w.going.Wait()
}
