package statistics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

const (
	feedBatch   = 128   // entries of the change log that are read at once
	feedReads   = 64    // reads for one batch
	feedChanges = 50000 // changes that are counted in one batch; the last entry may pass it

	// ahead is by how much the time of a batch may lie before that of the clock without the clock having been wrong.
	ahead = time.Hour

	// complainEvery bounds how often the same trouble is logged.
	complainEvery = time.Minute
)

// errBehind says that another follower of the same store was faster.
var errBehind = errors.New("another follower counts the registrations of this store")

// follower counts registrations. After an error it is of no more use: what it has in memory may be
// further than what is stored.
type follower struct {
	s          *Statistics
	st         state
	namespaces *storage.Namespaces // as the follower has read the log, or newer; never older
	held       map[identifier.Key]*holding
	count      *census // under way; nil: none

	// What is to be stored next.
	rows    map[rowName]*dayRow
	touched map[identifier.Key]bool
}

type rowName struct {
	series
	day day
}

// follow goes on where the statistics are, and on and on. It returns an error only.
func (s *Statistics) follow(ctx context.Context) error {
	f, err := s.resume(ctx)
	if err != nil {
		return err
	}
	defer f.close()
	for {
		more, err := f.step(ctx)
		switch {
		case err != nil:
			return err
		case more:
		default:
			if err := f.wait(ctx); err != nil {
				return err
			}
		}
	}
}

