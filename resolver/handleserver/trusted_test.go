package handleserver

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/handle/trust"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// The results of a trusted query, as flags of its answer.
const (
	unknown   handle.OpFlags = 0
	untrusted                = handle.FlagCheckTrust
	trusted                  = handle.FlagCheckTrust | handle.FlagTrusted
)

// signer signs as a Java client does.
type signer struct {
	alg string
	key crypto.Signer
}

// signers are a root with an RSA key, and two others with SM2 keys.
var signers = sync.OnceValue(func() [3]signer {
	root, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	made := [3]signer{{"RS256", root}}
	for i := 1; i < len(made); i++ {
		key, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		made[i] = signer{"SM2256", key}
	}
	return made
})

type claims map[string]any

// sign makes the data of an HS_SIGNATURE or HS_CERT value.
func (s signer) sign(t testing.TB, c claims) []byte {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	payload, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	input := b64([]byte(`{"alg":"`+s.alg+`"}`)) + "." + b64(payload)
	var signature []byte
	switch k := s.key.(type) {
	case *rsa.PrivateKey:
		digest := sha256.Sum256([]byte(input))
		signature, err = rsa.SignPKCS1v15(nil, k, crypto.SHA256, digest[:])
	case *sm2.PrivateKey:
		signature, err = k.SignWithSM2(rand.Reader, nil, []byte(input))
	}
	if err != nil {
		t.Fatal(err)
	}
	return []byte(input + "." + b64(signature))
}

