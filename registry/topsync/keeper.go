package topsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/storage"
)

const (
	feedBatch   = 64   // entries of the change log that are read at once
	feedChanges = 2000 // changes that make one batch; the last entry may pass it

	// settleTime is how long after a boundary what belongs before it may still come: entries that were dated before
	// they could be read, and requests that wait in memory to be logged.
	settleTime = 2 * time.Second
	// countPatience is how long a day waits for its requests to be counted. What comes later is counted for the
	// day that is open then.
	countPatience = time.Hour
	// beatEvery is how often it is noted that the node runs.
	beatEvery = time.Minute
	// complainEvery bounds how often the same trouble is logged.
	complainEvery = time.Minute
	// sweepEvery is how often acknowledged rows are looked through for old ones.
	sweepEvery = 10 * time.Minute
)

// state is how far the keeper is. It is stored with whatever it writes.
type state struct {
	Loaded  bool     `json:"loaded"`            // what was there when the sync began has been gone through
	Recount bool     `json:"recount,omitempty"` // how many records prefixes hold is to be counted anew
	First   uint64   `json:"first,omitempty"`   // number of T9 behind which the load writes
	Skip    []string `json:"skip,omitempty"`    // changes behind the cursor that the load has counted: "seq/number"
	// SkipRows says that the load has made rows of them, too.
	SkipRows bool     `json:"skipRows,omitempty"`
	Hour     int64    `json:"hour"`              // the tables of the hours before it have been settled
	Day      day      `json:"day"`               // what happens is counted for it
	Closing  *closing `json:"closing,omitempty"` // the day before is being closed

	cursor  storage.Seq
	version uint64
}

var (
	stateKey  = storage.SyncKey(storage.SyncState, nil, nil)
	cursorKey = storage.CursorKey(Follower)
)

// keeper turns the change log and the passing of time into rows. After an error it is of no more use: what it has in
// memory may be further than what is stored.
type keeper struct {
	s          *Syncer
	st         state
	namespaces *storage.Namespaces // as the keeper has read the log, or newer; never older
	holdings   map[identifier.Key]*holding
	waited     time.Time // since when a day waits for its requests
	beaten     time.Time // when it was last noted that the node runs
	swept      time.Time
}

// keep keeps until ctx ends.
func (s *Syncer) keep(ctx context.Context) {
	var said time.Time
	for ctx.Err() == nil {
		err := s.keepOn(ctx)
		if ctx.Err() != nil || errors.Is(err, storage.ErrClosed) {
			return
		}
		if now := time.Now(); now.Sub(said) >= complainEvery {
			said = now
			s.log.Error("gather what is reported upward", "err", err)
		}
		sleep(ctx, nil, time.Second)
	}
}

// keepOn goes on where the keeper is, and on and on. It returns an error only.
func (s *Syncer) keepOn(ctx context.Context) error {
	k, err := s.resume(ctx)
	if err != nil {
		return err
	}
	for {
		more, err := k.step(ctx)
		if err != nil {
			return err
		}
		if !more {
			if err := k.wait(ctx); err != nil {
				return err
			}
		}
	}
}

// resume reads what is stored.
func (s *Syncer) resume(ctx context.Context) (*keeper, error) {
	k := &keeper{s: s, holdings: make(map[identifier.Key]*holding)}
	items, err := s.store.MultiGet(ctx, [][]byte{stateKey, cursorKey})
	if err != nil {
		return nil, fmt.Errorf("read state of the sync: %w", err)
	}
	now := s.now()
	k.st.version = items[0].Version
	if items[0].Value != nil {
		if err := json.Unmarshal(items[0].Value, &k.st); err != nil {
			return nil, fmt.Errorf("read state of the sync: %w", err)
		}
		if items[1].Value == nil {
			k.st = state{First: k.st.First, version: k.st.version} // the sync was off
		} else if k.st.cursor, err = storage.DecodeCursor(items[1].Value); err != nil {
			return nil, err
		}
	}
	if k.st.Day == "" {
		k.st.Hour, k.st.Day = hourOf(now, s.o.Location), dayOf(now, s.o.Location)
	}
	if k.namespaces, err = storage.LoadNamespaces(ctx, s.store); err != nil {
		return nil, err
	}
	if err := k.readHoldings(ctx); err != nil {
		return nil, err
	}
	if err := s.returned(ctx, now); err != nil {
		return nil, err
	}
	if err := k.markRoutes(ctx); err != nil {
		return nil, err
	}
	s.setOpen(k.st.Day)
	return k, nil
}

