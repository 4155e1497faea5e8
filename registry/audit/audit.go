package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// MinRetention is the least time that entries may be kept: the Cybersecurity Law of the PRC, article 21,
// has network logs kept for six months at least.
const MinRetention = 180 * 24 * time.Hour

// Options are the parts of a Log. Only Store is required.
type Options struct {
	Store storage.Store

	// Retention is how long an entry is kept at least. 0: for ever.
	Retention time.Duration

	// Interval is the time between removals of what is older. Default 10 minutes.
	Interval time.Duration

	// Gather is how long the follower waits for more entries before it chains those that came: a batch
	// for all of them instead of one each. Default 200 ms.
	Gather time.Duration

	// SigningKey signs heads. Default: they are not signed.
	SigningKey ed25519.PrivateKey

	// Clock tells the time. Default: time.Now.
	Clock func() time.Time

	// Logger takes what went wrong. Default: slog.Default().
	Logger *slog.Logger

	// Registerer takes the metrics. Default: none.
	Registerer prometheus.Registerer
}

// Log is the hash-chained audit log of a store. Its methods may be called from many goroutines.
type Log struct {
	o       Options
	store   storage.Store
	id      identity
	metrics *metrics
}

// New returns the log of o.Store, and gives it its identity if it has none.
func New(ctx context.Context, o Options) (*Log, error) {
	if o.Store == nil {
		return nil, errors.New("audit: Store is required")
	}
	if o.Interval == 0 {
		o.Interval = 10 * time.Minute
	}
	if o.Gather == 0 {
		o.Gather = 200 * time.Millisecond
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	l := &Log{o: o, store: o.Store}
	var err error
	if l.id, err = l.identify(ctx); err != nil {
		return nil, fmt.Errorf("identity of the audit log: %w", err)
	}
	if l.metrics, err = newMetrics(l, o.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return l, nil
}

// identify reads the log's identity, or makes it.
func (l *Log) identify(ctx context.Context) (identity, error) {
	id, _, err := read[identity](ctx, l.store, identityKey)
	if !errors.Is(err, storage.ErrNotFound) {
		return id, err
	}
	rand.Read(id.Store[:])
	id.Created = l.now()
	value, err := json.Marshal(&id)
	if err != nil {
		return id, err
	}
	var b storage.Batch
	b.Put(identityKey, value, 0)
	if _, err = l.store.Apply(ctx, &b); errors.Is(err, storage.ErrConflict) { // another node was first
		id, _, err = read[identity](ctx, l.store, identityKey)
	}
	return id, err
}

// Run chains and removes until ctx ends.
func (l *Log) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { l.follow(ctx) })
	if l.o.Retention > 0 {
		work.Go(func() { l.removeOld(ctx) })
	}
	work.Wait()
}

// Head returns the newest entry of the chain, signed if the log has a key. Refusal: registry.CodeForbidden.
func (l *Log) Head(ctx context.Context, a registry.Actor) (auditchain.Head, error) {
	if err := allow(a); err != nil {
		return auditchain.Head{}, err
	}
	at, err := l.read(ctx, l.store)
	if err != nil {
		return auditchain.Head{}, registry.AsError(err)
	}
	h := l.outside(at.head)
	if l.o.SigningKey != nil {
		h.Sign(l.o.SigningKey)
	}
	return h, nil
}

// allow refuses who may not see the log as a whole.
func allow(a registry.Actor) error {
	if !a.Has(registry.RoleOperator, registry.RoleAuditor) {
		return registry.Refuse(registry.CodeForbidden, "", "role %s does not read the audit log", a.Role)
	}
	return nil
}

// now is the time in UTC to the millisecond.
func (l *Log) now() time.Time { return l.o.Clock().UTC().Truncate(time.Millisecond) }

// wait waits for d, and reports whether ctx goes on.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
