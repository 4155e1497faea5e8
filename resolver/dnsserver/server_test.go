package dnsserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/internal/udpserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newServer returns a server over the records of populate, bound to nothing.
func newServer(t testing.TB, o Options) (*Server, *prometheus.Registry) {
	t.Helper()
	f, _ := newTestZones(t, ZoneOptions{})
	populate(f)
	reg := prometheus.NewRegistry()
	var err error
	if o.Metrics, err = resolver.NewMetrics(reg); err != nil {
		t.Fatal(err)
	}
	o.Logger = slog.New(slog.DiscardHandler)
	o.Resolver, o.Zone.Apexes = f.zones.resolver, []string{"id.example"}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.zones = f.zones
	return s, reg
}

// serve runs s until the test ends, and then holds the counters to their sum.
func serve(t testing.TB, o Options) *Server {
	t.Helper()
	s, reg := newServer(t, o)
	if err := s.Bind("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-done); err != nil {
			t.Error(err)
		}
		checkSums(t, reg)
	})
	return s
}

// checkSums holds requests to responses and drops, nothing being in flight. Packets that did not become
// requests are dropped for reasons of their own.
func checkSums(t testing.TB, reg *prometheus.Registry) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			n := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			if f.GetName() == "idnode_resolve_dropped_total" {
				for _, l := range m.GetLabel() {
					if l.GetName() == "stage" && l.GetValue() != "request" {
						n = 0
					}
				}
			}
			sums[f.GetName()] += n
		}
	}
	if in, out := sums["idnode_resolve_requests_total"], sums["idnode_resolve_responses_total"]+sums["idnode_resolve_dropped_total"]; in != out {
		t.Errorf("%v requests, %v answered or dropped", in, out)
	}
	if n := sums["idnode_inflight_requests"]; n != 0 {
		t.Errorf("%v requests in flight", n)
	}
}

func (s *Server) address() string { return s.Addr().String() }

