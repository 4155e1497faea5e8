package registry_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
)

func handleKey(name string) identifier.Key {
	return identifier.Key{Scheme: identifier.Handle, Name: name}
}

// minted is the ids of a request for n identifiers that succeeds.
func (n *node) minted(rule string, count int) []string {
	n.t.Helper()
	results, err := n.Mint(n.t.Context(), mintRequest("88.100.1", rule, count), Write{Actor: n.a})
	if err != nil {
		n.t.Fatal(err)
	}
	return idsOf(results)
}

func idsOf(results []OperationResult) []string {
	var ids []string
	for _, r := range results {
		ids = append(ids, r.ID)
	}
	return ids
}

func mintRequest(prefix, rule string, count int) MintRequest {
	q := MintRequest{Namespace: handleKey(prefix), Rule: rule}
	for i := range count {
		q.Records = append(q.Records, record("", fmt.Sprint("number ", i)))
	}
	return q
}

func TestMint(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		want := []string{"88.100.1/SN-0001", "88.100.1/SN-0002", "88.100.1/SN-0003"}
		if got := n.minted("SN-{serial:4}", 3); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		rec, err := n.Get(t.Context(), parse(t, "88.100.1/sn-0002"), Get{Actor: n.a})
		if err != nil || rec.Version != 1 || string(rec.Values[0].Data) != "number 1" {
			t.Errorf("the second has %+v, %v", rec, err)
		}
		// What was registered otherwise is passed over, and so is what was revoked.
		must(t)(n.Create(t.Context(), record("88.100.1/sn-0005", "by hand"), Write{Actor: n.a}))
		must(t)(n.Create(t.Context(), record("88.100.1/SN-0006", "by hand"), Write{Actor: n.a}))
		if _, err := n.Revoke(t.Context(), parse(t, "88.100.1/SN-0006"), "scrapped", "", Write{Actor: n.a}); err != nil {
			t.Fatal(err)
		}
		want = []string{"88.100.1/SN-0004", "88.100.1/SN-0007"}
		if got := n.minted("SN-{serial:4}", 2); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		// A rule of other text counts apart.
		if got := n.minted("X-{serial:1}", 1); got[0] != "88.100.1/X-1" {
			t.Errorf("got %q", got)
		}
		seen := make(map[string]bool)
		for _, id := range n.minted("{random:8:check}", 100) {
			seen[id] = true
		}
		if len(seen) != 100 {
			t.Errorf("%d different identifiers of 100", len(seen))
		}
	})
}

// TestMintRefusals: what is refused uses no number up and leaves nothing.
func TestMintRefusals(t *testing.T) {
	n := newNode(t, openPebble(t))
	ctx := t.Context()
	n.minted("{serial:1}", 7)
	before := n.contents()
	f := func(name string, a Actor, change func(q *MintRequest), wantCode, wantField string) {
		t.Helper()
		q := mintRequest("88.100.1", "{serial:1}", 2)
		change(&q)
		_, err := n.Mint(ctx, q, Write{Actor: a})
		if e := AsError(err); err == nil || e.Code != wantCode || e.Field != wantField {
			t.Errorf("%s: %v, want %s at %s", name, err, wantCode, wantField)
		}
	}
	f("no numbers left", n.a, func(q *MintRequest) { q.Records = append(q.Records, q.Records[0]) }, CodeInvalidState, "/rule")
	f("rule", n.a, func(q *MintRequest) { q.Rule = "SN" }, CodeInvalidRequest, "/rule")
	f("not an identifier", n.a, func(q *MintRequest) { q.Rule = strings.Repeat("x", 230) + "{random:40}" }, CodeInvalidIdentifier, "/items/0/id")
	f("nothing", n.a, func(q *MintRequest) { q.Records = nil }, CodeInvalidRequest, "/count")
	f("too many", n.a, func(q *MintRequest) { q.Records = make([]*identifier.Record, 1001) }, CodeTooLarge, "/count")
	f("wrong value", n.a, func(q *MintRequest) { q.Records[1].Values[0].Index = 0 }, CodeInvalidValue, "/items/1/values/0/index")
	f("foreign", n.b, func(q *MintRequest) {}, CodeNotYourNamespace, "/id")
	f("nobody's", n.a, func(q *MintRequest) { q.Namespace = handleKey("88.100.9") }, CodeNotYourNamespace, "/id")
	f("scheme", n.a, func(q *MintRequest) { q.Namespace = identifier.Key{Scheme: identifier.GS1, Name: "690123"} }, CodeInvalidRequest, "/scheme")
	dry := mintRequest("88.100.1", "{serial:1}", 2)
	dry.DryRun = true
	if got, err := n.Mint(ctx, dry, Write{Actor: n.a}); err != nil || !slices.Equal(idsOf(got), []string{"88.100.1/8", "88.100.1/9"}) {
		t.Errorf("dry run: %v, %v", got, err)
	}
	if got := n.contents(); !maps.Equal(got, before) {
		t.Error("something is left of what was refused")
	}
	if got := n.minted("{serial:1}", 2); !slices.Equal(got, []string{"88.100.1/8", "88.100.1/9"}) {
		t.Errorf("after refusals: %q", got)
	}
}

