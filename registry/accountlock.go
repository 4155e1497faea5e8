package registry

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/idnode/idnode/storage"
)

// FailureWindow is the time within which failed logins are counted together.
const FailureWindow = 15 * time.Minute

// Lockout says when an account is locked.
type Lockout struct {
	Failures int           // failed logins within [FailureWindow] that lock; default 5
	Time     time.Duration // how long; default 15 minutes
}

func (l Lockout) withDefaults() Lockout {
	return Lockout{cmp.Or(l.Failures, 5), cmp.Or(l.Time, 15*time.Minute)}
}

// LockoutRule is the rule in force.
func (r *Registrar) LockoutRule() Lockout { return r.lockout }

// LockedOut is the refusal of a login for the time that is left.
func LockedOut(left time.Duration) *Error { return lockedOut(left) }

func lockedOut(left time.Duration) *Error {
	e := refuse(CodeLockedOut, "", "too many failed logins; it may be tried again in %s", left.Round(time.Second))
	e.RetryAfter = left
	return e
}

// LoginFailed notes a failed login, and locks the account if there were too many. An account that is
// gone is no error.
func (r *Registrar) LoginFailed(ctx context.Context, username string, addr netip.Addr) error {
	return r.noteLogin(ctx, username, func(b *storage.Batch, a *Account, now time.Time) (bool, error) {
		if _, locked := a.Locked(now); locked {
			return false, nil // by another failure at the same time
		}
		a.secret.Failures = slices.DeleteFunc(a.secret.Failures, func(t time.Time) bool { return now.Sub(t) >= FailureWindow })
		a.secret.Failures = append(a.secret.Failures, now)
		who := Actor{Enterprise: a.Enterprise, Account: FoldUsername(a.Username), Addr: addr}
		if err := r.audit(b, now, who, AuditEntry{Op: "account.loginFailed", ID: a.Username}); err != nil {
			return false, err
		}
		if len(a.secret.Failures) < r.lockout.Failures {
			return true, nil
		}
		a.LockedUntil, a.secret.Failures = now.Add(r.lockout.Time), nil
		r.log.Warn("account locked after failed logins", "account", a.Username, "addr", addr, "until", a.LockedUntil)
		return true, r.audit(b, now, who, AuditEntry{Op: "account.lock", ID: a.Username, Version: a.Version + 1})
	})
}

// StrangerFailed notes a failed login under a name that no account has. The name is left out: people
// type passwords there. It costs a write as LoginFailed does, so that the time does not tell which
// names there are.
func (r *Registrar) StrangerFailed(ctx context.Context, addr netip.Addr) error {
	var b storage.Batch
	if err := r.audit(&b, r.now(), Actor{Addr: addr}, AuditEntry{Op: "account.loginFailed"}); err != nil {
		return AsError(err)
	}
	if _, err := r.store.Apply(ctx, &b); err != nil {
		return AsError(err)
	}
	return nil
}

// LoginSucceeded forgets failed logins before a good one, and notes it in the audit.
func (r *Registrar) LoginSucceeded(ctx context.Context, username string, addr netip.Addr) error {
	return r.noteLogin(ctx, username, func(b *storage.Batch, a *Account, now time.Time) (bool, error) {
		forget := len(a.secret.Failures) > 0 || !a.LockedUntil.IsZero()
		a.secret.Failures, a.LockedUntil = nil, time.Time{}
		actor, err := a.Actor()
		if err != nil {
			return false, err
		}
		actor.Addr = addr
		return forget, r.audit(b, now, actor, AuditEntry{Op: "account.login", ID: a.Username})
	})
}

// noteLogin writes what note adds to a batch, and the account if note says that it has changed it.
func (r *Registrar) noteLogin(ctx context.Context, username string, note func(b *storage.Batch, a *Account, now time.Time) (changed bool, err error)) error {
	for range attempts {
		a, err := r.LoginAccount(ctx, username)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return AsError(err)
		}
		var b storage.Batch
		changed, err := note(&b, a, r.now())
		if err == nil && changed {
			err = putAccount(&b, a, storage.OpUpdate)
		}
		if err != nil {
			return AsError(err)
		}
		if len(b.Writes()) == 0 {
			return nil
		}
		if _, err = r.store.Apply(ctx, &b); !errors.Is(err, storage.ErrConflict) {
			if err != nil {
				return AsError(err)
			}
			return nil
		}
		if err := r.backOff(ctx); err != nil {
			return AsError(err)
		}
	}
	return refuse(CodeConflict, "", "others changed it at the same time, %d times; try again", attempts)
}

// VerifyPassword reports whether a password of that form has the hash encoded; without a hash it takes
// as long. At most four are looked at a time.
func (r *Registrar) VerifyPassword(ctx context.Context, encoded, form string) (bool, error) {
	return r.passwords.Verify(ctx, encoded, form)
}
