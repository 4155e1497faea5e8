package statistics

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// TestResolutions: questions are counted by day and outcome for whom the namespace was then, and for
// nobody where it is none of ours.
func TestResolutions(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		a := n.enterprise("A")
		n.allocate(identifier.Handle, "88.100.1", a)
		n.counted()
		ns := &identifier.Namespace{Scheme: identifier.Handle, Prefix: "88.100.1", Enterprise: a}
		r := n.Resolutions()
		if p, err := r.Position(t.Context()); p != nil || err != nil {
			t.Fatal(p, err)
		}
		before, after := china("2026-10-31 23:59:59"), china("2026-11-01 00:00:00")
		r.Count(ns, before, identifier.Handle, Found, 7)
		r.Count(ns, before, identifier.Handle, NotFound, 2)
		r.Count(nil, before, identifier.Handle, Other, 3)
		r.Count(nil, before, identifier.GS1, NotFound, 5)
		r.Count(nil, before, identifier.GS1, Outcome(200), 1)
		if got := n.read(Query{From: "2026-10"}, n.op); len(got.Items) != 0 || got.ResolutionsSince != nil {
			t.Errorf("before the first flush: %s", shown(got))
		}
		if err := r.Flush(t.Context(), []byte("one")); err != nil {
			t.Fatal(err)
		}
		r.Count(ns, before, identifier.Handle, Found, 1)
		r.Count(ns, after, identifier.Handle, Other, 1)
		if err := r.Flush(t.Context(), []byte("two")); err != nil {
			t.Fatal(err)
		}
		r = n.Resolutions() // what is counted and not flushed is lost with the process, and read again
		r.Count(ns, after, identifier.Handle, Other, 100)
		r = n.Resolutions()
		if p, err := r.Position(t.Context()); string(p) != "two" || err != nil {
			t.Fatal(p, err)
		}
		if err := r.Flush(t.Context(), []byte("three")); err != nil {
			t.Fatal(err)
		}
		n.store.set(after)
		q := Query{From: "2026-10"}
		n.want(q, n.op, `
			 2026-10 9=0+5+4 +0 ~0 -0 ^0 0/0
			A 2026-10 10=8+2+0 +0 ~0 -0 ^0 0/0
			A 2026-11 1=0+0+1 +0 ~0 -0 ^0 0/0
			total 2026-10 19=8+7+4 +0 ~0 -0 ^0 0/0
			total 2026-11 1=0+0+1 +0 ~0 -0 ^0 0/0`)
		q.ByPrefix = true
		for _, i := range n.read(q, n.op).Items {
			if i.Enterprise == "" && (i.Prefix != "" || i.Scheme == "") {
				t.Errorf("of nobody: %+v", i)
			}
		}
		if got := n.read(q, n.op); got.ResolutionsSince == nil || !got.ResolutionsSince.Equal(china("2026-10-30 10:00:00")) {
			t.Errorf("since %v", got.ResolutionsSince)
		}
	})
}

// TestFlushFails: a batch that was refused, or of which nobody knows whether it was applied, is stored once.
func TestFlushFails(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after error
	}{{"refused", storage.ErrNoSpace, nil}, {"lost", storage.ErrUnavailable, nil}, {"applied", nil, storage.ErrUnavailable}} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t, memstore.New())
			r := n.Resolutions()
			at := n.store.time()
			r.Count(nil, at, identifier.OID, Found, 1)
			n.store.failed = func(*storage.Batch) (before, after error) { return c.before, c.after }
			if err := r.Flush(t.Context(), []byte("a")); err == nil {
				t.Fatal("no error")
			}
			n.store.failed = nil
			r.Count(nil, at, identifier.OID, Found, 10)
			r.Count(nil, at, identifier.OID, NotFound, 1)
			if err := r.Flush(t.Context(), []byte("b")); err != nil {
				t.Fatal(err)
			}
			n.want(Query{From: "2026-10"}, n.op, " 2026-10 12=11+1+0 +0 ~0 -0 ^0 ?\ntotal 2026-10 12=11+1+0 +0 ~0 -0 ^0 ?")
		})
	}
}

// TestLogReadAgain: a log that is read again from the position after crashes anywhere is counted exactly.
func TestLogReadAgain(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		rng := rand.New(rand.NewPCG(1, 2))
		log := make([]Outcome, 500)
		var want [outcomes]uint64
		for i := range log {
			log[i] = Outcome(rng.IntN(3))
			want[log[i]]++
		}
		r, at := n.Resolutions(), 0
		for at < len(log) {
			for range rng.IntN(20) {
				if at < len(log) {
					r.Count(nil, n.store.time(), identifier.Handle, log[at], 1)
					at++
				}
			}
			crash := rng.IntN(3)
			if crash == 0 {
				n.store.failed = func(*storage.Batch) (before, after error) { return storage.ErrUnavailable, nil }
			} else if crash == 1 {
				n.store.failed = func(*storage.Batch) (before, after error) { return nil, storage.ErrUnavailable }
			}
			err := r.Flush(t.Context(), fmt.Append(nil, at))
			n.store.failed = nil
			if (err != nil) != (crash < 2) {
				t.Fatal(err)
			}
			if crash < 2 {
				r = n.Resolutions()
				place, err := r.Position(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				at = 0
				fmt.Sscan(string(place), &at)
			}
		}
		got := n.read(Query{From: "2026-10"}, n.op).Totals[0].Resolutions
		if got.Found != want[Found] || got.NotFound != want[NotFound] || got.Other != want[Other] || got.Total != uint64(len(log)) {
			t.Errorf("%+v, want %v", got, want)
		}
	})
}

// TestReadWhileFlushing: reading at the same time sees whole flushes.
func TestReadWhileFlushing(t *testing.T) {
	n := newNode(t, memstore.New())
	r := n.Resolutions()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			for d := range 5 {
				r.Count(nil, china("2026-10-30 10:00:00").Add(-time.Duration(d)*24*time.Hour), identifier.Handle, Found, 1)
			}
			if err := r.Flush(t.Context(), fmt.Append(nil, i)); err != nil {
				t.Error(err)
			}
		}
	}()
	for last := uint64(0); last < 1000; {
		got := n.read(Query{From: "2026-10"}, n.op).Totals[0].Resolutions.Total
		if got < last || got%5 != 0 {
			t.Fatalf("%d after %d", got, last)
		}
		last = got
	}
	<-done
}
