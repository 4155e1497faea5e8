package auth

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// counting counts the batches that are written to a store.
type counting struct {
	Store
	batches atomic.Int32
}

func (c *counting) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	c.batches.Add(1)
	return c.Store.Apply(ctx, b)
}

// TestLastUse: times of last use are kept, without a write for each request, and not lost at the end.
func TestLastUse(t *testing.T) {
	r, store := newRegistrar(t)
	k, bearer, err := r.IssueKey(t.Context(), registry.KeyRequest{Enterprise: registry.Self, Role: registry.RoleWriter}, operator)
	if err != nil {
		t.Fatal(err)
	}
	lastUsed := func() time.Time {
		t.Helper()
		k, err := r.APIKey(context.Background(), k.ID, operator.Actor)
		if err != nil {
			t.Fatal(err)
		}
		return k.LastUsed
	}
	if !lastUsed().IsZero() {
		t.Error("a key that was not used has a time of last use")
	}
	synctest.Test(t, func(t *testing.T) {
		c := &counting{Store: store}
		v, err := New(c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { v.Run(ctx); close(done) }()
		for range 1000 {
			if _, err := v.Verify(ctx, bearer, somebody); err != nil {
				t.Fatal(err)
			}
		}
		used := time.Now()
		if c.batches.Load() != 0 {
			t.Errorf("%d writes with the requests", c.batches.Load())
		}
		time.Sleep(3 * time.Minute)
		if got := lastUsed(); c.batches.Load() != 1 || got.Sub(used).Abs() > time.Minute {
			t.Errorf("%d writes, used %s, kept %s", c.batches.Load(), used, got)
		}
		if _, err := v.Verify(ctx, bearer, somebody); err != nil {
			t.Fatal(err)
		}
		again := time.Now()
		stop()
		<-done
		if got := lastUsed(); got.Sub(again).Abs() > time.Second {
			t.Errorf("after the end: used %s, kept %s", again, got)
		}
	})
}
