package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

const (
	issuer    = "idnode"
	tokenLife = 24 * time.Hour
	maxToken  = 8 << 10 // octets; ours have some 300, those of OpenID providers some thousand
	tokenUse  = "idnode tokens"
)

// Token is what a login is answered with.
type Token struct {
	Token      string          `json:"token"`
	Expires    time.Time       `json:"expires"`
	Roles      []registry.Role `json:"roles"`
	Enterprise string          `json:"enterprise"`
}

// claims are those of a token (RFC 7519). Roles are not among them: they are read with each use.
type claims struct {
	jwt.RegisteredClaims
	Epoch int64  `json:"epoch,omitempty"` // of the account: a token of another is no longer good
	Key   string `json:"key,omitempty"`   // of an API key: which of its secrets logged in
	Sign  string `json:"sign,omitempty"`  // of an application: the public key with which it did
}

// issue makes a token for an account.
func (v *Verifier) issue(a *registry.Account, now time.Time) (Token, error) {
	return v.sign(Token{Roles: a.Roles, Enterprise: a.Enterprise}, now, now.Add(tokenLife),
		claims{RegisteredClaims: jwt.RegisteredClaims{Subject: registry.FoldUsername(a.Username)}, Epoch: a.Epoch()})
}

// issueIdentity makes a token for an application. It ends when its public key changes.
func (v *Verifier) issueIdentity(a *registry.Account, k *registry.IdentityKey, now time.Time) (Token, error) {
	return v.sign(Token{Roles: a.Roles, Enterprise: a.Enterprise}, now, now.Add(tokenLife),
		claims{RegisteredClaims: jwt.RegisteredClaims{Subject: a.Username}, Epoch: a.Epoch(), Sign: secretMark(k.Mark)})
}

// issueKey makes a token for an API key. It ends with the key, and with the secret.
func (v *Verifier) issueKey(k *registry.Key, secret string, now time.Time) (Token, error) {
	expires := now.Add(tokenLife)
	if !k.Expires.IsZero() && k.Expires.Before(expires) {
		expires = k.Expires
	}
	return v.sign(Token{Roles: []registry.Role{k.Role}, Enterprise: k.Enterprise}, now, expires,
		claims{RegisteredClaims: jwt.RegisteredClaims{Subject: k.ID}, Key: secretMark(sha256.Sum256([]byte(secret)))})
}

// secretMark tells which secret it was without telling it, or its hash.
func secretMark(hash [32]byte) string {
	sum := sha256.Sum256(append([]byte("secret mark\x00"), hash[:]...))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func (v *Verifier) sign(t Token, now, expires time.Time, c claims) (Token, error) {
	t.Expires = expires.UTC().Truncate(time.Second)
	c.Issuer, c.ID = issuer, newNonce()
	c.IssuedAt, c.ExpiresAt = jwt.NewNumericDate(now), jwt.NewNumericDate(t.Expires)
	var err error
	if t.Token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, &c).SignedString(v.tokenKey); err != nil {
		return Token{}, registry.AsError(fmt.Errorf("sign token: %w", err))
	}
	return t, nil
}

// newNonce is 192 random bits in 32 characters.
func newNonce() string {
	var b [24]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// isToken reports whether bearer may be a JWT: three parts.
func isToken(bearer string) bool {
	return len(bearer) <= maxToken && strings.Count(bearer, ".") == 2
}

// verifyToken returns who holds a token of ours. The account, or API key, is read each time.
func (v *Verifier) verifyToken(ctx context.Context, bearer string, addr netip.Addr) (registry.Actor, error) {
	now := v.clock()
	var c claims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(time.Second), jwt.WithTimeFunc(func() time.Time { return now }))
	if _, err := parser.ParseWithClaims(bearer, &c, func(*jwt.Token) (any, error) { return v.tokenKey, nil }); err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			return v.refuse(kindExpired)
		}
		return v.refuse(kindToken)
	}
	if c.ID == "" || c.Subject == "" {
		return v.refuse(kindToken)
	}
	revoked, err := v.reg.TokenRevoked(ctx, c.ID, c.ExpiresAt.Time)
	if err != nil {
		return v.storeFailed(err)
	}
	if revoked {
		return v.refuse(kindRevoked)
	}
	var actor registry.Actor
	if c.Key != "" {
		actor, err = v.keyOfToken(ctx, &c, addr, now)
	} else {
		actor, err = v.accountOfToken(ctx, &c, now)
	}
	if err != nil {
		return registry.Actor{}, err
	}
	actor.Addr, actor.Token, actor.TokenExpires = addr, c.ID, c.ExpiresAt.Time
	return actor, nil
}

func (v *Verifier) accountOfToken(ctx context.Context, c *claims, now time.Time) (registry.Actor, error) {
	a, err := v.reg.LoginAccount(ctx, c.Subject)
	if errors.Is(err, storage.ErrNotFound) {
		return v.refuse(kindRevoked)
	}
	if err != nil {
		return v.storeFailed(err)
	}
	if a.Disabled || a.Epoch() != c.Epoch {
		return v.refuse(kindRevoked)
	}
	if a.Kind == registry.ApplicationAccount {
		// A suspension of its namespace or enterprise takes the key away.
		k, err := v.reg.IdentityKey(ctx, a)
		if err != nil {
			v.failures.WithLabelValues(kindRevoked).Inc()
			return registry.Actor{}, registry.AsError(err)
		}
		if c.Sign != secretMark(k.Mark) {
			return v.refuse(kindRevoked)
		}
	}
	return v.actorOf(a, now)
}

// actorOf is who acts with an account that has proven itself.
func (v *Verifier) actorOf(a *registry.Account, now time.Time) (registry.Actor, error) {
	actor, err := a.Actor()
	if err != nil {
		return v.storeFailed(err)
	}
	v.used.note(a.UseName(), now)
	return actor, nil
}

func (v *Verifier) keyOfToken(ctx context.Context, c *claims, addr netip.Addr, now time.Time) (registry.Actor, error) {
	k, err := v.readKey(ctx, c.Subject)
	if err != nil {
		return v.storeFailed(err)
	}
	if k == nil || k.Ended(now) {
		return v.refuse(kindRevoked)
	}
	current := subtle.ConstantTimeCompare([]byte(c.Key), []byte(secretMark(k.SecretHash))) == 1
	previous := now.Before(k.PreviousUntil) && subtle.ConstantTimeCompare([]byte(c.Key), []byte(secretMark(k.PreviousHash))) == 1
	if !current && !previous {
		return v.refuse(kindRevoked)
	}
	if !allowed(k.IPs, addr) {
		return v.refuse(kindAddress)
	}
	return v.keyActor(k, addr, now), nil
}
