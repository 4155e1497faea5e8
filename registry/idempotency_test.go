package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

func TestReplay(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		id := parse(t, "88.100.1/I")
		create := func(key, data string) (Result, error) {
			return n.Create(ctx, record("88.100.1/I", data), Write{Actor: n.a, IdempotencyKey: key, Operation: "create"})
		}
		first := must(t)(create("k1", "one"))
		must(t)(n.Replace(ctx, record("88.100.1/I", "two"), Write{Actor: n.a}))
		again := must(t)(create("k1", "one"))
		if !again.Replayed || !again.Created || again.Seq != 0 {
			t.Errorf("repeated create: %+v", again)
		}
		if a, b := string(identifier.AppendRecordJSON(nil, first.Record)), string(identifier.AppendRecordJSON(nil, again.Record)); a != b {
			t.Errorf("repeated create answers\n%s, the first was\n%s", b, a)
		}
		if _, err := create("k1", "other"); code(err) != CodeIdempotencyMismatch {
			t.Errorf("another request with the key: %v", err)
		}
		if _, err := create("k2", "one"); code(err) != CodeAlreadyExists {
			t.Errorf("the same request with another key: %v", err)
		}
		// The key is the tenant's and the route's.
		must(t)(n.Create(ctx, record("88.100.2/I", "one"), Write{Actor: n.b, IdempotencyKey: "k1", Operation: "create"}))
		w := Write{Actor: n.a, IdempotencyKey: "k1", Operation: "revoke"}
		must(t)(n.Revoke(ctx, id, "r", "", w))
		must(t)(n.Restore(ctx, id, Write{Actor: n.a}))
		if res := must(t)(n.Revoke(ctx, id, "r", "", w)); !res.Replayed || res.Record.State != identifier.Revoked || res.Record.Version != 3 {
			t.Errorf("repeated revoke: %+v", res)
		}
		if rec, err := n.Get(ctx, id, Get{Actor: n.a}); err != nil || rec.Version != 4 || rec.State != identifier.Active {
			t.Errorf("a replay changed the record: %+v, %v", rec, err)
		}
		if _, err := create(strings.Repeat("k", 256), "x"); code(err) != CodeInvalidRequest {
			t.Errorf("a long key: %v", err)
		}

		ent := func() (*Enterprise, error) {
			return n.CreateEnterprise(ctx, Enterprise{Name: "once"}, Write{Actor: n.op, IdempotencyKey: "e"})
		}
		e1, err1 := ent()
		e2, err2 := ent()
		if err1 != nil || err2 != nil || e1.ID != e2.ID {
			t.Errorf("repeated enterprise: %+v %v, %+v %v", e1, err1, e2, err2)
		}
		allocate := func() (*identifier.Namespace, error) {
			return n.AllocatePrefix(ctx, PrefixRequest{Scheme: identifier.Handle, Enterprise: e1.ID}, Write{Actor: n.op, IdempotencyKey: "p"})
		}
		p1, err1 := allocate()
		p2, err2 := allocate()
		if err1 != nil || err2 != nil || p1.Prefix != p2.Prefix {
			t.Errorf("repeated allocation: %+v %v, %+v %v", p1, err1, p2, err2)
		}
	})
}

// TestReplayOverMidnight finds the first answer in yesterday's bucket, and no longer in that before.
func TestReplayOverMidnight(t *testing.T) {
	now := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	engine := memstore.New()
	n := newNodeWith(t, engine, engine, func() time.Time { return now })
	w := Write{Actor: n.a, IdempotencyKey: "k", Operation: "create"}
	must(t)(n.Create(t.Context(), record("88.100.1/M", "one"), w))
	now = now.Add(24 * time.Hour)
	if res := must(t)(n.Create(t.Context(), record("88.100.1/M", "one"), w)); !res.Replayed {
		t.Errorf("after 24 hours: %+v", res)
	}
	now = now.Add(24 * time.Hour)
	if _, err := n.Create(t.Context(), record("88.100.1/M", "one"), w); code(err) != CodeAlreadyExists {
		t.Errorf("after 48 hours: %v", err)
	}
}

// faulty is a store that fails in a way that is set for its next Apply.
type faulty struct {
	storage.Store
	mu   sync.Mutex
	next func(ctx context.Context, b *storage.Batch) (storage.Seq, error)
}

func (f *faulty) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	f.mu.Lock()
	apply := f.next
	f.next = nil
	f.mu.Unlock()
	if apply == nil {
		apply = f.Store.Apply
	}
	return apply(ctx, b)
}

