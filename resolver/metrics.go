package resolver

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
)

// Metrics count what all front ends are asked and answer. A nil *Metrics counts nothing.
type Metrics struct {
	requests  *prometheus.CounterVec
	responses *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	dropped   *prometheus.CounterVec
	inflight  *prometheus.GaugeVec
	panics    *prometheus.CounterVec
}

// NewMetrics returns metrics registered on reg.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idnode_resolve_requests_total", Help: "Resolution requests taken up.",
		}, []string{"proto", "scheme", "op"}),
		responses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idnode_resolve_responses_total", Help: "Resolution requests answered, by outcome and by where the answer came from.",
		}, []string{"proto", "scheme", "code", "source"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "idnode_resolve_duration_seconds", Help: "Time from a request's arrival to its answer.",
			Buckets:                        prometheus.ExponentialBuckets(5e-6, 2, 20),
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 160,
		}, []string{"proto", "source"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idnode_resolve_dropped_total", Help: "Packets and requests left without an answer.",
		}, []string{"proto", "reason"}),
		inflight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "idnode_inflight_requests", Help: "Resolution requests being answered.",
		}, []string{"proto"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idnode_panics_total", Help: "Panics recovered from.",
		}, []string{"component"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.responses, m.duration, m.dropped, m.inflight, m.panics} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

const (
	schemeCount = int(identifier.DID) + 1 // 0 stands for "other"
	statusCount = int(Failed) + 1
	tierCount   = int(TierUpstream) + 1
)

// FrontMetrics count the requests of one protocol. A nil *FrontMetrics counts nothing. Requests
// taken up are answered, dropped after Request, or in flight: requests = Done + Drop + in flight.
type FrontMetrics struct {
	m        *Metrics
	proto    string
	inflight prometheus.Gauge
	panics   prometheus.Counter

	// Children are looked up once and kept: a lookup by labels hashes them.
	responses [schemeCount][statusCount][tierCount]atomic.Pointer[prometheus.Counter]
	durations [tierCount]prometheus.Observer
	requests  sync.Map // requestKey → prometheus.Counter
}

type requestKey struct {
	scheme identifier.Scheme
	op     string
}

// Front returns the counters of a protocol: "handle_udp", "handle_tcp", "grpc", "http". The front
// end names a protocol once.
func (m *Metrics) Front(proto string) *FrontMetrics {
	if m == nil {
		return nil
	}
	f := &FrontMetrics{m: m, proto: proto, inflight: m.inflight.WithLabelValues(proto), panics: m.panics.WithLabelValues(proto)}
	for t := range f.durations {
		f.durations[t] = m.duration.WithLabelValues(proto, Tier(t).String())
	}
	return f
}

func schemeLabel(s identifier.Scheme) string {
	if s == 0 {
		return "other"
	}
	return s.String()
}

// Request counts a request that has been taken up. op is of a closed set, such as "resolve".
func (f *FrontMetrics) Request(scheme identifier.Scheme, op string) {
	f.Begin()
	f.Read(scheme, op)
}

// Begin counts the start of a request whose scheme is known only once it is answered: Read and Done follow.
func (f *FrontMetrics) Begin() {
	if f != nil {
		f.inflight.Inc()
	}
}

// Read counts a request that Begin has counted, now that its scheme is known (0: not an identifier).
func (f *FrontMetrics) Read(scheme identifier.Scheme, op string) {
	if f == nil {
		return
	}
	c, ok := f.requests.Load(requestKey{scheme, op})
	if !ok {
		c, _ = f.requests.LoadOrStore(requestKey{scheme, op}, f.m.requests.WithLabelValues(f.proto, schemeLabel(scheme), op))
	}
	c.(prometheus.Counter).Inc()
}

// Done counts the answer to a request that Request counted.
func (f *FrontMetrics) Done(scheme identifier.Scheme, status Status, tier Tier, d time.Duration) {
	if f == nil {
		return
	}
	f.inflight.Dec()
	child := &f.responses[scheme][status][tier]
	c := child.Load()
	if c == nil {
		counter := f.m.responses.WithLabelValues(f.proto, schemeLabel(scheme), status.String(), tier.String())
		c = &counter
		child.Store(c)
	}
	(*c).Inc()
	f.durations[tier].Observe(d.Seconds())
}

// Abandon counts a request that Request counted and that gets no answer.
func (f *FrontMetrics) Abandon(reason string) {
	if f == nil {
		return
	}
	f.inflight.Dec()
	f.m.dropped.WithLabelValues(f.proto, reason).Inc()
}

// Drop counts a packet or connection that is left without an answer before it became a request.
func (f *FrontMetrics) Drop(reason string) {
	if f != nil {
		f.m.dropped.WithLabelValues(f.proto, reason).Inc()
	}
}

// Panic counts a panic recovered from.
func (f *FrontMetrics) Panic() {
	if f != nil {
		f.panics.Inc()
	}
}
