package job

import (
	"context"
	"math"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// The pace of jobs: while the node has time for all, none. When goroutines have to wait for a processor longer than
// tolerable, jobs rest before each chunk of at most 1000 rows, the longer the worse it is.
const (
	paceEvery   = 100 * time.Millisecond // how often it is looked
	tolerable   = time.Millisecond       // the 99th percentile of waits for a processor that is let be
	longestRest = 200 * time.Millisecond // so a job always goes on, at some 5000 rows a second at least
	firstRest   = 2 * time.Millisecond
)

// schedLatencies is how long goroutines that could run waited for a processor.
const schedLatencies = "/sched/latencies:seconds"

// pace tells jobs when to rest.
type pace struct {
	rest   atomic.Int64 // nanoseconds
	before []uint64
}

func newPace() *pace { return new(pace) }

// run looks at the node until ctx ends.
func (p *pace) run(ctx context.Context) {
	t := time.NewTicker(paceEvery)
	defer t.Stop()
	sample := []metrics.Sample{{Name: schedLatencies}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		metrics.Read(sample)
		if sample[0].Value.Kind() == metrics.KindFloat64Histogram {
			p.observe(sample[0].Value.Float64Histogram())
		}
	}
}

// observe looks at the waits since the last call.
func (p *pace) observe(h *metrics.Float64Histogram) {
	total := uint64(0)
	since := make([]uint64, len(h.Counts))
	for i, n := range h.Counts {
		since[i] = n
		if len(p.before) == len(h.Counts) {
			since[i] -= p.before[i]
		}
		total += since[i]
	}
	first := p.before == nil
	p.before = append(p.before[:0], h.Counts...)
	if first {
		return
	}
	rest := time.Duration(p.rest.Load())
	if percentile(since, h.Buckets, total) > tolerable {
		rest = min(max(2*rest, firstRest), longestRest)
	} else if rest = rest / 2; rest < firstRest {
		rest = 0
	}
	p.rest.Store(int64(rest))
}

// percentile is the upper bound of the bucket in which the 99th percentile lies.
func percentile(counts []uint64, buckets []float64, total uint64) time.Duration {
	if total == 0 {
		return 0
	}
	seen, limit := uint64(0), total-total/100
	for i, n := range counts {
		if seen += n; seen >= limit {
			if bound := buckets[i+1]; !math.IsInf(bound, 1) {
				return time.Duration(bound * float64(time.Second))
			}
			return time.Hour
		}
	}
	return 0
}

// wait rests, if there is reason to.
func (p *pace) wait(ctx context.Context) error {
	rest := time.Duration(p.rest.Load())
	if rest == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
