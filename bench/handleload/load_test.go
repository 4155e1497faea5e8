package main

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/measure"
	"github.com/idnode/idnode/proto/handle"
)

func TestFlight(t *testing.T) {
	f := newFlight()
	first, _ := f.begin(1)
	second, _ := f.begin(2)
	if due, ok := f.end(second); !ok || due != 2 {
		t.Errorf("the second query: due %v, %v", due, ok)
	}
	if _, ok := f.end(second); ok {
		t.Error("a query ends twice")
	}
	if n := f.expire(1); n != 0 || f.underWay() != 1 {
		t.Errorf("%d expired too early, %d are under way", n, f.underWay())
	}
	var lost int
	for range flightSize - 1 {
		if _, l := f.begin(3); l {
			lost++
		}
	}
	if lost != 1 || f.underWay() != flightSize-1 {
		t.Errorf("after a round %d are lost and %d under way, want the first lost", lost, f.underWay())
	}
	if _, ok := f.end(first); ok {
		t.Error("a query that was given up ends")
	}
	if n := f.expire(4); n != flightSize-1 || f.underWay() != 0 {
		t.Errorf("%d expired, %d are left", n, f.underWay())
	}
}

func testLoad(network, addr string) *load {
	o := &options{conns: 3, outstanding: 7, timeout: 200 * time.Millisecond, records: 100, pick: "uniform"}
	return &load{options: o, names: corpus.Serials("88.1021.150"), network: network, addr: addr, want: handle.RcodeRequest}
}

// serveTCPEcho sends back all that connections bring.
func serveTCPEcho(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// startTestEcho runs the bare echo in this process.
func startTestEcho(t *testing.T) string {
	t.Helper()
	in, stop := io.Pipe()
	addr, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- serveEcho(in, out) }()
	t.Cleanup(func() {
		stop.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	line := make([]byte, 64)
	n, err := addr.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(line[:n]))
}

func TestLoad(t *testing.T) {
	const d, rate = 300 * time.Millisecond, 1000
	for network, addr := range map[string]string{"udp": startTestEcho(t), "tcp": serveTCPEcho(t)} {
		l := testLoad(network, addr)
		check := func(mode string, least, most uint64, rec *measure.Recorder, err error) {
			t.Helper()
			if err != nil || rec.Failed+rec.TimedOut > 0 || rec.Done < least || rec.Done > most {
				t.Errorf("%s, %s: %+v, %v; want %d to %d done", network, mode, rec, err, least, most)
			}
		}
		rec, _, err := l.closed(t.Context(), d)
		check("closed", 100, 1<<32, rec, err)
		rec, elapsed, err := l.open(t.Context(), d, rate)
		check("open", 300, 300, rec, err)
		if elapsed < d-2*time.Millisecond {
			t.Errorf("%s, open: 300 queries at 1000/s were asked within %v", network, elapsed)
		}
		l.want = handle.RcodeSuccess
		rec, _, err = l.closed(t.Context(), d/10)
		if err != nil || rec.Done > 0 || rec.Failed == 0 || rec.First == nil {
			t.Errorf("%s: answers of the wrong code: %+v, %v", network, rec, err)
		}
	}
}

// TestTimeout asks a server that never answers.
func TestTimeout(t *testing.T) {
	deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	l := testLoad("udp", deaf.LocalAddr().String())
	rec, _, err := l.closed(t.Context(), 50*time.Millisecond)
	if err != nil || rec.Done != 0 || rec.TimedOut != uint64(l.outstanding) {
		t.Errorf("closed: %+v, %v; want %d timeouts", rec, err, l.outstanding)
	}
	rec, _, err = l.open(t.Context(), 50*time.Millisecond, 1000)
	if err != nil || rec.Done != 0 || rec.TimedOut != 50 {
		t.Errorf("open: %+v, %v; want 50 timeouts", rec, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.open(ctx, time.Minute, 1000); err == nil {
		t.Error("an interrupted run is no error")
	}
}
