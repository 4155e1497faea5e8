package registry

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry/password"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/storage"
)

// Options are the parts of a Registrar.
type Options struct {
	// Store is written and read. Its Apply must bring Namespaces up to date before it returns (see
	// [storage.Observe]). Required.
	Store storage.Store
	// Namespaces are the allocated namespaces. Required.
	Namespaces *storage.Namespaces
	// NodePrefixes are the namespaces that the node may allocate under.
	NodePrefixes []identifier.Key
	// Numbers is how next free prefixes are chosen.
	Numbers Numbers
	// CaseSensitive makes Handle namespaces take suffixes as written where a request does not say.
	CaseSensitive bool
	// NSI is the coding systems of Ecode that the node knows: what is registered under one keeps to its
	// rules. Default: none.
	NSI *identifier.NSITable
	// Limits bounds what is accepted.
	Limits Limits
	// CloseApplications refuses applications of enterprises that have no credential yet.
	CloseApplications bool
	// RequireRealName lets an enterprise become active only once its real-name data is whole.
	RequireRealName bool
	// Seal seals the forms of passwords, for logins with a day's hash (SNMS). Default: they are not kept.
	Seal *seal.Key
	// Passwords hashes passwords. Default: password.New.
	Passwords *password.Hasher
	// Lockout says when an account is locked.
	Lockout Lockout
	// Webhooks is what webhooks need. Default: there are none.
	Webhooks WebhookRules
	// Location is where the dates in minted identifiers are. Default: China's.
	Location *time.Location
	// Registered is told of each identifier that a single request has registered: when the request began, and how
	// long it took. Default: nobody is told.
	Registered func(at time.Time, took time.Duration)
	// Clock is the time; default time.Now.
	Clock func() time.Time
	// Logger takes what operators did; default slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics; default none.
	Registerer prometheus.Registerer
}

// Registrar holds the rules of registration. Its methods may be called from many goroutines.
type Registrar struct {
	store      storage.Store
	namespaces *storage.Namespaces
	prefixes   []identifier.Key
	numbers    Numbers
	exact      bool // Handle namespaces are case-sensitive unless they say otherwise
	nsi        *identifier.NSITable
	limits     Limits
	seal       *seal.Key // nil: forms of passwords are not kept
	passwords  *password.Hasher
	lockout    Lockout
	clock      func() time.Time
	log        *slog.Logger
	metrics    *metrics
	closed     bool // to applications without a credential
	realName   bool // data of enterprises must be whole
	applicants networkLimit
	applying   sync.Mutex
	exporting  atomic.Int32 // exports under way
	digesting  atomic.Int32 // digests of prefixes under way
	webhooks   WebhookRules

	creatingWebhook sync.Mutex

	recordExports exportPlaces
	registered    func(at time.Time, took time.Duration) // nil: nobody is told

	// gate orders writes of records (which hold it shared from reading the namespace to the end of
	// Apply) and changes of namespaces and enterprises: a suspension that has been answered stops every
	// later write, and the case rule of a namespace never changes under a write.
	gate sync.RWMutex

	location *time.Location // of dates in minted identifiers
	minting  mintLocks
	mintSeed maphash.Seed

	quotas    quotas
	templates sync.Map // key of a template → *compiled

	mu      sync.Mutex
	running map[[32]byte]struct{} // scopes of idempotency keys whose first request is under way
}

// New returns a Registrar, and sees to it that the enterprise [Self] exists.
func New(o Options) (*Registrar, error) {
	if o.Store == nil || o.Namespaces == nil {
		return nil, errors.New("registry: Store and Namespaces are required")
	}
	r := &Registrar{
		store:      o.Store,
		namespaces: o.Namespaces,
		prefixes:   o.NodePrefixes,
		numbers:    o.Numbers,
		exact:      o.CaseSensitive,
		nsi:        o.NSI,
		limits:     o.Limits.withDefaults(),
		clock:      o.Clock,
		log:        o.Logger,
		seal:       o.Seal,
		passwords:  o.Passwords,
		lockout:    o.Lockout.withDefaults(),
		running:    make(map[[32]byte]struct{}),
		closed:     o.CloseApplications,
		realName:   o.RequireRealName,
		webhooks:   o.Webhooks,
		registered: o.Registered,
		applicants: networkLimit{most: applicationsPerHour, per: time.Hour},
	}
	r.location, r.minting, r.mintSeed = o.Location, newMintLocks(), maphash.MakeSeed()
	if r.location == nil {
		r.location = beijing
	}
	if r.clock == nil {
		r.clock = time.Now
	}
	if r.passwords == nil {
		r.passwords = password.New(password.Options{})
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	var err error
	if r.metrics, err = newMetrics(r, o.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	if err := r.ensureSelf(context.Background()); err != nil {
		return nil, fmt.Errorf("create enterprise %s: %w", Self, err)
	}
	return r, nil
}

// Limits returns the limits in force.
func (r *Registrar) Limits() Limits { return r.limits }

// now is the present time in UTC to the millisecond, as records keep it.
func (r *Registrar) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }

// Write says who writes and under which conditions.
type Write struct {
	Actor          Actor
	IfMatch        uint64 // the version that the record must have; 0: any
	IfNoneMatch    bool   // only if the identifier does not exist
	Reason         string // why, for the history of the record
	IdempotencyKey string // the client's name for this request, or ""
	KeepTimestamps bool   // keep the values' timestamps where they are given
	Fields         []byte // create, replace: a JSON object of what the record's template says of it, beside its values
	Revive         bool   // a create over a tombstone with reason "deleted" succeeds (Handle and SNMS)
	Again          bool   // a create with the content that the same credential created within 24 h, unchanged since, succeeds and changes nothing (SNMS)
	Present        bool   // a revocation is of what is there: one that is repeated is refused with CodeRevoked (SNMS)
	Operation      string // the route; idempotency keys of different routes do not meet
	MaxRows        int    // the most rows of a batch; 0: Limits.BatchRows
}

// Result is the answer to a write.
type Result struct {
	Record   *identifier.Record // as it is now
	Created  bool               // there was no such identifier before
	Seq      storage.Seq        // the place in the change log; 0 if nothing was changed by this request
	Replayed bool               // the answer that an earlier request with the same idempotency key was given
}