// resume reads what is stored.
func (s *Statistics) resume(ctx context.Context) (*follower, error) {
	f := &follower{s: s, held: make(map[identifier.Key]*holding), rows: make(map[rowName]*dayRow), touched: make(map[identifier.Key]bool)}
	var err error
	if f.st, err = readState(ctx, s.store); err != nil {
		return nil, err
	}
	if f.st.version == 0 {
		f.st.Since = s.now()
		f.st.Seen, f.st.Unsure = f.st.Since, []gap{{}}
		if f.st.cursor, err = s.store.Last(ctx); err != nil {
			return nil, fmt.Errorf("read end of change log: %w", err)
		}
	}
	if f.namespaces, err = storage.LoadNamespaces(ctx, s.store); err != nil {
		return nil, err
	}
	err = s.store.Scan(ctx, storage.PrefixRange(storage.CounterKey(storage.CounterHeld, "")), func(key []byte, item storage.Item) error {
		k, ok := storage.ParseHeldKey(key)
		if !ok {
			return errDamaged
		}
		h, err := parseHolding(item.Value)
		f.held[k] = &h
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what is held: %w", err)
	}
	return f, nil
}

// close ends the census that is under way.
func (f *follower) close() {
	if f.count != nil {
		f.count.close()
		f.count = nil
	}
}

// step stores one batch, and reports whether there may be more to do.
func (f *follower) step(ctx context.Context) (more bool, err error) {
	if f.st.version != 0 && dayOf(f.st.Seen, f.s.o.Location) > dayOf(f.s.now().Add(ahead), f.s.o.Location) {
		return true, f.putRight(ctx)
	}
	if f.count == nil && (!f.st.Known || f.st.Again) {
		return true, f.beginCount(ctx)
	}
	if f.count != nil && f.count.over() && f.st.cursor >= f.count.end {
		return true, f.finishCount(ctx)
	}
	entries, err := f.gather(ctx)
	if errors.Is(err, storage.ErrTrimmed) {
		return true, f.skip(ctx)
	}
	if err != nil || len(entries) == 0 {
		return false, err
	}
	for i := range entries {
		if err := f.take(ctx, &entries[i]); err != nil {
			return false, err
		}
	}
	f.st.cursor = entries[len(entries)-1].Seq
	return true, f.store(ctx)
}

// wait waits for something to do, and a moment more for what comes with it.
func (f *follower) wait(ctx context.Context) error {
	woken, cancel := context.WithCancel(ctx)
	defer cancel()
	if c := f.count; c != nil && !c.over() {
		go func() {
			select {
			case <-c.done:
				cancel()
			case <-woken.Done():
			}
		}()
	}
	if err := f.s.store.Wait(woken, f.st.cursor); err != nil && (ctx.Err() != nil || woken.Err() == nil) {
		return err
	}
	wait(ctx, f.s.o.Gather)
	return ctx.Err()
}

// gather reads the change log behind the cursor.
func (f *follower) gather(ctx context.Context) (all []storage.Entry, err error) {
	after, changes := f.st.cursor, 0
	for range feedReads {
		entries, err := f.s.store.Read(ctx, after, feedBatch)
		if err != nil {
			return nil, fmt.Errorf("read change log: %w", err)
		}
		all = append(all, entries...)
		for i := range entries {
			changes += len(entries[i].Changes)
			after = entries[i].Seq
		}
		if len(entries) < feedBatch || changes >= feedChanges {
			break
		}
	}
	return all, nil
}

// take counts the changes of an entry.
func (f *follower) take(ctx context.Context, e *storage.Entry) error {
	if err := f.namespaces.Observe(ctx, e.Changes); err != nil {
		return err
	}
	if e.Time.After(f.st.Seen) {
		f.st.Seen = e.Time
	}
	at := dayOf(e.Time, f.s.o.Location)
	for i := range e.Changes {
		c := &e.Changes[i]
		switch storage.TableOf(c.Key) {
		case storage.TableNamespace:
			if k, ok := storage.ParseNamespaceKey(c.Key); ok {
				f.takeNamespace(k, c.Op)
			}
		case storage.TableRecord:
			if err := f.takeRecord(ctx, e.Seq, c, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeNamespace follows the change of a namespace: its records go with it to another enterprise.
func (f *follower) takeNamespace(k identifier.Key, op storage.Op) {
	ns := f.namespaces.Get(k)
	if h := f.held[k]; h != nil && ns != nil {
		f.move(k, h, ns.Enterprise)
	}
	if op == storage.OpCreate && k.Scheme != identifier.Handle && f.isInside(k) {
		f.st.Again = true
		f.close()
	}
}

// isInside reports whether k lies in a namespace with records, or a census may have seen it do so.
func (f *follower) isInside(k identifier.Key) bool {
	if f.count != nil {
		return true
	}
	for outer, h := range f.held {
		if outer != k && outer.Scheme == k.Scheme && h.active+h.revoked > 0 && k.Scheme.Contains(outer.Name, k.Name) {
			return true
		}
	}
	return false
}

// move gives what k holds to another enterprise.
func (f *follower) move(k identifier.Key, h *holding, owner string) {
	if h.owner == owner {
		return
	}
	if f.st.Known {
		row := f.row(series{h.owner, k}, f.today())
		row.holds, row.active, row.revoked = true, 0, 0
	}
	h.owner = owner
	f.touch(k, h)
}

// takeRecord counts a change of a record.
func (f *follower) takeRecord(ctx context.Context, seq storage.Seq, c *storage.Change, at day) error {
	k, ok := namespaceOf(f.namespaces, c.Key)
	if !ok {
		return nil
	}
	did := changeOf(c.Op)
	h := f.holding(k)
	f.row(series{h.owner, k}, at).change.add(did)
	if f.count != nil {
		seen, err := f.count.saw(ctx, seq, c)
		if err != nil {
			return err
		}
		if !seen {
			f.count.later(k).add(did)
		}
	}
	if f.st.Known {
		h.add(did)
	}
	f.touch(k, h)
	return nil
}

// holding is what k holds.
func (f *follower) holding(k identifier.Key) *holding {
	h := f.held[k]
	if h == nil {
		h = new(holding)
		if ns := f.namespaces.Get(k); ns != nil {
			h.owner = ns.Enterprise
		}
		f.held[k] = h
	}
	return h
}

// today is the newest day of which something was counted.
func (f *follower) today() day { return dayOf(f.st.Seen, f.s.o.Location) }

// row is the row of a day as it will be added to what is stored.
func (f *follower) row(s series, at day) *dayRow {
	name := rowName{s, at}
	r := f.rows[name]
	if r == nil {
		r = new(dayRow)
		f.rows[name] = r
	}
	return r
}

// touch has stored what k holds, and if it is known also as held at the end of the newest day.
func (f *follower) touch(k identifier.Key, h *holding) {
	f.touched[k] = true
	if f.st.Known {
		r := f.row(series{h.owner, k}, f.today())
		r.holds, r.active, r.revoked = true, h.active, h.revoked
	}
}

// store stores what was counted, up to the cursor, as one batch.
func (f *follower) store(ctx context.Context) error { return f.storeWith(ctx, new(storage.Batch)) }

// storeWith is store with what stands in b already.
func (f *follower) storeWith(ctx context.Context, b *storage.Batch) error {
	names := make([]rowName, 0, len(f.rows))
	keys := make([][]byte, 0, len(f.rows))
	for name := range f.rows {
		names, keys = append(names, name), append(keys, name.key(storage.CounterRegistrations, name.day))
	}
	items, err := f.s.store.MultiGet(ctx, keys)
	if err != nil {
		return fmt.Errorf("read counts of registrations: %w", err)
	}
	for i, item := range items {
		row := *f.rows[names[i]]
		if item.Value != nil {
			old, err := parseDayRow(item.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", names[i].ns.Name, err)
			}
			row.change.add(old.change)
			if !row.holds {
				row.holds, row.active, row.revoked = old.holds, old.active, old.revoked
			}
		}
		b.Set(keys[i], row.append(nil))
	}
	for k := range f.touched {
		b.Set(storage.HeldKey(k), f.held[k].append(nil))
	}
	if err := f.apply(ctx, b); err != nil {
		return err
	}
	clear(f.rows)
	clear(f.touched)
	return nil
}

// apply applies b with the state and the cursor.
func (f *follower) apply(ctx context.Context, b *storage.Batch) error {
	value, err := json.Marshal(&f.st)
	if err != nil {
		return err
	}
	b.Put(stateKey, value, f.st.version)
	b.Set(cursorKey, storage.EncodeCursor(f.st.cursor))
	if _, err := f.s.store.Apply(ctx, b); err != nil {
		if errors.Is(err, storage.ErrConflict) {
			err = errBehind
		}
		return fmt.Errorf("store statistics: %w", err)
	}
	f.st.version++
	return nil
}

// skip goes on at the end of the change log, which was trimmed beyond the cursor.
func (f *follower) skip(ctx context.Context) error {
	f.close()
	end, err := f.s.store.Last(ctx)
	if err != nil {
		return fmt.Errorf("read end of change log: %w", err)
	}
	if err := f.namespaces.Reload(ctx); err != nil {
		return err
	}
	now := f.s.now()
	f.s.o.Logger.Error("the change log no longer reaches back to where registrations were counted: those in between are not in the statistics, what is held is counted anew",
		"seq", f.st.cursor, "since", f.st.Seen)
	f.st.Lost = append(f.st.Lost, span{f.st.Seen, now})
	if f.st.Known {
		f.st.Known, f.st.Unsure = false, append(f.st.Unsure, gap{From: f.today()})
	}
	if now.After(f.st.Seen) {
		f.st.Seen = now
	}
	f.st.cursor = end
	return f.store(ctx)
}

// putRight makes good that the clock was ahead: the rows of days that have not come yet no longer say what
// is held at their ends, and today's do.
func (f *follower) putRight(ctx context.Context) error {
	f.s.o.Logger.Warn("registrations were counted at a time that has not come yet: the clock was wrong", "time", f.st.Seen)
	f.st.Seen = f.s.now()
	var b storage.Batch
	err := eachSeries(ctx, f.s.store, storage.PrefixRange(storage.CounterKey(storage.CounterRegistrations, "")), func(s series) error {
		h := f.held[s.ns]
		ahead := storage.Range{Start: s.key(storage.CounterRegistrations, f.today()+1), End: s.key(storage.CounterRegistrations, lastDay)}
		return f.s.store.Scan(ctx, ahead, func(key []byte, item storage.Item) error {
			row, err := parseDayRow(item.Value)
			if err != nil || !row.holds {
				return err
			}
			row.holds = false
			b.Set(slices.Clone(key), row.append(nil))
			if h != nil && h.owner == s.enterprise {
				f.touch(s.ns, h)
			} else if f.st.Known {
				f.row(s, f.today()).holds = true // nothing: its records are another's
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read counts of days to come: %w", err)
	}
	return f.storeWith(ctx, &b)
}
