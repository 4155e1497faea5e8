package registry

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/idnode/idnode/registry/password"
	"github.com/idnode/idnode/storage"
)

// AccountRequest asks for an account of a person.
type AccountRequest struct {
	Username   string
	Password   string // in plain, or
	FormHash   string // its SHA-256 in hexadecimal, as SNMS clients send it; neither only with OIDC
	Enterprise string
	Roles      []Role
	Email      string
	Mobile     string
	Name       string
	OIDC       string // the subject, or user name, at the OpenID provider
}

// CreateAccount makes an account. Operators make every account, an enterprise's admin accounts of the
// enterprise with its roles; what the asking credential is limited to, the account is limited to as
// well. The password is no part of what an idempotency key stands for. Refusals: CodeForbidden,
// CodeInvalidAccount and CodeAlreadyExists with all that is wrong, and those of the idempotency key.
func (r *Registrar) CreateAccount(ctx context.Context, q AccountRequest, w Write) (*Account, error) {
	a := &Account{
		Username: q.Username, Kind: PersonAccount, Enterprise: q.Enterprise, Roles: q.Roles, Name: q.Name, Email: q.Email, Mobile: q.Mobile, OIDC: q.OIDC,
		Scopes: w.Actor.Scopes,
	}
	for _, p := range w.Actor.keyLimits() {
		a.Prefixes = append(a.Prefixes, qualified(p))
	}
	if refusal := w.Actor.managesAccount(a); refusal != nil {
		return nil, refusal
	}
	if !w.Actor.IsOperator() { // who has only applied makes no accounts
		if refusal := r.checkActive(ctx, q.Enterprise, "/enterprise"); refusal != nil {
			return nil, refusal
		}
	}
	all := checkUsername(q.Username)
	more, err := r.checkAccount(ctx, a)
	if err != nil {
		return nil, AsError(err)
	}
	all = append(all, more...)
	form := ""
	if q.Password != "" || q.FormHash != "" {
		form, more = checkPassword(q.Username, q.Password, q.FormHash)
		all = append(all, more...)
	} else if q.OIDC == "" {
		all = append(all, violation("/password", "a password is required, or a name at the OpenID provider"))
	}
	if refusal := refuseAll(CodeInvalidAccount, all); refusal != nil {
		return nil, refusal
	}
	a.Roles = sortRoles(a.Roles)
	if form != "" {
		if err := r.setPassword(ctx, a, form); err != nil {
			return nil, AsError(err)
		}
	}
	q.Password, q.FormHash = "", ""
	fingerprint := func(h hash.Hash) { hashJSON(h, "account.create", q) }
	made, err := once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Account, error) {
		return r.addAccount(ctx, b, *a, w, now)
	})
	if err == nil {
		r.log.Info("account created", "account", made.Username, "enterprise", made.Enterprise, "by", w.Actor.by())
	}
	return made, err
}

// addAccount adds a new account to b.
func (r *Registrar) addAccount(ctx context.Context, b *storage.Batch, a Account, w Write, now time.Time) (*Account, error) {
	a.Created, a.Updated = now, now
	if a.secret.Hash != "" {
		a.PasswordSet = now
	}
	a.endTokens(now)
	var taken []Violation
	_, err := readAccount(ctx, r.store, FoldUsername(a.Username))
	if err == nil {
		taken = append(taken, violation("/username", "the user name %s is taken", a.Username))
	} else if !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	more, err := r.claimNames(ctx, b, nil, &a)
	if err != nil {
		return nil, err
	}
	if refusal := refuseAll(CodeAlreadyExists, append(taken, more...)); refusal != nil {
		return nil, refusal
	}
	if err := putAccount(b, &a, storage.OpCreate); err != nil {
		return nil, err
	}
	return &a, r.audit(b, now, w.Actor, AuditEntry{Op: "account.create", ID: a.Username, Version: a.Version})
}

// setPassword gives a the password of that form.
func (r *Registrar) setPassword(ctx context.Context, a *Account, form string) error {
	encoded, err := r.passwords.Hash(ctx, form)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	a.secret.Hash, a.secret.Sealed = encoded, nil
	if r.seal != nil {
		a.secret.Sealed = r.seal.Seal(a.SealContext(), []byte(form))
	}
	return nil
}

