package httpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// newServer serves the records of the captured server, and one namespace of each other kind.
func newServer(t *testing.T, more ...*identifier.Record) *httptest.Server {
	t.Helper()
	var b storage.Batch
	namespace := func(ns identifier.Namespace) {
		t.Helper()
		ns.Scheme = identifier.Handle
		value, err := storage.EncodeNamespace(&ns)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.NamespaceKey(ns.Key()), value, 0)
	}
	record := func(r *identifier.Record) {
		t.Helper()
		id, err := identifier.Handle.Parse(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.RecordKey(id.Key(false)), identifier.AppendRecord(nil, r), 0)
	}
	for _, p := range handletest.Prefixes {
		namespace(identifier.Namespace{Prefix: p, State: identifier.NamespaceActive, Mode: identifier.Hosted})
	}
	namespace(identifier.Namespace{Prefix: "88.990.2000", State: identifier.NamespaceActive, Mode: identifier.Delegated,
		Service: &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), TCP: 2641, HTTP: 8000}})
	namespace(identifier.Namespace{Prefix: "88.990.3000", State: identifier.NamespaceSuspended, Mode: identifier.Hosted, Reason: "unpaid"})
	for _, r := range handletest.Records(t) {
		r.Scheme, r.State = identifier.Handle, identifier.Active
		record(r)
	}
	record(&identifier.Record{Scheme: identifier.Handle, ID: "88.990.1001/gone", State: identifier.Revoked, Reason: "scrapped", Successor: "88.990.1001/item-1"})
	for _, r := range more {
		record(r)
	}
	for _, odd := range oddHandles {
		record(&identifier.Record{Scheme: identifier.Handle, ID: odd, State: identifier.Active,
			Values: []identifier.Value{{Index: 1, Type: "URL", Data: []byte(odd), Perms: identifier.DefaultPerms}}})
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
	res, err := resolver.New(resolver.Options{Store: store, Namespaces: namespaces, Own: []identifier.Key{{Scheme: identifier.Handle, Name: "88.990"}}})
	if err != nil {
		t.Fatal(err)
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { w.WriteHeader(http.StatusTeapot) })
	echo := func(_ context.Context, dst, message []byte, _ netip.Addr) []byte { return append(dst, message...) }
	s, err := New(Options{Resolver: res, Next: next, Tunnel: echo, Site: func() []byte { return handletest.Site(t) }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv
}

// oddHandles are legal and need care in paths and queries.
var oddHandles = []string{
	"88.990.1001/a//b", "88.990.1001/../x", "88.990.1001/.", "88.990.1001/a?b=c", "88.990.1001/a#b", "88.990.1001/100%",
	"88.990.1001/a%2Fb", "88.990.1001/a+b", "88.990.1001/a b", "88.990.1001/a&b=c", "88.990.1001/批次/二", "88.990.1001/a;b", "88.990.1001/%",
}

func get(t testing.TB, url string) (int, http.Header, []byte) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}

// TestCaptured compares with what the reference server answered.
func TestCaptured(t *testing.T) {
	srv := newServer(t)
	text, err := os.ReadFile("testdata/rest.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, cases, _ := strings.Cut(string(text), "\n\n")
	n := 0
	for c := range strings.SplitSeq(strings.TrimSpace(cases), "\n\n") {
		f := strings.SplitN(c, "\n", 5)
		n++
		t.Run(f[0], func(t *testing.T) {
			status, header, body := get(t, srv.URL+f[1])
			if strconv.Itoa(status) != f[2] || header.Get("Content-Type") != f[3] {
				t.Errorf("%s: got %d %s, want %s %s", f[1], status, header.Get("Content-Type"), f[2], f[3])
			}
			if strings.Contains(f[1], "callback") {
				if string(body) != f[4] {
					t.Errorf("got %s\nwant %s", body, f[4])
				}
				return
			}
			var got, want any
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			if err := json.Unmarshal([]byte(f[4]), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", f[1], diff)
			}
			if strings.Contains(f[1], "pretty") != bytes.Contains(body, []byte("\n  ")) {
				t.Errorf("%s: indentation is not as asked in %s", f[1], body)
			}
		})
	}
	if n != 10 {
		t.Errorf("read %d captured exchanges, want 10", n)
	}
}

func TestOutcomesCoverEveryStatus(t *testing.T) {
	for _, s := range resolver.Statuses() {
		o, ok := outcomes[s]
		if !ok || o.rcode == 0 || o.resolve == 0 || o.handles == 0 {
			t.Errorf("%v has no complete row: %+v", s, o)
		}
	}
	if len(outcomes) != len(resolver.Statuses()) {
		t.Errorf("%d rows for %d statuses", len(outcomes), len(resolver.Statuses()))
	}
}

// TestResolve asks for a status each, in both forms.
func TestResolve(t *testing.T) {
	srv := newServer(t)
	tests := []struct {
		name, query  string
		status       int
		want         map[string]any // members of the body
		handles      int
		handlesRcode float64
	}{
		{"found", "88.990.1001/item-1", 200, map[string]any{"responseCode": 1.0, "id": "88.990.1001/item-1", "scheme": "handle", "namespace": "88.990.1001", "version": 1.0, "tier": "store"}, 200, 1},
		{"qualified", "handle:88.990.1001/ITEM-1", 200, map[string]any{"id": "88.990.1001/item-1"}, 0, 0},
		{"no value of the type", "88.990.1001/item-1&type=NOPE", 200, map[string]any{"responseCode": 200.0, "values": nil}, 200, 200},
		{"unknown", "88.990.1001/none", 404, map[string]any{"responseCode": 100.0, "reason": "not_found"}, 404, 100},
		{"revoked", "88.990.1001/gone", 410, map[string]any{"responseCode": 100.0, "reason": "scrapped", "successor": "88.990.1001/item-1", "values": nil}, 404, 100},
		{"delegated", "88.990.2000/x", 200, map[string]any{"responseCode": 303.0, "referral": map[string]any{"namespace": "88.990.2000", "ip": "192.0.2.7", "tcp": 2641.0, "http": 8000.0}}, 300, 303},
		{"suspended", "88.990.3000/x", 403, map[string]any{"responseCode": 100.0, "reason": "unpaid"}, 404, 100},
		{"not ours", "99.1/x", 404, map[string]any{"responseCode": 301.0, "reason": "not_responsible"}, 400, 301},
		{"no identifier", "88..1/x", 400, map[string]any{"responseCode": 4.0, "reason": "invalid"}, 400, 4},
		{"empty", "", 400, map[string]any{"responseCode": 4.0}, 0, 0},
		{"unknown scheme", "88.990.1001/item-1&scheme=isbn", 400, map[string]any{"responseCode": 4.0}, 0, 0},
		{"index that is none", "88.990.1001/item-1&index=x", 400, map[string]any{"responseCode": 4.0}, 400, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, _, raw := get(t, srv.URL+"/resolve?id="+tt.query)
			var body map[string]any
			if err := json.Unmarshal(raw, &body); err != nil {
				t.Fatalf("%v in %s", err, raw)
			}
			if status != tt.status {
				t.Errorf("got %d, want %d: %s", status, tt.status, raw)
			}
			for member, want := range tt.want {
				if diff := cmp.Diff(want, body[member]); diff != "" {
					t.Errorf("%s (-want +got):\n%s in %s", member, diff, raw)
				}
			}
			if tt.handles == 0 {
				return
			}
			status, _, raw = get(t, srv.URL+"/api/handles/"+strings.Replace(tt.query, "&", "?", 1))
			clear(body)
			if err := json.Unmarshal(raw, &body); err != nil {
				t.Fatalf("%v in %s", err, raw)
			}
			if status != tt.handles || body["responseCode"] != tt.handlesRcode {
				t.Errorf("/api/handles: got %d %v, want %d %v", status, body["responseCode"], tt.handles, tt.handlesRcode)
			}
		})
	}
}

// path writes a handle into a path with what must be escaped escaped, and any of the rest that
// escape says.
func path(handle string, escape func(i int) bool) string {
	var b strings.Builder
	for i := range len(handle) {
		c := handle[i]
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/", c) >= 0
		if plain && !escape(i) {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16)[1:]))
		}
	}
	return b.String()
}

