package statistics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
	"github.com/idnode/idnode/storage/pebblestore"
)

var operator = registry.Actor{Enterprise: registry.Self, KeyID: "kop", Role: registry.RoleOperator}

// clocked is a store whose batches are applied at the times that the test says, and some of which fail.
type clocked struct {
	storage.Store
	mu     sync.Mutex
	now    time.Time
	times  map[storage.Seq]time.Time
	failed func(b *storage.Batch) (before, after error)
	free   bool // batches are applied at the same time, and now
}

func (c *clocked) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clocked) set(t time.Time) {
	c.mu.Lock()
	c.now = t
	c.mu.Unlock()
}

func (c *clocked) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	if c.free {
		return c.Store.Apply(ctx, b)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var before, after error
	if c.failed != nil {
		before, after = c.failed(b)
	}
	if before != nil {
		return 0, before
	}
	seq, err := c.Store.Apply(ctx, b)
	if err == nil && len(b.Changes()) > 0 {
		c.times[seq] = c.now
	}
	return seq, errors.Join(err, after)
}

func (c *clocked) Read(ctx context.Context, after storage.Seq, n int) ([]storage.Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries, err := c.Store.Read(ctx, after, n)
	for i := range entries {
		if entries[i].Time = c.times[entries[i].Seq]; entries[i].Time.IsZero() {
			entries[i].Time = c.now
		}
	}
	return entries, err
}

// node is a registrar and the statistics of its store, which are followed when the test says so.
type node struct {
	*registry.Registrar
	*Statistics
	t     testing.TB
	store *clocked
	op    registry.Actor
	f     *follower // nil: not begun
}

func china(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", text, China)
	if err != nil {
		panic(err)
	}
	return t
}

