package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// works asserts that a new answer reaches Redis, and from there a node that has just begun.
func works(t *testing.T, s *Shared, id string) {
	t.Helper()
	until(t, "an answer of "+id+" is shared", func() bool {
		s.Resolve(context.Background(), resolver.UpstreamQuery{ID: parse(t, id), NoCache: true})
		at := slotOf(parse(t, id), nil)
		time.Sleep(20 * time.Millisecond)
		l, err := s.far.look(at, func(*resolver.Foreign) bool { return true })
		return err == nil && l.foreign != nil
	})
}

// TestSharedKilled: a Redis that is gone costs nothing but its help, and is used again once it is back.
func TestSharedKilled(t *testing.T) {
	r, o := newServer(t), newOrigin()
	s := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	want(t, "before", ask(t, s, "88.1.2/a"), "upstream found 1")
	r.kill()
	want(t, "what is here", ask(t, s, "88.1.2/a"), "l1 found 1")
	for i := range 20 {
		want(t, "what is not", ask(t, s, fmt.Sprintf("88.1.2/%d", i)), "upstream found 1")
	}
	until(t, "it is seen to be gone", func() bool { return s.blind.Load() && value(t, s.m, "idnode_redis_up") == 0 })
	if state := value(t, s.m, "idnode_redis_breaker_state"); state == 0 {
		t.Error("the breaker is closed")
	}
	want(t, "what is here", ask(t, s, "88.1.2/a"), "l1 found 1")
	r.start()
	until(t, "it is found again", func() bool { return !s.blind.Load() })
	if _, _, octets := s.near.usage(); octets != 0 {
		t.Error("what is in the process was not dropped: it may have been forgotten elsewhere")
	}
	works(t, s, "88.1.2/b")
	until(t, "the breaker closes", func() bool { return value(t, s.m, "idnode_redis_up") == 1 })
}

// TestSharedAbsent: a Redis that was never there is found when it comes.
func TestSharedAbsent(t *testing.T) {
	r, o := newServer(t), newOrigin()
	r.kill()
	s := runShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	want(t, "first", ask(t, s, "88.1.2/a"), "upstream found 1")
	want(t, "again", ask(t, s, "88.1.2/a"), "l1 found 1")
	r.start()
	until(t, "it is found", func() bool { return !s.blind.Load() })
	works(t, s, "88.1.2/b")
}

// TestSharedStopped: a Redis that does not answer is waited for no longer than the budget, and soon not at all.
func TestSharedStopped(t *testing.T) {
	r, o := newServer(t), newOrigin()
	s := newShared(t, o, SharedOptions{Addrs: []string{r.addr}, Budget: 2 * time.Millisecond})
	works(t, s, "88.1.2/a")
	r.signal(syscall.SIGSTOP)
	begun := time.Now()
	const n = 300
	for i := range n {
		want(t, "while it is stopped", ask(t, s, fmt.Sprintf("88.1.2/%d", i)), "upstream found 1")
	}
	took := time.Since(begun)
	t.Logf("%v a question while Redis is stopped", took/n)
	if took > 3*time.Second { // a fiftieth of what it would be at opTimeout each
		t.Errorf("%d questions took %v", n, took)
	}
	until(t, "it is seen to be stopped", func() bool { return s.blind.Load() })
	r.signal(syscall.SIGCONT)
	until(t, "it is found again", func() bool { return !s.blind.Load() })
	works(t, s, "88.1.2/a")
}

// line is a way to a server that may become slow, or swallow everything.
type line struct {
	addr  string
	delay atomic.Int64 // of what comes back
	dead  atomic.Bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{addr: listener.Addr().String()}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); listener.Close(); wg.Wait() })
	carry := func(dst, src net.Conn, slow bool) {
		defer dst.Close()
		for b := make([]byte, 64<<10); ; {
			n, err := src.Read(b)
			if err != nil {
				return
			}
			if slow {
				time.Sleep(time.Duration(l.delay.Load()))
			}
			if !l.dead.Load() {
				dst.Write(b[:n])
			}
		}
	}
	wg.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			context.AfterFunc(ctx, func() { near.Close(); far.Close() })
			wg.Go(func() { carry(far, near, false) })
			wg.Go(func() { carry(near, far, true) })
		}
	})
	return l
}

