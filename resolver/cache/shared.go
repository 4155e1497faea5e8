package cache

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// Shared keeps what other nodes said: in this process and, if it is told of one, in a Redis for all nodes of a site,
// which ask for an identifier only once then. Whatever becomes of that Redis, an answer takes longer by no more than
// Budget, and is one that the answerable node gave:
//
//   - An answer is told until it expires, but not after it was forgotten (Forget) or superseded (NoCache) here.
//   - What another node forgets is forgotten here as soon as Redis says so, well within a second. A node that has lost
//     Redis, which it notices in about a second, tells what is in its memory for half a minute, and forgets all of it
//     when it has found Redis again.
//   - For a while after it has expired (StaleFor) an answer is told, marked as such, if nobody can be asked, or if that takes
//     longer than Patience: who asks next gets the new one. That there is nothing is never told past its end.
//   - That asking failed is never kept.
//
// The clocks of the nodes should agree to a few seconds. All methods are safe for concurrent use.
type Shared struct {
	next    resolver.Upstream
	o       SharedOptions
	near    *near
	far     *far // nil: none
	journal *journal
	m       *sharedMetrics
	work    *work
	blind   atomic.Bool // another node may forget something, and this one is not told

	mu      sync.Mutex
	flights map[course]*flight
}

var _ resolver.Upstream = (*Shared)(nil)

// SharedOptions says where answers are kept, and for how long.
type SharedOptions struct {
	// Addrs are the addresses of Redis, host:port: one server, or several of a cluster, or the Sentinels that know the
	// primary named Master. Default: none, answers are kept in this process alone.
	Addrs   []string
	Master  string
	Cluster bool // Addrs is one that stands for a cluster
	DB      int  // not of a cluster

	Username, Password                 string
	SentinelUsername, SentinelPassword string
	TLS                                *tls.Config // nil: none

	// Prefix begins all keys and the name of the channel. Nodes that share it must trust one another, and whoever
	// may write there, to the word. Default "idnode:1:".
	Prefix string

	// Budget is how long an answer may take longer because of Redis. Default 2 ms. Waiting for another node that is
	// asking already comes on top, see Wait.
	Budget time.Duration

	MaxTTL      time.Duration // for which an answer is kept at most. Default 1 h
	NegativeTTL time.Duration // the same of one that there is none. Default 30 s, at most MaxTTL
	StaleFor    time.Duration // for which it may be told after that. Default 1 h, none if negative
	Patience    time.Duration // for which whoever could have an expired answer waits for a new one. Default 50 ms

	// Lease is for how long one node asks for all; if it takes longer its answer is not shared. Default 5 s.
	// Wait is how long the others wait for that before they ask themselves. Default 500 ms.
	Lease, Wait time.Duration

	// Timeout bounds asking that goes on though nobody waits for it any more. Default 10 s.
	Timeout time.Duration

	// Bytes bounds what the answers in this process occupy. Default 32 MiB, at least 128 KiB.
	Bytes int64

	Logger     *slog.Logger          // default: none
	Registerer prometheus.Registerer // default: none
}

const (
	blindFor  = 30 * time.Second // answers are told that are in this process, after Redis was lost
	retryIn   = 5 * time.Second  // nobody is asked again for what has expired, after that failed
	clockSkew = 5 * time.Second  // an answer may be from the future by so much
)

