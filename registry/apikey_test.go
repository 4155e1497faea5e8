package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

func TestRotateKey(t *testing.T) {
	now := time.Now()
	engine := memstore.New()
	n := newNodeWith(t, engine, engine, func() time.Time { return now })
	ctx, op := t.Context(), Write{Actor: n.op}
	k, bearer, err := n.IssueKey(ctx, KeyRequest{Enterprise: n.a.Enterprise, Role: RoleWriter, Name: "MES"}, op)
	if err != nil {
		t.Fatal(err)
	}
	accepts := func(bearer string) bool {
		t.Helper()
		id, secret, _ := SplitKey(bearer)
		stored, err := n.APIKey(ctx, id, n.op)
		if err != nil {
			t.Fatal(err)
		}
		return stored.Accepts(secret, now)
	}
	rotated, second, err := n.RotateKey(ctx, k.ID, time.Hour, op)
	if err != nil || !accepts(bearer) || !accepts(second) || !rotated.PreviousUntil.After(now.Add(59*time.Minute)) {
		t.Fatalf("after the rotation: %v, first %v, second %v", err, accepts(bearer), accepts(second))
	}
	before := n.contents()
	for name, c := range map[string]struct {
		grace time.Duration
		w     Write
		id    string
		want  string
	}{
		"two secrets are good": {time.Hour, op, k.ID, CodeInvalidState},
		"grace too long":       {31 * 24 * time.Hour, op, k.ID, CodeInvalidKey},
		"grace negative":       {-1, op, k.ID, CodeInvalidKey},
		"writer":               {0, Write{Actor: n.a}, k.ID, CodeForbidden},
		"another's admin":      {0, Write{Actor: Actor{Enterprise: n.b.Enterprise, Role: RoleAdmin}}, k.ID, CodeNotFound},
		"limited admin":        {0, Write{Actor: Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin, Scopes: []Scope{ScopeKeysWrite}}}, k.ID, CodeForbidden},
		"admin of one prefix": {0, Write{Actor: Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin,
			Prefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.1.1"}}}}, k.ID, CodeForbidden},
		"no such key": {0, op, "knone", CodeNotFound},
	} {
		if _, _, err := n.RotateKey(ctx, c.id, c.grace, c.w); code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if diff := cmp.Diff(before, n.contents()); diff != "" {
		t.Errorf("refused rotations left: %s", diff)
	}
	now = now.Add(time.Hour)
	if accepts(bearer) || !accepts(second) {
		t.Error("the first secret is good after its grace, or the second is not")
	}
	admin := Write{Actor: Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin}}
	_, third, err := n.RotateKey(ctx, k.ID, 0, admin)
	if err != nil || accepts(second) || !accepts(third) {
		t.Errorf("with no grace: %v, second %v, third %v", err, accepts(second), accepts(third))
	}
}

func TestKeyScopes(t *testing.T) {
	n := newNode(t, memstore.New())
	ctx := t.Context()
	limited := Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin, Scopes: []Scope{ScopeKeysWrite, ScopeIdentifiersRead}}
	k, _, err := n.IssueKey(ctx, KeyRequest{Enterprise: n.a.Enterprise, Role: RoleWriter}, Write{Actor: limited})
	if err != nil || len(k.Scopes) != 2 {
		t.Fatalf("a limited credential's key: %v, %v", k, err)
	}
	if !limited.Allows(ScopeIdentifiersRead) || limited.Allows(ScopeIdentifiersWrite) || !n.a.Allows(ScopeAuditRead) {
		t.Error("Allows")
	}
	for _, c := range []struct {
		actor Actor
		scope Scope
		want  string
	}{{limited, ScopeIdentifiersWrite, CodeForbidden}, {n.op, "identifiers", CodeInvalidKey}} {
		if _, _, err := n.IssueKey(ctx, KeyRequest{Enterprise: n.a.Enterprise, Role: RoleWriter, Scopes: []Scope{c.scope}}, Write{Actor: c.actor}); code(err) != c.want {
			t.Errorf("scope %s: %v, want %s", c.scope, err, c.want)
		}
	}
	many := Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin, Roles: []Role{RoleAdmin, RoleReader}}
	if !many.Has(RoleReader) || !many.Has(RoleAdmin) || many.IsOperator() {
		t.Error("Has")
	}
}
