package resolver

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Options says what a Resolver works on. Store and Namespaces are required.
type Options struct {
	Store      storage.Reader
	Namespaces *storage.Namespaces

	// Own lists the namespaces that this node answers for beside those it has allocated: an unknown
	// identifier below one of them is NotFound here, and NotResponsible elsewhere.
	Own []identifier.Key

	// Cache is the nearest tier. Default: none.
	Cache Cache

	// Site returns the node's own HS_SITE in wire form, told in computed prefix records. It is a
	// function because a site tells ports that are known once the listeners are bound.
	Site func() []byte

	// Admin is the administrator named in computed prefix records. Default: value 300 of the
	// prefix record itself.
	Admin identifier.Ref

	// NSI holds the codes that Ask reads as Ecode to what their coding systems say. Default: none.
	NSI *identifier.NSITable

	// ReadTimeout bounds one read of the store. Default 5 s.
	ReadTimeout time.Duration

	Logger *slog.Logger // default: slog.Default()
}

// Resolver answers queries. All methods are safe for concurrent use.
type Resolver struct {
	o         Options
	flights   singleflight.Group
	stamps    stamps
	templates templates
}

// New returns a resolver.
func New(o Options) (*Resolver, error) {
	if o.Store == nil || o.Namespaces == nil {
		return nil, errors.New("resolver needs a store and its namespaces")
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Cache == nil {
		o.Cache = noCache{}
	}
	if o.Site == nil {
		o.Site = func() []byte { return nil }
	}
	r := &Resolver{o: o}
	r.stamps.seed = maphash.MakeSeed()
	return r, nil
}

// Resolve answers q from the nearest tier that can. It does not return an error: that the store
// could not be read is the outcome Failed, or Overloaded if ctx ended first.
func (r *Resolver) Resolve(ctx context.Context, q Query) Answer {
	if q.ID.IsZero() {
		return Answer{Status: Invalid}
	}
	if q.Trace {
		return r.traced(ctx, &q)
	}
	a := r.exact(ctx, &q, nil)
	if a.Status == NotFound {
		return r.beyond(ctx, &q, a, nil)
	}
	return a
}

// exact answers q with the record of its identifier, or with what its namespace says in its stead.
func (r *Resolver) exact(ctx context.Context, q *Query, t *trace) Answer {
	stamp := r.Stamp() // before anything is looked at
	ns := r.o.Namespaces.Find(q.ID)
	t.namespace(ns)
	switch {
	case ns == nil && q.ID.IsPrefixRecord():
		a := r.ownPrefix(q)
		a.Stamp = stamp
		return a
	case ns == nil && r.responsible(q.ID):
		return Answer{Status: NotFound, Stamp: stamp}
	case ns == nil:
		return Answer{Status: NotResponsible, Stamp: stamp}
	case ns.State != identifier.NamespaceActive:
		return Answer{Status: Suspended, Namespace: ns, Reason: ns.Reason, Stamp: stamp}
	case q.ID.IsPrefixRecord():
		stamp = stamp.of(r, q.ID.Key(false))
		a := r.prefixRecord(ctx, q, ns)
		if a.Err == nil {
			a.Stamp = stamp
		}
		return a
	case ns.Mode == identifier.Delegated:
		return Answer{Status: Referral, Tier: TierComputed, Namespace: ns, Service: ns.Service, Stamp: stamp}
	}
	k := q.ID.Key(ns.CaseSensitive)
	stamp = stamp.of(r, k)
	rec, tier, err := r.record(ctx, k, q)
	a := r.answer(q, ns, rec, tier, err)
	if err == nil {
		a.Stamp = stamp
	}
	return a
}

// answer names the outcome of having looked for q's record.
func (r *Resolver) answer(q *Query, ns *identifier.Namespace, rec *identifier.Record, tier Tier, err error) Answer {
	a := Answer{Status: Found, Tier: tier, Namespace: ns, Record: rec}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		a.Status, a.Err = Overloaded, err
	case err != nil:
		a.Status, a.Err = Failed, err
		r.o.Logger.Error("resolve failed", "id", q.ID.Qualified(), "err", err)
	case rec == nil:
		a.Status = NotFound
	case rec.State == identifier.Revoked:
		a.Status, a.Reason = Revoked, rec.Reason
	case !a.any(q):
		a.Status = NoValues
	}
	return a
}