// NewShared returns a cache before next. It connects nowhere until the first question, or Run.
func NewShared(next resolver.Upstream, o SharedOptions) (*Shared, error) {
	o.Prefix = cmp.Or(o.Prefix, "idnode:1:")
	o.Budget = cmp.Or(o.Budget, 2*time.Millisecond)
	o.MaxTTL = cmp.Or(o.MaxTTL, time.Hour)
	o.NegativeTTL = min(cmp.Or(o.NegativeTTL, 30*time.Second), o.MaxTTL)
	o.StaleFor = max(cmp.Or(o.StaleFor, time.Hour), 0)
	o.Patience = cmp.Or(o.Patience, 50*time.Millisecond)
	o.Lease = cmp.Or(o.Lease, 5*time.Second)
	o.Wait = cmp.Or(o.Wait, 500*time.Millisecond)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.Bytes = cmp.Or(o.Bytes, 32<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case next == nil:
		return nil, errors.New("shared cache needs somebody to ask")
	case min(o.Budget, o.MaxTTL, o.NegativeTTL, o.Patience, o.Lease, o.Wait, o.Timeout) < 0:
		return nil, errors.New("shared cache: negative duration")
	case o.Bytes < shards*2048:
		return nil, errors.New("shared cache of less than 128 KiB")
	case strings.ContainsAny(o.Prefix, "{}"):
		return nil, errors.New("shared cache: the prefix of keys may not have braces: a cluster places keys by them")
	}
	s := &Shared{next: next, o: o, journal: newJournal(), work: newWork(), flights: make(map[course]*flight)}
	s.m = newSharedMetrics(s)
	var err error
	if s.near, err = newNear(o.Bytes, s.m); err != nil {
		return nil, err
	}
	if len(o.Addrs) > 0 {
		s.far = newFar(&o, s.work, s.m)
		s.blind.Store(true)
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(s.m); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Resolve implements [resolver.Upstream].
func (s *Shared) Resolve(ctx context.Context, q resolver.UpstreamQuery) (*resolver.Foreign, error) {
	if q.NoCache {
		return s.renew(ctx, q)
	}
	at := slotOf(q.ID, q.From)
	begun := time.Now()
	v, ticket := s.near.get(&at)
	if v.foreign != nil && s.fresh(v.foreign, begun) && !(s.blind.Load() && begun.Sub(v.since) > blindFor) {
		s.m.nearHit(v.foreign)
		if q.Hop != nil {
			q.Hop(hop("l1", &q, v.foreign, false, time.Since(begun)))
		}
		return v.foreign, nil
	}
	return s.beyond(ctx, q, v, ticket, begun)
}

// hop tells of a look into one level.
func hop(level string, q *resolver.UpstreamQuery, f *resolver.Foreign, stale bool, took time.Duration) resolver.Hop {
	h := resolver.Hop{Server: level, Name: q.ID.Qualified(), Code: "miss", Took: took}
	switch {
	case f != nil && stale:
		h.Code = "stale"
		h.Detail = fmt.Sprintf("%s, fetched %s, expired %s", f.Status, f.Fetched.UTC().Format(time.RFC3339), f.Expires.UTC().Format(time.RFC3339))
	case f != nil:
		h.Code = "hit"
		h.Detail = fmt.Sprintf("%s, fetched %s, expires %s", f.Status, f.Fetched.UTC().Format(time.RFC3339), f.Expires.UTC().Format(time.RFC3339))
	}
	return h
}

// beyond answers what is not in this process, or has expired.
func (s *Shared) beyond(ctx context.Context, q resolver.UpstreamQuery, v kept, ticket resolver.Ticket, begun time.Time) (*resolver.Foreign, error) {
	s.m.nearMiss.Inc()
	if q.Hop != nil {
		q.Hop(hop("l1", &q, v.foreign, true, time.Since(begun)))
	}
	if s.usable(v.foreign, begun) && begun.Before(v.retry) {
		s.m.staleServed.WithLabelValues(staleError).Inc()
		return s.old(v.foreign), nil
	}
	if !s.work.begin() {
		return s.next.Resolve(ctx, q)
	}
	fl := s.board(ctx, q, ticket)
	patience := time.NewTimer(s.o.Patience)
	defer patience.Stop()
	newest := func() *resolver.Foreign {
		if f := fl.old.Load(); f != nil && (v.foreign == nil || f.Fetched.After(v.foreign.Fetched)) {
			return f
		}
		return v.foreign
	}
	for {
		select {
		case <-fl.landed:
			if q.Hop != nil {
				for _, h := range fl.hops {
					q.Hop(h)
				}
			}
			if fl.err == nil {
				return fl.foreign, nil
			}
			if f := newest(); s.usable(f, time.Now()) {
				s.m.staleServed.WithLabelValues(staleError).Inc()
				return s.old(f), nil
			}
			return nil, fl.err
		case <-patience.C:
			if f := newest(); s.usable(f, time.Now()) {
				s.m.staleServed.WithLabelValues(staleSlow).Inc()
				return s.old(f), nil
			}
		case <-ctx.Done():
			if f := newest(); s.usable(f, time.Now()) {
				return s.old(f), nil
			}
			return nil, ctx.Err()
		}
	}
}

// fresh reports whether f may be told as it is.
func (s *Shared) fresh(f *resolver.Foreign, now time.Time) bool {
	return f != nil && now.Before(f.Expires)
}

// usable reports whether f may be told if nothing newer can be had.
func (s *Shared) usable(f *resolver.Foreign, now time.Time) bool {
	return f != nil && (now.Before(f.Expires) || !negative(f.Status) && now.Before(f.Expires.Add(s.o.StaleFor)))
}

// old is f as it is told when nothing newer can be had.
func (s *Shared) old(f *resolver.Foreign) *resolver.Foreign {
	c := *f
	c.Stale = !time.Now().Before(f.Expires)
	return &c
}

// renew asks, whatever is kept, and keeps the answer.
func (s *Shared) renew(ctx context.Context, q resolver.UpstreamQuery) (*resolver.Foreign, error) {
	if !s.work.begin() {
		return s.next.Resolve(ctx, q)
	}
	defer s.work.end()
	q.ID = own(q.ID)
	at := slotOf(q.ID, q.From)
	ticket := s.near.supersede(at.key) // what was asked for earlier is not to come after
	var l looked
	if s.reachable(at.key) {
		l, _ = s.far.take(at) // without a lease the answer is not shared
	}
	f, err := s.next.Resolve(ctx, q)
	if err != nil {
		s.release(&at, l)
		return nil, err
	}
	return s.keep(&at, ticket, l, f), nil
}

// reachable reports whether what Redis has of k may be told.
func (s *Shared) reachable(k identifier.Key) bool {
	return s.far != nil && !s.journal.has(k, s.blind.Load())
}

// own is id in memory of its own: what a front end asks with may be the memory of its request.
func own(id identifier.ID) identifier.ID {
	c, err := id.Scheme().Parse(strings.Clone(id.String()))
	if err != nil || c.Key(true) != id.Key(true) || c.IsPrefixRecord() != id.IsPrefixRecord() {
		return id
	}
	return c
}

// bound shortens the life of f to what is allowed here. Nil if it is not to be kept.
func (s *Shared) bound(f *resolver.Foreign, now time.Time) *resolver.Foreign {
	if f == nil || statusLetters[f.Status] == 0 || f.Stale || f.Status == resolver.Found && f.Record == nil {
		return nil
	}
	c := *f
	if c.Fetched.IsZero() {
		c.Fetched = now
	}
	life := s.o.MaxTTL
	if negative(c.Status) {
		life = s.o.NegativeTTL
	}
	if end := c.Fetched.Add(life); c.Expires.After(end) {
		c.Expires = end
	}
	if c.Fetched.After(now.Add(clockSkew)) {
		return nil
	}
	return &c
}

// keep keeps what was asked for after ticket was taken, in Redis if l has the lease, and returns it as it is told.
func (s *Shared) keep(at *slot, ticket resolver.Ticket, l looked, f *resolver.Foreign) *resolver.Foreign {
	now := time.Now()
	c := s.bound(f, now)
	if c == nil || !s.fresh(c, now) {
		s.release(at, l)
		return f
	}
	if !s.keepNear(at, ticket, c, now) {
		s.release(at, l)
		return c
	}
	if l.token != "" {
		life := c.Expires.Sub(now)
		if !negative(c.Status) {
			life += s.o.StaleFor
		}
		s.far.store(at, l, c, life)
	}
	return c
}

func (s *Shared) keepNear(at *slot, ticket resolver.Ticket, f *resolver.Foreign, now time.Time) bool {
	c := *f
	c.Tier = resolver.TierLRU
	return s.near.put(ticket, kept{slot: *at, foreign: &c, since: now})
}

func (s *Shared) release(at *slot, l looked) {
	if l.token != "" {
		s.far.give(at, l.token)
	}
}
