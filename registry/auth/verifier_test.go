package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

var (
	operator = registry.Write{Actor: registry.Actor{Enterprise: registry.Self, Role: registry.RoleOperator}}
	somebody = netip.MustParseAddr("192.0.2.7")
)

func newRegistrar(t *testing.T) (*registry.Registrar, storage.Store) {
	t.Helper()
	engine := memstore.New()
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	store := storage.Observe(engine, func(c []storage.Change) { namespaces.Observe(context.Background(), c) })
	r, err := registry.New(registry.Options{
		Store: store, Namespaces: namespaces, NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.AllocatePrefix(t.Context(), registry.PrefixRequest{Scheme: identifier.Handle, Prefix: "88.100.1", Enterprise: registry.Self}, operator); err != nil {
		t.Fatal(err)
	}
	return r, store
}

func TestVerify(t *testing.T) {
	r, store := newRegistrar(t)
	ctx := t.Context()
	now := time.Now()
	metrics := prometheus.NewRegistry()
	v, err := New(store, Options{Clock: func() time.Time { return now }, Registerer: metrics})
	if err != nil {
		t.Fatal(err)
	}
	issue := func(q registry.KeyRequest) string {
		t.Helper()
		q.Enterprise, q.Role = registry.Self, registry.RoleWriter
		_, secret, err := r.IssueKey(ctx, q, operator)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	limited := []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.1"}}
	plain := issue(registry.KeyRequest{Prefixes: limited})
	here := issue(registry.KeyRequest{IPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	elsewhere := issue(registry.KeyRequest{IPs: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("198.51.100.1/32")}})
	short := issue(registry.KeyRequest{Expires: now.Add(time.Hour)})
	id, secret, _ := registry.SplitKey(plain)

	for _, c := range []struct {
		name, bearer string
		addr         netip.Addr
		ok           bool
	}{
		{"plain", plain, somebody, true},
		{"in its network", here, somebody, true},
		{"in its network, mapped to IPv6", here, netip.MustParseAddr("::ffff:192.0.2.7"), true},
		{"out of its networks", elsewhere, somebody, false},
		{"without an address", here, netip.Addr{}, false},
		{"not yet expired", short, somebody, true},
		{"none", "", somebody, false},
		{"no form", "hello", somebody, false},
		{"no secret", "idn_" + id, somebody, false},
		{"empty secret", "idn_" + id + "_", somebody, false},
		{"another's secret", "idn_" + id + "_" + secret[1:] + "A", somebody, false},
		{"secret cut short", strings.TrimSuffix(plain, secret[len(secret)-1:]), somebody, false},
		{"unknown", "idn_kzzz_" + secret, somebody, false},
	} {
		actor, err := v.Verify(ctx, c.bearer, c.addr)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if e, _ := errors.AsType[*registry.Error](err); err != nil && (e == nil || e.Code != registry.CodeUnauthenticated) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.ok && (actor.Enterprise != registry.Self || actor.Role != registry.RoleWriter || actor.Addr != c.addr) {
			t.Errorf("%s: %+v", c.name, actor)
		}
	}
	if actor, err := v.Verify(ctx, plain, somebody); err != nil || len(actor.Prefixes) != 1 || actor.Prefixes[0] != limited[0] {
		t.Errorf("limits: %+v, %v", actor, err)
	}
	now = now.Add(time.Hour)
	if _, err := v.Verify(ctx, short, somebody); err == nil {
		t.Error("an expired key is accepted")
	}
	if err := r.RevokeKey(ctx, id, operator); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(ctx, plain, somebody); err == nil {
		t.Error("a deleted key is accepted")
	}
	if got := testutil.ToFloat64(v.failures.WithLabelValues(kindUnknown)); got != 4 {
		t.Errorf("%v failures of kind unknown, want 4", got)
	}
	if problems, err := testutil.GatherAndLint(metrics); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
	store.Close()
	_, err = v.Verify(ctx, here, somebody)
	if e, _ := errors.AsType[*registry.Error](err); e == nil || e.Code != registry.CodeUnavailable {
		t.Errorf("with a closed store: %v", err)
	}
}

// TestSecretIsNotStored looks for an issued secret in all that the store holds.
func TestSecretIsNotStored(t *testing.T) {
	r, store := newRegistrar(t)
	_, secret, err := r.IssueKey(t.Context(), registry.KeyRequest{Enterprise: registry.Self, Role: registry.RoleReader}, operator)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ = registry.SplitKey(secret)
	if len(secret) < 22 { // 128 bits in base64
		t.Errorf("the secret has %d characters", len(secret))
	}
	err = store.Scan(t.Context(), storage.Range{Start: []byte{0}, End: []byte{0xFF}}, func(key []byte, item storage.Item) error {
		if strings.Contains(string(item.Value), secret) {
			t.Errorf("key %q holds the secret", key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeyRules(t *testing.T) {
	r, _ := newRegistrar(t)
	ctx := t.Context()
	e, err := r.CreateEnterprise(ctx, registry.Enterprise{Name: "x"}, operator)
	if err != nil {
		t.Fatal(err)
	}
	own := identifier.Key{Scheme: identifier.Handle, Name: "88.100.2"}
	if _, err := r.AllocatePrefix(ctx, registry.PrefixRequest{Scheme: own.Scheme, Prefix: own.Name, Enterprise: e.ID}, operator); err != nil {
		t.Fatal(err)
	}
	admin := registry.Actor{Enterprise: e.ID, Role: registry.RoleAdmin}
	foreign := []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.1"}}
	for _, c := range []struct {
		name  string
		actor registry.Actor
		q     registry.KeyRequest
		code  string
	}{
		{"admin, writer", admin, registry.KeyRequest{Enterprise: e.ID, Role: registry.RoleWriter, Prefixes: []identifier.Key{own}}, ""},
		{"admin, operator", admin, registry.KeyRequest{Enterprise: e.ID, Role: registry.RoleOperator}, registry.CodeForbidden},
		{"admin, another's", admin, registry.KeyRequest{Enterprise: registry.Self, Role: registry.RoleWriter}, registry.CodeForbidden},
		{"admin, foreign prefix", admin, registry.KeyRequest{Enterprise: e.ID, Role: registry.RoleWriter, Prefixes: foreign}, registry.CodeInvalidKey},
		{"limited admin", registry.Actor{Enterprise: e.ID, Role: registry.RoleAdmin, Prefixes: foreign},
			registry.KeyRequest{Enterprise: e.ID, Role: registry.RoleWriter, Prefixes: []identifier.Key{own}}, registry.CodeForbidden},
		{"writer", registry.Actor{Enterprise: e.ID, Role: registry.RoleWriter}, registry.KeyRequest{Enterprise: e.ID, Role: registry.RoleReader}, registry.CodeForbidden},
		{"operator of an enterprise", operator.Actor, registry.KeyRequest{Enterprise: e.ID, Role: registry.RoleOperator}, registry.CodeInvalidKey},
		{"no role", operator.Actor, registry.KeyRequest{Enterprise: e.ID, Role: "god"}, registry.CodeInvalidKey},
		{"no enterprise", operator.Actor, registry.KeyRequest{Enterprise: "e0", Role: registry.RoleWriter}, registry.CodeNotFound},
		{"expired", operator.Actor, registry.KeyRequest{Enterprise: e.ID, Role: registry.RoleWriter, Expires: time.Unix(1, 0)}, registry.CodeInvalidKey},
	} {
		_, _, err := r.IssueKey(ctx, c.q, registry.Write{Actor: c.actor})
		got := ""
		if e, ok := errors.AsType[*registry.Error](err); ok {
			got = e.Code
		}
		if got != c.code {
			t.Errorf("%s: %v; want %q", c.name, err, c.code)
		}
	}
	k, _, err := r.IssueKey(ctx, registry.KeyRequest{Enterprise: registry.Self, Role: registry.RoleReader}, operator)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.RevokeKey(ctx, k.ID, registry.Write{Actor: admin}); err == nil {
		t.Error("an admin deleted another enterprise's key")
	}
	if keys, _, err := r.ListKeys(ctx, admin, "", registry.Paging{}); err != nil || len(keys) != 1 || keys[0].Enterprise != e.ID {
		t.Errorf("an admin's list: %v, %v", keys, err)
	}
}

func TestEnsureOperatorKey(t *testing.T) {
	r, store := newRegistrar(t)
	v, err := New(store, Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "operator.key")
	ensure := func() string {
		t.Helper()
		if err := registry.EnsureOperatorKey(t.Context(), r, path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := ensure()
	actor, err := v.Verify(t.Context(), strings.TrimSuffix(first, "\n"), somebody)
	if err != nil || !actor.IsOperator() || !strings.HasSuffix(first, "\n") {
		t.Fatalf("%q: %+v, %v", first, actor, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if ensure() != first {
		t.Error("a second start issued another key")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second := ensure()
	if second == first {
		t.Error("a lost file came back with the same key")
	}
	// With a live key elsewhere a useless file is left alone; without any it is replaced.
	id, _, _ := registry.SplitKey(strings.TrimSpace(second))
	if err := r.RevokeKey(t.Context(), id, operator); err != nil {
		t.Fatal(err)
	}
	if ensure() != second {
		t.Error("a file was replaced though the store has a live operator key")
	}
	id, _, _ = registry.SplitKey(strings.TrimSpace(first))
	if err := r.RevokeKey(t.Context(), id, operator); err != nil {
		t.Fatal(err)
	}
	if ensure() == second {
		t.Error("no key was issued though the store has none")
	}
}