func eachStore(t *testing.T, test func(t *testing.T, n *node)) {
	t.Run("memstore", func(t *testing.T) { test(t, newNode(t, memstore.New())) })
	t.Run("pebblestore", func(t *testing.T) {
		s, err := pebblestore.Open(t.TempDir(), pebblestore.Options{CacheBytes: 8 << 20, MemTableBytes: 8 << 20, MinFreeBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		test(t, newNode(t, s))
	})
}

func newNode(t testing.TB, engine storage.Store) *node {
	t.Helper()
	t.Cleanup(func() { engine.Close() })
	n := &node{t: t, store: &clocked{Store: engine, now: china("2026-10-30 10:00:00"), times: make(map[storage.Seq]time.Time)},
		op: operator}
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	n.Registrar, err = registry.New(registry.Options{
		Store: storage.Observe(n.store, func(c []storage.Change) {
			if err := namespaces.Observe(context.Background(), c); err != nil {
				t.Error(err)
			}
		}),
		Namespaces: namespaces, Clock: n.store.time, Logger: slog.New(slog.DiscardHandler),
		NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}, {Scheme: identifier.OID, Name: "1.2.156"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.restart()
	t.Cleanup(func() {
		if n.f != nil {
			n.f.close()
		}
	})
	return n
}

// restart forgets what is in memory, as a crash does.
func (n *node) restart() {
	n.t.Helper()
	if n.f != nil {
		n.f.close()
		n.f = nil
	}
	var err error
	n.Statistics, err = New(Options{Store: n.store, Clock: n.store.time, Gather: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		n.t.Fatal(err)
	}
}

// step goes a step.
func (n *node) step() (more bool, err error) {
	if n.f == nil {
		if n.f, err = n.resume(n.t.Context()); err != nil {
			return false, err
		}
	}
	return n.f.step(n.t.Context())
}

// counted follows until all is counted.
func (n *node) counted() {
	n.t.Helper()
	for {
		more, err := n.step()
		switch {
		case err != nil:
			n.t.Fatal(err)
		case more:
		case n.f.count != nil:
			<-n.f.count.done
		default:
			return
		}
	}
}

func (n *node) enterprise(name string) string {
	n.t.Helper()
	e, err := n.CreateEnterprise(n.t.Context(), registry.Enterprise{Name: name}, registry.Write{Actor: n.op})
	if err != nil {
		n.t.Fatal(err)
	}
	return e.ID
}

func (n *node) allocate(scheme identifier.Scheme, prefix, enterprise string) {
	n.t.Helper()
	if _, err := n.AllocatePrefix(n.t.Context(), registry.PrefixRequest{Scheme: scheme, Prefix: prefix, Enterprise: enterprise}, registry.Write{Actor: n.op}); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) transfer(scheme identifier.Scheme, prefix, to string) {
	n.t.Helper()
	k := identifier.Key{Scheme: scheme, Name: prefix}
	if _, err := n.PrefixAction(n.t.Context(), k, registry.ActionTransfer, "sold", to, registry.Write{Actor: n.op}); err != nil {
		n.t.Fatal(err)
	}
}

func record(id string) *identifier.Record {
	return &identifier.Record{ID: id, Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte("https://a.example/"), Perms: identifier.DefaultPerms}}}
}

func (n *node) create(id string) {
	n.t.Helper()
	if _, err := n.Create(n.t.Context(), record(id), registry.Write{Actor: n.op}); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) revoke(id string) {
	n.t.Helper()
	if _, err := n.Revoke(n.t.Context(), parse(n.t, id), "gone", "", registry.Write{Actor: n.op}); err != nil {
		n.t.Fatal(err)
	}
}

func parse(t testing.TB, id string) identifier.ID {
	t.Helper()
	got, err := identifier.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (n *node) read(q Query, a registry.Actor) *Answer {
	n.t.Helper()
	got, err := n.Read(n.t.Context(), q, a)
	if err != nil {
		n.t.Fatal(err)
	}
	return got
}

// shown is the items in short, a line each.
func shown(a *Answer) string {
	var b strings.Builder
	slices.SortStableFunc(a.Items, func(a, b Item) int { return strings.Compare(a.Name, b.Name) }) // ids are random
	for _, i := range a.Items {
		fmt.Fprintf(&b, "%s%s %s\n", i.Name, strings.TrimRight(" "+i.Prefix, " "), figures(i.Period, &i.Figures))
	}
	for _, i := range a.Totals {
		fmt.Fprintf(&b, "total %s\n", figures(i.Period, &i.Figures))
	}
	return b.String()
}

func figures(period string, f *Figures) string {
	r, g, held := f.Resolutions, f.Registrations, "?"
	if f.Records != nil {
		held = fmt.Sprint(f.Records.Active, "/", f.Records.Revoked)
	}
	return fmt.Sprintf("%s %d=%d+%d+%d +%d ~%d -%d ^%d %s", period, r.Total, r.Found, r.NotFound, r.Other, g.Created, g.Updated, g.Revoked, g.Restored, held)
}

func (n *node) want(q Query, a registry.Actor, want string) {
	n.t.Helper()
	want = strings.ReplaceAll(strings.TrimSpace(want), "\t", "")
	if diff := cmp.Diff(want, strings.TrimSpace(shown(n.read(q, a)))); diff != "" {
		n.t.Errorf("%+v: -want +got\n%s", q, diff)
	}
}

// TestMonthsInBeijing: a day and a month begin at midnight in China, whatever the clock's zone is.
func TestMonthsInBeijing(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		n.counted()
		n.allocate(identifier.Handle, "88.100.1", n.enterprise("A"))
		n.store.set(time.Date(2026, 10, 31, 15, 59, 59, 999e6, time.UTC))
		n.create("88.100.1/a")
		n.create("88.100.1/b")
		n.store.set(time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC))
		n.create("88.100.1/c")
		n.revoke("88.100.1/a")
		n.counted()
		n.want(Query{From: "2026-10"}, n.op, `
			A 2026-10 0=0+0+0 +2 ~0 -0 ^0 2/0
			A 2026-11 0=0+0+0 +1 ~0 -1 ^0 2/1
			total 2026-10 0=0+0+0 +2 ~0 -0 ^0 2/0
			total 2026-11 0=0+0+0 +1 ~0 -1 ^0 2/1`)
		n.want(Query{From: "2026-10-31", Granularity: Daily, ByPrefix: true}, n.op, `
			A 88.100.1 2026-10-31 0=0+0+0 +2 ~0 -0 ^0 2/0
			A 88.100.1 2026-11-01 0=0+0+0 +1 ~0 -1 ^0 2/1
			total 2026-10-31 0=0+0+0 +2 ~0 -0 ^0 2/0
			total 2026-11-01 0=0+0+0 +1 ~0 -1 ^0 2/1`)
		n.store.set(china("2027-01-05 00:00:00"))
		n.want(Query{From: "2026-12", To: "2027-02"}, n.op, `
			A 2026-12 0=0+0+0 +0 ~0 -0 ^0 2/1
			A 2027-01 0=0+0+0 +0 ~0 -0 ^0 2/1
			total 2026-12 0=0+0+0 +0 ~0 -0 ^0 2/1
			total 2027-01 0=0+0+0 +0 ~0 -0 ^0 2/1
			total 2027-02 0=0+0+0 +0 ~0 -0 ^0 ?`)
	})
}

// TestTransfer: what was counted stays with whom it was counted for, what is held goes to the new holder.
func TestTransfer(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		a, b := n.enterprise("A"), n.enterprise("B")
		n.allocate(identifier.Handle, "88.100.1", a)
		n.counted()
		n.create("88.100.1/a")
		n.create("88.100.1/b")
		n.revoke("88.100.1/b")
		n.store.set(china("2026-11-01 12:00:00"))
		n.create("88.100.1/c")
		n.transfer(identifier.Handle, "88.100.1", b) // all of it is read at once
		n.create("88.100.1/d")
		n.counted()
		lines := map[string]string{
			a: "A 2026-10 0=0+0+0 +2 ~0 -1 ^0 1/1\nA 2026-11 0=0+0+0 +1 ~0 -0 ^0 0/0\n",
			b: "B 2026-11 0=0+0+0 +1 ~0 -0 ^0 3/1\n",
		}
		for e, want := range lines {
			n.want(Query{Enterprise: e}, registry.Actor{Enterprise: e, Role: registry.RoleReader}, want)
		}
		n.store.set(china("2026-12-01 12:00:00"))
		n.want(Query{From: "2026-12", Enterprise: a}, n.op, "")
		n.want(Query{From: "2026-12", Enterprise: b}, n.op, "B 2026-12 0=0+0+0 +0 ~0 -0 ^0 3/1")
	})
}

