// Package topk finds the most frequent of many things in bounded memory: the algorithm "space-saving" (Metwally, Agrawal,
// El Abbadi 2005) on a heap.
package topk

import (
	"cmp"
	"slices"
)

// Counter counts things. Of all requests counted it knows every thing that has more than one in its size. Make one with New;
// it is not safe for concurrent use.
type Counter[K comparable] struct {
	size  int
	keep  func(K) K
	at    map[K]int // where in heap
	heap  []Entry[K]
	total uint64
}

// Entry is a thing and how often it was counted: at most Count times, and at least Count-Error times.
type Entry[K comparable] struct {
	Key          K
	Count, Error uint64
}

// New returns a counter of at most size things. Add may be given keys that are views of what changes afterwards: keep makes a
// lasting copy of one; nil if that is not needed.
func New[K comparable](size int, keep func(K) K) *Counter[K] {
	if keep == nil {
		keep = func(k K) K { return k }
	}
	return &Counter[K]{size: size, keep: keep, at: make(map[K]int, size), heap: make([]Entry[K], 0, size)}
}

// Add counts k once. It costs O(log size), and allocates only for what is new.
func (c *Counter[K]) Add(k K) {
	c.total++
	if i, ok := c.at[k]; ok {
		c.heap[i].Count++
		c.down(i)
		return
	}
	k = c.keep(k)
	if len(c.heap) < c.size {
		c.heap = append(c.heap, Entry[K]{Key: k, Count: 1})
		c.at[k] = len(c.heap) - 1
		c.up(len(c.heap) - 1)
		return
	}
	least := &c.heap[0]
	delete(c.at, least.Key)
	*least = Entry[K]{Key: k, Count: least.Count + 1, Error: least.Count}
	c.at[k] = 0
	c.down(0)
}

// Total is how often Add was called.
func (c *Counter[K]) Total() uint64 { return c.total }

func (c *Counter[K]) swap(i, j int) {
	c.heap[i], c.heap[j] = c.heap[j], c.heap[i]
	c.at[c.heap[i].Key], c.at[c.heap[j].Key] = i, j
}

func (c *Counter[K]) up(i int) {
	for i > 0 && c.heap[i].Count < c.heap[(i-1)/2].Count {
		c.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (c *Counter[K]) down(i int) {
	for {
		least := 2*i + 1
		if least >= len(c.heap) {
			return
		}
		if right := least + 1; right < len(c.heap) && c.heap[right].Count < c.heap[least].Count {
			least = right
		}
		if c.heap[i].Count <= c.heap[least].Count {
			return
		}
		c.swap(i, least)
		i = least
	}
}

// Top are the n most frequent things of several counters, whose counts are added up, the most frequent first.
func Top[K comparable](n int, counters ...*Counter[K]) []Entry[K] {
	sums := make(map[K]Entry[K])
	for _, c := range counters {
		for _, e := range c.heap {
			s := sums[e.Key]
			sums[e.Key] = Entry[K]{e.Key, s.Count + e.Count, s.Error + e.Error}
		}
	}
	all := make([]Entry[K], 0, len(sums))
	for _, e := range sums {
		all = append(all, e)
	}
	// What is surely frequent comes before what may have only taken another's place.
	slices.SortFunc(all, func(a, b Entry[K]) int {
		return cmp.Or(cmp.Compare(b.Count-b.Error, a.Count-a.Error), cmp.Compare(b.Count, a.Count))
	})
	return all[:min(n, len(all))]
}
