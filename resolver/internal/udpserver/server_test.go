package udpserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// echo sends back what comes. A packet that begins with "slow" is waited for, one that begins with
// "parts" is answered by two datagrams, "big" by one of 40000 octets, "none" by none.
type echo struct {
	wait time.Duration
	op   resolver.Op
}

func (e *echo) Serve(w *Writer, packet []byte, from netip.AddrPort) bool {
	o := resolver.Outcome{Scheme: identifier.Handle, Op: e.op, Status: resolver.Found, Tier: resolver.TierLRU}
	switch {
	case bytes.HasPrefix(packet, []byte("slow")):
		if !w.MayWait {
			return false
		}
		w.Waited()
		time.Sleep(e.wait)
	case bytes.HasPrefix(packet, []byte("parts")):
		w.SendPart(append(w.Buffer(), "one"...))
		w.Send(append(w.Buffer(), "two"...), o)
		return true
	case bytes.HasPrefix(packet, []byte("big")):
		w.Send(make([]byte, 40000), o)
		return true
	case bytes.HasPrefix(packet, []byte("none")):
		w.Lose(o, "rrl")
		return true
	}
	w.Send(append(w.Buffer(), packet...), o)
	return true
}

// serve serves addr with echoes that wait, until the test ends.
func serve(t testing.TB, addr string, sockets int, wait time.Duration) (*Server, netip.AddrPort, *prometheus.Registry) {
	t.Helper()
	l, conns, err := Listen(addr, sockets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	reg := prometheus.NewRegistry()
	m, err := resolver.NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	front := m.Front("dns_udp")
	s := New(Options{Sockets: conns, PacketSize: 2048, Metrics: front,
		New: func() Handler { return &echo{wait: wait, op: front.Op("naptr")} }})
	s.Start()
	t.Cleanup(func() {
		s.Stop()
		s.Wait()
		for _, c := range conns {
			c.Close()
		}
	})
	return s, l.Addr().(*net.TCPAddr).AddrPort(), reg
}

func dial(t testing.TB, addr netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t testing.TB, c net.Conn, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		t.Fatal(err)
	}
}

func receive(t testing.TB, c net.Conn) string {
	t.Helper()
	b := make([]byte, 65536)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestServe(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		_, at, _ := serve(t, addr, 2, 0)
		c := dial(t, at)
		f := func(question string, want ...string) {
			t.Helper()
			send(t, c, "%s", question)
			for _, w := range want {
				if got := receive(t, c); got != w {
					t.Errorf("%s: got %.40q to %q, want %.40q", addr, got, question, w)
				}
			}
		}
		f("hello", "hello")
		f("slow", "slow")
		f("parts", "one", "two")
		f("big", string(make([]byte, 40000)))
		f("", "")
		f(string(make([]byte, 3000)), string(make([]byte, 2048)))
	}
}

// TestBurst sends more at once than a batch holds, from several clients.
func TestBurst(t *testing.T) {
	_, at, reg := serve(t, "127.0.0.1:0", 2, 0)
	const clients, questions = 8, 200
	for k := range clients {
		c := dial(t, at)
		for i := range questions {
			send(t, c, "%d-%d", k, i)
		}
		seen := make(map[string]bool)
		for range questions {
			seen[receive(t, c)] = true
		}
		for i := range questions {
			if q := fmt.Sprintf("%d-%d", k, i); !seen[q] {
				t.Errorf("no answer to %s", q)
			}
		}
	}
	want := `
# HELP idnode_resolve_requests_total Resolution requests taken up.
# TYPE idnode_resolve_requests_total counter
idnode_resolve_requests_total{op="naptr",proto="dns_udp",scheme="handle"} 1600
# HELP idnode_resolve_responses_total Resolution requests answered, by outcome and by where the answer came from.
# TYPE idnode_resolve_responses_total counter
idnode_resolve_responses_total{code="failed",proto="dns_udp",scheme="other",source="none"} 0
idnode_resolve_responses_total{code="found",proto="dns_udp",scheme="handle",source="l1"} 1600
idnode_resolve_responses_total{code="overloaded",proto="dns_udp",scheme="other",source="none"} 0
`
	eventually(t, func() error {
		return testutil.GatherAndCompare(reg, bytes.NewReader([]byte(want)), "idnode_resolve_requests_total", "idnode_resolve_responses_total")
	})
}

// eventually waits until f finds nothing wrong: counts are told after the answers have left.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for range 100 {
		if err = f(); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error(err)
}

// TestSlow: once something is slow, those who ask for what is at hand do not wait with those who ask
// for it; when it is fast again nobody is sent to workers.
func TestSlow(t *testing.T) {
	var wait atomic.Int64
	wait.Store(int64(time.Second))
	l, conns, err := Listen("127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := New(Options{Sockets: conns, PacketSize: 2048, New: func() Handler {
		return handlerFunc(func(w *Writer, p []byte, from netip.AddrPort) bool {
			return (&echo{wait: time.Duration(wait.Load())}).Serve(w, p, from)
		})
	}})
	s.Start()
	defer func() { s.Stop(); s.Wait() }()
	c := dial(t, l.Addr().(*net.TCPAddr).AddrPort())
	send(t, c, "slow 1")
	if got := receive(t, c); got != "slow 1" {
		t.Fatal(got)
	}
	for i := range workers {
		send(t, c, "slow %d", i)
	}
	send(t, c, "fast")
	if got := receive(t, c); got != "fast" {
		t.Errorf("%q came before what was at hand", got)
	}
	for range workers {
		receive(t, c)
	}
	wait.Store(0)
	// On a busy machine what is fast takes its time too: then it needs more of it.
	for n := 0; s.slow.Load(); n++ {
		if n == 1000*fastWaits {
			t.Fatal("the server still takes for slow what is fast")
		}
		send(t, c, "slow")
		receive(t, c)
	}
}

