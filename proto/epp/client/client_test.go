package client

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/epp/internal/epptest"
	"github.com/idnode/idnode/proto/epp/server"
	"github.com/idnode/idnode/proto/requestsign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what must happen at some time.
const patience = 30 * time.Second

// top is a top-level node to ask.
type top struct {
	t      *testing.T
	reg    *epptest.Registry
	ca     *epptest.Authority
	o      server.Options
	server *server.Server
	addr   string
	stop   func() // ends Serve

	mu      sync.Mutex
	distort func(response []byte) [][]byte
}

func newTop(t *testing.T, change func(*server.Options)) *top {
	t.Helper()
	n := &top{t: t, reg: epptest.NewRegistry(), ca: epptest.NewAuthority(t)}
	n.o = server.Options{TLS: n.ca.Server(), Log: slog.New(slog.DiscardHandler), Distort: func(_ server.Caller, r []byte) [][]byte {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.distort != nil {
			return n.distort(r)
		}
		return [][]byte{r}
	}}
	if change != nil {
		change(&n.o)
	}
	s, err := server.New(n.reg, n.reg, n.o)
	if err != nil {
		t.Fatal(err)
	}
	n.server = s
	n.serve("127.0.0.1:0")
	return n
}

// serve begins to listen, until the test ends or stop is called.
func (n *top) serve(addr string) {
	n.t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		n.t.Fatal(err)
	}
	n.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.server.Serve(ctx, l) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("Serve = %v", err)
		}
	})
	n.t.Cleanup(n.stop)
}

// answerWith has responses distorted from now on.
func (n *top) answerWith(f func([]byte) [][]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.distort = f
}

