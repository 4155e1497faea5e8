package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/password"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

const good = "correct horse 9"

// house is a registrar, and a verifier that gives tokens, with a clock of their own.
type house struct {
	*Verifier
	t          *testing.T
	reg        *registry.Registrar
	store      storage.Store
	namespaces *storage.Namespaces
	now        time.Time
	hashes     atomic.Int32
	enterprise string // active, with 88.100.1
}

func newHouse(t *testing.T, o Options) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	engine := memstore.New()
	var err error
	if h.namespaces, err = storage.LoadNamespaces(t.Context(), engine); err != nil {
		t.Fatal(err)
	}
	h.store = storage.Observe(engine, func(c []storage.Change) { h.namespaces.Observe(t.Context(), c) })
	secret, err := seal.New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	clock := func() time.Time { return h.now }
	h.reg, err = registry.New(registry.Options{Store: h.store, Namespaces: h.namespaces, Logger: quiet, Clock: clock, Seal: secret,
		NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}},
		Passwords:    password.New(password.Options{Passes: 1, Memory: 64, Observe: func() { h.hashes.Add(1) }})})
	if err != nil {
		t.Fatal(err)
	}
	o.Registrar, o.Secret, o.Logger, o.Clock = h.reg, secret, quiet, clock
	if h.Verifier, err = New(h.store, o); err != nil {
		t.Fatal(err)
	}
	e, err := h.reg.CreateEnterprise(t.Context(), registry.Enterprise{Name: "maker"}, operator)
	if err != nil {
		t.Fatal(err)
	}
	h.enterprise = e.ID
	if _, err := h.reg.AllocatePrefix(t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.1", Enterprise: e.ID}, operator); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) account(name string, roles ...registry.Role) {
	h.t.Helper()
	if _, err := h.reg.CreateAccount(h.t.Context(), registry.AccountRequest{Username: name, Password: good, Enterprise: h.enterprise, Roles: roles}, operator); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) login(name string) Token {
	h.t.Helper()
	token, err := h.Login(h.t.Context(), name, good, somebody)
	if err != nil {
		h.t.Fatalf("login of %s: %v", name, err)
	}
	return token
}

func code(err error) string {
	if e, ok := errors.AsType[*registry.Error](err); ok && e != nil {
		return e.Code
	}
	return fmt.Sprint(err)
}

