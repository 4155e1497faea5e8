package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// Options of a Verifier.
type Options struct {
	Clock      func() time.Time      // the time; default time.Now
	Registerer prometheus.Registerer // takes the metrics; default none
	Logger     *slog.Logger          // takes failures of ours; default slog.Default()
}

// Store is what a Verifier reads credentials from, and writes times of last use to.
type Store interface {
	storage.Reader
	storage.Writer
}

// Verifier checks API keys. It asks the store each time (one point read, mostly from memory), so
// that a deleted key is refused at once, on every node of a cluster, and there is no cache to keep
// in step.
type Verifier struct {
	store    Store
	clock    func() time.Time
	log      *slog.Logger
	used     lastUse
	failures *prometheus.CounterVec
}

// kinds of failures, for the metric.
const (
	kindMissing   = "missing"   // no credential
	kindMalformed = "malformed" // not of the form of an API key
	kindUnknown   = "unknown"   // no such key, or another secret
	kindExpired   = "expired"
	kindAddress   = "address" // from an address that the key is not for
	kindStore     = "store"   // the store failed
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
	for _, kind := range []string{kindMissing, kindMalformed, kindUnknown, kindExpired, kindAddress, kindStore} {
		v.failures.WithLabelValues(kind)
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(v.failures); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return v, nil
}

// Verify returns who holds the API key bearer ("idn_<keyid>_<secret>") and calls from addr. A refusal
// is a *registry.Error with CodeUnauthenticated; what was wrong is not told to the caller, except
// that none was given.
func (v *Verifier) Verify(ctx context.Context, bearer string, addr netip.Addr) (registry.Actor, error) {
	if bearer == "" {
		v.failures.WithLabelValues(kindMissing).Inc()
		return registry.Actor{}, registry.Refuse(registry.CodeUnauthenticated, "", "an API key is required")
	}
	id, secret, ok := registry.SplitKey(bearer)
	if !ok {
		return v.refuse(kindMalformed)
	}
	item, err := v.store.Get(ctx, storage.CredentialKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		return v.refuse(kindUnknown)
	}
	if err != nil {
		v.failures.WithLabelValues(kindStore).Inc()
		return registry.Actor{}, registry.AsError(fmt.Errorf("read key %s: %w", id, err))
	}
	k, err := registry.DecodeKey(item)
	if err != nil {
		v.failures.WithLabelValues(kindStore).Inc()
		return registry.Actor{}, registry.AsError(fmt.Errorf("key %s: %w", id, err))
	}
	now := v.clock()
	if !k.Accepts(secret, now) {
		return v.refuse(kindUnknown)
	}
	if !k.Expires.IsZero() && !now.Before(k.Expires) {
		return v.refuse(kindExpired)
	}
	if !allowed(k.IPs, addr) {
		return v.refuse(kindAddress)
	}
	v.used.note(k.ID, now)
	return registry.Actor{Enterprise: k.Enterprise, KeyID: k.ID, Role: k.Role, Prefixes: k.Prefixes, Scopes: k.Scopes, Addr: addr}, nil
}

func (v *Verifier) refuse(kind string) (registry.Actor, error) {
	v.failures.WithLabelValues(kind).Inc()
	return registry.Actor{}, registry.Refuse(registry.CodeUnauthenticated, "", "the API key is not valid here")
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
