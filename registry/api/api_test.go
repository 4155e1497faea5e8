package api_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/api"
	"github.com/idnode/idnode/registry/audit"
	"github.com/idnode/idnode/registry/auth"
	"github.com/idnode/idnode/registry/egress"
	"github.com/idnode/idnode/registry/job"
	"github.com/idnode/idnode/registry/password"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/registry/statistics"
	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/registry/webhook"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
	"github.com/idnode/idnode/storage/pebblestore"
)

// site is a registration API behind a real socket, with keys of an operator and of two enterprises:
// a with 88.100.1, b with 88.100.2.
type site struct {
	t       testing.TB
	url     string
	store   storage.Store
	metrics *prometheus.Registry
	hooks   *webhook.Sender // does not run by itself
	audit   *audit.Log
	queries queryLog
	counts  *statistics.Statistics // does not run by itself
	jobs    *job.Runner            // does not run by itself
	sync    *topsync.Syncer        // does not run by itself
	keys    map[string]string      // "op", "a", "b", "reader" (of a)
	ents    map[string]string      // "a", "b"
}

func eachStore(t *testing.T, test func(t *testing.T, s *site)) {
	t.Run("memstore", func(t *testing.T) { test(t, newSite(t, memstore.New(), registry.Limits{})) })
	t.Run("pebblestore", func(t *testing.T) {
		engine, err := pebblestore.Open(t.TempDir(), pebblestore.Options{CacheBytes: 8 << 20, MemTableBytes: 8 << 20, MinFreeBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		test(t, newSite(t, engine, registry.Limits{}))
	})
}

func newSite(t testing.TB, engine storage.Store, limits registry.Limits) *site {
	t.Helper()
	t.Cleanup(func() { engine.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	store := storage.Observe(engine, func(c []storage.Change) {
		if err := namespaces.Observe(context.Background(), c); err != nil {
			t.Error(err)
		}
	})
	s := &site{t: t, store: store, metrics: prometheus.NewRegistry(), keys: make(map[string]string), ents: make(map[string]string)}
	quiet := slog.New(slog.DiscardHandler)
	secret, err := seal.New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	// Receivers of webhooks are on this machine, at the addresses from 127.0.0.1 to 127.0.0.127.
	rules := registry.WebhookRules{Seal: secret, Egress: &egress.Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/25")}}}
	reg, err := registry.New(registry.Options{
		Store: store, Namespaces: namespaces, Limits: limits, Logger: quiet, Registerer: s.metrics, Webhooks: rules,
		Passwords: password.New(password.Options{Passes: 1, Memory: 64}),
		NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}, {Scheme: identifier.OID, Name: "1.3.6.1.4.1"},
			{Scheme: identifier.Ecode, Name: "10695"}, {Scheme: identifier.GS1, Name: "0695201"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.New(store, auth.Options{Registerer: s.metrics, Registrar: reg, Secret: secret, DayHash: true, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := webhook.New(webhook.Options{Registrar: reg, Store: engine, Namespaces: namespaces, Egress: rules.Egress, Logger: quiet, Registerer: s.metrics})
	if err != nil {
		t.Fatal(err)
	}
	if s.audit, err = audit.New(t.Context(), audit.Options{Store: store, Gather: time.Millisecond, Logger: quiet, Registerer: s.metrics}); err != nil {
		t.Fatal(err)
	}
	if s.counts, err = statistics.New(statistics.Options{Store: store, Gather: time.Millisecond, Logger: quiet, Registerer: s.metrics}); err != nil {
		t.Fatal(err)
	}
	if s.jobs, err = job.New(job.Options{Registrar: reg, Dir: t.TempDir(), Logger: quiet, Registerer: s.metrics}); err != nil {
		t.Fatal(err)
	}
	if s.sync, err = topsync.New(topsync.Options{Store: store, Registrar: reg, Prefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}},
		Targets: []topsync.TargetOptions{{Name: "top", Kind: "test", Target: silentTarget{}, Tables: []string{"T8", "T9"}}}, Logger: quiet, Registerer: s.metrics}); err != nil {
		t.Fatal(err)
	}
	handler, err := api.New(api.Options{Jobs: s.jobs, Sync: s.sync, Registrar: reg, Verifier: verifier, Logins: verifier, Webhooks: hooks, Audit: s.audit, Queries: &s.queries, Statistics: s.counts, Logger: quiet, Registerer: s.metrics})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s.url, s.hooks = server.URL, hooks

	path := filepath.Join(t.TempDir(), "operator.key")
	if err := registry.EnsureOperatorKey(t.Context(), reg, path); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s.keys["op"] = strings.TrimSpace(string(key))
	for name, prefix := range map[string]string{"a": "88.100.1", "b": "88.100.2"} {
		s.ents[name] = s.call("op", "POST", "/v1/enterprises", `{"name":"`+name+`"}`).want(201).field("id")
		s.call("op", "POST", "/v1/prefixes", `{"prefix":"`+prefix+`","enterprise":"`+s.ents[name]+`"}`).want(201)
		s.keys[name] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents[name]+`","role":"writer"}`).want(201).field("key")
	}
	s.keys["reader"] = s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"reader"}`).want(201).field("key")
	return s
}

// answer is what a request got.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   string
}

// call makes a request. headers are "Name: value".
func (s *site) call(who, method, target, body string, headers ...string) *answer {
	s.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+target, r)
	if err != nil {
		s.t.Fatal(err)
	}
	if key, ok := s.keys[who]; ok {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return &answer{s.t, method + " " + target, resp.StatusCode, resp.Header, string(b)}
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("%s: %d %s; want %d", a.what, a.status, a.body, status)
	}
	return a
}

// wantProblem wants a problem of a status and code.
func (a *answer) wantProblem(status int, code string) *answer {
	a.t.Helper()
	a.want(status)
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		a.t.Errorf("%s: content type %q", a.what, ct)
	}
	if got := a.field("code"); got != code {
		a.t.Errorf("%s: code %q, want %q (%s)", a.what, got, code, a.body)
	}
	if got := a.field("status"); got != fmt.Sprint(status) {
		a.t.Errorf("%s: member status %s, want %d", a.what, got, status)
	}
	return a
}

// field is a member of a JSON answer as text; path has dots and numbers.
func (a *answer) field(path string) string {
	a.t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		a.t.Errorf("%s: %v in %q", a.what, err, a.body)
		return ""
	}
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(x) {
				return ""
			}
			v = x[i]
		default:
			return ""
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func body(id, data string) string {
	return fmt.Sprintf(`{"id":%q,"values":[{"index":1,"type":"URL","data":%q}]}`, id, data)
}

// contents is all that the store holds.
func (s *site) contents() map[string]string {
	s.t.Helper()
	all := make(map[string]string)
	err := s.store.Scan(s.t.Context(), storage.Range{Start: []byte{0}, End: []byte{0xFF}}, func(key []byte, item storage.Item) error {
		all[fmt.Sprintf("%q", key)] = fmt.Sprintf("%d %q", item.Version, item.Value)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func TestIdentifierLife(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		const at = "/v1/identifiers?id=88.100.1%2FSN-1"
		a := s.call("a", "POST", "/v1/identifiers", body("88.100.1/SN-1", "one")).want(201)
		if a.header.Get("ETag") != `"1"` || a.field("version") != "1" || a.field("state") != "active" || a.field("created") == "" || a.field("values.0.data") != "one" {
			t.Errorf("create: %v %s", a.header, a.body)
		}
		if loc := a.header.Get("Location"); s.call("a", "GET", loc, "").want(200).body != a.body {
			t.Errorf("what Location %s has is not what was answered", loc)
		}
		s.call("a", "POST", "/v1/identifiers", body("88.100.1/sn-1", "two")).wantProblem(409, "already_exists")
		s.call("a", "PUT", at, body("88.100.1/SN-1", "one")).want(200)
		if got := s.call("a", "GET", at, "").field("version"); got != "1" {
			t.Errorf("PUT of the same content: version %s", got)
		}
		s.call("a", "PUT", at, `{ "values":[{"index":1,"type":"URL","data":"two"}]}`, `If-Match: "1"`).want(200)
		a = s.call("a", "PUT", at, body("88.100.1/SN-1", "three"), `If-Match: "1"`).wantProblem(412, "version_mismatch")
		if a.field("current") != "2" || a.field("expected") != "1" {
			t.Errorf("412: %s", a.body)
		}
		s.call("a", "PUT", at, body("88.100.1/SN-1", "three"), `If-None-Match: *`).wantProblem(412, "version_mismatch")
		s.call("a", "PUT", "/v1/identifiers?id=88.100.1/new", `{"values":[{"index":1,"type":"URL","data":"x"}]}`, `If-None-Match: *`).want(201)
		s.call("a", "PUT", "/v1/identifiers?id=88.100.1/other", body("88.100.1/new", "x")).wantProblem(400, "invalid_request")

		a = s.call("a", "PATCH", at, `{"values":[{"index":2,"type":"DESC","data":"轴承"},{"index":1,"data":"three"}]}`).want(200)
		if a.field("version") != "3" || a.field("values.0.data") != "three" || a.field("values.0.type") != "URL" || a.field("values.1.data") != "轴承" {
			t.Errorf("PATCH: %s", a.body)
		}
		a = s.call("a", "PATCH", at, `{"values":[{"index":1,"delete":true}]}`, `If-Match: "3"`, "Content-Type: application/merge-patch+json").want(200)
		if a.field("values.0.index") != "2" || a.header.Get("ETag") != `"4"` {
			t.Errorf("PATCH that deletes: %s", a.body)
		}
		s.call("a", "PATCH", at, `{"values":[{"index":2,"delete":true}]}`).wantProblem(400, "invalid_value")
		s.call("a", "PATCH", at, `{"values":[{"index":9,"data":"x"}]}`).wantProblem(400, "invalid_value")
		s.call("a", "PATCH", at, `{"values":[{"index":2,"date":"x"}]}`).wantProblem(400, "invalid_request")
		s.call("a", "PATCH", at, `{"value":[]}`).wantProblem(400, "invalid_request")
		s.call("a", "PATCH", "/v1/identifiers?id=88.100.1/never", `{"values":[]}`).wantProblem(404, "not_found")

		s.call("a", "GET", at, "", `If-None-Match: "4"`).want(304)
		s.call("a", "GET", at, "", `If-None-Match: "3", W/"4"`).want(304)
		s.call("a", "GET", at, "", `If-None-Match: "3"`).want(200)
		if got := s.call("a", "GET", at+"&version=1", "").want(200).field("values.0.data"); got != "one" {
			t.Errorf("version 1 has %q", got)
		}
		created := s.call("a", "GET", at+"&version=1", "").field("updated")
		s.call("a", "GET", at+"&at="+url.QueryEscape(created), "").want(200)
		s.call("a", "GET", at+"&at=2001-01-01T00:00:00Z", "").wantProblem(404, "not_found")
		s.call("a", "GET", at+"&version=99", "").wantProblem(404, "not_found")
		s.call("a", "GET", at+"&version=x", "").wantProblem(400, "invalid_request")
		s.call("a", "GET", at+"&at=yesterday", "").wantProblem(400, "invalid_request")

		s.call("a", "DELETE", at+"&successor=///", "").wantProblem(400, "invalid_identifier")
		a = s.call("a", "DELETE", at+"&reason=scrapped&successor=88.100.1/new", "", `If-Match: "4"`).want(200)
		if a.field("state") != "revoked" || a.field("reason") != "scrapped" || a.field("successor") != "88.100.1/new" || a.field("version") != "5" {
			t.Errorf("DELETE: %s", a.body)
		}
		a = s.call("a", "GET", at, "").wantProblem(410, "revoked")
		if a.field("reason") != "scrapped" || a.field("successor") != "88.100.1/new" || a.field("version") != "5" || a.header.Get("ETag") != `"5"` || a.field("updated") == "" {
			t.Errorf("GET of a tombstone: %v %s", a.header, a.body)
		}
		s.call("a", "POST", "/v1/identifiers", body("88.100.1/SN-1", "x")).wantProblem(409, "revoked")
		s.call("a", "PUT", at, body("88.100.1/SN-1", "x")).wantProblem(409, "revoked")
		s.call("a", "POST", "/v1/identifiers:restore", `{"id":"88.100.1/SN-1"}`).want(200)
		s.call("a", "POST", "/v1/identifiers:restore?id=88.100.1/SN-1", "").wantProblem(409, "not_revoked")
		s.call("a", "GET", at, "").want(200)
	})
}

func TestIdempotency(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		in := body("88.100.1/K", "one")
		first := s.call("a", "POST", "/v1/identifiers", in, "Idempotency-Key: k").want(201)
		s.call("a", "PUT", "/v1/identifiers?id=88.100.1/K", body("88.100.1/K", "two")).want(200)
		again := s.call("a", "POST", "/v1/identifiers", in, "Idempotency-Key: k").want(201)
		if again.body != first.body || again.header.Get("ETag") != first.header.Get("ETag") || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("the repeated request got\n%s %v, the first\n%s", again.body, again.header, first.body)
		}
		s.call("a", "POST", "/v1/identifiers", body("88.100.1/K", "other"), "Idempotency-Key: k").wantProblem(422, "idempotency_mismatch")
		batch := `{"operations":[{"op":"create","record":` + body("88.100.1/B", "x") + `}]}`
		first = s.call("a", "POST", "/v1/identifiers:batch", batch, "Idempotency-Key: k").want(200)
		if again = s.call("a", "POST", "/v1/identifiers:batch", batch, "Idempotency-Key: k").want(200); again.body != first.body {
			t.Errorf("the repeated batch got %s, the first %s", again.body, first.body)
		}
		ent := s.call("op", "POST", "/v1/enterprises", `{"name":"x"}`, "Idempotency-Key: k").want(201)
		if got := s.call("op", "POST", "/v1/enterprises", `{"name":"x"}`, "Idempotency-Key: k").want(201); got.field("id") != ent.field("id") {
			t.Errorf("the repeated enterprise is %s, the first %s", got.body, ent.body)
		}
	})
}

// TestLostAnswer drops the connection after the commit; the client's retry gets the first answer.
func TestLostAnswer(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	upstream, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	lost := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Scheme, r.URL.Host, r.RequestURI = "http", upstream.Host, ""
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		lost <- string(b)
		panic(http.ErrAbortHandler)
	}))
	defer proxy.Close()
	req, err := http.NewRequestWithContext(t.Context(), "POST", proxy.URL+"/v1/identifiers", strings.NewReader(body("88.100.1/lost", "x")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.keys["a"])
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "once")
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Fatal("the answer was not lost")
	}
	if again := s.call("a", "POST", "/v1/identifiers", body("88.100.1/lost", "x"), "Idempotency-Key: once").want(201); again.body != <-lost {
		t.Errorf("the retry got another answer: %s", again.body)
	}
}

// TestStrangers has keys of others, and none, try everything on an identifier of a: each is refused,
// and nothing in the store moves.
func TestStrangers(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		const at = "/v1/identifiers?id=88.100.1/X"
		s.call("a", "POST", "/v1/identifiers", `{"id":"88.100.1/X","values":[{"index":1,"type":"URL","data":"open"},{"index":2,"type":"NOTE","data":"secret","perms":"1100"}]}`).want(201)
		s.call("a", "POST", "/v1/identifiers", body("88.100.1/R", "x")).want(201)
		s.call("a", "DELETE", "/v1/identifiers?id=88.100.1/R", "").want(200)
		before := s.contents()
		in := body("88.100.1/X", "stolen")
		for who, want := range map[string]struct {
			status int
			code   string
		}{"b": {403, "not_your_namespace"}, "reader": {403, "forbidden"}, "nobody": {401, "unauthenticated"}} {
			s.call(who, "POST", "/v1/identifiers", body("88.100.1/new", "x")).wantProblem(want.status, want.code)
			s.call(who, "POST", "/v1/identifiers", in, "Idempotency-Key: k").wantProblem(want.status, want.code)
			s.call(who, "PUT", at, in).wantProblem(want.status, want.code)
			s.call(who, "PATCH", at, `{"values":[{"index":1,"data":"x"}]}`).wantProblem(want.status, want.code)
			s.call(who, "DELETE", at, "").wantProblem(want.status, want.code)
			s.call(who, "POST", "/v1/identifiers:restore?id=88.100.1/R", "").wantProblem(want.status, want.code)
			batch := s.call(who, "POST", "/v1/identifiers:batch", `{"operations":[{"op":"create","record":`+body("88.100.1/new", "x")+`},{"op":"replace","record":`+in+
				`},{"op":"merge","id":"88.100.1/X","values":[{"index":1,"data":"x"}]},{"op":"revoke","id":"88.100.1/X"},{"op":"restore","id":"88.100.1/R"}]}`)
			imported := s.call(who, "POST", "/v1/identifiers:import?mode=upsert", in+"\n"+body("88.100.1/new", "x"), "Content-Type: application/x-ndjson")
			if who == "nobody" {
				batch.wantProblem(401, want.code)
				imported.wantProblem(401, want.code)
			} else {
				batch.want(200)
				for i := range 5 {
					if batch.field(fmt.Sprintf("results.%d.code", i)) != want.code || batch.field(fmt.Sprintf("results.%d.status", i)) != "403" {
						t.Errorf("%s: batch row %d: %s", who, i, batch.body)
					}
				}
				if imported.want(200); strings.Count(imported.body, want.code) != 2 || !strings.HasSuffix(imported.body, `{"total":2,"stored":0,"skipped":0,"failed":2}`+"\n") {
					t.Errorf("%s: import: %s", who, imported.body)
				}
			}
			for _, target := range []string{"/v1/enterprises", "/v1/prefixes", "/v1/apikeys", "/v1/prefixes:suspend", "/v1/enterprises/" + s.ents["a"] + ":suspend"} {
				in := map[string]string{
					"/v1/enterprises": `{"name":"x"}`, "/v1/prefixes": `{"enterprise":"` + s.ents["b"] + `"}`, "/v1/apikeys": `{"enterprise":"` + s.ents["a"] + `","role":"writer"}`,
					"/v1/prefixes:suspend": `{"prefix":"88.100.1"}`,
				}[target]
				code := "forbidden"
				if who == "nobody" {
					code = want.code
				}
				s.call(who, "POST", target, in).wantProblem(want.status, code)
			}
		}
		if diff := gocmp.Diff(before, s.contents()); diff != "" {
			t.Errorf("strangers changed the store:\n%s", diff)
		}
		if a := s.call("b", "GET", at, "").want(200); strings.Contains(a.body, "secret") || !strings.Contains(a.body, "open") {
			t.Errorf("b reads %s", a.body)
		}
		if a := s.call("reader", "GET", at, "").want(200); !strings.Contains(a.body, "secret") {
			t.Errorf("a's reader reads %s", a.body)
		}
		if a := s.call("b", "GET", "/v1/identifiers?prefix=88.100.1", "").want(200); a.body != `{"items":[]}` {
			t.Errorf("b lists %s", a.body)
		}
		s.call("b", "GET", "/v1/prefixes?prefix=88.100.1", "").wantProblem(403, "not_your_namespace")
		s.call("b", "GET", "/v1/enterprises/"+s.ents["a"], "").wantProblem(403, "forbidden")
		if a := s.call("nobody", "GET", at, "").wantProblem(401, "unauthenticated"); !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("401 without a challenge: %v", a.header)
		}
	})
}

func TestBadRequests(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{BodyOctets: 10000})
	value := func(v string) string { return `{"id":"88.100.1/X","values":[` + v + `]}` }
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		code, location             string
	}{
		{"not JSON", "POST", "/v1/identifiers", `{"id":`, nil, 400, "invalid_request", "/id"},
		{"unknown member", "POST", "/v1/identifiers", `{"id":"88.100.1/X","value":[]}`, nil, 400, "invalid_request", "/value"},
		{"unknown member of a value", "POST", "/v1/identifiers", value(`{"index":1,"type":"URL","data":"x","tll":1}`), nil, 400, "invalid_request", "/values/0/tll"},
		{"no type", "POST", "/v1/identifiers", value(`{"index":1,"data":"x"}`), nil, 400, "invalid_request", "/values/0/type"},
		{"index 0", "POST", "/v1/identifiers", value(`{"index":0,"type":"URL","data":"x"}`), nil, 400, "invalid_value", "/values/0/index"},
		{"index twice", "POST", "/v1/identifiers", value(`{"index":1,"type":"URL","data":"x"},{"index":1,"type":"URL","data":"x"}`), nil, 400, "invalid_value", "/values/1/index"},
		{"no values", "POST", "/v1/identifiers", value(``), nil, 400, "invalid_value", "/values"},
		{"no identifier", "POST", "/v1/identifiers", `{"id":"?","values":[]}`, nil, 400, "invalid_identifier", "/id"},
		{"no body", "POST", "/v1/identifiers", "", nil, 400, "invalid_request", ""},
		{"large body", "POST", "/v1/identifiers", value(`{"index":1,"type":"URL","data":"` + strings.Repeat("x", 10000) + `"}`), nil, 413, "too_large", ""},
		{"form", "POST", "/v1/identifiers", "id=x", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "unsupported_media_type", "Content-Type"},
		{"other charset", "POST", "/v1/identifiers", value(``), []string{"Content-Type: application/json; charset=gbk"}, 415, "unsupported_media_type", "Content-Type"},
		{"If-Match on create", "POST", "/v1/identifiers", value(``), []string{`If-Match: "1"`}, 400, "invalid_request", "If-Match"},
		{"If-Match of another", "PUT", "/v1/identifiers?id=88.100.1/X", value(``), []string{`If-Match: "abc"`}, 400, "invalid_request", "If-Match"},
		{"If-None-Match of a version", "PUT", "/v1/identifiers?id=88.100.1/X", value(``), []string{`If-None-Match: "1"`}, 400, "invalid_request", "If-None-Match"},
		{"If-Match on nothing", "PUT", "/v1/identifiers?id=88.100.1/X", value(`{"index":1,"type":"URL","data":"x"}`), []string{`If-Match: "1"`}, 412, "version_mismatch", ""},
		{"PUT without id", "PUT", "/v1/identifiers", value(``), nil, 400, "invalid_identifier", "id"},
		{"DELETE of nothing", "DELETE", "/v1/identifiers?id=88.100.1/X", "", nil, 404, "not_found", ""},
		{"GET of nothing", "GET", "/v1/identifiers?id=88.100.1/X", "", nil, 404, "not_found", "id"},
		{"GET of another node's", "GET", "/v1/identifiers?id=20.500.1/X", "", nil, 404, "not_found", "id"},
		{"GET of no identifier", "GET", "/v1/identifiers?id=%00", "", nil, 400, "invalid_identifier", "id"},
		{"list with a bad cursor", "GET", "/v1/identifiers?cursor=x", "", nil, 400, "invalid_cursor", "cursor"},
		{"list of too many", "GET", "/v1/identifiers?limit=5000", "", nil, 400, "invalid_request", "limit"},
		{"list of a bad limit", "GET", "/v1/identifiers?limit=ten", "", nil, 400, "invalid_request", "limit"},
		{"unknown scheme", "GET", "/v1/identifiers?scheme=isbn", "", nil, 400, "invalid_request", "scheme"},
		{"batch without rows", "POST", "/v1/identifiers:batch", `{"operations":[]}`, nil, 400, "invalid_request", "/operations"},
		{"batch of too many", "POST", "/v1/identifiers:batch", `{"operations":[` + strings.Repeat("1,", 1000) + `1]}`, nil, 413, "too_large", "/operations"},
		{"import mode", "POST", "/v1/identifiers:import?mode=merge", "{}", nil, 400, "invalid_request", "mode"},
		{"import allocate", "POST", "/v1/identifiers:import?allocate=perhaps", "{}", nil, 400, "invalid_request", "allocate"},
		{"import dry run", "POST", "/v1/identifiers:import?dryRun=perhaps", "{}", nil, 400, "invalid_request", "dryRun"},
		{"import encoding", "POST", "/v1/identifiers:import", "{}", []string{"Content-Encoding: br"}, 415, "unsupported_media_type", "Content-Encoding"},
		{"import not in gzip", "POST", "/v1/identifiers:import", "{}", []string{"Content-Encoding: gzip"}, 400, "invalid_request", ""},
		{"import of a form", "POST", "/v1/identifiers:import", "a=b", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "unsupported_media_type", "Content-Type"},
		{"enterprise without name", "POST", "/v1/enterprises", `{}`, nil, 400, "invalid_enterprise", "/name"},
		{"enterprise credit code", "POST", "/v1/enterprises", `{"name":"x","creditCode":"1"}`, nil, 400, "invalid_enterprise", "/creditCode"},
		{"enterprise member", "POST", "/v1/enterprises", `{"name":"x","state":"active"}`, nil, 400, "invalid_request", "/state"},
		{"enterprise contact", "POST", "/v1/enterprises", `{"name":"x","contact":{"name":1}}`, nil, 400, "invalid_request", "/contact/name"},
		{"no enterprise", "GET", "/v1/enterprises/e0", "", nil, 404, "not_found", "id"},
		{"no step", "POST", "/v1/enterprises/e0:dance", "", nil, 400, "invalid_request", "action"},
		{"no colon", "POST", "/v1/enterprises/e0", "", nil, 404, "not_found", ""},
		{"self", "POST", "/v1/enterprises/self:suspend", `{"reason":"x"}`, nil, 409, "invalid_state", "action"},
		{"prefix elsewhere", "POST", "/v1/prefixes", `{"prefix":"20.500","enterprise":"self"}`, nil, 400, "invalid_prefix", "/prefix"},
		{"prefix taken", "POST", "/v1/prefixes", `{"prefix":"88.100.1","enterprise":"self"}`, nil, 409, "already_exists", "/prefix"},
		{"prefix delegated", "POST", "/v1/prefixes", `{"enterprise":"self","mode":"delegated"}`, nil, 400, "invalid_prefix", "/service"},
		{"prefix of nobody", "POST", "/v1/prefixes", `{"enterprise":"e0"}`, nil, 404, "not_found", "/enterprise"},
		{"no prefix", "GET", "/v1/prefixes?prefix=88.100.9", "", nil, 404, "not_found", "prefix"},
		{"key role", "POST", "/v1/apikeys", `{"enterprise":"self","role":"god"}`, nil, 400, "invalid_key", "/role"},
		{"key address", "POST", "/v1/apikeys", `{"enterprise":"self","role":"writer","ips":["here"]}`, nil, 400, "invalid_key", "/ips/0"},
		{"no key", "DELETE", "/v1/apikeys/k0", "", nil, 404, "not_found", "id"},
		{"no resource", "GET", "/v1/nothing", "", nil, 404, "not_found", ""},
		{"no method", "DELETE", "/v1/enterprises", "", nil, 405, "method_not_allowed", ""},
	} {
		a := s.call("op", c.method, c.target, c.body, c.headers...)
		a.what = c.name + ": " + a.what
		a.wantProblem(c.status, c.code)
		if got := a.field("errors.0.location"); got != c.location {
			t.Errorf("%s: location %q, want %q (%s)", c.name, got, c.location, a.body)
		}
	}
	if a := s.call("op", "DELETE", "/v1/enterprises", ""); a.header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
}

func TestBatchForm(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	a := s.call("a", "POST", "/v1/identifiers:batch", `{"operations":[
		{"op":"create","record":{"id":"88.100.1/1","values":[{"index":1,"type":"URL","data":"x"}]}},
		{"op":"replace","record":{"id":"88.100.1/2","values":[{"index":1,"type":"URL","data":"x"}]},"ifNoneMatch":true},
		{"op":"replace","record":{"id":"88.100.1/3","values":[{"index":1,"type":"URL","data":"x"}]},"ifMatch":7},
		{"op":"create","id":"88.100.1/4"},
		{"op":"merge","id":"88.100.1/5","successor":"x"},
		{"op":"create","record":{"id":"88.100.1/6","values":[{"index":1,"type":"","data":"x"}]}},
		{"op":"fly","id":"88.100.1/7"},
		7
	]}`).want(200)
	want := `{"results":[{"id":"88.100.1/1","status":201,"version":1},{"id":"88.100.1/2","status":201,"version":1},` +
		`{"id":"88.100.1/3","status":412,"code":"version_mismatch","detail":"the version is 0","current":0,"expected":7},` +
		`{"status":400,"code":"invalid_request","location":"/record","detail":"a record is required"},` +
		`{"status":400,"code":"invalid_request","location":"/successor","detail":"a successor is of revoke"},` +
		`{"id":"88.100.1/6","status":400,"code":"invalid_value","location":"/values/0/type","detail":"a type is required"},` +
		`{"status":400,"code":"invalid_request","location":"/op","detail":"create, replace, merge, revoke or restore is expected"},` +
		`{"status":400,"code":"invalid_request","location":"/","detail":"a JSON number is not expected here"}]}`
	if a.body != want {
		t.Errorf("results\n%s\nwant\n%s", a.body, want)
	}
}

func TestAdministration(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		e := s.call("op", "POST", "/v1/enterprises", `{"name":"海北精密轴承有限公司","creditCode":"91110108589104047H","contact":{"name":"王","email":"w@example.com"}}`).want(201)
		if e.field("state") != "active" {
			t.Errorf("enterprise: %s", e.body)
		}
		id := e.field("id")
		p := s.call("op", "POST", "/v1/prefixes", `{"scheme":"handle","enterprise":"`+id+`","mode":"delegated","service":{"ip":"192.0.2.1","udp":2641,"tcp":2641}}`).want(201)
		if p.field("prefix") != "88.100.3" || p.field("state") != "active" || p.field("service.udp") != "2641" || p.field("scheme") != "handle" {
			t.Errorf("prefix: %s", p.body)
		}
		s.call("op", "POST", "/v1/identifiers", body("88.100.3/X", "x")).wantProblem(403, "delegated")
		s.call("op", "PATCH", "/v1/prefixes?scheme=handle&prefix=88.100.3", `{"mode":"hosted","caseSensitive":true}`).want(200)
		s.call("op", "POST", "/v1/identifiers", body("88.100.3/X", "x")).want(201)
		s.call("op", "POST", "/v1/identifiers", body("88.100.3/x", "x")).want(201)
		s.call("op", "PATCH", "/v1/prefixes?prefix=88.100.3", `{"caseSensitive":false}`).wantProblem(409, "has_records")
		s.call("op", "POST", "/v1/prefixes:suspend", `{"scheme":"handle","prefix":"88.100.3","reason":"unpaid"}`).want(200)
		s.call("op", "PUT", "/v1/identifiers?id=88.100.3/X", body("88.100.3/X", "y")).wantProblem(403, "namespace_suspended")
		if got := s.call("op", "GET", "/v1/prefixes?prefix=88.100.3", "").want(200).field("reason"); got != "unpaid" {
			t.Errorf("reason %q", got)
		}
		s.call("op", "POST", "/v1/prefixes:activate", `{"prefix":"88.100.3"}`).want(200)
		s.call("op", "POST", "/v1/enterprises/"+id+":suspend", `{"reason":"x"}`).want(200)
		s.call("op", "PUT", "/v1/identifiers?id=88.100.3/X", body("88.100.3/X", "y")).wantProblem(403, "enterprise_suspended")
		s.call("op", "POST", "/v1/prefixes:transfer", `{"prefix":"88.100.3","to":"`+s.ents["a"]+`"}`).want(200)
		s.call("a", "PUT", "/v1/identifiers?id=88.100.3/X", body("88.100.3/X", "y")).want(200)
		s.call("op", "POST", "/v1/prefixes:withdraw", `{"prefix":"88.100.3"}`).want(200)
		if a := s.call("op", "GET", "/v1/prefixes?limit=2", "").want(200); a.field("items.1.prefix") != "88.100.2" || a.field("next") == "" {
			t.Errorf("prefixes: %s", a.body)
		}
		if a := s.call("a", "GET", "/v1/enterprises", "").want(200); a.field("items.0.id") != s.ents["a"] || a.field("items.1") != "" {
			t.Errorf("enterprises for a: %s", a.body)
		}

		k := s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"writer","prefixes":["88.100.1"],"ips":["127.0.0.1","2001:db8::/32"],"expires":"2099-01-01T00:00:00Z"}`).want(201)
		s.keys["new"] = k.field("key")
		s.call("new", "POST", "/v1/identifiers", body("88.100.1/K", "x")).want(201)
		if a := s.call("op", "GET", "/v1/apikeys?enterprise="+s.ents["a"], "").want(200); strings.Contains(a.body, `"key"`) || strings.Contains(strings.ToLower(a.body), "secret") {
			t.Errorf("keys: %s", a.body)
		}
		s.call("op", "DELETE", "/v1/apikeys/"+k.field("id"), "").want(204)
		s.call("new", "POST", "/v1/identifiers", body("88.100.1/K2", "x")).wantProblem(401, "unauthenticated")
	})
}

func TestListPages(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	for i := range 5 {
		s.call("a", "POST", "/v1/identifiers", body(fmt.Sprintf("88.100.1/%d", i), "x")).want(201)
	}
	var got []string
	cursor := ""
	for {
		a := s.call("a", "GET", "/v1/identifiers?prefix=88.100.1&scheme=handle&limit=2&cursor="+cursor, "").want(200)
		for i := 0; a.field(fmt.Sprintf("items.%d.id", i)) != ""; i++ {
			got = append(got, a.field(fmt.Sprintf("items.%d.id", i)))
		}
		if cursor = a.field("next"); cursor == "" {
			break
		}
	}
	if want := "88.100.1/0 88.100.1/1 88.100.1/2 88.100.1/3 88.100.1/4"; strings.Join(got, " ") != want {
		t.Errorf("%v; want %s", got, want)
	}
}

// TestSpellings takes identifiers that no URL path would survive through create, read and revoke.
func TestSpellings(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	for _, id := range []string{
		"88.100.1/a//b", "88.100.1/../etc", "88.100.1/a?b=c&d", "88.100.1/a#b", "88.100.1/%2F%00", "88.100.1/a b+c", "88.100.1/零件;1", "88.100.1/\"\\", "handle:88.100.1/q",
	} {
		in, err := json.Marshal(map[string]any{"id": id, "values": []any{map[string]any{"index": 1, "type": "URL", "data": "x"}}})
		if err != nil {
			t.Fatal(err)
		}
		a := s.call("a", "POST", "/v1/identifiers", string(in)).want(201)
		if got := a.field("id"); got != strings.TrimPrefix(id, "handle:") {
			t.Errorf("%q came back as %q", id, got)
		}
		if got := s.call("a", "GET", "/v1/identifiers?id="+url.QueryEscape(id), "").want(200); got.body != a.body {
			t.Errorf("%q reads as %s", id, got.body)
		}
		s.call("a", "DELETE", "/v1/identifiers?id="+url.QueryEscape(id), "").want(200)
	}
}

func TestConcurrentIncrements(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		const writers, each = 64, 3
		const at = "/v1/identifiers?id=88.100.1/count"
		s.call("a", "POST", "/v1/identifiers", body("88.100.1/count", "0")).want(201)
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for done := 0; done < each; {
					cur := s.call("a", "GET", at, "")
					var n int
					fmt.Sscan(cur.field("values.0.data"), &n)
					switch a := s.call("a", "PUT", at, body("88.100.1/count", fmt.Sprint(n+1)), "If-Match: "+cur.header.Get("ETag")); a.status {
					case 200:
						done++
					case 412:
					default:
						t.Errorf("%d %s", a.status, a.body)
						return
					}
				}
			})
		}
		wg.Wait()
		if got := s.call("a", "GET", at, "").field("values.0.data"); got != fmt.Sprint(writers*each) {
			t.Errorf("%s increments were kept of %d", got, writers*each)
		}
	})
}

