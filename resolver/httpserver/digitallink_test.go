package httpserver

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// newLinks serves GS1 keys with links.
func newLinks(t testing.TB) *httptest.Server {
	t.Helper()
	var b storage.Batch
	for _, ns := range []identifier.Namespace{
		{Prefix: "690123", State: identifier.NamespaceActive, Mode: identifier.Hosted},
		{Prefix: "690124", State: identifier.NamespaceActive, Mode: identifier.Hosted, Patterns: []identifier.Pattern{{URL: "https://pattern.example/{01}"}}},
		{Prefix: "690125", State: identifier.NamespaceActive, Mode: identifier.Delegated, Service: &identifier.Service{IP: netip.MustParseAddr("2001:db8::7"), TCP: 2641, HTTP: 8000}},
		{Prefix: "690126", State: identifier.NamespaceSuspended, Mode: identifier.Hosted, Reason: "unpaid"},
	} {
		ns.Scheme, ns.Version = identifier.GS1, 1
		value, err := storage.EncodeNamespace(&ns)
		if err != nil {
			t.Fatal(err)
		}
		b.Put(storage.NamespaceKey(ns.Key()), value, 0)
	}
	put := func(name string, state identifier.State, values ...identifier.Value) {
		t.Helper()
		id, err := identifier.GS1.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		r := &identifier.Record{Scheme: identifier.GS1, ID: id.String(), State: state, Values: values}
		if state == identifier.Revoked {
			r.Values, r.Reason, r.Successor = nil, "recalled", "gs1:(01)06901234567892"
		}
		b.Put(storage.RecordKey(id.Key(false)), identifier.AppendRecord(nil, r), 0)
	}
	put("(01)06901234567892", identifier.Active, text(1, "URL", "https://product.example/p?a=1#top"), text(2, "DESC", "深沟球轴承"),
		text(3, "gs1:pip", `{"href":"https://product.example/zh","title":"产品","hreflang":["zh-CN"],"type":"text/html"}`),
		text(4, "GS1:pip", `{"href":"https://product.example/en","title":"Product","hreflang":"en","type":"text/html"}`),
		text(5, "https://gs1.org/voc/dpp", `{"href":"https://product.example/dpp","type":"application/ld+json","fwqs":false}`),
		text(6, "gs1:safetyInfo", "javascript:alert(1)"), text(7, "gs1:faqs", `{"href":"https://a.example","title":"a\r\nSet-Cookie: b=c"}`),
		text(8, "https://schema.org/review", "https://review.example/"), text(9, "EMAIL", "a@a.example"), text(10, "gs1:instructions", `{"href":`))
	put("(01)06901234567892(10)L1", identifier.Active, text(1, "gs1:certificationInfo", "https://lot.example/cert"))
	put("(01)06901234567892(10)L2", identifier.Revoked)
	put("(01)06901234567892(21)S1", identifier.Active, text(1, "URL", `{"href":"https://serial.example/zh","hreflang":["zh"]}`), text(2, "URL", `{"href":"https://serial.example/en","hreflang":["en"]}`))
	put("(01)06901234567908", identifier.Active, text(1, "EMAIL", "a@a.example"))
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	if _, err := store.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	namespaces, err := storage.LoadNamespaces(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	res, err := resolver.New(resolver.Options{Store: store, Namespaces: namespaces})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Resolver: res, Logger: slog.New(slog.DiscardHandler), PublicURL: "https://id.example/"})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv
}

const (
	chineseReader = "Accept-Language: zh-CN,zh;q=0.9,en;q=0.8"
	englishReader = "Accept-Language: en-GB,en;q=0.9"
)

