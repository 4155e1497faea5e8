package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/storage"
)

const (
	feedBatch   = 128   // entries of the change log that are read at once
	chainRows   = 2048  // entries that are chained in one batch: some 5 ms of the store's time
	chainReads  = 64    // reads of the change log for one batch: other changes are passed over
	chainOthers = 50000 // changes that are passed over in one batch

	// lateness bounds the time between the moment that an entry is dated and that in which its batch is applied.
	lateness = time.Minute
)

// errBehind says that another follower of the same store was faster.
var errBehind = errors.New("another follower chains this store")

// complainEvery bounds how often the same trouble is logged.
const complainEvery = time.Minute

// follow chains until ctx ends.
func (l *Log) follow(ctx context.Context) {
	var said time.Time
	for ctx.Err() == nil {
		err := l.chainAll(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, storage.ErrClosed):
			return
		case !errors.Is(err, errBehind) && time.Since(said) >= complainEvery:
			said = time.Now()
			l.o.Logger.Error("chain the audit log", "err", err)
		}
		if !wait(ctx, time.Second) {
			return
		}
	}
}

// chainAll goes on where the chain is, and on and on. It returns an error only.
func (l *Log) chainAll(ctx context.Context) error {
	s, err := l.resume(ctx)
	for err == nil {
		var more bool
		if more, err = l.step(ctx, &s); err != nil || more {
			continue
		}
		if err = l.store.Wait(ctx, s.cursor); err == nil && !wait(ctx, l.o.Gather) {
			return ctx.Err()
		}
	}
	return err
}

// chainNow chains what there is, and returns.
func (l *Log) chainNow(ctx context.Context) error {
	s, err := l.resume(ctx)
	for more := true; more && err == nil; {
		more, err = l.step(ctx, &s)
	}
	return err
}

// resume reads the state. If the rows of the chain go further than the head, which is written with them,
// somebody has been at the store: the chain goes on behind them, so that nothing is written over.
func (l *Log) resume(ctx context.Context) (state, error) {
	s, err := l.read(ctx, l.store)
	if err != nil {
		return s, err
	}
	last, err := l.last(ctx)
	if err != nil {
		return s, fmt.Errorf("read last row of the chain: %w", err)
	}
	if last.n > s.head.N {
		l.o.Logger.Error("the audit log was tampered with: its head is behind its last row", "head", s.head.N, "last", last.n)
		s.head.N, s.head.Hash, s.head.Newest = last.n, last.hash, auditchain.KeyTime(last.key)
	}
	return s, nil
}

// step chains one batch, and reports whether there may be more to do.
func (l *Log) step(ctx context.Context, s *state) (more bool, err error) {
	if !s.follows {
		return true, l.beginScan(ctx, s)
	}
	if s.head.Scan != nil {
		return true, l.scan(ctx, s)
	}
	keys, cursor, err := l.gather(ctx, s.cursor)
	if errors.Is(err, storage.ErrTrimmed) {
		l.o.Logger.Warn("the change log no longer reaches back to where it was chained: going through the audit log itself", "seq", s.cursor)
		return true, l.beginScan(ctx, s)
	}
	if err != nil || cursor == s.cursor {
		return false, err
	}
	fresh, err := l.fresh(ctx, keys)
	if err != nil {
		return false, err
	}
	next := s.head
	return true, l.chain(ctx, s, next, fresh, cursor)
}

// gather reads the change log behind the place, and returns the keys of audit entries that it names, in
// their order, and the place up to which it read.
func (l *Log) gather(ctx context.Context, after storage.Seq) (keys [][]byte, to storage.Seq, err error) {
	to = after
	others := 0
	for range chainReads {
		entries, err := l.store.Read(ctx, to, feedBatch)
		if err != nil {
			return nil, after, fmt.Errorf("read change log: %w", err)
		}
		for _, e := range entries {
			for _, c := range e.Changes {
				if storage.TableOf(c.Key) == storage.TableAudit {
					keys = append(keys, c.Key)
				}
			}
			others += len(e.Changes)
			to = e.Seq
		}
		if len(entries) < feedBatch || len(keys) >= chainRows || others >= chainOthers {
			break
		}
	}
	return keys, to, nil
}

// entry is an audit entry that is to be chained.
type entry struct {
	key  []byte
	leaf auditchain.Hash
}

