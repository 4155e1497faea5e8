package cache

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"github.com/idnode/idnode/resolver"
)

// The values of labels.
const (
	layerNear = "l1"
	layerFar  = "redis"

	staleError = "error" // nobody could be asked
	staleSlow  = "slow"  // a new answer is on its way

	toldMessage   = "message"
	toldReconnect = "reconnect"
)

func upstreamCacheDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("idnode_upstream_cache_"+name, help, labels, nil)
}

var (
	sharedEntriesDesc = upstreamCacheDesc("entries", "Identifiers of other nodes in this process's cache.", "kind")
	sharedBytesDesc   = upstreamCacheDesc("bytes", "Octets that answers of other nodes occupy in this process.")
	redisUpDesc       = prometheus.NewDesc("idnode_redis_up", "1 if this node is told by Redis what to forget, and Redis answers within the budget.", nil, nil)
	redisBreakerDesc  = prometheus.NewDesc("idnode_redis_breaker_state", "0 if Redis is asked, 1 if it is tried again, 2 if it is left alone.", nil, nil)
)

// sharedMetrics are the counters of a Shared, and a collector of them and of its state.
type sharedMetrics struct {
	s *Shared

	hits, missed, staleServed, invalidations *prometheus.CounterVec
	shared, asked, failed                    prometheus.Counter
	evictions, dropped                       prometheus.Counter
	errors                                   *prometheus.CounterVec
	duration                                 *prometheus.HistogramVec

	nearPositive, nearNegative, nearMiss prometheus.Counter // of those above, for the path of a hit
}

func newSharedMetrics(s *Shared) *sharedMetrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "idnode_upstream_cache_" + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "idnode_upstream_cache_" + name, Help: help}, labels)
	}
	m := &sharedMetrics{
		s:             s,
		hits:          counters("hits_total", "Questions answered by what was kept.", "layer", "kind"),
		missed:        counters("misses_total", "Questions for which nothing was kept, or what has expired.", "layer"),
		staleServed:   counters("stale_served_total", "Expired answers told, by why there was no new one.", "reason"),
		invalidations: counters("invalidations_total", "Messages of what to forget, and times all was, as some may have been lost.", "from"),
		shared:        counter("singleflight_shared_total", "Questions that waited for one that was being asked."),
		asked:         counter("asked_total", "Questions to other nodes."),
		failed:        counter("failed_total", "Questions that no other node answered."),
		evictions:     counter("evictions_total", "Identifiers dropped to make room."),
		dropped:       counter("stale_fills_total", "Answers not kept because of a change since they were asked for."),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "idnode_redis_errors_total",
			Help: "Operations on Redis that failed: slow, busy, open (not tried), reply (refused), garbage or connection."}, []string{"op", "kind"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "idnode_redis_op_duration_seconds",
			Help: "How long operations on Redis were waited for.", Buckets: prometheus.ExponentialBuckets(50e-6, 2, 13)}, []string{"op"}),
	}
	m.nearPositive, m.nearNegative = m.hits.WithLabelValues(layerNear, "positive"), m.hits.WithLabelValues(layerNear, "negative")
	m.nearMiss = m.missed.WithLabelValues(layerNear)
	return m
}

// nearHit counts an answer out of this process.
func (m *sharedMetrics) nearHit(f *resolver.Foreign) {
	if negative(f.Status) {
		m.nearNegative.Inc()
	} else {
		m.nearPositive.Inc()
	}
}

// farHit counts an answer out of Redis.
func (m *sharedMetrics) farHit(f *resolver.Foreign) {
	kind := "positive"
	if negative(f.Status) {
		kind = "negative"
	}
	m.hits.WithLabelValues(layerFar, kind).Inc()
}

// redisFailed counts err, which is returned.
func (m *sharedMetrics) redisFailed(op operation, err error) error {
	kind := "connection"
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, errSlow), errors.Is(err, context.DeadlineExceeded), ok && timeout.Timeout():
		kind = "slow"
	case errors.Is(err, errBusy):
		kind = "busy"
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests), errors.Is(err, redis.ErrClosed):
		kind = "open"
	case errors.Is(err, errGarbage):
		kind = "garbage"
	case replied(err):
		kind = "reply"
	}
	m.errors.WithLabelValues(string(op), kind).Inc()
	return err
}

func (m *sharedMetrics) took(op operation, d time.Duration) {
	m.duration.WithLabelValues(string(op)).Observe(d.Seconds())
}

func (m *sharedMetrics) vectors() []prometheus.Collector {
	all := []prometheus.Collector{m.hits, m.missed, m.staleServed, m.invalidations, m.shared, m.asked, m.failed, m.evictions, m.dropped}
	if m.s.far != nil {
		all = append(all, m.errors, m.duration)
	}
	return all
}

// Describe implements [prometheus.Collector].
func (m *sharedMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- sharedEntriesDesc
	ch <- sharedBytesDesc
	if m.s.far != nil {
		ch <- redisUpDesc
		ch <- redisBreakerDesc
	}
	for _, c := range m.vectors() {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (m *sharedMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	positive, negative, octets := m.s.near.usage()
	gauge(sharedEntriesDesc, float64(positive), "positive")
	gauge(sharedEntriesDesc, float64(negative), "negative")
	gauge(sharedBytesDesc, float64(octets))
	if m.s.far != nil {
		state := m.s.far.breaker.State()
		up := 0.0
		if !m.s.blind.Load() && state == gobreaker.StateClosed {
			up = 1
		}
		gauge(redisUpDesc, up)
		gauge(redisBreakerDesc, float64(state)) // numbered as told
	}
	for _, c := range m.vectors() {
		c.Collect(ch)
	}
}