// setOpen says for which day requests are counted at the earliest.
func (s *Syncer) setOpen(d day) {
	s.mu.Lock()
	s.open = d
	s.mu.Unlock()
}

// save writes a batch that fill makes, with the state.
func (k *keeper) save(ctx context.Context, fill func(w *writing) error) error {
	err := k.s.journal.write(ctx, func(w *writing) error {
		if fill != nil {
			if err := fill(w); err != nil {
				return err
			}
		}
		value, err := json.Marshal(&k.st)
		if err != nil {
			return err
		}
		w.Put(stateKey, value, k.st.version)
		w.Set(cursorKey, storage.EncodeCursor(k.st.cursor))
		return nil
	})
	if err != nil {
		return fmt.Errorf("store rows: %w", err)
	}
	k.st.version++
	return nil
}

// step does one thing, and reports whether there may be more to do.
func (k *keeper) step(ctx context.Context) (more bool, err error) {
	switch {
	case !k.st.Loaded:
		return true, k.load(ctx)
	case k.st.Closing != nil:
		return true, k.close(ctx)
	}
	entries, err := k.gather(ctx)
	if errors.Is(err, storage.ErrTrimmed) {
		k.s.log.Warn("the change log no longer reaches back to what was reported: everything is looked at anew", "seq", k.st.cursor)
		k.st.Loaded = false
		return true, nil
	}
	if err != nil {
		return false, err
	}
	// Time as the log has it, or if there is nothing in the log as the clock has it.
	at := k.s.now().Add(-settleTime)
	if len(entries) > 0 {
		at = entries[0].Time
	}
	if passed, err := k.pass(ctx, at); passed || err != nil {
		return passed, err
	}
	if len(entries) == 0 {
		if k.st.Recount {
			return true, k.load(ctx)
		}
		if err := k.settleDue(ctx, topreport.RealTime); err != nil {
			return false, err
		}
		return false, k.rest(ctx)
	}
	return true, k.take(ctx, entries)
}

// pass does what is due before the time, and reports whether there was something.
func (k *keeper) pass(ctx context.Context, at time.Time) (bool, error) {
	zone := k.s.o.Location
	if hourOf(at, zone) > k.st.Hour {
		if err := k.settleDue(ctx, topreport.Hourly); err != nil {
			return false, err
		}
		k.st.Hour = hourOf(at, zone)
		if err := k.save(ctx, nil); err != nil {
			return false, err
		}
	}
	if dayOf(at, zone) <= k.st.Day {
		return false, nil
	}
	ready, err := k.counted(ctx)
	if err != nil {
		return false, err
	}
	if !ready {
		sleep(ctx, k.s.poked, time.Second)
		return true, ctx.Err()
	}
	return true, k.beginClose(ctx)
}

// counted reports whether the requests of the open day have been counted, or are waited for no longer.
func (k *keeper) counted(ctx context.Context) (bool, error) {
	if !k.s.o.CountsRequests {
		return true, nil
	}
	f, _, err := k.s.feedState(ctx)
	if err != nil {
		return false, err
	}
	now := k.s.now()
	if !f.Through.Before(k.st.Day.end(k.s.o.Location).Add(settleTime)) {
		k.waited = time.Time{}
		return true, nil
	}
	if k.waited.IsZero() {
		k.waited = now
	}
	if now.Sub(k.waited) < countPatience {
		return false, nil
	}
	k.s.log.Error("requests are not counted: a day is reported without the last of them", "day", string(k.st.Day), "counted", f.Through)
	k.waited = time.Time{}
	return true, nil
}