func dial(t testing.TB, s *Server, network string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, s.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

// question is a message that asks for the zone's SOA record, with more behind it.
func question(t testing.TB, edit func(*dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion("id.example.", dns.TypeSOA)
	m.Id = 0x1234
	if edit != nil {
		edit(m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func edns(options ...dns.EDNS0) func(*dns.Msg) {
	return func(m *dns.Msg) {
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = options
	}
}

// ask sends raw over UDP and reads the reply; nil is silence.
func ask(t testing.TB, s *Server, raw []byte) *dns.Msg {
	t.Helper()
	c := dial(t, s, "udp")
	c.SetDeadline(time.Now().Add(300 * time.Millisecond))
	c.Write(raw)
	buf := make([]byte, 65535)
	n, err := c.Read(buf)
	if err != nil {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(buf[:n]); err != nil {
		t.Fatalf("%v in %x", err, buf[:n])
	}
	if n > 12 && m.Question != nil && !bytes.Equal(buf[12:12+4], raw[12:12+4]) {
		t.Errorf("another question: %x for %x", buf[:n], raw)
	}
	return m
}

func TestBadInput(t *testing.T) {
	s := serve(t, Options{})
	good := question(t, nil)
	with := func(at int, octets ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], octets)
		return b
	}
	count := func(at int, records ...byte) []byte { return append(with(at, 0, 1), records...) }
	opt := []byte{0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}
	const silence = -1
	tests := []struct {
		name  string
		raw   []byte
		rcode int
	}{
		{"good", good, dns.RcodeSuccess},
		{"no octets", nil, silence},
		{"11 octets", good[:11], silence},
		{"header alone", make([]byte, 12), dns.RcodeFormatError},
		{"response", with(2, 0x80), silence},
		{"status", with(2, 2<<3), dns.RcodeNotImplemented},
		{"notify", with(2, 4<<3), dns.RcodeNotImplemented},
		{"update", with(2, 5<<3), dns.RcodeNotImplemented},
		{"notify cut short", with(2, 4<<3)[:14], dns.RcodeNotImplemented},
		{"no question", with(4, 0, 0), dns.RcodeFormatError},
		{"two questions", with(4, 0, 2), dns.RcodeFormatError},
		{"65535 questions", with(4, 0xff, 0xff), dns.RcodeFormatError},
		{"65535 answers", with(6, 0xff, 0xff), dns.RcodeFormatError},
		{"an additional record that is not there", with(10, 0, 1), dns.RcodeFormatError},
		{"octets behind the end", append(bytes.Clone(good), 0), dns.RcodeFormatError},
		{"no class", good[:len(good)-2], dns.RcodeFormatError},
		{"name without an end", good[:18], dns.RcodeFormatError},
		{"label of 64 octets", with(12, 64), dns.RcodeFormatError},
		{"label type 2", with(12, 0x80), dns.RcodeFormatError},
		{"question that points at itself", with(12, 0xc0, 12), dns.RcodeFormatError},
		{"question that points forward", with(12, 0xc0, 20), dns.RcodeFormatError},
		{"question that points into the header", with(12, 0xc0, 0), dns.RcodeFormatError},
		{"record that points at itself", count(10, 0xc0, byte(len(good)), 0, 1, 0, 1, 0, 0, 0, 0, 0, 0), dns.RcodeFormatError},
		{"record in a loop", count(10, 1, 'a', 0xc0, byte(len(good)), 0, 1, 0, 1, 0, 0, 0, 0, 0, 0), dns.RcodeFormatError},
		{"record that points to the question", count(10, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0), dns.RcodeSuccess},
		{"record longer than the message", count(10, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0xff, 0xff), dns.RcodeFormatError},
		{"name of 256 octets", append(append(append(good[:12:12], bytes.Repeat(append([]byte{63}, make([]byte, 63)...), 3)...),
			append([]byte{62}, make([]byte, 62)...)...), 0, 0, 1, 0, 1), dns.RcodeFormatError},
		{"EDNS", count(10, opt...), dns.RcodeSuccess},
		{"two OPT records", append(append(with(10, 0, 2), opt...), opt...), dns.RcodeFormatError},
		{"OPT among the answers", count(6, opt...), dns.RcodeFormatError},
		{"OPT with a name", count(10, append([]byte{1, 'a'}, opt...)...), dns.RcodeFormatError},
		{"option longer than the record", count(10, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 3, 0, 1), dns.RcodeFormatError},
		{"EDNS version 1", count(10, 0, 0, 41, 4, 208, 0, 1, 0, 0, 0, 0), dns.RcodeBadVers},
		{"unknown option", question(t, edns(&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")})), dns.RcodeSuccess},
		{"cookie of 7 octets", question(t, edns(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "01020304050607"})), dns.RcodeFormatError},
		{"server cookie of 7 octets", question(t, edns(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("01", 15)})), dns.RcodeFormatError},
		{"cookie of 41 octets", question(t, edns(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("01", 41)})), dns.RcodeFormatError},
		{"TSIG", question(t, func(m *dns.Msg) { m.SetTsig("key.", dns.HmacSHA256, 300, 1) }), dns.RcodeNotAuth},
		{"type OPT", question(t, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeOPT }), dns.RcodeFormatError},
		{"type MAILA", question(t, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeMAILA }), dns.RcodeNotImplemented},
		{"AXFR", question(t, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAXFR }), dns.RcodeRefused},
		{"IXFR", question(t, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeIXFR }), dns.RcodeRefused},
		{"class HESIOD", question(t, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassHESIOD }), dns.RcodeRefused},
		{"class ANY", question(t, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassANY }), dns.RcodeRefused},
		{"version.bind", question(t, func(m *dns.Msg) {
			m.Question[0] = dns.Question{Name: "version.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}
		}), dns.RcodeRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := ask(t, s, tt.raw)
			if m == nil {
				if tt.rcode != silence {
					t.Error("no reply")
				}
				return
			}
			if m.Rcode != tt.rcode || m.Id != binary.BigEndian.Uint16(tt.raw) || !m.Response || m.RecursionAvailable ||
				m.RecursionDesired != (tt.raw[2]&1 != 0) || m.Opcode != int(tt.raw[2]>>3&15) {
				t.Errorf("got %v", m)
			}
		})
	}
	for _, port := range []uint16{0, 7, 19} {
		from := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)
		if sent := udpserver.Try(s.newPackets(), good, from); len(sent) > 0 {
			t.Errorf("replied to port %d", port)
		}
	}
}