// any reports whether a has a value for q.
func (a *Answer) any(q *Query) bool {
	found := false
	a.Values(q, func(*identifier.Value) bool {
		found = true
		return false
	})
	return found
}

// responsible reports whether id lies below a namespace that is ours to allocate from.
func (r *Resolver) responsible(id identifier.ID) bool {
	for prefix := range id.Namespaces() {
		return r.Owns(identifier.Key{Scheme: id.Scheme(), Name: prefix})
	}
	return false
}

// Owns reports whether the namespace k is one of the node's own or lies below one.
func (r *Resolver) Owns(k identifier.Key) bool {
	for _, own := range r.o.Own {
		if own.Scheme == k.Scheme && k.Scheme.Contains(own.Name, k.Name) {
			return true
		}
	}
	return false
}

// record returns what is stored under k, nil for nothing. While it is being written nothing is taken from
// the cache, nor from somebody who has begun to read earlier.
func (r *Resolver) record(ctx context.Context, k identifier.Key, q *Query) (*identifier.Record, Tier, error) {
	writing := r.stamps.writing(k)
	if !q.NoCache && !writing {
		if rec, ok := r.o.Cache.Get(k); ok {
			return rec, TierLRU, nil
		}
	}
	if q.Scratch != nil {
		rec, err := r.readInto(ctx, k, q.Scratch)
		return rec, TierStore, err
	}
	if writing {
		ctx, cancel := context.WithTimeout(ctx, r.o.ReadTimeout)
		defer cancel()
		rec, err := r.read(ctx, k)
		return rec, TierStore, err
	}
	// One goroutine per identifier reads; the others wait for it. It has a deadline of its own, so
	// that an asker who goes away does not fail the rest.
	ch := r.flights.DoChan(flightKey(k), func() (rec any, err error) {
		// A panic here would be raised in a goroutine that no front end recovers.
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic reading a record: %v", v)
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.ReadTimeout)
		defer cancel()
		return r.read(ctx, k)
	})
	select {
	case res := <-ch:
		rec, _ := res.Val.(*identifier.Record)
		return rec, TierStore, res.Err
	case <-ctx.Done():
		return nil, TierNone, ctx.Err()
	}
}

// readInto reads the record of k into s, nil if there is none. Nothing is allocated once s has room.
func (r *Resolver) readInto(ctx context.Context, k identifier.Key, s *Scratch) (*identifier.Record, error) {
	s.key = storage.AppendRecordKey(s.key[:0], k)
	item, err := r.o.Store.GetInto(ctx, s.key, s.row[:0])
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	if s.row = item.Value; cap(s.row) > maxScratch {
		s.row = nil // the record has it until the next
	}
	if err := identifier.DecodeRecordInto(item.Value, &s.record); err != nil {
		return nil, fmt.Errorf("stored record of %s: %w", k.Name, err)
	}
	s.record.Version = item.Version
	return &s.record, nil
}

// maxScratch is the octets of the longest record whose memory a Scratch keeps.
const maxScratch = 64 << 10

func (r *Resolver) read(ctx context.Context, k identifier.Key) (*identifier.Record, error) {
	ticket := r.o.Cache.Ticket(k)
	item, err := r.o.Store.Get(ctx, storage.RecordKey(k))
	if errors.Is(err, storage.ErrNotFound) {
		r.o.Cache.Fill(k, ticket, nil, 0)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	rec, err := identifier.DecodeRecord(item.Value)
	if err != nil {
		return nil, fmt.Errorf("stored record of %s: %w", k.Name, err)
	}
	rec.Version = item.Version
	r.o.Cache.Fill(k, ticket, rec, len(item.Value))
	return rec, nil
}

func flightKey(k identifier.Key) string { return string(rune(k.Scheme)) + k.Name }

// noCache is the Cache of a resolver without one.
type noCache struct{}

func (noCache) Get(identifier.Key) (*identifier.Record, bool)        { return nil, false }
func (noCache) Ticket(identifier.Key) Ticket                         { return 0 }
func (noCache) Fill(identifier.Key, Ticket, *identifier.Record, int) {}
func (noCache) Forget(identifier.Key)                                {}
func (noCache) Clear()                                               {}
