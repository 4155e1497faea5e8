package resolver

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
)

// Metrics count what all front ends are asked and answer. A nil *Metrics counts nothing.
type Metrics struct {
	dropped *prometheus.CounterVec
	slipped *prometheus.CounterVec
	panics  *prometheus.CounterVec

	mu     sync.Mutex
	fronts []*FrontMetrics
	ops    atomic.Pointer[[]string] // names by Op, of all front ends, which share answers; grows under mu
}

// NewMetrics returns metrics registered on reg.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idnode_resolve_dropped_total",
			Help: "Packets and connections left without an answer, by stage: admission, before they became a request, or request.",
		}, []string{"proto", "stage", "reason"}),
		slipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idnode_rrl_slipped_total",
			Help: "Requests that got a short answer which sends the client elsewhere, because its network has had its share.",
		}, []string{"proto"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idnode_panics_total", Help: "Panics recovered from.",
		}, []string{"component"}),
	}
	m.ops.Store(new([]string))
	for _, c := range []prometheus.Collector{m.dropped, m.slipped, m.panics, m} {
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
	opCount     = 64
)

// Op is the kind of a request, as front ends have named it. It means the same to all of them.
type Op uint8

// Outcome is what is counted of an answered request.
type Outcome struct {
	Scheme identifier.Scheme // 0: not an identifier
	Op     Op
	Status Status
	Tier   Tier
}

// Stages at which something is dropped.
const (
	stageAdmission = "admission" // it was not counted as a request
	stageRequest   = "request"   // it was
)

// dropReasons lists why things are dropped, by stage. They are all told from the start: a counter that appears
// with its first event looks to Prometheus as if it had always stood there.
var dropReasons = map[string][]string{
	stageAdmission: {"malformed", "response", "source_port", "connections", "queue_full", "timeout", "send", "rrl", "batch_size", "batch_bytes"},
	stageRequest:   {"overload", "rrl", "send"},
}

// FrontMetrics count the requests of one protocol. A nil *FrontMetrics counts nothing. Requests taken up are answered,
// dropped, or in flight: requests = responses + dropped at the stage "request" + in flight. What has begun and not been
// read yet is in flight and no request: only while something is under way the sides may differ, by that.
type FrontMetrics struct {
	m        *Metrics
	proto    string
	panics   prometheus.Counter
	slipped  prometheus.Counter
	inflight atomic.Int64
	overruns atomic.Pointer[func(count func(socket int, n uint64))]
	open     atomic.Pointer[func() int]
	waiting  atomic.Pointer[func() int]

	requests  [schemeCount][opCount]atomic.Uint64
	responses [schemeCount][statusCount][tierCount]atomic.Uint64
	durations [tierCount]histogram

	in, out, batches sizes
}

// Front returns the counters of a protocol: "handle_udp", "handle_tcp", "dns_udp", "dns_tcp", "grpc",
// "http". The same name has the same counters.
func (m *Metrics) Front(proto string) *FrontMetrics {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.fronts {
		if f.proto == proto {
			return f
		}
	}
	f := &FrontMetrics{m: m, proto: proto, panics: m.panics.WithLabelValues(proto), slipped: m.slipped.WithLabelValues(proto)}
	for stage, reasons := range dropReasons {
		for _, reason := range reasons {
			m.dropped.WithLabelValues(proto, stage, reason)
		}
	}
	m.fronts = append(m.fronts, f)
	return f
}