// TestHeader: the question comes back as it was written, and so do the bits that belong to the asker.
func TestHeader(t *testing.T) {
	s := serve(t, Options{NSID: "node 7"})
	c := dial(t, s, "udp")
	raw := question(t, func(m *dns.Msg) {
		m.Question[0].Name, m.CheckingDisabled, m.AuthenticatedData = "iD.eXaMpLe.", true, true
		m.SetEdns0(4096, true)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}}
	})
	c.Write(raw)
	buf := make([]byte, 1500)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(buf[12:28], raw[12:28]) {
		t.Errorf("question %q for %q", buf[12:28], raw[12:28])
	}
	if binary.BigEndian.Uint16(buf[28:]) != 0xc00c {
		t.Error("the owner does not point at the question")
	}
	m := new(dns.Msg)
	if err := m.Unpack(buf[:n]); err != nil {
		t.Fatal(err)
	}
	if !m.Authoritative || !m.CheckingDisabled || m.AuthenticatedData || m.RecursionAvailable || !m.RecursionDesired || m.Truncated {
		t.Errorf("header %v", m.MsgHdr)
	}
	o := m.IsEdns0()
	if o == nil || !o.Do() || o.UDPSize() != maxUDP || len(o.Option) != 2 || o.Option[0].(*dns.EDNS0_NSID).Nsid != hex.EncodeToString([]byte("node 7")) ||
		len(o.Option[1].(*dns.EDNS0_COOKIE).Cookie) != 48 {
		t.Errorf("OPT %v", o)
	}
	if m := ask(t, s, question(t, nil)); m.IsEdns0() != nil {
		t.Error("OPT that nobody asked with")
	}
	for _, name := range []string{"id.server.", "HOSTNAME.bind."} {
		m := ask(t, s, question(t, func(m *dns.Msg) { m.Question[0] = dns.Question{Name: name, Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS} }))
		if len(m.Answer) != 1 || m.Answer[0].(*dns.TXT).Txt[0] != "node 7" {
			t.Errorf("%s: %v", name, m)
		}
	}
	m = ask(t, s, question(t, func(m *dns.Msg) {
		edns(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"})(m)
		m.Question = nil
	}))
	if m == nil || m.Rcode != dns.RcodeSuccess || m.IsEdns0() == nil || len(m.Question) != 0 {
		t.Errorf("cookie without a question: %v", m)
	}
	m = ask(t, s, question(t, func(m *dns.Msg) { m.Question[0].Name = "elsewhere.example."; edns()(m) }))
	if m.Rcode != dns.RcodeRefused || m.IsEdns0().Option[0].(*dns.EDNS0_EDE).InfoCode != dns.ExtendedErrorCodeNotAuthoritative {
		t.Errorf("extended error: %v", m)
	}
}

// TestPack: what does not fit is left out in its order.
func TestPack(t *testing.T) {
	text := func(name string, n int) (set []dns.RR) {
		for i := range n {
			set = append(set, &dns.TXT{Hdr: header(name, dns.TypeTXT, 60), Txt: []string{fmt.Sprintf("%0100d", i)}})
		}
		return set
	}
	var p packer
	for _, tt := range []struct {
		name                      string
		r                         response
		limit                     int
		tcp                       bool
		answers, extra, extraText int
		tc                        bool
	}{
		{name: "all", r: response{answer: text("a.", 2), extra: text("b.", 2)}, limit: 600, answers: 2, extra: 2},
		{name: "a set of additional records", r: response{authoritative: true, answer: text("a.", 2), extra: append(text("b.", 1), text("c.", 2)...)}, limit: 512, answers: 2, extra: 1},
		{name: "answers", r: response{answer: text("a.", 5)}, limit: 512, tc: true},
		{name: "answers over TCP", r: response{answer: text("a.", 5)}, limit: 512, tcp: true, answers: 4, tc: true},
		{name: "glue", r: response{authority: []dns.RR{&dns.NS{Hdr: header("a.", dns.TypeNS, 1), Ns: "b."}}, extra: text("b.", 5)}, limit: 512, tc: true},
		{name: "text of an error", r: response{answer: text("a.", 3), ede: extended(1, strings.Repeat("x", 200))}, limit: 512, answers: 3},
		{name: "text that fits", r: response{answer: text("a.", 1), ede: extended(1, strings.Repeat("x", 200))}, limit: 512, answers: 1, extraText: 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var q query
			if rcode := q.parse(question(t, edns())); rcode != 0 {
				t.Fatal(rcode)
			}
			out, err := p.pack(&q, &tt.r, &options{ede: tt.r.ede}, nil, tt.limit, tt.tcp)
			if err != nil || len(out) > tt.limit {
				t.Fatal(len(out), err)
			}
			m := new(dns.Msg)
			if err := m.Unpack(out); err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, o := range m.IsEdns0().Option {
				got += len(o.(*dns.EDNS0_EDE).ExtraText)
			}
			if len(m.Answer) != tt.answers || len(m.Extra)-1 != tt.extra || m.Truncated != tt.tc || got != tt.extraText {
				t.Errorf("%d octets of text in %v", got, m)
			}
		})
	}
}