func TestImportStream(t *testing.T) {
	eachStore(t, func(t *testing.T, s *site) {
		in := "\xef\xbb\xbf" + body("88.100.1/1", "x") + "\r\n\n" +
			"{broken\n" +
			body("88.100.2/1", "x") + "\n" +
			`{"id":"88.100.1/2","values":[{"index":1,"type":"URL","data":"x","wrong":1}]}` + "\n" +
			`{"id":"88.100.1/` + strings.Repeat("x", 3<<20) + "\"}\n" +
			body("88.100.1/1", "again") + "\n" +
			body("88.100.1/3", "x")
		want := []string{
			`{"line":3,"status":"failed","code":"invalid_request"`, `{"line":4,"id":"88.100.2/1","status":"failed","code":"not_your_namespace"`,
			`{"line":5,"status":"failed","code":"invalid_request","detail":"/values/0/wrong: `, `{"line":6,"status":"failed","code":"too_large"`,
			`{"line":7,"id":"88.100.1/1","status":"failed","code":"already_exists"`, `{"total":7,"stored":2,"skipped":0,"failed":5}`,
		}
		var zipped, zstded bytes.Buffer
		gz := gzip.NewWriter(&zipped)
		io.WriteString(gz, strings.ReplaceAll(in, "88.100.1/", "88.100.1/g"))
		gz.Close()
		zs, err := zstd.NewWriter(&zstded)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(zs, strings.ReplaceAll(in, "88.100.1/", "88.100.1/z"))
		zs.Close()
		for encoding, body := range map[string]string{"identity": in, "gzip": zipped.String(), "zstd": zstded.String()} {
			a := s.call("a", "POST", "/v1/identifiers:import", body, "Content-Type: application/x-ndjson", "Content-Encoding: "+encoding).want(200)
			lines := strings.Split(strings.TrimSuffix(a.body, "\n"), "\n")
			if len(lines) != len(want) {
				t.Fatalf("%s: %s", encoding, a.body)
			}
			for i, line := range lines {
				line = strings.NewReplacer("88.100.1/g", "88.100.1/", "88.100.1/z", "88.100.1/").Replace(line)
				if !strings.HasPrefix(line, want[i]) || !json.Valid([]byte(line)) {
					t.Errorf("%s: line %d is %s, want %s…", encoding, i+1, line, want[i])
				}
			}
		}
		a := s.call("a", "POST", "/v1/identifiers:import", zipped.String()[:zipped.Len()/2], "Content-Encoding: gzip")
		if !strings.Contains(a.body, `"code":"invalid_request"`) || strings.Contains(a.body, "total") {
			t.Errorf("a body that breaks off: %d %s", a.status, a.body)
		}
		var long bytes.Buffer
		gz = gzip.NewWriter(&long)
		for i := range 5000 {
			fmt.Fprintln(gz, body(fmt.Sprintf("88.100.1/long-%d", i), "x"))
		}
		gz.Flush() // and no end
		a = s.call("a", "POST", "/v1/identifiers:import", long.String(), "Content-Encoding: gzip").want(200)
		if stored := a.field("stored"); a.field("status") != "aborted" || stored == "0" || a.field("total") != "" {
			t.Errorf("a body that breaks off after rows were stored: %s", a.body)
		}
		if a := s.call("op", "POST", "/v1/identifiers:import?allocate=true&mode=upsert", body("88.100.9/x", "x"), "Content-Type: application/x-ndjson").want(200); a.field("stored") != "1" {
			t.Errorf("allocate: %s", a.body)
		}
		s.call("a", "POST", "/v1/identifiers:import?allocate=true", body("88.100.9/x", "x"), "Content-Type: application/x-ndjson").wantProblem(403, "forbidden")
	})
}

