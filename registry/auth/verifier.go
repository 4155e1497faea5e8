package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/storage"
)

// Options of a Verifier.
type Options struct {
	Clock      func() time.Time      // the time; default time.Now
	Registerer prometheus.Registerer // takes the metrics; default none
	Logger     *slog.Logger          // takes failures of ours; default slog.Default()

	// Registrar has the accounts, and Secret signs tokens. Without both there are API keys only.
	Registrar *registry.Registrar
	Secret    *seal.Key
	// DayHash allows logins with a hash of the password and the day, which is taken in Location (default UTC).
	DayHash  bool
	Location *time.Location
	OIDC     *OIDCOptions // the OpenID provider; default none
}

// Store is what a Verifier reads credentials from, and writes times of last use to.
type Store interface {
	storage.Reader
	storage.Writer
}

// Verifier checks API keys and tokens, and gives tokens to who logs in. It asks the store each time
// (one or two point reads, mostly from memory), so that a deleted key or a disabled account is refused
// at once, on every node of a cluster, and there is no cache to keep in step.
type Verifier struct {
	store    Store
	reg      *registry.Registrar // nil: no tokens
	secret   *seal.Key
	tokenKey []byte
	dayHash  bool
	location *time.Location
	clock    func() time.Time
	log      *slog.Logger
	used     lastUse
	failures *prometheus.CounterVec

	addresses limiter[netip.Prefix] // failed logins by network
	strangers limiter[string]       // failed logins under names that no account has

	challenges challenges
	oidc       *provider // nil: none
}

// kinds of failures, for the metric.
const (
	kindMissing   = "missing"   // no credential
	kindMalformed = "malformed" // not of the form of an API key
	kindUnknown   = "unknown"   // no such key, or another secret
	kindExpired   = "expired"
	kindAddress   = "address"  // from an address that the key is not for
	kindStore     = "store"    // the store failed
	kindToken     = "token"    // a token that is not of this node, or damaged
	kindRevoked   = "revoked"  // a token that was logged out, or whose account or key changed
	kindPassword  = "password" // a login with a wrong name or password
	kindLocked    = "locked"   // a login to a locked or disabled account
	kindLimited   = "limited"  // a login from a network of which too many failed
)

// New returns a Verifier of the keys in store.
func New(store Store, o Options) (*Verifier, error) {
	v := &Verifier{store: store, clock: o.Clock, log: logger(o.Logger), failures: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idnode_auth_failures_total",
		Help: "Credentials that were refused, by kind.",
	}, []string{"kind"})}
	if v.clock == nil {
		v.clock = time.Now
	}
	if o.Registrar != nil && o.Secret != nil {
		v.reg, v.secret, v.tokenKey, v.dayHash, v.location = o.Registrar, o.Secret, o.Secret.Derive(tokenUse), o.DayHash, o.Location
		if v.location == nil {
			v.location = time.UTC
		}
		rule := o.Registrar.LockoutRule()
		v.strangers.max, v.strangers.window, v.strangers.lock = rule.Failures, registry.FailureWindow, rule.Time
		rand.Read(v.challenges.key[:])
		v.addresses.max, v.addresses.window = maxAddressFailures, registry.FailureWindow
	}
	if o.OIDC != nil && v.reg != nil {
		var err error
		if v.oidc, err = newProvider(*o.OIDC, v.clock); err != nil {
			return nil, err
		}
	}
	for _, kind := range []string{kindMissing, kindMalformed, kindUnknown, kindExpired, kindAddress, kindStore,
		kindToken, kindRevoked, kindPassword, kindLocked, kindLimited} {
		v.failures.WithLabelValues(kind)
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(v.failures); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return v, nil
}

// Verify returns who holds the credential bearer, an API key ("idn_<keyid>_<secret>") or a token, and
// calls from addr. A refusal is a *registry.Error with CodeUnauthenticated; what was wrong is not told
// to the caller, except that none was given.
func (v *Verifier) Verify(ctx context.Context, bearer string, addr netip.Addr) (registry.Actor, error) {
	if bearer == "" {
		v.failures.WithLabelValues(kindMissing).Inc()
		return registry.Actor{}, registry.Refuse(registry.CodeUnauthenticated, "", "an API key or a token is required")
	}
	id, secret, ok := registry.SplitKey(bearer)
	if !ok {
		if v.reg != nil && isToken(bearer) {
			if v.isIDToken(bearer) {
				return v.verifyIDToken(ctx, bearer, addr)
			}
			return v.verifyToken(ctx, bearer, addr)
		}
		return v.refuse(kindMalformed)
	}
	k, err := v.readKey(ctx, id)
	if err != nil {
		return v.storeFailed(err)
	}
	now := v.clock()
	if k == nil || !k.Accepts(secret, now) {
		return v.refuse(kindUnknown)
	}
	if k.Ended(now) {
		return v.refuse(kindExpired)
	}
	if !allowed(k.IPs, addr) {
		return v.refuse(kindAddress)
	}
	return v.keyActor(k, addr, now), nil
}

func (v *Verifier) keyActor(k *registry.Key, addr netip.Addr, now time.Time) registry.Actor {
	v.used.note(k.ID, now)
	return registry.Actor{Enterprise: k.Enterprise, KeyID: k.ID, Role: k.Role, Prefixes: k.Prefixes, Scopes: k.Scopes, Addr: addr}
}

func (v *Verifier) storeFailed(err error) (registry.Actor, error) {
	v.failures.WithLabelValues(kindStore).Inc()
	return registry.Actor{}, registry.AsError(err)
}

func (v *Verifier) refuse(kind string) (registry.Actor, error) {
	v.failures.WithLabelValues(kind).Inc()
	return registry.Actor{}, registry.Refuse(registry.CodeUnauthenticated, "", "the API key or token is not valid here")
}

// allowed reports whether addr is in one of the networks, or there are none.
func allowed(networks []netip.Prefix, addr netip.Addr) bool {
	if len(networks) == 0 {
		return true
	}
	addr = addr.Unmap().WithZone("")
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}