// TestLimits sends a network more than it may have: every second reply is short, and the others are
// dropped, but for those who show cookies.
func TestLimits(t *testing.T) {
	s := serve(t, Options{ResponsesPerSecond: 1})
	c := dial(t, s, "udp")
	raw := question(t, nil)
	buf := make([]byte, 1500)
	var whole, short int
	for range 12 {
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		c.Write(raw)
		n, err := c.Read(buf)
		switch {
		case err != nil:
		case buf[2]&2 != 0 && n <= len(raw):
			short++
		case buf[2]&2 == 0:
			whole++
		}
	}
	if whole < 2 || whole > 4 || short < 4 || short > 5 {
		t.Errorf("%d whole and %d short replies of 12", whole, short)
	}
	cookie := "0102030405060708"
	for _, want := range []int{dns.RcodeBadCookie, dns.RcodeSuccess, dns.RcodeSuccess, dns.RcodeSuccess} {
		m := ask(t, s, question(t, edns(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie})))
		if m == nil || m.Rcode != want {
			t.Fatalf("got %v, want rcode %d", m, want)
		}
		cookie = m.IsEdns0().Option[0].(*dns.EDNS0_COOKIE).Cookie
	}
}

func framed(raw []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...)
}

func readFrame(c io.Reader) (*dns.Msg, error) {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(b)
}

func TestTCP(t *testing.T) {
	s := serve(t, Options{MessageTimeout: time.Second})
	raw := question(t, nil)
	t.Run("pipelined", func(t *testing.T) {
		c := dial(t, s, "tcp")
		c.Write(bytes.Repeat(framed(raw), 100))
		for i := range 100 {
			if m, err := readFrame(c); err != nil || m.Rcode != 0 || len(m.Answer) != 1 {
				t.Fatal(i, m, err)
			}
		}
	})
	t.Run("an octet at a time", func(t *testing.T) {
		c := dial(t, s, "tcp")
		for _, b := range framed(raw) {
			c.Write([]byte{b})
		}
		if m, err := readFrame(c); err != nil || len(m.Answer) != 1 {
			t.Fatal(m, err)
		}
	})
	t.Run("64 KiB of garbage", func(t *testing.T) {
		c := dial(t, s, "tcp")
		garbage := bytes.Repeat([]byte{0x3f, 0xc0, 0x0c}, 21845)
		garbage[2] = 0
		c.Write(framed(garbage))
		if m, err := readFrame(c); err != nil || m.Rcode != dns.RcodeFormatError || m.Id != 0x3fc0 {
			t.Fatal(m, err)
		}
		c.Write(framed(raw)) // the connection is as good as before
		if m, err := readFrame(c); err != nil || len(m.Answer) != 1 {
			t.Fatal(m, err)
		}
	})
	t.Run("keepalive", func(t *testing.T) {
		c := dial(t, s, "tcp")
		c.Write(framed(question(t, edns(&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}))))
		if m, err := readFrame(c); err != nil || m.IsEdns0().Option[0].(*dns.EDNS0_TCP_KEEPALIVE).Timeout != 300 {
			t.Fatal(m, err)
		}
	})
	for name, b := range map[string][]byte{"no octets": {0, 0}, "11 octets": framed(raw[:11]), "half a message": framed(raw)[:20]} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s, "tcp")
			c.Write(b)
			if _, err := readFrame(c); err == nil {
				t.Error("answered")
			} else if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Error("still open")
			}
		})
	}
}

// TestUnreadReplies: a client that never reads is cut off, and others are served meanwhile.
func TestUnreadReplies(t *testing.T) {
	s := serve(t, Options{WriteTimeout: 200 * time.Millisecond})
	c := dial(t, s, "tcp")
	c.SetDeadline(time.Now().Add(30 * time.Second)) // the system's buffers have to fill first
	c.(*net.TCPConn).SetReadBuffer(4096)
	many := bytes.Repeat(framed(question(t, nil)), 20000)
	cut := make(chan error, 1)
	go func() {
		for {
			if _, err := c.Write(many); err != nil {
				cut <- err
				return
			}
		}
	}()
	other := dial(t, s, "tcp")
	other.Write(framed(question(t, nil)))
	if _, err := readFrame(other); err != nil {
		t.Error(err)
	}
	if err := <-cut; err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			t.Error("the server waits for a client that does not read")
		}
	}
}

