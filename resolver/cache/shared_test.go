package cache

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// origin is the node that is answerable: what it says of an identifier is its version.
type origin struct {
	mu      sync.Mutex
	version uint64
	status  resolver.Status
	err     error
	delay   time.Duration
	ttl     time.Duration
	asked   int
	gate    chan struct{} // asking waits for it, if there is one
}

func newOrigin() *origin {
	return &origin{version: 1, status: resolver.Found, ttl: time.Hour}
}

func (o *origin) set(change func(*origin)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(o)
}

func (o *origin) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

func (o *origin) Resolve(ctx context.Context, q resolver.UpstreamQuery) (*resolver.Foreign, error) {
	o.mu.Lock()
	o.asked++
	delay, err, gate := o.delay, o.err, o.gate
	now := time.Now()
	f := &resolver.Foreign{Status: o.status, Fetched: now, Expires: now.Add(o.ttl), Tier: resolver.TierUpstream}
	if o.status == resolver.Found || o.status == resolver.Revoked {
		f.Record = record(q.ID, o.version)
	}
	o.mu.Unlock()
	if q.Hop != nil {
		q.Hop(resolver.Hop{Server: "origin", Name: q.ID.Qualified(), Code: "RC_SUCCESS (1)"})
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func record(id identifier.ID, version uint64) *identifier.Record {
	return &identifier.Record{Scheme: id.Scheme(), ID: id.String(), State: identifier.Active, Version: version,
		Created: time.UnixMilli(1700000000000), Updated: time.UnixMilli(1700000000000),
		Values: []identifier.Value{
			{Index: 1, Type: "URL", Data: []byte("https://" + id.String()), TTL: 86400, Perms: identifier.DefaultPerms, Timestamp: 1700000000},
			{Index: 2, Type: "EMAIL", Data: []byte("a@b.example"), TTL: 60, Perms: identifier.DefaultPerms, Refs: []identifier.Ref{{Handle: "88.1/x", Index: 300}}},
		}}
}

func parse(t testing.TB, text string) identifier.ID {
	t.Helper()
	id, err := identifier.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// newShared returns a cache before o that runs until the test ends. With an address, it has found Redis.
func newShared(t testing.TB, next resolver.Upstream, o SharedOptions) *Shared {
	t.Helper()
	s := runShared(t, next, o)
	if len(o.Addrs) > 0 {
		until(t, "redis is found", func() bool { return !s.blind.Load() })
	}
	return s
}

func runShared(t testing.TB, next resolver.Upstream, o SharedOptions) *Shared {
	t.Helper()
	if o.Budget == 0 {
		o.Budget = 250 * time.Millisecond // the machine of the test may be slow
	}
	o.Registerer = prometheus.NewPedanticRegistry()
	s, err := NewShared(next, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return s
}

// told is an answer in short: where it was taken from, its status and version, and whether it has expired.
func told(f *resolver.Foreign, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	text := f.Tier.String() + " " + f.Status.String()
	if f.Record != nil {
		text += fmt.Sprintf(" %d", f.Record.Version)
	}
	if f.Stale {
		text += " stale"
	}
	return text
}

func ask(t testing.TB, s *Shared, text string) string {
	t.Helper()
	return told(s.Resolve(context.Background(), resolver.UpstreamQuery{ID: parse(t, text)}))
}

func want(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// stored waits until what s has fetched is in Redis.
func stored(t testing.TB, s *server, n int) {
	t.Helper()
	c := s.client()
	until(t, "the answer is in redis", func() bool {
		keys, _ := c.Keys(context.Background(), "idnode:1:v*").Result()
		leases, _ := c.Keys(context.Background(), "idnode:1:f*").Result()
		return len(keys) == n && len(leases) == 0
	})
}

// TestSharedLevels: what one node has asked for, another takes from Redis, and then from its own memory.
func TestSharedLevels(t *testing.T) {
	r, o := newServer(t), newOrigin()
	a := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	b := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	const id = "88.1.2/SN-001"
	want(t, "first", ask(t, a, id), "upstream found 1")
	want(t, "again", ask(t, a, id), "l1 found 1")
	stored(t, r, 1)
	want(t, "another node", ask(t, b, id), "l2 found 1")
	want(t, "again there", ask(t, b, id), "l1 found 1")
	f, err := b.Resolve(t.Context(), resolver.UpstreamQuery{ID: parse(t, id)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(record(parse(t, id), 1), f.Record); diff != "" {
		t.Error(diff)
	}
	// The case of the suffix and the service that is asked tell answers apart.
	want(t, "other case", ask(t, b, "88.1.2/sn-001"), "upstream found 1")
	from := &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), TCP: 2641}
	want(t, "other service", told(b.Resolve(t.Context(), resolver.UpstreamQuery{ID: parse(t, id), From: from})), "upstream found 1")
	stored(t, r, 1)
	from = &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), TCP: 2641}
	want(t, "that service", told(a.Resolve(t.Context(), resolver.UpstreamQuery{ID: parse(t, id), From: from})), "l2 found 1")
	want(t, "that case", ask(t, a, "88.1.2/sn-001"), "l2 found 1")
	want(t, "the first case", ask(t, a, id), "l1 found 1")
	if o.count() != 3 {
		t.Errorf("asked %d times, want 3", o.count())
	}
	if problems, err := testutil.GatherAndLint(a.o.Registerer.(*prometheus.Registry)); err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
}

// TestSharedAlone: without Redis it keeps answers in its memory.
func TestSharedAlone(t *testing.T) {
	o := newOrigin()
	s := newShared(t, o, SharedOptions{})
	want(t, "first", ask(t, s, "88.1.2/a"), "upstream found 1")
	want(t, "again", ask(t, s, "88.1.2/a"), "l1 found 1")
	if err := s.Forget(t.Context(), parse(t, "88.1.2/A")); err != nil {
		t.Fatal(err)
	}
	want(t, "forgotten", ask(t, s, "88.1.2/a"), "upstream found 1")
	for _, id := range []string{"88.1.3/a", "88.1.2.5/a", "1.2.156.1"} {
		ask(t, s, id)
	}
	if err := s.ForgetUnder(t.Context(), identifier.Key{Scheme: identifier.Handle, Name: "88.1.2"}); err != nil {
		t.Fatal(err)
	}
	for id, tier := range map[string]string{"88.1.2/a": "upstream", "88.1.2.5/a": "upstream", "88.1.3/a": "l1", "1.2.156.1": "l1"} {
		want(t, id, ask(t, s, id), tier+" found 1")
	}
}

// TestSharedNegative: that there is nothing is kept for its own, shorter time, and never told after that; that
// asking failed is not kept.
func TestSharedNegative(t *testing.T) {
	r, o := newServer(t), newOrigin()
	options := SharedOptions{Addrs: []string{r.addr}, NegativeTTL: 400 * time.Millisecond, Patience: 10 * time.Second}
	a, b := newShared(t, o, options), newShared(t, o, options)
	o.set(func(o *origin) { o.err = errors.New("nobody answers") })
	want(t, "failure", ask(t, a, "88.1.2/a"), "error: nobody answers")
	want(t, "failure again", ask(t, a, "88.1.2/a"), "error: nobody answers")
	stored(t, r, 0)
	o.set(func(o *origin) { o.err, o.status = nil, resolver.NotFound })
	begun := time.Now()
	want(t, "negative", ask(t, a, "88.1.2/a"), "upstream not_found")
	stored(t, r, 1)
	if got := ask(t, b, "88.1.2/a"); got != "l2 not_found" && time.Since(begun) < options.NegativeTTL {
		t.Errorf("negative at another node: %q", got)
	}
	time.Sleep(time.Until(begun.Add(options.NegativeTTL + 10*time.Millisecond)))
	o.set(func(o *origin) { o.err = errors.New("nobody answers") })
	want(t, "negative past its end", ask(t, a, "88.1.2/a"), "error: nobody answers")
	want(t, "at the other node", ask(t, b, "88.1.2/a"), "error: nobody answers")
}

// TestSharedStale: an answer that has expired is told if a new one cannot be had, or not in time, within bounds.
func TestSharedStale(t *testing.T) {
	r, o := newServer(t), newOrigin()
	o.ttl = 300 * time.Millisecond
	options := SharedOptions{Addrs: []string{r.addr}, StaleFor: 3 * time.Second, Patience: 200 * time.Millisecond}
	a, b := newShared(t, o, options), newShared(t, o, options)
	ask(t, a, "88.1.2/a")
	expired := time.Now().Add(o.ttl)
	stored(t, r, 1)
	time.Sleep(time.Until(expired) + 10*time.Millisecond)

	// What is new comes in time.
	o.set(func(o *origin) { o.version = 2 })
	want(t, "refreshed in time", ask(t, a, "88.1.2/a"), "upstream found 2")
	stored(t, r, 1)
	time.Sleep(o.ttl + 10*time.Millisecond)

	// It does not, while it is asked for.
	gate := make(chan struct{})
	o.set(func(o *origin) { o.version, o.gate, o.ttl = 3, gate, time.Hour })
	begun := time.Now()
	want(t, "while it is refreshed", ask(t, a, "88.1.2/a"), "l1 found 2 stale")
	want(t, "from redis while it is refreshed", ask(t, b, "88.1.2/a"), "l2 found 2 stale")
	if took := time.Since(begun); took < options.Patience || took > 5*time.Second {
		t.Errorf("took %v, want twice %v and little more", took, options.Patience)
	}
	close(gate)
	until(t, "the new answer is there", func() bool { return ask(t, a, "88.1.2/a") == "l1 found 3" })

	// Nobody can be asked.
	o.set(func(o *origin) { o.gate, o.ttl, o.version = nil, 300*time.Millisecond, 4 })
	want(t, "another", ask(t, a, "88.1.2/b"), "upstream found 4")
	expired = time.Now().Add(o.ttl)
	stored(t, r, 2)
	o.set(func(o *origin) { o.err = errors.New("nobody answers") })
	time.Sleep(time.Until(expired) + 10*time.Millisecond)
	want(t, "nobody answers", ask(t, a, "88.1.2/b"), "l1 found 4 stale")
	want(t, "nobody answers, at another node", ask(t, b, "88.1.2/b"), "l2 found 4 stale")
	n := o.count()
	want(t, "nobody is asked so soon again", ask(t, a, "88.1.2/b"), "l1 found 4 stale")
	if o.count() != n {
		t.Error("asked again")
	}
	time.Sleep(time.Until(expired.Add(options.StaleFor)) + 10*time.Millisecond)
	want(t, "too old", ask(t, a, "88.1.2/b"), "error: nobody answers")
	want(t, "too old, at another node", ask(t, b, "88.1.2/b"), "error: nobody answers")
}

// TestSharedNoCache: who wants to know gets an answer from where it is, and so does who asks after him.
func TestSharedNoCache(t *testing.T) {
	r, o := newServer(t), newOrigin()
	a := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	b := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	ask(t, a, "88.1.2/a")
	stored(t, r, 1)
	o.set(func(o *origin) { o.version = 2 })
	q := resolver.UpstreamQuery{ID: parse(t, "88.1.2/a"), NoCache: true}
	want(t, "no cache", told(a.Resolve(t.Context(), q)), "upstream found 2")
	want(t, "after", ask(t, a, "88.1.2/a"), "l1 found 2")
	stored(t, r, 1)
	want(t, "at another node", ask(t, b, "88.1.2/a"), "l2 found 2")
	o.set(func(o *origin) { o.err = errors.New("nobody answers") })
	want(t, "failure", told(a.Resolve(t.Context(), q)), "error: nobody answers")
	want(t, "after failure", ask(t, a, "88.1.2/a"), "l1 found 2")

	// An answer that was asked for earlier and comes later does not take the place of the newer one.
	gate := make(chan struct{})
	o.set(func(o *origin) { o.err, o.gate, o.version = nil, gate, 3 })
	var wg sync.WaitGroup
	n := o.count()
	wg.Go(func() { ask(t, a, "88.1.2/b") })
	until(t, "the first is asking", func() bool { return o.count() == n+1 })
	o.set(func(o *origin) { o.gate, o.version = nil, 4 })
	q.ID = parse(t, "88.1.2/b")
	want(t, "the second", told(a.Resolve(t.Context(), q)), "upstream found 4")
	stored(t, r, 2)
	close(gate)
	wg.Wait()
	want(t, "after both", ask(t, a, "88.1.2/b"), "l1 found 4")
	want(t, "after both, at another node", ask(t, b, "88.1.2/b"), "l2 found 4")
}

// TestSharedForget: what one node forgets all forget within a second, and what was asked for before is not kept.
func TestSharedForget(t *testing.T) {
	r, o := newServer(t), newOrigin()
	a := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	b := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	both := func(id string) {
		t.Helper()
		ask(t, a, id)
		until(t, id+" is at another node", func() bool { return strings.HasPrefix(ask(t, b, id), "l1 ") })
	}
	both("88.1.2/SN")
	both("88.1.3/x")
	stored(t, r, 2)
	o.set(func(o *origin) { o.version = 2 })
	begun := time.Now()
	if err := a.Forget(t.Context(), parse(t, "88.1.2/sn")); err != nil {
		t.Fatal(err)
	}
	want(t, "here", ask(t, a, "88.1.2/SN"), "upstream found 2")
	until(t, "the other node forgets", func() bool { return strings.HasSuffix(ask(t, b, "88.1.2/SN"), "found 2") })
	if took := time.Since(begun); took > time.Second {
		t.Errorf("took %v", took)
	}
	want(t, "what is not concerned", ask(t, b, "88.1.3/x"), "l1 found 1")

	if err := b.ForgetUnder(t.Context(), identifier.Key{Scheme: identifier.Handle, Name: "88.1.3"}); err != nil {
		t.Fatal(err)
	}
	want(t, "under here", ask(t, b, "88.1.3/x"), "upstream found 2")
	until(t, "the other node forgets", func() bool { return strings.HasSuffix(ask(t, a, "88.1.3/x"), "found 2") })
	want(t, "what is not under", ask(t, a, "88.1.2/SN"), "l1 found 2")

	// What was asked for before is not kept after, in any place, by whichever node it is forgotten.
	for i, forget := range []*Shared{a, b} {
		id := fmt.Sprintf("88.1.4/%d", i)
		gate := make(chan struct{})
		o.set(func(o *origin) { o.gate, o.version = gate, 5 })
		n := o.count()
		var wg sync.WaitGroup
		wg.Go(func() { want(t, "who asked before", ask(t, a, id), "upstream found 5") })
		until(t, "the first is asking", func() bool { return o.count() == n+1 })
		o.set(func(o *origin) { o.gate, o.version = nil, 6 })
		if i == 0 {
			if err := forget.Forget(t.Context(), parse(t, id)); err != nil {
				t.Fatal(err)
			}
		} else if err := forget.ForgetUnder(t.Context(), identifier.Key{Scheme: identifier.Handle, Name: "88.1.4"}); err != nil {
			t.Fatal(err)
		}
		if forget == a {
			want(t, "who asks after", ask(t, a, id), "upstream found 6")
		} else {
			time.Sleep(500 * time.Millisecond) // the message
		}
		close(gate)
		wg.Wait()
		time.Sleep(100 * time.Millisecond)
		for _, s := range []*Shared{a, b} {
			if got := ask(t, s, id); !strings.HasSuffix(got, "found 6") {
				t.Errorf("%s after it was forgotten: %q", id, got)
			}
		}
	}
}

// TestSharedSingleflight: of many that ask for the same at the same time, at two nodes, one asks on.
func TestSharedSingleflight(t *testing.T) {
	r, o := newServer(t), newOrigin()
	o.delay = 300 * time.Millisecond
	options := SharedOptions{Addrs: []string{r.addr}, Wait: 5 * time.Second}
	nodes := []*Shared{newShared(t, o, options), newShared(t, o, options)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	tiers := make(map[string]int)
	for i := range 40 {
		wg.Go(func() {
			got := ask(t, nodes[i%2], "88.1.2/a")
			mu.Lock()
			defer mu.Unlock()
			tiers[got]++
		})
	}
	wg.Wait()
	if o.count() != 1 || len(tiers) > 3 || tiers["upstream found 1"] == 0 {
		t.Errorf("asked %d times, want once: %v", o.count(), tiers)
	}

	// A node that fails lets the other ask at once; one that is gone holds it up no longer than Wait.
	o.set(func(o *origin) { o.err = errors.New("nobody answers") })
	wg.Go(func() { ask(t, nodes[0], "88.1.2/b") })
	until(t, "one asks", func() bool { return o.count() == 2 })
	o.set(func(o *origin) { o.err = nil })
	begun := time.Now()
	want(t, "the other", ask(t, nodes[1], "88.1.2/b"), "upstream found 1")
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
	wg.Wait()
	if o.count() != 3 {
		t.Errorf("asked %d times, want 3", o.count())
	}
	options.Wait = 200 * time.Millisecond
	c := newShared(t, o, options)
	at := slotOf(parse(t, "88.1.2/c"), nil)
	if l, err := nodes[0].far.take(at); err != nil || l.token == "" {
		t.Fatal(l, err)
	}
	begun = time.Now()
	want(t, "while another has the lease", ask(t, c, "88.1.2/c"), "upstream found 1")
	if took := time.Since(begun); took < options.Wait || took > 4*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestSharedHops: each level tells what it knew, in order.
func TestSharedHops(t *testing.T) {
	r, o := newServer(t), newOrigin()
	a := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	b := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	hops := func(s *Shared, text string) (all []string) {
		t.Helper()
		_, err := s.Resolve(t.Context(), resolver.UpstreamQuery{ID: parse(t, text), Hop: func(h resolver.Hop) {
			all = append(all, h.Server+" "+h.Code)
			if h.Name != "handle:"+text {
				t.Errorf("hop of %q", h.Name)
			}
		}})
		if err != nil {
			t.Error(err)
		}
		return all
	}
	for _, c := range []struct {
		name string
		s    *Shared
		want []string
	}{
		{"first", a, []string{"l1 miss", "redis miss", "origin RC_SUCCESS (1)"}},
		{"again", a, []string{"l1 hit"}},
		{"at another node", b, []string{"l1 miss", "redis hit"}},
	} {
		if got := hops(c.s, "88.1.2/a"); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		stored(t, r, 1)
	}
	r.kill()
	got := hops(b, "88.1.2/b")
	if want := []string{"l1 miss", "redis error", "origin RC_SUCCESS (1)"}; !slices.Equal(got, want) {
		t.Errorf("without redis: got %q, want %q", got, want)
	}
}

// TestSharedGone: who goes away does not fail the others, and nothing goes on after Run.
func TestSharedGone(t *testing.T) {
	o := newOrigin()
	gate := make(chan struct{})
	o.gate = gate
	s, err := NewShared(o, SharedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { s.Run(ctx) })
	first, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	q := resolver.UpstreamQuery{ID: parse(t, "88.1.2/a")}
	wg.Go(func() { want(t, "who goes away", told(s.Resolve(first, q)), "error: context canceled") })
	until(t, "it is asked", func() bool { return o.count() == 1 })
	wg.Go(func() { want(t, "the other", told(s.Resolve(t.Context(), q)), "upstream found 1") })
	until(t, "both ask", func() bool { return testutil.ToFloat64(s.m.shared) == 1 })
	leave()
	time.Sleep(10 * time.Millisecond)
	close(gate)
	wg.Wait()

	o.set(func(o *origin) { o.gate = make(chan struct{}) })
	q.ID = parse(t, "88.1.2/b")
	wg.Go(func() { want(t, "at the end", told(s.Resolve(t.Context(), q)), "error: context canceled") })
	until(t, "it is asked", func() bool { return o.count() == 2 })
	cancel()
	run.Wait()
	wg.Wait()
	o.set(func(o *origin) { o.gate = nil })
	want(t, "after the end", ask(t, s, "88.1.2/b"), "upstream found 1")
	want(t, "nothing is kept", ask(t, s, "88.1.2/b"), "upstream found 1")
}

// TestOwn: an identifier in memory of its own is the same one.
func TestOwn(t *testing.T) {
	for _, text := range []string{"88.1.2/SN-001", "88.1.2", "0.NA/88.1.2", "urn:oid:1.2.156.10001", "(01)09506000134352(21)Ab",
		"https://id.example/01/09506000134352", "10064000011"} {
		id := parse(t, text)
		got := own(id)
		if got.Key(true) != id.Key(true) || got.String() != id.String() || got.IsPrefixRecord() != id.IsPrefixRecord() || slotOf(got, nil) != slotOf(id, nil) {
			t.Errorf("%s: got %q", text, got.Qualified())
		}
		if unsafe.StringData(got.String()) == unsafe.StringData(id.String()) {
			t.Errorf("%s is in the same memory", text)
		}
	}
}

func TestSharedOptions(t *testing.T) {
	for name, o := range map[string]SharedOptions{
		"too small": {Bytes: 1000}, "negative": {Budget: -1}, "braces": {Prefix: "a{b}"},
	} {
		if _, err := NewShared(newOrigin(), o); err == nil {
			t.Errorf("%s: made", name)
		}
	}
	if _, err := NewShared(nil, SharedOptions{}); err == nil {
		t.Error("made before nobody")
	}
}