func TestDigitalLinkRedirects(t *testing.T) {
	srv := newLinks(t)
	for _, c := range []struct {
		target   string
		headers  []string
		status   int
		location string
	}{
		{"/01/06901234567892", nil, 307, "https://product.example/p?a=1#top"},
		{"/01/06901234567892", []string{browser}, 307, "https://product.example/p?a=1#top"},
		{"/01/6901234567892/", nil, 307, "https://product.example/p?a=1#top"},
		{"/gtin/06901234567892", nil, 307, "https://product.example/p?a=1#top"},
		{"/some/shop/01/06901234567892", nil, 307, "https://product.example/p?a=1#top"},
		{"/01/06901234567892?linkType=gs1:defaultLink", nil, 307, "https://product.example/p?a=1#top"},
		{"/01/06901234567892/10/L9/21/S9", nil, 307, "https://product.example/p?a=1#top"}, // the product's
		{"/01/06901234567892/10/L1", nil, 307, "https://lot.example/cert"},                // the only link of the lot
		{"/01/06901234567892/21/S1", []string{chineseReader}, 307, "https://serial.example/zh"},
		{"/01/06901234567892/21/S1", []string{englishReader}, 307, "https://serial.example/en"},
		{"/01/06901234567892/21/S1", []string{"Accept-Language: fr"}, 307, "https://serial.example/zh"},
		{"/01/06901234567892?linkType=gs1:pip", []string{chineseReader}, 307, "https://product.example/zh"},
		{"/01/06901234567892?linkType=gs1:pip", []string{englishReader}, 307, "https://product.example/en"},
		{"/01/06901234567892?linkType=pip", []string{englishReader}, 307, "https://product.example/en"},
		{"/01/06901234567892?linkType=https%3A%2F%2Fref.gs1.org%2Fvoc%2Fpip", []string{englishReader}, 307, "https://product.example/en"},
		{"/01/06901234567892/21/S1?linkType=gs1:dpp", nil, 307, "https://product.example/dpp"},
		{"/01/06901234567892?linkType=https%3A%2F%2Fschema.org%2Freview", nil, 307, "https://review.example/"},
		{"/01/06901234567892?17=261231&utm=x%20y&linkType=gs1:pip", []string{englishReader}, 307, "https://product.example/en?17=261231&utm=x%20y"},
		{"/01/06901234567892?utm=1", nil, 307, "https://product.example/p?a=1&utm=1#top"},
		{"/01/06901234567892?linkType=gs1:dpp&utm=1", nil, 307, "https://product.example/dpp"}, // fwqs is false
		{"/01/06901234567892?x=%0d%0aSet-Cookie:%20a=b", nil, 307, "https://product.example/p?a=1&x=%0d%0aSet-Cookie:%20a=b#top"},
		{"/01/06901234567892?linkType=gs1:recipeInfo", nil, 404, ""},
		{"/01/06901234567892?linkType=gs1:safetyInfo", nil, 404, ""}, // a script
		{"/01/06901234567892?linkType=gs1:faqs", nil, 404, ""},       // a title with an end of line
		{"/01/06901234567892?linkType=gs1:instructions", nil, 404, ""},
		{"/01/06901234567908", nil, 200, ""}, // nothing to go to: the record
		{"/01/06901234567915", nil, 404, ""},
		{"/01/06901234567892/10/L2", nil, 410, ""},
		{"/01/06901234567892/10/L2/21/S8", nil, 307, "https://product.example/p?a=1#top"},
		{"/01/06901234567893", nil, 400, ""},
		{"/01/notagtin", nil, 400, ""},
		{"/01/06901234567892/foo", nil, 400, ""},
		{"/01/06901234567892/8011/5", nil, 400, ""},
		{"/01/06901234567892?17=269999", nil, 400, ""},
		{"/01/06901240000001", nil, 400, ""},
		{"/01/06901240000000", nil, 307, "https://pattern.example/06901240000000"},
		{"/01/06901250000007?linkType=gs1:pip", nil, 302, "http://[2001:db8::7]:8000/01/06901250000007?linkType=gs1:pip"},
		{"/01/06901260000004", nil, 403, ""},
		{"/01/09506000134352", nil, 404, ""}, // another's
	} {
		got := look(t, srv, c.target, c.headers...)
		if got.status != c.status || got.get("Location") != c.location {
			t.Errorf("%s for %v: %d to %q, want %d to %q", c.target, c.headers, got.status, got.get("Location"), c.status, c.location)
		}
		if got.get("Set-Cookie") != "" || got.get("Access-Control-Allow-Origin") != "*" || got.status < 400 && !strings.Contains(got.get("Access-Control-Expose-Headers"), "Link") {
			t.Errorf("%s: %v", c.target, got.header)
		}
		if links := strings.Join(got.header.Values("Link"), "\n"); got.status == 307 && (!strings.Contains(links, `?linkType=linkset>; rel="linkset"; type="application/linkset+json"`) || !strings.Contains(links, "json-ld#context")) {
			t.Errorf("%s: links %s", c.target, links)
		}
	}
	if got := look(t, srv, "/01/06901234567893", browser); !strings.Contains(got.body, "06901234567892") {
		t.Errorf("the right check digit is not told: %s", got.body)
	}
	// A Handle is one, whatever its suffix.
	if got := look(t, srv, "/88.101.5/01/06901234567892", "Accept: application/json"); !strings.Contains(got.body, `"handle":"88.101.5/01/06901234567892"`) {
		t.Errorf("a Handle: %d %s", got.status, got.body)
	}
}

// checkLinkset holds a body to RFC 9264, section 4.2, and to GS1's schema.
func checkLinkset(t *testing.T, body string) []map[string]any {
	t.Helper()
	var doc struct{ Linkset []map[string]any }
	if err := json.Unmarshal([]byte(body), &doc); err != nil || len(doc.Linkset) == 0 {
		t.Fatalf("%v in %s", err, body)
	}
	for _, one := range doc.Linkset {
		if anchor, _ := one["anchor"].(string); !strings.HasPrefix(anchor, "https://id.example/01/") {
			t.Errorf("anchor %v", one["anchor"])
		}
		for rel, list := range one {
			if slices.Contains([]string{"anchor", "description", "itemDescription"}, rel) {
				continue
			}
			targets, ok := list.([]any)
			if !strings.HasPrefix(rel, "https://") || !ok || len(targets) == 0 {
				t.Errorf("%s: %v", rel, list)
			}
			for _, to := range targets {
				attributes := to.(map[string]any)
				href, _ := attributes["href"].(string)
				title, _ := attributes["title"].(string)
				if !strings.HasPrefix(href, "https://") || title == "" {
					t.Errorf("%s: %v", rel, to)
				}
				for _, name := range []string{"hreflang", "context"} {
					if v, given := attributes[name]; given {
						if _, isList := v.([]any); !isList {
							t.Errorf("%s: %s is no list: %v", rel, name, v)
						}
					}
				}
			}
		}
		if d, ok := one[gs1Vocabulary+"defaultLink"].([]any); ok && (len(d) != 1 || len(d[0].(map[string]any)) != 2) {
			t.Errorf("default link %v", d)
		}
	}
	return doc.Linkset
}

