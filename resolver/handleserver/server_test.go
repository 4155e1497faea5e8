package handleserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

var delegated = identifier.Namespace{
	Scheme: identifier.Handle, Prefix: "88.990.2000", State: identifier.NamespaceActive, Mode: identifier.Delegated,
	Service: &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), UDP: 2641, TCP: 2642},
	Updated: time.Unix(1700000000, 0),
}

// newResolver returns a resolver over the records of the captured server, with its namespaces, one
// that is delegated, one that is suspended, and 88.990 to allocate from.
func newResolver(t testing.TB) *resolver.Resolver {
	t.Helper()
	return resolverOf(t, handletest.Prefixes, handletest.Records(t), "88.990")
}

// resolverOf returns a resolver of records in these namespaces.
func resolverOf(t testing.TB, prefixes []string, records []*identifier.Record, own ...string) *resolver.Resolver {
	t.Helper()
	var b storage.Batch
	put := func(ns identifier.Namespace) {
		t.Helper()
		value, err := storage.EncodeNamespace(&ns)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.NamespaceKey(ns.Key()), value, 0)
	}
	for _, p := range prefixes {
		put(identifier.Namespace{Scheme: identifier.Handle, Prefix: p, State: identifier.NamespaceActive, Mode: identifier.Hosted})
	}
	put(delegated)
	put(identifier.Namespace{Scheme: identifier.Handle, Prefix: "88.990.3000", State: identifier.NamespaceSuspended, Mode: identifier.Hosted})
	for _, r := range records {
		id, err := identifier.Handle.Parse(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		r.Scheme, r.State = identifier.Handle, identifier.Active
		b.Put(storage.RecordKey(id.Key(false)), identifier.AppendRecord(nil, r), 0)
	}
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	if _, err := store.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	namespaces, err := storage.LoadNamespaces(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	o := resolver.Options{Store: store, Namespaces: namespaces, Site: func() []byte { return handletest.Site(t) }}
	for _, name := range own {
		o.Own = append(o.Own, identifier.Key{Scheme: identifier.Handle, Name: name})
	}
	r, err := resolver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// options are those of the captured server.
func options(t testing.TB) Options {
	return Options{
		Resolver: newResolver(t), Site: func() []byte { return handletest.Site(t) },
		Logger: slog.New(slog.DiscardHandler), Admin: newMemory(t),
	}
}

// start serves on a free port until the test ends.
func start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, s)
	return s
}

func serve(t testing.TB, s *Server) {
	t.Helper()
	serveOn(t, s, "127.0.0.1:0")
}

