package registry

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Revision is one version of a record: what was done, when, by whom and why.
type Revision struct {
	Version   uint64    `json:"version"`
	Op        OpKind    `json:"op"` // create, update, revoke or restore
	Time      time.Time `json:"time"`
	Reason    string    `json:"reason,omitempty"`
	Successor string    `json:"successor,omitempty"`
	By        *By       `json:"by,omitempty"` // nil: the audit log no longer tells
}

// OpUpdate is what a replacement or a partial update is in the history of a record.
const OpUpdate OpKind = "update"

// By is who made a change.
type By struct {
	Enterprise string `json:"enterprise,omitempty"`
	Key        string `json:"key,omitempty"`
	Role       Role   `json:"role,omitempty"`
	Identity   string `json:"identity,omitempty"` // over the Handle protocol
	Addr       string `json:"addr,omitempty"`
	Via        string `json:"via,omitempty"` // "batch" or "import", if the change was a row of one
}

// History returns a page of the versions of a record, the newest first, and the cursor of the next
// page. Those who may not read the namespace's private values are refused: who works at a competitor
// is none of their business. Refusals: CodeNotFound, CodeNotYourNamespace, CodeInvalidCursor.
func (r *Registrar) History(ctx context.Context, id identifier.ID, a Actor, p Paging) ([]*Revision, string, error) {
	k, refusal := r.readable(id, a)
	if refusal != nil {
		return nil, "", refusal
	}
	rows, refusal := r.pageRows(p.Limit)
	if refusal != nil {
		return nil, "", refusal
	}
	item, err := r.store.Get(ctx, storage.RecordKey(k))
	if err != nil {
		return nil, "", r.notRegistered(id, err)
	}
	last := item.Version + 1 // of the page before
	if p.Cursor != "" {
		at, refusal := startAfter(p.Cursor, storage.TableHistory)
		if refusal == nil && (!bytes.HasPrefix(at, storage.HistoryPrefix(k)) || len(at) != len(storage.HistoryPrefix(k))+9) {
			refusal = refuse(CodeInvalidCursor, "cursor", "not a cursor that a list gave")
		}
		if refusal != nil {
			return nil, "", refusal
		}
		last = binary.BigEndian.Uint64(at[len(at)-9:])
	}
	states := make([]*identifier.Record, 0, min(rows, 64)+1) // one more than the page, to tell what the last one did
	add := func(value []byte, version uint64) error {
		rec, err := identifier.DecodeRecord(bytes.Clone(value))
		if err != nil {
			return err
		}
		rec.Version = version
		states = append(states, rec)
		return nil
	}
	if last > item.Version {
		if err := add(item.Value, item.Version); err != nil {
			return nil, "", AsError(fmt.Errorf("history of %s: %w", id, err))
		}
	}
	span := storage.Range{Start: storage.HistoryPrefix(k), End: storage.HistoryKey(k, min(last, item.Version)), Reverse: true}
	err = r.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
		if len(states) > rows {
			return storage.Stop
		}
		return add(item.Value, binary.BigEndian.Uint64(key[len(key)-8:]))
	})
	if err != nil {
		return nil, "", AsError(fmt.Errorf("history of %s: %w", id, err))
	}
	next := ""
	out := make([]*Revision, 0, min(rows, len(states)))
	for i := 0; i < len(states) && i < rows; i++ {
		var before *identifier.Record
		if i+1 < len(states) {
			before = states[i+1]
		}
		rev := revisionOf(states[i], before)
		if err := r.attribute(ctx, rev, id.Qualified()); err != nil {
			return nil, "", AsError(fmt.Errorf("history of %s: %w", id, err))
		}
		out = append(out, rev)
	}
	if len(states) > rows {
		next = cursorOf(storage.HistoryKey(k, states[rows-1].Version))
	}
	return out, next, nil
}

// readable is where the record of id is kept, if a may see more of it than everybody.
func (r *Registrar) readable(id identifier.ID, a Actor) (identifier.Key, *Error) {
	ns := r.namespaces.Find(id)
	if ns == nil {
		return identifier.Key{}, refuse(CodeNotFound, "id", "%s is not registered", id)
	}
	if !a.mayRead(ns) {
		return identifier.Key{}, refuse(CodeNotYourNamespace, "id", "namespace %s is not yours", ns.Prefix)
	}
	return id.Key(ns.CaseSensitive), nil
}

// revisionOf tells what made a state of a record out of the one before.
func revisionOf(rec, before *identifier.Record) *Revision {
	rev := &Revision{Version: rec.Version, Time: rec.Updated, Op: OpUpdate}
	switch {
	case rec.State == identifier.Revoked:
		rev.Op, rev.Reason, rev.Successor = OpRevoke, rec.Reason, rec.Successor
	case rec.Version == 1:
		rev.Op = OpCreate
	case before != nil && before.State == identifier.Revoked:
		rev.Op = OpRestore
	}
	return rev
}

// attribute finds in the audit log who made the version. The entry was written in the same batch and so
// has the same time, to the millisecond; of imports it names only the first and last identifier, so
// that one of the same moment is taken for it if nothing else says otherwise.
func (r *Registrar) attribute(ctx context.Context, rev *Revision, qualified string) error {
	var imports []AuditEntry
	span := storage.Range{Start: storage.AuditKey(rev.Time, [8]byte{}), End: storage.AuditKey(rev.Time.Add(time.Millisecond), [8]byte{})}
	err := r.store.Scan(ctx, span, func(_ []byte, item storage.Item) error {
		var e AuditEntry
		if err := json.Unmarshal(item.Value, &e); err != nil {
			return fmt.Errorf("audit entry: %w", err)
		}
		if e.Op == "import" {
			imports = append(imports, e)
		}
		via, reason, found := "", e.Reason, e.ID == qualified && e.Version == rev.Version
		for _, row := range e.Items {
			if row.ID == qualified && row.Version == rev.Version {
				via, reason, found = e.Op, row.Reason, true
			}
		}
		if !found {
			return nil
		}
		rev.By = byOf(&e, via)
		if rev.Reason == "" {
			rev.Reason = reason
		}
		return storage.Stop
	})
	if err != nil || rev.By != nil {
		return err
	}
	for i := range imports {
		by := byOf(&imports[i], "import")
		if rev.By != nil && *rev.By != *by {
			rev.By = nil // imports of several people in one millisecond: it could be any of them
			return nil
		}
		rev.By = by
	}
	return nil
}

func byOf(e *AuditEntry, via string) *By {
	return &By{Enterprise: e.Enterprise, Key: e.Key, Role: e.Role, Identity: e.Identity, Addr: e.Addr, Via: via}
}
