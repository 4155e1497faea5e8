package api_test

import (
	"strings"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestTokens: from the login to the log-out.
func TestTokens(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	const secret = "correct horse 9"
	s.call("op", "POST", "/v1/accounts", `{"username":"li.wei","password":"`+secret+`","enterprise":"`+s.ents["a"]+`","roles":["writer"]}`).want(201)
	login := `{"username":"li.wei","password":"` + secret + `"}`
	token := s.call("nobody", "POST", "/v1/tokens", login).want(200)
	if token.field("enterprise") != s.ents["a"] || token.field("roles.0") != "writer" || token.field("expires") == "" || token.header.Get("Cache-Control") != "no-store" {
		t.Errorf("token: %s", token.body)
	}
	s.keys["li"] = token.field("token")
	s.call("li", "POST", "/v1/identifiers", body("88.100.1/by-li", "x")).want(201)
	s.call("li", "POST", "/v1/identifiers", body("88.100.2/by-li", "x")).wantProblem(403, "not_your_namespace")
	s.call("li", "GET", "/v1/accounts/li.wei", "").want(200)
	s.call("li", "PATCH", "/v1/accounts/li.wei", `{"roles":["admin"]}`).wantProblem(403, "forbidden")
	s.call("li", "POST", "/v1/accounts/li.wei:password", `{"password":"another horse","old":"wrong"}`).wantProblem(400, "invalid_account")
	s.call("li", "POST", "/v1/accounts/li.wei:password", `{"password":"another horse","old":"`+secret+`"}`).want(204)
	s.call("li", "GET", "/v1/accounts/li.wei", "").wantProblem(401, "unauthenticated")

	for body, code := range map[string]string{`{}`: "invalid_request", `{"username":"li.wei"}`: "invalid_request", `[]`: "invalid_request",
		`{"username":"li.wei","password":"x"}`: "unauthenticated", `{"username":"` + strings.Repeat("x", 17<<10) + `","password":"x"}`: "too_large"} {
		if a := s.call("nobody", "POST", "/v1/tokens", body); a.field("code") != code {
			t.Errorf("%.40s: %s, want %s", body, a.body, code)
		}
	}
	s.keys["li"] = s.call("nobody", "POST", "/v1/tokens", `{"username":"li.wei","password":"another horse"}`).want(200).field("token")
	s.call("li", "DELETE", "/v1/tokens", "").want(204)
	s.call("li", "DELETE", "/v1/tokens", "").wantProblem(401, "unauthenticated")
	s.call("op", "DELETE", "/v1/tokens", "").wantProblem(400, "invalid_request")

	for range 5 {
		s.call("nobody", "POST", "/v1/tokens", login).wantProblem(401, "unauthenticated")
	}
	if a := s.call("nobody", "POST", "/v1/tokens", login).wantProblem(429, "locked_out"); a.header.Get("Retry-After") != "900" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
}
