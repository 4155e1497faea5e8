package topsync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Question is a resolution request, as the log of requests has it.
type Question struct {
	Time      time.Time
	Took      time.Duration // until the answer; 0: less than it takes to look
	Client    netip.Addr    // invalid: not known; counted, and in no list of sources
	ID        identifier.ID // zero: it was no identifier; measured, and counted for nobody
	Namespace *identifier.Namespace
	Success   bool // it was answered, a referral included
}

// Requests counts questions, as they are read from a log that can be read again from a place in it. One goroutine
// calls its methods.
type Requests struct {
	s       *Syncer
	pending counts
	tried   *attempt // of which the store did not say whether it was applied
}

// attempt is a Flush.
type attempt struct {
	expect uint64 // version of the feed's row before it
	counts counts
}

// feed is how far the log of requests has been counted.
type feed struct {
	Position []byte    `json:"position"`
	Through  time.Time `json:"through"` // all questions up to then are counted
}

var feedKey = storage.SyncKey(storage.SyncFeed, nil, nil)

// counts are what is counted and not stored.
type counts struct {
	asked   map[subject]*asked
	sources map[source]uint64
	days    map[day]*measurement
}

// subject is of whom something is counted on a day: a prefix of the node in table T3, one of an enterprise in T8.
type subject struct {
	day   day
	table string
	of    identifier.Key
}

type source struct {
	subject
	ip netip.Addr
}

// asked is what was asked of a subject. It is the stored form, too.
type asked struct {
	Requests  uint64  `json:"requests"`
	Successes uint64  `json:"successes"`
	Sources   uint64  `json:"sources"`          // that are counted exactly, each in its row
	Sketch    *sketch `json:"sketch,omitempty"` // of those beyond the limit; nil: there are none
}

func newCounts() counts {
	return counts{make(map[subject]*asked), make(map[source]uint64), make(map[day]*measurement)}
}

func (c *counts) empty() bool { return len(c.asked) == 0 && len(c.days) == 0 }

// add adds what o counted.
func (c *counts) add(o *counts) {
	for k, a := range o.asked {
		c.of(k).Requests += a.Requests
		c.of(k).Successes += a.Successes
	}
	for k, n := range o.sources {
		c.sources[k] += n
	}
	for d, m := range o.days {
		if c.days[d] == nil {
			c.days[d] = new(measurement)
		}
		c.days[d].merge(m)
	}
}

func (c *counts) of(k subject) *asked {
	a := c.asked[k]
	if a == nil {
		a = new(asked)
		c.asked[k] = a
	}
	return a
}

func (s subject) key() []byte {
	return storage.SyncKey(storage.SyncDay, []string{string(s.day), s.table, qualified(s.of)}, nil)
}

// sourcesPrefix begins the keys of the subject's sources, in the order of their addresses.
func (s subject) sourcesPrefix() []byte {
	return storage.SyncKey(storage.SyncSource, []string{string(s.day), s.table, qualified(s.of)}, nil)
}

func (s source) key() []byte {
	address := s.ip.As16()
	return append(s.sourcesPrefix(), address[:]...)
}

// Requests returns a counter of questions. There is one for a store.
func (s *Syncer) Requests() *Requests { return &Requests{s: s, pending: newCounts()} }

// Count counts a question. Nothing is stored before Flush.
func (r *Requests) Count(q *Question) {
	d := dayOf(q.Time, r.s.o.Location)
	m := r.pending.days[d]
	if m == nil {
		m = new(measurement)
		r.pending.days[d] = m
	}
	m.add(q.Time.UTC(), q.Took)
	if q.ID.IsZero() {
		return
	}
	for _, p := range r.s.o.Prefixes {
		if p.Scheme == q.ID.Scheme() && contains(p, q.ID, q.Namespace) {
			r.count(subject{d, "T3", p}, q)
		}
	}
	if ns := q.Namespace; ns != nil && ns.Mode == identifier.Hosted && !q.ID.IsPrefixRecord() {
		r.count(subject{d, "T8", ns.Key()}, q)
	}
}

// contains reports whether an identifier lies below a prefix of the node, or is one of its prefixes.
func contains(p identifier.Key, id identifier.ID, ns *identifier.Namespace) bool {
	if ns != nil && p.Scheme.Contains(p.Name, ns.Prefix) {
		return true
	}
	for name := range id.Namespaces() {
		if p.Scheme.Contains(p.Name, name) {
			return true
		}
	}
	return false
}

func (r *Requests) count(k subject, q *Question) {
	a := r.pending.of(k)
	a.Requests++
	if q.Success {
		a.Successes++
	}
	if q.Client.IsValid() {
		r.pending.sources[source{k, q.Client.Unmap().WithZone("")}]++
	}
}

// Waiting is how many addresses and prefixes wait for a Flush: who feeds bounds memory by it.
func (r *Requests) Waiting() int { return len(r.pending.sources) + len(r.pending.asked) }