// raw sends target as it is: clients of this kind do not clean paths.
func raw(t testing.TB, srv *httptest.Server, target string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = "//" + req.URL.Host + target
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// TestOddHandles: handles that routers like to clean arrive as they are, escaped or not.
func TestOddHandles(t *testing.T) {
	srv := newServer(t)
	for _, id := range oddHandles {
		for _, target := range []string{
			"/api/handles/" + path(id, func(int) bool { return false }),
			"/api/handles/" + path(id, func(int) bool { return true }),
			"/resolve?id=" + path(id, func(int) bool { return true }),
		} {
			status, body := raw(t, srv, target)
			var got struct{ Handle, ID string }
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatalf("%s: %v in %s", target, err, body)
			}
			if status != http.StatusOK || got.Handle+got.ID != id {
				t.Errorf("%s: got %d for %q, want 200 for %q", target, status, got.Handle+got.ID, id)
			}
		}
	}
}

// TestAnyHandleArrives: whatever the handle and however its path is escaped, the answer is about it.
func TestAnyHandleArrives(t *testing.T) {
	srv := newServer(t)
	rapid.Check(t, func(rt *rapid.T) {
		id := "88.990.1001/" + rapid.StringN(1, 40, 200).Draw(rt, "suffix")
		every := rapid.IntRange(1, 5).Draw(rt, "every")
		target := "/api/handles/" + path(id, func(i int) bool { return i%every == 0 })
		status, body := raw(t, srv, target)
		var got struct{ Handle string }
		if err := json.Unmarshal(body, &got); err != nil {
			rt.Fatalf("%v in %s", err, body)
		}
		if got.Handle != id || status != http.StatusNotFound && status != http.StatusOK {
			rt.Fatalf("%s: got %d for %q, want 404 for %q", target, status, got.Handle, id)
		}
	})
}

