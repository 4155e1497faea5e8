package httpserver

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// seen is what an asker got, redirects not followed.
type seen struct {
	status int
	header http.Header
	body   string
}

func (s seen) get(name string) string { return s.header.Get(name) }

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// look asks for target as it is, with headers as "Name: value".
func look(t testing.TB, srv *httptest.Server, target string, headers ...string) seen {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = "//" + req.URL.Host + target
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := noRedirects.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return seen{resp.StatusCode, resp.Header, string(body)}
}

const browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func text(index uint32, kind, data string) identifier.Value {
	return identifier.Value{Index: index, Type: kind, Data: []byte(data), TTL: 86400, Perms: identifier.DefaultPerms, Timestamp: 1700000000}
}

// leading are records that lead somewhere, or are meant to lead astray.
func leading() []*identifier.Record {
	long := text(1, "URL", "https://a.example/")
	long.TTL = 10
	private := text(1, "URL", "https://secret.example/")
	private.Perms = identifier.AdminRead | identifier.AdminWrite
	var all []*identifier.Record
	for id, values := range map[string][]identifier.Value{
		"88.990.1001/url":       {text(1, "EMAIL", "a@a.example"), text(2, "URL", "https://a.example/一 二?x=1&y=%41"), text(3, "URL", "https://b.example/")},
		"88.990.1001/brief":     {long},
		"88.990.1001/alias":     {text(1, "HS_ALIAS", "88.990.1001/url"), text(2, "URL", "https://c.example/")},
		"88.990.1001/loc":       {text(1, "URL", "https://a.example/"), text(2, "10320/loc", `<locations><location id="0" href="https://zero.example/" weight="0"/><location id="1" href="https://one.example/" http_sc="303"/></locations>`)},
		"88.990.1001/bad-loc":   {text(1, "10320/loc", `<locations><location href="javascript:alert(1)"/></locations>`), text(2, "URL", "https://a.example/")},
		"88.990.1001/script":    {text(1, "URL", "javascript:alert(document.domain)"), text(2, "URL", " https://a.example"), text(3, "URL", "data:text/html,x")},
		"88.990.1001/crlf":      {text(1, "URL", "https://a.example/\r\nSet-Cookie: a=b"), text(2, "URL", "https://a.example\n/")},
		"88.990.1001/relative":  {text(1, "URL", "//evil.example/"), text(2, "URL", "/\\evil.example"), text(3, "URL", "https:evil.example")},
		"88.990.1001/local":     {text(1, "URL", "/v1/limits"), text(2, "10320/loc", `<locations><location href="/v1/limits"/></locations>`)},
		"88.990.1001/empty":     {text(1, "URL", ""), text(2, "URL", "http")},
		"88.990.1001/bare":      {text(1, "URL", "https://good.example"), text(2, "10320/loc", `<locations><location href="https://good.example"/></locations>`)},
		"88.990.1001/no-host":   {text(1, "URL", "https://:80/")},
		"88.990.1001/dots":      {text(1, "HS_ALIAS", "88.990.1001/../x")},
		"88.990.1001/long":      {text(1, "DESC", strings.Repeat("测试", 2000))},
		"88.990.1001/alias-out": {text(1, "HS_ALIAS", "//evil.example/x")},
		"88.990.1001/html":      {text(1, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>"), text(2, "DESC", "\"'><b>\u202e")},
		"88.990.1001/private":   {private},
		"88.990.1001/binary":    {text(1, "BLOB", strings.Repeat("\x00\xff", 8000))},
	} {
		all = append(all, &identifier.Record{Scheme: identifier.Handle, ID: id, State: identifier.Active, Values: values})
	}
	return append(all, &identifier.Record{Scheme: identifier.Handle, ID: "88.990.1001/<gone>", State: identifier.Revoked, Reason: "<b>scrapped</b>",
		Successor: "88.990.1001/\"><script>", Updated: time.Unix(1700000000, 0)})
}

