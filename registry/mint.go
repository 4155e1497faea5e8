package registry

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/mint"
	"github.com/idnode/idnode/storage"
)

// MintRequest asks for new identifiers under a namespace, made by a rule.
type MintRequest struct {
	Namespace identifier.Key
	Rule      string // see package mint
	// Start is the least serial number to be used: 0 and 1 are the same.
	Start uint64
	// Records are what is registered, one for each identifier, without id; Fields[i] as Write.Fields, if there are any.
	Records []*identifier.Record
	Fields  [][]byte
	DryRun  bool // check all and make the identifiers, but store nothing and use no number up
}

// mintLocks order the requests of this process that count in one place, so that they do not meet as conflicts.
type mintLocks [64]chan struct{}

func newMintLocks() (l mintLocks) {
	for i := range l {
		l[i] = make(chan struct{}, 1)
	}
	return l
}

// lock waits for the place that counts under key.
func (l *mintLocks) lock(ctx context.Context, seed maphash.Seed, key []byte) (unlock func(), err error) {
	c := l[maphash.Bytes(seed, key)%uint64(len(l))]
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// maxTaken bounds the numbers that are passed over because their identifiers were registered by other ways.
const maxTaken = 100_000

// Mint registers a record under each of as many new identifiers, all or none. Numbers and records are one
// batch, so a number that was given out is never given out again, and one whose request was refused, or lost
// by a crash, is not used up. Identifiers that exist, tombstones among them, are passed over.
//
// Refusals: those of [Registrar.Create], the field being of the row ("/items/3/values/0/type"); CodeInvalidRequest of
// the rule; CodeInvalidState when the rule has no numbers left in its period; CodeTooLarge for more rows than a batch has.
func (r *Registrar) Mint(ctx context.Context, q MintRequest, w Write) ([]OperationResult, error) {
	rule, err := mint.Parse(q.Rule)
	if err != nil {
		return nil, refuse(CodeInvalidRequest, "/rule", "the rule cannot be used: %s", err)
	}
	switch most := r.limits.BatchRows; {
	case len(q.Records) == 0:
		return nil, refuse(CodeInvalidRequest, "/count", "at least one identifier is required")
	case len(q.Records) > most:
		return nil, refuse(CodeTooLarge, "/count", "%d identifiers; at most %d", len(q.Records), most)
	case q.Namespace.Scheme != identifier.Handle && q.Namespace.Scheme != identifier.OID:
		return nil, refuse(CodeInvalidRequest, "/scheme", "identifiers of the schemes handle and oid can be made by a rule")
	}
	w.IfMatch, w.IfNoneMatch, w.Revive = 0, false, false
	now := r.now()
	key := counterOf(q.Namespace, rule, now.In(r.location))
	unlock, err := r.minting.lock(ctx, r.mintSeed, key)
	if err != nil {
		return nil, AsError(err)
	}
	defer unlock()
	r.gate.RLock()
	defer r.gate.RUnlock()
	c, refusal := r.claim(w, func(h hash.Hash) { hashJSON(h, "mint", q) })
	if refusal != nil {
		return nil, refusal
	}
	defer c.release()
	m := &minter{r: r, q: &q, w: w, rule: rule, counter: key, now: now, auth: r.authority(w.Actor)}
	for range attempts {
		results, err := m.try(ctx, &c)
		if !errors.Is(err, storage.ErrConflict) {
			if err != nil {
				return nil, AsError(err)
			}
			return results, nil
		}
		if err := r.backOff(ctx); err != nil {
			return nil, AsError(err)
		}
	}
	return nil, refuse(CodeConflict, "", "others changed it at the same time, %d times; try again", attempts)
}

// minter is one request.
type minter struct {
	r       *Registrar
	q       *MintRequest
	w       Write
	rule    *mint.Rule
	counter []byte
	now     time.Time
	auth    *authority
}

// try registers with the numbers that are free now. storage.ErrConflict: try again.
func (m *minter) try(ctx context.Context, c *claim) ([]OperationResult, error) {
	r := m.r
	first, err := c.settle(ctx, m.now)
	if err != nil {
		return nil, err
	}
	if first != nil {
		return r.replayBatch(first, nil)
	}
	counter, last, err := m.last(ctx)
	if err != nil {
		return nil, err
	}
	ids, last, err := m.choose(ctx, last)
	if err != nil {
		return nil, err
	}

	var b storage.Batch
	var long longNames
	entry := AuditEntry{Op: "mint", Reason: m.w.Reason}
	d := demand{r: r}
	results := make([]OperationResult, len(ids))
	for i, id := range ids {
		q, e := m.request(ctx, i, id)
		if e != nil {
			return nil, e.inRow(i)
		}
		out, e := r.outcomeOf(ctx, &q, storage.Item{}, m.now)
		if e == nil {
			e = d.note(ctx, q.ns, out.op, m.now)
		}
		if e != nil {
			return nil, e.inRow(i)
		}
		r.addRecord(&b, &long, &q, storage.RecordKey(q.key), storage.Item{}, out, identifier.AppendRecord(nil, out.record))
		entry.Items = append(entry.Items, Audited{q.kind, q.id.Qualified(), out.record.Version, q.reason})
		results[i] = OperationResult{ID: q.id.String(), Version: out.record.Version, Created: true}
	}
	if m.q.DryRun {
		return results, nil
	}
	if m.rule.Counts() {
		b.Put(m.counter, binary.BigEndian.AppendUint64(nil, last), counter.Version)
	}
	if err := r.audit(&b, m.now, m.w.Actor, entry); err != nil {
		return nil, err
	}
	if c.r != nil {
		body, err := encodeResults(results)
		if err != nil {
			return nil, err
		}
		c.keep(&b, m.now, true, 0, body)
	}
	if err := d.take(&b, m.now); err != nil {
		return nil, err
	}
	_, err = r.store.Apply(ctx, &b)
	d.settle(err)
	if errors.Is(err, storage.ErrUnavailable) {
		if first, settleErr := c.settle(ctx, m.now); first != nil && settleErr == nil {
			return results, nil
		}
	}
	return results, err
}

// Reservation asks for identifiers that are to be registered later.
type Reservation struct {
	Namespace identifier.Key
	Rule      string
	Start     uint64 // the least serial number to use
	Count     int
	DryRun    bool // use no number up
}

// ReserveIDs uses up numbers of a rule, and returns the identifiers that are made of them and the number that would be
// next. They are not registered, and never given out again: what is not registered under them is a gap. Refusals: as
// of [Registrar.Mint].
func (r *Registrar) ReserveIDs(ctx context.Context, q Reservation, a Actor) (ids []string, next uint64, err error) {
	rule, err := mint.Parse(q.Rule)
	if err != nil {
		return nil, 0, refuse(CodeInvalidRequest, "/rule", "the rule cannot be used: %s", err)
	}
	now := r.now()
	m := &minter{r: r, q: &MintRequest{Namespace: q.Namespace, Start: q.Start, Records: make([]*identifier.Record, q.Count)}, rule: rule, now: now, auth: r.authority(a)}
	m.counter = counterOf(q.Namespace, rule, now.In(r.location))
	unlock, err := r.minting.lock(ctx, r.mintSeed, m.counter)
	if err != nil {
		return nil, 0, AsError(err)
	}
	defer unlock()
	for range attempts {
		chosen, last, err := m.reserve(ctx, q.DryRun)
		if errors.Is(err, storage.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, 0, AsError(err)
		}
		for _, id := range chosen {
			ids = append(ids, id.String())
		}
		return ids, last + 1, nil
	}
	return nil, 0, refuse(CodeConflict, "", "others changed it at the same time, %d times; try again", attempts)
}

func (m *minter) reserve(ctx context.Context, dry bool) ([]identifier.ID, uint64, error) {
	counter, last, err := m.last(ctx)
	if err != nil {
		return nil, 0, err
	}
	ids, last, err := m.choose(ctx, last)
	if err != nil || dry || !m.rule.Counts() {
		return ids, last, err
	}
	var b storage.Batch
	b.Put(m.counter, binary.BigEndian.AppendUint64(nil, last), counter.Version)
	_, err = m.r.store.Apply(ctx, &b)
	return ids, last, err
}

// counterOf is where the numbers of a rule are counted at the time t.
func counterOf(namespace identifier.Key, rule *mint.Rule, t time.Time) []byte {
	return storage.CounterKey(storage.CounterMint, namespace.Scheme.String()+":"+namespace.Name+"\x00"+rule.Period(t))
}

// last reads the counter, and the number used last.
func (m *minter) last(ctx context.Context) (storage.Item, uint64, error) {
	counter, err := m.r.store.Get(ctx, m.counter)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return counter, 0, err
	}
	last := max(m.q.Start, 1) - 1
	if counter.Value != nil {
		if len(counter.Value) != 8 {
			return counter, 0, fmt.Errorf("counter %q: %d octets", m.counter, len(counter.Value))
		}
		last = max(last, binary.BigEndian.Uint64(counter.Value))
	}
	return counter, last, nil
}