func (n *top) client(change func(*TLSOptions)) *Client {
	n.t.Helper()
	o := TLSOptions{TLS: n.ca.Client(epptest.Client), Client: epptest.Client, Password: epptest.Password, Timeout: patience}
	if change != nil {
		change(&o)
	}
	c := NewTLS(n.addr, o)
	n.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func (n *top) httpClient() *Client {
	n.t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		n.t.Fatal(err)
	}
	signer, err := requestsign.NewSigner(epptest.App, key)
	if err != nil {
		n.t.Fatal(err)
	}
	verifier := requestsign.NewVerifier(func(app string) []crypto.PublicKey {
		if app != epptest.App {
			return nil
		}
		return []crypto.PublicKey{signer.Public()}
	}, requestsign.Options{})
	web := httptest.NewUnstartedServer(n.server.HTTP(verifier))
	web.TLS = n.ca.Server()
	web.StartTLS()
	n.t.Cleanup(web.Close)
	c, err := NewHTTP(web.URL+"/epp?v=1", HTTPOptions{Signer: signer, Transport: &http.Transport{TLSClientConfig: n.ca.Client(epptest.Client)}, Timeout: patience})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func code(err error) epp.Code {
	e, ok := errors.AsType[*epp.Error](err)
	if !ok {
		return 0
	}
	return e.Code
}

// TestConversation goes from an application to an audited prefix, over either transport.
func TestConversation(t *testing.T) {
	for _, via := range []string{"tls", "http"} {
		t.Run(via, func(t *testing.T) {
			n := newTop(t, nil)
			c := n.client(nil)
			if via == "http" {
				c = n.httpClient()
			}
			converse(t, n, c)
		})
	}
}

func converse(t *testing.T, n *top, c *Client) {
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	g, err := c.Hello(ctx)
	must(err)
	if g.Server != "idnode" || len(g.Objects) != 2 {
		t.Errorf("greeting: %+v", g)
	}
	want := epptest.Enterprise()
	check := epp.CheckEnt{User: epptest.User, CertType: epp.CertCredit, CertCode: want.CreditCode}
	id, err := c.CheckEnt(ctx, check)
	must(err)
	if id != "" {
		t.Errorf("an unknown enterprise is %s", id)
	}
	create := epp.CreateEnt{SHRPrefix: epptest.Prefix, Ent: want}
	id, pending, err := c.CreateEnt(ctx, create)
	must(err)
	if id != "00000001" || !pending {
		t.Errorf("CreateEnt = %s, %v", id, pending)
	}
	if d := cmp.Diff(want, *n.reg.Ents[id]); d != "" {
		t.Errorf("the enterprise arrives as another (-want +got):\n%s", d)
	}
	if _, _, err := c.CreateEnt(ctx, create); code(err) != epp.CodeExists || epp.AsError(err).Element != "entCrCode" {
		t.Errorf("once more: %v", err)
	}
	again, err := c.CheckEnt(ctx, check)
	must(err)
	if again != id {
		t.Errorf("CheckEnt = %s", again)
	}
	some := epp.UpdateEnt{User: epptest.User, EntID: id, Some: &epp.Changes{Website: "https://new.example"}}
	pending, err = c.UpdateEnt(ctx, some)
	must(err)
	want.Website = "https://new.example"
	if d := cmp.Diff(want, *n.reg.Ents[id]); d != "" || pending {
		t.Errorf("changed, pending %v (-want +got):\n%s", pending, d)
	}
	want.LegalPerson.Name = "王五"
	pending, err = c.UpdateEnt(ctx, epp.UpdateEnt{SHRPrefix: epptest.Prefix, EntID: id, All: &want})
	must(err)
	if n.reg.Ents[id].LegalPerson.Name != "王五" || !pending {
		t.Errorf("LegalPerson = %+v, pending %v", n.reg.Ents[id].LegalPerson, pending)
	}
	if _, err := c.UpdateEnt(ctx, epp.UpdateEnt{User: epptest.User, EntID: "9", Some: some.Some}); code(err) != epp.CodeNotExists {
		t.Errorf("an unknown enterprise: %v", err)
	}

	question := epp.CheckPrefix{SHRPrefix: epptest.Prefix, Prefix: "88.1021.7"}
	free, _, err := c.CheckPrefix(ctx, question)
	must(err)
	if !free {
		t.Error("the prefix is not free")
	}
	pending, err = c.CreatePrefix(ctx, epp.CreatePrefix{SHRPrefix: epptest.Prefix, EntID: id, Prefix: "88.1021.7"})
	must(err)
	if !pending {
		t.Error("the prefix is not pending")
	}
	free, reason, err := c.CheckPrefix(ctx, question)
	must(err)
	if free || reason != "the prefix is in use" {
		t.Errorf("CheckPrefix = %v, %q", free, reason)
	}
	if _, err := c.CreatePrefix(ctx, epp.CreatePrefix{SHRPrefix: epptest.Prefix, EntID: id, Prefix: "88.1022.7"}); code(err) != epp.CodeAuthorization {
		t.Errorf("a foreign prefix: %v", err)
	}
	route := epp.Route{IP: netip.MustParseAddr("192.0.2.1"), TCP: 2641, UDP: 2641}
	_, err = c.UpdatePrefix(ctx, epp.UpdatePrefix{SHRPrefix: epptest.Prefix, EntID: id, Prefix: "88.1021.7", All: &route})
	must(err)
	if got := n.reg.Prefixes["88.1021.7"].Route; got != route {
		t.Errorf("Route = %+v", got)
	}

	m, err := c.Poll(ctx)
	must(err)
	if m != nil {
		t.Errorf("a message: %+v", m)
	}
	must(n.reg.Audit("88.1021.7", epp.AuditFailed, "证照不清晰"))
	must(n.reg.Audit("88.1021.7", epp.AuditPassed, ""))
	for left := 1; left >= 0; left-- {
		for range 2 { // told until it is acknowledged
			m, err = c.Poll(ctx)
			must(err)
			if m == nil || m.Count != left+1 || m.Date.IsZero() || m.Text != "audit of 88.1021.7" {
				t.Fatalf("Poll = %+v", m)
			}
		}
		audit, ok := m.Data.(*epp.PrefixAudit)
		if !ok || audit.Prefix != "88.1021.7" || (audit.Result == epp.AuditPassed) != (left == 0) || (audit.Reason == "") != (left == 0) ||
			audit.SvTRID != n.reg.Prefixes["88.1021.7"].By.Server || audit.ClTRID == "" || audit.EntID != id {
			t.Errorf("the message tells %+v", m.Data)
		}
		got, err := c.Ack(ctx, m.ID)
		must(err)
		if got != left {
			t.Errorf("%d are left, want %d", got, left)
		}
	}
	if _, err := c.Ack(ctx, m.ID); code(err) != epp.CodeNotExists {
		t.Errorf("acknowledged once more: %v", err)
	}
	if _, err := c.Do(ctx, &epp.Logout{}); err == nil || code(err) != 0 {
		t.Errorf("Do with a logout: %v", err)
	}
	if _, err := c.Do(ctx, &epp.CheckPrefix{}); code(err) != epp.CodeMissing {
		t.Errorf("an empty question: %v", err)
	}
	must(c.Close(ctx))
	if _, err := c.Poll(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestOneSession: many callers share one session, and each gets its own answer.
func TestOneSession(t *testing.T) {
	n := newTop(t, func(o *server.Options) { o.MaxSessions = 1 })
	c := n.client(nil)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 20 {
				p := fmt.Sprintf("88.1021.%d", 100*i+k)
				if free, _, err := c.CheckPrefix(t.Context(), epp.CheckPrefix{SHRPrefix: epptest.Prefix, Prefix: p}); !free || err != nil {
					t.Errorf("%s: %v %v", p, free, err)
				}
				if _, err := c.CreatePrefix(t.Context(), epp.CreatePrefix{SHRPrefix: epptest.Prefix, EntID: "x" + p, Prefix: p}); code(err) != epp.CodeNotExists {
					t.Errorf("%s: %v", p, err)
				}
			}
		})
	}
	all.Wait()
	other := n.client(nil)
	if _, err := other.Poll(t.Context()); code(err) != epp.CodeSessionLimit {
		t.Errorf("a second session: %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	// The server ends the session before it hears of the next, but another goroutine does so.
	eventually(t, "the place of the session is free again", func() bool {
		_, err := other.Poll(t.Context())
		return err == nil
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestLoginRefused(t *testing.T) {
	n := newTop(t, nil)
	tests := []struct {
		name   string
		change func(*TLSOptions)
		want   epp.Code
	}{
		{"wrong password", func(o *TLSOptions) { o.Password = "wrong-horse" }, epp.CodeAuthentication},
		{"unknown client", func(o *TLSOptions) { o.Client = "nobody" }, epp.CodeAuthentication},
		{"certificate of another", func(o *TLSOptions) { o.TLS = n.ca.Client("SHR-88.9") }, epp.CodeAuthorization},
		{"short password", func(o *TLSOptions) { o.Password = "x" }, epp.CodeRange},
		{"language", func(o *TLSOptions) { o.Language = "fr" }, epp.CodeNoOption},
		{"broken table", func(o *TLSOptions) { o.Client = "broken-1" }, epp.CodeFailed},
		{"no certificate", func(o *TLSOptions) { o.TLS = &tls.Config{RootCAs: n.ca.Pool} }, 0},
		{"foreign certificate", func(o *TLSOptions) {
			o.TLS = epptest.NewAuthority(t).Client(epptest.Client)
			o.TLS.RootCAs = n.ca.Pool
		}, 0},
		{"foreign server", func(o *TLSOptions) { o.TLS = &tls.Config{} }, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := n.client(test.change)
			_, err := c.Poll(t.Context())
			if err == nil || code(err) != test.want || test.want == 0 && !errors.Is(err, ErrNoAnswer) {
				t.Errorf("Poll = %v, want code %d", err, test.want)
			}
		})
	}
	if n.reg.Called("poll") != 0 {
		t.Error("a poll got through")
	}
}

// TestReconnect: the server is restarted; the next command makes a new session.
func TestReconnect(t *testing.T) {
	n := newTop(t, nil)
	c := n.client(nil)
	for range 3 {
		if _, err := c.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.stop()
		n.serve(n.addr)
	}
	n.stop()
	if _, err := c.Poll(t.Context()); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("with the server down: %v", err)
	}
	n.serve(n.addr)
	if _, err := c.Poll(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestBroken: a command that changes something and gets no answer, since the session ends, is not given again; a question is
// asked once more.
func TestBroken(t *testing.T) {
	n := newTop(t, func(o *server.Options) { o.MaxSessions = 16 })
	end, err := epp.Append(nil, &epp.Response{Results: []epp.Result{{Code: epp.CodeFailedClosing}}, SvTRID: "top-1"})
	if err != nil {
		t.Fatal(err)
	}
	var times atomic.Int64 // that a response is lost
	instead := func(r []byte) [][]byte {
		if times.Load() > 0 && strings.Contains(string(r), "Data") {
			times.Add(-1)
			return [][]byte{end}
		}
		return [][]byte{r}
	}
	check := epp.CheckEnt{User: epptest.User, CertType: epp.CertCredit, CertCode: epptest.Enterprise().CreditCode}
	c := n.client(nil)
	n.answerWith(instead)

	times.Store(1)
	_, _, err = c.CreateEnt(t.Context(), epp.CreateEnt{SHRPrefix: epptest.Prefix, Ent: epptest.Enterprise()})
	if got := n.reg.Called("create ent"); !errors.Is(err, ErrNoAnswer) || got != 1 {
		t.Errorf("CreateEnt = %v, carried out %d times", err, got)
	}
	times.Store(1)
	id, err := c.CheckEnt(t.Context(), check)
	if got := n.reg.Called("check ent"); err != nil || id != "00000001" || got != 2 {
		t.Errorf("CheckEnt = %s, %v, carried out %d times", id, err, got)
	}
	times.Store(2)
	_, err = c.CheckEnt(t.Context(), check)
	if got := n.reg.Called("check ent"); !errors.Is(err, ErrNoAnswer) || got != 4 {
		t.Errorf("CheckEnt = %v, carried out %d times", err, got)
	}
}

// TestSilence: no answer within the timeout is an error, and not waited for.
func TestSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := NewTLS(l.Addr().String(), TLSOptions{Client: "client", Password: "password", Timeout: 50 * time.Millisecond})
	if _, err := c.Poll(t.Context()); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("Poll = %v", err)
	}
}

// TestTwice: answers that come twice, as from a server that repeats itself, are each taken once.
func TestTwice(t *testing.T) {
	n := newTop(t, nil)
	c := n.client(nil)
	n.answerWith(func(r []byte) [][]byte { return [][]byte{r, r} })
	for i := range 20 {
		p := fmt.Sprintf("88.1021.%d", i)
		if free, _, err := c.CheckPrefix(t.Context(), epp.CheckPrefix{SHRPrefix: epptest.Prefix, Prefix: p}); err != nil || !free {
			t.Fatalf("%s: %v, %v", p, free, err)
		}
		if _, err := c.CreatePrefix(t.Context(), epp.CreatePrefix{SHRPrefix: epptest.Prefix, EntID: "9", Prefix: p}); code(err) != epp.CodeNotExists {
			t.Fatalf("%s: %v", p, err)
		}
		if _, err := c.Hello(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWrong: what is no answer is an error, and the next command is not led astray by it.
func TestWrong(t *testing.T) {
	ok, err := epp.Append(nil, &epp.Response{Results: []epp.Result{{Code: epp.CodeOK}}, ClTRID: "somebody-else", SvTRID: "top-1"})
	if err != nil {
		t.Fatal(err)
	}
	n := newTop(t, func(o *server.Options) { o.MaxSessions = 16 })
	for name, junk := range map[string][][]byte{
		"no XML":    {[]byte("junk")},
		"other XML": {[]byte("<html/>")},
		"a command": {[]byte(`<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><command><logout/></command></epp>`)},
		"laughs":    {[]byte(`<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>`)},
		"another's": {ok, ok, ok, ok, ok, ok, ok, ok},
	} {
		t.Run(name, func(t *testing.T) {
			c := n.client(nil)
			if _, err := c.Poll(t.Context()); err != nil {
				t.Fatal(err)
			}
			n.answerWith(func([]byte) [][]byte { return junk })
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if name == "a command" { // passed over: the answer may still come
				ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
			}
			_, err := c.CreatePrefix(ctx, epp.CreatePrefix{SHRPrefix: epptest.Prefix, EntID: "9", Prefix: "88.1021.1"})
			if !errors.Is(err, ErrBadAnswer) && (name != "a command" || err == nil) {
				t.Errorf("CreatePrefix = %v", err)
			}
			n.answerWith(nil)
			if _, err := c.Poll(t.Context()); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestContext: a context that ends ends the wait, for the turn and for the answer.
func TestContext(t *testing.T) {
	n := newTop(t, nil)
	c := n.client(nil)
	if _, err := c.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	entered, leave := make(chan bool, 1), make(chan bool)
	var once atomic.Bool
	n.reg.Before = func(string) error {
		if once.CompareAndSwap(false, true) {
			entered <- true
			<-leave
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.Poll(ctx)
		done <- err
	}()
	<-entered
	short, end := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer end()
	if _, err := c.Poll(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another asks: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	close(leave)
	if _, err := c.Poll(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestRun: hellos keep a session that the server would end, and make one where there is none.
func TestRun(t *testing.T) {
	var hellos, logins atomic.Int64
	n := newTop(t, func(o *server.Options) {
		o.Observe = func(verb string, _ epp.Code) {
			switch verb {
			case "hello":
				hellos.Add(1)
			case "login":
				logins.Add(1)
			}
		}
	})
	c := n.client(func(o *TLSOptions) { o.KeepAlive = 10 * time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() { c.Run(ctx); close(done) }()
	eventually(t, "hellos in one session", func() bool { return logins.Load() == 1 && hellos.Load() > 3 })
	n.stop()
	n.serve(n.addr)
	eventually(t, "another session", func() bool { return logins.Load() >= 2 })
	cancel()
	<-done
}

func TestNewHTTP(t *testing.T) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := requestsign.NewSigner("app", key)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"", "top.example", "ftp://top.example/", "http:///x", "%"} {
		if _, err := NewHTTP(url, HTTPOptions{Signer: signer}); err == nil {
			t.Errorf("NewHTTP(%q) takes it", url)
		}
	}
	if _, err := NewHTTP("http://top.example/", HTTPOptions{}); err == nil {
		t.Error("NewHTTP takes no signer")
	}
	// A server that is none of EPP.
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/down":
			http.Error(w, "no", http.StatusBadGateway)
		default:
			w.Write([]byte("<html>hello</html>"))
		}
	}))
	defer web.Close()
	for path, want := range map[string]error{"/moved": ErrNoAnswer, "/down": ErrNoAnswer, "/": ErrBadAnswer} {
		c, err := NewHTTP(web.URL+path, HTTPOptions{Signer: signer})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Poll(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
		c.Close(t.Context())
	}
}