// TestFirstStart: a store that has records already is counted once, while others write, and that can be
// broken off at any place.
func TestFirstStart(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		a := n.enterprise("A")
		n.allocate(identifier.Handle, "88.100.1", a)
		n.allocate(identifier.OID, "1.2.156.7", a)
		for i := range 50 {
			n.create(fmt.Sprintf("88.100.1/%d", i))
			n.create(fmt.Sprintf("oid:1.2.156.7.%d", i+1))
		}
		n.revoke("88.100.1/7")
		if more, err := n.step(); !more || err != nil { // begins the count
			t.Fatal(more, err)
		}
		n.create("88.100.1/later")
		n.revoke("88.100.1/8")
		got := n.read(Query{}, n.op)
		if !got.Counting || got.RegistrationsSince == nil || len(got.Items) != 0 || got.Totals[11].Records != nil {
			t.Errorf("while it counts: %+v", got)
		}
		n.restart()
		n.create("88.100.1/later2")
		n.create("88.100.1/later3")
		n.store.set(china("2026-11-02 00:00:00"))
		if more, err := n.step(); !more || err != nil {
			t.Fatal(more, err)
		}
		n.counted()
		n.want(Query{From: "2026-10"}, n.op, `
			A 2026-10 0=0+0+0 +3 ~0 -1 ^0 ?
			A 2026-11 0=0+0+0 +0 ~0 -0 ^0 101/2
			total 2026-10 0=0+0+0 +3 ~0 -1 ^0 ?
			total 2026-11 0=0+0+0 +0 ~0 -0 ^0 101/2`)
		n.restart()
		n.create("88.100.1/later4")
		n.counted()
		n.want(Query{From: "2026-11", ByPrefix: true}, n.op, `
			A 88.100.1 2026-11 0=0+0+0 +1 ~0 -0 ^0 52/2
			A 1.2.156.7 2026-11 0=0+0+0 +0 ~0 -0 ^0 50/0
			total 2026-11 0=0+0+0 +1 ~0 -0 ^0 102/2`)
	})
}

