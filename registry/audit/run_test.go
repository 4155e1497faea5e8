package audit

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// TestRun: a log that runs chains what comes and removes what is old, and ends when it is told to.
func TestRun(t *testing.T) {
	g := newLogged(t, memstore.New(), Options{Retention: MinRetention, Interval: time.Millisecond, Gather: time.Millisecond})
	g.put(g.time().Add(-2*MinRetention), "old", true)
	g.put(g.time().Add(-time.Minute), "young", true)
	time.Sleep(2 * time.Millisecond)
	if lag := g.lag(t.Context()); lag <= 0 {
		t.Errorf("lag %v", lag)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { g.Run(ctx); close(done) }()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		f, err := g.Verify(t.Context(), operator)
		if err != nil {
			t.Fatal(err)
		}
		if f.Verified && f.Pending == 0 && f.From.N == 1 && f.Head.N == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a while: %+v", f)
		}
	}
	cancel()
	<-done
	if lag := g.lag(t.Context()); lag != 0 {
		t.Errorf("lag %v at the end", lag)
	}
}

// TestVerifyWhileRemoving: what is removed for its age while the log is verified is not missed.
func TestVerifyWhileRemoving(t *testing.T) {
	for _, left := range []int{0, 10, pageRows + 10} {
		store := &sweeping{Store: memstore.New()}
		g := newLogged(t, store, Options{Retention: MinRetention})
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		g.clock.Store(&base)
		for i := range 2 * pageRows {
			g.put(base, fmt.Sprint(i), true)
		}
		for i := range left {
			g.put(base.Add(48*time.Hour), fmt.Sprint("young ", i), true)
		}
		g.chained()
		store.before = func(snapshots int) {
			if snapshots == 2 {
				later := base.Add(MinRetention + 24*time.Hour)
				g.clock.Store(&later)
				if n, err := g.Sweep(t.Context()); n != 2*pageRows || err != nil {
					t.Errorf("removed %d, %v", n, err)
				}
			}
		}
		f, err := g.Verify(t.Context(), operator)
		if err != nil || !f.Verified || f.From.N != 2*pageRows {
			t.Errorf("%d left: %+v, %v", left, f, err)
		}
	}
}

// sweeping is a store in which something happens before a state is taken.
type sweeping struct {
	storage.Store
	snapshots int
	before    func(snapshots int)
}

func (s *sweeping) Snapshot(ctx context.Context) (storage.Snapshot, error) {
	if s.snapshots++; s.before != nil {
		s.before(s.snapshots)
	}
	return s.Store.Snapshot(ctx)
}
