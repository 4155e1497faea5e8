package registry_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/password"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

// withPasswords gives n a registrar with cheap hashes, on the same store.
func (n *node) withPasswords(clock func() time.Time, key *seal.Key) *node {
	n.t.Helper()
	reg, err := New(Options{Store: n.store, Namespaces: n.namespaces, Clock: clock, Logger: slog.New(slog.DiscardHandler), Seal: key,
		Passwords: password.New(password.Options{Passes: 1, Memory: 64}), NodePrefixes: []identifier.Key{{Scheme: identifier.Handle, Name: "88.100"}}})
	if err != nil {
		n.t.Fatal(err)
	}
	n.Registrar = reg
	return n
}

func sealKey(t *testing.T) *seal.Key {
	t.Helper()
	k, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const good = "correct horse 9"

func TestAccountLife(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		key := sealKey(t)
		n.withPasswords(nil, key)
		ctx, op := t.Context(), Write{Actor: n.op, IdempotencyKey: "one"}
		q := AccountRequest{Username: "Li.Wei", Password: good, Enterprise: n.a.Enterprise, Roles: []Role{RoleReader, RoleAdmin, RoleReader},
			Email: "li@example.com", Mobile: "+86 138-0013-8000", Name: "李伟"}
		a, err := n.CreateAccount(ctx, q, op)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Role{RoleAdmin, RoleReader}, a.Roles); diff != "" {
			t.Errorf("roles: %s", diff)
		}
		again, err := n.CreateAccount(ctx, q, op)
		if err != nil || again.Username != a.Username {
			t.Errorf("repeated: %v, %v", again, err)
		}
		stored, err := n.LoginAccount(ctx, "LI.WEI")
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := n.VerifyPassword(ctx, stored.PasswordHash(), password.Form(good)); !ok || err != nil {
			t.Errorf("the password does not verify: %v", err)
		}
		if form, err := key.Open(stored.SealContext(), stored.SealedForm()); err != nil || string(form) != password.Form(good) {
			t.Errorf("sealed: %q, %v", form, err)
		}
		for k, v := range n.contents() {
			if strings.Contains(v, good) || strings.Contains(v, password.Form(good)) {
				t.Errorf("the password stands in the store, at %s", k)
			}
		}
		actor, err := stored.Actor()
		if err != nil || actor.Role != RoleAdmin || !actor.Has(RoleReader) || actor.Account != "li.wei" {
			t.Errorf("actor: %+v, %v", actor, err)
		}

		mail, none := "new@example.com", ""
		epoch := stored.Epoch()
		changed, err := n.UpdateAccount(ctx, "li.wei", AccountPatch{Roles: []Role{RoleWriter}, Email: &mail, Mobile: &none}, Write{Actor: n.op})
		if err != nil || changed.Email != mail || changed.Mobile != "" || len(changed.Roles) != 1 || changed.Name != "李伟" {
			t.Errorf("changed: %+v, %v", changed, err)
		}
		// What it no longer has others may have.
		if _, err := n.CreateAccount(ctx, AccountRequest{Username: "wang", Password: good, Enterprise: n.a.Enterprise, Roles: []Role{RoleReader},
			Email: "LI@example.com", Mobile: "13800138000"}, Write{Actor: n.op}); err != nil {
			t.Error(err)
		}
		yes := true
		if _, err := n.UpdateAccount(ctx, "li.wei", AccountPatch{Disabled: &yes}, Write{Actor: n.op}); err != nil {
			t.Error(err)
		}
		if stored, _ = n.LoginAccount(ctx, "li.wei"); stored.Epoch() <= epoch || !stored.Disabled {
			t.Error("disabling did not end the tokens")
		}
		if err := n.DeleteAccount(ctx, "li.wei", Write{Actor: n.op}); err != nil {
			t.Error(err)
		}
		if _, err := n.LoginAccount(ctx, "li.wei"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("deleted: %v", err)
		}
		if _, err := n.CreateAccount(ctx, AccountRequest{Username: "li.wei", Password: good, Enterprise: n.a.Enterprise, Roles: []Role{RoleReader}, Email: mail},
			Write{Actor: n.op}); err != nil {
			t.Errorf("made again: %v", err)
		}
		list, _, err := n.ListAccounts(ctx, AccountList{Actor: Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin}})
		if err != nil || len(list) != 2 {
			t.Errorf("list: %v, %v", list, err)
		}
	})
}