func TestStoreFailures(t *testing.T) {
	engine := memstore.New()
	f := &faulty{Store: engine}
	n := newNodeWith(t, engine, f, nil)
	ctx := t.Context()

	// The commit happened and its confirmation was lost: the idempotency entry tells.
	lost := func(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
		if _, err := engine.Apply(ctx, b); err != nil {
			return 0, err
		}
		return 0, fmt.Errorf("commit: %w", storage.ErrUnavailable)
	}
	f.next = lost
	must(t)(n.Create(ctx, record("88.100.1/L1", "one"), Write{Actor: n.a, IdempotencyKey: "k1"}))
	f.next = lost
	if _, err := n.Create(ctx, record("88.100.1/L2", "one"), Write{Actor: n.a}); code(err) != CodeUnavailable {
		t.Errorf("lost without a key: %v", err)
	}
	// It did not happen: the same request again does it.
	f.next = func(context.Context, *storage.Batch) (storage.Seq, error) { return 0, storage.ErrUnavailable }
	w := Write{Actor: n.a, IdempotencyKey: "k3"}
	if _, err := n.Create(ctx, record("88.100.1/L3", "one"), w); code(err) != CodeUnavailable {
		t.Errorf("not applied: %v", err)
	}
	if res := must(t)(n.Create(ctx, record("88.100.1/L3", "one"), w)); res.Replayed || !res.Created {
		t.Errorf("after a write that was not applied: %+v", res)
	}
	for want, fail := range map[string]error{CodeNoSpace: storage.ErrNoSpace, CodeUnavailable: storage.ErrClosed, CodeInternal: errors.New("bit rot")} {
		f.next = func(context.Context, *storage.Batch) (storage.Seq, error) { return 0, fail }
		if _, err := n.Create(ctx, record("88.100.1/F", "one"), Write{Actor: n.a}); code(err) != want {
			t.Errorf("%v: %v; want %s", fail, err, want)
		}
	}
	// While the first request runs, a second with its key is told so.
	entered, leave := make(chan struct{}), make(chan struct{})
	f.next = func(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
		close(entered)
		<-leave
		return engine.Apply(ctx, b)
	}
	w = Write{Actor: n.a, IdempotencyKey: "slow"}
	done := make(chan error)
	go func() { done <- second(n.Create(ctx, record("88.100.1/S", "one"), w)) }()
	<-entered
	if _, err := n.Create(ctx, record("88.100.1/S", "one"), w); code(err) != CodeIdempotencyRunning {
		t.Errorf("while the first runs: %v", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if res := must(t)(n.Create(ctx, record("88.100.1/S", "one"), w)); !res.Replayed {
		t.Errorf("after the first: %+v", res)
	}
}

func TestBatch(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		must(t)(n.Create(ctx, record("88.100.1/old", "one"), Write{Actor: n.a}))
		must(t)(n.Create(ctx, record("88.100.1/gone", "one"), Write{Actor: n.a}))
		must(t)(n.Create(ctx, record("88.100.1/merged", "one"), Write{Actor: n.a}))
		ops := []Operation{
			{Kind: OpCreate, Record: record("88.100.1/new", "one")},
			{Kind: OpCreate, Record: record("88.100.1/old", "one")},
			{Kind: OpReplace, Record: record("88.100.1/NEW", "two")},
			{Kind: OpCreate, Record: record("88.100.2/new", "one")},
			{Kind: OpRevoke, ID: parse(t, "88.100.1/gone"), Reason: "r"},
			{Kind: OpMerge, ID: parse(t, "88.100.1/merged"), Patch: Patch{Values: []PatchValue{{Value: value(2, "two"), Fields: FieldType | FieldData}}}},
			{Kind: OpRestore, ID: parse(t, "88.100.1/never")},
			{Err: errors.New("not JSON")},
			{Kind: OpReplace, Record: record("88.100.1/late", "one"), IfMatch: 3},
			{Kind: "explode", ID: parse(t, "88.100.1/x")},
		}
		w := Write{Actor: n.a, IdempotencyKey: "b", Operation: "batch"}
		results, err := n.Batch(ctx, ops, w)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range results {
			line := fmt.Sprintf("%s %d %v", r.ID, r.Version, r.Created)
			if r.Err != nil {
				line += " " + r.Err.Code
			}
			got = append(got, line)
		}
		want := []string{
			"88.100.1/new 1 true",
			"88.100.1/old 0 false already_exists",
			"88.100.1/NEW 0 false duplicate",
			"88.100.2/new 0 false not_your_namespace",
			"88.100.1/gone 2 false",
			"88.100.1/merged 2 false",
			"88.100.1/never 0 false not_found",
			" 0 false invalid_request",
			"88.100.1/late 0 false version_mismatch",
			"88.100.1/x 0 false not_found",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
		before := n.contents()
		again, err := n.Batch(ctx, ops, w)
		if err != nil {
			t.Fatal(err)
		}
		ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Err" && len(p) > 3 }, cmp.Ignore())
		if diff := cmp.Diff(results, again, ignore, cmpopts.IgnoreUnexported(Error{})); diff != "" {
			t.Errorf("replay (-first +again):\n%s", diff)
		}
		for i := range results {
			if e := results[i].Err; e != nil && (again[i].Err.In(Chinese) != e.In(Chinese) || again[i].Err.In(English) != e.In(English)) {
				t.Errorf("row %d is told again as %q, %q", i, again[i].Err.In(English), again[i].Err.In(Chinese))
			}
		}
		if diff := cmp.Diff(before, n.contents()); diff != "" {
			t.Errorf("replay changed the store:\n%s", diff)
		}
		if _, err := n.Batch(ctx, ops[:1], w); code(err) != CodeIdempotencyMismatch {
			t.Errorf("another batch with the key: %v", err)
		}
		if _, err := n.Batch(ctx, make([]Operation, 1001), Write{Actor: n.a}); code(err) != CodeTooLarge {
			t.Errorf("1001 rows: %v", err)
		}
		if _, err := n.Batch(ctx, nil, Write{Actor: n.a}); code(err) != CodeInvalidRequest {
			t.Errorf("no rows: %v", err)
		}
	})
}
