package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/password"
	"github.com/idnode/idnode/storage"
)

// maxAddressFailures is how many failed logins a network may have within registry.FailureWindow.
const maxAddressFailures = 30

// Login gives a token to who has the password of an account, or with the id of an API key as user
// name its secret. A wrong password and an unknown user get the same answer after the same work.
// Refusals: CodeUnauthenticated, CodeLockedOut and CodeTooManyRequests with RetryAfter,
// CodeForbidden (the account is disabled).
func (v *Verifier) Login(ctx context.Context, username, plain string, addr netip.Addr) (Token, error) {
	if registry.IsKeyID(username) {
		return v.loginKey(ctx, username, plain, addr)
	}
	return v.login(ctx, username, addr, func(a *registry.Account) (bool, error) {
		hash := ""
		if a != nil {
			hash = a.PasswordHash()
		}
		return v.reg.VerifyPassword(ctx, hash, password.Form(plain))
	})
}

// login gives a token to the account of that name if check finds what was proven good. Check is
// called with nil where there is no account, and must do the same work then.
func (v *Verifier) login(ctx context.Context, username string, addr netip.Addr, check func(*registry.Account) (bool, error)) (Token, error) {
	if v.reg == nil {
		return Token{}, registry.Refuse(registry.CodeUnauthenticated, "", "this node gives no tokens")
	}
	now := v.clock()
	if e := v.takeAddress(addr, now); e != nil {
		return Token{}, e
	}
	a, err := v.personAccount(ctx, username)
	if err != nil {
		return Token{}, registry.AsError(err)
	}
	if a != nil {
		if left, locked := a.Locked(now); locked {
			return v.refuseLogin(registry.LockedOut(left))
		}
	} else if left := v.strangers.take(registry.FoldUsername(username), now); left > 0 {
		return v.refuseLogin(registry.LockedOut(left))
	}
	good, err := check(a)
	if err != nil {
		return Token{}, registry.AsError(err)
	}
	if a == nil {
		return v.refuseFailure(v.reg.StrangerFailed(ctx, addr))
	}
	if !good {
		return v.refuseFailure(v.reg.LoginFailed(ctx, username, addr))
	}
	// While the hash was computed others may have failed, or the password may have been changed.
	fresh, err := v.personAccount(ctx, username)
	if err != nil {
		return Token{}, registry.AsError(err)
	}
	if fresh == nil || fresh.PasswordHash() != a.PasswordHash() {
		return v.refuseFailure(nil)
	}
	if left, locked := fresh.Locked(now); locked {
		return v.refuseLogin(registry.LockedOut(left))
	}
	v.addresses.giveBack(networkOf(addr), now)
	if fresh.Disabled {
		return v.refuseLogin(registry.Refuse(registry.CodeForbidden, "", "the account %s is disabled; ask an administrator to enable it", fresh.Username))
	}
	if err := v.reg.LoginSucceeded(ctx, username, addr); err != nil {
		return Token{}, err
	}
	return v.issue(fresh, now)
}

// personAccount is the account of that name, nil if there is none that logs in with a password.
func (v *Verifier) personAccount(ctx context.Context, username string) (*registry.Account, error) {
	a, err := v.reg.LoginAccount(ctx, username)
	if errors.Is(err, storage.ErrNotFound) || err == nil && a.Kind != registry.PersonAccount {
		return nil, nil
	}
	return a, err
}

func (v *Verifier) loginKey(ctx context.Context, id, secret string, addr netip.Addr) (Token, error) {
	if v.reg == nil {
		return Token{}, registry.Refuse(registry.CodeUnauthenticated, "", "this node gives no tokens")
	}
	now := v.clock()
	if e := v.takeAddress(addr, now); e != nil {
		return Token{}, e
	}
	k, err := v.readKey(ctx, id)
	if err != nil {
		return Token{}, registry.AsError(err)
	}
	if k == nil || !k.Accepts(secret, now) || k.Ended(now) || !allowed(k.IPs, addr) {
		return v.refuseFailure(nil)
	}
	v.addresses.giveBack(networkOf(addr), now)
	return v.issueKey(k, secret, now)
}

// takeAddress counts a login in advance, and refuses it if too many failed.
func (v *Verifier) takeAddress(addr netip.Addr, now time.Time) *registry.Error {
	if wait := v.addresses.take(networkOf(addr), now); wait > 0 {
		return v.limited(wait)
	}
	return nil
}

func (v *Verifier) limited(wait time.Duration) *registry.Error {
	v.failures.WithLabelValues(kindLimited).Inc()
	e := registry.Refuse(registry.CodeTooManyRequests, "", "too many failed logins from your network; it may be tried again in %s", wait.Round(time.Second))
	e.RetryAfter = wait
	return e
}

// refuseFailure is the one answer to a wrong password and to an unknown user.
func (v *Verifier) refuseFailure(err error) (Token, error) {
	if err != nil {
		return Token{}, err
	}
	v.failures.WithLabelValues(kindPassword).Inc()
	return Token{}, registry.Refuse(registry.CodeUnauthenticated, "", "the user name or the password is wrong")
}

func (v *Verifier) refuseLogin(e *registry.Error) (Token, error) {
	v.failures.WithLabelValues(kindLocked).Inc()
	return Token{}, e
}

// readKey reads an API key, nil if there is none.
func (v *Verifier) readKey(ctx context.Context, id string) (*registry.Key, error) {
	item, err := v.store.Get(ctx, storage.CredentialKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", id, err)
	}
	k, err := registry.DecodeKey(item)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", id, err)
	}
	return k, nil
}
