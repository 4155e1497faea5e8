package registry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// beijing is the time in which days of quotas and reports are counted: China has one zone and no
// summer time.
var beijing = time.FixedZone("CST", 8*60*60)

// requestsFlush is how old the stored number of a day's requests may be: so much is forgiven by a crash.
const requestsFlush = time.Second

// quotas knows what of their quotas namespaces have used. The number of records is counted from the
// store when it is first needed (about a second for a million), and kept from then on by the writes
// of this process; nothing of it is in a batch, so that no batch meets another in a counter.
type quotas struct {
	mu sync.Mutex
	by map[identifier.Key]*usage
}

// usage is what a namespace has used.
type usage struct {
	mu       sync.Mutex
	counted  bool
	records  uint64 // registered, revoked ones included
	day      string // of requests, in Beijing
	requests uint64
	flushed  time.Time
}

// Usage is what a namespace with a quota has used.
type Usage struct {
	Records       uint64 `json:"records"`
	RequestsToday uint64 `json:"requestsToday"`
}

func (q *quotas) of(k identifier.Key) *usage {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.by[k]
	if u == nil {
		if q.by == nil {
			q.by = make(map[identifier.Key]*usage)
		}
		u = new(usage)
		q.by[k] = u
	}
	return u
}

// forget drops what is known of k, whose quota or records may have become others.
func (q *quotas) forget(k identifier.Key) {
	q.mu.Lock()
	delete(q.by, k)
	q.mu.Unlock()
}

// forgetAll drops what is known of the namespaces of a scheme.
func (q *quotas) forgetAll(scheme identifier.Scheme) {
	q.mu.Lock()
	maps.DeleteFunc(q.by, func(k identifier.Key, _ *usage) bool { return k.Scheme == scheme })
	q.mu.Unlock()
}

// demand is what a batch wants of the quotas of its namespaces.
type demand struct {
	r     *Registrar
	wants map[*identifier.Namespace]*want
}

type want struct{ creates, requests uint64 }

// note adds a write of a record in ns to the demand, or refuses it if ns does not allow as much. op
// is what the write does to the record. The registrar's gate is held.
func (d *demand) note(ctx context.Context, ns *identifier.Namespace, op storage.Op, now time.Time) *Error {
	if ns == nil || ns.Quota == nil {
		return nil
	}
	w := d.wants[ns]
	if w == nil {
		if d.wants == nil {
			d.wants = make(map[*identifier.Namespace]*want)
		}
		w = new(want)
		d.wants[ns] = w
	}
	next := want{w.creates, w.requests + 1}
	if op == storage.OpCreate {
		next.creates++
	}
	u := d.r.quotas.of(ns.Key())
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := d.r.count(ctx, u, ns, now); err != nil {
		return AsError(err)
	}
	if max := ns.Quota.Records; max != 0 && next.creates > w.creates && u.records+next.creates > max {
		return d.r.metrics.overQuota(refuse(CodeQuotaRecords, "/id", "namespace %s has %d identifiers, as many as it may", ns.Prefix, max))
	}
	if max := ns.Quota.RequestsPerDay; max != 0 && u.requests+next.requests > max {
		e := refuse(CodeQuotaRequests, "/id", "namespace %s has had %d requests today, as many as it may", ns.Prefix, max)
		e.RetryAfter = untilMidnight(now)
		return d.r.metrics.overQuota(e)
	}
	*w = next
	return nil
}

// take uses up what has been noted, and adds to b the numbers that are to be kept. Another writer may
// have been faster since note: then nothing is taken, and the error is storage.ErrConflict. After the
// batch has been applied settle has to be told how it went.
func (d *demand) take(b *storage.Batch, now time.Time) error {
	taken := make([]*identifier.Namespace, 0, len(d.wants))
	for ns, w := range d.wants {
		if !d.takeOf(b, ns, w, now) {
			for _, ns := range taken {
				d.giveBack(ns)
			}
			return storage.ErrConflict
		}
		taken = append(taken, ns)
	}
	return nil
}

