package topsync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/storage"
)

// settleRows is how many marked things are looked at in one batch.
const settleRows = 128

// settled are the tables whose rows tell how a thing is: a change marks the thing, and when the table's time has come
// a row is made of those that are not as they were last reported.
var settled = map[string]bool{"T1": true, "T2": true, "T4": true, "T5": true, "T6": true, "T7": true, "T10": true, "T11": true}

// told is what was last reported of a thing.
type told struct {
	Hash string `json:"hash"` // of its data, "" if it is not there
	Seq  uint64 `json:"seq"`
}

// thing is how something is.
type thing struct {
	key  string // of its rows
	data any    // nil: it is not there (any more), and this names it
	name any    // data of a row that deletes it
}

// settleDue makes rows of what is marked in the tables of a rhythm.
func (k *keeper) settleDue(ctx context.Context, rhythm topreport.Rhythm) error {
	for i := range topreport.Tables() {
		t := &topreport.Tables()[i]
		if t.Rhythm != rhythm || !settled[t.Name] {
			continue
		}
		for {
			more, err := k.settle(ctx, t.Name)
			if err != nil {
				return fmt.Errorf("settle table %s: %w", t.Name, err)
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// settle looks at some marked things of a table, and reports whether there may be more.
func (k *keeper) settle(ctx context.Context, table string) (bool, error) {
	span := storage.PrefixRange(storage.SyncKey(storage.SyncDirty, []string{table}, nil))
	span.Limit = settleRows
	var marks []mark
	err := k.s.store.Scan(ctx, span, func(key []byte, _ storage.Item) error {
		_, parts, _, ok := storage.ParseSyncKey(key, 2)
		if !ok {
			return errDamaged
		}
		marks = append(marks, mark{table, parts[1]})
		return nil
	})
	if err != nil || len(marks) == 0 {
		return false, err
	}
	err = k.s.journal.write(ctx, func(w *writing) error {
		for _, m := range marks {
			if err := k.settleOne(ctx, w, m); err != nil {
				return fmt.Errorf("%s: %w", m.key, err)
			}
			w.Delete(markKey(m), 0)
		}
		return nil
	})
	return len(marks) == settleRows, err
}

func (k *keeper) settleOne(ctx context.Context, w *writing, m mark) error {
	now, err := k.thing(ctx, m)
	if err != nil {
		return err
	}
	was, err := k.s.told(ctx, m)
	if err != nil {
		return err
	}
	op, data := topreport.Change, now.data
	switch {
	case now.data == nil && was.Hash == "":
		w.Delete(withheldKey(m), 0)
		return nil
	case now.data == nil:
		op, data = topreport.Delete, now.name
	case was.Hash == "":
		op = topreport.Add
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	next := told{}
	if op != topreport.Delete {
		sum := sha256.Sum256(text)
		next.Hash = hex.EncodeToString(sum[:16])
		if next.Hash == was.Hash {
			w.Delete(withheldKey(m), 0)
			return nil
		}
	}
	r := row{Key: now.key, Op: op, Time: k.s.now(), Data: text}
	if faults := topreport.Check(m.table, r.outside(m.table, 1)); len(faults) > 0 {
		return w.put(withheldKey(m), withheldBy(faults))
	}
	if next.Seq, err = w.addRow(m.table, r); err != nil {
		return err
	}
	w.Delete(withheldKey(m), 0)
	return w.put(toldKey(m), &next)
}

// outside is the row as it travels.
func (r *row) outside(table string, number uint64) *topreport.Row {
	return &topreport.Row{Table: table, Seq: number, Key: r.Key, Op: r.Op, Time: r.Time.UTC(), Data: r.Data}
}

// RowFault is one thing that is wrong with a row.
type RowFault struct {
	Field  string `json:"field"` // JSON Pointer into the row
	Detail string `json:"detail"`
}

// withheldBy is why a thing is not reported, as it is kept.
func withheldBy(faults []topreport.Fault) []RowFault {
	out := make([]RowFault, len(faults))
	for i, f := range faults {
		out[i] = RowFault{Field: f.Field, Detail: f.Detail("en")}
	}
	return out
}

func toldKey(m mark) []byte { return storage.SyncKey(storage.SyncTold, []string{m.table, m.key}, nil) }
func withheldKey(m mark) []byte {
	return storage.SyncKey(storage.SyncWithheld, []string{m.table, m.key}, nil)
}

// told is what was last reported of a thing.
func (s *Syncer) told(ctx context.Context, m mark) (t told, err error) {
	item, err := s.store.Get(ctx, toldKey(m))
	if isNotFound(err) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &t)
	}
	return t, err
}