// certificate is a certificate for holder's key as 300:name by issuer as 300:of, for all handles.
func (s signer) certificate(t testing.TB, of string, holder signer, name string) identifier.Value {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	var jwk map[string]string
	switch k := holder.key.Public().(type) {
	case *rsa.PublicKey:
		jwk = map[string]string{"kty": "RSA", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	default:
		der, err := smx509.MarshalPKIXPublicKey(k)
		if err != nil {
			t.Fatal(err)
		}
		jwk = map[string]string{"kty": "SM2", "d": b64(der)}
	}
	return public(400, trust.TypeCertificate, string(s.sign(t, claims{"sub": "300:" + name, "iss": "300:" + of, "publicKey": jwk,
		"perms": []map[string]string{{"handle": name, "perm": "everything"}}})))
}

func public(index uint32, typ, data string) identifier.Value {
	return identifier.Value{Index: index, Type: typ, Data: []byte(data), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms, Timestamp: 1700000000}
}

// trustNode is a node with a signed record, 88.1/a: the key of 88.1 has signed it, the root's key that one, and the
// certificates are in records of the node.
type trustNode struct {
	*Server
	t                   *testing.T
	store               storage.Store
	root, holder, other signer
	late                atomic.Int64       // how far the server's clock is ahead
	values              []identifier.Value // of 88.1/a, without the signature
}

// newTrustNode starts such a node. change alters its options, which have the root's key in them.
func newTrustNode(t *testing.T, change func(*Options)) *trustNode {
	t.Helper()
	made := signers()
	n := &trustNode{t: t, root: made[0], holder: made[1], other: made[2],
		values: []identifier.Value{public(1, "URL", "https://example.com"), public(2, "EMAIL", "a@example.com")}}
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	var b storage.Batch
	namespaces := []identifier.Namespace{delegated}
	for _, prefix := range []string{"88.1", "88.2", "0.0"} {
		namespaces = append(namespaces, identifier.Namespace{Scheme: identifier.Handle, Prefix: prefix, State: identifier.NamespaceActive, Mode: identifier.Hosted})
	}
	for _, ns := range namespaces {
		value, err := storage.EncodeNamespace(&ns)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.NamespaceKey(ns.Key()), value, 0)
	}
	if _, err := engine.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	known, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	lru, err := cache.NewLRU(cache.Options{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolver.New(resolver.Options{Store: engine, Namespaces: known, Cache: lru, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	n.store = storage.Observe(engine, func(c []storage.Change) { r.Forget(context.Background(), c) })
	o := Options{Resolver: r, Site: func() []byte { return handletest.Site(t) }, Logger: slog.New(slog.DiscardHandler),
		TrustRoots: []trust.Root{{Handle: "0.0/0.0", Key: n.root.key.Public()}}}
	if o.Answers, err = cache.NewAnswers(cache.AnswersOptions{Current: r.Current}); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&o)
	}
	if n.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	n.now = func() time.Time { return time.Now().Add(time.Duration(n.late.Load())) }
	serve(t, n.Server)
	n.put("0.0/0.0", n.root.certificate(t, "0.0/0.0", n.root, "0.0/0.0"))
	n.put("0.NA/88.1", n.root.certificate(t, "0.0/0.0", n.holder, "0.NA/88.1"))
	n.put("88.1/a", append(n.values, n.signature(nil))...)
	return n
}

// put makes values the record of a handle; without values there is none any more.
func (n *trustNode) put(name string, values ...identifier.Value) {
	n.t.Helper()
	id, err := identifier.Handle.Parse(name)
	if err != nil {
		n.t.Fatal(err)
	}
	rec := &identifier.Record{Scheme: identifier.Handle, ID: name, State: identifier.Active, Values: values}
	if len(values) == 0 {
		rec.State = identifier.Revoked
	}
	var b storage.Batch
	key := storage.RecordKey(id.Key(false))
	b.Set(key, identifier.AppendRecord(nil, rec))
	b.Log(storage.Change{Op: storage.OpUpdate, Key: key, Version: 1})
	if _, err := n.store.Apply(n.t.Context(), &b); err != nil {
		n.t.Fatal(err)
	}
}

// signature is the holder's signature over n.values as 88.1/a, with changes of its claims.
func (n *trustNode) signature(changes claims) identifier.Value {
	n.t.Helper()
	return n.signatureOf(n.holder, n.values, changes)
}

func (n *trustNode) signatureOf(by signer, values []identifier.Value, changes claims) identifier.Value {
	n.t.Helper()
	digests, err := trust.DigestValues("SHA-256", values)
	if err != nil {
		n.t.Fatal(err)
	}
	now := time.Now().Unix()
	c := claims{"sub": "88.1/a", "iss": "300:0.NA/88.1", "digests": digests, "nbf": now - 60, "exp": now + 3600, "iat": now}
	for k, v := range changes {
		c[k] = v
	}
	return public(401, trust.TypeSignature, string(by.sign(n.t, c)))
}

// trustQuery is a request for the values of these types.
func trustQuery(flags handle.OpFlags, name string, types ...string) []byte {
	return handle.Finish(handle.AppendResolveRequest(handle.Begin(nil), name, nil, types), 0,
		handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: 7},
		handle.Header{Opcode: handle.OpResolve, Flags: 0x19000000 | flags})
}

// exchange sends a request, in pieces if it is long, and returns the joined answer.
func (n *trustNode) exchange(network string, request []byte) handle.Message {
	n.t.Helper()
	var src []byte
	switch network {
	case "http":
		src = n.AppendAnswer(n.t.Context(), nil, request, netip.Addr{})[handle.EnvelopeSize:]
	case "tcp":
		c := dial(n.t, n.Server, network)
		c.Write(request)
		src = readMessage(n.t, c)[handle.EnvelopeSize:]
	case "udp":
		c := dial(n.t, n.Server, network)
		src = exchangePackets(n.t, c, request)
	}
	m, err := handle.ParseMessage(src)
	if err != nil {
		n.t.Fatalf("over %s: %v", network, err)
	}
	return m
}

func exchangePackets(t *testing.T, c net.Conn, request []byte) (src []byte) {
	t.Helper()
	if pieces := handle.Pieces(len(request) - handle.EnvelopeSize); pieces == 1 {
		c.Write(request)
	} else {
		for k := range pieces {
			c.Write(handle.AppendPiece(nil, request, k))
		}
	}
	parts := make(map[uint32][]byte)
	for got := 0; ; {
		p := readPacket(t, c, 5*time.Second)
		e, payload, err := handle.ParseEnvelope(p)
		if err != nil {
			t.Fatalf("no answer over UDP: %v", err)
		}
		parts[e.Sequence] = payload
		if got += len(payload); got == int(e.Length) {
			break
		}
	}
	for k := range uint32(len(parts)) {
		src = append(src, parts[k]...)
	}
	return src
}

const trustFlags = handle.FlagCheckTrust | handle.FlagTrusted

// want asks for the values of these types over every transport.
func (n *trustNode) want(what string, want handle.OpFlags, name string, types ...string) {
	n.t.Helper()
	for _, network := range []string{"udp", "tcp", "http"} {
		m := n.exchange(network, trustQuery(handle.FlagCheckTrust, name, types...))
		if got := m.Header.Flags & trustFlags; got != want {
			n.t.Errorf("%s over %s: %v with flags %d, want %d", what, network, m.Header.Rcode, got, want)
		}
	}
}

// TestTrusted has a record, or what it stands on, in all sorts of states.
func TestTrusted(t *testing.T) {
	unix := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, c := range []struct {
		name   string
		types  []string
		change func(n *trustNode)
		want   handle.OpFlags
	}{
		{name: "good", want: trusted},
		{name: "the signature not asked for", types: []string{"URL"}, want: trusted},
		{name: "the signature alone", types: []string{"HS_SIGNATURE"}, want: trusted},
		{name: "the signature alone, and wrong", types: []string{"HS_SIGNATURE"}, want: untrusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, n.signatureOf(n.other, n.values, nil))...)
		}},
		{name: "many signatures alone", types: []string{"HS_SIGNATURE"}, want: untrusted, change: func(n *trustNode) {
			values := n.values
			for i := range uint32(9) {
				v := n.signature(nil)
				v.Index += i
				values = append(values, v)
			}
			n.put("88.1/a", values...)
		}},
		{name: "value altered", want: untrusted, change: func(n *trustNode) {
			n.put("88.1/a", public(1, "URL", "https://example.org"), n.values[1], n.signature(nil))
		}},
		{name: "another value altered", types: []string{"EMAIL"}, want: trusted, change: func(n *trustNode) {
			n.put("88.1/a", public(1, "URL", "https://example.org"), n.values[1], n.signature(nil))
		}},
		{name: "value at another index", want: untrusted, change: func(n *trustNode) {
			n.put("88.1/a", public(3, "URL", "https://example.com"), n.values[1], n.signature(nil))
		}},
		{name: "value added", want: untrusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, public(3, "DESC", "x"), n.signature(nil))...)
		}},
		{name: "value of another time", want: trusted, change: func(n *trustNode) {
			v := n.values[0]
			v.Timestamp++
			n.put("88.1/a", v, n.values[1], n.signature(nil))
		}},
		{name: "a signature for each value", want: trusted, change: func(n *trustNode) {
			first, second := n.signatureOf(n.holder, n.values[:1], nil), n.signatureOf(n.holder, n.values[1:], nil)
			second.Index++
			n.put("88.1/a", append(n.values, first, second)...)
		}},
		{name: "another signature that is wrong", want: trusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, n.signature(nil), public(402, trust.TypeSignature, "junk"))...)
		}},
		{name: "private values are not answered", want: trusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, n.signature(nil), identifier.Value{Index: 9, Type: "NOTE", Perms: identifier.AdminRead})...)
		}},
		{name: "good signature is private", want: untrusted, change: func(n *trustNode) {
			v := n.signature(nil)
			v.Index, v.Perms = 402, identifier.AdminRead
			n.put("88.1/a", append(n.values, n.signature(claims{"exp": unix(-time.Minute)}), v)...)
		}},
		{name: "expired", want: untrusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, n.signature(claims{"exp": unix(-time.Minute)}))...)
		}},
		{name: "not yet valid", want: untrusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, n.signature(claims{"nbf": unix(time.Minute)}))...)
		}},
		{name: "other handle", want: untrusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, n.signature(claims{"sub": "88.1/b"}))...)
		}},
		{name: "other key", want: untrusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, n.signatureOf(n.other, n.values, nil))...)
		}},
		{name: "certificate is private", want: untrusted, change: func(n *trustNode) {
			v := n.root.certificate(t, "0.0/0.0", n.holder, "0.NA/88.1")
			v.Perms = identifier.AdminRead
			n.put("0.NA/88.1", v)
		}},
		{name: "certificate gone", want: untrusted, change: func(n *trustNode) { n.put("0.NA/88.1") }},
		{name: "issuer of another node", want: untrusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, n.signature(claims{"iss": "300:88.990.2000/x"}))...)
		}},
		{name: "root not agreed", want: untrusted, change: func(n *trustNode) {
			n.put("0.0/0.0", n.other.certificate(t, "0.0/0.0", n.other, "0.0/0.0"))
			n.put("0.NA/88.1", n.other.certificate(t, "0.0/0.0", n.holder, "0.NA/88.1"))
		}},
		{name: "root's certificate withdrawn", want: untrusted, change: func(n *trustNode) { n.put("0.0/0.0") }},
		{name: "chain of two", want: trusted, change: func(n *trustNode) {
			n.put("0.NA/88.2", n.root.certificate(t, "0.0/0.0", n.other, "0.NA/88.2"))
			n.put("0.NA/88.1", n.other.certificate(t, "0.NA/88.2", n.holder, "0.NA/88.1"))
		}},
		{name: "loop", want: untrusted, change: func(n *trustNode) {
			n.put("0.NA/88.2", n.holder.certificate(t, "0.NA/88.1", n.other, "0.NA/88.2"))
			n.put("0.NA/88.1", n.other.certificate(t, "0.NA/88.2", n.holder, "0.NA/88.1"))
		}},
		{name: "signed by the root", want: trusted, change: func(n *trustNode) {
			n.put("88.1/a", append(n.values, n.signatureOf(n.root, n.values, claims{"iss": "300:0.0/0.0"}))...)
		}},
		{name: "no signature", want: unknown, change: func(n *trustNode) { n.put("88.1/a", n.values...) }},
		{name: "private signature", want: unknown, change: func(n *trustNode) {
			v := n.signature(nil)
			v.Perms = identifier.AdminRead
			n.put("88.1/a", append(n.values, v)...)
		}},
		{name: "no values", types: []string{"DESC"}, want: unknown},
		{name: "no record", change: func(n *trustNode) { n.put("88.1/a") }, want: unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newTrustNode(t, nil)
			if c.change != nil {
				c.change(n)
			}
			n.want("answer", c.want, "88.1/a", c.types...)
		})
	}
}

