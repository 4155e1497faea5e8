package api_test

import (
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/api"
	"github.com/idnode/idnode/registry/auth"
	"github.com/idnode/idnode/registry/auth/oidctest"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// TestOIDC: a browser goes to the provider and comes back with a token.
func TestOIDC(t *testing.T) {
	p := oidctest.New(t)
	engine := memstore.New()
	defer engine.Close()
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	reg, err := registry.New(registry.Options{Store: engine, Namespaces: namespaces, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	op := registry.Write{Actor: registry.Actor{Enterprise: registry.Self, Role: registry.RoleOperator}}
	if _, err := reg.CreateAccount(t.Context(), registry.AccountRequest{Username: "li.wei", Enterprise: registry.Self, Roles: []registry.Role{registry.RoleAuditor}, OIDC: "subject-1"}, op); err != nil {
		t.Fatal(err)
	}
	secret, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	defer server.Close()
	verifier, err := auth.New(engine, auth.Options{Registrar: reg, Secret: secret, Logger: quiet, OIDC: &auth.OIDCOptions{Issuer: p.URL, ClientID: p.Client, ClientSecret: p.Secret,
		RedirectURL: server.URL + "/v1/login/oidc/callback"}})
	if err != nil {
		t.Fatal(err)
	}
	if handler, err = api.New(api.Options{Registrar: reg, Verifier: verifier, Logins: verifier, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	p.LogIn(map[string]any{"sub": "subject-1"})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, url: server.URL, keys: map[string]string{}}
	get := func(client *http.Client, path string) (int, string) {
		t.Helper()
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body strings.Builder
		resp.Write(&body)
		return resp.StatusCode, body.String()
	}
	resp, err := (&http.Client{Jar: jar}).Get(server.URL + "/v1/login/oidc")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 4096)
	n, _ := resp.Body.Read(buf)
	token := &answer{t: t, what: "login", status: resp.StatusCode, header: resp.Header, body: string(buf[:n])}
	s.keys["li"] = token.want(200).field("token")
	s.call("li", "GET", "/v1/accounts/li.wei", "").want(200)
	if token.field("roles.0") != "auditor" {
		t.Errorf("token: %s", token.body)
	}
	// Another browser, that did not begin the login.
	if status, body := get(http.DefaultClient, "/v1/login/oidc"); status != 401 || !strings.Contains(body, "unauthenticated") {
		t.Errorf("without a cookie: %s", body)
	}
	if status, body := get(http.DefaultClient, "/v1/login/oidc/callback?error=access_denied"); status != 401 || !strings.Contains(body, "access_denied") {
		t.Errorf("refused by the provider: %s", body)
	}
}
