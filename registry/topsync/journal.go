package topsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/storage"
)

// journal gives rows their numbers and keeps them until they are acknowledged: one outbox for each table.
type journal struct {
	store storage.Store
	woken func(table string) // called after rows of the table may leave

	mu    sync.Mutex // held from the first number that is given out to the end of Apply
	heads map[string]head
}

// head is the row of a table's outbox as a whole.
type head struct {
	Last     uint64    `json:"last"`               // number of the newest row
	Released uint64    `json:"released,omitempty"` // rows up to here may leave
	Trimmed  uint64    `json:"trimmed,omitempty"`  // rows up to here are gone
	Time     time.Time `json:"time,omitzero"`      // of the newest row

	version uint64
}

// heldBack are the tables whose rows wait for the end of the day though they are written as things happen.
func heldBack(table string) bool { return table == "T9" }

func newJournal(store storage.Store, woken func(string)) *journal {
	return &journal{store: store, woken: woken, heads: make(map[string]head)}
}

func headKey(table string) []byte {
	return storage.SyncKey(storage.SyncHead, []string{table}, nil)
}

// head returns the newest head of a table.
func (j *journal) head(ctx context.Context, table string) (head, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.read(ctx, table)
}

func (j *journal) read(ctx context.Context, table string) (head, error) {
	if h, ok := j.heads[table]; ok {
		return h, nil
	}
	var h head
	item, err := j.store.Get(ctx, headKey(table))
	if err == nil {
		err = json.Unmarshal(item.Value, &h)
		h.version = item.Version
	}
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return h, fmt.Errorf("read head of %s: %w", table, err)
	}
	j.heads[table] = h
	return h, nil
}

// writing is a batch under way.
type writing struct {
	storage.Batch
	j     *journal
	ctx   context.Context
	heads map[string]head // that it changes

	// What several parts of a batch may change; put once, when it is applied.
	events map[string]*Event
	months map[month]*monthSum
}

func (j *journal) begin(ctx context.Context) *writing {
	return &writing{j: j, ctx: ctx, heads: make(map[string]head), events: make(map[string]*Event), months: make(map[month]*monthSum)}
}

// write applies one batch that fill makes. After an error nothing that was read before may be relied upon.
func (j *journal) write(ctx context.Context, fill func(w *writing) error) error {
	j.mu.Lock()
	w := j.begin(ctx)
	err := fill(w)
	if err == nil {
		err = w.apply()
	}
	j.mu.Unlock()
	if err != nil {
		return err
	}
	for table := range w.heads {
		j.woken(table)
	}
	return nil
}

func (w *writing) apply() error {
	for table, h := range w.heads {
		value, err := json.Marshal(&h)
		if err != nil {
			return err
		}
		w.Put(headKey(table), value, h.version)
	}
	for number, e := range w.events {
		if err := w.put(eventKey(number), e); err != nil {
			return err
		}
	}
	for m, sum := range w.months {
		if err := w.put(sumKey(m), sum); err != nil {
			return err
		}
	}
	if len(w.Writes()) == 0 {
		return nil
	}
	if _, err := w.j.store.Apply(w.ctx, &w.Batch); err != nil {
		clear(w.j.heads) // who knows
		return err
	}
	for table, h := range w.heads {
		h.version++
		w.j.heads[table] = h
	}
	return nil
}

// put sets a key to the JSON of a value.
func (w *writing) put(key []byte, v any) error {
	value, err := json.Marshal(v)
	if err == nil {
		w.Set(key, value)
	}
	return err
}

func (w *writing) head(table string) (head, error) {
	if h, ok := w.heads[table]; ok {
		return h, nil
	}
	return w.j.read(w.ctx, table)
}

// add puts a row at the end of a table's outbox, and returns its number.
func (w *writing) add(table string, at time.Time, value []byte) (uint64, error) {
	h, err := w.head(table)
	if err != nil {
		return 0, err
	}
	h.Last++
	h.Time = at
	if !heldBack(table) {
		h.Released = h.Last
	}
	w.heads[table] = h
	w.Set(storage.OutboxKey(table, h.Last), value)
	return h.Last, nil
}

// addRow adds a row with its data.
func (w *writing) addRow(table string, r row) (uint64, error) {
	value, err := r.encode()
	if err != nil {
		return 0, err
	}
	return w.add(table, r.Time, value)
}

// release lets all rows of a table leave.
func (w *writing) release(table string) error {
	h, err := w.head(table)
	if err == nil && h.Released < h.Last {
		h.Released = h.Last
		w.heads[table] = h
	}
	return err
}

// dropAbove removes the rows of a table above the number, none of which may have left.
func (j *journal) dropAbove(ctx context.Context, table string, number uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	h, err := j.read(ctx, table)
	if err != nil || h.Last <= number {
		return err
	}
	if err := j.store.DeleteRange(ctx, storage.OutboxKey(table, number+1), storage.OutboxKey(table, h.Last+1)); err != nil {
		return fmt.Errorf("drop rows of %s: %w", table, err)
	}
	w := j.begin(ctx)
	h.Last = number
	w.heads[table] = h
	return w.apply()
}

// trim removes the rows of a table up to the number that are from before the time.
func (j *journal) trim(ctx context.Context, table string, upTo uint64, before time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	h, err := j.read(ctx, table)
	if err != nil {
		return err
	}
	end := h.Trimmed
	span := storage.Range{Start: storage.OutboxKey(table, h.Trimmed+1), End: storage.OutboxKey(table, upTo+1), Limit: trimRows}
	if h.Trimmed >= upTo {
		return nil
	}
	err = j.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
		_, number, ok := storage.ParseOutboxKey(key)
		at, err := timeOf(item.Value)
		if !ok || err != nil {
			return errDamaged
		}
		if !at.Before(before) {
			return storage.Stop
		}
		end = number
		return nil
	})
	if err != nil || end == h.Trimmed {
		return err
	}
	if err := j.store.DeleteRange(ctx, storage.OutboxKey(table, h.Trimmed+1), storage.OutboxKey(table, end+1)); err != nil {
		return fmt.Errorf("trim rows of %s: %w", table, err)
	}
	w := j.begin(ctx)
	h.Trimmed = end
	w.heads[table] = h
	return w.apply()
}

// trimRows bounds what one trim looks at.
const trimRows = 50_000

// tablesOf are the tables that a target takes: those named, or all.
func tablesOf(named []string) []string {
	if len(named) == 0 {
		return topreport.Names()
	}
	return named
}
