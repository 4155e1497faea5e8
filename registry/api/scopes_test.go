package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/auth"
	"github.com/idnode/idnode/registry/job"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// as is an Authenticator to whom everybody is the same.
type as struct{ registry.Actor }

func (a as) Verify(context.Context, string, netip.Addr) (registry.Actor, error) { return a.Actor, nil }

func handlerFor(t *testing.T, a registry.Actor) http.Handler {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := registry.New(registry.Options{Store: engine, Namespaces: namespaces, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := job.New(job.Options{Registrar: reg, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(Options{Jobs: jobs, Registrar: reg, Verifier: as{a}, Logins: new(auth.Verifier), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestScopesDecided: each operation of the document has its scope, or is public; and each is refused
// to a credential that is good for something else only.
func TestScopesDecided(t *testing.T) {
	ask := func(h http.Handler, method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Authorization", "Bearer of a limited credential") // also where one may do without
		h.ServeHTTP(w, r)
		return w
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(ask(handlerFor(t, registry.Actor{}), "GET", "/openapi.json").Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	limited := map[registry.Scope]http.Handler{}
	for _, s := range registry.Scopes() {
		limited[s] = handlerFor(t, registry.Actor{Enterprise: registry.Self, Role: registry.RoleOperator, Scopes: []registry.Scope{s}})
	}
	named := 0
	for path, item := range document.Paths {
		for method := range item {
			method = strings.ToUpper(method)
			operation := method + " " + path
			if public(httptest.NewRequest(method, path, nil)) {
				continue
			}
			named++
			want, decided := scopes[operation]
			if !decided || want != anyScope && !want.Valid() {
				t.Errorf("%s has no scope", operation)
				continue
			}
			target := strings.NewReplacer("{id}", "x").Replace(path)
			for _, s := range registry.Scopes() {
				missing := strings.Contains(ask(limited[s], method, target).Body.String(), "the credential is limited")
				if missing != (want != anyScope && s != want) {
					t.Errorf("%s with scope %s: refused for its scope %v", operation, s, missing)
				}
			}
		}
	}
	if named < 20 {
		t.Errorf("found %d operations", named)
	}
}

// broken is an Authenticator that is at fault.
type broken struct{}

func (broken) Verify(context.Context, string, netip.Addr) (registry.Actor, error) { panic("broken") }

// TestPanicked: a panic is answered, and told.
func TestPanicked(t *testing.T) {
	told := 0
	h := handlerFor(t, registry.Actor{})
	s := h.(*server)
	s.auth, s.panicked = broken{}, func() { told++ }
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/identifiers?id=88.100/x", nil))
	if told != 1 || w.Code != http.StatusInternalServerError {
		t.Errorf("told %d times, answered %d %s", told, w.Code, w.Body)
	}
}