// TestImportBothWays reads failures while the body is still being sent, and holds a long import to
// its counts.
func TestImportBothWays(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/v1/identifiers:import", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.keys["a"])
	failed := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			select {
			case <-failed:
				for i := range 20000 {
					fmt.Fprintln(w, body(fmt.Sprintf("88.100.1/late-%d", i), "x"))
				}
				w.Close()
				return
			default:
				fmt.Fprintln(w, body("88.100.2/foreign", "x"))
			}
		}
	}()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	lines := 0
	for {
		var line struct {
			Line, Total, Stored, Failed int
			Code                        string
		}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Line == 0 {
			if line.Stored != 20000 || line.Failed != lines || line.Total != lines+20000 {
				t.Errorf("%+v after %d failures", line, lines)
			}
			return
		}
		if lines++; lines == 1 {
			close(failed)
		}
		if line.Line != lines || line.Code != "not_your_namespace" {
			t.Fatalf("failure %d: %+v", lines, line)
		}
	}
}

func TestDocument(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	a := s.call("nobody", "GET", "/openapi.json", "").want(200)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			RequestBody struct{ Content map[string]any }
			Responses   map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("version %q", doc.OpenAPI)
	}
	var operations []string
	seen := make(map[string]string)
	for path, ops := range doc.Paths {
		for method, op := range ops {
			operations = append(operations, method+" "+path+"\n")
			if other, twice := seen[op.OperationID]; twice {
				t.Errorf("operation id %q is of %s and of %s %s", op.OperationID, other, method, path)
			}
			seen[op.OperationID] = method + " " + path
		}
	}
	slices.SortFunc(operations, func(x, y string) int {
		_, px, _ := strings.Cut(x, " ")
		_, py, _ := strings.Cut(y, " ")
		return cmp.Or(strings.Compare(px, py), strings.Compare(x, y))
	})
	want, err := os.ReadFile("testdata/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), strings.Join(operations, "")); diff != "" {
		t.Errorf("operations of testdata/operations.txt, and of the document:\n%s", diff)
	}
	for at := a.body; ; {
		_, rest, ok := strings.Cut(at, `"$ref":"#/components/schemas/`)
		if !ok {
			break
		}
		name, rest, _ := strings.Cut(rest, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("schema %s is missing", name)
		}
		at = rest
	}
	if a := s.call("nobody", "GET", "/v1/limits", "").want(200); a.field("valuesPerRecord") != "2048" || a.field("bodyOctets") != "8388608" {
		t.Errorf("limits: %s", a.body)
	}
}

