package resolver

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A histogram has two sets of buckets, as Prometheus takes them: the classic ones from 5 µs on, each
// twice as wide as the last, and native ones of schema 3, whose limits grow by 2^(1/8), from 2^-20 s
// to 2^4 s. The library's own takes one observation at a time.
const (
	classicCount = 20
	classicFirst = 5e-6 // seconds
	nativeSchema = 3
	nativeFirst  = -20 << nativeSchema // index of the bucket that ends at 2^-20 s
	nativeLast   = 4 << nativeSchema
	nativeCount  = nativeLast - nativeFirst + 1
)

// histogram counts durations. The zero histogram is empty. It is safe for concurrent use.
type histogram struct {
	nanos   atomic.Uint64
	classic [classicCount + 1]atomic.Uint64 // the last is for what is beyond
	native  [nativeCount]atomic.Uint64
}

// observe counts n durations of d.
func (h *histogram) observe(d time.Duration, n uint64) {
	d = max(d, 0)
	h.nanos.Add(uint64(d) * n)
	seconds := d.Seconds()
	at, limit := 0, classicFirst
	for at < classicCount && seconds > limit {
		at, limit = at+1, 2*limit
	}
	h.classic[at].Add(n)
	index := nativeFirst
	if d > 0 {
		index = int(math.Ceil(math.Log2(seconds) * (1 << nativeSchema)))
	}
	h.native[min(max(index, nativeFirst), nativeLast)-nativeFirst].Add(n)
}

// metric is h as it is now.
func (h *histogram) metric(desc *prometheus.Desc, labels ...string) prometheus.Metric {
	var count uint64
	out := &dto.Histogram{}
	limit := classicFirst
	for i := range h.classic {
		count += h.classic[i].Load()
		if i < classicCount {
			out.Bucket = append(out.Bucket, &dto.Bucket{CumulativeCount: new(count), UpperBound: new(limit)})
			limit *= 2
		}
	}
	out.SampleCount = &count
	out.SampleSum = new(time.Duration(h.nanos.Load()).Seconds())
	h.spans(out)
	return histogramMetric{prometheus.MustNewConstHistogram(desc, 0, 0, nil, labels...), out}
}

// spans writes the native buckets that hold anything: runs of them, each count as the difference to
// the one before.
func (h *histogram) spans(out *dto.Histogram) {
	out.Schema, out.ZeroThreshold, out.ZeroCount = new(int32(nativeSchema)), new(0.0), new(uint64(0))
	var before int64
	var span *dto.BucketSpan
	next := int32(0) // index behind the last bucket written
	for i := range h.native {
		n := int64(h.native[i].Load())
		if n == 0 {
			continue
		}
		index := int32(nativeFirst + i)
		if span == nil || index != next {
			span = &dto.BucketSpan{Offset: new(index - next), Length: new(uint32(0))}
			out.PositiveSpan = append(out.PositiveSpan, span)
		}
		*span.Length++
		next = index + 1
		out.PositiveDelta = append(out.PositiveDelta, n-before)
		before = n
	}
	if span == nil { // tells an empty native histogram from a classic one
		out.PositiveSpan = []*dto.BucketSpan{{Offset: new(int32(0)), Length: new(uint32(0))}}
	}
}

// histogramMetric is a metric of labels with buckets of both kinds.
type histogramMetric struct {
	prometheus.Metric // of the labels
	histogram         *dto.Histogram
}

// Write implements [prometheus.Metric].
func (m histogramMetric) Write(out *dto.Metric) error {
	if err := m.Metric.Write(out); err != nil {
		return err
	}
	out.Histogram = m.histogram
	return nil
}