func TestAccountRefusals(t *testing.T) {
	n := newNode(t, memstore.New()).withPasswords(nil, nil)
	ctx := t.Context()
	admin := Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin}
	base := AccountRequest{Username: "zhang", Password: good, Enterprise: n.a.Enterprise, Roles: []Role{RoleWriter}, Email: "z@example.com", Mobile: "13900139000", OIDC: "sub-1"}
	if _, err := n.CreateAccount(ctx, base, Write{Actor: admin}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.CreateAccount(ctx, AccountRequest{Username: "boss", Password: good, Enterprise: Self, Roles: []Role{RoleOperator}}, Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	before := n.contents()
	for _, c := range []struct {
		name   string
		actor  Actor
		change func(q *AccountRequest)
		code   string
		fields string
	}{
		{"all taken", n.op, func(q *AccountRequest) { q.Username, q.Mobile = "ZHANG", "+8613900139000" }, CodeAlreadyExists, "/username /email /mobile /oidc"},
		{"everything wrong", n.op, func(q *AccountRequest) {
			*q = AccountRequest{Username: "x y", Password: "short", Enterprise: "enone", Roles: []Role{"king", RoleOperator}, Email: "nobody", Mobile: "call me"}
		}, CodeInvalidAccount, "/username /roles/0 /roles/1 /email /mobile /enterprise /password"},
		{"no password", n.op, func(q *AccountRequest) { q.Username, q.Password, q.OIDC = "u2222", "", "" }, CodeInvalidAccount, "/password"},
		{"both passwords", n.op, func(q *AccountRequest) { q.Username, q.FormHash = "u2222", password.Form(good) }, CodeInvalidAccount, "/passwordHash"},
		{"no hash", n.op, func(q *AccountRequest) { q.Username, q.Password, q.FormHash = "u2222", "", "123456" }, CodeInvalidAccount, "/passwordHash"},
		{"common by its hash", n.op, func(q *AccountRequest) { q.Username, q.Password, q.FormHash = "u2222", "", password.Form("12345678") }, CodeInvalidAccount, "/passwordHash"},
		{"common", n.op, func(q *AccountRequest) { q.Username, q.Password = "u2222", "Password" }, CodeInvalidAccount, "/password"},
		{"the user name", n.op, func(q *AccountRequest) { q.Username, q.Password = "zhangsan-9", "ZhangSan-9" }, CodeInvalidAccount, "/password"},
		{"the id of a key", n.op, func(q *AccountRequest) { q.Username = "k5xw3yqd4ljn2a" }, CodeInvalidAccount, "/username"},
		{"no role", n.op, func(q *AccountRequest) { q.Username, q.Roles = "u2222", nil }, CodeInvalidAccount, "/roles"},
		{"a writer", n.a, func(q *AccountRequest) { q.Username = "u2222" }, CodeForbidden, ""},
		{"another's admin", Actor{Enterprise: n.b.Enterprise, Role: RoleAdmin}, func(q *AccountRequest) { q.Username = "u2222" }, CodeForbidden, ""},
		{"an admin's operator", admin, func(q *AccountRequest) { q.Roles = []Role{RoleWriter, RoleOperator} }, CodeForbidden, ""},
	} {
		q := base
		c.change(&q)
		_, err := n.CreateAccount(ctx, q, Write{Actor: c.actor})
		if code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
			continue
		}
		e, _ := errors.AsType[*Error](err)
		var fields []string
		for _, v := range e.Violations {
			fields = append(fields, v.Field)
			if v.In(Chinese) == v.Detail {
				t.Errorf("%s: no Chinese for %q", c.name, v.Detail)
			}
		}
		if got := strings.Join(fields, " "); got != c.fields {
			t.Errorf("%s: fields %s, want %s", c.name, got, c.fields)
		}
	}
	yes := true
	limited := Actor{Enterprise: n.a.Enterprise, Role: RoleAdmin, Scopes: []Scope{ScopeAccountsWrite}}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"update another's":        {errOf(n.UpdateAccount(ctx, "zhang", AccountPatch{Disabled: &yes}, Write{Actor: Actor{Enterprise: n.b.Enterprise, Role: RoleAdmin}})), CodeNotFound},
		"admin makes an operator": {errOf(n.UpdateAccount(ctx, "zhang", AccountPatch{Roles: []Role{RoleOperator}}, Write{Actor: admin})), CodeInvalidAccount},
		"writer unlocks":          {errOf(n.UnlockAccount(ctx, "zhang", Write{Actor: n.a})), CodeNotFound},
		"limited admin resets":    {n.ChangePassword(ctx, "zhang", PasswordChange{Password: good + "!"}, Write{Actor: limited}), CodeForbidden},
		"self's admin and boss":   {n.DeleteAccount(ctx, "boss", Write{Actor: Actor{Enterprise: Self, Role: RoleAdmin}}), CodeForbidden},
		"no account":              {n.DeleteAccount(ctx, "nobody", Write{Actor: n.op}), CodeNotFound},
		"own without old":         {n.ChangePassword(ctx, "zhang", PasswordChange{Password: good + "!"}, Write{Actor: Actor{Enterprise: n.a.Enterprise, Account: "zhang", Role: RoleWriter}}), CodeInvalidAccount},
		"list as a writer":        {errOf3(n.ListAccounts(ctx, AccountList{Actor: n.a})), CodeForbidden},
	} {
		if code(c.err) != c.want {
			t.Errorf("%s: %v, want %s", name, c.err, c.want)
		}
	}
	if diff := cmp.Diff(before, n.contents()); diff != "" {
		t.Errorf("refused requests left: %s", diff)
	}
}

