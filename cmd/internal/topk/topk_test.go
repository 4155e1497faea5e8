package topk

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestBounds: counts are within their bounds, and whoever has more than one in size of all is known.
func TestBounds(t *testing.T) {
	const size, adds = 64, 200_000
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.2, 1, 100_000)
	c := New[uint64](size, nil)
	exact := make(map[uint64]uint64)
	for i := range adds {
		k := zipf.Uint64()
		if i%3 == 0 {
			k = 1_000_000 + uint64(i) // somebody enumerates
		}
		c.Add(k)
		exact[k]++
	}
	if c.Total() != adds || len(c.heap) != size {
		t.Fatalf("%d adds, %d entries", c.Total(), len(c.heap))
	}
	known := make(map[uint64]bool)
	for i, e := range c.heap {
		known[e.Key] = true
		if n := exact[e.Key]; e.Count < n || e.Count-e.Error > n {
			t.Errorf("%d was counted %d times, told are %d with an error of %d", e.Key, n, e.Count, e.Error)
		}
		if c.at[e.Key] != i || i > 0 && e.Count < c.heap[(i-1)/2].Count {
			t.Errorf("the heap is none at %d", i)
		}
	}
	for k, n := range exact {
		if n > adds/size && !known[k] {
			t.Errorf("%d was counted %d times and is not known", k, n)
		}
	}
	top := Top(3, c)
	if len(top) != 3 || top[0].Key != 0 || top[1].Key != 1 || top[2].Key != 2 {
		t.Errorf("top 3: %v", top)
	}
}

// TestKeep: keys may be views, and two counters add up.
func TestKeep(t *testing.T) {
	a, b := New(2, strings.Clone), New[string](2, nil)
	a.Add("x")
	a.Add("x")
	a.Add("y")
	b.Add("y")
	b.Add("y")
	b.Add("z")
	got := Top(20, a, b)
	if len(got) != 3 || got[0] != (Entry[string]{"y", 3, 0}) || got[1] != (Entry[string]{"x", 2, 0}) || got[2].Key != "z" {
		t.Errorf("got %v", got)
	}
}

func BenchmarkAdd(b *testing.B) {
	for name, skew := range map[string]float64{"keys=hot": 1.5, "keys=flat": 1.01} {
		b.Run(name, func(b *testing.B) {
			zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), skew, 1, 10_000_000)
			keys := make([]uint64, 1<<20)
			for i := range keys {
				keys[i] = zipf.Uint64()
			}
			c := New[uint64](512, nil)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c.Add(keys[i%len(keys)])
				i++
			}
		})
	}
}