func TestToken(t *testing.T) {
	h := newHouse(t, Options{})
	ctx := t.Context()
	h.account("li.wei", registry.RoleAdmin, registry.RoleReader)
	token := h.login("LI.wei")
	if token.Enterprise != h.enterprise || len(token.Roles) != 2 || !token.Expires.Equal(h.now.Add(24*time.Hour)) {
		t.Errorf("token: %+v", token)
	}
	actor, err := h.Verify(ctx, token.Token, somebody)
	if err != nil || actor.Account != "li.wei" || actor.Role != registry.RoleAdmin || actor.Addr != somebody || actor.KeyID != "" {
		t.Fatalf("actor: %+v, %v", actor, err)
	}
	// New roles count at once.
	if _, err := h.reg.UpdateAccount(ctx, "li.wei", registry.AccountPatch{Roles: []registry.Role{registry.RoleReader}}, operator); err != nil {
		t.Fatal(err)
	}
	if actor, err = h.Verify(ctx, token.Token, somebody); err != nil || actor.Has(registry.RoleAdmin) {
		t.Errorf("after new roles: %+v, %v", actor, err)
	}
	refused := func(name, bearer string) {
		t.Helper()
		if _, err := h.Verify(ctx, bearer, somebody); code(err) != registry.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Log-out ends this token and no other.
	other := h.login("li.wei")
	if err := h.reg.RevokeToken(ctx, actor); err != nil {
		t.Fatal(err)
	}
	refused("logged out", token.Token)
	if _, err := h.Verify(ctx, other.Token, somebody); err != nil {
		t.Errorf("another token after a log-out: %v", err)
	}
	h.now = h.now.Add(24*time.Hour + 2*time.Second)
	refused("expired", other.Token)

	yes, no := true, false
	for name, end := range map[string]func() error{
		"password": func() error {
			return h.reg.ChangePassword(ctx, "li.wei", registry.PasswordChange{Password: good}, operator)
		},
		"disabled": func() error {
			_, err := h.reg.UpdateAccount(ctx, "li.wei", registry.AccountPatch{Disabled: &yes}, operator)
			return err
		},
	} {
		token := h.login("li.wei")
		if err := end(); err != nil {
			t.Fatal(err)
		}
		refused(name, token.Token)
		if _, err := h.reg.UpdateAccount(ctx, "li.wei", registry.AccountPatch{Disabled: &no}, operator); err != nil {
			t.Fatal(err)
		}
		refused(name+", and enabled again", token.Token)
	}
	token = h.login("li.wei")
	if err := h.reg.DeleteAccount(ctx, "li.wei", operator); err != nil {
		t.Fatal(err)
	}
	refused("deleted", token.Token)
	h.account("li.wei", registry.RoleAdmin)
	refused("made again", token.Token)
	if err := h.reg.RevokeToken(ctx, operator.Actor); code(err) != registry.CodeInvalidRequest {
		t.Errorf("log-out of an API key: %v", err)
	}
}

// TestForgedTokens: tokens of other algorithms and keys, and changed ones.
func TestForgedTokens(t *testing.T) {
	h := newHouse(t, Options{})
	h.account("boss", registry.RoleAdmin)
	a, err := h.reg.LoginAccount(t.Context(), "boss")
	if err != nil {
		t.Fatal(err)
	}
	valid := claims{Epoch: a.Epoch(), RegisteredClaims: jwt.RegisteredClaims{Issuer: issuer, Subject: "boss", ID: "x",
		IssuedAt: jwt.NewNumericDate(h.now), ExpiresAt: jwt.NewNumericDate(h.now.Add(time.Hour))}}
	sign := func(m jwt.SigningMethod, key any, change func(*claims)) string {
		t.Helper()
		c := valid
		if change != nil {
			change(&c)
		}
		s, err := jwt.NewWithClaims(m, &c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, err := h.Verify(t.Context(), sign(jwt.SigningMethodHS256, h.tokenKey, nil), somebody); err != nil {
		t.Fatalf("the token that the others are made of: %v", err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := x509.MarshalPKIXPublicKey(rsaKey.Public())
	ours := sign(jwt.SigningMethodHS256, h.tokenKey, nil)
	parts := strings.Split(ours, ".")
	for name, bearer := range map[string]string{
		"none":                    sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"HS512 with our key":      sign(jwt.SigningMethodHS512, h.tokenKey, nil),
		"RS256":                   sign(jwt.SigningMethodRS256, rsaKey, nil),
		"HS256 with a public key": sign(jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), nil),
		"another key":             sign(jwt.SigningMethodHS256, make([]byte, 32), nil),
		"another issuer":          sign(jwt.SigningMethodHS256, h.tokenKey, func(c *claims) { c.Issuer = "top" }),
		"no end":                  sign(jwt.SigningMethodHS256, h.tokenKey, func(c *claims) { c.ExpiresAt = nil }),
		"no id":                   sign(jwt.SigningMethodHS256, h.tokenKey, func(c *claims) { c.ID = "" }),
		"another epoch":           sign(jwt.SigningMethodHS256, h.tokenKey, func(c *claims) { c.Epoch-- }),
		"from tomorrow":           sign(jwt.SigningMethodHS256, h.tokenKey, func(c *claims) { c.IssuedAt = jwt.NewNumericDate(h.now.Add(time.Hour)) }),
		"nobody's":                sign(jwt.SigningMethodHS256, h.tokenKey, func(c *claims) { c.Subject = "nobody" }),
		"signature cut off":       parts[0] + "." + parts[1] + ".",
		"another's body":          parts[0] + "." + strings.Split(sign(jwt.SigningMethodHS256, h.tokenKey, func(c *claims) { c.ID = "y" }), ".")[1] + "." + parts[2],
		"long":                    strings.Repeat("x", maxToken) + "." + parts[1] + "." + parts[2],
		"dots":                    "..",
	} {
		if _, err := h.Verify(t.Context(), bearer, somebody); code(err) != registry.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoginWithKey(t *testing.T) {
	h := newHouse(t, Options{})
	ctx := t.Context()
	k, bearer, err := h.reg.IssueKey(ctx, registry.KeyRequest{Enterprise: h.enterprise, Role: registry.RoleWriter, Scopes: []registry.Scope{registry.ScopeIdentifiersRead},
		IPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Expires: h.now.Add(2 * time.Hour)}, operator)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := registry.SplitKey(bearer)
	token, err := h.Login(ctx, k.ID, secret, somebody)
	if err != nil || token.Expires.After(h.now.Add(2*time.Hour)) {
		t.Fatalf("login: %+v, %v", token, err)
	}
	if actor, err := h.Verify(ctx, token.Token, somebody); err != nil || actor.KeyID != k.ID || len(actor.Scopes) != 1 {
		t.Errorf("actor: %+v, %v", actor, err)
	}
	for name, login := range map[string]func() error{
		"wrong secret": func() error { _, err := h.Login(ctx, k.ID, secret+"x", somebody); return err },
		"elsewhere":    func() error { _, err := h.Login(ctx, k.ID, secret, netip.MustParseAddr("198.51.100.1")); return err },
		"token elsewhere": func() error {
			_, err := h.Verify(ctx, token.Token, netip.MustParseAddr("198.51.100.1"))
			return err
		},
		"day's hash": func() error { _, err := h.LoginDayHash(ctx, k.ID, secret, somebody); return err },
	} {
		if err := login(); code(err) != registry.CodeUnauthenticated && name != "day's hash" || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := h.reg.RotateKey(ctx, k.ID, time.Hour, operator); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Verify(ctx, token.Token, somebody); err != nil {
		t.Errorf("within the grace: %v", err)
	}
	h.now = h.now.Add(time.Hour)
	if _, err := h.Verify(ctx, token.Token, somebody); code(err) != registry.CodeUnauthenticated {
		t.Errorf("after the grace: %v", err)
	}
}

func TestLoginLockout(t *testing.T) {
	h := newHouse(t, Options{})
	ctx := t.Context()
	h.account("li.wei", registry.RoleWriter)
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i), 1}) }
	// A user and nobody are told the same, each time, after the same work.
	for i := range 8 {
		for _, name := range []string{"li.wei", "nobody"} {
			before := h.hashes.Load()
			_, err := h.Login(ctx, name, "wrong", addr(i))
			e, _ := errors.AsType[*registry.Error](err)
			want, hashes := registry.CodeUnauthenticated, int32(1)
			if i >= 5 {
				want, hashes = registry.CodeLockedOut, 0
			}
			if e == nil || e.Code != want || h.hashes.Load()-before != hashes || e.Code == registry.CodeLockedOut && e.RetryAfter != 15*time.Minute {
				t.Errorf("failure %d of %s: %v, %d hashes", i+1, name, err, h.hashes.Load()-before)
			}
		}
	}
	if _, err := h.Login(ctx, "li.wei", good, addr(9)); code(err) != registry.CodeLockedOut {
		t.Errorf("the right password while locked: %v", err)
	}
	h.now = h.now.Add(15 * time.Minute)
	h.login("li.wei")
	yes := true
	if _, err := h.reg.UpdateAccount(ctx, "li.wei", registry.AccountPatch{Disabled: &yes}, operator); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Login(ctx, "li.wei", good, addr(1)); code(err) != registry.CodeForbidden {
		t.Errorf("disabled, right password: %v", err)
	}
	if _, err := h.Login(ctx, "li.wei", "wrong", addr(1)); code(err) != registry.CodeUnauthenticated {
		t.Errorf("disabled, wrong password: %v", err)
	}
}

// TestLoginAddress: thirty failures from a network, whatever the names, and good logins do not count.
func TestLoginAddress(t *testing.T) {
	h := newHouse(t, Options{})
	ctx := t.Context()
	h.account("li.wei", registry.RoleWriter)
	for range 40 {
		h.login("li.wei")
	}
	var all sync.WaitGroup
	var refused, limited atomic.Int32
	for i := range 50 {
		all.Go(func() {
			_, err := h.Login(ctx, fmt.Sprintf("user%d", i), "wrong", netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
			switch code(err) {
			case registry.CodeUnauthenticated:
				refused.Add(1)
			case registry.CodeTooManyRequests:
				limited.Add(1)
			}
		})
	}
	all.Wait()
	if refused.Load() != 30 || limited.Load() != 20 {
		t.Errorf("%d refused, %d limited", refused.Load(), limited.Load())
	}
	if _, err := h.Login(ctx, "li.wei", good, netip.MustParseAddr("192.0.3.1")); err != nil {
		t.Errorf("from another network: %v", err)
	}
	h.now = h.now.Add(15 * time.Minute)
	h.login("li.wei")
	f := func(addr, want string) {
		t.Helper()
		if got := networkOf(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("network of %s: %s, want %s", addr, got, want)
		}
	}
	f("192.0.2.7", "192.0.2.0/24")
	f("::ffff:192.0.2.7", "192.0.2.0/24")
	f("2001:db8:1:2ff::1", "2001:db8:1:200::/56")
}

// TestLockoutRace: guesses at the same time are not more than the lock allows.
func TestLockoutRace(t *testing.T) {
	h := newHouse(t, Options{})
	h.account("li.wei", registry.RoleWriter)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { h.Login(t.Context(), "li.wei", "wrong", netip.AddrFrom4([4]byte{10, 0, byte(i), 1})) })
	}
	all.Wait()
	if _, err := h.Login(t.Context(), "li.wei", good, somebody); code(err) != registry.CodeLockedOut {
		t.Errorf("after twenty failures at once: %v", err)
	}
}

func TestDayHash(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	h := newHouse(t, Options{DayHash: true, Location: shanghai})
	ctx := t.Context()
	hash := func(plain, day string) string { return password.Form(password.Form(plain) + day) }
	// SNMS OpenAPI v5, identity-auth: the sample of /identity/token/v1 (spec/snms-api.md, section 4.2).
	if got := hash("123456", "2019-08-15"); got != "58e2c92c46485fdbc35fdcd0814d6c0f000cad5aa156848ca5edaf29406b7661" {
		t.Errorf("vector: %s", got)
	}
	h.account("li.wei", registry.RoleWriter)
	at := func(clock string) time.Time {
		t.Helper()
		when, err := time.ParseInLocation("2006-01-02 15:04", clock, shanghai)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		clock, day string
		ok         bool
	}{
		{"2026-11-23 12:00", "2026-11-23", true},
		{"2026-11-23 12:00", "2026-11-22", false},
		{"2026-11-23 12:00", "2026-11-24", false},
		{"2026-11-23 07:00", "2026-11-23", true}, // the day before in UTC
		{"2026-11-23 00:05", "2026-11-22", true},
		{"2026-11-23 00:11", "2026-11-22", false},
		{"2026-11-23 23:55", "2026-11-24", true},
		{"2026-11-23 23:49", "2026-11-24", false},
		{"2026-11-23 00:05", "2026-11-24", false},
	} {
		h.now = at(c.clock)
		_, err := h.LoginDayHash(ctx, "li.wei", strings.ToUpper(hash(good, c.day)), somebody)
		if (err == nil) != c.ok {
			t.Errorf("at %s with the hash of %s: %v", c.clock, c.day, err)
		}
		if err := h.reg.LoginSucceeded(ctx, "li.wei", somebody); err != nil { // so that failures do not add up
			t.Fatal(err)
		}
	}
	if _, err := h.LoginDayHash(ctx, "nobody", hash(good, "2026-11-23"), somebody); code(err) != registry.CodeUnauthenticated {
		t.Errorf("nobody: %v", err)
	}
	off := newHouse(t, Options{})
	off.account("li.wei", registry.RoleWriter)
	if _, err := off.LoginDayHash(ctx, "li.wei", hash(good, "2026-11-23"), somebody); code(err) != registry.CodeForbidden {
		t.Errorf("off: %v", err)
	}
}