// TestSharedSlow: a Redis that is always slower than the budget is not waited for; one that was is used again. A
// subscription on which nothing comes any more is given up.
func TestSharedSlow(t *testing.T) {
	r, o := newServer(t), newOrigin()
	l := newLine(t, r.addr)
	l.delay.Store(int64(20 * time.Millisecond))
	s := newShared(t, o, SharedOptions{Addrs: []string{l.addr}, Budget: 2 * time.Millisecond})
	begun := time.Now()
	const n = 300
	for i := range n {
		want(t, "while it is slow", ask(t, s, fmt.Sprintf("88.1.2/%d", i)), "upstream found 1")
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("%d questions took %v", n, took)
	}
	if s.blind.Load() {
		t.Error("it is slow, not gone")
	}
	l.delay.Store(0)
	works(t, s, "88.1.2/a")
	until(t, "the breaker closes", func() bool { return value(t, s.m, "idnode_redis_up") == 1 })

	l.dead.Store(true)
	begun = time.Now()
	until(t, "it is noticed that nothing is heard", func() bool { return s.blind.Load() })
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	l.dead.Store(false)
	until(t, "it is found again", func() bool { return !s.blind.Load() })
	works(t, s, "88.1.2/a")
}

// TestSharedEnds: nothing is left of a cache that has ended.
func TestSharedEnds(t *testing.T) {
	r := newServer(t)
	before := goleak.IgnoreCurrent()
	s, err := NewShared(newOrigin(), SharedOptions{Addrs: []string{r.addr}, Budget: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	until(t, "redis is found", func() bool { return !s.blind.Load() })
	for i := range 100 {
		wg.Go(func() { ask(t, s, fmt.Sprintf("88.1.2/%d", i)) })
	}
	time.Sleep(5 * time.Millisecond)
	cancel()
	wg.Wait()
	goleak.VerifyNone(t, before)
}

// TestSharedOwed: what could not be forgotten in Redis is not told from there, and is forgotten as soon as it can be.
func TestSharedOwed(t *testing.T) {
	r, o := newServer(t), newOrigin()
	a := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	b := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	for _, id := range []string{"88.1.2/a", "88.1.3/a"} {
		ask(t, a, id)
	}
	stored(t, r, 2)
	ask(t, b, "88.1.2/a")
	o.set(func(o *origin) { o.version = 2 })
	r.signal(syscall.SIGSTOP)
	if err := a.Forget(t.Context(), parse(t, "88.1.2/a")); err == nil {
		t.Error("told a Redis that is stopped")
	}
	if err := a.ForgetUnder(t.Context(), identifier.Key{Scheme: identifier.Handle, Name: "88.1.3"}); err == nil {
		t.Error("told a Redis that is stopped")
	}
	want(t, "here", ask(t, a, "88.1.2/a"), "upstream found 2")
	r.signal(syscall.SIGCONT)
	for range 100 {
		a.near.clear()
		for _, id := range []string{"88.1.2/a", "88.1.3/a"} {
			if got := ask(t, a, id); !strings.HasSuffix(got, "found 2") {
				t.Fatalf("%s after it was forgotten: %q", id, got)
			}
		}
	}
	for _, id := range []string{"88.1.2/a", "88.1.3/a"} {
		until(t, "the other node is told", func() bool { return strings.HasSuffix(ask(t, b, id), "found 2") })
	}
	until(t, "nothing is owed", func() bool { return a.journal.owing.Load() == 0 })
}

// TestSharedUndone: what was forgotten in a Redis that is followed by one that had not heard of it is forgotten there again.
func TestSharedUndone(t *testing.T) {
	r, o := newServer(t), newOrigin()
	s := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	works(t, s, "88.1.2/a")
	answers, _ := s.far.keys(parse(t, "88.1.2/a").Key(false))
	c := r.client()
	was, err := c.Dump(t.Context(), answers).Result()
	if err != nil {
		t.Fatal(err)
	}
	o.set(func(o *origin) { o.version = 2 })
	if err := s.Forget(t.Context(), parse(t, "88.1.2/a")); err != nil {
		t.Fatal(err)
	}
	if err := c.Restore(t.Context(), answers, 0, was).Err(); err != nil {
		t.Fatal(err)
	}
	c.ClientKillByFilter(t.Context(), "TYPE", "pubsub")
	until(t, "it is forgotten again", func() bool { return c.Exists(t.Context(), answers).Val() == 0 })
	want(t, "after", ask(t, s, "88.1.2/a"), "upstream found 2")
}

// TestSharedLostSubscription: who may have missed a message forgets everything.
func TestSharedLostSubscription(t *testing.T) {
	r, o := newServer(t), newOrigin()
	a := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	b := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	ask(t, a, "88.1.2/a")
	stored(t, r, 1)
	want(t, "at another node", ask(t, b, "88.1.2/a"), "l2 found 1")
	o.set(func(o *origin) { o.version = 2 })
	c := r.client()
	if n := c.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Val(); n != 2 {
		t.Fatalf("%d subscriptions", n)
	}
	begun := time.Now()
	if err := a.Forget(t.Context(), parse(t, "88.1.2/a")); err != nil {
		t.Fatal(err)
	}
	until(t, "the other node forgets", func() bool { return strings.HasSuffix(ask(t, b, "88.1.2/a"), "found 2") })
	t.Logf("forgotten after %v without a subscription", time.Since(begun))
}

// TestSharedBlind: with Redis lost, another node may have forgotten what is here: it is told for half a minute.
func TestSharedBlind(t *testing.T) {
	r, o := newServer(t), newOrigin()
	s := newShared(t, o, SharedOptions{Addrs: []string{r.addr}})
	ask(t, s, "88.1.2/a")
	r.kill()
	until(t, "it is seen to be gone", func() bool { return s.blind.Load() })
	v, ticket := s.near.get(new(slotOf(parse(t, "88.1.2/a"), nil)))
	v.since = v.since.Add(-blindFor)
	s.near.put(ticket, v)
	o.set(func(o *origin) { o.version = 2 })
	want(t, "after half a minute", ask(t, s, "88.1.2/a"), "upstream found 2")
	v.since = v.since.Add(-blindFor)
	s.near.put(ticket, v)
	o.set(func(o *origin) { o.err = errors.New("nobody answers") })
	want(t, "if nobody can be asked", ask(t, s, "88.1.2/a"), "l1 found 1")
}

// TestSharedGarbage: whatever is found under the keys is no answer unless it is one, and gives way to one.
func TestSharedGarbage(t *testing.T) {
	r, o := newServer(t), newOrigin()
	s := newShared(t, o, SharedOptions{Addrs: []string{r.addr}, Wait: time.Second})
	c := r.client()
	at := slotOf(parse(t, "88.1.2/a"), nil)
	other := slotOf(parse(t, "88.1.2/b"), nil)
	answers, lease := s.far.keys(at.key)
	works(t, s, "88.1.2/a")
	works(t, s, "88.1.2/b")
	good, err := c.HGet(t.Context(), answers, at.field()).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	others, _ := s.far.keys(other.key)
	set := func(octets []byte) func() error {
		return func() error { return c.HSet(t.Context(), answers, at.field(), octets).Err() }
	}
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)/2] ^= 1
	newer := append([]byte(nil), good...)
	newer[2] = 2
	for name, spoil := range map[string]func() error{
		"nothing":        func() error { return c.Del(t.Context(), answers).Err() },
		"garbage":        set([]byte("garbage")),
		"empty":          set(nil),
		"cut":            set(good[:len(good)-3]),
		"longer":         set(append(good[:len(good):len(good)], 0)),
		"one bit":        set(flipped),
		"another format": set(newer),
		"another's":      set([]byte(c.HGet(t.Context(), others, other.field()).Val())),
		"a text":         func() error { return c.Set(t.Context(), answers, "x", 0).Err() },
		"a list": func() error {
			return errors.Join(c.Del(t.Context(), answers).Err(), c.LPush(t.Context(), answers, "x").Err())
		},
		"a lease for ever":    func() error { return errors.Join(set(nil)(), c.Set(t.Context(), lease, "x", 0).Err()) },
		"a lease that is not": func() error { return errors.Join(set(nil)(), c.LPush(t.Context(), lease, "x").Err()) },
		"no epoch":            func() error { return c.Del(t.Context(), "idnode:1:epoch").Err() },
		"another epoch":       func() error { return c.Set(t.Context(), "idnode:1:epoch", "x", 0).Err() },
		"an epoch that is not": func() error {
			return errors.Join(c.Del(t.Context(), "idnode:1:epoch").Err(), c.LPush(t.Context(), "idnode:1:epoch", "x").Err())
		},
	} {
		s.near.clear()
		if err := spoil(); err != nil {
			t.Fatal(name, err)
		}
		o.set(func(o *origin) { o.version++ })
		want(t, name, ask(t, s, "88.1.2/a"), fmt.Sprintf("upstream found %d", o.version))
		until(t, name+" has given way", func() bool {
			l, err := s.far.look(at, func(*resolver.Foreign) bool { return true })
			return err == nil && l.foreign != nil && l.foreign.Record.Version == o.version
		})
	}
	if err := c.Publish(t.Context(), "idnode:1:forget", "garbage").Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "a message that cannot be read has all forgotten", func() bool { _, _, n := s.near.usage(); return n == 0 })
}