func TestProxyRedirects(t *testing.T) {
	srv := newServer(t, leading()...)
	for _, c := range []struct {
		target   string
		status   int
		location string
	}{
		{"/88.990.1001/url", 302, "https://a.example/%E4%B8%80%20%E4%BA%8C?x=1&y=%41"},
		{"/88.990.1001%2Furl", 302, "https://a.example/%E4%B8%80%20%E4%BA%8C?x=1&y=%41"},
		{"/hdl:88.990.1001/url", 302, "https://a.example/%E4%B8%80%20%E4%BA%8C?x=1&y=%41"},
		{"/88.990.1001/url?index=3", 302, "https://b.example/"},
		{"/88.990.1001/url?type=URL&urlappend=%3Fa%3Db", 302, "https://a.example/%E4%B8%80%20%E4%BA%8C?x=1&y=%41?a=b"},
		{"/88.990.1001/url?index=3&urlappend=%0d%0aX:%20y", 200, ""},
		{"/88.990.1001/url?type=EMAIL", 200, ""},
		{"/88.990.1001/url?noredirect", 200, ""},
		{"/88.990.1001/url?action=showvalues", 200, ""},
		{"/88.990.1001/url?auth&cert", 302, "https://a.example/%E4%B8%80%20%E4%BA%8C?x=1&y=%41"},
		{"/88.990.1001/alias", 301, "/88.990.1001/url"},
		{"/88.990.1001/alias?ignore_aliases", 302, "https://c.example/"},
		{"/88.990.1001/loc", 303, "https://one.example/"},
		{"/88.990.1001/loc?locatt=id:0", 302, "https://zero.example/"},
		{"/88.990.1001/loc?type=URL", 302, "https://a.example/"},
		{"/88.990.1001/bad-loc", 302, "https://a.example/"},
		{"/88.990.1001/script", 200, ""},
		{"/88.990.1001/crlf", 200, ""},
		{"/88.990.1001/relative", 200, ""},
		{"/88.990.1001/local", 200, ""},
		{"/88.990.1001/empty?urlappend=https://evil.example/", 200, ""},
		{"/88.990.1001/empty?urlappend=s://evil.example/", 200, ""},
		{"/88.990.1001/bare?urlappend=.evil.example/", 200, ""},
		{"/88.990.1001/bare?urlappend=@evil.example/", 200, ""},
		{"/88.990.1001/bare?urlappend=:8080/", 200, ""},
		{"/88.990.1001/bare?urlappend=/x", 302, "https://good.example/x"},
		{"/88.990.1001/bare?urlappend=%3Fx", 302, "https://good.example?x"},
		{"/88.990.1001/no-host", 200, ""},
		{"/88.990.1001/dots", 301, "/88.990.1001%2F..%2Fx"},
		{"/88.990.1001/alias-out", 301, "/%2F%2Fevil.example%2Fx"},
		{"/88.990.1001/private", 200, ""},
		{"/88.990.2000/x?a=b", 302, "http://192.0.2.7:8000/88.990.2000/x?a=b"},
		{"/?id=88.990.1001/url", 303, "/88.990.1001%2Furl"},
		{"/?id=//evil.example", 303, "/%2F%2Fevil.example"},
		{"/88.990.1001/nothing", 404, ""},
		{"/88.990.1001/%3Cgone%3E", 410, ""},
		{"/88.990.3000/x", 403, ""},
		{"/99.1/x", 404, ""},
		{"/what%20is%20this", 400, ""},
		{"/88.990.1001/a%00b", 400, ""},
		{"/88.990.1001/a%0d%0ab", 400, ""},
		{"/88.990.1001/%ff", 400, ""},
		{"/88.990.1001/" + strings.Repeat("x", 9000), 414, ""},
		{"/favicon.ico", 404, ""},
		{"/robots.txt", 200, ""},
	} {
		got := look(t, srv, c.target, browser)
		if got.status != c.status || got.get("Location") != c.location {
			t.Errorf("%.80s: %d to %q, want %d to %q", c.target, got.status, got.get("Location"), c.status, c.location)
		}
		if got.get("Set-Cookie") != "" || got.get("X") != "" {
			t.Errorf("%s: injected %v", c.target, got.header)
		}
	}
	for target, want := range map[string]string{"/88.990.1001/url": "max-age=300", "/88.990.1001/brief": "max-age=10", "/88.990.1001/nothing": "max-age=60"} {
		if got := look(t, srv, target, browser); got.get("Cache-Control") != want || !strings.Contains(got.get("Vary"), "Accept") {
			t.Errorf("%s: %v", target, got.header)
		}
	}
	if got := look(t, srv, "/88.990.1001/brief"); got.get("Expires") == "" {
		t.Errorf("no Expires: %v", got.header)
	}
}

