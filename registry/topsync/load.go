package topsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// loadRows is how many records one batch of the load has.
const loadRows = 2000

// load goes through what is there when the sync begins, or begins again behind a change log that was trimmed: every
// record is a row of T9, every other thing is marked, and records are counted. For a recount it counts only. It works
// on a snapshot, so it begins again after a crash; its rows cannot have left before it is over.
func (k *keeper) load(ctx context.Context) error {
	began := time.Now()
	whole := !k.st.Loaded
	if whole {
		if err := k.beginLoad(ctx); err != nil {
			return err
		}
	}
	after := k.st.cursor
	if whole {
		var err error
		if after, err = k.s.store.Last(ctx); err != nil {
			return fmt.Errorf("read end of change log: %w", err)
		}
	}
	snap, err := k.s.store.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	defer snap.Close()
	skip, err := k.seen(ctx, snap, after)
	if err != nil {
		return err
	}
	l := &loading{keeper: k, snap: snap, records: make(map[identifier.Key]int64), rows: whole}
	if err := l.recordsOf(ctx); err != nil {
		return err
	}
	if whole {
		k.st.cursor = after
		if err := k.markAll(ctx, snap); err != nil {
			return err
		}
	}
	for ns := range k.holdings {
		k.holdings[ns].Records = 0
	}
	for ns, n := range l.records {
		k.holding(ns).Records = n
	}
	k.st.Loaded, k.st.Recount, k.st.First, k.st.Skip, k.st.SkipRows = true, false, 0, skip, whole
	err = k.save(ctx, func(w *writing) error {
		for ns, h := range k.holdings {
			if at := k.namespaces.Get(ns); at != nil {
				h.Known, h.Live, h.Own, h.Hosted = true, at.State != identifier.NamespaceWithdrawn, at.Enterprise != registry.Self, at.Mode == identifier.Hosted
				if h.Effective.IsZero() && at.State == identifier.NamespaceActive {
					h.Effective = at.Updated
				}
			}
			if err := w.put(holdingKey(ns), h); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		k.s.log.Info("records counted for the sync with the top-level node", "namespaces", len(l.records), "rows", whole, "took", time.Since(began).Round(time.Millisecond))
	}
	return err
}

// beginLoad notes where rows of the load begin, or drops those of a load that was broken off.
func (k *keeper) beginLoad(ctx context.Context) error {
	h, err := k.s.journal.head(ctx, "T9")
	if err != nil {
		return err
	}
	if k.st.First == 0 {
		k.st.First = h.Last + 1
		if k.st.cursor, err = k.s.store.Last(ctx); err != nil { // so that nothing is trimmed meanwhile
			return err
		}
		return k.save(ctx, nil)
	}
	return k.s.journal.dropAbove(ctx, "T9", k.st.First-1)
}

// seen lists the changes behind the place that the snapshot has already: those that were applied between the moment
// of the place and that of the snapshot.
func (k *keeper) seen(ctx context.Context, snap storage.Snapshot, after storage.Seq) ([]string, error) {
	end, err := k.s.store.Last(ctx)
	if err != nil {
		return nil, fmt.Errorf("read end of change log: %w", err)
	}
	var skip []string
	for after < end {
		entries, err := k.s.store.Read(ctx, after, feedBatch)
		if err != nil || len(entries) == 0 {
			return skip, err
		}
		for _, e := range entries {
			if after = e.Seq; e.Seq > end {
				break
			}
			for i, c := range e.Changes {
				if storage.TableOf(c.Key) != storage.TableRecord {
					continue
				}
				item, err := snap.Get(ctx, c.Key)
				if err == nil && c.Version <= item.Version {
					skip = append(skip, skipName(e.Seq, i))
				} else if err != nil && !errors.Is(err, storage.ErrNotFound) {
					return nil, err
				}
			}
		}
	}
	return skip, nil
}

// loading is one load.
type loading struct {
	*keeper
	snap    storage.Snapshot
	records map[identifier.Key]int64 // active ones, by namespace
	rows    bool
}

// recordsOf goes through the records of the snapshot.
func (l *loading) recordsOf(ctx context.Context) error {
	span := storage.TableRange(storage.TableRecord)
	for {
		n, err := l.some(ctx, &span)
		if err != nil {
			return fmt.Errorf("go through records: %w", err)
		}
		if n < loadRows {
			return nil
		}
	}
}

// some goes through the next records, and moves span behind them.
func (l *loading) some(ctx context.Context, span *storage.Range) (n int, err error) {
	span.Limit = loadRows
	var rows []row
	var rec identifier.Record
	err = l.snap.Scan(ctx, *span, func(key []byte, item storage.Item) error {
		n++
		span.Start = append(append(span.Start[:0:0], key...), 0)
		k, ok := storage.ParseRecordKey(key)
		if !ok {
			return nil
		}
		ns := namespaceOf(l.namespaces, k)
		if ns == nil {
			return nil
		}
		if err := identifier.DecodeRecordInto(item.Value, &rec); err != nil {
			return fmt.Errorf("record %x: %w", key, err)
		}
		if rec.State != identifier.Active {
			return nil
		}
		l.records[ns.Key()]++
		if l.rows {
			rows = append(rows, row{Op: topreport.Add, Time: rec.Updated, record: k, version: item.Version})
		}
		return nil
	})
	if err != nil || len(rows) == 0 {
		return n, err
	}
	return n, l.s.journal.write(ctx, func(w *writing) error {
		for i := range rows {
			if _, err := w.addRow("T9", rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// markAll marks every thing of the tables that tell how things are.
func (k *keeper) markAll(ctx context.Context, snap storage.Snapshot) error {
	t := &taking{keeper: k, marks: make(map[mark]bool)}
	flush := func() error {
		err := k.s.journal.write(ctx, func(w *writing) error {
			for m := range t.marks {
				w.Set(markKey(m), nil)
			}
			return nil
		})
		clear(t.marks)
		return err
	}
	for _, table := range []storage.Table{storage.TableEnterprise, storage.TableNamespace, storage.TableTemplate, storage.TableApp} {
		span := storage.TableRange(table)
		span.Limit = loadRows
		for {
			n := 0
			err := snap.Scan(ctx, span, func(key []byte, item storage.Item) error {
				n++
				span.Start = append(append(span.Start[:0:0], key...), 0)
				switch table {
				case storage.TableEnterprise:
					t.enterprise(string(key[1:]))
				case storage.TableTemplate:
					t.template(append([]byte(nil), key...))
				case storage.TableApp:
					var a struct{ Enterprise string }
					if err := json.Unmarshal(item.Value, &a); err != nil {
						return err
					}
					t.marks[mark{appTable(a.Enterprise), string(key[1:])}] = true
				case storage.TableNamespace:
					if ns, ok := storage.ParseNamespaceKey(key); ok {
						k.holding(ns)
						if at := k.namespaces.Get(ns); at != nil && at.Enterprise != registry.Self {
							t.marks[mark{"T7", qualified(ns)}] = true
						}
					}
				}
				return nil
			})
			if err == nil {
				err = flush()
			}
			if err != nil {
				return fmt.Errorf("mark what is to be reported: %w", err)
			}
			if n < loadRows {
				break
			}
		}
	}
	return nil
}
