package topsync

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/storage"
)

// listedRefusals is how many refused rows of a target and table are kept by name; all are counted.
const listedRefusals = 1000

// idleWait is how long a lane without anything to do sleeps unless it is woken.
const idleWait = 10 * time.Minute

// maxDetail bounds what is kept of a target's words, in octets.
const maxDetail = 500

// lane sends the rows of one table to one target.
type lane struct {
	s       *Syncer
	target  *TargetOptions
	table   string
	breaker *breaker // of the target
	woken   chan struct{}

	mu      sync.Mutex
	place   place
	failing *Failing
	sent    time.Time // of the last push that was answered
	oldest  time.Time // of the oldest row that waits; zero: none does
	last    head
}

// place is up to which row a target has a table. The sender and operators change it.
type place struct {
	Acknowledged uint64 `json:"acknowledged"`
	Paused       bool   `json:"paused,omitempty"`
	Refused      uint64 `json:"refused,omitempty"` // rows that the target, or our own check, refused

	version uint64
	known   bool
}

// Failing is since when pushes fail.
type Failing struct {
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`
	Error    string    `json:"error"`
}

func newLane(s *Syncer, t *TargetOptions, table string, b *breaker) *lane {
	return &lane{s: s, target: t, table: table, breaker: b, woken: make(chan struct{}, 1)}
}

// signal wakes the lane.
func (l *lane) signal() {
	select {
	case l.woken <- struct{}{}:
	default: // it is awake
	}
}

func placeKey(target, table string) []byte {
	return storage.SyncKey(storage.SyncPlace, []string{target, table}, nil)
}

func refusedKey(target, table string, number uint64) []byte {
	return storage.SyncKey(storage.SyncRefused, []string{target, table}, binary.BigEndian.AppendUint64(nil, number))
}

// readPlace reads the stored place.
func readPlace(ctx context.Context, from storage.Reader, target, table string) (place, error) {
	p := place{known: true}
	item, err := from.Get(ctx, placeKey(target, table))
	if isNotFound(err) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &p)
		p.version = item.Version
	}
	if err != nil {
		return p, fmt.Errorf("read place of %s at %s: %w", table, target, err)
	}
	return p, nil
}

// run sends until ctx ends.
func (l *lane) run(ctx context.Context) {
	var said time.Time
	for ctx.Err() == nil {
		wait, err := l.turn(ctx)
		if errors.Is(err, storage.ErrClosed) {
			return
		}
		if err != nil {
			l.forget()
			if now := time.Now(); ctx.Err() == nil && now.Sub(said) >= complainEvery {
				said = now
				l.s.log.Error("send rows to the top-level node", "target", l.target.Name, "table", l.table, "err", err)
			}
			wait = time.Second
		}
		if wait > 0 {
			sleep(ctx, l.woken, wait)
		}
	}
}

// forget has the place read again.
func (l *lane) forget() {
	l.mu.Lock()
	l.place.known = false
	l.mu.Unlock()
}

// turn does what there is to do now, and returns how long to wait, or for a signal, before the next turn. Errors are
// those of the store.
func (l *lane) turn(ctx context.Context) (time.Duration, error) {
	p, err := l.current(ctx)
	if err != nil {
		return 0, err
	}
	h, err := l.s.journal.head(ctx, l.table)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	l.last = h
	waiting := p.Acknowledged < h.Released
	if !waiting {
		l.oldest = time.Time{}
	}
	next := time.Time{}
	if l.failing != nil {
		next = l.failing.Next
	}
	l.mu.Unlock()
	if !waiting {
		return idleWait, nil
	}
	now := l.s.now()
	wait := max(next.Sub(now), l.breaker.wait(now))
	if p.Paused {
		wait = idleWait
	}
	if wait > 0 {
		return wait, l.look(ctx, p.Acknowledged, h.Released)
	}
	b, err := l.batch(ctx, p.Acknowledged, h.Released)
	if err != nil {
		return 0, err
	}
	if len(b.good) == 0 {
		return 0, l.store(ctx, p, b, b.end, nil)
	}
	if wait := l.breaker.admit(now); wait > 0 {
		return wait, nil // another was faster
	}
	return 0, l.push(ctx, p, h, b)
}

// look finds how old the oldest row is that waits.
func (l *lane) look(ctx context.Context, after, upTo uint64) error {
	span := storage.Range{Start: storage.OutboxKey(l.table, after+1), End: storage.OutboxKey(l.table, upTo+1), Limit: 1}
	return l.s.store.Scan(ctx, span, func(_ []byte, item storage.Item) error {
		at, err := timeOf(item.Value)
		l.mu.Lock()
		l.oldest = at
		l.mu.Unlock()
		return err
	})
}

// current is the place, read if it is not known.
func (l *lane) current(ctx context.Context) (place, error) {
	l.mu.Lock()
	p := l.place
	l.mu.Unlock()
	if p.known {
		return p, nil
	}
	p, err := readPlace(ctx, l.s.store, l.target.Name, l.table)
	if err != nil {
		return p, err
	}
	l.mu.Lock()
	l.place = p
	l.mu.Unlock()
	return p, nil
}

// batch is rows that are next.
type batch struct {
	good []topreport.Row
	bad  []refusedRow // that our own check refuses: they are not sent
	end  uint64       // number of the last of all
}

// refusedRow is a row that did not arrive, and why. It is the stored form, too.
type refusedRow struct {
	Seq    uint64     `json:"seq"`
	Key    string     `json:"key"`
	By     string     `json:"by"` // "target", or "check": our own
	Faults []RowFault `json:"faults,omitempty"`
	Detail string     `json:"detail,omitempty"`
	At     time.Time  `json:"at"`
}

// batch reads the next rows.
func (l *lane) batch(ctx context.Context, after, upTo uint64) (*batch, error) {
	numbers, rows, err := l.s.rows(ctx, l.table, after, upTo)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 { // they were trimmed: nobody had asked for them then
		return &batch{end: upTo}, nil
	}
	l.mu.Lock()
	l.oldest = rows[0].Time
	l.mu.Unlock()
	b := &batch{end: numbers[len(numbers)-1]}
	octets := 0
	for i := range rows {
		out := rows[i].outside(l.table, numbers[i])
		if faults := topreport.Check(l.table, out); len(faults) > 0 {
			b.bad = append(b.bad, refusedRow{Seq: numbers[i], Key: rows[i].Key, By: "check", Faults: withheldBy(faults)})
			continue
		}
		if octets += len(out.Data); octets > l.s.o.BatchOctets && len(b.good) > 0 {
			b.end = numbers[i] - 1
			break
		}
		b.good = append(b.good, *out)
	}
	return b, nil
}

// rows reads rows of a table behind a number and up to another, with their data.
func (s *Syncer) rows(ctx context.Context, table string, after, upTo uint64) (numbers []uint64, rows []row, err error) {
	span := storage.Range{Start: storage.OutboxKey(table, after+1), End: storage.OutboxKey(table, upTo+1), Limit: s.o.BatchRows}
	if carriesFiles(table) {
		span.Limit = 1 // a row may be some tens of MiB
	}
	octets := 0
	err = s.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
		_, number, ok := storage.ParseOutboxKey(key)
		r, err := decodeRow(item.Value)
		if !ok || err != nil {
			return errDamaged
		}
		numbers, rows = append(numbers, number), append(rows, r)
		if octets += len(item.Value); octets > s.o.BatchOctets {
			return storage.Stop
		}
		return nil
	})
	if err == nil {
		err = s.expand(ctx, rows)
	}
	if err == nil {
		err = s.attach(ctx, table, rows)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read rows of %s: %w", table, err)
	}
	return numbers, rows, nil
}

// push sends a batch and stores what became of it.
func (l *lane) push(ctx context.Context, p place, h head, b *batch) error {
	limited, cancel := context.WithTimeout(ctx, l.s.o.Timeout)
	receipt, err := l.target.Target.Push(limited, Batch{l.table, b.good})
	cancel()
	if err != nil && ctx.Err() != nil {
		l.breaker.release()
		return ctx.Err()
	}
	first, last := b.good[0].Seq, b.good[len(b.good)-1].Seq
	if err == nil {
		err = receipt.check(first, last, h.Last)
	}
	now := l.s.now()
	// A target that refuses has answered: other tables may fare better.
	if l.breaker.settle(err == nil || errors.Is(err, ErrHopeless), now) {
		l.s.wakeTarget(l.target.Name)
	}
	l.s.metrics.pushed(l, err)
	if err != nil {
		l.fail(err, now)
		return nil
	}
	end := min(receipt.Acknowledged, last)
	if end == last {
		end = b.end
	}
	for _, r := range receipt.Rejected {
		b.bad = append(b.bad, refusedRow{Seq: r.Seq, Key: keyOf(b.good, r.Seq), By: "target", Detail: short(r.Detail)})
	}
	return l.store(context.WithoutCancel(ctx), p, b, end, &now)
}

// check refuses what no receiver of these rows can have meant.
func (r *Receipt) check(first, last, head uint64) error {
	switch {
	case r.Acknowledged+1 < first:
		return fmt.Errorf("acknowledges row %d, less than before: it has lost rows; let it be replayed from there", r.Acknowledged)
	case r.Acknowledged > head:
		return fmt.Errorf("acknowledges row %d, and there are only %d: is this another node's, or a restored store?", r.Acknowledged, head)
	case r.Acknowledged+1 == first:
		return errors.New("acknowledges none of the rows")
	}
	for _, refused := range r.Rejected {
		if refused.Seq < first || refused.Seq > min(last, r.Acknowledged) {
			return fmt.Errorf("refuses row %d, which is none of those that it acknowledges", refused.Seq)
		}
	}
	return nil
}

func keyOf(rows []topreport.Row, number uint64) string {
	for i := range rows {
		if rows[i].Seq == number {
			return rows[i].Key
		}
	}
	return ""
}

// fail notes a failed push.
func (l *lane) fail(err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing == nil {
		l.failing = &Failing{Since: now}
		l.s.log.Warn("a table is not taken by the top-level node", "target", l.target.Name, "table", l.table, "err", err)
	}
	l.failing.Attempts++
	wait := backoff(l.failing.Attempts)
	if errors.Is(err, ErrHopeless) {
		wait = hopelessWait
	}
	l.failing.Next, l.failing.Error = now.Add(wait), short(err.Error())
}

// store moves the place to the end of what was dealt with, and keeps the rows that were refused up to there.
func (l *lane) store(ctx context.Context, p place, b *batch, end uint64, answered *time.Time) error {
	var out storage.Batch
	next := p
	next.Acknowledged = end
	refused := 0
	for _, r := range b.bad {
		if r.Seq > end {
			continue
		}
		refused++
		if next.Refused++; next.Refused <= listedRefusals {
			r.At = l.s.now()
			value, err := json.Marshal(&r)
			if err != nil {
				return err
			}
			out.Set(refusedKey(l.target.Name, l.table, r.Seq), value)
		}
	}
	value, err := json.Marshal(&next)
	if err != nil {
		return err
	}
	out.Put(placeKey(l.target.Name, l.table), value, p.version)
	_, err = l.s.store.Apply(ctx, &out)
	if errors.Is(err, storage.ErrConflict) { // an operator has changed it meanwhile
		l.forget()
		return nil
	}
	if err != nil {
		return fmt.Errorf("store place: %w", err)
	}
	next.version++
	l.s.metrics.stored(l, int(end-p.Acknowledged)-refused, refused)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.place = next
	if answered != nil {
		if l.failing != nil {
			l.s.log.Info("a table is taken again by the top-level node", "target", l.target.Name, "table", l.table, "failed", l.failing.Attempts)
		}
		l.failing, l.sent = nil, *answered
	}
	return nil
}

// wakeTarget wakes all lanes of a target.
func (s *Syncer) wakeTarget(name string) {
	for _, l := range s.lanes {
		if l.target.Name == name {
			l.signal()
		}
	}
}

// lag is how many rows wait that may leave, and for how long the oldest has waited.
func (l *lane) lag(now time.Time) (rows uint64, age time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.Released > l.place.Acknowledged {
		rows = l.last.Released - l.place.Acknowledged
	}
	if rows > 0 && !l.oldest.IsZero() {
		age = max(0, now.Sub(l.oldest))
	}
	return rows, age
}

// sweep removes old rows that every target has acknowledged.
func (s *Syncer) sweep(ctx context.Context, now time.Time) error {
	for _, table := range topreport.Names() {
		h, err := s.journal.head(ctx, table)
		if err != nil {
			return err
		}
		upTo := h.Released
		for _, l := range s.lanes {
			if l.table != table {
				continue
			}
			p, err := readPlace(ctx, s.store, l.target.Name, table)
			if err != nil {
				return err
			}
			upTo = min(upTo, p.Acknowledged)
		}
		if err := s.journal.trim(ctx, table, upTo, now.Add(-s.o.Retention)); err != nil {
			return err
		}
	}
	return nil
}

// short is text that is kept of a target's words.
func short(text string) string {
	text = clean(text)
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}