// choose returns identifiers that are not there, from the number behind last on, and the number looked at last.
func (m *minter) choose(ctx context.Context, last uint64) ([]identifier.ID, uint64, error) {
	want := len(m.q.Records)
	ids := make([]identifier.ID, 0, want)
	chosen := make(map[identifier.Key]struct{}, want)
	passed := 0
	for len(ids) < want {
		n := want - len(ids)
		block, keys := make([]identifier.ID, n), make([][]byte, n)
		names := make([]identifier.Key, n)
		for i := range block {
			if m.rule.Counts() && last+uint64(i) >= m.rule.Most() {
				return nil, 0, refuse(CodeInvalidState, "/rule", "the rule has no numbers left: the last is %d", m.rule.Most())
			}
			id, e := m.identifier(last + uint64(i) + 1)
			if e != nil {
				return nil, 0, e
			}
			ns, e := m.auth.locate(ctx, id)
			if e != nil {
				return nil, 0, e
			}
			block[i], names[i] = id, id.Key(ns.CaseSensitive)
			keys[i] = storage.RecordKey(names[i])
		}
		items, err := m.r.store.MultiGet(ctx, keys)
		if err != nil {
			return nil, 0, err
		}
		for i, id := range block {
			if _, twice := chosen[names[i]]; !twice && items[i].Value == nil {
				chosen[names[i]] = struct{}{}
				ids = append(ids, id)
				continue
			}
			if passed++; passed > maxTaken {
				return nil, 0, refuse(CodeInvalidState, "/start", "more than %d of the identifiers are registered already; say with which number to start", maxTaken)
			}
		}
		last += uint64(n)
	}
	return ids, last, nil
}