func TestMetrics(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	s.call("a", "GET", "/v1/identifiers?id=88.100.1/none", "").want(404)
	s.call("a", "BREW", "/v1/"+strings.Repeat("x", 10), "").want(404)
	if problems, err := testutil.GatherAndLint(s.metrics); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		if f.GetName() == "idnode_registry_requests_total" {
			for _, m := range f.Metric {
				var labels []string
				for _, l := range m.Label {
					labels = append(labels, l.GetValue())
				}
				got[strings.Join(labels, " ")] = m.Counter.GetValue()
			}
		}
	}
	for _, want := range []string{"404 GET /v1/identifiers", "404 other none", "201 POST /v1/prefixes"} {
		if got[want] == 0 {
			t.Errorf("no requests counted as %q: %v", want, got)
		}
	}
}

// FuzzRecordBody sends any body as a record: the answer is a record or a problem, never a failure of
// ours, and a record that was stored reads back as it was answered.
func FuzzRecordBody(f *testing.F) {
	f.Add(body("88.100.1/f", "x"))
	f.Add(`{"id":"88.100.1/f","values":[{"index":1,"type":"HS_ADMIN","data":{"format":"base64","value":"AAA="},"ttl":1,"ttlType":"absolute","perms":"1111","refs":[{"handle":"0.NA/88.100","index":1}]}]}`)
	f.Add(`{"id":"urn:oid:1.3.6.1.4.1.5","values":[]}`)
	f.Add(`{"values":[{"index":4294967296}]}`)
	f.Add(`[{}]`)
	f.Add("{\"id\":\"88.100.1/\\ud800\"}\x00")
	s := newSite(f, memstore.New(), registry.Limits{})
	f.Fuzz(func(t *testing.T, in string) {
		s := *s
		s.t = t
		for _, target := range []string{"/v1/identifiers", "/v1/identifiers?id=88.100.1/q"} {
			method := "POST"
			if strings.Contains(target, "?") {
				method = "PUT"
			}
			a := s.call("op", method, target, in)
			switch {
			case a.status == 200 || a.status == 201:
				got := s.call("op", "GET", "/v1/identifiers?id="+url.QueryEscape(a.field("scheme")+":"+a.field("id")), "")
				if got.status != 200 || got.body != a.body {
					t.Errorf("stored %s, reads %d %s", a.body, got.status, got.body)
				}
			case a.status >= 400 && a.status < 500:
				if a.field("code") == "" {
					t.Errorf("%d without a code: %s", a.status, a.body)
				}
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		}
	})
}
