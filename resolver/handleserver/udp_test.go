package handleserver

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/internal/budget"
	"github.com/idnode/idnode/resolver/internal/udpserver"
)

// TestFragments sends a request in pieces, out of order, twice, and mixed with another.
func TestFragments(t *testing.T) {
	s := start(t, options(t))
	v := handletest.Find(t, "022")
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 1, 0, 0, 2}} {
		c := dial(t, s, "udp")
		for i, k := range order {
			c.Write(v.Requests[k])
			if i == len(order)-1 {
				break
			}
			c.Write(handletest.Find(t, "001").Request())
			if p := readPacket(t, c, 2*time.Second); len(p) != 292 {
				t.Fatalf("whole request in between: %x", p)
			}
		}
		got := readPacket(t, c, 2*time.Second)
		want := bytes.Clone(v.Response())
		v.Blank(got)
		v.Blank(want)
		if !bytes.Equal(got, want) {
			t.Errorf("order %v:\n got %x\nwant %x", order, got, want)
		}
		if p := readPacket(t, c, 20*time.Millisecond); p != nil {
			t.Errorf("order %v: answered twice", order)
		}
	}
}

func TestFragmentTable(t *testing.T) {
	pieces := handletest.Find(t, "022").Requests
	piece := func(k int, id uint32) (handle.Envelope, []byte) {
		e, payload, err := handle.ParseEnvelope(pieces[k])
		if err != nil {
			t.Fatal(err)
		}
		e.RequestID = id
		return e, payload
	}
	var f fragments
	now := time.Now()
	add := func(from string, k int, id uint32) bool {
		t.Helper()
		e, payload := piece(k, id)
		s, err := f.add(now, netip.MustParseAddrPort(from), e, payload)
		if err != nil {
			t.Fatal(err)
		}
		return s != nil
	}
	used := func() (n int) {
		for i := range f.slots {
			if !f.slots[i].started.IsZero() {
				n++
			}
		}
		return n
	}
	rest := func(from string, id uint32) bool {
		t.Helper()
		return !add(from, 0, id) && add(from, 2, id)
	}

	add("192.0.2.1:1000", 1, 7)
	if add("192.0.2.1:1001", 0, 7) || add("192.0.2.1:1001", 2, 7) {
		t.Error("pieces from two ports made a request")
	}
	if !rest("192.0.2.1:1000", 7) {
		t.Error("the request did not get whole")
	}
	now = now.Add(fragmentExpiry + 1)
	add("192.0.2.9:1", 1, 1)
	if used() != 1 {
		t.Errorf("%d slots in use after the expiry, want 1", used())
	}
	for id := range uint32(100) {
		now = now.Add(time.Microsecond)
		add("192.0.2.2:1000", 1, id)
	}
	if used() != 1+sourceSlots {
		t.Errorf("%d slots in use after a flood from one address, want %d", used(), 1+sourceSlots)
	}
	for i := range fragmentSlots {
		now = now.Add(time.Microsecond)
		add(fmt.Sprintf("198.51.100.%d:1", i), 1, 1)
	}
	if used() != fragmentSlots {
		t.Errorf("%d slots in use after a flood, want %d", used(), fragmentSlots)
	}
	if add("192.0.2.9:1", 0, 1) || add("192.0.2.9:1", 2, 1) {
		t.Error("the oldest did not give way")
	}
	if !rest("198.51.100.63:1", 1) {
		t.Error("the newest gave way")
	}
	e, _ := piece(0, 3)
	if _, err := f.add(now, netip.MustParseAddrPort("192.0.2.3:1"), e, []byte("short")); err == nil {
		t.Error("took a piece that is too short")
	}
}

// TestBusy asks for so much that the budget ends.
func TestBusy(t *testing.T) {
	o := options(t)
	o.UDPBytesPerSecond, o.UDPBurst = 1, 8000
	reg := prometheus.NewRegistry()
	m, err := resolver.NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	o.Metrics = m
	s := start(t, o)
	c := dial(t, s, "udp")
	var codes []handle.Rcode
	for id := range uint32(20) {
		c.Write(query(id, "88.990.1001/big-1")) // 2877 octets beyond what is free
		for {
			p := readPacket(t, c, 50*time.Millisecond)
			e, src, err := handle.ParseEnvelope(p)
			if err != nil {
				break
			}
			if h, _, _ := handle.ParseHeader(src); e.Sequence == 0 {
				if e.RequestID != id || h.Opcode != handle.OpResolve {
					t.Errorf("request %d: %+v %+v", id, e, h)
				}
				if h.Rcode == handle.RcodeServerTooBusy && len(p) != busyLen {
					t.Errorf("excuse of %d octets", len(p))
				}
				codes = append(codes, h.Rcode)
			}
		}
	}
	want := append([]handle.Rcode{1, 1}, bytesOf(handle.RcodeServerTooBusy, 8000/budget.BusyShare/busyLen)...)
	if fmt.Sprint(codes) != fmt.Sprint(want) {
		t.Errorf("codes %v, want %v", codes, want)
	}
	c.Write(handletest.Find(t, "009").Request()) // a small answer is always free
	if readPacket(t, c, time.Second) == nil {
		t.Error("no small answer")
	}
	expect := `
# HELP idnode_rrl_slipped_total Requests that got a short answer which sends the client elsewhere, because its network has had its share.
# TYPE idnode_rrl_slipped_total counter
idnode_rrl_slipped_total{proto="handle_tcp"} 0
idnode_rrl_slipped_total{proto="handle_udp"} BUSY
idnode_rrl_slipped_total{proto="http"} 0
`
	busy := len(want) - 2
	if err := testutil.GatherAndCompare(reg, strings.NewReader(strings.ReplaceAll(expect, "BUSY", fmt.Sprint(busy))), "idnode_rrl_slipped_total"); err != nil {
		t.Error(err)
	}
	if n := dropped(t, reg, "rrl"); int(n) != 18-busy {
		t.Errorf("%v requests left without an answer, want %d", n, 18-busy)
	}
}