func TestSilentConnections(t *testing.T) {
	s := serve(t, Options{FirstByteTimeout: 50 * time.Millisecond, MaxConnsPerAddr: 2})
	for range 2 {
		c := dial(t, s, "tcp")
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a silent connection ends with %v", err)
		}
	}

	// The first two of an address are kept for an hour, the third goes at once.
	s = serve(t, Options{FirstByteTimeout: time.Hour, MaxConnsPerAddr: 2})
	for range 2 {
		c := dial(t, s, "tcp")
		c.Write(framed(question(t, nil)))
		if _, err := readFrame(c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dial(t, s, "tcp").Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a third connection of one address ends with %v", err)
	}
}

// TestShutdown: what has arrived is answered, idle connections end at once.
func TestShutdown(t *testing.T) {
	s, _ := newServer(t, Options{})
	if err := s.Bind("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(t.Context()) }()
	idle := dial(t, s, "tcp")
	idle.Write(framed(question(t, nil)))
	if _, err := readFrame(idle); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := errors.Join(s.Shutdown(t.Context()), <-done); err != nil || time.Since(start) > 2*time.Second {
		t.Error(err, time.Since(start))
	}
	if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection ends with %v", err)
	}
}

func TestPanic(t *testing.T) {
	s, reg := newServer(t, Options{})
	s.zones = nil
	x := exchange{s: s, front: s.udp}
	m := new(dns.Msg)
	if err := m.Unpack(x.answer(t.Context(), question(t, edns()), netip.MustParseAddr("192.0.2.1"))); err != nil {
		t.Fatal(err)
	}
	if m.Rcode != dns.RcodeServerFailure || m.IsEdns0() == nil || len(m.Question) != 1 {
		t.Errorf("got %v", m)
	}
	checkSums(t, reg)
}

func TestOptions(t *testing.T) {
	good, _ := newServer(t, Options{})
	for want, o := range map[string]Options{
		"needs a resolver": {}, "needs an apex": {Resolver: good.o.Resolver},
		"cookie secret": {Resolver: good.o.Resolver, Zone: good.o.Zone, CookieSecret: []byte("short")},
		"nsid":          {Resolver: good.o.Resolver, Zone: good.o.Zone, NSID: strings.Repeat("x", 129)},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// FuzzMessage: whatever comes, the reply is a message within its limit with the same id.
func FuzzMessage(f *testing.F) {
	s, _ := newServer(f, Options{NSID: strings.Repeat("n", MaxNSID)})
	f.Add(question(f, nil))
	f.Add(question(f, edns(&dns.EDNS0_NSID{Code: dns.EDNS0NSID}, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"})))
	f.Add(question(f, func(m *dns.Msg) { m.SetTsig("key.", dns.HmacSHA256, 300, 1) }))
	f.Add(append(question(f, nil), 0xc0, 12))
	f.Add(unhex(f, "30300130000100000000000100303030300000fa3030303030300000")) // TSIG without data
	udp, tcp := exchange{s: s}, exchange{s: s, tcp: true}
	addr := netip.MustParseAddr("192.0.2.1")
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) < headerSize || msg[2]&0x80 != 0 {
			return
		}
		for _, x := range []*exchange{&udp, &tcp} {
			out := x.reply(t.Context(), nil, msg, addr)
			if len(out) < headerSize || len(out) > x.limit() || !bytes.Equal(out[:2], msg[:2]) || out[2]&0x80 == 0 {
				t.Fatalf("%x for %x", out, msg)
			}
			if x.r.status == resolver.Failed {
				t.Fatalf("failed at %x", msg)
			}
			if err := new(dns.Msg).Unpack(out); err != nil {
				t.Fatalf("%v: %x for %x", err, out, msg)
			}
		}
	})
}

func BenchmarkUDPAnswer(b *testing.B) {
	s, _ := newServer(b, Options{})
	x := exchange{s: s, front: s.udp}
	for name, raw := range map[string][]byte{
		"apex":     question(b, nil),
		"edns":     question(b, edns(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"})),
		"nxdomain": question(b, func(m *dns.Msg) { m.Question[0].Name = "nothing.id.example." }),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.answer(b.Context(), raw, netip.MustParseAddr("192.0.2.1"))
			}
		})
	}
}
