package audit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
	"github.com/idnode/idnode/storage/pebblestore"
)

var operator = registry.Actor{Enterprise: registry.Self, Role: registry.RoleOperator}

// logged is a store with a log whose follower runs when it is told to.
type logged struct {
	t     testing.TB
	store storage.Store
	*Log
	clock atomic.Pointer[time.Time] // nil: the real one
	keys  [][]byte
}

func (g *logged) time() time.Time {
	if t := g.clock.Load(); t != nil {
		return *t
	}
	return time.Now()
}

func eachStore(t *testing.T, o Options, test func(t *testing.T, g *logged)) {
	t.Run("memstore", func(t *testing.T) { test(t, newLogged(t, memstore.New(), o)) })
	t.Run("pebblestore", func(t *testing.T) {
		s, err := pebblestore.Open(t.TempDir(), pebblestore.Options{CacheBytes: 8 << 20, MemTableBytes: 8 << 20, MinFreeBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		test(t, newLogged(t, s, o))
	})
}

func newLogged(t testing.TB, store storage.Store, o Options) *logged {
	t.Helper()
	t.Cleanup(func() { store.Close() })
	g := &logged{t: t, store: store}
	g.open(o)
	return g
}

// open makes the log again, as a restart does.
func (g *logged) open(o Options) {
	g.t.Helper()
	o.Store, o.Clock, o.Logger = g.store, g.time, slog.New(slog.DiscardHandler)
	var err error
	if g.Log, err = New(g.t.Context(), o); err != nil {
		g.t.Fatal(err)
	}
}

// put writes an entry of that time, as the registrar does, or without naming it in the change log.
func (g *logged) put(dated time.Time, text string, named bool) {
	g.t.Helper()
	key := storage.AuditKey(dated, [8]byte{byte(len(g.keys) >> 8), byte(len(g.keys))})
	g.keys = append(g.keys, key)
	value, err := json.Marshal(registry.AuditEntry{Time: dated, Op: "test", ID: text})
	if err != nil {
		g.t.Fatal(err)
	}
	g.set(key, value, named)
}

func (g *logged) set(key, value []byte, named bool) {
	g.t.Helper()
	var b storage.Batch
	b.Set(key, value)
	if named {
		b.Log(storage.Change{Op: storage.OpUpdate, Key: []byte("r\x01x")})
		b.Log(storage.Change{Op: storage.OpCreate, Key: key})
	}
	g.apply(&b)
}

func (g *logged) apply(b *storage.Batch) {
	g.t.Helper()
	if _, err := g.store.Apply(g.t.Context(), b); err != nil {
		g.t.Fatal(err)
	}
}

// fill writes entries a second apart, the last an hour ago, and chains them.
func (g *logged) fill(n int) {
	g.t.Helper()
	for i := range n {
		g.put(g.time().Add(-time.Hour-time.Duration(n-i)*time.Second), fmt.Sprint(i), true)
	}
	g.chained()
}

func (g *logged) chained() {
	g.t.Helper()
	if err := g.chainNow(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
}

func (g *logged) get(key []byte) storage.Item {
	g.t.Helper()
	item, err := g.store.Get(g.t.Context(), key)
	if err != nil {
		g.t.Fatalf("get %q: %v", key, err)
	}
	return item
}

func (g *logged) remove(key []byte) {
	g.t.Helper()
	if err := g.store.DeleteRange(g.t.Context(), key, append(slices.Clone(key), 0)); err != nil {
		g.t.Fatal(err)
	}
}

func (g *logged) head() auditchain.Head {
	g.t.Helper()
	h, err := g.Head(g.t.Context(), operator)
	if err != nil {
		g.t.Fatal(err)
	}
	return h
}

func (g *logged) export(part Part) []byte {
	g.t.Helper()
	var out bytes.Buffer
	if err := g.Export(g.t.Context(), part, operator, func(b []byte) error { out.Write(b); return nil }); err != nil {
		g.t.Fatal(err)
	}
	return out.Bytes()
}

// verify verifies in both ways, and returns what is wrong: "" is nothing, "kind n" of the chain, "+n" entries
// that are not in it. Both must find the same in the chain.
func (g *logged) verify(heads ...auditchain.Head) string {
	g.t.Helper()
	r, err := g.Verify(g.t.Context(), operator)
	if err != nil {
		g.t.Fatal(err)
	}
	text := ""
	if r.Problem != nil {
		text = fmt.Sprintf("%s %d", r.Problem.Kind, r.Problem.N)
	}
	_, last, err := auditchain.Verify(bytes.NewReader(g.export(Part{})), heads...)
	if p, ok := errors.AsType[*auditchain.Problem](err); ok {
		if outside := fmt.Sprintf("%s %d", p.Kind, p.N); len(heads) == 0 && outside != text {
			g.t.Errorf("the export has %q, the store %q", outside, text)
		} else {
			text = outside
		}
	} else if err != nil || text != "" {
		g.t.Errorf("the export: %v; the store: %q", err, text)
	} else if h := g.head(); last.N != h.N || last.Hash != h.Hash || !last.Time.Equal(h.Time) {
		g.t.Errorf("the export ends with %v, the head is %v", last, h)
	}
	if r.Unchained > 0 {
		text += fmt.Sprintf("+%d", r.Unchained)
	}
	if r.Verified != (r.Problem == nil && r.Unchained == 0) {
		g.t.Errorf("verified %v with %q", r.Verified, text)
	}
	return text
}

func TestChain(t *testing.T) {
	eachStore(t, Options{}, func(t *testing.T, g *logged) {
		if h := g.head(); h.N != 0 || h.Hash != auditchain.Start(h.Store) || h.Time.IsZero() {
			t.Errorf("head of an empty log: %+v", h)
		}
		if problem := g.verify(); problem != "" {
			t.Errorf("empty: %s", problem)
		}
		g.fill(7)
		first := g.head()
		if first.N != 7 || g.verify() != "" {
			t.Errorf("head %+v: %s", first, g.verify())
		}
		g.put(time.Now(), "<späte> \u2028 x", true)
		r, err := g.Verify(t.Context(), operator)
		if err != nil || !r.Verified || r.Pending != 1 || r.Head.N != 7 {
			t.Errorf("before it is chained: %+v, %v", r, err)
		}
		g.open(Options{})
		g.chained()
		if h := g.head(); h.N != 8 || h.Store != first.Store {
			t.Errorf("after a restart: %+v", h)
		}
		if problem := g.verify(first); problem != "" {
			t.Errorf("after a restart: %s", problem)
		}
		if lag := g.lag(t.Context()); lag != 0 {
			t.Errorf("lag %v", lag)
		}
	})
}

// TestTampering: whatever is done to the store behind the node's back is found.
func TestTampering(t *testing.T) {
	hour := func(g *logged, d time.Duration) time.Time { return g.time().Add(-time.Hour - d) }
	for _, tt := range []struct {
		name   string
		tamper func(g *logged)
		want   string
		later  string // once the chain has gone on; default want
		head   bool   // only a head that was kept shows it
	}{
		{name: "changed entry", want: "changed 3", tamper: func(g *logged) {
			g.set(g.keys[2], bytes.Replace(g.get(g.keys[2]).Value, []byte(`"2"`), []byte(`"9"`), 1), false)
		}},
		{name: "blank added to an entry", want: "changed 3", tamper: func(g *logged) { g.set(g.keys[2], append(g.get(g.keys[2]).Value, ' '), false) }},
		{name: "line end in an entry", want: "changed 3", tamper: func(g *logged) {
			g.set(g.keys[2], append([]byte("{\n"), g.get(g.keys[2]).Value[1:]...), false)
		}},
		{name: "entry that is no JSON", want: "changed 3", tamper: func(g *logged) { g.set(g.keys[2], []byte("\xff\x00"), false) }},
		{name: "empty entry", want: "changed 3", tamper: func(g *logged) { g.set(g.keys[2], nil, false) }},
		{name: "removed entry", want: "no_value 4", tamper: func(g *logged) { g.remove(g.keys[3]) }},
		{name: "removed entry and row", want: "removed 4", tamper: func(g *logged) { g.remove(g.keys[3]); g.remove(storage.ChainKey(4)) }},
		{name: "removed first entry and row", want: "removed 1", tamper: func(g *logged) { g.remove(g.keys[0]); g.remove(storage.ChainKey(1)) }},
		{name: "removed row", want: "removed 4+1", tamper: func(g *logged) { g.remove(storage.ChainKey(4)) }},
		{name: "inserted entry", want: "+1", tamper: func(g *logged) { g.put(hour(g, time.Second/2), "x", false) }},
		{name: "inserted entry of long ago", want: "+1", tamper: func(g *logged) { g.put(hour(g, 1000*time.Hour), "x", false) }},
		{name: "inserted entry of tomorrow", want: "+1", tamper: func(g *logged) { g.put(hour(g, -24*time.Hour), "x", false) }},
		{name: "inserted entry with an index", want: "+1", tamper: func(g *logged) {
			g.put(hour(g, time.Second/2), "x", false)
			g.set(indexKey(g.keys[10]), encodeNumber(4), false)
		}},
		{name: "entry of no key", want: "+1", tamper: func(g *logged) { g.set([]byte("a0"), []byte("{}"), false) }},
		{name: "inserted entry in the place of another", want: "changed 4+1", tamper: func(g *logged) {
			g.put(hour(g, time.Second/2), "x", false)
			g.set(indexKey(g.keys[10]), encodeNumber(4), false)
			row := g.get(storage.ChainKey(4)).Value
			g.set(storage.ChainKey(4), append(slices.Clone(g.keys[10]), row[len(g.keys[10]):]...), false)
		}},
		{name: "two values swapped", want: "changed 2", tamper: func(g *logged) {
			a, b := g.get(g.keys[1]).Value, g.get(g.keys[5]).Value
			g.set(g.keys[1], b, false)
			g.set(g.keys[5], a, false)
		}},
		{name: "two rows swapped", want: "changed 2+2", tamper: func(g *logged) {
			a, b := g.get(storage.ChainKey(2)).Value, g.get(storage.ChainKey(3)).Value
			g.set(storage.ChainKey(2), b, false)
			g.set(storage.ChainKey(3), a, false)
		}},
		{name: "end cut off", want: "removed 10", tamper: func(g *logged) { g.remove(g.keys[9]); g.remove(storage.ChainKey(10)) }},
		{name: "end cut off with its head", want: "truncated 10", later: "unlike 10", head: true, tamper: func(g *logged) {
			row, err := parseLink(storage.ChainKey(9), g.get(storage.ChainKey(9)).Value)
			if err != nil {
				g.t.Fatal(err)
			}
			g.rewind(head{N: 9, Hash: row.hash, Time: g.time()})
			g.remove(g.keys[9])
			g.remove(indexKey(g.keys[9]))
			g.remove(storage.ChainKey(10))
		}},
		{name: "made anew", want: "unlike 10", head: true, tamper: func(g *logged) {
			g.set(g.keys[2], []byte(`{"op":"nothing"}`), false)
			g.rewind(head{Hash: auditchain.Start(g.id.Store), Time: g.time()})
			for i, key := range g.keys {
				g.remove(indexKey(key))
				g.remove(storage.ChainKey(uint64(i + 1)))
			}
			g.remove(cursorKey)
			g.chained()
		}},
		{name: "another identity", want: "foreign 0", tamper: func(g *logged) {
			g.set(identityKey, bytes.Replace(g.get(identityKey).Value, []byte(g.id.Store.String()), []byte(strings.Repeat("0", 32)), 1), false)
			g.set(anchorKey, fmt.Appendf(nil, `{"n":0,"hash":"%s"}`, auditchain.Start(g.id.Store)), false)
			g.open(Options{})
		}},
		{name: "false anchor", want: "changed 6+5", tamper: func(g *logged) {
			g.set(anchorKey, fmt.Appendf(nil, `{"n":5,"hash":"%s"}`, auditchain.Start(g.id.Store)), false)
			for n := range uint64(5) {
				g.remove(storage.ChainKey(n + 1))
			}
		}},
		{name: "head of long ago", want: "", tamper: func(g *logged) { // the rows know better
			row, err := parseLink(storage.ChainKey(9), g.get(storage.ChainKey(9)).Value)
			if err != nil {
				g.t.Fatal(err)
			}
			g.rewind(head{N: 9, Hash: row.hash, Time: g.time()})
			g.put(hour(g, -time.Hour), "next", true)
			g.chained()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachStore(t, Options{}, func(t *testing.T, g *logged) {
				g.fill(10)
				kept := g.head()
				if problem := g.verify(kept); problem != "" {
					t.Fatalf("before: %s", problem)
				}
				tt.tamper(g)
				if tt.head {
					if problem := g.verify(); problem != "" {
						t.Errorf("without a head: %q", problem)
					}
				}
				heads := []auditchain.Head{kept}
				if !tt.head {
					heads = nil
				}
				if problem := g.verify(heads...); problem != tt.want {
					t.Errorf("found %q, want %q", problem, tt.want)
				}
				// The chain goes on all the same, and what was found is not forgotten.
				g.put(g.time(), "more", true)
				g.chained()
				if problem := g.verify(heads...); problem != cmp.Or(tt.later, tt.want) {
					t.Errorf("later found %q, want %q", problem, cmp.Or(tt.later, tt.want))
				}
			})
		})
	}
}

// rewind puts another head in the place of the present one.
func (g *logged) rewind(h head) {
	g.t.Helper()
	value, err := json.Marshal(h)
	if err != nil {
		g.t.Fatal(err)
	}
	var b storage.Batch
	b.Put(headKey, value, g.get(headKey).Version)
	g.apply(&b)
}

// TestGoneBeforeChained: an entry that the change log names and the table does not have is found for ever.
func TestGoneBeforeChained(t *testing.T) {
	reg := prometheus.NewRegistry()
	g := newLogged(t, memstore.New(), Options{Registerer: reg})
	g.fill(2)
	g.put(g.time(), "x", true)
	g.remove(g.keys[2])
	g.put(g.time(), "y", true)
	g.chained()
	if problem := g.verify(); problem != "no_value 3" || g.head().N != 4 {
		t.Errorf("found %q, head %d", problem, g.head().N)
	}
	g.set(g.keys[2], []byte(`{"op":"put back"}`), false)
	if problem := g.verify(); problem != "changed 3" {
		t.Errorf("put back: %q", problem)
	}
	const want = "# HELP idnode_audit_chain_entries_total Audit entries that were added to the hash chain.\n# TYPE idnode_audit_chain_entries_total counter\nidnode_audit_chain_entries_total 4\n" +
		"# HELP idnode_audit_chain_missing_total Audit entries that were gone before they could be chained: somebody has been at the store.\n# TYPE idnode_audit_chain_missing_total counter\nidnode_audit_chain_missing_total 1\n"
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "idnode_audit_chain_entries_total", "idnode_audit_chain_missing_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

// TestOlderStore: entries that no change names are chained first, in the order of their keys, once; and
// those that come meanwhile after them.
func TestOlderStore(t *testing.T) {
	eachStore(t, Options{}, func(t *testing.T, g *logged) {
		begin := g.time().Add(-10 * time.Hour)
		const old = chainRows + 100
		for i := range old {
			g.put(begin.Add(time.Duration(i)*time.Millisecond), fmt.Sprint(i), false)
		}
		s, err := g.resume(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 { // begins, then a piece
			if _, err := g.step(t.Context(), &s); err != nil {
				t.Fatal(err)
			}
			g.put(g.time(), fmt.Sprint("new ", i), true)
		}
		if problem := g.verify(); problem != "" {
			t.Errorf("meanwhile: %s", problem)
		}
		g.open(Options{}) // in the middle
		g.chained()
		if h := g.head(); h.N != old+2 {
			t.Errorf("%d entries are chained", h.N)
		}
		if problem := g.verify(); problem != "" {
			t.Errorf("then: %s", problem)
		}
		for i, key := range g.keys[:old] {
			if n := decodeNumber(g.get(indexKey(key)).Value); n != uint64(i+1) {
				t.Fatalf("entry %d has number %d", i+1, n)
			}
		}
		g.put(begin, "late", false)
		g.chained()
		if problem := g.verify(); problem != "+1" {
			t.Errorf("an old entry later: %q", problem)
		}
	})
}

// TestTrimmedLog: a follower whose place the change log no longer has goes through the table, but does not
// make good what is older than what it has chained.
func TestTrimmedLog(t *testing.T) {
	eachStore(t, Options{}, func(t *testing.T, g *logged) {
		g.fill(5)
		g.put(g.time().Add(-3*time.Hour), "put in", false)
		for i := range 3 {
			g.put(g.time().Add(-time.Minute), fmt.Sprint("unseen ", i), true)
		}
		last, err := g.store.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := g.store.Trim(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		if problem := g.verify(); problem != "+1" {
			t.Errorf("before: %q", problem)
		}
		g.chained()
		g.put(g.time(), "next", true)
		g.chained()
		if h := g.head(); h.N != 9 {
			t.Errorf("%d entries are chained", h.N)
		}
		if problem := g.verify(); problem != "+1" {
			t.Errorf("found %q", problem)
		}
	})
}

func TestRetention(t *testing.T) {
	o := Options{Retention: MinRetention}
	eachStore(t, o, func(t *testing.T, g *logged) {
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		at := func(d time.Duration) { now := base.Add(d); g.clock.Store(&now) }
		at(0)
		const old = removeRows + 20
		for i := range old {
			g.put(base.Add(time.Duration(i)), fmt.Sprint(i), true)
		}
		at(24 * time.Hour)
		sweep := func(want uint64) {
			t.Helper()
			if n, err := g.Sweep(t.Context()); n != want || err != nil {
				t.Fatalf("removed %d, %v; want %d", n, err, want)
			}
		}
		at(2 * MinRetention)
		sweep(0) // nothing is chained
		at(24 * time.Hour)
		g.chained()
		for i := range 10 {
			g.put(base.Add(24*time.Hour+time.Duration(i)), fmt.Sprint("young ", i), true)
		}
		g.chained()
		all, kept := g.head(), g.export(Part{To: Bound{N: old}})
		sweep(0)
		at(MinRetention + time.Hour)
		sweep(old)
		sweep(0)
		if problem := g.verify(all); problem != "" {
			t.Errorf("after removal: %s", problem)
		}
		r, err := g.Verify(t.Context(), operator)
		if err != nil || r.From.N != old || r.Head.N != old+10 {
			t.Fatalf("verify: %+v, %v", r, err)
		}
		// The part that was kept elsewhere ends where the rest begins.
		if _, last, err := auditchain.Verify(bytes.NewReader(kept)); err != nil || last.N != r.From.N || last.Hash != r.From.Hash {
			t.Errorf("the kept part ends with %+v, %v; the rest begins with %+v", last, err, r.From)
		}
		left := 0
		for _, table := range []storage.Table{storage.TableAudit, storage.TableChain, storage.TableIndex} {
			err := g.store.Scan(t.Context(), storage.TableRange(table), func([]byte, storage.Item) error { left++; return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		if left != 30 {
			t.Errorf("%d rows are left of 10 entries", left)
		}
		if _, _, err := auditchain.Verify(bytes.NewReader(g.export(Part{})), auditchain.Head{N: 3}); err == nil || !strings.Contains(err.Error(), "begins after entry 3") {
			t.Errorf("a head of what was removed: %v", err)
		}
		at(3 * MinRetention)
		g.put(g.time().Add(-2*MinRetention), "not chained yet", true)
		sweep(10) // all that is chained
		g.open(o)
		g.chained()
		if h := g.head(); h.N != old+11 || g.verify(h) != "" {
			t.Errorf("after all were removed: %+v: %s", h, g.verify(h))
		}
	})
}

func TestExportParts(t *testing.T) {
	g := newLogged(t, memstore.New(), Options{})
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g.chained() // from now on it is the order of the change log that counts
	for _, second := range []int{0, 1, 3, 2, 4, 5} {
		g.put(base.Add(time.Duration(second)*time.Second), fmt.Sprint(second), true)
	}
	g.chained()
	second := func(s int) Bound { return Bound{Time: base.Add(time.Duration(s) * time.Second)} }
	for _, tt := range []struct {
		part      Part
		from, end uint64
	}{
		{Part{}, 0, 6},
		{Part{From: Bound{N: 3}}, 2, 6},
		{Part{To: Bound{N: 3}}, 0, 3},
		{Part{From: Bound{N: 3}, To: Bound{N: 3}}, 2, 3},
		{Part{From: Bound{N: 9}}, 6, 6},
		{Part{From: Bound{N: 4}, To: Bound{N: 2}}, 3, 3},
		{Part{From: second(2)}, 2, 6}, // the entry of second 3 stands before that of 2
		{Part{To: second(3)}, 0, 4},
		{Part{From: second(1), To: second(3)}, 1, 4},
		{Part{From: second(3), To: second(4)}, 2, 3},
		{Part{From: second(60)}, 6, 6},
		{Part{To: second(0)}, 6, 6},
		{Part{From: Bound{N: 4}, To: second(3)}, 3, 4},
	} {
		from, last, err := auditchain.Verify(bytes.NewReader(g.export(tt.part)))
		if err != nil || from.N != tt.from || last.N != tt.end {
			t.Errorf("%+v: behind %d up to %d, %v; want %d, %d", tt.part, from.N, last.N, err, tt.from, tt.end)
		}
	}
	for text, want := range map[string]bool{"": true, "7": true, "0": false, "-1": false, "x": false, "2026-01-01T00:00:00Z": true, "2026-01-01": false, "0001-01-01T00:00:00Z": false} {
		if _, ok := ParseBound(text); ok != want {
			t.Errorf("ParseBound(%q): %v", text, ok)
		}
	}
}

// TestExportRemoved: an export that is overtaken by removals has no end.
func TestExportRemoved(t *testing.T) {
	g := newLogged(t, memstore.New(), Options{Retention: MinRetention})
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g.clock.Store(&base)
	for i := range 3 * pageRows {
		g.put(base, fmt.Sprint(i), true)
	}
	g.chained()
	var out bytes.Buffer
	err := g.Export(t.Context(), Part{}, operator, func(lines []byte) error {
		out.Write(lines)
		later := base.Add(2 * MinRetention)
		g.clock.Store(&later)
		_, err := g.Sweep(t.Context())
		return err
	})
	if err == nil || registry.AsError(err).Code != registry.CodeConflict || strings.Contains(out.String(), `"end"`) {
		t.Errorf("export: %v", err)
	}
	if err := g.Export(t.Context(), Part{}, operator, func([]byte) error { return context.Canceled }); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that goes: %v", err)
	}
}

func TestWhoMayRead(t *testing.T) {
	g := newLogged(t, memstore.New(), Options{})
	for role, want := range map[registry.Role]bool{registry.RoleOperator: true, registry.RoleAuditor: true, registry.RoleReviewer: false,
		registry.RoleAdmin: false, registry.RoleWriter: false, registry.RoleReader: false, "": false} {
		a := registry.Actor{Enterprise: registry.Self, Role: role}
		_, head := g.Head(t.Context(), a)
		_, verify := g.Verify(t.Context(), a)
		export := g.Export(t.Context(), Part{}, a, func([]byte) error { return nil })
		for _, err := range []error{head, verify, export} {
			if (err == nil) != want || err != nil && registry.AsError(err).Code != registry.CodeForbidden {
				t.Errorf("%s: %v", role, err)
			}
		}
	}
}

func TestSignedHead(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	g := newLogged(t, memstore.New(), Options{SigningKey: key})
	g.fill(3)
	h := g.head()
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var again auditchain.Head
	if err := json.Unmarshal(text, &again); err != nil || !again.Signed() || !key.Public().(ed25519.PublicKey).Equal(again.Key) {
		t.Errorf("%s: %v", text, err)
	}
	if again.N++; again.Signed() {
		t.Error("another number has the same signature")
	}
}

// TestConcurrentWriters: the follower runs while many write, is ended and begun again, and loses none.
func TestConcurrentWriters(t *testing.T) {
	eachStore(t, Options{Gather: time.Millisecond}, func(t *testing.T, g *logged) {
		const writers, each = 8, 60
		run := func() (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			var work sync.WaitGroup
			for range 2 { // two nodes on one store
				l, err := New(t.Context(), Options{Store: g.store, Gather: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				work.Go(func() { l.Run(ctx) })
			}
			return func() { cancel(); work.Wait() }
		}
		stop := run()
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					key := storage.AuditKey(time.Now(), [8]byte{byte(w), byte(i)})
					var b storage.Batch
					b.Set(key, fmt.Appendf(nil, `{"op":"w%d.%d"}`, w, i))
					b.Log(storage.Change{Op: storage.OpCreate, Key: key})
					if _, err := g.store.Apply(t.Context(), &b); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 5 {
			time.Sleep(3 * time.Millisecond)
			stop()
			stop = run()
			if _, err := g.Verify(t.Context(), operator); err != nil {
				t.Error(err)
			}
		}
		all.Wait()
		deadline := time.Now().Add(20 * time.Second)
		for g.head().N < writers*each && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		stop()
		if h := g.head(); h.N != writers*each || g.verify() != "" {
			t.Errorf("%d of %d entries are chained: %s", h.N, writers*each, g.verify())
		}
	})
}

// TestUnavailable: a batch of which it is not known whether it was applied is neither lost nor done twice.
func TestUnavailable(t *testing.T) {
	for _, applied := range []bool{false, true} {
		store := &failing{Store: memstore.New(), applied: applied}
		g := newLogged(t, store, Options{})
		g.fill(3)
		for i := range 3 {
			g.put(g.time(), fmt.Sprint("x", i), true)
		}
		store.fail = true
		if err := g.chainNow(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
			t.Fatalf("chain: %v", err)
		}
		store.fail = false
		g.chained()
		if h := g.head(); h.N != 6 || g.verify() != "" {
			t.Errorf("applied %v: head %d: %s", applied, h.N, g.verify())
		}
	}
}

// failing is a store that cannot say what became of a batch.
type failing struct {
	storage.Store
	fail, applied bool
}

func (f *failing) Apply(ctx context.Context, b *storage.Batch) (storage.Seq, error) {
	if !f.fail {
		return f.Store.Apply(ctx, b)
	}
	if f.applied {
		if _, err := f.Store.Apply(ctx, b); err != nil {
			return 0, err
		}
	}
	return 0, storage.ErrUnavailable
}