func TestLinkset(t *testing.T) {
	srv := newLinks(t)
	for _, c := range []struct{ target, accept, kind string }{
		{"/01/06901234567892/10/L1/21/S9?linkType=linkset", "", "application/linkset+json"},
		{"/01/06901234567892/10/L1/21/S9?linkType=all", "text/html", "application/linkset+json"},
		{"/01/06901234567892/10/L1/21/S9", "application/linkset+json", "application/linkset+json"},
		{"/01/06901234567892/10/L1/21/S9", "application/json", "application/json"},
		{"/01/06901234567892/10/L1/21/S9", "application/ld+json", "application/ld+json"},
	} {
		got := look(t, srv, c.target, "Accept: "+c.accept)
		if got.status != 200 || got.get("Content-Type") != c.kind {
			t.Errorf("%s for %q: %d %v", c.target, c.accept, got.status, got.header)
		}
		set := checkLinkset(t, got.body)
		var anchors []any
		for _, one := range set {
			anchors = append(anchors, one["anchor"])
		}
		if !slices.Equal(anchors, []any{"https://id.example/01/06901234567892/10/L1", "https://id.example/01/06901234567892"}) {
			t.Errorf("%s: anchors %v", c.target, anchors)
		}
		if pips, _ := set[1][gs1Vocabulary+"pip"].([]any); len(pips) != 2 || set[1]["description"] != "深沟球轴承" || set[1]["https://schema.org/review"] == nil {
			t.Errorf("%s: %v", c.target, set[1])
		}
		if strings.Contains(got.body, "javascript") || strings.Contains(got.body, "Set-Cookie") {
			t.Errorf("%s: %s", c.target, got.body)
		}
	}
	set := checkLinkset(t, look(t, srv, "/01/06901234567892/21/S1?linkType=linkset").body)
	if multi, _ := set[0][gs1Vocabulary+"defaultLinkMulti"].([]any); len(multi) != 2 {
		t.Errorf("several default links: %v", set[0])
	}
	for target, status := range map[string]int{"/01/06901234567915?linkType=linkset": 404, "/01/06901234567892/10/L2?linkType=linkset": 410, "/01/06901234567893?linkType=linkset": 400} {
		if got := look(t, srv, target); got.status != status {
			t.Errorf("%s: %d, want %d", target, got.status, status)
		}
	}
	// A link of the type of data that is asked for is better than the list.
	if got := look(t, srv, "/01/06901234567892?linkType=gs1:dpp", "Accept: application/ld+json"); got.get("Location") != "https://product.example/dpp" {
		t.Errorf("data: %d %v", got.status, got.header)
	}
}

func TestWellKnown(t *testing.T) {
	got := look(t, newLinks(t), "/.well-known/gs1resolver")
	var d struct {
		Name, ResolverRoot   string
		SupportedPrimaryKeys []string
	}
	if err := json.Unmarshal([]byte(got.body), &d); err != nil || got.status != 200 || d.ResolverRoot != "https://id.example" || !slices.Equal(d.SupportedPrimaryKeys, []string{"all"}) {
		t.Errorf("%d %v %s", got.status, err, got.body)
	}
}

// TestCompressedLink: what a compressed link stands for is told.
func TestCompressedLink(t *testing.T) {
	got := look(t, newLinks(t), "/AQyNo0UVqA") // (01)06901234567892
	if links := strings.Join(got.header.Values("Link"), "\n"); got.status != 307 || !strings.Contains(links, `<https://id.example/01/06901234567892>; rel="owl:sameAs"`) {
		t.Errorf("%d to %q, links %s", got.status, got.get("Location"), links)
	}
}

func FuzzDigitalLinkPath(f *testing.F) {
	srv := newLinks(f)
	for _, path := range []string{"/01/06901234567892/10/L1/21/S1", "/AQyNo0UVqA", "/gtin/6901234567892?17=261231", "/01//06901234567892", "/00/106952012345678908"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \r\n\t#") || len(path) > 4000 {
			return
		}
		for _, c := range []byte(path) {
			if c <= ' ' || c >= 0x7f {
				return
			}
		}
		req := httptest.NewRequest("GET", "/", nil)
		u, err := req.URL.Parse("http://h" + path)
		if err != nil {
			return
		}
		req.URL = u
		rec := httptest.NewRecorder()
		srv.Config.Handler.ServeHTTP(rec, req)
		if rec.Code == 500 {
			t.Errorf("%s: %s", path, rec.Body)
		}
	})
}
