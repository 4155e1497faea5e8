package topsync

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// taking is one batch of the change log.
type taking struct {
	*keeper
	fresh    map[identifier.Key]uint64 // identifiers registered on the day, by namespace
	prefixes map[identifier.Key]uint64 // enterprise prefixes allocated on the day, by the node's prefix
	touched  map[identifier.Key]bool   // holdings to store
	marks    map[mark]bool

	effective []took // prefixes that became resolvable
}

// mark says that a thing of a table may have to be reported.
type mark struct{ table, key string }

func markKey(m mark) []byte { return storage.SyncKey(storage.SyncDirty, []string{m.table, m.key}, nil) }

// entry takes the changes of an entry.
func (t *taking) entry(ctx context.Context, w *writing, e *storage.Entry) error {
	if err := t.namespaces.Observe(ctx, e.Changes); err != nil {
		return err
	}
	for i := range e.Changes {
		c := &e.Changes[i]
		var err error
		switch storage.TableOf(c.Key) {
		case storage.TableRecord:
			if counted := t.skipped(e.Seq, i); !counted || !t.st.SkipRows {
				err = t.record(w, c, e.Time, counted)
			}
		case storage.TableNamespace:
			t.namespace(c)
		case storage.TableEnterprise:
			t.enterprise(string(c.Key[1:]))
		case storage.TableTemplate:
			t.template(c.Key)
		case storage.TableApp:
			err = t.app(ctx, string(c.Key[1:]))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// record takes the change of a record: a row of T9, and the numbers of T8. counted says that how many records there
// are is known with the change.
func (t *taking) record(w *writing, c *storage.Change, at time.Time, counted bool) error {
	k, ok := storage.ParseRecordKey(c.Key)
	if !ok {
		return nil
	}
	ns := namespaceOf(t.namespaces, k)
	if ns == nil {
		return nil
	}
	var op topreport.Op
	more := int64(0)
	switch c.Op {
	case storage.OpCreate:
		op, more = topreport.Add, 1
		t.fresh[ns.Key()]++
	case storage.OpRestore:
		op, more = topreport.Add, 1
	case storage.OpRevoke:
		op, more = topreport.Delete, -1
	case storage.OpUpdate:
		op = topreport.Change
	default:
		return nil // what came as a tombstone from another node, that node has reported
	}
	if more != 0 && !counted {
		h := t.holding(ns.Key())
		h.Records = max(0, h.Records+more)
		t.touched[ns.Key()] = true
	}
	_, err := w.addRow("T9", row{Op: op, Time: at, record: k, version: c.Version})
	return err
}

// namespaceOf is the namespace that a record is in, nil if it is in none, or is the record of a prefix itself.
func namespaceOf(namespaces *storage.Namespaces, k identifier.Key) *identifier.Namespace {
	if k.Scheme == identifier.Handle {
		name, _, found := strings.Cut(k.Name, "/")
		if !found {
			return nil
		}
		if ns := namespaces.Get(identifier.Key{Scheme: k.Scheme, Name: name}); ns != nil {
			return ns
		}
	}
	id, err := k.Scheme.Parse(k.Name)
	if err != nil || id.IsPrefixRecord() {
		return nil
	}
	return namespaces.Find(id)
}

// namespace takes the change of a namespace: T7, the numbers of T3, and whose records its own are.
func (t *taking) namespace(c *storage.Change) {
	k, ok := storage.ParseNamespaceKey(c.Key)
	if !ok {
		return
	}
	ns := t.namespaces.Get(k)
	if ns == nil {
		return
	}
	h := t.holding(k)
	live := ns.State != identifier.NamespaceWithdrawn
	own := ns.Enterprise != registry.Self
	if c.Op == storage.OpCreate && !h.Known && own {
		for _, p := range t.s.o.Prefixes {
			if p.Scheme == k.Scheme && p.Scheme.Contains(p.Name, k.Name) {
				t.prefixes[p]++
			}
		}
	}
	if c.Op == storage.OpCreate && k.Scheme != identifier.Handle || h.Known && h.Hosted != (ns.Mode == identifier.Hosted) {
		t.st.Recount = true // records that were another one's are this one's now, or they have moved
	}
	if live && ns.State == identifier.NamespaceActive && h.Effective.IsZero() {
		h.Effective = ns.Updated
		t.effective = append(t.effective, took{ns.Updated, ns.Updated.Sub(ns.Created)})
	}
	h.Known, h.Live, h.Own, h.Hosted = true, live, own, ns.Mode == identifier.Hosted
	t.touched[k] = true
	if own {
		t.marks[mark{"T7", qualified(k)}] = true
	}
}

func (t *taking) enterprise(id string) {
	if id == registry.Self {
		t.marks[mark{"T1", id}] = true
		return
	}
	t.marks[mark{"T6", id}] = true
}

// template takes the change of a template: T4 for those of the node, T11 for those of enterprises.
func (t *taking) template(key []byte) {
	k, name, revision, ok := storage.ParseTemplateKey(key)
	if !ok || revision != 0 {
		return
	}
	table := "T11"
	if ns := t.namespaces.Get(k); ns != nil && ns.Enterprise == registry.Self {
		table = "T4"
	}
	t.marks[mark{table, qualified(k) + "/" + name}] = true
}

// app takes the change of an application. Of one that is gone its last row says whose it was.
func (t *taking) app(ctx context.Context, id string) error {
	table := "T10"
	item, err := t.s.store.Get(ctx, storage.AppKey(id))
	switch {
	case isNotFound(err):
		if told, err := t.s.told(ctx, mark{"T5", id}); err != nil || told.Hash != "" {
			t.marks[mark{"T5", id}] = true
			return err
		}
	case err != nil:
		return err
	default:
		var a struct{ Enterprise string }
		if err := json.Unmarshal(item.Value, &a); err != nil {
			return fmt.Errorf("decode application %s: %w", id, err)
		}
		table = appTable(a.Enterprise)
	}
	t.marks[mark{table, id}] = true
	return nil
}

// appTable is the table of an enterprise's applications.
func appTable(enterprise string) string {
	if enterprise == registry.Self {
		return "T5"
	}
	return "T10"
}

// finish adds to w the numbers and marks that the entries came to.
func (t *taking) finish(ctx context.Context, w *writing) error {
	for k := range t.touched {
		if err := w.put(holdingKey(k), t.holdings[k]); err != nil {
			return err
		}
	}
	for kind, counts := range map[string]map[identifier.Key]uint64{countIdentifiers: t.fresh, countPrefixes: t.prefixes} {
		for k, n := range counts {
			key := freshKey(t.st.Day, kind, k)
			before, err := readCount(ctx, t.s.store, key)
			if err != nil {
				return err
			}
			w.Set(key, appendCount(before+n))
		}
	}
	for m := range t.marks {
		w.Set(markKey(m), nil)
	}
	return t.s.addEffective(ctx, w, t.effective)
}
