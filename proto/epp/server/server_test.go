package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"go.uber.org/goleak"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/epp/internal/epptest"
	"github.com/idnode/idnode/proto/epp/server"
	"github.com/idnode/idnode/proto/requestsign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// top is a server over TLS.
type top struct {
	t    *testing.T
	reg  *epptest.Registry
	ca   *epptest.Authority
	s    *server.Server
	addr string
	stop func()
}

func newTop(t *testing.T, change func(*server.Options)) *top {
	t.Helper()
	n := &top{t: t, reg: epptest.NewRegistry(), ca: epptest.NewAuthority(t)}
	o := server.Options{TLS: n.ca.Server(), Log: slog.New(slog.DiscardHandler), Name: "bms.top.example", Languages: []string{"en", "zh-CN"}}
	if change != nil {
		change(&o)
	}
	s, err := server.New(n.reg, n.reg, o)
	if err != nil {
		t.Fatal(err)
	}
	n.s = s
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// peer speaks to a server by hand.
type peer struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

// dial connects and takes the greeting.
func (n *top) dial() *peer {
	n.t.Helper()
	p := n.connect()
	if g, ok := p.read().(*epp.Greeting); !ok || g.Server != "bms.top.example" {
		n.t.Fatalf("greeting = %+v", g)
	}
	return p
}

func (n *top) connect() *peer {
	n.t.Helper()
	c, err := tls.Dial("tcp", n.addr, n.ca.Client(epptest.Client))
	if err != nil {
		n.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	n.t.Cleanup(func() { c.Close() })
	return &peer{n.t, c, bufio.NewReader(c)}
}

func (p *peer) read() epp.Message {
	p.t.Helper()
	src, err := epp.ReadFrame(p.in, epp.MaxMessage)
	if err != nil {
		p.t.Fatalf("no answer: %v", err)
	}
	m, err := epp.Parse(src)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, src)
	}
	return m
}

// say sends a text in a frame and returns the response.
func (p *peer) say(text string) *epp.Response {
	p.t.Helper()
	if _, err := p.Write(epp.AppendFrame(nil, []byte(text))); err != nil {
		p.t.Fatal(err)
	}
	r, ok := p.read().(*epp.Response)
	if !ok {
		p.t.Fatalf("no response to %.200s", text)
	}
	return r
}

// ended makes sure that the server has closed the connection.
func (p *peer) ended() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.in); err != nil || len(rest) > 0 {
		p.t.Errorf("%d octets follow, %v", len(rest), err)
	}
}

func command(body string) string {
	return `<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><command>` + body + `<clTRID>abc-1</clTRID></command></epp>`
}

func login(client, password, version, lang, object string) string {
	return command("<login><clID>" + client + "</clID><pw>" + password + "</pw><options><version>" + version + "</version><lang>" + lang +
		"</lang></options><svcs><objURI>" + object + "</objURI></svcs></login>")
}

func goodLogin() string {
	return login(epptest.Client, epptest.Password, "1.0", "zh-cn", epp.NamespaceEnt)
}

const check = `<check><prefix:check xmlns:prefix="urn:ietf:params:xml:ns:idis-entprefix-1.0"><prefix:shrPrefix>88.1021</prefix:shrPrefix><prefix:prefix>88.1021.7</prefix:prefix></prefix:check></check>`