func (d *demand) takeOf(b *storage.Batch, ns *identifier.Namespace, w *want, now time.Time) bool {
	u := d.r.quotas.of(ns.Key())
	u.mu.Lock()
	defer u.mu.Unlock()
	q := ns.Quota
	if q.Records != 0 && w.creates > 0 && u.records+w.creates > q.Records || q.RequestsPerDay != 0 && u.requests+w.requests > q.RequestsPerDay {
		return false
	}
	u.records += w.creates
	u.requests += w.requests
	if q.RequestsPerDay != 0 && now.Sub(u.flushed) >= requestsFlush {
		b.Set(requestsKey(u.day, ns.Key()), binary.BigEndian.AppendUint64(nil, u.requests))
		u.flushed = now
	}
	return true
}

// settle gives back what was taken for a batch that the store has refused. What the store cannot say
// of stays taken.
func (d *demand) settle(err error) {
	if err == nil || errors.Is(err, storage.ErrUnavailable) {
		return
	}
	for ns := range d.wants {
		d.giveBack(ns)
	}
}

func (d *demand) giveBack(ns *identifier.Namespace) {
	w := d.wants[ns]
	u := d.r.quotas.of(ns.Key())
	u.mu.Lock()
	defer u.mu.Unlock()
	u.records -= min(w.creates, u.records)
	u.requests -= min(w.requests, u.requests)
}

// count sees to it that u is of today and has its records counted. u.mu is held.
func (r *Registrar) count(ctx context.Context, u *usage, ns *identifier.Namespace, now time.Time) error {
	if day := now.In(beijing).Format("20060102"); day != u.day {
		item, err := r.store.Get(ctx, requestsKey(day, ns.Key()))
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("read requests of %s: %w", ns.Prefix, err)
		}
		u.day, u.requests, u.flushed = day, 0, time.Time{}
		if len(item.Value) == 8 {
			u.requests = binary.BigEndian.Uint64(item.Value)
		}
	}
	if u.counted {
		return nil
	}
	var n uint64
	for _, span := range recordRanges(ns.Key()) {
		err := r.store.Scan(ctx, span, func(key []byte, _ storage.Item) error {
			if r.counts(key, ns) {
				n++
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("count records of %s: %w", ns.Prefix, err)
		}
	}
	u.records, u.counted = n, true
	return nil
}

// counts reports whether the record at key lies in ns itself. Handles cannot lie in a namespace
// further down; of other schemes namespaces are parts of one another.
func (r *Registrar) counts(key []byte, ns *identifier.Namespace) bool {
	if ns.Scheme == identifier.Handle {
		return true
	}
	k, ok := storage.ParseRecordKey(key)
	if !ok {
		return false
	}
	id, err := k.Scheme.Parse(k.Name)
	if err != nil {
		return false
	}
	at := r.namespaces.Find(id)
	return at != nil && at.Prefix == ns.Prefix
}

// PrefixUsage is what the namespace k has used of its quota. It counts also where there is none.
// Refusals: as of Prefix.
func (r *Registrar) PrefixUsage(ctx context.Context, k identifier.Key, a Actor) (Usage, error) {
	ns, err := r.Prefix(ctx, k, a)
	if err != nil {
		return Usage{}, err
	}
	u := new(usage)
	if ns.Quota != nil {
		u = r.quotas.of(k)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := r.count(ctx, u, ns, r.now()); err != nil {
		return Usage{}, AsError(err)
	}
	return Usage{u.records, u.requests}, nil
}

func requestsKey(day string, k identifier.Key) []byte {
	return storage.CounterKey(storage.CounterRequests, day+qualified(k))
}

// untilMidnight is the time until the next day begins in Beijing.
func untilMidnight(now time.Time) time.Duration {
	t := now.In(beijing)
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, beijing).Sub(now)
}