func TestDispatch(t *testing.T) {
	srv := newServer(t)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/v1/limits", http.StatusTeapot},
		{"POST", "/v1/identifiers:batch", http.StatusTeapot},
		{"GET", "/openapi.json", http.StatusTeapot},
		{"GET", "/", http.StatusOK},
		{"GET", "/v1", http.StatusBadRequest},
		{"GET", "/resolve/x", http.StatusNotFound},
		{"GET", "/api/handles", http.StatusBadRequest},
		{"GET", "/api/handles/", http.StatusBadRequest},
		{"GET", "/api/handlesx", http.StatusNotFound},
		{"PATCH", "/api/handles/88.990.1001/item-1", http.StatusMethodNotAllowed},
		{"OPTIONS", "/api/handles/88.990.1001/item-1", http.StatusNoContent},
		{"POST", "/resolve?id=88.990.1001/item-1", http.StatusMethodNotAllowed},
		{"PUT", "/api/handles/88.990.1001/item-1", http.StatusNotImplemented},
		{"OPTIONS", "/resolve", http.StatusNoContent},
		{"HEAD", "/resolve?id=88.990.1001/item-1", http.StatusOK},
	} {
		req, err := http.NewRequest(tt.method, srv.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, resp.StatusCode, tt.status)
		}
	}
}

// TestTunnel: binary messages are told by their content type, on any path, and bounded.
func TestTunnel(t *testing.T) {
	srv := newServer(t)
	for _, tt := range []struct {
		path, contentType string
		size, status      int
	}{
		{"/88.990.1001%2Fitem-1", messageType, 78, http.StatusOK},
		{"/", messageType, 0, http.StatusOK},
		{"/resolve", messageType, 20 + 262144, http.StatusOK},
		{"/x", messageType, 20 + 262144 + 1, http.StatusRequestEntityTooLarge},
		{"/x", "text/plain", 78, http.StatusMethodNotAllowed},
	} {
		resp, err := http.Post(srv.URL+tt.path, tt.contentType, bytes.NewReader(make([]byte, tt.size)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tt.status || tt.status == http.StatusOK && len(body) != tt.size {
			t.Errorf("%s with %d octets of %s: got %d with %d octets, %v; want %d", tt.path, tt.size, tt.contentType, resp.StatusCode, len(body), err, tt.status)
		}
	}
}
