package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

const (
	providerTimeout = 10 * time.Second // of each request to the provider
	discoveryRetry  = 10 * time.Second // between attempts to find it
	loginLife       = 10 * time.Minute // from the redirect to the callback
	sealedLogin     = "oidc login"     // what the cookie is sealed for
)

// OIDCOptions are an OpenID provider (OpenID Connect Core 1.0) and how the node is known there.
type OIDCOptions struct {
	Issuer        string   // URL; required
	ClientID      string   // required
	ClientSecret  string   // "" for a public client
	RedirectURL   string   // of /v1/login/oidc/callback, as browsers reach it; required
	Scopes        []string // default openid and profile
	UsernameClaim string   // what accounts may name instead of the subject; default preferred_username
}

// provider is the OpenID provider. It is looked up when it is first needed, and again after a while
// if it does not answer: a dead provider stops nothing but its own logins.
type provider struct {
	o      OIDCOptions
	client *http.Client
	clock  func() time.Time

	mu    sync.Mutex
	found *oidc.Provider
	again time.Time // when it may be looked for again
}

func newProvider(o OIDCOptions, clock func() time.Time) (*provider, error) {
	if o.ClientID == "" || o.RedirectURL == "" {
		return nil, errors.New("auth: an OpenID provider needs a client id and a redirect URL")
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{oidc.ScopeOpenID, "profile"}
	}
	if o.UsernameClaim == "" {
		o.UsernameClaim = "preferred_username"
	}
	return &provider{o: o, client: &http.Client{Timeout: providerTimeout}, clock: clock}, nil
}

// lookUp returns the provider as it describes itself.
func (p *provider) lookUp(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	now := p.clock()
	if now.Before(p.again) {
		return nil, errProviderDown(nil)
	}
	// Not with the context of a request that may go away: others wait for the answer too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)
	defer cancel()
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.o.Issuer)
	if err != nil {
		p.again = now.Add(discoveryRetry)
		return nil, errProviderDown(err)
	}
	p.found = found
	return found, nil
}

func errProviderDown(err error) *registry.Error {
	e := registry.Refuse(registry.CodeUnavailable, "", "the OpenID provider does not answer; try again later, or log in with a password")
	e.Err = err
	return e
}

func (p *provider) config(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, RedirectURL: p.o.RedirectURL, Scopes: p.o.Scopes, Endpoint: found.Endpoint()}
}

func (p *provider) verifier(found *oidc.Provider) *oidc.IDTokenVerifier {
	return found.Verifier(&oidc.Config{ClientID: p.o.ClientID, Now: p.clock})
}

// oidcLogin is what a browser keeps in a sealed cookie from the redirect to the callback.
type oidcLogin struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // PKCE, RFC 7636
	Expires  time.Time `json:"expires"`
}

// HasOIDC reports whether people log in at an OpenID provider.
func (v *Verifier) HasOIDC() bool { return v.oidc != nil }

// SecureOIDC reports whether browsers come back by HTTPS, so that the cookie is for HTTPS only.
func (v *Verifier) SecureOIDC() bool {
	return v.oidc != nil && strings.HasPrefix(v.oidc.o.RedirectURL, "https:")
}

// StartOIDC begins a login at the OpenID provider: the URL to send the browser to, and what it has to
// bring back in a cookie within ten minutes. Refusal: CodeUnavailable.
func (v *Verifier) StartOIDC(ctx context.Context) (target, cookie string, err error) {
	found, err := v.oidc.lookUp(ctx)
	if err != nil {
		return "", "", err
	}
	l := oidcLogin{State: newNonce(), Nonce: newNonce(), Verifier: oauth2.GenerateVerifier(), Expires: v.clock().Add(loginLife)}
	text, err := json.Marshal(&l)
	if err != nil {
		return "", "", registry.AsError(err)
	}
	target = v.oidc.config(found).AuthCodeURL(l.State, oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier))
	return target, encodeCookie(v.secret.Seal(sealedLogin, text)), nil
}

