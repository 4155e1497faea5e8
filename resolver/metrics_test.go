package resolver

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/idnode/idnode/proto/identifier"
)

// TestTally: what a tally gathers is counted as requests one by one are.
func TestTally(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m, err := NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	f := m.Front("dns_udp")
	if m.Front("dns_udp") != f {
		t.Error("one protocol has two sets of counters")
	}
	tally := f.NewTally()
	for i := range 100 { // more kinds than a tally tells apart
		tally.Add(Outcome{Scheme: identifier.Scheme(i % 5), Op: f.Op([]string{"naptr", "txt"}[i%2]), Status: Found, Tier: Tier(i % 3)})
	}
	tally.Flush(time.Millisecond)
	tally.Flush(time.Second) // of nothing
	f.Request(identifier.Handle, "naptr")
	f.Request(identifier.Handle, "naptr")
	f.Done(identifier.Handle, Found, TierLRU, time.Millisecond)
	f.Lose(Outcome{Scheme: identifier.Handle, Op: f.Op("naptr"), Status: Found}, "send")
	want := `
# HELP idnode_inflight_requests Resolution requests being answered.
# TYPE idnode_inflight_requests gauge
idnode_inflight_requests{proto="dns_udp"} 1
# HELP idnode_resolve_requests_total Resolution requests taken up.
# TYPE idnode_resolve_requests_total counter
idnode_resolve_requests_total{op="naptr",proto="dns_udp",scheme="ecode"} 10
idnode_resolve_requests_total{op="naptr",proto="dns_udp",scheme="gs1"} 10
idnode_resolve_requests_total{op="naptr",proto="dns_udp",scheme="handle"} 13
idnode_resolve_requests_total{op="naptr",proto="dns_udp",scheme="oid"} 10
idnode_resolve_requests_total{op="naptr",proto="dns_udp",scheme="other"} 10
idnode_resolve_requests_total{op="txt",proto="dns_udp",scheme="ecode"} 10
idnode_resolve_requests_total{op="txt",proto="dns_udp",scheme="gs1"} 10
idnode_resolve_requests_total{op="txt",proto="dns_udp",scheme="handle"} 10
idnode_resolve_requests_total{op="txt",proto="dns_udp",scheme="oid"} 10
idnode_resolve_requests_total{op="txt",proto="dns_udp",scheme="other"} 10
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "idnode_resolve_requests_total", "idnode_inflight_requests"); err != nil {
		t.Error(err)
	}
	if n := testutil.ToFloat64(m.dropped.WithLabelValues("dns_udp", "request", "send")); n != 1 {
		t.Errorf("%v answers that could not be sent, want 1", n)
	}
	drops := len(dropReasons[stageAdmission]) + len(dropReasons[stageRequest])
	if n := testutil.CollectAndCount(m.dropped); n != drops {
		t.Errorf("%d counters of drops, want %d: all told from the start and no others", n, drops)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
	var none *FrontMetrics
	silent := none.NewTally()
	silent.Add(Outcome{})
	silent.Flush(time.Second)
}

func TestSizes(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m, err := NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	f := m.Front("dns_udp")
	f.Overruns(func(func(int, uint64)) {})
	f.Connections(func() int { return 3 })
	tally := f.NewTally()
	for _, n := range []int{0, 1, 32, 33, 64, 65, 70000} {
		tally.Took(n)
		tally.Sent(2 * n)
	}
	tally.Batch(7)
	tally.Flush(time.Millisecond)
	tally.Flush(time.Millisecond) // what was told is not told again
	tally.Took(100)
	tally.Flush(time.Millisecond)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		h := family.GetMetric()[0].GetHistogram()
		switch family.GetName() {
		case "idnode_resolve_request_bytes":
			if b := h.Bucket; h.GetSampleCount() != 8 || h.GetSampleSum() != 70295 || b[0].GetUpperBound() != 32 || b[0].GetCumulativeCount() != 3 || b[1].GetCumulativeCount() != 5 {
				t.Errorf("request sizes: %v", h)
			}
		case "idnode_udp_batch_size":
			if h.GetSampleCount() != 1 || h.Bucket[2].GetCumulativeCount() != 0 || h.Bucket[3].GetUpperBound() != 8 || h.Bucket[3].GetCumulativeCount() != 1 {
				t.Errorf("batches: %v", h)
			}
		case "idnode_tcp_connections":
			if n := family.GetMetric()[0].GetGauge().GetValue(); n != 3 {
				t.Errorf("%v connections", n)
			}
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
}

// TestHistogram holds ours to the library's, classic and native.
func TestHistogram(t *testing.T) {
	theirs := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Help: "x",
		Buckets: prometheus.ExponentialBuckets(classicFirst, 2, classicCount), NativeHistogramBucketFactor: 1.1})
	var ours histogram
	for _, d := range []time.Duration{time.Microsecond, 5 * time.Microsecond, 5001, 10 * time.Microsecond, 77 * time.Microsecond,
		time.Millisecond, 3 * time.Millisecond, 3 * time.Millisecond, 900 * time.Millisecond, 2 * time.Second, 3 * time.Second, 15 * time.Second} {
		for range 3 {
			theirs.Observe(d.Seconds())
		}
		ours.observe(d, 3)
	}
	read := func(m prometheus.Metric) *dto.Histogram {
		var out dto.Metric
		if err := m.Write(&out); err != nil {
			t.Fatal(err)
		}
		return out.GetHistogram()
	}
	want, got := read(theirs), read(ours.metric(durationDesc, "dns_udp", "l1"))
	if got.GetSampleCount() != want.GetSampleCount() || math.Abs(got.GetSampleSum()-want.GetSampleSum()) > 1e-9 {
		t.Errorf("count %d sum %v, want %d and %v", got.GetSampleCount(), got.GetSampleSum(), want.GetSampleCount(), want.GetSampleSum())
	}
	for i, b := range want.GetBucket() {
		g := got.GetBucket()[i]
		if g.GetCumulativeCount() != b.GetCumulativeCount() || math.Abs(g.GetUpperBound()-b.GetUpperBound()) > 1e-12 {
			t.Errorf("bucket %d: %v, want %v", i, g, b)
		}
	}
	if diff := cmp.Diff(native(want), native(got)); diff != "" || got.GetSchema() != want.GetSchema() {
		t.Errorf("native, schema %d and %d (-want +got):\n%s", want.GetSchema(), got.GetSchema(), diff)
	}
	ours.observe(0, 1)
	ours.observe(-time.Second, 1)
	ours.observe(time.Hour, 1)
	if n := read(ours.metric(durationDesc, "dns_udp", "l1")).GetSampleCount(); n != want.GetSampleCount()+3 {
		t.Errorf("%d samples, want all that are out of range, too", n)
	}
}

// native is the counts of h's native buckets by their index.
func native(h *dto.Histogram) map[int32]int64 {
	all := make(map[int32]int64)
	index, count, next := int32(0), int64(0), 0
	for _, span := range h.GetPositiveSpan() {
		index += span.GetOffset()
		for range span.GetLength() {
			count += h.GetPositiveDelta()[next]
			all[index] = count
			index++
			next++
		}
	}
	return all
}