// TestSharedReadOnly: of a replica answers are taken; that it takes none does no harm.
func TestSharedReadOnly(t *testing.T) {
	primary, o := newServer(t, "--repl-diskless-sync-delay", "0"), newOrigin()
	host, port, _ := strings.Cut(primary.addr, ":")
	replica := newServer(t, "--replicaof", host+" "+port)
	a := newShared(t, o, SharedOptions{Addrs: []string{primary.addr}})
	b := newShared(t, o, SharedOptions{Addrs: []string{replica.addr}})
	works(t, a, "88.1.2/a")
	c := replica.client()
	until(t, "it is replicated", func() bool { n, _ := c.DBSize(t.Context()).Result(); return n == 2 })
	want(t, "what is there", ask(t, b, "88.1.2/a"), "l2 found 1")
	for i := range 10 {
		want(t, "what is not", ask(t, b, fmt.Sprintf("88.1.3/%d", i)), "upstream found 1")
	}
	o.set(func(o *origin) { o.version = 2 })
	if err := b.Forget(t.Context(), parse(t, "88.1.2/a")); err == nil {
		t.Error("a replica has forgotten")
	}
	want(t, "what it does not forget", ask(t, b, "88.1.2/a"), "upstream found 2")
	o.set(func(o *origin) { o.version = 3 })
	if err := a.Forget(t.Context(), parse(t, "88.1.2/a")); err != nil {
		t.Error(err)
	}
	until(t, "it is told", func() bool { return ask(t, b, "88.1.2/a") == "upstream found 3" })
}

