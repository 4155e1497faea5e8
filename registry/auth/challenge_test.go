package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

const app = "300:88.100.1/APP_mes"

// publicPEM is the public half of a key in PEM.
func publicPEM(t *testing.T, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := smx509.MarshalPKIXPublicKey(key)
	if err != nil {
		if der, err = x509.MarshalPKIXPublicKey(key); err != nil {
			t.Fatal(err)
		}
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func (h *house) identity(identity string, public []byte) {
	h.t.Helper()
	if _, err := h.reg.CreateIdentity(h.t.Context(), registry.IdentityRequest{Identity: identity, Enterprise: h.enterprise, Role: registry.RoleWriter, PublicKey: public}, operator); err != nil {
		h.t.Fatal(err)
	}
}

// signed logs in with what sign makes of a nonce.
func (h *house) signed(identity string, addr netip.Addr, sign func(nonce string) []byte) (Token, error) {
	h.t.Helper()
	c, err := h.Challenge(identity)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.LoginSigned(h.t.Context(), identity, c.Nonce, base64.StdEncoding.EncodeToString(sign(c.Nonce)), addr)
}

func TestLoginSigned(t *testing.T) {
	h := newHouse(t, Options{})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, edKey, _ := ed25519.GenerateKey(rand.Reader)
	smKey, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := func(nonce string) []byte { d := sha256.Sum256([]byte(nonce)); return d[:] }
	bySM2 := func(uid string) func(string) []byte {
		return func(nonce string) []byte {
			s, err := smKey.SignWithSM2(rand.Reader, []byte(uid), []byte(nonce))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	byRSA := func(nonce string) []byte {
		s, _ := rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, digest(nonce))
		return s
	}
	byEC := func(nonce string) []byte { s, _ := ecdsa.SignASN1(rand.Reader, ecKey, digest(nonce)); return s }
	byEd := func(nonce string) []byte { return ed25519.Sign(edKey, []byte(nonce)) }
	h.identity("300:88.100.1/rsa", publicPEM(t, rsaKey.Public()))
	h.identity("301:88.100.1/ec", publicPEM(t, ecKey.Public()))
	h.identity("302:88.100.1/ed", publicPEM(t, edPublic))
	h.identity("303:88.100.1/SM", publicPEM(t, &smKey.PublicKey))
	joined := func(nonce string) []byte {
		var s struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(bySM2(sm2UserID)(nonce), &s); err != nil {
			t.Fatal(err)
		}
		out := make([]byte, 64)
		s.R.FillBytes(out[:32])
		s.S.FillBytes(out[32:])
		return out
	}
	for _, c := range []struct {
		name, identity string
		sign           func(string) []byte
		ok             bool
	}{
		{"RSA", "300:88.100.1/rsa", byRSA, true},
		{"ECDSA", "301:88.100.1/ec", byEC, true},
		{"Ed25519", "302:88.100.1/ed", byEd, true},
		{"SM2", "303:88.100.1/SM", bySM2(sm2UserID), true},
		{"SM2, the handle as user id", "303:88.100.1/SM", bySM2("88.100.1/SM"), true},
		{"SM2, r and s", "303:88.100.1/sm", joined, true},
		{"SM2, another user id", "303:88.100.1/SM", bySM2("ALICE123@YAHOO.COM"), false},
		{"another's key", "300:88.100.1/rsa", byEC, false},
		{"another index", "301:88.100.1/rsa", byRSA, false},
		{"of something else", "302:88.100.1/ed", func(n string) []byte { return byEd(n + "x") }, false},
		{"no signature", "302:88.100.1/ed", func(string) []byte { return nil }, false},
		{"no such identity", "300:88.100.1/none", byRSA, false},
	} {
		token, err := h.signed(c.identity, somebody, c.sign)
		if (err == nil) != c.ok || err != nil && code(err) != registry.CodeUnauthenticated {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !c.ok {
			continue
		}
		if actor, err := h.Verify(t.Context(), token.Token, somebody); err != nil || actor.Role != registry.RoleWriter || actor.Enterprise != h.enterprise {
			t.Errorf("%s: actor %+v, %v", c.name, actor, err)
		}
	}
}

func TestChallenge(t *testing.T) {
	h := newHouse(t, Options{})
	ctx := t.Context()
	public, key, _ := ed25519.GenerateKey(rand.Reader)
	h.identity(app, publicPEM(t, public))
	sign := func(nonce string) string { return base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(nonce))) }
	c, err := h.Challenge(app)
	if err != nil || !c.Expires.Equal(h.now.Add(time.Minute)) || len(c.Nonce) < 22 {
		t.Fatalf("challenge: %+v, %v", c, err)
	}
	other, _ := h.Challenge("300:88.100.1/other")
	if _, err := h.Challenge("88.100.1/x"); code(err) != registry.CodeInvalidRequest {
		t.Errorf("no identity: %v", err)
	}
	login := func(name, nonce, want string) {
		t.Helper()
		_, err := h.LoginSigned(ctx, app, nonce, sign(nonce), somebody)
		if err == nil && want != "" || err != nil && code(err) != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	login("another's nonce", other.Nonce, registry.CodeUnauthenticated)
	login("made up", "AAAA"+c.Nonce[4:], registry.CodeUnauthenticated)
	login("short", c.Nonce[4:], registry.CodeUnauthenticated)
	login("1816", "1816", registry.CodeUnauthenticated)
	login("first", c.Nonce, "")
	login("again", c.Nonce, registry.CodeUnauthenticated)
	failed, _ := h.Challenge(app)
	if _, err := h.LoginSigned(ctx, app, failed.Nonce, "AAAA", somebody); err == nil {
		t.Error("a wrong signature")
	}
	login("after a failure with it", failed.Nonce, registry.CodeUnauthenticated)
	late, _ := h.Challenge(app)
	h.now = h.now.Add(time.Minute)
	login("late", late.Nonce, registry.CodeUnauthenticated)

	// What is used is bounded, and is forgotten when it ends.
	h.challenges.mu.Lock()
	clear(h.challenges.used)
	for len(h.challenges.used) < maxUsed {
		h.challenges.used[newNonce()] = h.now.Add(time.Second)
	}
	h.challenges.mu.Unlock()
	full, _ := h.Challenge(app)
	login("while many log in", full.Nonce, registry.CodeTooManyRequests)
	h.now = h.now.Add(2 * time.Second)
	login("after that", full.Nonce, "")
	if n := len(h.challenges.used); n > 2 {
		t.Errorf("%d used nonces are kept", n)
	}
}

// TestIdentitySuspension: a suspension, a new key and an end of the identity end its logins and tokens.
func TestIdentitySuspension(t *testing.T) {
	h := newHouse(t, Options{})
	ctx := t.Context()
	public, key, _ := ed25519.GenerateKey(rand.Reader)
	h.identity(app, publicPEM(t, public))
	sign := func(nonce string) []byte { return ed25519.Sign(key, []byte(nonce)) }
	token, err := h.signed(app, somebody, sign)
	if err != nil {
		t.Fatal(err)
	}
	both := func(name, want string) {
		t.Helper()
		if _, err := h.Verify(ctx, token.Token, somebody); code(err) != want && !(err == nil && want == "") {
			t.Errorf("%s: token: %v, want %q", name, err, want)
		}
		if _, err := h.signed(app, somebody, sign); code(err) != want && !(err == nil && want == "") {
			t.Errorf("%s: login: %v, want %q", name, err, want)
		}
	}
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}
	step := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	step(h.reg.PrefixAction(ctx, k, registry.ActionSuspend, "", "", operator))
	both("namespace suspended", registry.CodeNamespaceSuspended)
	step(h.reg.PrefixAction(ctx, k, registry.ActionActivate, "", "", operator))
	both("namespace active", "")
	step(h.reg.Transition(ctx, h.enterprise, registry.ActionSuspend, "", operator))
	both("enterprise suspended", registry.CodeEnterpriseSuspended)
	step(h.reg.Transition(ctx, h.enterprise, registry.ActionActivate, "", operator))
	both("enterprise active", "")

	newPublic, newKey, _ := ed25519.GenerateKey(rand.Reader)
	id, err := identifier.Parse("88.100.1/APP_mes")
	if err != nil {
		t.Fatal(err)
	}
	step(h.reg.Merge(ctx, id, registry.Patch{Values: []registry.PatchValue{{Value: identifier.Value{Index: 300, Data: publicPEM(t, newPublic)}, Fields: registry.FieldData}}}, operator))
	both("another key", registry.CodeUnauthenticated)
	key = newKey
	if token, err = h.signed(app, somebody, sign); err != nil {
		t.Fatalf("with the new key: %v", err)
	}
	if err := h.reg.DeleteIdentity(ctx, app, operator); err != nil {
		t.Fatal(err)
	}
	both("deleted", registry.CodeUnauthenticated)
}