// TestTrustRoots: without roots nothing is known; a root's certificate may be elsewhere, its key may not.
func TestTrustRoots(t *testing.T) {
	n := newTrustNode(t, func(o *Options) { o.TrustRoots = nil })
	n.want("no roots", unknown, "88.1/a")

	key := signers()[0].key.Public()
	china := func(o *Options) { o.TrustRoots = []trust.Root{{Handle: "88.111.1/0.0", Key: key}} }
	n = newTrustNode(t, china)
	n.want("another root", untrusted, "88.1/a")
	n.put("0.NA/88.1", n.root.certificate(t, "88.111.1/0.0", n.holder, "0.NA/88.1"))
	n.want("a root of another node", trusted, "88.1/a")
	n.put("0.NA/88.1", n.other.certificate(t, "88.111.1/0.0", n.holder, "0.NA/88.1"))
	n.want("a root of another node, with another key", untrusted, "88.1/a")
}

// TestTrustNews: nothing of a result is kept, and nothing of a plain answer is taken for one.
func TestTrustNews(t *testing.T) {
	n := newTrustNode(t, nil)
	in := func(what string, want handle.OpFlags) {
		t.Helper()
		for range 3 { // kept answers are those that were missed before
			for _, network := range []string{"udp", "tcp", "http"} {
				plain := n.exchange(network, trustQuery(0, "88.1/a"))
				if got := plain.Header.Flags & trustFlags; got != 0 {
					t.Errorf("%s: plain answer over %s with flags %d", what, network, got)
				}
				checked := n.exchange(network, trustQuery(handle.FlagCheckTrust, "88.1/a"))
				if got := checked.Header.Flags & trustFlags; got != want {
					t.Errorf("%s: answer over %s with flags %d, want %d", what, network, got, want)
				}
				if !bytes.Equal(plain.Body, checked.Body) {
					t.Errorf("%s: other values over %s", what, network)
				}
				if got := n.exchange(network, trustQuery(handle.FlagTrusted, "88.1/a")).Header.Flags & trustFlags; got != 0 {
					t.Errorf("%s: the flag of an answer in a request over %s: flags %d", what, network, got)
				}
			}
		}
	}
	in("at first", trusted)
	altered := []identifier.Value{public(1, "URL", "https://example.org"), n.values[1], n.signature(nil)}
	n.put("88.1/a", altered...)
	in("altered", untrusted)
	n.put("88.1/a", n.values...)
	in("no longer signed", unknown)
	n.put("88.1/a", append(n.values, n.signature(nil))...)
	in("signed again", trusted)
	certificate := n.root.certificate(t, "0.0/0.0", n.holder, "0.NA/88.1")
	n.put("0.NA/88.1", public(1, "DESC", "x"))
	in("certificate removed", untrusted)
	n.put("0.NA/88.1", certificate)
	in("certificate restored", trusted)
	n.late.Store(int64(2 * time.Hour))
	in("expired meanwhile", untrusted)
}