// Op returns the number of the op of that name, one of a closed set such as "resolve". All front ends
// together have at most 64; those beyond are counted as the last.
func (f *FrontMetrics) Op(name string) Op {
	if f == nil {
		return 0
	}
	m := f.m
	if i := slices.Index(*m.ops.Load(), name); i >= 0 {
		return Op(i)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ops := *m.ops.Load()
	if i := slices.Index(ops, name); i >= 0 {
		return Op(i)
	}
	if len(ops) == opCount {
		return opCount - 1
	}
	ops = append(slices.Clone(ops), name)
	m.ops.Store(&ops)
	return Op(len(ops) - 1)
}

// Request counts a request that has been taken up. op is of a closed set, such as "resolve".
func (f *FrontMetrics) Request(scheme identifier.Scheme, op string) {
	f.Begin()
	f.Read(scheme, op)
}

// Begin counts the start of a request whose scheme is known only once it is answered: Read and Done follow.
func (f *FrontMetrics) Begin() {
	if f != nil {
		f.inflight.Add(1)
	}
}

// Read counts a request that Begin has counted, now that its scheme is known (0: not an identifier).
func (f *FrontMetrics) Read(scheme identifier.Scheme, op string) {
	if f != nil {
		f.requests[scheme][f.Op(op)].Add(1)
	}
}

// Done counts the answer to a request that Request counted.
func (f *FrontMetrics) Done(scheme identifier.Scheme, status Status, tier Tier, d time.Duration) {
	if f == nil {
		return
	}
	f.inflight.Add(-1)
	f.responses[scheme][status][tier].Add(1)
	f.durations[tier].observe(d, 1)
}

// Lose counts a request, not counted yet, that gets no answer.
func (f *FrontMetrics) Lose(o Outcome, reason string) {
	if f == nil {
		return
	}
	f.requests[o.Scheme][o.Op].Add(1)
	f.m.dropped.WithLabelValues(f.proto, stageRequest, reason).Inc()
}

// Drop counts a packet or connection that is left without an answer before it became a request.
func (f *FrontMetrics) Drop(reason string) {
	if f != nil {
		f.m.dropped.WithLabelValues(f.proto, stageAdmission, reason).Inc()
	}
}

// Panics returns the function that counts a panic recovered from by a part that is no front end, such as "registry_api".
func (m *Metrics) Panics(component string) func() { return m.panics.WithLabelValues(component).Inc }

// Slip counts a request whose answer is cut short, or replaced by an excuse, because its network has had its share. The
// answer is counted as any other.
func (f *FrontMetrics) Slip() {
	if f != nil {
		f.slipped.Inc()
	}
}

// Overruns has fn asked, at each collection, how many datagrams the system has dropped because a socket's
// buffer was full: fn calls count for each socket.
func (f *FrontMetrics) Overruns(fn func(count func(socket int, n uint64))) {
	if f != nil {
		f.overruns.Store(&fn)
	}
}

// Connections has fn asked, at each collection, how many connections are open.
func (f *FrontMetrics) Connections(fn func() int) {
	if f != nil {
		f.open.Store(&fn)
	}
}

// Queue has fn asked, at each collection, how many datagrams wait for a worker.
func (f *FrontMetrics) Queue(fn func() int) {
	if f != nil {
		f.waiting.Store(&fn)
	}
}

// Panic counts a panic recovered from.
func (f *FrontMetrics) Panic() {
	if f != nil {
		f.panics.Inc()
	}
}

// Tally gathers what a goroutine answers, so that the counters it shares with others are touched
// once for many requests. It is not safe for concurrent use. The zero Tally counts nothing.
type Tally struct {
	f     *FrontMetrics
	in    sizeTally
	out   sizeTally
	tiers [tierCount]uint64
	n     int
	kinds [8]struct {
		Outcome
		count uint64
	}
}

// NewTally returns an empty tally of f's requests.
func (f *FrontMetrics) NewTally() Tally { return Tally{f: f} }

// Add counts a request and its answer, which are told by the next Flush.
func (t *Tally) Add(o Outcome) {
	t.tiers[o.Tier]++
	for i := range t.kinds[:t.n] {
		if k := &t.kinds[i]; k.Outcome == o {
			k.count++
			return
		}
	}
	if t.n == len(t.kinds) {
		t.count()
	}
	k := &t.kinds[t.n]
	k.Outcome, k.count = o, 1
	t.n++
}

// Took counts a datagram of n octets that was read, Sent one that was sent, Batch that n were read at once.
func (t *Tally) Took(n int) { t.in.observe(n) }

// Sent is beside Took.
func (t *Tally) Sent(n int) { t.out.observe(n) }

// Batch is beside Took.
func (t *Tally) Batch(n int) {
	if t.f != nil {
		t.f.batches.observe(n)
	}
}

// Flush tells what was added since the last Flush, each of which took about d.
func (t *Tally) Flush(d time.Duration) {
	if t.f == nil {
		*t = Tally{}
		return
	}
	t.in.flush(&t.f.in)
	t.out.flush(&t.f.out)
	t.count()
	for tier, n := range t.tiers {
		if n > 0 {
			t.f.durations[tier].observe(d, n)
			t.tiers[tier] = 0
		}
	}
}

func (t *Tally) count() {
	for i := range t.kinds[:t.n] {
		if k := &t.kinds[i]; t.f != nil {
			t.f.requests[k.Scheme][k.Op].Add(k.count)
			t.f.responses[k.Scheme][k.Status][k.Tier].Add(k.count)
		}
	}
	t.n = 0
}

var (
	requestsDesc = prometheus.NewDesc("idnode_resolve_requests_total", "Resolution requests taken up.",
		[]string{"proto", "scheme", "op"}, nil)
	responsesDesc = prometheus.NewDesc("idnode_resolve_responses_total",
		"Resolution requests answered, by outcome and by where the answer came from.",
		[]string{"proto", "scheme", "code", "source"}, nil)
	durationDesc = prometheus.NewDesc("idnode_resolve_duration_seconds",
		"Time from a request's arrival to its answer; requests that are read together leave together.",
		[]string{"proto", "source"}, nil)
	overrunsDesc = prometheus.NewDesc("idnode_udp_socket_rcvbuf_errors_total",
		"Datagrams that the system dropped because a socket's buffer was full.", []string{"proto", "socket"}, nil)
	connectionsDesc = prometheus.NewDesc("idnode_tcp_connections", "Open TCP connections.", []string{"proto"}, nil)
	queueDesc       = prometheus.NewDesc("idnode_queue_depth", "Datagrams that wait for a worker, because their answers have to be waited for.", []string{"proto"}, nil)
	inDesc          = prometheus.NewDesc("idnode_resolve_request_bytes", "Octets of datagrams that were read.", []string{"proto"}, nil)
	outDesc         = prometheus.NewDesc("idnode_resolve_response_bytes", "Octets of datagrams that were sent.", []string{"proto"}, nil)
	batchDesc       = prometheus.NewDesc("idnode_udp_batch_size", "Datagrams that were read at once.", []string{"proto"}, nil)
	inflightDesc    = prometheus.NewDesc("idnode_inflight_requests", "Resolution requests being answered.", []string{"proto"}, nil)
)

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requestsDesc, responsesDesc, durationDesc, inflightDesc, overrunsDesc, connectionsDesc, queueDesc, inDesc, outDesc, batchDesc} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	fronts := slices.Clone(m.fronts)
	m.mu.Unlock()
	for _, f := range fronts {
		f.collect(ch)
	}
}