// TestFirstStartWhileWriting: what others write while the snapshot is taken is counted once.
func TestFirstStartWhileWriting(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		n.allocate(identifier.Handle, "88.100.1", n.enterprise("A"))
		for round := range 5 {
			n.restart()
			if err := n.store.DeleteRange(t.Context(), stateKey, append(slices.Clone(stateKey), 0)); err != nil {
				t.Fatal(err)
			}
			n.store.free = true
			stop := make(chan struct{})
			var writers sync.WaitGroup
			for w := range 8 {
				writers.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						id, _ := identifier.Parse(fmt.Sprintf("88.100.1/%d-%d-%d", round, w, i))
						_, err := n.Create(t.Context(), record(id.String()), registry.Write{Actor: n.op})
						if err == nil && i%3 == 0 {
							_, err = n.Revoke(t.Context(), id, "gone", "", registry.Write{Actor: n.op})
						}
						if err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			time.Sleep(2 * time.Millisecond)
			for n.f == nil || !n.f.st.Known {
				if _, err := n.step(); err != nil {
					t.Error(err)
					break
				}
			}
			close(stop)
			writers.Wait()
			n.counted()
			var want RecordFigures
			err := n.store.Scan(t.Context(), storage.TableRange(storage.TableRecord), func(_ []byte, item storage.Item) error {
				rec, err := identifier.DecodeRecord(item.Value)
				if err == nil && rec.State == identifier.Active {
					want.Active++
				} else {
					want.Revoked++
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := n.read(Query{}, n.op).Totals[11].Records; got == nil || *got != want {
				t.Errorf("round %d: %+v, want %+v", round, got, want)
			}
		}
	})
}

// TestTrimmed: what was lost of the change log is said to be, and what is held is right again.
func TestTrimmed(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		a, b := n.enterprise("A"), n.enterprise("B")
		n.allocate(identifier.Handle, "88.100.1", a)
		n.create("88.100.1/a")
		n.counted()
		n.store.set(china("2026-11-03 10:00:00"))
		n.create("88.100.1/b")
		n.counted()
		n.store.set(china("2026-11-04 10:00:00"))
		n.create("88.100.1/c")
		n.transfer(identifier.Handle, "88.100.1", b)
		n.create("88.100.1/d")
		last, err := n.store.Last(t.Context())
		if err == nil {
			err = n.store.Trim(t.Context(), last)
		}
		if err != nil {
			t.Fatal(err)
		}
		n.restart()
		n.store.set(china("2026-11-06 10:00:00"))
		n.counted()
		n.create("88.100.1/e")
		n.counted()
		n.want(Query{From: "2026-11-02", To: "2026-11-06", Granularity: Daily}, n.op, `
			A 2026-11-02 0=0+0+0 +0 ~0 -0 ^0 1/0
			A 2026-11-03 0=0+0+0 +1 ~0 -0 ^0 ?
			B 2026-11-06 0=0+0+0 +1 ~0 -0 ^0 5/0
			total 2026-11-02 0=0+0+0 +0 ~0 -0 ^0 1/0
			total 2026-11-03 0=0+0+0 +1 ~0 -0 ^0 ?
			total 2026-11-04 0=0+0+0 +0 ~0 -0 ^0 ?
			total 2026-11-05 0=0+0+0 +0 ~0 -0 ^0 ?
			total 2026-11-06 0=0+0+0 +1 ~0 -0 ^0 5/0`)
		got := n.read(Query{}, n.op)
		if got.IncompleteSince == nil || !got.IncompleteSince.Equal(china("2026-11-03 10:00:00")) || got.Counting {
			t.Errorf("incomplete since %v", got.IncompleteSince)
		}
		if got := n.read(Query{To: "2026-10"}, n.op); got.IncompleteSince != nil {
			t.Errorf("October incomplete since %v", got.IncompleteSince)
		}
	})
}

// TestInside: records in a namespace that is allocated inside of another are the new one's.
func TestInside(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		a, b := n.enterprise("A"), n.enterprise("B")
		n.allocate(identifier.OID, "1.2.156.7", a)
		for _, id := range []string{"oid:1.2.156.7.1", "oid:1.2.156.7.5.1", "oid:1.2.156.7.5.2"} {
			n.create(id)
		}
		n.revoke("oid:1.2.156.7.5.2")
		n.counted()
		n.want(Query{From: "2026-10", Enterprise: a}, n.op, "A 2026-10 0=0+0+0 +0 ~0 -0 ^0 2/1")
		n.allocate(identifier.OID, "1.2.156.7.5", a)
		n.transfer(identifier.OID, "1.2.156.7.5", b)
		n.create("oid:1.2.156.7.5.3")
		if more, err := n.step(); !more || err != nil { // sees it
			t.Fatal(more, err)
		}
		n.restart()
		n.counted()
		n.want(Query{From: "2026-10"}, n.op, `
			A 2026-10 0=0+0+0 +0 ~0 -0 ^0 1/0
			B 2026-10 0=0+0+0 +1 ~0 -0 ^0 2/1
			total 2026-10 0=0+0+0 +1 ~0 -0 ^0 3/1`)
	})
}

