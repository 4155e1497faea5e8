package querylog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

var (
	start   = time.Date(2026, 11, 23, 7, 4, 5, 123456000, time.UTC)
	client4 = netip.MustParseAddr("192.0.2.7")
	client6 = netip.MustParseAddr("2001:db8::7")
	found   = resolver.Outcome{Scheme: identifier.Handle, Op: 3, Status: resolver.Found, Tier: resolver.TierLRU}
)

func newLog(t *testing.T, o Options) *Log {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "log")
	}
	o.Logger = slog.New(slog.DiscardHandler)
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run runs l until the returned function is called.
func run(l *Log) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	return sync.OnceFunc(func() { cancel(); <-done })
}

// entries reads all of l from a place on.
func entries(t *testing.T, l *Log, after Place, from, to time.Time) (all []string, next Place) {
	t.Helper()
	err := l.Read(t.Context(), after, from, to, func(b *Block) error {
		for _, e := range b.Entries {
			all = append(all, fmt.Sprintf("%s %s %v %s %s %s %s %q", e.Time.Format(time.RFC3339Nano), e.Took, e.Front, e.Scheme, e.Status, e.Tier, e.Client, e.Asked))
		}
		next = b.Next
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, next
}

func TestLog(t *testing.T) {
	var mu sync.Mutex
	var told []string
	var place Place
	l := newLog(t, Options{Written: func(p Place, es []Entry) {
		mu.Lock()
		defer mu.Unlock()
		place = p
		for _, e := range es {
			told = append(told, string(e.Asked))
		}
	}})
	stop := run(l)
	l.Pen(HandleUDP).Note(start, 70*time.Microsecond, client4, []byte("88.1/a"), found)
	l.Pen(HTTP).Note(start.Add(time.Millisecond), 0, client6, []byte("x"), resolver.Outcome{Status: resolver.Invalid})
	l.Pen(DNSTCP).Note(start, 3*time.Hour, netip.Addr{}, make([]byte, 2000), found)
	var none *Pen
	none.Note(start, 0, client4, nil, found)
	stop()
	got, _ := entries(t, l, Place{}, time.Time{}, time.Time{})
	slices.Sort(got)
	want := []string{
		`2026-11-23T07:04:05.123456Z 1h11m34.967295s dns_tcp handle found l1 invalid IP ` + fmt.Sprintf("%q", make([]byte, maxAsked)),
		`2026-11-23T07:04:05.123456Z 70µs handle_udp handle found l1 192.0.2.7 "88.1/a"`,
		`2026-11-23T07:04:05.124456Z 0s http unknown invalid none 2001:db8::7 "x"`,
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("entry %d is not %.200s", i, want[i])
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 3 {
		t.Errorf("told of %q", told)
	}
	if more, _ := entries(t, l, place, time.Time{}, time.Time{}); len(more) != 0 {
		t.Errorf("behind the end: %q", more)
	}
}

// TestLogTimes: blocks outside of the time asked for are passed over, and reading goes on at a place.
func TestLogTimes(t *testing.T) {
	l := newLog(t, Options{Clock: func() time.Time { return start }})
	stop := run(l)
	defer stop()
	p := l.pens[GRPC].all[0]
	for i := range 5 {
		p.Note(start.Add(time.Duration(i)*time.Minute), 0, client4, fmt.Appendf(nil, "%d", i), found)
		p.flush(start.Add(time.Hour))
	}
	for l.written.Load() < 5 {
		time.Sleep(time.Millisecond)
	}
	count := func(after Place, from, to time.Time) int {
		all, _ := entries(t, l, after, from, to)
		return len(all)
	}
	if n := count(Place{}, start.Add(time.Minute), start.Add(3*time.Minute)); n != 3 { // to the millisecond
		t.Errorf("%d entries of the minutes 1 to 3", n)
	}
	var places []Place
	if err := l.Read(t.Context(), Place{}, time.Time{}, time.Time{}, func(b *Block) error { places = append(places, b.Next); return nil }); err != nil {
		t.Fatal(err)
	}
	for i, p := range places {
		text := p.String()
		if q, err := ParsePlace(text); err != nil || q != p {
			t.Errorf("place %q: %v, %v", text, q, err)
		}
		if n := count(p, time.Time{}, time.Time{}); n != 4-i {
			t.Errorf("%d entries after block %d", n, i)
		}
	}
	for _, text := range []string{"x", "x@1", "20261123T070405.123Z.iql@-1", "../../20261123T070405.123Z.iql@1", "20261123T070405.123Z@1"} {
		if p, err := ParsePlace(text); err == nil {
			t.Errorf("%q is %v", text, p)
		}
	}
}

// TestLogCut: a log that was cut off anywhere, or is damaged, gives what stands before that, and goes on.
func TestLogCut(t *testing.T) {
	l := newLog(t, Options{})
	stop := run(l)
	for i := range 20_000 {
		l.Pen(HandleTCP).Note(start, 0, client4, fmt.Appendf(nil, "88.1/%d", i), found)
	}
	stop()
	all, _ := entries(t, l, Place{}, time.Time{}, time.Time{})
	if uint64(len(all)) != l.written.Load() || len(all) < 10_000 {
		t.Fatalf("%d entries, %d written, %d dropped", len(all), l.written.Load(), l.dropped.Load())
	}
	files, err := l.segments()
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	path := filepath.Join(l.o.Dir, files[0].name)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for cut := 0; cut < len(whole); cut += 1 + len(whole)/50 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		got, _ := entries(t, l, Place{}, time.Time{}, time.Time{})
		if len(got) < last || !slices.Equal(got, all[:len(got)]) {
			t.Fatalf("cut at %d: %d entries", cut, len(got))
		}
		last = len(got)
	}
	broken := slices.Clone(whole)
	broken[len(broken)/2] ^= 1
	if err := os.WriteFile(path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := entries(t, l, Place{}, time.Time{}, time.Time{}); len(got) >= len(all) || len(got) == 0 {
		t.Errorf("broken: %d entries", len(got))
	}
	again := newLog(t, Options{Dir: l.o.Dir})
	stop = run(again)
	again.Pen(HTTP).Note(start, 0, client4, []byte("later"), found)
	stop()
	if got, _ := entries(t, again, Place{}, time.Time{}, time.Time{}); got[len(got)-1] != `2026-11-23T07:04:05.123456Z 0s http handle found l1 192.0.2.7 "later"` {
		t.Errorf("the last is %s", got[len(got)-1])
	}
}

// TestLogDropped: a disk that takes nothing, or a writer that does not run, costs entries and memory that is bounded, and no time.
func TestLogDropped(t *testing.T) {
	full := errors.New("disk full")
	l := newLog(t, Options{Free: func() error { return full }})
	stop := run(l)
	for range 1000 {
		l.Pen(DNSUDP).Note(start, 0, client4, []byte("a"), found)
	}
	stop()
	if l.dropped.Load() != 1000 || l.written.Load() != 0 {
		t.Errorf("%d dropped, %d written", l.dropped.Load(), l.written.Load())
	}
	l = newLog(t, Options{})
	for range 1_000_000 {
		l.Pen(DNSUDP).Note(start, 0, client4, []byte("a-name-of-some-length"), found)
	}
	if l.dropped.Load() == 0 || l.chunks.Load() > l.most {
		t.Errorf("nobody writes: %d dropped, %d chunks", l.dropped.Load(), l.chunks.Load())
	}
	run(l)()
	if got, _ := entries(t, l, Place{}, time.Time{}, time.Time{}); uint64(len(got))+l.dropped.Load() != 1_000_000 {
		t.Errorf("%d entries, %d dropped", len(got), l.dropped.Load())
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := New(Options{Dir: filepath.Join(file, "log"), Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		stop = run(l)
		l.Pen(HTTP).Note(start, 0, client4, nil, found)
		stop()
		if l.dropped.Load() != 1 {
			t.Error("an entry has been written into a file that is no directory")
		}
	}
}

// TestLogRetention: segments go when all of them is old, or when there is too much.
func TestLogRetention(t *testing.T) {
	now := start
	dir := filepath.Join(t.TempDir(), "log")
	for range 10 {
		l := newLog(t, Options{Dir: dir, Clock: func() time.Time { return now }})
		stop := run(l)
		l.Pen(HTTP).Note(now, 0, client4, []byte("a"), found)
		stop()
		now = now.Add(24 * time.Hour)
	}
	sweep := func(o Options) int {
		t.Helper()
		o.Dir, o.Clock = dir, func() time.Time { return now }
		l := newLog(t, o)
		l.sweep()
		all, _ := entries(t, l, Place{}, time.Time{}, time.Time{})
		return len(all)
	}
	if n := sweep(Options{}); n != 10 {
		t.Errorf("for ever: %d", n)
	}
	if n := sweep(Options{Retention: 9*24*time.Hour - time.Minute}); n != 9 { // of the first day the second tells that it is over
		t.Errorf("nine days: %d", n)
	}
	if n := sweep(Options{Retention: 365 * 24 * time.Hour, MaxBytes: 400}); n >= 9 || n == 0 {
		t.Errorf("400 octets: %d", n)
	}
	if n := sweep(Options{Retention: time.Hour}); n != 1 {
		t.Errorf("an hour: %d", n)
	}
}

// TestLogRace: many write and one reads.
func TestLogRace(t *testing.T) {
	l := newLog(t, Options{})
	stop := run(l)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			p := l.Pen(Front(1 + i%6))
			for range 5000 {
				p.Note(time.Now(), 0, client6, []byte("88.1/abc"), found)
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if err := l.Read(context.Background(), Place{}, time.Time{}, time.Time{}, func(*Block) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	stop()
	if got, _ := entries(t, l, Place{}, time.Time{}, time.Time{}); uint64(len(got))+l.dropped.Load() != 40_000 {
		t.Errorf("%d entries, %d dropped", len(got), l.dropped.Load())
	}
}

func BenchmarkNote(b *testing.B) {
	l, err := New(Options{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer run(l)()
	p := l.Pen(HandleUDP)
	name := []byte("88.1021.150/SN-000001")
	b.ReportAllocs()
	for b.Loop() {
		p.Note(start, 0, client4, name, found)
	}
	b.ReportMetric(float64(l.dropped.Load())/float64(b.N), "dropped/op")
}

// FuzzRead: what stands in a segment never makes the reader panic.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	l, err := New(Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	stop := run(l)
	l.Pen(HTTP).Note(start, 0, client4, []byte("a"), found)
	stop()
	files, err := l.segments()
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(dir, files[0].name)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = l.Read(t.Context(), Place{}, time.Time{}, time.Time{}, func(*Block) error { return nil })
	})
}