func (f *FrontMetrics) collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(inflightDesc, prometheus.GaugeValue, float64(f.inflight.Load()), f.proto)
	if fn := f.overruns.Load(); fn != nil {
		(*fn)(func(socket int, n uint64) {
			ch <- prometheus.MustNewConstMetric(overrunsDesc, prometheus.CounterValue, float64(n), f.proto, strconv.Itoa(socket))
		})
	}
	if fn := f.open.Load(); fn != nil {
		ch <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, float64((*fn)()), f.proto)
	}
	if fn := f.waiting.Load(); fn != nil {
		ch <- prometheus.MustNewConstMetric(queueDesc, prometheus.GaugeValue, float64((*fn)()), f.proto)
	}
	if f.overruns.Load() != nil { // datagrams
		ch <- f.in.metric(inDesc, 5, f.proto)
		ch <- f.out.metric(outDesc, 5, f.proto)
		ch <- f.batches.metric(batchDesc, 0, f.proto)
	}
	ops := *f.m.ops.Load()
	for scheme := range schemeCount {
		label := schemeLabel(identifier.Scheme(scheme))
		for op, name := range ops {
			if n := f.requests[scheme][op].Load(); n > 0 {
				ch <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n), f.proto, label, name)
			}
		}
		for status := range statusCount {
			for tier := range tierCount {
				// Our own failures are told before there are any, for the alerts on their share.
				fault := scheme == 0 && tier == int(TierNone) && (Status(status) == Failed || Status(status) == Overloaded)
				if n := f.responses[scheme][status][tier].Load(); n > 0 || fault {
					ch <- prometheus.MustNewConstMetric(responsesDesc, prometheus.CounterValue, float64(n),
						f.proto, label, Status(status).String(), Tier(tier).String())
				}
			}
		}
	}
	for tier := range f.durations {
		ch <- f.durations[tier].metric(durationDesc, f.proto, Tier(tier).String())
	}
}

func schemeLabel(s identifier.Scheme) string {
	if s == 0 {
		return "other"
	}
	return s.String()
}
