package auth

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/auth/oidctest"
)

func newOIDCHouse(t *testing.T, issuer string) *house {
	t.Helper()
	h := newHouse(t, Options{OIDC: &OIDCOptions{Issuer: issuer, ClientID: "idnode", ClientSecret: "s3cret", RedirectURL: "https://node.example/v1/login/oidc/callback"}})
	h.now = time.Now()
	for name, subject := range map[string]string{"li.wei": "subject-1", "wang": "wang.fang"} {
		if _, err := h.reg.CreateAccount(t.Context(), registry.AccountRequest{Username: name, Enterprise: h.enterprise, Roles: []registry.Role{registry.RoleWriter}, OIDC: subject}, operator); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// browse follows a redirect to the provider and returns what it sends back.
func browse(t *testing.T, target string) url.Values {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("%s: %d, %v", target, resp.StatusCode, err)
	}
	return back.Query()
}

func TestOIDCLogin(t *testing.T) {
	p := oidctest.New(t)
	h := newOIDCHouse(t, p.URL)
	ctx := t.Context()
	start := func() (url.Values, string) {
		t.Helper()
		target, cookie, err := h.StartOIDC(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return browse(t, target), cookie
	}
	for _, c := range []struct {
		name    string
		user    map[string]any
		account string
	}{
		{"by subject", map[string]any{"sub": "subject-1", "preferred_username": "whoever"}, "li.wei"},
		{"by user name", map[string]any{"sub": "subject-2", "preferred_username": "wang.fang"}, "wang"},
	} {
		p.LogIn(c.user)
		back, cookie := start()
		token, err := h.FinishOIDC(ctx, back.Get("state"), back.Get("code"), cookie, somebody)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if actor, err := h.Verify(ctx, token.Token, somebody); err != nil || actor.Account != c.account {
			t.Errorf("%s: %+v, %v", c.name, actor, err)
		}
	}
	p.LogIn(map[string]any{"sub": "subject-1"})
	back, cookie := start()
	other, otherCookie := start()
	for name, c := range map[string]struct{ state, code, cookie string }{
		"no cookie":        {back.Get("state"), back.Get("code"), ""},
		"another's cookie": {back.Get("state"), back.Get("code"), otherCookie},
		"another's state":  {other.Get("state"), back.Get("code"), cookie},
		"another's code":   {back.Get("state"), other.Get("code"), cookie}, // PKCE
		"no code":          {back.Get("state"), "", cookie},
		"made up cookie":   {back.Get("state"), back.Get("code"), strings.Repeat("A", 200)},
	} {
		if _, err := h.FinishOIDC(ctx, c.state, c.code, c.cookie, netip.MustParseAddr("198.51.100.9")); code(err) != registry.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.FinishOIDC(ctx, back.Get("state"), back.Get("code"), cookie, somebody); err != nil {
		t.Errorf("the right one: %v", err)
	}
	if _, err := h.FinishOIDC(ctx, back.Get("state"), back.Get("code"), cookie, somebody); code(err) != registry.CodeUnauthenticated {
		t.Errorf("the code again: %v", err)
	}
	p.Change = func(claims map[string]any) { claims["nonce"] = "replayed" }
	back, cookie = start()
	if _, err := h.FinishOIDC(ctx, back.Get("state"), back.Get("code"), cookie, somebody); code(err) != registry.CodeUnauthenticated {
		t.Errorf("another nonce: %v", err)
	}
	p.Change = nil
	p.LogIn(map[string]any{"sub": "stranger", "preferred_username": "li.wei"})
	back, cookie = start()
	if _, err := h.FinishOIDC(ctx, back.Get("state"), back.Get("code"), cookie, somebody); code(err) != registry.CodeForbidden {
		t.Errorf("without an account: %v", err)
	}
	p.LogIn(map[string]any{"sub": "subject-1"})
	back, cookie = start()
	h.now = h.now.Add(loginLife)
	if _, err := h.FinishOIDC(ctx, back.Get("state"), back.Get("code"), cookie, somebody); code(err) != registry.CodeUnauthenticated {
		t.Errorf("after ten minutes: %v", err)
	}
}

func TestIDTokens(t *testing.T) {
	p, another := oidctest.New(t), oidctest.New(t)
	h := newOIDCHouse(t, p.URL)
	ctx := t.Context()
	bearer := p.IDToken(map[string]any{"sub": "subject-1"})
	if actor, err := h.Verify(ctx, bearer, somebody); err != nil || actor.Account != "li.wei" || actor.Addr != somebody || actor.Token != "" {
		t.Fatalf("actor: %+v, %v", actor, err)
	}
	hmac, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": p.URL, "aud": "idnode", "sub": "subject-1", "exp": time.Now().Add(time.Hour).Unix()}).SignedString(h.tokenKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, bearer := range map[string]string{
		"another client":   p.IDToken(map[string]any{"sub": "subject-1", "aud": "shop"}),
		"expired":          p.IDToken(map[string]any{"sub": "subject-1", "exp": time.Now().Add(-time.Hour).Unix()}),
		"another provider": another.IDToken(map[string]any{"sub": "subject-1"}),
		"another's key":    another.IDToken(map[string]any{"sub": "subject-1", "iss": p.URL}),
		"stranger":         p.IDToken(map[string]any{"sub": "stranger"}),
		"our issuer":       p.IDToken(map[string]any{"sub": "li.wei", "iss": issuer}),
		"HS256":            hmac,
	} {
		if _, err := h.Verify(ctx, bearer, somebody); code(err) != registry.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 100 {
		if _, err := h.Verify(ctx, bearer, somebody); err != nil {
			t.Fatalf("good ones do not count: %v", err)
		}
	}
	far := netip.MustParseAddr("198.51.100.9")
	for range maxAddressFailures {
		h.Verify(ctx, bearer+"x", far)
	}
	if _, err := h.Verify(ctx, bearer, far); code(err) != registry.CodeTooManyRequests {
		t.Errorf("after many bad ones: %v", err)
	}
	yes := true
	if _, err := h.reg.UpdateAccount(ctx, "li.wei", registry.AccountPatch{Disabled: &yes}, operator); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Verify(ctx, bearer, somebody); code(err) != registry.CodeUnauthenticated {
		t.Errorf("disabled: %v", err)
	}
}

// TestDeadProvider: a provider that does not answer stops nothing else, and is found when it is back.
func TestDeadProvider(t *testing.T) {
	var live atomic.Pointer[http.Handler]
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := live.Load()
		if h == nil {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		(*h).ServeHTTP(w, r)
	}))
	defer front.Close()
	h := newOIDCHouse(t, front.URL)
	h.account("local", registry.RoleWriter)
	h.login("local")
	if _, _, err := h.StartOIDC(t.Context()); code(err) != registry.CodeUnavailable {
		t.Errorf("dead: %v", err)
	}
	p := oidctest.New(t)
	p.URL = front.URL
	live.Store(&p.Config.Handler)
	if _, _, err := h.StartOIDC(t.Context()); code(err) != registry.CodeUnavailable {
		t.Errorf("at once again: %v", err)
	}
	h.now = h.now.Add(discoveryRetry)
	if _, _, err := h.StartOIDC(t.Context()); err != nil {
		t.Errorf("back: %v", err)
	}
}