func TestProxyPages(t *testing.T) {
	srv := newServer(t, leading()...)
	for _, c := range []struct {
		target, headers string
		want, not       []string
	}{
		{"/88.990.1001/html", "", []string{"&lt;img src=x", "&lt;script&gt;"}, []string{"<img", "<script"}},
		{"/88.990.1001/%3Cgone%3E", "", []string{"Identifier revoked", "&lt;b&gt;scrapped", "2023-11-14"}, []string{"<b>", "<script>"}},
		{"/88.990.1001/%3Cgone%3E", "Accept-Language: zh-CN,zh;q=0.9,en;q=0.8", []string{"标识已注销", `lang="zh-CN"`}, nil},
		{"/88.990.1001/%3Cgone%3E?lang=zh", "Accept-Language: en", []string{"标识已注销"}, nil},
		{"/88.990.1001/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "", []string{"No such identifier", "&lt;script&gt;"}, []string{"<script"}},
		{"/88.990.1001/x?lang=%22%3E%3Cscript%3E&action=%3Cscript%3E", "", []string{`lang="en"`}, []string{"<script"}},
		{"/88.990.1001/script", "", []string{"javascript:alert"}, []string{`href="javascript:`, `href="data:`}},
		{"/88.990.1001/private", "", []string{"no public values"}, []string{"secret.example"}},
		{"/88.990.1001/binary", "", []string{"base64: AP8A", " …"}, nil},
		{"/88.990.1001/long", "", []string{"测试测试", " …"}, []string{"base64", "\ufffd"}},
		{"/88.990.1001/url?noredirect", "", []string{`href="https://a.example/%E4%B8%80%20%E4%BA%8C?x=1&amp;y=%41"`, `href="mailto:a@a.example"`, `rel="nofollow noopener noreferrer"`}, nil},
		{"/6901234567891", "", []string{"Not a valid identifier", "6901234567892"}, nil},
		{"/", "", []string{"<form", "Resolve an identifier"}, nil},
		{"/88.990.3000/x", "", []string{"suspended", "unpaid"}, nil},
	} {
		headers := []string{browser}
		if c.headers != "" {
			headers = append(headers, c.headers)
		}
		got := look(t, srv, c.target, headers...)
		for _, want := range c.want {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s: no %q in\n%s", c.target, want, got.body)
			}
		}
		for _, not := range c.not {
			if strings.Contains(got.body, not) {
				t.Errorf("%s: %q in\n%s", c.target, not, got.body)
			}
		}
		if !strings.HasPrefix(got.get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-") || got.get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", c.target, got.header)
		}
	}
}

// TestProxyPrograms: JSON where it is asked for, and short texts for who asks for nothing.
func TestProxyPrograms(t *testing.T) {
	srv := newServer(t, leading()...)
	for _, c := range []struct {
		target, accept string
		status, code   int
	}{
		{"/88.990.1001/url", "application/json", 200, 1},
		{"/88.990.1001/url", "application/json, text/html;q=0.5", 200, 1},
		{"/88.990.1001/nothing", "application/json", 404, 100},
		{"/88.990.1001/%3Cgone%3E", "application/json", 410, 100},
		{"/88.990.2000/x", "application/json", 200, 303},
		{"/88.990.3000/x", "application/json", 403, 100},
		{"/99.1/x", "application/json", 404, 301},
		{"/6901234567892", "application/json", 404, 301},
	} {
		got := look(t, srv, c.target, "Accept: "+c.accept)
		var body struct{ ResponseCode int }
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != c.status || body.ResponseCode != c.code {
			t.Errorf("%s for %s: %d %s, want %d and %d", c.target, c.accept, got.status, got.body, c.status, c.code)
		}
	}
	for target, status := range map[string]int{"/88.990.1001/a%00b": 400, "/" + strings.Repeat("x", 9000): 414} {
		got := look(t, srv, target, "Accept: application/json")
		if got.status != status || got.get("Content-Type") != "application/json;charset=utf-8" || !json.Valid([]byte(got.body)) {
			t.Errorf("%.20s: %d %v %s", target, got.status, got.header, got.body)
		}
	}
	if got := look(t, srv, "/88.990.1001/url", "Accept: text/html, application/json;q=0.5"); got.status != http.StatusFound {
		t.Errorf("a page is preferred: %d", got.status)
	}
	for target, want := range map[string]string{"/88.990.1001/nothing": "No such identifier", "/88.990.1001/%3Cgone%3E": "scrapped"} {
		got := look(t, srv, target, "Accept: */*")
		if !strings.HasPrefix(got.get("Content-Type"), "text/plain") || !strings.Contains(got.body, want) || strings.Count(got.body, "\n") != 1 {
			t.Errorf("%s for curl: %v %q", target, got.header, got.body)
		}
	}
}

// TestAnyIdentifierArrives: whatever the identifier and however its path is escaped, the answer is about it.
func TestAnyIdentifierArrives(t *testing.T) {
	srv := newServer(t)
	arrives := func(fatal func(string, ...any), id string, escaped func(int) bool) {
		target := "/" + path(id, escaped)
		got := look(t, srv, target, "Accept: application/json")
		var body struct{ Handle, ID string }
		err := json.Unmarshal([]byte(got.body), &body)
		switch {
		case strings.ContainsFunc(id, unicode.IsControl):
			if got.status != http.StatusBadRequest {
				fatal("%q at %s: %d, want 400", id, target, got.status)
			}
		case err != nil || body.Handle+body.ID != id:
			fatal("%q at %s: %d %s, %v", id, target, got.status, got.body, err)
		}
	}
	for _, id := range append([]string{"88.990.1001//x", "88.990.1001/../x", "88.990.1001/./x/", "88.990.1001/a?b", "88.990.1001/%2e%2e/x", "88.990.1001/x//", "88.990.1001/a#b"}, oddHandles...) {
		for _, all := range []bool{false, true} {
			arrives(t.Errorf, id, func(int) bool { return all })
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		id := "88.990.1001/" + rapid.StringN(1, 40, 200).Draw(rt, "suffix")
		every := rapid.IntRange(1, 5).Draw(rt, "every")
		arrives(rt.Fatalf, id, func(i int) bool { return i%every == 0 })
	})
}

