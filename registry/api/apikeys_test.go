package api_test

import (
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestKeyRotation: an API key over the interface, from its making with scopes to its rotation.
func TestKeyRotation(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	a := s.call("op", "POST", "/v1/apikeys", `{"enterprise":"`+s.ents["a"]+`","role":"writer","name":"MES","scopes":["identifiers:read"]}`).want(201)
	id := a.field("id")
	s.keys["one"] = a.field("key")
	s.call("one", "GET", "/v1/identifiers?prefix=88.100.1", "").want(200)
	s.call("one", "POST", "/v1/identifiers", body("88.100.1/x", "x")).wantProblem(403, "forbidden")

	for _, c := range []struct {
		who, path, body string
		status          int
		code            string
	}{
		{"op", id + ":rotate", `{"grace":"soon"}`, 400, "invalid_key"},
		{"op", id + ":rotate", `{"grace":"721h"}`, 400, "invalid_key"},
		{"op", id + ":turn", ``, 404, "not_found"},
		{"op", id, ``, 404, "not_found"},
		{"one", id + ":rotate", ``, 403, "forbidden"},
		{"a", id + ":rotate", ``, 403, "forbidden"},
	} {
		s.call(c.who, "POST", "/v1/apikeys/"+c.path, c.body).wantProblem(c.status, c.code)
	}
	rotated := s.call("op", "POST", "/v1/apikeys/"+id+":rotate", `{"grace":"1h"}`).want(200)
	if rotated.field("id") != id || rotated.field("previousUntil") == "" {
		t.Errorf("rotated: %s", rotated.body)
	}
	s.keys["two"] = rotated.field("key")
	for _, who := range []string{"one", "two"} {
		s.call(who, "GET", "/v1/identifiers?prefix=88.100.1", "").want(200)
	}
	s.call("op", "POST", "/v1/apikeys/"+id+":rotate", "").wantProblem(409, "invalid_state")
	shown := s.call("op", "GET", "/v1/apikeys/"+id, "").want(200)
	if shown.field("name") != "MES" || shown.field("previousUntil") == "" || shown.field("key") != "" {
		t.Errorf("shown: %s", shown.body)
	}
}