// AccountPatch changes an account. What is nil stays as it is.
type AccountPatch struct {
	Roles    []Role  `json:"roles,omitempty"`
	Email    *string `json:"email,omitempty"`
	Mobile   *string `json:"mobile,omitempty"`
	Name     *string `json:"name,omitempty"`
	OIDC     *string `json:"oidc,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`
}

// UpdateAccount changes an account. New roles count with the next request of its tokens; disabling
// ends them. Refusals: CodeForbidden, CodeNotFound, CodeInvalidAccount and CodeAlreadyExists with all
// that is wrong.
func (r *Registrar) UpdateAccount(ctx context.Context, username string, p AccountPatch, w Write) (*Account, error) {
	fingerprint := func(h hash.Hash) { hashJSON(h, "account.update", []any{FoldUsername(username), p}) }
	return r.changeAccount(ctx, username, w, fingerprint, "account.update", func(b *storage.Batch, a *Account, now time.Time) error {
		if a.Kind == ApplicationAccount && (p.Email != nil || p.Mobile != nil || p.OIDC != nil) {
			return refuse(CodeInvalidAccount, "", "an application's identity has roles, a name and a state only")
		}
		old := *a
		if p.Roles != nil {
			a.Roles = p.Roles
		}
		for _, f := range []struct {
			given *string
			to    *string
		}{{p.Email, &a.Email}, {p.Mobile, &a.Mobile}, {p.Name, &a.Name}, {p.OIDC, &a.OIDC}} {
			if f.given != nil {
				*f.to = *f.given
			}
		}
		all, err := r.checkAccount(ctx, a)
		if err != nil {
			return err
		}
		if refusal := refuseAll(CodeInvalidAccount, all); refusal != nil {
			return refusal
		}
		if refusal := w.Actor.managesAccount(a); refusal != nil {
			return refusal
		}
		a.Roles = sortRoles(a.Roles)
		if p.Disabled != nil && *p.Disabled != a.Disabled {
			a.Disabled = *p.Disabled
			a.endTokens(now)
		}
		taken, err := r.claimNames(ctx, b, &old, a)
		if err != nil {
			return err
		}
		if refusal := refuseAll(CodeAlreadyExists, taken); refusal != nil {
			return refusal
		}
		return nil
	})
}

// UnlockAccount lifts a lock after failed logins. Refusals: CodeForbidden, CodeNotFound.
func (r *Registrar) UnlockAccount(ctx context.Context, username string, w Write) (*Account, error) {
	fingerprint := func(h hash.Hash) { hashJSON(h, "account.unlock", FoldUsername(username)) }
	return r.changeAccount(ctx, username, w, fingerprint, "account.unlock", func(_ *storage.Batch, a *Account, _ time.Time) error {
		a.LockedUntil, a.secret.Failures = time.Time{}, nil
		return nil
	})
}

// changeAccount applies change to an account that the actor manages.
func (r *Registrar) changeAccount(ctx context.Context, username string, w Write, fingerprint func(hash.Hash), op string, change func(b *storage.Batch, a *Account, now time.Time) error) (*Account, error) {
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Account, error) {
		a, err := r.managedAccount(ctx, username, w.Actor)
		if err != nil {
			return nil, err
		}
		if err := change(b, a, now); err != nil {
			return nil, err
		}
		a.Updated = now
		if err := putAccount(b, a, storage.OpUpdate); err != nil {
			return nil, err
		}
		return a, r.audit(b, now, w.Actor, AuditEntry{Op: op, ID: a.Username, Version: a.Version})
	})
}

// managedAccount reads an account that actor must be allowed to change.
func (r *Registrar) managedAccount(ctx context.Context, username string, actor Actor) (*Account, error) {
	a, err := r.LoginAccount(ctx, username)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !actor.seesAccount(a) {
		return nil, refuse(CodeNotFound, "username", "no account %s", username)
	}
	if err != nil {
		return nil, err
	}
	if refusal := actor.managesAccount(a); refusal != nil {
		return nil, refusal
	}
	return a, nil
}

