package cache

import (
	"fmt"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/identifier"
)

func key(i int) identifier.Key {
	return identifier.Key{Scheme: identifier.Handle, Name: fmt.Sprintf("88.1.2/%d", i)}
}

func newLRU(t testing.TB, bytes int64) *LRU {
	t.Helper()
	c, err := NewLRU(Options{Bytes: bytes, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLRU(t *testing.T) {
	c := newLRU(t, 1<<20)
	rec := &identifier.Record{ID: "x"}
	k := key(1)
	if _, ok := c.Get(k); ok {
		t.Fatal("an empty cache has an answer")
	}
	c.Fill(k, c.Ticket(k), rec, 100)
	if got, ok := c.Get(k); !ok || got != rec {
		t.Fatalf("got %v, %v, want the record", got, ok)
	}
	c.Fill(k, c.Ticket(k), nil, 0)
	if got, ok := c.Get(k); !ok || got != nil {
		t.Fatalf("got %v, %v, want the knowledge that there is none", got, ok)
	}
	if positive, negative, _ := c.usage(); positive != 0 || negative != 1 {
		t.Errorf("got %d positive and %d negative entries, want the key once, negative", positive, negative)
	}
	c.Forget(k)
	if _, ok := c.Get(k); ok {
		t.Error("a forgotten key has an answer")
	}
	stale := c.Ticket(k)
	c.Forget(k)
	c.Fill(k, stale, rec, 100)
	if _, ok := c.Get(k); ok {
		t.Error("a fill older than the last change was kept")
	}
	stale = c.Ticket(k)
	c.Clear()
	c.Fill(k, stale, rec, 100)
	if _, ok := c.Get(k); ok {
		t.Error("a fill older than Clear was kept")
	}
	if got := testutil.ToFloat64(c.m.dropped); got != 2 {
		t.Errorf("counted %v dropped fills, want 2", got)
	}
}

// TestBound: whatever is put in, the cache occupies no more than it may, and forgets the oldest.
func TestBound(t *testing.T) {
	const bound = 1 << 20
	c := newLRU(t, bound)
	for i := range 20000 {
		rec := &identifier.Record{}
		if i%2 == 0 {
			rec = nil
		}
		c.Fill(key(i), c.Ticket(key(i)), rec, i%700)
		if _, _, bytes := c.usage(); i%1000 == 0 && bytes > bound {
			t.Fatalf("after %d fills: %d octets, bound %d", i, bytes, bound)
		}
	}
	positive, negative, bytes := c.usage()
	if bytes > bound || bytes < bound/2 {
		t.Errorf("got %d octets, want a full cache of at most %d", bytes, bound)
	}
	if negative == 0 || positive < negative {
		t.Errorf("got %d positive, %d negative entries: negatives must have their own, smaller share", positive, negative)
	}
	if _, ok := c.Get(key(19999)); !ok {
		t.Error("the newest entry is gone")
	}
	if _, ok := c.Get(key(1)); ok {
		t.Error("the oldest entry is still there")
	}
	c.Fill(key(1), c.Ticket(key(1)), &identifier.Record{}, bound)
	if _, ok := c.Get(key(1)); ok {
		t.Error("an entry larger than its shard was kept")
	}
	c.Clear()
	if positive, negative, bytes := c.usage(); positive+negative != 0 || bytes != 0 {
		t.Errorf("after Clear: %d entries, %d octets", positive+negative, bytes)
	}
}

func TestConcurrent(t *testing.T) {
	c := newLRU(t, 512<<10)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 5000 {
				k := key((i * (g + 1)) % 500)
				switch i % 4 {
				case 0:
					c.Fill(k, c.Ticket(k), &identifier.Record{ID: k.Name}, 50)
				case 1:
					c.Forget(k)
				default:
					if rec, ok := c.Get(k); ok && rec.ID != k.Name {
						t.Errorf("got the record of %s for %s", rec.ID, k.Name)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestTooSmall(t *testing.T) {
	if _, err := NewLRU(Options{Bytes: 1000}); err == nil {
		t.Error("a cache of 1000 octets was made")
	}
}

func BenchmarkGet(b *testing.B) {
	c := newLRU(b, 64<<20)
	for i := range 10000 {
		c.Fill(key(i), c.Ticket(key(i)), &identifier.Record{}, 100)
	}
	k := key(77)
	b.ReportAllocs()
	for b.Loop() {
		c.Get(k)
	}
}