// TestOrder walks through a session, and what RFC 5730 says to commands that do not fit in it.
func TestOrder(t *testing.T) {
	n := newTop(t, nil)
	p := n.dial()
	seen := make(map[string]bool)
	f := func(text string, want epp.Code) *epp.Response {
		t.Helper()
		r := p.say(text)
		if r.Code() != want || r.SvTRID == "" || seen[r.SvTRID] {
			t.Errorf("%.300s\n\t%d %s %v, svTRID %s; want %d", text, r.Code(), r.Code(), r.Err(), r.SvTRID, want)
		}
		if strings.Contains(text, "<clTRID>abc-1<") && !strings.Contains(text, "<!") && r.ClTRID != "abc-1" {
			t.Errorf("%.300s\n\tclTRID = %q", text, r.ClTRID)
		}
		seen[r.SvTRID] = true
		return r
	}
	f(command(check), epp.CodeUse)
	f(command(`<poll op="req"/>`), epp.CodeUse)
	f(command("<logout/>"), epp.CodeUse)
	f("junk", epp.CodeSyntax)
	f(command("<frobnicate/>"), epp.CodeUnknownCommand)
	f(command("<info/>"), epp.CodeNoCommand)
	f(login(epptest.Client, epptest.Password, "1.1", "en", epp.NamespaceEnt), epp.CodeVersion)
	f(login(epptest.Client, epptest.Password, "1.0", "fr", epp.NamespaceEnt), epp.CodeNoOption)
	f(login(epptest.Client, epptest.Password, "1.0", "en", "urn:ietf:params:xml:ns:domain-1.0"), epp.CodeNoObject)
	f(strings.Replace(goodLogin(), "</svcs>", "<svcExtension><extURI>urn:x</extURI></svcExtension></svcs>", 1), epp.CodeNoExtension)
	f(login(epptest.Client, "wrong-horse", "1.0", "en", epp.NamespaceEnt), epp.CodeAuthentication)
	f(login("broken-1", epptest.Password, "1.0", "en", epp.NamespaceEnt), epp.CodeFailed)
	f(goodLogin(), epp.CodeOK)
	f(goodLogin(), epp.CodeUse)
	f(command(check), epp.CodeOK)
	f(strings.ReplaceAll(command(check), "idis-entprefix", "prefix"), epp.CodeOK)
	f(strings.ReplaceAll(command(check), "idis-entprefix-1.0", "idis-entprefix-2.0"), epp.CodeNoObject)
	r := f(strings.ReplaceAll(command(check), "88.1021.7", "88.1021/7"), epp.CodeValue)
	if d := r.Results[0].Details; len(d) != 1 || d[0].Element != "prefix" || d[0].Space != epp.NamespacePrefix || d[0].Value != "88.1021/7" || d[0].Reason == "" {
		t.Errorf("details: %+v", d)
	}
	f(strings.ReplaceAll(command(check), "88.1021.7", ""), epp.CodeMissing)
	f(strings.ReplaceAll(command(check), "88.1021.7", strings.Repeat("8", 256)), epp.CodeRange)
	f(command(check+"<extension/>"), epp.CodeNoExtension)
	f(`<!DOCTYPE epp [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`+command("<login>&b;</login>"), epp.CodeSyntax)
	f(`<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><greeting/></epp>`, epp.CodeMissing)
	f(`<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><response><result code="1000"><msg/></result><trID><svTRID>abc</svTRID></trID></response></epp>`, epp.CodeSyntax)
	f(command(`<poll op="ack"/>`), epp.CodeMissing)
	f(command(`<poll op="ack" msgID="7"/>`), epp.CodeNotExists)
	f(command(`<poll op="req"/>`), epp.CodeNoMessages)
	f(`<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><command><poll op="req"/></command></epp>`, epp.CodeNoMessages)
	f(command("<logout/>"), epp.CodeEnding)
	p.ended()
}