// DeleteAccount deletes an account and ends its tokens, at once. Refusals: CodeForbidden,
// CodeNotFound, CodeConflict.
func (r *Registrar) DeleteAccount(ctx context.Context, username string, w Write) error {
	a, err := r.managedAccount(ctx, username, w.Actor)
	if err != nil {
		return AsError(err)
	}
	now := r.now()
	var b storage.Batch
	key := storage.AccountKey(FoldUsername(a.Username))
	b.Delete(key, a.Version)
	b.Log(storage.Change{Op: storage.OpRevoke, Key: key, Version: a.Version + 1})
	if _, err := r.claimNames(ctx, &b, a, nil); err != nil {
		return AsError(err)
	}
	if err := r.audit(&b, now, w.Actor, AuditEntry{Op: "account.delete", ID: a.Username}); err != nil {
		return AsError(err)
	}
	if _, err := r.store.Apply(ctx, &b); err != nil {
		return AsError(fmt.Errorf("delete account %s: %w", username, err))
	}
	r.log.Info("account deleted", "account", a.Username, "enterprise", a.Enterprise, "by", w.Actor.by())
	return nil
}

// PasswordChange is a new password.
type PasswordChange struct {
	Password string // in plain, or
	FormHash string // its SHA-256 in hexadecimal
	Old      string // the password now, for the own account
}

// ChangePassword sets the password of an account and ends its tokens. For the own account the
// password now is asked for, and a wrong one counts as a failed login; who manages another's resets
// it, which lifts a lock. Refusals: CodeForbidden, CodeNotFound, CodeInvalidAccount, CodeLockedOut.
func (r *Registrar) ChangePassword(ctx context.Context, username string, c PasswordChange, w Write) error {
	own := w.Actor.Account != "" && w.Actor.Account == FoldUsername(username)
	var a *Account
	var err error
	if own {
		if a, err = r.LoginAccount(ctx, username); errors.Is(err, storage.ErrNotFound) {
			err = refuse(CodeNotFound, "username", "no account %s", username)
		}
	} else {
		a, err = r.managedAccount(ctx, username, w.Actor)
	}
	if err != nil {
		return AsError(err)
	}
	if a.Kind == ApplicationAccount {
		return refuse(CodeInvalidAccount, "username", "an application's identity has a public key, not a password")
	}
	form, all := checkPassword(a.Username, c.Password, c.FormHash)
	if refusal := refuseAll(CodeInvalidAccount, all); refusal != nil {
		return refusal
	}
	if own {
		if err := r.checkOld(ctx, a, c.Old, w.Actor); err != nil {
			return AsError(err)
		}
	}
	fresh := Account{Username: a.Username}
	if err := r.setPassword(ctx, &fresh, form); err != nil {
		return AsError(err)
	}
	for range attempts {
		now := r.now()
		if err := r.replacePassword(ctx, a, fresh.secret, own, now, w); !errors.Is(err, storage.ErrConflict) {
			if err == nil {
				r.log.Info("password changed", "account", a.Username, "by", w.Actor.by())
				return nil
			}
			return AsError(err)
		}
		before := a.secret.Hash
		if a, err = r.LoginAccount(ctx, username); err != nil {
			return AsError(err)
		}
		if own && a.secret.Hash != before {
			break // another password was set meanwhile: the one that was asked for is not the present one
		}
		if !own {
			if refusal := w.Actor.managesAccount(a); refusal != nil {
				return refusal
			}
		}
	}
	return refuse(CodeConflict, "", "the account was changed at the same time; try again")
}

func (r *Registrar) replacePassword(ctx context.Context, a *Account, s accountSecret, own bool, now time.Time, w Write) error {
	next := *a
	next.secret.Hash, next.secret.Sealed, next.PasswordSet, next.Updated = s.Hash, s.Sealed, now, now
	next.endTokens(now)
	if !own {
		next.LockedUntil, next.secret.Failures = time.Time{}, nil
	}
	var b storage.Batch
	if err := putAccount(&b, &next, storage.OpUpdate); err != nil {
		return err
	}
	if err := r.audit(&b, now, w.Actor, AuditEntry{Op: "account.password", ID: a.Username, Version: next.Version}); err != nil {
		return err
	}
	_, err := r.store.Apply(ctx, &b)
	return err
}

// checkOld checks the present password of a.
func (r *Registrar) checkOld(ctx context.Context, a *Account, old string, actor Actor) error {
	if old == "" {
		return refuse(CodeInvalidAccount, "/old", "the present password is required")
	}
	if d, locked := a.Locked(r.now()); locked {
		return lockedOut(d)
	}
	ok, err := r.passwords.Verify(ctx, a.secret.Hash, password.Form(old))
	if err != nil {
		return err
	}
	if !ok {
		if err := r.LoginFailed(ctx, a.Username, actor.Addr); err != nil {
			return err
		}
		return refuse(CodeInvalidAccount, "/old", "this is not the present password")
	}
	return nil
}