// dropped is how many requests were dropped for a reason.
func dropped(t *testing.T, reg *prometheus.Registry, reason string) (n float64) {
	t.Helper()
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

func bytesOf(c handle.Rcode, n int) (all []handle.Rcode) {
	for range n {
		all = append(all, c)
	}
	return all
}

// TestAnswerAddress asks a server on all addresses at one that the route would not answer from.
func TestAnswerAddress(t *testing.T) {
	if !udpserver.CanShare {
		t.Skip("answers from the address that the route prefers")
	}
	s, err := New(options(t))
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, s, ":0")
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.2:%d", s.Addr().(*net.TCPAddr).Port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write(handletest.Find(t, "011").Request())
	for range 2 {
		if readPacket(t, c, 2*time.Second) == nil {
			t.Fatal("no answer from the address asked")
		}
	}
}

// TestSystemPort: nonsense from a port of servers is not answered, a question is.
func TestSystemPort(t *testing.T) {
	p := unbound(t)
	f := func(number string, port uint16, want bool) {
		t.Helper()
		from := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		if got := len(udpserver.Try(p, handletest.Find(t, number).Request(), from)) > 0; got != want {
			t.Errorf("vector %s from port %d: answered %v, want %v", number, port, got, want)
		}
	}
	f("098", 53, false)
	f("098", 5353, true)
	f("001", 53, true)
	f("001", 0, false)
}

// unbound returns what answers datagrams, of a server that has no socket.
func unbound(t testing.TB) *datagrams {
	t.Helper()
	s, err := New(options(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.loadSite(); err != nil {
		t.Fatal(err)
	}
	p := s.newDatagrams()
	p.start = time.Now()
	return p
}

// TestMetrics counts one question and one piece of nonsense.
func TestMetrics(t *testing.T) {
	o := options(t)
	reg := prometheus.NewRegistry()
	m, err := resolver.NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	o.Metrics = m
	s := start(t, o)
	for _, number := range []string{"009", "101"} {
		c := dial(t, s, "udp")
		c.Write(handletest.Find(t, number).Request())
		if readPacket(t, c, 2*time.Second) == nil {
			t.Fatal("no answer")
		}
	}
	expect := `
# HELP idnode_resolve_requests_total Resolution requests taken up.
# TYPE idnode_resolve_requests_total counter
idnode_resolve_requests_total{op="malformed",proto="handle_udp",scheme="other"} 1
idnode_resolve_requests_total{op="resolve",proto="handle_udp",scheme="handle"} 1
# HELP idnode_resolve_responses_total Resolution requests answered, by outcome and by where the answer came from.
# TYPE idnode_resolve_responses_total counter
idnode_resolve_responses_total{code="failed",proto="handle_tcp",scheme="other",source="none"} 0
idnode_resolve_responses_total{code="failed",proto="handle_udp",scheme="other",source="none"} 0
idnode_resolve_responses_total{code="failed",proto="http",scheme="other",source="none"} 0
idnode_resolve_responses_total{code="invalid",proto="handle_udp",scheme="other",source="none"} 1
idnode_resolve_responses_total{code="not_found",proto="handle_udp",scheme="handle",source="store"} 1
idnode_resolve_responses_total{code="overloaded",proto="handle_tcp",scheme="other",source="none"} 0
idnode_resolve_responses_total{code="overloaded",proto="handle_udp",scheme="other",source="none"} 0
idnode_resolve_responses_total{code="overloaded",proto="http",scheme="other",source="none"} 0
`
	for try := 0; ; try++ { // what is answered is counted a moment later
		err := testutil.GatherAndCompare(reg, strings.NewReader(expect), "idnode_resolve_requests_total", "idnode_resolve_responses_total")
		if err == nil {
			break
		}
		if try == 100 {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// FuzzPacket: whatever arrives, the answer is a message with the request's id that is a response,
// and never longer than the budget lets through.
func FuzzPacket(f *testing.F) {
	for _, v := range handletest.Vectors(f) {
		for _, p := range v.Requests {
			f.Add(p)
		}
		for _, p := range v.Responses {
			f.Add(p)
		}
	}
	p := unbound(f)
	from := netip.MustParseAddrPort("127.0.0.1:40000")
	f.Fuzz(func(t *testing.T, packet []byte) {
		packet = packet[:min(len(packet), handle.EnvelopeSize+maxUDPRequest)] // as the socket cuts it
		if sent := udpserver.Try(p, packet, from); len(sent) == 1 {
			check(t, sent[0], packet)
		}
		check(t, p.s.AppendAnswer(t.Context(), nil, packet, netip.Addr{}), packet)
	})
}

func check(t *testing.T, out, packet []byte) {
	t.Helper()
	e, src, err := handle.ParseEnvelope(out)
	if err != nil || int(e.Length) != len(src) {
		t.Fatalf("answer %x: %v", out, err)
	}
	m, err := handle.ParseMessage(src)
	if err != nil || m.Header.Rcode == handle.RcodeRequest {
		t.Errorf("answer %x: %v", out, err)
	}
	if len(packet) >= handle.EnvelopeSize && !bytes.Equal(out[8:12], packet[8:12]) {
		t.Errorf("answer %x to %x", out, packet)
	}
}