// TestTrustBusy: without a turn, or when the store fails, values are told and trust is unknown.
func TestTrustBusy(t *testing.T) {
	n := newTrustNode(t, nil)
	for range cap(n.heavy) {
		n.heavy.enter()
	}
	m := n.exchange("tcp", trustQuery(handle.FlagCheckTrust, "88.1/a"))
	if m.Header.Rcode != handle.RcodeSuccess || m.Header.Flags&trustFlags != unknown {
		t.Errorf("busy: %+v", m.Header)
	}
	for range cap(n.heavy) {
		n.heavy.leave()
	}
	n.want("not busy", trusted, "88.1/a")

	a := answerer{s: n.Server}
	for status, want := range map[resolver.Status]handle.OpFlags{resolver.Failed: unknown, resolver.Overloaded: unknown, resolver.Suspended: untrusted} {
		resolve := n.resolve
		a.s = &Server{o: n.o, heavy: n.heavy, now: time.Now, resolve: func(ctx context.Context, q resolver.Query) resolver.Answer {
			if q.ID.String() == "0.NA/88.1" {
				return resolver.Answer{Status: status}
			}
			return resolve(ctx, q)
		}}
		rec := &identifier.Record{Scheme: identifier.Handle, ID: "88.1/a", Values: append(n.values, n.signature(nil))}
		if got := a.trusted(t.Context(), &resolver.Query{}, rec, true); got != want {
			t.Errorf("%v: flags %d, want %d", status, got, want)
		}
		rec.Scheme = identifier.OID
		if got := a.trusted(t.Context(), &resolver.Query{}, rec, true); got != untrusted {
			t.Errorf("another scheme: flags %d", got)
		}
	}
}