// TestMintAgain: a repeated request gets the first answer, and one with a later start leaves a gap.
func TestMintAgain(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		w := Write{Actor: n.a, IdempotencyKey: "night-1"}
		first, err := n.Mint(ctx, mintRequest("88.100.1", "{serial:3}", 2), w)
		if err != nil {
			t.Fatal(err)
		}
		again, err := n.Mint(ctx, mintRequest("88.100.1", "{serial:3}", 2), w)
		if err != nil || !slices.Equal(idsOf(first), idsOf(again)) {
			t.Errorf("repeated: %v, %v, want %v", again, err, first)
		}
		q := mintRequest("88.100.1", "{serial:3}", 1)
		if _, err := n.Mint(ctx, q, w); code(err) != CodeIdempotencyMismatch {
			t.Errorf("another request with the key: %v", err)
		}
		q.Start = 500
		late, err := n.Mint(ctx, q, Write{Actor: n.a})
		if err != nil || late[0].ID != "88.100.1/500" {
			t.Errorf("start: %v, %v", late, err)
		}
		if got := n.minted("{serial:3}", 1); got[0] != "88.100.1/501" {
			t.Errorf("after it: %q", got)
		}
	})
}

// TestMintRace: no number is given out twice and none is left out, whoever asks at the same time.
func TestMintRace(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		var mu sync.Mutex
		var all []string
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 5 {
					results, err := n.Mint(t.Context(), mintRequest("88.100.1", "R{serial:5}", 7), Write{Actor: n.a})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					all = append(all, idsOf(results)...)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		slices.Sort(all)
		for i, id := range all {
			if want := fmt.Sprintf("88.100.1/R%05d", i+1); id != want {
				t.Fatalf("place %d is %s, want %s", i, id, want)
			}
		}
		if len(all) != 8*5*7 {
			t.Errorf("%d identifiers", len(all))
		}
	})
}

// TestMintDays: numbers begin anew with the day of the rule's zone.
func TestMintDays(t *testing.T) {
	now := time.Date(2026, 3, 1, 15, 59, 59, 0, time.UTC) // 23:59:59 in Beijing
	store := openPebble(t)
	n := newNodeWith(t, store, store, func() time.Time { return now })
	f := func(want string) {
		t.Helper()
		if got := n.minted("{yyyy}{MM}{dd}-{serial:2}", 1); got[0] != "88.100.1/"+want {
			t.Errorf("got %s, want %s", got[0], want)
		}
	}
	f("20260301-01")
	f("20260301-02")
	now = now.Add(time.Second)
	f("20260302-01")
}
