package api_test

import (
	"strings"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestAccounts: an account over the interface.
func TestAccounts(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	const secret = "correct horse 9"
	made := s.call("op", "POST", "/v1/accounts", `{"username":"Li.Wei","password":"`+secret+`","enterprise":"`+s.ents["a"]+`","roles":["writer","admin"],"email":"li@example.com","name":"李伟"}`).want(201)
	if made.field("roles.0") != "admin" || strings.Contains(made.body, "argon2") || strings.Contains(made.body, "secret") || strings.Contains(made.body, secret) {
		t.Errorf("made: %s", made.body)
	}
	bad := s.call("op", "POST", "/v1/accounts", `{"username":"x","password":"1","enterprise":"enone","roles":["king"]}`, "Accept-Language: zh").wantProblem(400, "invalid_account")
	if bad.field("errors.3.location") == "" || !strings.Contains(bad.field("errors.0.message"), "用户名") {
		t.Errorf("refusal: %s", bad.body)
	}
	before := s.contents()
	for _, c := range []struct {
		who, method, path, body string
		status                  int
		code                    string
	}{
		{"op", "POST", "/v1/accounts", `{"username":"li.wei","password":"` + secret + `","enterprise":"self","roles":["reader"]}`, 409, "already_exists"},
		{"a", "POST", "/v1/accounts", `{"username":"u2222","password":"` + secret + `","enterprise":"` + s.ents["a"] + `","roles":["reader"]}`, 403, "forbidden"},
		{"a", "GET", "/v1/accounts", ``, 403, "forbidden"},
		{"b", "GET", "/v1/accounts/li.wei", ``, 404, "not_found"},
		{"b", "PATCH", "/v1/accounts/li.wei", `{"name":"x"}`, 404, "not_found"},
		{"op", "PATCH", "/v1/accounts/li.wei", `{"secret":"x"}`, 400, "invalid_request"},
		{"op", "PATCH", "/v1/accounts/li.wei", `{"username":"x"}`, 400, "invalid_request"},
		{"op", "POST", "/v1/accounts/li.wei:frob", ``, 404, "not_found"},
		{"op", "POST", "/v1/accounts/li.wei:password", `{"password":"1"}`, 400, "invalid_account"},
		{"op", "DELETE", "/v1/accounts/nobody", ``, 404, "not_found"},
	} {
		s.call(c.who, c.method, c.path, c.body).wantProblem(c.status, c.code)
	}
	if after := s.contents(); len(after) != len(before) {
		t.Errorf("refused requests left %d entries, before %d", len(after), len(before))
	}
	if a := s.call("op", "PATCH", "/v1/accounts/LI.WEI", `{"roles":["reader"],"mobile":"13800138000"}`).want(200); a.field("roles.0") != "reader" || a.field("email") != "li@example.com" {
		t.Errorf("changed: %s", a.body)
	}
	if a := s.call("op", "POST", "/v1/accounts/li.wei:disable", "").want(200); a.field("disabled") != "true" {
		t.Errorf("disabled: %s", a.body)
	}
	s.call("op", "POST", "/v1/accounts/li.wei:enable", "").want(200)
	s.call("op", "POST", "/v1/accounts/li.wei:unlock", "").want(200)
	s.call("op", "POST", "/v1/accounts/li.wei:password", `{"password":"another horse"}`).want(204)
	if a := s.call("op", "GET", "/v1/accounts?enterprise="+s.ents["a"], "").want(200); a.field("items.0.username") != "Li.Wei" {
		t.Errorf("list: %s", a.body)
	}
	s.call("op", "DELETE", "/v1/accounts/Li.wei", "").want(204)
	s.call("op", "GET", "/v1/accounts/li.wei", "").wantProblem(404, "not_found")
}
