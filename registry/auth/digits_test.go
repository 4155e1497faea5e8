package auth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"regexp"
	"testing"

	"github.com/idnode/idnode/registry"
)

// TestLoginAnswered: a nonce of digits is good once, for its identity and for its time.
func TestLoginAnswered(t *testing.T) {
	h := newHouse(t, Options{})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h.identity(app, publicPEM(t, &key.PublicKey))
	const other = "300:88.100.1/APP_erp"
	h.identity(other, publicPEM(t, &key.PublicKey))
	nonce := func(identity string) string {
		t.Helper()
		c, err := h.ChallengeDigits(identity)
		if err != nil || !regexp.MustCompile(`^[0-9]{40}$`).MatchString(c.Nonce) {
			t.Fatal(c, err)
		}
		if left := c.Expires.Sub(h.clock()); left < challengeLife || left > 2*challengeLife {
			t.Errorf("a nonce is good for %s", left)
		}
		return c.Nonce
	}
	f := func(name, identity, nonce, want string) {
		t.Helper()
		digest := sha256.Sum256([]byte(nonce))
		sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		token, err := h.LoginAnswered(t.Context(), identity, base64.StdEncoding.EncodeToString(sig), netip.MustParseAddr("192.0.2.9"))
		got := ""
		if err != nil {
			got = registry.AsError(err).Code
		}
		if got != want || (token.Token == "") != (want != "") {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	first := nonce(app)
	f("good", app, first, "")
	f("again", app, first, registry.CodeUnauthenticated)
	f("of another identity", other, nonce(app), registry.CodeUnauthenticated)
	f("made up", app, "1816", registry.CodeUnauthenticated)
	f("in other case", "300:88.100.1/app_MES", nonce(app), "")
	late := nonce(app)
	h.now = h.now.Add(challengeLife)
	f("in the span after", app, late, "")
	late = nonce(app)
	h.now = h.now.Add(2 * challengeLife)
	f("late", app, late, registry.CodeUnauthenticated)
	seen := map[string]bool{}
	for range nonceSlots {
		n := nonce(app)
		if seen[n] {
			t.Error("a used nonce is given out")
		}
		seen[n] = true
		f("one of many", app, n, "")
	}
	if _, err := h.ChallengeDigits(app); registry.AsError(err).Code != registry.CodeTooManyRequests {
		t.Errorf("a login too many: %v", err)
	}
	if _, err := h.ChallengeDigits("APP_mes"); registry.AsError(err).Code != registry.CodeInvalidRequest {
		t.Errorf("no identity: %v", err)
	}
}