// TestClockAhead: a clock that was ahead for a while spoils nothing that is shown once it is right.
func TestClockAhead(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		a, b := n.enterprise("A"), n.enterprise("B")
		n.allocate(identifier.Handle, "88.100.1", a)
		n.allocate(identifier.Handle, "88.100.2", a)
		n.counted()
		n.create("88.100.1/a")
		n.create("88.100.2/a")
		n.counted()
		n.store.set(china("2099-01-01 00:00:00"))
		n.create("88.100.1/b")
		n.transfer(identifier.Handle, "88.100.2", b)
		n.counted()
		n.store.set(china("2026-10-31 00:00:00"))
		n.counted()
		want := `
			A 2026-10-30 0=0+0+0 +2 ~0 -0 ^0 2/0
			A 2026-10-31 0=0+0+0 +0 ~0 -0 ^0 2/0
			B 2026-10-31 0=0+0+0 +0 ~0 -0 ^0 1/0
			total 2026-10-30 0=0+0+0 +2 ~0 -0 ^0 2/0
			total 2026-10-31 0=0+0+0 +0 ~0 -0 ^0 3/0`
		q := Query{From: "2026-10-30", Granularity: Daily}
		n.want(q, n.op, want)
		n.store.set(china("2026-10-29 00:00:00")) // slow now, which is no harm
		n.create("88.100.1/c")
		n.store.set(china("2026-10-31 00:00:00"))
		n.counted()
		n.want(q, n.op, strings.Replace(strings.Replace(want, "A 2026-10-31 0=0+0+0 +0 ~0 -0 ^0 2/0", "A 2026-10-31 0=0+0+0 +0 ~0 -0 ^0 3/0", 1),
			"total 2026-10-31 0=0+0+0 +0 ~0 -0 ^0 3/0", "total 2026-10-31 0=0+0+0 +0 ~0 -0 ^0 4/0", 1))
	})
}

// TestKinds: the record of a prefix is not counted, nor are tombstones that come from another node as if
// they had been active here.
func TestKinds(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		n.allocate(identifier.Handle, "88.100.1", n.enterprise("A"))
		n.counted()
		for _, c := range []struct {
			id string
			op storage.Op
		}{{"0.NA/88.100.1", storage.OpCreate}, {"88.100.1/x", storage.OpEntomb}, {"88.100.1/x", storage.OpRestore}, {"88.100.1/x", storage.OpRevoke}, {"88.100.1/x", storage.OpUpdate}} {
			var b storage.Batch
			k := parse(t, c.id).Key(false)
			b.Set(storage.RecordKey(k), identifier.AppendRecord(nil, &identifier.Record{Scheme: identifier.Handle, ID: c.id, State: identifier.Revoked}))
			b.Log(storage.Change{Op: c.op, Key: storage.RecordKey(k), Version: 1})
			if _, err := n.store.Apply(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
		}
		n.counted()
		want := "A 2026-10 0=0+0+0 +%d ~%d -%d ^%d 0/1\ntotal 2026-10 0=0+0+0 +%[1]d ~%d -%d ^%d 0/1"
		n.want(Query{From: "2026-10"}, n.op, fmt.Sprintf(want, 1, 1, 2, 1))
		n.f.st.Again = true
		n.counted()
		n.want(Query{From: "2026-10"}, n.op, fmt.Sprintf(want, 1, 1, 2, 1))
	})
}