type handlerFunc func(w *Writer, packet []byte, from netip.AddrPort) bool

func (f handlerFunc) Serve(w *Writer, packet []byte, from netip.AddrPort) bool {
	return f(w, packet, from)
}

// TestQueue: what workers have no room for is dropped and counted; so is what a handler loses.
func TestQueue(t *testing.T) {
	s, at, reg := serve(t, "127.0.0.1:0", 1, 50*time.Millisecond)
	s.slow.Store(true)
	c := dial(t, at)
	const questions = workers + queueSize + 100
	for i := range questions {
		send(t, c, "slow %d", i)
		if i%50 == 0 {
			time.Sleep(time.Millisecond) // the socket's own buffer is not what is tested
		}
	}
	send(t, c, "none")
	count := func(reason string) (n float64) {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if f.GetName() == "idnode_resolve_dropped_total" && l.GetName() == "reason" && l.GetValue() == reason {
						n += m.GetCounter().GetValue()
					}
				}
			}
		}
		return n
	}
	eventually(t, func() error {
		if full, lost := count("queue_full"), count("rrl"); full == 0 || full > 100 || lost != 1 {
			return fmt.Errorf("%v datagrams dropped for a full queue, %v by the handler", full, lost)
		}
		return nil
	})
}

// TestOverruns: what the system drops because nobody reads is counted.
func TestOverruns(t *testing.T) {
	if !CanShare {
		t.Skip("the system does not tell")
	}
	l, conns, err := Listen("127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	defer conns[0].Close()
	reg := prometheus.NewPedanticRegistry()
	m, err := resolver.NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	if err := conns[0].SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	New(Options{Sockets: conns, PacketSize: 2048, Metrics: m.Front("dns_udp"), New: func() Handler { return new(echo) }})
	c := dial(t, l.Addr().(*net.TCPAddr).AddrPort())
	for range 200 {
		send(t, c, "%s", make([]byte, 1000))
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "idnode_udp_socket_rcvbuf_errors_total" {
			if n := f.GetMetric()[0].GetCounter().GetValue(); n < 100 || n > 200 {
				t.Errorf("%v datagrams dropped of 200 sent", n)
			}
			return
		}
	}
	t.Error("no such metric")
}

// TestStop: what has arrived when the server stops is answered.
func TestStop(t *testing.T) {
	l, conns, err := Listen("127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := New(Options{Sockets: conns, PacketSize: 2048, New: func() Handler { return new(echo) }})
	c := dial(t, l.Addr().(*net.TCPAddr).AddrPort())
	for i := range 100 {
		send(t, c, "%d", i)
	}
	s.Stop() // before anything is read
	s.Start()
	s.Wait()
	for i := range 100 {
		if got := receive(t, c); got != fmt.Sprint(i) {
			t.Fatalf("got %q, want %d", got, i)
		}
	}
	s.Wait() // again
}

// TestAnswerAddress asks a server on all addresses at one that the route would not answer from.
func TestAnswerAddress(t *testing.T) {
	if !CanShare {
		t.Skip("answers from the address that the route prefers")
	}
	_, at, _ := serve(t, ":0", 2, 0)
	for _, host := range []string{"127.0.0.2", "::1"} {
		c := dial(t, netip.AddrPortFrom(netip.MustParseAddr(host), at.Port()))
		send(t, c, "hello")
		if got := receive(t, c); got != "hello" {
			t.Error(got)
		}
	}
}

// TestTooLong: an answer that no datagram holds is counted as lost, and the others are sent.
func TestTooLong(t *testing.T) {
	l, conns, err := Listen("127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := New(Options{Sockets: conns, PacketSize: 2048, New: func() Handler {
		return handlerFunc(func(w *Writer, p []byte, _ netip.AddrPort) bool {
			b := append(w.Buffer(), p...)
			if p[0] == 'x' {
				b = make([]byte, 1<<16)
			}
			w.Send(b, resolver.Outcome{})
			return true
		})
	}})
	c := dial(t, l.Addr().(*net.TCPAddr).AddrPort())
	for i := range 10 {
		send(t, c, "%c%d", "ax"[i%2], i)
	}
	s.Start()
	defer func() { s.Stop(); s.Wait() }()
	for i := 0; i < 10; i += 2 {
		if got, want := receive(t, c), fmt.Sprintf("a%d", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got more: %v", err)
	}
}

func BenchmarkEcho(b *testing.B) {
	_, at, _ := serve(b, "127.0.0.1:0", 1, 0)
	c := dial(b, at)
	if err := c.SetDeadline(time.Time{}); err != nil {
		b.Fatal(err)
	}
	packet, buf := make([]byte, 64), make([]byte, 64)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		binary.BigEndian.PutUint64(packet, uint64(i))
		if _, err := c.Write(packet); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}