func errOf[T any](_ T, err error) error          { return err }
func errOf3[T, U any](_ T, _ U, err error) error { return err }

// TestAccountRace: of many accounts that claim one name, or one mail address, one is made.
func TestAccountRace(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		n.withPasswords(nil, nil)
		for _, same := range []string{"name", "mail"} {
			var all sync.WaitGroup
			var mu sync.Mutex
			made := 0
			for i := range 8 {
				q := AccountRequest{Username: same + "-user", Password: good, Enterprise: Self, Roles: []Role{RoleReader}, Email: string(rune('a'+i)) + same + "@example.com"}
				if same == "mail" {
					q.Username, q.Email = q.Username+string(rune('a'+i)), "one@example.com"
				}
				all.Go(func() {
					_, err := n.CreateAccount(t.Context(), q, Write{Actor: n.op})
					if c := code(err); c != "" && c != CodeAlreadyExists {
						t.Errorf("%s: %v", same, err)
					} else if c == "" {
						mu.Lock()
						made++
						mu.Unlock()
					}
				})
			}
			all.Wait()
			if made != 1 {
				t.Errorf("%d accounts of one %s", made, same)
			}
		}
	})
}

func TestLockout(t *testing.T) {
	now := time.Now()
	n := newNode(t, memstore.New()).withPasswords(func() time.Time { return now }, nil)
	ctx := t.Context()
	if _, err := n.CreateAccount(ctx, AccountRequest{Username: "zhang", Password: good, Enterprise: Self, Roles: []Role{RoleReader}}, Write{Actor: n.op}); err != nil {
		t.Fatal(err)
	}
	locked := func() bool {
		a, err := n.LoginAccount(ctx, "zhang")
		if err != nil {
			t.Fatal(err)
		}
		_, locked := a.Locked(now)
		return locked
	}
	fail := func(times int) {
		for range times {
			if err := n.LoginFailed(ctx, "zhang", n.op.Addr); err != nil {
				t.Fatal(err)
			}
		}
	}
	fail(4)
	now = now.Add(FailureWindow)
	fail(4)
	if locked() {
		t.Error("locked by failures of different times")
	}
	fail(1)
	if !locked() {
		t.Fatal("not locked after five failures")
	}
	own := Write{Actor: Actor{Enterprise: Self, Account: "zhang", Role: RoleReader}}
	err := n.ChangePassword(ctx, "zhang", PasswordChange{Password: good + "!", Old: good}, own)
	if e, _ := errors.AsType[*Error](err); e == nil || e.Code != CodeLockedOut || e.RetryAfter <= 14*time.Minute {
		t.Errorf("change while locked: %v", err)
	}
	audited := 0
	n.store.Scan(ctx, storage.TableRange(storage.TableAudit), func(_ []byte, item storage.Item) error {
		if strings.Contains(string(item.Value), "account.lock") {
			audited++
		}
		return nil
	})
	if audited != 1 {
		t.Errorf("audited %d times", audited)
	}
	if _, err := n.UnlockAccount(ctx, "zhang", Write{Actor: n.op}); err != nil || locked() {
		t.Errorf("unlock: %v", err)
	}
	for range 5 {
		n.ChangePassword(ctx, "zhang", PasswordChange{Password: good + "!", Old: "wrong"}, own)
	}
	if !locked() {
		t.Error("wrong old passwords do not lock")
	}
	if err := n.ChangePassword(ctx, "zhang", PasswordChange{Password: good + "!"}, Write{Actor: n.op}); err != nil || locked() {
		t.Errorf("reset: %v", err)
	}
	fail(4)
	if err := n.LoginSucceeded(ctx, "zhang", n.op.Addr); err != nil {
		t.Error(err)
	}
	fail(4)
	if locked() {
		t.Error("a good login does not forget the failures before")
	}
	if err := n.ChangePassword(ctx, "zhang", PasswordChange{Password: good + "?", Old: good + "!"}, own); err != nil {
		t.Errorf("own change: %v", err)
	}
	if err := n.LoginFailed(context.Background(), "nobody", n.op.Addr); err != nil {
		t.Errorf("of nobody: %v", err)
	}
}