// TestTrustPrivate: an answer with a private value is not trusted, even if a signature has its digest.
func TestTrustPrivate(t *testing.T) {
	n := newTrustNode(t, func(o *Options) { o.Admin, o.ServerAdmins = newMemory(t), []identifier.Ref{ref(admin)} })
	private := identifier.Value{Index: 9, Type: "NOTE", Data: []byte("x"), TTL: identifier.DefaultTTL, Perms: identifier.AdminRead}
	values := append(n.values, private)
	n.put("88.1/a", append(values, n.signatureOf(n.holder, values, nil))...)
	n.want("public values", trusted, "88.1/a")

	a := &asker{t: t, s: n.Server}
	for _, c := range []struct {
		types []string
		want  handle.OpFlags
	}{{nil, untrusted}, {[]string{"NOTE"}, untrusted}, {[]string{"URL"}, trusted}} {
		r := a.ask(0, handle.OpResolve, handle.FlagCheckTrust, handle.AppendResolveRequest(nil, "88.1/a", nil, c.types))
		if c.want == untrusted {
			a.want("private", r, handle.RcodeAuthNeeded)
			if got := r.Header.Flags & trustFlags; got != 0 {
				t.Errorf("challenge with flags %d", got)
			}
			r = a.ask(r.SessionID, handle.OpChallengeResponse, 0, answer(t, r, admin, privateKey(t, "admin_rsa")))
		}
		a.want(fmt.Sprint(c.types), r, handle.RcodeSuccess)
		if got := r.Header.Flags & trustFlags; got != c.want {
			t.Errorf("%v: flags %d, want %d", c.types, got, c.want)
		}
	}
}

