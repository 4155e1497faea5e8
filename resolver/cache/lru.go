// Package cache keeps answers: [LRU] the records of the store and [Answers] what front ends made of them, in this
// process; [Shared] what other nodes said, in this process and in Redis for all nodes of a site.
package cache

import (
	"errors"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// Options says how large an LRU may grow.
type Options struct {
	// Bytes bounds what the cache occupies, keys and bookkeeping included. Default 64 MiB. An eighth
	// of it is for negatives, so that questions for names that do not exist cannot drive out records.
	Bytes int64

	// Registerer takes the cache's metrics. Default: none.
	Registerer prometheus.Registerer
}

const (
	shards        = 64  // golang-lru has one mutex a list
	entryOverhead = 200 // octets of map slot, list element, key header and record struct, measured
	negativeShare = 8
)

// LRU is a resolver.Cache that forgets what was asked for longest ago.
type LRU struct {
	shards [shards]shard
	m      *metrics
}

type shard struct {
	mu       sync.Mutex
	ticket   resolver.Ticket // grows with each Forget: fills with an older one are dropped
	positive list[*identifier.Record]
	negative list[*identifier.Record]
	_        [64]byte // a cache line of its own
}

var _ resolver.Cache = (*LRU)(nil)

// NewLRU returns an empty cache.
func NewLRU(o Options) (*LRU, error) {
	if o.Bytes == 0 {
		o.Bytes = 64 << 20
	}
	if o.Bytes < shards*2048 {
		return nil, errors.New("cache of less than 128 KiB")
	}
	c := new(LRU)
	for i := range c.shards {
		s := &c.shards[i]
		neg := o.Bytes / negativeShare / shards
		if err := errors.Join(s.negative.init(neg), s.positive.init(o.Bytes/shards-neg)); err != nil {
			return nil, err
		}
	}
	c.m = newMetrics(c)
	if o.Registerer != nil {
		if err := o.Registerer.Register(c.m); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *LRU) shard(k identifier.Key) *shard {
	return &c.shards[(xxhash.Sum64String(k.Name)+uint64(k.Scheme))%shards]
}

// Get implements resolver.Cache.
func (c *LRU) Get(k identifier.Key) (*identifier.Record, bool) {
	s := c.shard(k)
	s.mu.Lock()
	it, ok := s.positive.lru.Get(k)
	if !ok {
		it, ok = s.negative.lru.Get(k)
	}
	s.mu.Unlock()
	switch {
	case !ok:
		c.m.misses.Inc()
	case it.v == nil:
		c.m.negativeHits.Inc()
	default:
		c.m.positiveHits.Inc()
	}
	return it.v, ok
}

// Ticket implements resolver.Cache. Tickets are kept per shard: under heavy writing a fill may be
// dropped because a neighbour was forgotten, which costs one more read and is never wrong.
func (c *LRU) Ticket(k identifier.Key) resolver.Ticket {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ticket
}

// Fill implements resolver.Cache. A record larger than a shard is not kept.
func (c *LRU) Fill(k identifier.Key, t resolver.Ticket, rec *identifier.Record, size int) {
	cost := int64(size + len(k.Name) + entryOverhead)
	if rec != nil {
		cost += int64(len(rec.Values)) * valueSize
	}
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ticket != t {
		c.m.dropped.Inc()
		return
	}
	s.remove(k)
	l := &s.positive
	if rec == nil {
		l = &s.negative
	}
	c.m.evictions.Add(float64(l.add(k, rec, cost)))
}

// Forget implements resolver.Cache.
func (c *LRU) Forget(k identifier.Key) {
	s := c.shard(k)
	s.mu.Lock()
	s.ticket++
	s.remove(k)
	s.mu.Unlock()
}

// Clear implements resolver.Cache.
func (c *LRU) Clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.ticket++
		s.positive.lru.Purge()
		s.negative.lru.Purge()
		s.mu.Unlock()
	}
}

func (s *shard) remove(k identifier.Key) {
	s.positive.lru.Remove(k)
	s.negative.lru.Remove(k)
}

// usage sums up what the shards hold.
func (c *LRU) usage() (positive, negative int, bytes int64) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		positive += s.positive.lru.Len()
		negative += s.negative.lru.Len()
		bytes += s.positive.bytes + s.negative.bytes
		s.mu.Unlock()
	}
	return positive, negative, bytes
}