// TestSharedFull: a Redis that evicts, or takes no more, costs its help alone.
func TestSharedFull(t *testing.T) {
	for _, policy := range []string{"allkeys-random", "noeviction"} {
		t.Run(policy, func(t *testing.T) {
			r, o := newServer(t, "--maxmemory", "2mb", "--maxmemory-policy", policy), newOrigin()
			a := newShared(t, o, SharedOptions{Addrs: []string{r.addr}, Bytes: 128 << 10})
			b := newShared(t, o, SharedOptions{Addrs: []string{r.addr}, Bytes: 128 << 10})
			for i := range 1500 {
				id := fmt.Sprintf("88.1.2/%d-%s", i, strings.Repeat("x", 1000))
				for _, s := range []*Shared{a, b} {
					f, err := s.Resolve(t.Context(), resolver.UpstreamQuery{ID: parse(t, id)})
					if err != nil || f.Status != resolver.Found || f.Record.ID != id || len(f.Record.Values) != 2 {
						t.Fatalf("%s: got %+v, %v", id, f, err)
					}
				}
			}
			info := r.client().Info(t.Context(), "stats").Val()
			if evicts := policy != "noeviction"; evicts == strings.Contains(info, "\nevicted_keys:0\r") {
				t.Errorf("it was not full")
			}
			t.Logf("of 3000 questions %d were asked elsewhere", o.count())
		})
	}
}