// TestFailures: what a handler does wrong is told as a failure without its text, and the session goes on.
func TestFailures(t *testing.T) {
	var log bytes.Buffer
	var seen sync.Map
	n := newTop(t, func(o *server.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.Observe = func(verb string, code epp.Code) { seen.Store(fmt.Sprint(verb, " ", int(code)), true) }
	})
	var next func() error
	n.reg.Before = func(string) error { return next() }
	p := n.dial()
	p.say(goodLogin())
	for name, test := range map[string]struct {
		do   func() error
		want epp.Code
	}{
		"panic":     {func() error { panic("the secret") }, epp.CodeFailed},
		"error":     {func() error { return errors.New("the secret") }, epp.CodeFailed},
		"refusal":   {func() error { return epp.Errorf(epp.CodePolicy, "not today") }, epp.CodePolicy},
		"odd name":  {func() error { return &epp.Error{Code: epp.CodePolicy, Element: "<", Reason: "\x00"} }, epp.CodePolicy},
		"no reason": {func() error { return &epp.Error{Code: epp.CodeStatus} }, epp.CodeStatus},
	} {
		next = test.do
		r := p.say(command(check))
		if r.Code() != test.want || strings.Contains(fmt.Sprintf("%+v", r), "secret") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	next = func() error { return epp.Errorf(epp.CodeFailedClosing, "the end") }
	if r := p.say(command(check)); r.Code() != epp.CodeFailedClosing {
		t.Errorf("the end: %+v", r)
	}
	p.ended()
	n.stop()
	if strings.Count(log.String(), "the secret") < 2 || !strings.Contains(log.String(), "svtrid=") {
		t.Errorf("logged was:\n%s", &log)
	}
	for _, want := range []string{"login 1000", "check prefix 2400", "check prefix 2306", "check prefix 2500"} {
		if _, ok := seen.Load(want); !ok {
			t.Errorf("not observed: %s", want)
		}
	}
}

func TestLoginFailures(t *testing.T) {
	n := newTop(t, nil)
	p := n.dial()
	for range 2 {
		if r := p.say(login(epptest.Client, "wrong-horse", "1.0", "en", epp.NamespaceEnt)); r.Code() != epp.CodeAuthentication {
			t.Errorf("%+v", r)
		}
	}
	if r := p.say(login(epptest.Client, "wrong-horse", "1.0", "en", epp.NamespaceEnt)); r.Code() != epp.CodeAuthClosing {
		t.Errorf("%+v", r)
	}
	p.ended()
}

// TestHostile are peers that keep no rules. Each loses its connection, and the server goes on.
func TestHostile(t *testing.T) {
	const short = 200 * time.Millisecond
	patient := func(*server.Options) {}
	closing := func(p *peer) {
		p.t.Helper()
		if r, ok := p.read().(*epp.Response); !ok || r.Code() != epp.CodeFailedClosing {
			p.t.Errorf("%+v", r)
		}
		p.ended()
	}
	tests := []struct {
		name string
		o    func(*server.Options)
		do   func(n *top)
	}{
		{"huge length", patient, func(n *top) {
			p := n.dial()
			p.Write([]byte("\xff\xff\xff\xff"))
			closing(p)
		}},
		{"length of nothing", patient, func(n *top) {
			p := n.dial()
			p.Write([]byte("\x00\x00\x00\x04"))
			closing(p)
		}},
		{"length below itself", patient, func(n *top) {
			p := n.dial()
			p.Write([]byte("\x00\x00\x00\x00"))
			closing(p)
		}},
		{"a long message before login", patient, func(n *top) {
			p := n.dial()
			p.Write([]byte("\x00\x10\x00\x00"))
			closing(p)
		}},
		{"HTTP", patient, func(n *top) {
			p := n.dial()
			io.WriteString(p, "GET / HTTP/1.1\r\n\r\n")
			closing(p)
		}},
		{"half a frame", patient, func(n *top) {
			p := n.dial()
			io.WriteString(p, "\x00\x00\x00\x20<epp")
			p.Conn.(*tls.Conn).CloseWrite()
			p.ended()
		}},
		{"slow loris", func(o *server.Options) { o.MessageTime = short }, func(n *top) {
			p := n.dial()
			frame := epp.AppendFrame(nil, []byte(goodLogin()))
			go func() {
				for _, c := range frame {
					if _, err := p.Write([]byte{c}); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}()
			closing(p)
		}},
		{"no login", func(o *server.Options) { o.LoginTime = short }, func(n *top) { closing(n.dial()) }},
		{"hellos and no login", func(o *server.Options) { o.LoginTime = short }, func(n *top) {
			p := n.dial()
			hello := epp.AppendFrame(nil, []byte(`<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><hello/></epp>`))
			for {
				p.Write(hello)
				if r, ok := p.read().(*epp.Response); ok {
					if r.Code() != epp.CodeFailedClosing {
						t.Errorf("%+v", r)
					}
					return
				}
			}
		}},
		{"nothing after login", func(o *server.Options) { o.IdleTime = 10 * short }, func(n *top) {
			p := n.dial()
			if r := p.say(goodLogin()); r.Code() != epp.CodeOK {
				t.Errorf("%+v", r)
			}
			closing(p)
		}},
		{"no handshake", func(o *server.Options) { o.HandshakeTime = 5 * short }, func(n *top) {
			c, err := net.Dial("tcp", n.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			if _, err := io.ReadAll(c); err != nil && isTimeout(err) {
				t.Error("the connection stays")
			}
		}},
		{"no TLS", patient, func(n *top) {
			c, err := net.Dial("tcp", n.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			c.Write(epp.AppendFrame(nil, []byte(goodLogin())))
			if _, err := io.ReadAll(c); err != nil && isTimeout(err) {
				t.Error("the connection stays")
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := newTop(t, test.o)
			test.do(n)
			for end := time.Now().Add(patience); ; {
				c, err := tls.Dial("tcp", n.addr, n.ca.Client(epptest.Client))
				if err == nil {
					c.Close()
					return
				}
				if time.Now().After(end) {
					t.Fatalf("the server does not go on: %v", err)
				}
			}
		})
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// TestPlaces: connections beyond the limits are closed, and places become free.
func TestPlaces(t *testing.T) {
	n := newTop(t, func(o *server.Options) { o.MaxPerAddress = 2 })
	first := n.dial()
	n.dial()
	third, err := tls.Dial("tcp", n.addr, n.ca.Client(epptest.Client))
	if err == nil {
		third.Close()
		t.Error("a third connection stays")
	}
	first.Close()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := tls.Dial("tcp", n.addr, n.ca.Client(epptest.Client))
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal("the place does not become free")
		}
	}
}

// TestDrain: a command that is being carried out when the server ends is answered, and idle peers are told.
func TestDrain(t *testing.T) {
	n := newTop(t, nil)
	busy, idle := n.dial(), n.dial()
	busy.say(goodLogin())
	entered, leave := make(chan bool), make(chan bool)
	n.reg.Before = func(string) error { close(entered); <-leave; return nil }
	if _, err := busy.Write(epp.AppendFrame(nil, []byte(command(check)))); err != nil {
		t.Fatal(err)
	}
	<-entered
	ended := make(chan bool)
	go func() { n.stop(); close(ended) }()
	if r, ok := idle.read().(*epp.Response); !ok || r.Code() != epp.CodeFailedClosing {
		t.Errorf("idle: %+v", r)
	}
	close(leave)
	if r, ok := busy.read().(*epp.Response); !ok || r.Code() != epp.CodeOK {
		t.Errorf("busy: %+v", r)
	}
	<-ended
}

// TestCut: a command that takes for ever holds the end up for DrainTime only.
func TestCut(t *testing.T) {
	n := newTop(t, func(o *server.Options) { o.DrainTime = 50 * time.Millisecond })
	p := n.dial()
	p.say(goodLogin())
	entered, leave := make(chan bool), make(chan bool)
	n.reg.Before = func(string) error { close(entered); <-leave; return nil }
	p.Write(epp.AppendFrame(nil, []byte(command(check))))
	<-entered
	go n.stop()
	if rest, err := io.ReadAll(p.in); len(rest) > 0 || err != nil && isTimeout(err) {
		t.Errorf("%d octets, %v", len(rest), err)
	}
	close(leave)
}

func TestNew(t *testing.T) {
	reg := epptest.NewRegistry()
	for _, o := range []server.Options{{Name: "ab"}, {Name: strings.Repeat("a", 65)}, {Name: "a\x00b"}, {Languages: []string{""}}} {
		if _, err := server.New(reg, reg, o); err == nil {
			t.Errorf("New takes %+v", o)
		}
	}
	s, err := server.New(reg, reg, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), l); err == nil {
		t.Error("Serve does without TLS")
	}
}

func TestMailbox(t *testing.T) {
	b := server.Mailbox{Options: server.MailboxOptions{Max: 3}}
	if m, n := b.Poll("a"); m != nil || n != 0 {
		t.Errorf("Poll = %v, %d", m, n)
	}
	var ids []string
	for i := range 3 {
		id, err := b.Put("a", server.Mail{Text: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if _, err := b.Put("a", server.Mail{}); err == nil {
		t.Error("a fourth message is taken")
	}
	if _, err := b.Put("b", server.Mail{Text: "b"}); err != nil {
		t.Errorf("for another client: %v", err)
	}
	if _, err := b.Ack("b", ids[0]); epp.AsError(err).Code != epp.CodeNotExists {
		t.Errorf("another's message: %v", err)
	}
	steps := []struct {
		ack   string
		left  int
		first string
	}{{ids[1], 2, "0"}, {ids[0], 1, "2"}, {ids[2], 0, ""}}
	for _, s := range steps {
		left, err := b.Ack("a", s.ack)
		m, n := b.Poll("a")
		if err != nil || left != s.left || n != s.left || m == nil && s.first != "" || m != nil && m.Text != s.first {
			t.Errorf("Ack(%s) = %d, %v; Poll = %+v, %d", s.ack, left, err, m, n)
		}
	}
	if _, err := b.Ack("a", ids[2]); epp.AsError(err).Code != epp.CodeNotExists {
		t.Errorf("once more: %v", err)
	}
}

// TestHTTP walks over what comes by HTTP: statuses, signatures that are replayed or old, and commands that need a session.
func TestHTTP(t *testing.T) {
	n := newTop(t, nil)
	_, edKey, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	smKey, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(app string, key crypto.Signer) *requestsign.Signer {
		s, err := requestsign.NewSigner(app, key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good, other := sign(epptest.App, smKey), sign("app-x", edKey)
	var mu sync.Mutex
	skew := time.Duration(0)
	verifier := requestsign.NewVerifier(func(app string) []crypto.PublicKey {
		switch app {
		case good.App():
			return []crypto.PublicKey{good.Public()}
		case other.App():
			return []crypto.PublicKey{other.Public()}
		}
		return nil
	}, requestsign.Options{Clock: func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(skew) }})
	web := httptest.NewServer(n.s.HTTP(verifier))
	defer web.Close()

	request := func(s *requestsign.Signer, body string) *http.Request {
		r, err := http.NewRequest(http.MethodPost, web.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", server.MediaType)
		if s != nil {
			if err := s.Sign(r, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	f := func(name string, r *http.Request, status int, want epp.Code) epp.Message {
		t.Helper()
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		src, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != status {
			t.Errorf("%s: status %d, %v", name, answer.StatusCode, err)
		}
		if want == 0 {
			return nil
		}
		m, err := epp.Parse(src)
		if err != nil || answer.Header.Get("Content-Type") != server.MediaType {
			t.Errorf("%s: %v %s", name, err, src)
			return nil
		}
		if r, ok := m.(*epp.Response); ok && r.Code() != want {
			t.Errorf("%s: %d %v, want %d", name, r.Code(), r.Err(), want)
		}
		return m
	}
	f("a check", request(good, command(check)), 200, epp.CodeOK)
	if _, ok := f("a hello", request(good, `<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><hello/></epp>`), 200, epp.CodeOK).(*epp.Greeting); !ok {
		t.Error("a hello has no greeting")
	}
	f("a login", request(good, goodLogin()), 200, epp.CodeUse)
	f("a logout", request(good, command("<logout/>")), 200, epp.CodeUse)
	f("junk", request(good, "junk"), 200, epp.CodeSyntax)
	f("not signed", request(nil, command(check)), 401, epp.CodeAuthentication)
	f("by an application that may not", request(other, command(check)), 403, epp.CodeAuthorization)
	f("by nobody", request(sign("nobody", edKey), command(check)), 401, epp.CodeAuthentication)
	f("with another key", request(sign(epptest.App, edKey), command(check)), 401, epp.CodeAuthentication)

	first := request(good, command(check))
	second := request(nil, command(check))
	second.Header = first.Header.Clone()
	f("first", first, 200, epp.CodeOK)
	f("replayed", second, 401, epp.CodeAuthentication)
	forged := request(good, command(check))
	forged.Body = io.NopCloser(strings.NewReader(strings.Replace(command(check), "88.1021.7", "88.1021.8", 1)))
	f("forged", forged, 401, epp.CodeAuthentication)
	late := request(good, command(check))
	mu.Lock()
	skew = time.Hour
	mu.Unlock()
	f("an hour late", late, 401, epp.CodeAuthentication)
	mu.Lock()
	skew = 0
	mu.Unlock()

	get, _ := http.NewRequest(http.MethodGet, web.URL, nil)
	f("a GET", get, 405, 0)
	plain := request(good, command(check))
	plain.Header.Set("Content-Type", "text/xml")
	f("of another type", plain, 415, 0)
	f("too long", request(good, strings.Repeat(" ", epp.MaxMessage+1)), 413, 0)
	if got := n.reg.Called("check prefix"); got != 2 {
		t.Errorf("carried out %d times, want 2", got)
	}
}