func serveOn(t testing.TB, s *Server, addr string) {
	t.Helper()
	if err := s.Bind(addr); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

func dial(t testing.TB, s *Server, network string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// readMessage reads a message, with its envelope, from a stream.
func readMessage(t testing.TB, c io.Reader) []byte {
	t.Helper()
	head := make([]byte, handle.EnvelopeSize)
	if _, err := io.ReadFull(c, head); err != nil {
		t.Fatal(err)
	}
	e, _, _ := handle.ParseEnvelope(head)
	message := append(head, make([]byte, e.Length)...)
	if _, err := io.ReadFull(c, message[handle.EnvelopeSize:]); err != nil {
		t.Fatal(err)
	}
	return message
}

// readPacket reads a datagram, or nil if none comes.
func readPacket(t testing.TB, c net.Conn, wait time.Duration) []byte {
	t.Helper()
	buf := make([]byte, 1<<16)
	c.SetReadDeadline(time.Now().Add(wait))
	n, err := c.Read(buf)
	if err != nil {
		return nil
	}
	return buf[:n]
}

// replay sends the requests of v and returns the joined answer.
func replay(t *testing.T, s *Server, v handletest.Vector) []byte {
	t.Helper()
	if v.Transport == "http-tunnel" {
		return s.AppendAnswer(t.Context(), nil, v.Request(), netip.Addr{})
	}
	c := dial(t, s, v.Transport)
	for _, p := range v.Requests {
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if v.Transport == "tcp" {
		return readMessage(t, c)
	}
	var got []byte
	for _, want := range v.Responses {
		p := readPacket(t, c, 2*time.Second)
		if len(p) != len(want) {
			t.Fatalf("datagram of %d octets, want %d: %x", len(p), len(want), p)
		}
		got = append(got, p...)
	}
	return got
}

// TestVectors sends what stock clients sent, and wants what they got from Handle.Net.
func TestVectors(t *testing.T) {
	s := start(t, options(t))
	// All captured queries but the certified ones (031, 033 to 038), those of an authenticated
	// session (027 to 030), and malformed ones that have their own test.
	want := strings.Fields(`001 002 003 004 005 006 007 008 009 010 011 012 013 014 015 016 017 018 019 020
		021 022 023 024 025 026 032 039 040 041 042 110 112 114 115 116 117 118 119 122`)
	for _, number := range want {
		v := handletest.Find(t, number)
		t.Run(v.Name, func(t *testing.T) {
			got, want := replay(t, s, v), v.Response()
			if left := int64(expiration(got)) - time.Now().Unix(); left < handle.Lifetime-60 || left > handle.Lifetime {
				t.Errorf("expires in %d s", left)
			}
			v.Blank(got)
			v.Blank(want)
			if !bytes.Equal(got, want) {
				t.Errorf("\n got %x\nwant %x", got, want)
			}
		})
	}
}

// TestParentRegistry answers what was asked of the captured parent registry. 144, of a client that cannot follow referrals, is
// not among it: the reference server asks the other server for it, this one refers all the same.
func TestParentRegistry(t *testing.T) {
	o := options(t)
	homed := []string{"0.na", "0", "0.0", "0.serv", "88", "88.990", "88.991"}
	o.Resolver = resolverOf(t, homed, handletest.RootRecords(t), homed...)
	site := handletest.RootRecords(t)[0].Values[0].Data
	o.Site = func() []byte { return site }
	s := start(t, o)
	for _, number := range []string{"138", "139", "140", "141", "142", "143"} {
		v := handletest.Find(t, number)
		got, want := replay(t, s, v), v.Response()
		v.Blank(got)
		v.Blank(want)
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", v.Name, got, want)
		}
	}
}

func expiration(message []byte) uint32 {
	_, src, _ := handle.ParseEnvelope(message)
	h, _, _ := handle.ParseHeader(src)
	return h.Expiration
}

// TestMalformed wants the response codes of Handle.Net where they make sense, and always the
// request's id, which Handle.Net leaves out.
func TestMalformed(t *testing.T) {
	s := start(t, options(t))
	f := func(number string, op handle.Opcode, code handle.Rcode) {
		t.Helper()
		v := handletest.Find(t, number)
		c := dial(t, s, v.Transport)
		request := v.Request()
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		var got []byte
		if v.Transport == "tcp" {
			c.(*net.TCPConn).CloseWrite()
			got = readMessage(t, c)
		} else {
			got = readPacket(t, c, 2*time.Second)
		}
		e, src, err := handle.ParseEnvelope(got)
		if err != nil {
			t.Errorf("%s: no answer", v.Name)
			return
		}
		m, err := handle.ParseMessage(src)
		if err != nil || m.Header.Rcode != code || m.Header.Opcode != op {
			t.Errorf("%s: code %d, opcode %d, %v; want code %d, opcode %d", v.Name, m.Header.Rcode, m.Header.Opcode, err, code, op)
		}
		if !bytes.Equal(got[8:12], request[8:12]) || e.Version != handle.Latest {
			t.Errorf("%s: request id %08x, version %v", v.Name, e.RequestID, e.Version)
		}
		if _, err := handle.ParseError(m.Body); err != nil {
			t.Errorf("%s: body %x: %v", v.Name, m.Body, err)
		}
	}
	f("098", 0, handle.RcodeProtocolError)   // envelope only
	f("099", 999, handle.RcodeError)         // unknown opcode
	f("100", 0, handle.RcodeProtocolError)   // opcode 0
	f("101", 1, handle.RcodeProtocolError)   // handle of 2 GB
	f("102", 1, handle.RcodeProtocolError)   // handle of negative length
	f("104", 1, handle.RcodeProtocolError)   // message of 300000 octets
	f("105", 0, handle.RcodeProtocolError)   // message of negative length
	f("106", 0, handle.RcodeProtocolError)   // message shorter than a header
	f("107", 1, handle.RcodeProtocolError)   // the end comes within the message
	f("108", 0, handle.RcodeProtocolError)   // and within the envelope
	f("109", 999, handle.RcodeError)         // unknown opcode
	f("111", 0, handle.RcodeSessionFailed)   // encrypted without a session
	f("113", 1, handle.RcodeError)           // a response over TCP
	f("121", 101, handle.RcodeProtocolError) // administration over UDP
}

// TestSilence sends datagrams that must not be answered.
func TestSilence(t *testing.T) {
	s := start(t, options(t))
	query := handletest.Find(t, "001").Request()
	edit := func(fn func(b []byte) []byte) []byte { return fn(bytes.Clone(query)) }
	for name, packet := range map[string][]byte{
		"097, shorter than a request id": handletest.Find(t, "097").Request(),
		"103, shorter than it claims":    handletest.Find(t, "103").Request(),
		"113, a response":                handletest.Find(t, "113").Request(),
		"an answer of ours":              handletest.Find(t, "010").Response(),
		"a piece of a short message":     edit(func(b []byte) []byte { b[15] = 1; return b }),
		"a piece beyond the end":         edit(func(b []byte) []byte { b[18], b[15] = 2, 9; return b }),
		"nothing":                        {},
	} {
		c := dial(t, s, "udp")
		c.Write(packet)
		if p := readPacket(t, c, 50*time.Millisecond); p != nil {
			t.Errorf("%s: %x", name, p)
		}
	}
	// And it is still there.
	c := dial(t, s, "udp")
	c.Write(query)
	if readPacket(t, c, 2*time.Second) == nil {
		t.Error("no answer after that")
	}
}

// TestOperations asks for what is not carried out without an Admin.
func TestOperations(t *testing.T) {
	o := options(t)
	o.Admin = nil
	s := start(t, o)
	f := func(op handle.Opcode, udp, tcp handle.Rcode) {
		t.Helper()
		request := handle.Finish(handle.AppendHandleRequest(handle.Begin(nil), "88.990.1001/item-1"), 0,
			handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, SessionID: 9, RequestID: 5}, handle.Header{Opcode: op, Flags: 0x18100000})
		for network, want := range map[string]handle.Rcode{"udp": udp, "tcp": tcp} {
			c := dial(t, s, network)
			c.Write(request)
			e, src, err := handle.ParseEnvelope(readMessage(t, &packets{Conn: c}))
			m, _ := handle.ParseMessage(src)
			if err != nil || m.Header.Rcode != want || m.Header.Opcode != op || e.SessionID != 9 || e.RequestID != 5 || m.Header.Flags != 0x98100000 {
				t.Errorf("%d over %s: %+v %+v, want code %d", op, network, e, m.Header, want)
			}
		}
	}
	for _, op := range []handle.Opcode{100, 101, 102, 103, 104, 105, 106, 300, 301, 302} {
		f(op, handle.RcodeProtocolError, handle.RcodeOperationDenied)
	}
	for _, op := range []handle.Opcode{201, 400, 401, 402, 1000, 1001, 1002, 1003, 2001} {
		f(op, handle.RcodeOperationDenied, handle.RcodeOperationDenied)
	}
	f(200, handle.RcodeUnableToAuth, handle.RcodeUnableToAuth)
}

// packets makes a stream of datagrams, and of a stream what it is.
type packets struct {
	net.Conn
	rest []byte
}

func (p *packets) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		buf := make([]byte, 1<<16)
		n, err := p.Conn.Read(buf)
		if err != nil {
			return 0, err
		}
		p.rest = buf[:n]
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// TestOutcomes walks every status.
func TestOutcomes(t *testing.T) {
	want := map[resolver.Status]handle.Rcode{
		resolver.Found: 1, resolver.NoValues: 200, resolver.NotFound: 100, resolver.Revoked: 100, resolver.Referral: 303,
		resolver.Suspended: 100, resolver.NotResponsible: 301, resolver.Invalid: 102, resolver.Overloaded: 3, resolver.Failed: 2,
	}
	s, err := New(options(t))
	if err != nil {
		t.Fatal(err)
	}
	request := handletest.Find(t, "001").Request()
	for _, status := range resolver.Statuses() {
		s.resolve = func(context.Context, resolver.Query) resolver.Answer {
			a := resolver.Answer{Status: status, Service: delegated.Service, Namespace: &delegated}
			if status == resolver.Found || status == resolver.NoValues || status == resolver.Revoked {
				a.Record = &identifier.Record{Values: []identifier.Value{{Index: 1, Type: "URL"}}}
				if status != resolver.NoValues {
					a.Record.Values[0].Perms = identifier.PublicRead
				}
			}
			return a
		}
		_, src, _ := handle.ParseEnvelope(s.AppendAnswer(t.Context(), nil, request, netip.Addr{}))
		m, err := handle.ParseMessage(src)
		if err != nil || m.Header.Rcode != want[status] {
			t.Errorf("%v: code %d, %v; want %d", status, m.Header.Rcode, err, want[status])
		}
	}
}

func TestNamespaces(t *testing.T) {
	s := start(t, options(t))
	ask := func(q client.Request) *client.Response {
		t.Helper()
		r, err := client.Resolve(t.Context(), "udp", s.Addr().String(), q)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	f := func(name string, want handle.Rcode) {
		t.Helper()
		if r := ask(client.Request{Handle: name}); r.Code != want {
			t.Errorf("%q: %v, want %v", name, r.Code, want)
		}
	}
	f("88.990.3000/x", handle.RcodeHandleNotFound)        // suspended
	f("88.990.3000", handle.RcodeHandleNotFound)          // and its record
	f("88.990.7777/x", handle.RcodeHandleNotFound)        // ours to allocate
	f("0.NA/88.990.7777", handle.RcodeHandleNotFound)     // and not allocated
	f("0.na/88.990.1001", handle.RcodeSuccess)            // any case
	f("88.9901/x", handle.RcodeServerNotResponsible)      // not below 88.990
	f("0", handle.RcodeServerNotResponsible)              // heartbeat of the idpointer SDK
	f("/", handle.RcodeServerNotResponsible)              // no prefix
	f("88.990.1001/", handle.RcodeHandleNotFound)         // no suffix
	f(" 88.990.1001/x", handle.RcodeServerNotResponsible) // no prefix that can be
	f("88.990.1001/"+strings.Repeat("x", 3000), handle.RcodeHandleNotFound)
	f("99.1/"+strings.Repeat("x", 3000), handle.RcodeServerNotResponsible)

	r := ask(client.Request{Handle: "88.990.2000/anything"})
	if r.Code != handle.RcodePrefixReferral || r.Handle != "" || len(r.Values) != 1 || r.Values[0].Type != "HS_SITE.PREFIX" || r.Values[0].Timestamp != 1700000000 {
		t.Fatalf("referral: %+v", r)
	}
	site, err := handle.ParseSite(r.Values[0].Data)
	if err != nil || site.Servers[0].Addr != delegated.Service.IP || site.Servers[0].Interfaces[0] != (handle.Interface{Type: handle.InterfaceBoth, Protocol: handle.TransportTCP, Port: 2642}) {
		t.Errorf("referral to %+v, %v", site, err)
	}
	for n, want := range map[uint8]handle.Rcode{9: handle.RcodePrefixReferral, 10: handle.RcodeRecursionLimit, 255: handle.RcodeRecursionLimit} {
		far := handle.Finish(handle.AppendResolveRequest(handle.Begin(nil), "88.990.2000/anything", nil, nil), 0,
			handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: 7}, handle.Header{Opcode: handle.OpResolve, Flags: handle.FlagPublicOnly, Recursion: n})
		e, src, err := handle.ParseEnvelope(s.AppendAnswer(t.Context(), nil, far, netip.Addr{}))
		if err != nil {
			t.Fatal(err)
		}
		if m, err := handle.ParseMessage(src[:e.Length]); err != nil || m.Header.Rcode != want || m.Header.Recursion != n {
			t.Errorf("passed on %d times: %v, %v, want %v", n, m.Header.Rcode, err, want)
		}
	}
	if r := ask(client.Request{Handle: "88.990.2000/anything", DoNotRefer: true}); r.Code != handle.RcodeHandleNotFound {
		t.Errorf("do not refer: %v", r.Code)
	}
	for _, name := range []string{"88.990.2000", "0.NA/88.990.2000"} {
		r := ask(client.Request{Handle: name, Types: []string{"HS_SITE"}})
		if r.Code != handle.RcodeSuccess || r.Handle != name || len(r.Values) != 1 || !bytes.Equal(r.Values[0].Data, handle.AppendSite(nil, site)) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestChallenge(t *testing.T) {
	s := start(t, options(t))
	seen := make(map[string]bool)
	for range 3 {
		r, err := client.Resolve(t.Context(), "tcp", s.Addr().String(), client.Request{Handle: "88.990.1001/private-1", Private: true})
		if err != nil || r.Code != handle.RcodeAuthNeeded || len(r.Nonce) != 16 || int32(r.Session) <= 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		seen[fmt.Sprint(r.Nonce, r.Session)] = true
	}
	if len(seen) != 3 {
		t.Errorf("challenges repeat: %v", seen)
	}
	// Only what is asked for counts: here nothing private is.
	r, err := client.Resolve(t.Context(), "tcp", s.Addr().String(), client.Request{Handle: "88.990.1001/private-1", Private: true, Types: []string{"URL"}, Digest: true})
	if err != nil || r.Code != handle.RcodeSuccess || len(r.Values) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestGetSiteInfo(t *testing.T) {
	o := options(t)
	r, err := client.GetSiteInfo(t.Context(), "udp", start(t, o).Addr().String())
	if err != nil || r.Site == nil || r.SiteSerial != handletest.Serial {
		t.Errorf("%+v, %v", r, err)
	}
	o.Site = nil
	r, err = client.GetSiteInfo(t.Context(), "udp", start(t, o).Addr().String())
	if err != nil || r.Code != handle.RcodeOperationDenied {
		t.Errorf("without a site: %+v, %v", r, err)
	}
}

func TestPanic(t *testing.T) {
	s, err := New(options(t))
	if err != nil {
		t.Fatal(err)
	}
	resolve := s.resolve
	s.resolve = func(ctx context.Context, q resolver.Query) resolver.Answer {
		if q.ID.Suffix() == "panic" {
			panic("as asked")
		}
		return resolve(ctx, q)
	}
	serve(t, s)
	for _, network := range []string{"udp", "tcp"} {
		for name, want := range map[string]handle.Rcode{"88.990.1001/panic": handle.RcodeError, "88.990.1001/item-1": handle.RcodeSuccess} {
			r, err := client.Resolve(t.Context(), network, s.Addr().String(), client.Request{Handle: name})
			if err != nil || r.Code != want {
				t.Errorf("%s over %s: %+v, %v", name, network, r, err)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	s, err := New(options(t))
	if err != nil {
		t.Fatal(err)
	}
	s.resolve = func(context.Context, resolver.Query) resolver.Answer {
		v := identifier.Value{Index: 1, Type: "BLOB", Data: make([]byte, 1<<17), Perms: identifier.DefaultPerms}
		return resolver.Answer{Status: resolver.Found, Record: &identifier.Record{Values: []identifier.Value{v, v}}}
	}
	serve(t, s)
	r, err := client.Resolve(t.Context(), "tcp", s.Addr().String(), client.Request{Handle: "88.990.1001/item-1"})
	if err != nil || r.Code != handle.RcodeError || r.Message != textTooLarge {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNew(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("made a server without resolver")
	}
	o := options(t)
	o.Site = func() []byte { return handletest.Site(t)[:30] }
	half, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := half.Bind("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := half.Serve(t.Context()); err == nil {
		t.Error("served half a site")
	}
	half.Shutdown(t.Context())
	s, err := New(options(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context()); err == nil {
		t.Error("served without address")
	}
	if err := s.Bind("no port"); err == nil {
		t.Error("bound to no port")
	}
	if err := s.Bind(start(t, options(t)).Addr().String()); err == nil {
		t.Error("bound to an address in use")
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown of a server that never served: %v", err)
	}
}

// TestDrain shuts down while a query is being answered and another connection is idle.
func TestDrain(t *testing.T) {
	s, err := New(options(t))
	if err != nil {
		t.Fatal(err)
	}
	asked, release := make(chan struct{}), make(chan struct{})
	resolve := s.resolve
	s.resolve = func(ctx context.Context, q resolver.Query) resolver.Answer {
		close(asked)
		<-release
		return resolve(ctx, q)
	}
	if err := s.Bind("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context()) }()
	busy, idle := dial(t, s, "tcp"), dial(t, s, "tcp")
	busy.Write(handletest.Find(t, "002").Request())
	<-asked
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(t.Context()) }()
	if n, err := idle.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("idle connection: %d octets, %v", n, err)
	}
	select {
	case err := <-down:
		t.Fatalf("shut down before the answer: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if got := readMessage(t, busy); len(got) != 292 {
		t.Errorf("answer of %d octets", len(got))
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("still listening")
	}
}

// TestDrainDeadline shuts down against a client that never ends its message.
func TestDrainDeadline(t *testing.T) {
	s, err := New(options(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Bind("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context()) }()
	c := dial(t, s, "tcp")
	c.Write(append(handletest.Find(t, "002").Request(), 2, 11))
	readMessage(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