// identifier is the one with a number.
func (m *minter) identifier(number uint64) (identifier.ID, *Error) {
	separator := byte('/')
	if m.q.Namespace.Scheme == identifier.OID {
		separator = '.'
	}
	text, err := m.rule.Append(append([]byte(m.q.Namespace.Name), separator), m.now.In(m.r.location), number, rand.Reader)
	if err != nil {
		return identifier.ID{}, refuse(CodeInvalidRequest, "/rule", "the rule cannot be used: %s", err)
	}
	id, e := m.r.parseID(m.q.Namespace.Scheme, string(text), "/rule")
	if e != nil {
		return identifier.ID{}, e
	}
	return id, nil
}

// request makes and checks the request of a row.
func (m *minter) request(ctx context.Context, i int, id identifier.ID) (request, *Error) {
	record := *m.q.Records[i]
	record.ID, record.Scheme, record.Values = id.String(), m.q.Namespace.Scheme, slices.Clone(record.Values) // rows may share a record
	q := request{kind: OpCreate, id: id, in: &record, reason: m.w.Reason}
	if len(m.q.Fields) > 0 {
		q.fields = m.q.Fields[i]
	}
	e := m.r.check(ctx, &q, m.auth)
	return q, e
}

// inRow is e of a row of a request that is done or refused as a whole.
func (e *Error) inRow(i int) *Error {
	row := *e
	at := fmt.Sprintf("/items/%d", i)
	row.Field = at + e.Field
	row.Violations = slices.Clone(e.Violations)
	for i := range row.Violations {
		row.Violations[i].Field = at + row.Violations[i].Field
	}
	return &row
}