// FinishOIDC ends a login at the OpenID provider with what the browser brought back, and gives a
// token to the account that names the subject, or the user name, that the provider tells. Refusals:
// CodeUnauthenticated, CodeTooManyRequests, CodeForbidden (no such account, or disabled),
// CodeUnavailable.
func (v *Verifier) FinishOIDC(ctx context.Context, state, code, cookie string, addr netip.Addr) (Token, error) {
	now := v.clock()
	if e := v.takeAddress(addr, now); e != nil {
		return Token{}, e
	}
	l, ok := v.openCookie(cookie)
	if !ok || subtle.ConstantTimeCompare([]byte(l.State), []byte(state)) != 1 || !now.Before(l.Expires) || code == "" {
		v.failures.WithLabelValues(kindPassword).Inc()
		return Token{}, registry.Refuse(registry.CodeUnauthenticated, "", "the login was not begun in this browser, or took longer than %s; begin again at /v1/login/oidc", loginLife)
	}
	found, err := v.oidc.lookUp(ctx)
	if err != nil {
		return Token{}, err
	}
	ctx = oidc.ClientContext(ctx, v.oidc.client)
	answer, err := v.oidc.config(found).Exchange(ctx, code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		if _, refused := errors.AsType[*oauth2.RetrieveError](err); !refused {
			return Token{}, errProviderDown(err)
		}
		return v.refuseProvider(err)
	}
	raw, _ := answer.Extra("id_token").(string)
	id, err := v.oidc.verifier(found).Verify(ctx, raw)
	if err == nil && subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(l.Nonce)) != 1 {
		err = errors.New("the ID token is of another login")
	}
	if err != nil {
		return v.refuseProvider(err)
	}
	v.addresses.giveBack(networkOf(addr), now)
	a, err := v.accountOf(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return v.refuseLogin(registry.Refuse(registry.CodeForbidden, "", "no account here is for %s of the OpenID provider; ask an administrator to set oidc of yours", id.Subject))
	}
	if err != nil {
		return Token{}, registry.AsError(err)
	}
	if a.Disabled {
		return v.refuseLogin(registry.Refuse(registry.CodeForbidden, "", "the account %s is disabled; ask an administrator to enable it", a.Username))
	}
	if err := v.reg.LoginSucceeded(ctx, a.Username, addr); err != nil {
		return Token{}, err
	}
	return v.issue(a, now)
}

func (v *Verifier) refuseProvider(err error) (Token, error) {
	v.failures.WithLabelValues(kindPassword).Inc()
	v.log.Warn("login at the OpenID provider failed", "err", err)
	return Token{}, registry.Refuse(registry.CodeUnauthenticated, "", "the OpenID provider did not confirm the login; begin again at /v1/login/oidc")
}

// accountOf is the account that names an ID token's subject, or else its user name. Error:
// storage.ErrNotFound.
func (v *Verifier) accountOf(ctx context.Context, id *oidc.IDToken) (*registry.Account, error) {
	a, err := v.reg.AccountByOIDC(ctx, id.Subject)
	if !errors.Is(err, storage.ErrNotFound) {
		return a, err
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	name, _ := claims[v.oidc.o.UsernameClaim].(string)
	if name == "" {
		return nil, fmt.Errorf("no claim %s: %w", v.oidc.o.UsernameClaim, storage.ErrNotFound)
	}
	return v.reg.AccountByOIDC(ctx, name)
}

// isIDToken reports whether bearer says that it is of the OpenID provider.
func (v *Verifier) isIDToken(bearer string) bool {
	if v.oidc == nil {
		return false
	}
	var c jwt.RegisteredClaims
	_, _, err := jwt.NewParser().ParseUnverified(bearer, &c)
	return err == nil && c.Issuer == v.oidc.o.Issuer
}

// verifyIDToken returns who holds an ID token of the OpenID provider. Failures count as failed logins:
// one may make the node ask the provider for its keys.
func (v *Verifier) verifyIDToken(ctx context.Context, bearer string, addr netip.Addr) (registry.Actor, error) {
	now := v.clock()
	if wait := v.addresses.full(networkOf(addr), now); wait > 0 {
		return registry.Actor{}, v.limited(wait)
	}
	found, err := v.oidc.lookUp(ctx)
	if err != nil {
		return registry.Actor{}, err
	}
	id, err := v.oidc.verifier(found).Verify(oidc.ClientContext(ctx, v.oidc.client), bearer)
	if err != nil {
		v.addresses.take(networkOf(addr), now)
		return v.refuse(kindToken)
	}
	a, err := v.accountOf(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return v.refuse(kindUnknown)
	}
	if err != nil {
		return v.storeFailed(err)
	}
	if a.Disabled {
		return v.refuse(kindRevoked)
	}
	actor, err := v.actorOf(a, now)
	actor.Addr = addr
	return actor, err
}

func encodeCookie(sealed []byte) string { return base64.RawURLEncoding.EncodeToString(sealed) }

func (v *Verifier) openCookie(cookie string) (l oidcLogin, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil {
		return l, false
	}
	text, err := v.secret.Open(sealedLogin, sealed)
	return l, err == nil && json.Unmarshal(text, &l) == nil
}
