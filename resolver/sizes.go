package resolver

import (
	"math/bits"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// sizeCount is how many buckets sizes has: up to 1, 2, 4 … 65536, which is more than a datagram takes.
const sizeCount = 17

// sizes is a histogram of small whole numbers. The zero sizes is empty. It is safe for concurrent use.
type sizes struct {
	sum     atomic.Uint64
	buckets [sizeCount]atomic.Uint64 // each up to 1<<i, the last for what is beyond too
}

// bucketOf is the bucket of a size.
func bucketOf(n int) int { return min(bits.Len(uint(max(n, 1)-1)), sizeCount-1) }

func (s *sizes) observe(n int) {
	s.sum.Add(uint64(max(n, 0)))
	s.buckets[bucketOf(n)].Add(1)
}

// metric is s as it is now, with the buckets from number first on.
func (s *sizes) metric(desc *prometheus.Desc, first int, labels ...string) prometheus.Metric {
	var count uint64
	limits := make(map[float64]uint64)
	for i := range s.buckets {
		count += s.buckets[i].Load()
		if i >= first {
			limits[float64(uint64(1)<<i)] = count
		}
	}
	return prometheus.MustNewConstHistogram(desc, count, float64(s.sum.Load()), limits, labels...)
}

// sizeTally gathers sizes for a goroutine alone.
type sizeTally struct {
	sum     uint64
	n       int
	buckets [sizeCount]uint32
}

func (t *sizeTally) observe(n int) {
	t.sum += uint64(n)
	t.n++
	t.buckets[bucketOf(n)]++
}

// flush tells to what was gathered.
func (t *sizeTally) flush(to *sizes) {
	if t.n == 0 {
		return
	}
	to.sum.Add(t.sum)
	for i, n := range t.buckets {
		if n > 0 {
			to.buckets[i].Add(uint64(n))
		}
	}
	*t = sizeTally{}
}