func TestWhoReads(t *testing.T) {
	n := newNode(t, memstore.New())
	a, b := n.enterprise("A"), n.enterprise("B")
	n.allocate(identifier.Handle, "88.100.1", a)
	n.allocate(identifier.Handle, "88.100.2", a)
	n.allocate(identifier.Handle, "88.100.3", b)
	n.counted()
	for _, id := range []string{"88.100.1/a", "88.100.2/a", "88.100.3/a"} {
		n.create(id)
	}
	n.counted()
	all := "A 2026-10 0=0+0+0 +2 ~0 -0 ^0 2/0\nB 2026-10 0=0+0+0 +1 ~0 -0 ^0 1/0\ntotal 2026-10 0=0+0+0 +3 ~0 -0 ^0 3/0\n"
	own := "B 2026-10 0=0+0+0 +1 ~0 -0 ^0 1/0\n"
	q := Query{From: "2026-10"}
	n.want(q, registry.Actor{Enterprise: registry.Self, Role: registry.RoleAuditor}, all)
	n.want(q, registry.Actor{Enterprise: b, Role: registry.RoleWriter}, own)
	n.want(q, registry.Actor{Enterprise: a, Role: registry.RoleAdmin, Prefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.2"}}},
		"A 2026-10 0=0+0+0 +1 ~0 -0 ^0 1/0\n")
	q.Enterprise = b
	n.want(q, n.op, own)
	refused := func(code string, q Query, a registry.Actor) {
		t.Helper()
		_, err := n.Read(t.Context(), q, a)
		if e, ok := errors.AsType[*registry.Error](err); !ok || e.Code != code {
			t.Errorf("%+v: %v, want %s", q, err, code)
		}
	}
	refused(registry.CodeForbidden, q, registry.Actor{Enterprise: a, Role: registry.RoleAdmin})
	refused(registry.CodeForbidden, Query{}, registry.Actor{Role: registry.RoleReader})
	refused(registry.CodeNotFound, Query{Enterprise: "nobody"}, n.op)
	for _, bad := range []Query{
		{Granularity: "year"}, {From: "2026"}, {From: "2026-13"}, {To: "2026-02-30"}, {To: "x"}, {From: "0000-01"}, {From: "2026-02", To: "2026-01"},
		{From: "2016-10", To: "2026-10"}, {From: "2026-10-01", To: "2026-11-01", Granularity: Daily}, {Enterprise: a, From: "2025-10-01", To: "2026-10-02", Granularity: Daily},
		{From: "0001-01", To: "9999-12", Granularity: Daily},
	} {
		refused(registry.CodeInvalidRequest, bad, n.op)
	}
	for _, good := range []Query{{From: "2016-11", To: "2026-10"}, {From: "2026-10-01", To: "2026-10-31", Granularity: Daily}, {Enterprise: a, From: "2025-10-01", To: "2026-10-01", Granularity: Daily}} {
		n.read(good, n.op)
	}
	if got := n.read(Query{}, n.op); got.From != "2025-11" || got.To != "2026-10" || len(got.Totals) != 12 {
		t.Errorf("by default from %s to %s", got.From, got.To)
	}
	if got := n.read(Query{Granularity: Daily}, n.op); got.From != "2026-09-30" || got.To != "2026-10-30" {
		t.Errorf("by day from %s to %s", got.From, got.To)
	}
}

// TestRun: what runs counts, and tells how far it is behind.
func TestRun(t *testing.T) {
	s := memstore.New()
	n := newNode(t, s)
	metrics := prometheus.NewRegistry()
	var err error
	if n.Statistics, err = New(Options{Store: n.store, Clock: n.store.time, Gather: time.Millisecond, Registerer: metrics}); err != nil {
		t.Fatal(err)
	}
	n.allocate(identifier.Handle, "88.100.1", n.enterprise("A"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { n.Run(ctx); close(done) }()
	for i := 0; ; i++ {
		n.create(fmt.Sprintf("88.100.1/%d", i))
		got := n.read(Query{From: "2026-10"}, n.op)
		if r := got.Totals[0].Records; r != nil && r.Active > 5 && got.Totals[0].Registrations.Created > 2 {
			break
		}
		if i > 10000 {
			t.Fatalf("after a while: %s", shown(got))
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
	n.counted()
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP idnode_statistics_lag_seconds Age of the oldest batch whose registrations are not in the statistics yet.
# TYPE idnode_statistics_lag_seconds gauge
idnode_statistics_lag_seconds 0
`), "idnode_statistics_lag_seconds"); err != nil {
		t.Error(err)
	}
	records := ""
	for _, scheme := range []string{"did", "ecode", "gs1", "handle", "ma", "oid"} {
		held := 0
		if scheme == "handle" {
			held = 7
		}
		records += fmt.Sprintf("idnode_records{scheme=%q,status=\"active\"} %d\nidnode_records{scheme=%q,status=\"revoked\"} 0\n", scheme, held, scheme)
	}
	if err := testutil.GatherAndCompare(metrics, strings.NewReader("# HELP idnode_records Records of enterprises, by scheme and status (active, revoked); absent until they have been counted.\n"+
		"# TYPE idnode_records gauge\n"+records), "idnode_records"); err != nil {
		t.Error(err)
	}
	n.store.set(n.store.time().Add(-3 * time.Second))
	n.create("88.100.1/late")
	n.store.set(n.store.time().Add(3 * time.Second))
	if lag := n.lag(t.Context()); lag != 3*time.Second {
		t.Errorf("lag %v", lag)
	}
}

// TestTwoFollowers: of two that count the same store one is refused, and goes on from what the other stored.
func TestTwoFollowers(t *testing.T) {
	n := newNode(t, memstore.New())
	n.allocate(identifier.Handle, "88.100.1", n.enterprise("A"))
	n.counted()
	first := n.f
	n.f = nil
	n.create("88.100.1/a")
	n.counted()
	if _, err := first.step(t.Context()); !errors.Is(err, errBehind) {
		t.Fatalf("the other: %v", err)
	}
	n.want(Query{From: "2026-10"}, n.op, "A 2026-10 0=0+0+0 +1 ~0 -0 ^0 1/0\ntotal 2026-10 0=0+0+0 +1 ~0 -0 ^0 1/0")
}

// TestModel: whatever happens in whatever order, with crashes anywhere, the figures are those of a model.
func TestModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { eachStore(t, func(t *testing.T, n *node) { runModel(t, n, seed) }) })
	}
}

type modelKey struct {
	enterprise string
	day        day
}

// model is what the figures should be.
type model struct {
	*node
	rng     *rand.Rand
	owners  map[string]string // prefix → enterprise
	records map[string]identifier.State
	counts  map[modelKey]change
	held    map[modelKey]holding // of days that are past
	from    bool                 // counting has begun
}

func runModel(t *testing.T, n *node, seed uint64) {
	m := &model{node: n, rng: rand.New(rand.NewPCG(seed, 1)), owners: make(map[string]string), records: make(map[string]identifier.State),
		counts: make(map[modelKey]change), held: make(map[modelKey]holding)}
	enterprises := []string{n.enterprise("A"), n.enterprise("B"), n.enterprise("C")}
	for i := range 5 {
		p := fmt.Sprintf("88.100.%d", i+1)
		m.owners[p] = enterprises[i%3]
		n.allocate(identifier.Handle, p, m.owners[p])
	}
	m.act(60) // before there were statistics
	crash := errors.New("crash")
	for i := range 300 {
		if i == 100 {
			m.counted() // from here on what is held is known
			m.from = true
		}
		switch m.rng.IntN(12) {
		case 0: // the next day, if not several
			m.endDay()
		case 1:
			m.restart()
		case 2:
			m.counted()
			prefix := fmt.Sprintf("88.100.%d", m.rng.IntN(5)+1)
			to := enterprises[m.rng.IntN(3)]
			if to != m.owners[prefix] {
				m.transfer(identifier.Handle, prefix, to)
				m.owners[prefix] = to
			}
			if m.rng.IntN(2) == 0 {
				m.restart()
			}
			m.counted()
		case 3: // a crash right before or after a batch
			fails := m.rng.IntN(2)
			m.store.failed = func(b *storage.Batch) (before, after error) {
				if len(b.Changes()) > 0 {
					return nil, nil
				}
				if fails == 0 {
					return crash, nil
				}
				return nil, crash
			}
			for more := true; more; {
				var err error
				if more, err = m.step(); err != nil && !errors.Is(err, crash) {
					t.Fatal(err)
				} else if err != nil {
					more = false
				}
			}
			m.store.failed = nil
			m.restart()
		case 4, 5:
			if _, err := m.step(); err != nil {
				t.Fatal(err)
			}
		default:
			if m.f == nil && !m.from {
				if _, err := m.step(); err != nil { // the model cannot tell what comes before the first start
					t.Fatal(err)
				}
			}
			m.act(1 + m.rng.IntN(5))
		}
	}
	m.counted()
	m.endDay()
	m.compare()
	m.restart()
	m.compare()
}

// act changes some records.
func (m *model) act(n int) {
	for range n {
		prefix := fmt.Sprintf("88.100.%d", m.rng.IntN(5)+1)
		id := fmt.Sprintf("%s/%d", prefix, m.rng.IntN(30))
		switch m.rng.IntN(6) {
		case 0, 1:
			if m.records[id] == 0 {
				m.create(id)
				m.did(prefix, change{created: 1})
				m.records[id] = identifier.Active
			}
		case 2:
			if m.records[id] == identifier.Active {
				rec := record(id)
				rec.Values[0].Data = fmt.Append(nil, m.rng.Int())
				if _, err := m.Replace(m.t.Context(), rec, registry.Write{Actor: m.op}); err != nil {
					m.t.Fatal(err)
				}
				m.did(prefix, change{updated: 1})
			}
		case 3:
			if m.records[id] == identifier.Active {
				m.revoke(id)
				m.did(prefix, change{ended: 1})
				m.records[id] = identifier.Revoked
			}
		case 4:
			if m.records[id] == identifier.Revoked {
				if _, err := m.Restore(m.t.Context(), parse(m.t, id), registry.Write{Actor: m.op}); err != nil {
					m.t.Fatal(err)
				}
				m.did(prefix, change{restored: 1})
				m.records[id] = identifier.Active
			}
		case 5:
			m.load(prefix)
		}
	}
}

// load imports some records of a prefix.
func (m *model) load(prefix string) {
	var ids []string
	for i := range 30 {
		if id := fmt.Sprintf("%s/%d", prefix, i); m.records[id] == 0 && m.rng.IntN(10) == 0 {
			ids = append(ids, id)
		}
	}
	i := 0
	_, err := m.Import(m.t.Context(), func() (registry.Row, error) {
		if i == len(ids) {
			return registry.Row{}, io.EOF
		}
		i++
		return registry.Row{Line: i, Record: record(ids[i-1])}, nil
	}, registry.ImportOptions{Actor: m.op}, func(r registry.RowResult) error { return errors.New(r.Detail) })
	if err != nil {
		m.t.Fatal(err)
	}
	for _, id := range ids {
		m.did(prefix, change{created: 1})
		m.records[id] = identifier.Active
	}
}

func (m *model) did(prefix string, c change) {
	st, err := readState(m.t.Context(), m.store)
	if err != nil {
		m.t.Fatal(err)
	}
	if st.version == 0 {
		return // not counted yet
	}
	k := modelKey{m.owners[prefix], dayOf(m.store.time(), China)}
	sum := m.counts[k]
	sum.add(c)
	m.counts[k] = sum
}

// endDay keeps what is held today, and goes on to another day.
func (m *model) endDay() {
	today := dayOf(m.store.time(), China)
	next := m.store.time().Add(time.Duration(24+m.rng.IntN(72)) * time.Hour)
	for d := today; d < dayOf(next, China); d = d.plus(0, 1) {
		for id, state := range m.records {
			prefix, _, _ := strings.Cut(id, "/")
			k := modelKey{m.owners[prefix], d}
			h := m.held[k]
			if state == identifier.Active {
				h.active++
			} else {
				h.revoked++
			}
			m.held[k] = h
		}
	}
	m.store.set(next)
}

// compare holds what is read against the model, by day, and by month.
func (m *model) compare() {
	m.t.Helper()
	m.counted()
	days := make(map[modelKey]bool)
	for k := range m.counts {
		days[k] = true
	}
	for k := range m.held {
		days[k] = true
	}
	last := day(0)
	months := make(map[string]change)
	known := 0
	for k := range days {
		last = max(last, k.day)
		c := m.counts[k]
		sum := months[k.enterprise+k.day.String()[:7]]
		sum.add(c)
		months[k.enterprise+k.day.String()[:7]] = sum
		got := m.read(Query{Enterprise: k.enterprise, From: k.day.String(), To: k.day.String(), Granularity: Daily}, m.op)
		var f Figures
		if len(got.Items) > 0 {
			f = got.Items[0].Figures
		}
		want := Figures{Registrations: RegistrationFigures{uint64(c.created), uint64(c.updated), uint64(c.ended), uint64(c.restored)}}
		if m.f.st.knows(k.day) {
			known++
			h := m.held[k]
			want.Records = &RecordFigures{uint64(h.active), uint64(h.revoked)}
			if len(got.Items) == 0 {
				f.Records = &RecordFigures{}
			}
		}
		if diff := cmp.Diff(want, f); diff != "" {
			m.t.Errorf("%s of %s: -want +got\n%s", k.day, k.enterprise, diff)
		}
	}
	if known < len(days)/3 {
		m.t.Errorf("of %d days what is held is known of %d", len(days), known)
	}
	got := m.read(Query{From: "2026-01", To: last.String()}, m.op)
	for _, i := range got.Items {
		c := months[i.Enterprise+i.Period]
		if want := (RegistrationFigures{uint64(c.created), uint64(c.updated), uint64(c.ended), uint64(c.restored)}); want != i.Registrations {
			m.t.Errorf("%s of %s: %+v, want %+v", i.Period, i.Enterprise, i.Registrations, want)
		}
	}
	if !slices.IsSortedFunc(got.Items, func(a, b Item) int { return strings.Compare(a.Enterprise+a.Period, b.Enterprise+b.Period) }) {
		m.t.Error("items are not in order")
	}
}
