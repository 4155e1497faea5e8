package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/idnode/idnode/storage"
)

// maxAuditScan bounds the entries that one page looks at: a page may end before it is full, with a cursor.
const maxAuditScan = 100000

// AuditQuery asks for entries of the audit log.
type AuditQuery struct {
	Since, Until time.Time // from Since up to, but not including, Until; zero: no bound
	ID           string    // what was changed
	Enterprise   string    // by whom, or who was changed
	Op           string    // "enterprise.approve"; with a dot at the end all that begin so
	Descending   bool      // newest first
	Paging
}

// ListAudit returns a page of the audit log in the order of time, and the cursor of the next. Operators and
// auditors see everything, an enterprise's admin what the enterprise did and what was done to it; of that
// not from where and with which key the node's people did it. Refusals: CodeForbidden, CodeInvalidRequest,
// CodeInvalidCursor.
func (r *Registrar) ListAudit(ctx context.Context, q AuditQuery, a Actor) ([]*AuditEntry, string, error) {
	if !a.readsAll() {
		if !a.Has(RoleAdmin) {
			return nil, "", refuse(CodeForbidden, "", "role %s does not read the audit log", a.Role)
		}
		if q.Enterprise != "" && q.Enterprise != a.Enterprise {
			return nil, "", refuse(CodeForbidden, "enterprise", "enterprise %s is not yours", q.Enterprise)
		}
		q.Enterprise = a.Enterprise
	}
	rows, refusal := r.pageRows(q.Limit)
	if refusal != nil {
		return nil, "", refusal
	}
	span, refusal := q.span()
	if refusal != nil {
		return nil, "", refusal
	}
	out := []*AuditEntry{}
	var last []byte
	next, seen := "", 0
	err := r.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
		if seen++; seen > maxAuditScan || len(out) == rows {
			next = cursorOf(last)
			return storage.Stop
		}
		last = append(last[:0], key...)
		e := new(AuditEntry)
		if err := json.Unmarshal(item.Value, e); err != nil {
			return fmt.Errorf("decode audit entry %x: %w", key, err)
		}
		if !q.matches(e) {
			return nil
		}
		if !a.readsAll() && e.Enterprise != a.Enterprise {
			e.Key, e.Addr, e.Identity = "", "", ""
		}
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, "", AsError(err)
	}
	return out, next, nil
}

// span is the range of keys that q asks for.
func (q *AuditQuery) span() (storage.Range, *Error) {
	span := storage.TableRange(storage.TableAudit)
	span.Reverse = q.Descending
	if !q.Since.IsZero() && q.Since.Year() >= 1970 {
		span.Start = storage.AuditKey(q.Since, [8]byte{})
	}
	if !q.Until.IsZero() && q.Until.Year() < 2262 {
		span.End = storage.AuditKey(q.Until, [8]byte{})
	}
	after, refusal := startAfter(q.Cursor, storage.TableAudit)
	if refusal != nil {
		return span, refusal
	}
	if after == nil {
		return span, nil
	}
	if q.Descending {
		if last := after[:len(after)-1]; bytes.Compare(last, span.End) < 0 {
			span.End = last
		}
	} else if bytes.Compare(after, span.Start) > 0 {
		span.Start = after
	}
	return span, nil
}

func (q *AuditQuery) matches(e *AuditEntry) bool {
	if q.Enterprise != "" && e.Enterprise != q.Enterprise && e.ID != q.Enterprise {
		return false
	}
	if q.ID != "" && e.ID != q.ID && e.Last != q.ID {
		found := false
		for _, item := range e.Items {
			found = found || item.ID == q.ID
		}
		if !found {
			return false
		}
	}
	if n := len(q.Op); n > 0 && q.Op[n-1] == '.' {
		return len(e.Op) >= n && e.Op[:n] == q.Op
	}
	return q.Op == "" || e.Op == q.Op
}