// TestTrustWork: a check reads so many records and certificates, and no more; over UDP workers make it.
func TestTrustWork(t *testing.T) {
	n := newTrustNode(t, nil)
	s := issuers{resolve: n.resolve}
	for range maxIssuers {
		if values, err := s.lookup(t.Context(), "0.NA/88.1"); err != nil || len(values) != 1 {
			t.Fatalf("%v, %v", values, err)
		}
	}
	if _, err := s.lookup(t.Context(), "0.NA/88.1"); err != trust.ErrChain {
		t.Errorf("one more: %v", err)
	}
	n.put("0.NA/88.2", public(1, "HS_CERT", string(make([]byte, maxIssuerOctets/2+1))))
	s = issuers{resolve: n.resolve}
	for _, want := range []error{nil, trust.ErrChain} {
		if _, err := s.lookup(t.Context(), "0.NA/88.2"); err != want {
			t.Errorf("%d octets: %v, want %v", s.octets, err, want)
		}
	}
	for flags, want := range map[handle.OpFlags]bool{0: false, handle.FlagTrusted: false, handle.FlagCheckTrust: true} {
		e, src, _ := handle.ParseEnvelope(trustQuery(flags, "88.1/a"))
		if got := n.laborious(&e, src); got != want {
			t.Errorf("flags %d: laborious %v", flags, got)
		}
	}
	types := make([]string, 200) // a request in pieces
	for i := range types {
		types[i] = "NOT.THERE"
	}
	n.want("long request", trusted, "88.1/a", append(types, "URL")...)
}

// TestTrustedToken: the idpointer SDK may set flag 4 and add a string behind the types (section 14).
func TestTrustedToken(t *testing.T) {
	n := newTrustNode(t, nil)
	for _, flags := range []handle.OpFlags{0, handle.FlagCheckTrust} {
		plain := n.exchange("tcp", trustQuery(flags, "88.1/a", "URL"))
		request := handle.AppendBytes(handle.AppendResolveRequest(handle.Begin(nil), "88.1/a", nil, []string{"URL"}), "token")
		request = handle.Finish(request, 0, handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: 7},
			handle.Header{Opcode: handle.OpResolve, Flags: 0x19000004 | flags})
		for _, network := range []string{"udp", "tcp"} {
			m := n.exchange(network, request)
			if m.Header.Rcode != handle.RcodeSuccess || m.Header.Flags != plain.Header.Flags || !bytes.Equal(m.Body, plain.Body) {
				t.Errorf("%s: %+v, want %+v", network, m.Header, plain.Header)
			}
		}
	}
}
