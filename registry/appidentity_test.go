package registry_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

const edKey = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"

func TestIdentity(t *testing.T) {
	n := newNode(t, memstore.New()).withPasswords(nil, nil)
	ctx := t.Context()
	admin := Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin}
	must(t)(n.Create(ctx, record("88.100.1/taken", "x"), Write{Actor: n.a}))
	base := IdentityRequest{Identity: "300:88.100.1/APP", Enterprise: n.a.Enterprise, Role: RoleWriter, PublicKey: []byte(edKey)}
	before := n.contents()
	for _, c := range []struct {
		name   string
		actor  Actor
		change func(q *IdentityRequest)
		code   string
	}{
		{"no index", admin, func(q *IdentityRequest) { q.Identity = "88.100.1/APP" }, CodeInvalidAccount},
		{"prefix record", n.op, func(q *IdentityRequest) { q.Identity = "300:0.NA/88.100.1" }, CodeInvalidAccount},
		{"no key", admin, func(q *IdentityRequest) { q.PublicKey = nil }, CodeInvalidAccount},
		{"damaged key", admin, func(q *IdentityRequest) { q.PublicKey = []byte(strings.Replace(edKey, "MCow", "MCox", 1)) }, CodeInvalidAccount},
		{"another value there", admin, func(q *IdentityRequest) { q.Identity = "1:88.100.1/taken" }, CodeInvalidAccount},
		{"another's prefix", n.op, func(q *IdentityRequest) { q.Identity = "300:88.100.2/APP" }, CodeNotYourNamespace},
		{"limits of another", admin, func(q *IdentityRequest) {
			q.Prefixes = []identifier.Key{{Scheme: identifier.Handle, Name: "88.100.2"}}
		}, CodeInvalidAccount},
		{"operator's role", admin, func(q *IdentityRequest) { q.Role = RoleOperator }, CodeForbidden},
		{"operator's role in an enterprise", n.op, func(q *IdentityRequest) { q.Role = RoleOperator }, CodeInvalidAccount},
		{"writer", n.a, func(*IdentityRequest) {}, CodeForbidden},
		{"scope", Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin, Scopes: []Scope{ScopeAccountsWrite}}, func(*IdentityRequest) {}, CodeForbidden},
	} {
		q := base
		c.change(&q)
		if _, err := n.CreateIdentity(ctx, q, Write{Actor: c.actor}); code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	if diff := cmp.Diff(before, n.contents()); diff != "" {
		t.Errorf("refused requests left: %s", diff)
	}
	a, err := n.CreateIdentity(ctx, base, Write{Actor: admin, IdempotencyKey: "i"})
	if err != nil || a.Username != "300:88.100.1/APP" || a.Kind != ApplicationAccount {
		t.Fatalf("created: %+v, %v", a, err)
	}
	if _, err := n.CreateIdentity(ctx, base, Write{Actor: admin, IdempotencyKey: "i"}); err != nil {
		t.Errorf("repeated: %v", err)
	}
	if _, err := n.CreateIdentity(ctx, base, Write{Actor: admin}); code(err) != CodeAlreadyExists {
		t.Errorf("a second time: %v", err)
	}
	rec, err := n.Get(ctx, parse(t, "88.100.1/APP"), Get{Actor: n.op})
	if err != nil || len(rec.Values) != 1 || rec.Values[0].Index != 300 || rec.Values[0].Type != "HS_PUBKEY" || rec.Version != 1 {
		t.Errorf("record: %+v, %v", rec, err)
	}
	// A key beside other values, and one that is there already.
	base.Identity = "300:88.100.1/taken"
	if _, err := n.CreateIdentity(ctx, base, Write{Actor: admin}); err != nil {
		t.Error(err)
	}
	if rec, _ = n.Get(ctx, parse(t, "88.100.1/taken"), Get{Actor: n.op}); len(rec.Values) != 2 {
		t.Errorf("values: %+v", rec.Values)
	}
	if err := n.DeleteIdentity(ctx, "300:88.100.1/TAKEN", Write{Actor: admin}); err != nil {
		t.Error(err)
	}
	base.PublicKey = nil
	if _, err := n.CreateIdentity(ctx, base, Write{Actor: admin}); err != nil {
		t.Errorf("with the key that stands there: %v", err)
	}
	if err := n.ChangePassword(ctx, base.Identity, PasswordChange{Password: good}, Write{Actor: n.op}); code(err) != CodeInvalidAccount {
		t.Errorf("a password: %v", err)
	}
}