// gather reads the change log behind the cursor: entries of one hour, as what is due at its end comes between.
func (k *keeper) gather(ctx context.Context) (all []storage.Entry, err error) {
	after, changes := k.st.cursor, 0
	for changes < feedChanges {
		entries, err := k.s.store.Read(ctx, after, feedBatch)
		if err != nil {
			return nil, fmt.Errorf("read change log: %w", err)
		}
		for i := range entries {
			if len(all) > 0 && hourOf(entries[i].Time, k.s.o.Location) > max(k.st.Hour, hourOf(all[0].Time, k.s.o.Location)) {
				return all, nil
			}
			all = append(all, entries[i])
			if changes += len(entries[i].Changes); changes >= feedChanges {
				return all, nil
			}
			after = entries[i].Seq
		}
		if len(entries) < feedBatch {
			break
		}
	}
	return all, nil
}

// take turns entries into rows and marks.
func (k *keeper) take(ctx context.Context, entries []storage.Entry) error {
	t := &taking{keeper: k, fresh: make(map[identifier.Key]uint64), prefixes: make(map[identifier.Key]uint64), touched: make(map[identifier.Key]bool), marks: make(map[mark]bool)}
	err := k.save(ctx, func(w *writing) error {
		for i := range entries {
			if err := t.entry(ctx, w, &entries[i]); err != nil {
				return err
			}
		}
		k.st.cursor = entries[len(entries)-1].Seq
		k.dropSkip()
		return t.finish(ctx, w)
	})
	if err != nil {
		return err
	}
	return k.settleDue(ctx, topreport.RealTime)
}

// skipped reports whether the load has seen a change.
func (k *keeper) skipped(seq storage.Seq, number int) bool {
	if len(k.st.Skip) == 0 {
		return false
	}
	name := skipName(seq, number)
	for _, s := range k.st.Skip {
		if s == name {
			return true
		}
	}
	return false
}

func skipName(seq storage.Seq, number int) string {
	return strconv.FormatUint(uint64(seq), 10) + "/" + strconv.Itoa(number)
}

// dropSkip forgets what was to be skipped up to the cursor: the list is of a few changes at the beginning.
func (k *keeper) dropSkip() {
	var left []string
	for _, s := range k.st.Skip {
		var seq uint64
		if _, err := fmt.Sscanf(s, "%d/", &seq); err == nil && storage.Seq(seq) > k.st.cursor {
			left = append(left, s)
		}
	}
	k.st.Skip = left
}

// rest does what is done now and then.
func (k *keeper) rest(ctx context.Context) error {
	now := k.s.now()
	if now.Sub(k.beaten) >= beatEvery || now.Before(k.beaten) {
		if err := k.s.beat(ctx, false); err != nil {
			return err
		}
		k.beaten = now
	}
	if now.Sub(k.swept) >= sweepEvery || now.Before(k.swept) {
		if err := k.s.sweep(ctx, now); err != nil {
			return err
		}
		k.swept = now
	}
	return nil
}

// wait waits for changes, and no longer than until something is due.
func (k *keeper) wait(ctx context.Context) error {
	now := k.s.now()
	zone := k.s.o.Location
	hour := time.Unix((hourOf(now, zone)+1)*3600, 0)
	_, offset := now.In(zone).Zone()
	due := hour.Add(-time.Duration(offset)*time.Second + settleTime).Sub(now)
	woken, cancel := context.WithTimeout(ctx, min(max(due, time.Millisecond), beatEvery))
	defer cancel()
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		select {
		case <-k.s.poked:
			cancel()
		case <-woken.Done():
		}
	}()
	err := k.s.store.Wait(woken, k.st.cursor)
	unwoken := woken.Err() == nil
	cancel()
	<-listening
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !unwoken {
		return nil
	}
	return err
}
