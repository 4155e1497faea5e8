package api_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"testing"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// TestIdentities: an application's identity, from its making to a record that it writes.
func TestIdentities(t *testing.T) {
	s := newSite(t, memstore.New(), registry.Limits{})
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	const identity = "300:88.100.1/APP_mes"
	request := `{"identity":"` + identity + `","enterprise":"` + s.ents["a"] + `","role":"writer","publicKey":` + string(key) + `}`
	s.call("a", "POST", "/v1/identities", request).wantProblem(403, "forbidden")
	if a := s.call("op", "POST", "/v1/identities", request).want(201); a.field("kind") != "application" || a.field("username") != identity {
		t.Errorf("made: %s", a.body)
	}
	s.call("op", "POST", "/v1/identities", request).wantProblem(409, "already_exists")
	if a := s.call("op", "GET", "/v1/identities", "").want(200); a.field("items.0.username") != identity {
		t.Errorf("list: %s", a.body)
	}
	if a := s.call("op", "GET", "/v1/accounts", "").want(200); a.field("items.0") != "" {
		t.Errorf("among the people: %s", a.body)
	}
	s.call("op", "GET", "/v1/identities?identity="+identity, "").want(200)

	s.call("nobody", "POST", "/v1/tokens:challenge", `{"identity":"x"}`).wantProblem(400, "invalid_request")
	nonce := s.call("nobody", "POST", "/v1/tokens:challenge", `{"identity":"`+identity+`"}`).want(200).field("nonce")
	login := `{"identity":"` + identity + `","nonce":"` + nonce + `","signature":"` + base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(nonce))) + `"}`
	s.keys["app"] = s.call("nobody", "POST", "/v1/tokens", login).want(200).field("token")
	s.call("nobody", "POST", "/v1/tokens", login).wantProblem(401, "unauthenticated")
	s.call("app", "POST", "/v1/identifiers", body("88.100.1/by-app", "x")).want(201)
	s.call("op", "DELETE", "/v1/identities?identity="+identity, "").want(204)
	s.call("app", "GET", "/v1/identifiers?id=88.100.1/by-app", "").wantProblem(401, "unauthenticated")
	s.call("op", "GET", "/v1/identities?identity="+identity, "").wantProblem(404, "not_found")
}