// Flush stores what was counted, and with it the place up to which the log has been read, and the time up to which
// everything has been counted, as one batch. What is of a day that is closed is counted for the open one. After an
// error nothing is lost: it is stored by the next Flush that succeeds.
func (r *Requests) Flush(ctx context.Context, position []byte, through time.Time) error {
	r.s.counting.Lock()
	defer r.s.counting.Unlock()
	at, version, err := r.s.feedState(ctx)
	if err != nil {
		return err
	}
	if t := r.tried; t != nil {
		r.tried = nil
		if version == t.expect { // it was not applied
			t.counts.add(&r.pending)
			r.pending = t.counts
		}
	}
	if through.After(at.Through) {
		at.Through = through.UTC()
	}
	at.Position = position
	value, err := json.Marshal(&at)
	if err != nil {
		return err
	}
	var b storage.Batch
	b.Put(feedKey, value, version)
	if err := r.add(ctx, &b); err != nil {
		return err
	}
	if _, err = r.s.store.Apply(ctx, &b); err != nil {
		if errors.Is(err, storage.ErrUnavailable) {
			r.tried, r.pending = &attempt{version, r.pending}, newCounts()
		}
		return fmt.Errorf("store counts of requests: %w", err)
	}
	r.pending = newCounts()
	r.s.poke()
	return nil
}

// add adds to b the rows with what is pending added to what is stored.
func (r *Requests) add(ctx context.Context, b *storage.Batch) error {
	if r.pending.empty() {
		return nil
	}
	r.s.mu.Lock()
	open := r.s.open
	r.s.mu.Unlock()
	sum := newCounts() // of the open day, or later
	for k, a := range r.pending.asked {
		k.day = max(k.day, open)
		sum.of(k).Requests += a.Requests
		sum.of(k).Successes += a.Successes
	}
	for k, n := range r.pending.sources {
		k.day = max(k.day, open)
		sum.sources[k] += n
	}
	for d, m := range r.pending.days {
		d = max(d, open)
		if sum.days[d] == nil {
			sum.days[d] = new(measurement)
		}
		sum.days[d].merge(m)
	}
	if err := r.addSources(ctx, b, &sum); err != nil {
		return err
	}
	for k, a := range sum.asked {
		if a.Sketch != nil {
			if err := a.Sketch.pack(); err != nil {
				return err
			}
		}
		value, err := json.Marshal(a)
		if err != nil {
			return err
		}
		b.Set(k.key(), value)
	}
	for d, m := range sum.days {
		key := measureKey(d, measureResolve)
		before, err := readMeasurement(ctx, r.s.store, key)
		if err != nil {
			return err
		}
		before.merge(m)
		value, err := json.Marshal(&before)
		if err != nil {
			return err
		}
		b.Set(key, value)
	}
	return nil
}

// addSources adds what is stored to sum, and to b the rows of the sources.
func (r *Requests) addSources(ctx context.Context, b *storage.Batch, sum *counts) error {
	for k, a := range sum.asked {
		before, err := readAsked(ctx, r.s.store, k)
		if err != nil {
			return err
		}
		a.Requests += before.Requests
		a.Successes += before.Successes
		a.Sources, a.Sketch = before.Sources, before.Sketch
	}
	// In the order of addresses, so that what is read and written lies together.
	all := slices.SortedFunc(maps.Keys(sum.sources), func(a, b source) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.table, b.table), cmp.Compare(a.of.Name, b.of.Name), a.ip.Compare(b.ip))
	})
	keys := make([][]byte, len(all))
	for i := range all {
		keys[i] = all[i].key()
	}
	items, err := r.s.store.MultiGet(ctx, keys)
	if err != nil {
		return fmt.Errorf("read counts of sources: %w", err)
	}
	for i, item := range items {
		k, n := all[i], sum.sources[all[i]]
		a := sum.asked[k.subject]
		switch {
		case item.Value != nil:
			before, err := parseCount(item.Value)
			if err != nil {
				return err
			}
			n += before
		case a.Sources < uint64(r.s.o.ExactSources):
			a.Sources++
		default:
			if a.Sketch == nil {
				a.Sketch = new(sketch)
			}
			if err := a.Sketch.add(k.ip, n); err != nil {
				return err
			}
			continue
		}
		b.Set(keys[i], appendCount(n))
	}
	return nil
}

func readAsked(ctx context.Context, from storage.Reader, k subject) (a asked, err error) {
	item, err := from.Get(ctx, k.key())
	if isNotFound(err) {
		return a, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &a)
	}
	if err != nil {
		return a, fmt.Errorf("read counts of %s: %w", qualified(k.of), err)
	}
	return a, nil
}

// Position returns the place of the last Flush, from which the log is read again after a restart; nil if there
// was none.
func (r *Requests) Position(ctx context.Context) ([]byte, error) {
	at, _, err := r.s.feedState(ctx)
	return at.Position, err
}

func (s *Syncer) feedState(ctx context.Context) (f feed, version uint64, err error) {
	item, err := s.store.Get(ctx, feedKey)
	if isNotFound(err) {
		return f, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &f)
	}
	if err != nil {
		return f, 0, fmt.Errorf("read how far requests are counted: %w", err)
	}
	return f, item.Version, nil
}