// TestSharedFlushed: what vanishes at any time is asked for again.
func TestSharedFlushed(t *testing.T) {
	r, o := newServer(t), newOrigin()
	s := newShared(t, o, SharedOptions{Addrs: []string{r.addr}, Bytes: 128 << 10})
	c := r.client()
	for i := range 300 {
		id := fmt.Sprintf("88.1.2/%d", i%30)
		if i%7 == 0 {
			c.FlushAll(t.Context())
		}
		if i%5 == 0 {
			s.near.clear()
		}
		if got := ask(t, s, id); !strings.HasSuffix(got, "found 1") {
			t.Fatal(got)
		}
	}
}

// versions is an origin in which each identifier has its own version.
type versions struct {
	mu sync.Mutex
	of map[string]uint64
}

func (v *versions) bump(id string) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.of[id]++
	return v.of[id]
}

func (v *versions) Resolve(ctx context.Context, q resolver.UpstreamQuery) (*resolver.Foreign, error) {
	v.mu.Lock()
	n := v.of[q.ID.String()]
	v.mu.Unlock()
	time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // n gets old
	if rand.IntN(20) == 0 {
		return nil, errors.New("nobody answers")
	}
	now := time.Now()
	return &resolver.Foreign{Status: resolver.Found, Record: record(q.ID, n), Fetched: now, Expires: now.Add(time.Minute), Tier: resolver.TierUpstream}, nil
}

// TestSharedChaos: whatever happens to Redis, what is told was said of that very identifier, and after a node has forgotten
// it, it tells nothing that was said before; in the end no node does.
func TestSharedChaos(t *testing.T) {
	r, o := newServer(t, "--maxmemory", "4mb", "--maxmemory-policy", "allkeys-random"), &versions{of: make(map[string]uint64)}
	nodes := make([]*Shared, 3)
	for i := range nodes {
		nodes[i] = newShared(t, o, SharedOptions{Addrs: []string{r.addr}, Bytes: 256 << 10, Budget: 2 * time.Millisecond, Wait: 20 * time.Millisecond})
	}
	const ids = 30
	name := func(i int) string { return fmt.Sprintf("88.1.2/%d", i) }
	for i := range ids {
		o.bump(name(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var asked, forgot atomic.Int64
	check := func(s *Shared, i int, least uint64, noCache bool) {
		f, err := s.Resolve(context.Background(), resolver.UpstreamQuery{ID: parse(t, name(i)), NoCache: noCache})
		if err != nil {
			return
		}
		asked.Add(1)
		if f.Record.ID != name(i) || f.Record.Version < least {
			t.Errorf("%s: told version %d of %s by %v, want %d at least", name(i), f.Record.Version, f.Record.ID, f.Tier, least)
		}
	}
	var wg sync.WaitGroup
	for n, s := range nodes {
		for range 3 {
			wg.Go(func() { // asks
				for ctx.Err() == nil {
					check(s, rand.IntN(ids), 1, rand.IntN(50) == 0)
				}
			})
		}
		wg.Go(func() { // forgets a third of them
			for ctx.Err() == nil {
				i := rand.IntN(ids/3)*3 + n
				least := o.bump(name(i))
				if rand.IntN(10) == 0 {
					s.ForgetUnder(ctx, identifier.Key{Scheme: identifier.Handle, Name: "88.1.2"})
				} else {
					s.Forget(ctx, parse(t, name(i)))
				}
				if ctx.Err() != nil {
					return
				}
				forgot.Add(1)
				for range 5 {
					check(s, i, least, rand.IntN(10) == 0)
				}
			}
		})
	}
	c := r.client()
	for ctx.Err() == nil {
		time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
		switch rand.IntN(4) {
		case 0:
			r.kill()
			time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
			r.start()
		case 1:
			r.signal(syscall.SIGSTOP)
			time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
			r.signal(syscall.SIGCONT)
		case 2:
			c.ClientKillByFilter(context.Background(), "TYPE", "normal", "SKIPME", "no")
		case 3:
			c.ClientKillByFilter(context.Background(), "TYPE", "pubsub")
		}
	}
	wg.Wait()
	for i := range ids {
		for _, s := range nodes {
			until(t, "all know the last version", func() bool {
				f, err := s.Resolve(context.Background(), resolver.UpstreamQuery{ID: parse(t, name(i))})
				return err == nil && f.Record.Version == o.of[name(i)]
			})
		}
	}
	t.Logf("%d answers, %d times forgotten", asked.Load(), forgot.Load())
}