// TestOnlyListedSchemes: nobody is sent by a scheme that the operator left out, to an enterprise's node neither.
func TestOnlyListedSchemes(t *testing.T) {
	var b storage.Batch
	ns := identifier.Namespace{Scheme: identifier.Handle, Prefix: "88.990.2000", State: identifier.NamespaceActive, Mode: identifier.Delegated,
		Service: &identifier.Service{IP: netip.MustParseAddr("192.0.2.7"), HTTP: 8000}}
	value, err := storage.EncodeNamespace(&ns)
	if err != nil {
		t.Fatal(err)
	}
	b.Put(storage.NamespaceKey(ns.Key()), value, 0)
	for _, c := range []struct {
		schemes []string
		status  int
	}{{nil, http.StatusFound}, {[]string{"https", "javascript"}, http.StatusOK}} {
		got := look(t, newProxy(t, &b, c.schemes), "/88.990.2000/x", browser)
		if got.status != c.status || c.status == http.StatusOK && !strings.Contains(got.body, "192.0.2.7") {
			t.Errorf("%q: %d %s", c.schemes, got.status, got.body)
		}
	}
}

// newProxy serves what b writes.
func newProxy(t testing.TB, b *storage.Batch, schemes []string) *httptest.Server {
	t.Helper()
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	if _, err := store.Apply(t.Context(), b); err != nil {
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
	s, err := New(Options{Resolver: res, RedirectSchemes: schemes, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv
}

// FuzzRawPath holds that any text in a path, sent by hand over TCP, is asked for as it is: the answer is that of
// /resolve?id= for the same text, or names the Handle.
func FuzzRawPath(f *testing.F) {
	for _, id := range []string{"88.1//x", "88.1/../x", "88.1/a?b", "88.1/%2e%2e/x", "88.1/x/", "//88.1/x", "88.1/./x", "..", "88.1/a#b", "88.1/a+b c", "88.1/批次;x=%2F", "oid:1.2.156//", "6901234567892"} {
		f.Add(id)
	}
	srv := newProxy(f, new(storage.Batch), nil)
	addr := strings.TrimPrefix(srv.URL, "http://")
	f.Fuzz(func(t *testing.T, id string) {
		if !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) || len(id) > maxRawPath/3 {
			return
		}
		asked := overTCP(t, addr, "/resolve?id="+url.QueryEscape(id))
		raw := path(id, func(int) bool { return false })
		for _, target := range []string{"/" + url.PathEscape(id), "/" + raw} {
			if served(t, target, id) {
				continue
			}
			got := overTCP(t, addr, target)
			var body struct{ Handle *string }
			if err := json.Unmarshal([]byte(got), &body); err != nil {
				t.Fatalf("%q at %s: %s: %v", id, target, got, err)
			}
			if body.Handle != nil && *body.Handle != id || body.Handle == nil && got != asked {
				t.Errorf("%q at %s: %s\nasked by name: %s", id, target, got, asked)
			}
		}
	})
}

// served reports whether a path is that of something else than an identifier as it stands.
func served(t testing.TB, target, id string) bool {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://h"+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := readDigitalLink(req, id); ok {
		return true
	}
	for _, prefix := range []string{"/api/", "/v1/", "/.well-known/"} {
		if strings.HasPrefix(target, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"/", "/resolve", "/openapi.json", "/favicon.ico", "/robots.txt"}, target)
}

// overTCP sends a request line as it is, and returns the body of the response.
func overTCP(t testing.TB, addr, target string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.(*net.TCPConn).SetLinger(0); err != nil { // no port is left waiting: fuzzing would run out of them
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestFailuresAreNotKept: that we were too busy or broken is of the moment.
func TestFailuresAreNotKept(t *testing.T) {
	for status, want := range map[int]string{http.StatusNotFound: "max-age=60", http.StatusGone: "max-age=60", http.StatusInternalServerError: "no-store", http.StatusServiceUnavailable: "no-store"} {
		rec := httptest.NewRecorder()
		(&proxied{w: rec}).keep(status)
		if got := rec.Header().Get("Cache-Control"); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
}