// fresh returns those of the entries that are not in the chain.
func (l *Log) fresh(ctx context.Context, keys [][]byte) ([]entry, error) {
	known, err := l.known(ctx, keys)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(keys))
	var buf []byte
	for i, key := range keys {
		if known[i] {
			continue
		}
		item, err := l.store.GetInto(ctx, key, buf[:0])
		e := entry{key: key}
		switch {
		case errors.Is(err, storage.ErrNotFound):
			// Its place in the chain says for ever that it was there.
			l.o.Logger.Error("the audit log was tampered with: an entry was gone before it was chained", "time", auditchain.KeyTime(key))
			l.metrics.missing.Inc()
			e.leaf = auditchain.Missing
		case err != nil:
			return nil, fmt.Errorf("read audit entry: %w", err)
		default:
			e.leaf, buf = auditchain.Leaf(item.Value), item.Value
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// known reports which of the keys are in the chain, or no keys of entries, or were there before in the list.
func (l *Log) known(ctx context.Context, keys [][]byte) ([]bool, error) {
	index := make([][]byte, len(keys))
	for i, key := range keys {
		index[i] = indexKey(key)
	}
	items, err := l.store.MultiGet(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("read index of the chain: %w", err)
	}
	known := make([]bool, len(keys))
	seen := make(map[string]struct{}, len(keys))
	for i, key := range keys {
		_, twice := seen[string(key)]
		known[i] = twice || items[i].Value != nil || len(key) != auditchain.KeySize
		seen[string(key)] = struct{}{}
	}
	return known, nil
}

// beginScan has the table of entries gone through, and the change log followed from its present end.
func (l *Log) beginScan(ctx context.Context, s *state) error {
	end, err := l.store.Last(ctx)
	if err != nil {
		return fmt.Errorf("read end of change log: %w", err)
	}
	next := s.head
	next.Scan = storage.TableRange(storage.TableAudit).Start
	if s.head.N > 0 {
		next.Scan = storage.AuditKey(s.head.Newest.Add(-lateness), [8]byte{})
	}
	return l.chain(ctx, s, next, nil, end)
}

// scan chains some entries of the table that are not in the chain.
func (l *Log) scan(ctx context.Context, s *state) error {
	r := storage.Range{Start: s.head.Scan, End: storage.TableRange(storage.TableAudit).End, Limit: chainRows}
	var all []entry
	var keys [][]byte
	err := l.store.Scan(ctx, r, func(key []byte, item storage.Item) error {
		key = append([]byte(nil), key...)
		keys = append(keys, key)
		all = append(all, entry{key, auditchain.Leaf(item.Value)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	known, err := l.known(ctx, keys)
	if err != nil {
		return err
	}
	var fresh []entry
	for i := range all {
		if !known[i] {
			fresh = append(fresh, all[i])
		}
	}
	next := s.head
	next.Scan = nil
	if len(keys) == chainRows {
		next.Scan = append(keys[len(keys)-1], 0)
	}
	return l.chain(ctx, s, next, fresh, s.cursor)
}

// chain adds the entries to the chain, as one batch with next as its head and the cursor.
func (l *Log) chain(ctx context.Context, s *state, next head, entries []entry, cursor storage.Seq) error {
	now := l.now()
	var b storage.Batch
	for _, e := range entries {
		next.N++
		next.Hash = auditchain.Next(next.Hash, next.N, e.key, e.leaf)
		b.Set(storage.ChainKey(next.N), appendLink(make([]byte, 0, auditchain.KeySize+len(next.Hash)), e.key, next.Hash))
		b.Set(indexKey(e.key), encodeNumber(next.N))
		if t := auditchain.KeyTime(e.key); t.After(next.Newest) && !t.After(now) { // not by a clock that was wrong
			next.Newest = t
		}
	}
	if len(entries) > 0 {
		next.Time = now
	}
	value, err := json.Marshal(&next)
	if err != nil {
		return err
	}
	b.Put(headKey, value, s.version)
	b.Set(cursorKey, storage.EncodeCursor(cursor))
	if _, err := l.store.Apply(ctx, &b); err != nil {
		if errors.Is(err, storage.ErrConflict) {
			err = errBehind
		}
		return fmt.Errorf("write chain: %w", err)
	}
	s.head, s.cursor, s.follows = next, cursor, true
	s.version++
	l.metrics.chained.Add(float64(len(entries)))
	return nil
}
