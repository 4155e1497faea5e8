package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// OpKind is what a row of a batch does.
type OpKind string

const (
	OpCreate  OpKind = "create"
	OpReplace OpKind = "replace"
	OpMerge   OpKind = "merge"
	OpRevoke  OpKind = "revoke"
	OpRestore OpKind = "restore"
)

// Operation is a row of a batch.
type Operation struct {
	Kind        OpKind
	Record      *identifier.Record // create and replace
	ID          identifier.ID      // merge, revoke and restore
	Fields      []byte             // create and replace: as Write.Fields
	Patch       Patch              // merge
	Reason      string             // why; of a revocation it is shown with the tombstone
	Successor   string             // revoke
	IfMatch     uint64
	IfNoneMatch bool
	Err         error // a row that could not be read: it is its result
}

// OperationResult is the outcome of a row.
type OperationResult struct {
	ID      string // as the row spelled it
	Version uint64 // the record's version now; 0 on refusal
	Created bool
	Err     *Error // nil: done
}

// Batch does the rows of a batch, all that are not refused in one storage batch, and returns a
// result for each. The rows name different identifiers: a second row for one is refused with
// CodeDuplicate. Of w the conditions of single writes are not used. Errors are of the batch as a
// whole: CodeInvalidRequest, CodeTooLarge, those of the idempotency key, CodeConflict, and those of
// the store; nothing was done.
func (r *Registrar) Batch(ctx context.Context, ops []Operation, w Write) ([]OperationResult, error) {
	if len(ops) == 0 {
		return nil, refuse(CodeInvalidRequest, "/operations", "at least one operation is required")
	}
	if most := cmp.Or(w.MaxRows, r.limits.BatchRows); len(ops) > most {
		return nil, refuse(CodeTooLarge, "/operations", "%d operations; at most %d", len(ops), most)
	}
	w.IfMatch, w.IfNoneMatch = 0, false
	requests := make([]request, len(ops))
	results := make([]OperationResult, len(ops))
	for i := range ops {
		results[i].ID, results[i].Err = r.request(&ops[i], w, &requests[i])
	}
	r.gate.RLock()
	defer r.gate.RUnlock()
	r.checkBatch(ctx, requests, results, w.Actor)
	c, refusal := r.claim(w, func(h hash.Hash) {
		for i := range requests {
			if e := results[i].Err; requests[i].id.IsZero() && e != nil {
				hashString(h, e.Error())
			}
			requests[i].hash(h)
		}
	})
	if refusal != nil {
		return nil, refusal
	}
	defer c.release()

	for range attempts {
		done, err := r.tryBatch(ctx, requests, results, w, &c)
		if !errors.Is(err, storage.ErrConflict) {
			if err != nil {
				return nil, AsError(fmt.Errorf("batch: %w", err))
			}
			return done, nil
		}
		if err := r.backOff(ctx); err != nil {
			return nil, AsError(err)
		}
	}
	return nil, refuse(CodeConflict, "", "others changed identifiers of the batch at the same time, %d times; try again", attempts)
}

// request makes the request of a row.
func (r *Registrar) request(op *Operation, w Write, q *request) (string, *Error) {
	*q = request{
		kind: op.Kind, id: op.ID, in: op.Record, fields: op.Fields, patch: op.Patch, reason: op.Reason, successor: op.Successor,
		ifMatch: op.IfMatch, ifNoneMatch: op.IfNoneMatch, keep: w.KeepTimestamps, revive: w.Revive, present: w.Present,
	}
	switch {
	case op.Err != nil:
		return "", rowError(op.Err)
	case op.Kind != OpCreate && op.Kind != OpReplace:
		return op.ID.String(), nil
	case op.Record == nil:
		return "", refuse(CodeInvalidRequest, "/record", "a record is required")
	}
	var e *Error
	q.id, e = r.parseID(op.Record.Scheme, op.Record.ID, "/id")
	return op.Record.ID, e
}

// rowError is the refusal of a row that could not be read.
func rowError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return refuse(CodeInvalidRequest, "", "%s", err)
}

// checkBatch holds the rows to what needs no records.
func (r *Registrar) checkBatch(ctx context.Context, requests []request, results []OperationResult, a Actor) {
	auth := r.authority(a)
	seen := make(map[identifier.Key]struct{}, len(requests))
	for i := range requests {
		if results[i].Err != nil {
			continue
		}
		q := &requests[i]
		if results[i].Err = r.check(ctx, q, auth); results[i].Err != nil {
			continue
		}
		if _, twice := seen[q.key]; twice {
			results[i].Err = refuse(CodeDuplicate, "/id", "another row of the batch is for %s", q.id)
		}
		seen[q.key] = struct{}{}
	}
}

// tryBatch evaluates the rows that checked marks as good against the newest state and applies them.
// storage.ErrConflict: try again.
func (r *Registrar) tryBatch(ctx context.Context, requests []request, checked []OperationResult, w Write, c *claim) ([]OperationResult, error) {
	now := r.now()
	keys := c.keys(now)
	probes := len(keys)
	for i := range requests {
		if checked[i].Err == nil {
			keys = append(keys, storage.RecordKey(requests[i].key))
		}
	}
	items, err := r.store.MultiGet(ctx, keys)
	if err != nil {
		return nil, err
	}
	if first, err := c.find(items[:probes]); first != nil || err != nil {
		return r.replayBatch(first, err)
	}
	keys, items = keys[probes:], items[probes:]

	var b storage.Batch
	var long longNames
	entry := AuditEntry{Op: "batch"}
	again := r.repeats(w)
	d := demand{r: r}
	results := make([]OperationResult, len(checked))
	next := 0
	for i := range requests {
		results[i] = checked[i]
		if checked[i].Err != nil {
			continue
		}
		q, key, item := &requests[i], keys[next], items[next]
		q.repeats = again
		next++
		out, err := r.outcomeOf(ctx, q, item, now)
		if err == nil && out.op != 0 {
			err = d.note(ctx, q.ns, out.op, now)
		}
		if err != nil {
			results[i].Err = err
			continue
		}
		results[i].Version, results[i].Created = out.record.Version, out.op == storage.OpCreate
		if out.op != 0 {
			r.addRecord(&b, &long, q, key, item, out, identifier.AppendRecord(nil, out.record))
			entry.Items = append(entry.Items, Audited{q.kind, q.id.Qualified(), out.record.Version, q.reason})
		}
	}
	if len(entry.Items) > 0 {
		if err := r.audit(&b, now, w.Actor, entry); err != nil {
			return nil, err
		}
	}
	if c.r != nil {
		body, err := encodeResults(results)
		if err != nil {
			return nil, err
		}
		c.keep(&b, now, false, 0, body)
	}
	if len(b.Writes()) == 0 {
		return results, nil
	}
	if err := d.take(&b, now); err != nil {
		return nil, err
	}
	_, err = r.store.Apply(ctx, &b)
	d.settle(err)
	if errors.Is(err, storage.ErrUnavailable) {
		if first, settleErr := c.settle(ctx, now); first != nil && settleErr == nil {
			return results, nil
		}
	}
	return results, err
}

// storedResult is the JSON form of an OperationResult in an idempotency entry.
type storedResult struct {
	ID       string `json:"id,omitempty"`
	Version  uint64 `json:"version,omitempty"`
	Created  bool   `json:"created,omitempty"`
	Code     string `json:"code,omitempty"`
	Field    string `json:"field,omitempty"`
	Detail   string `json:"detail,omitempty"`
	DetailZH string `json:"detailZh,omitempty"`
	Current  uint64 `json:"current,omitempty"`
	Expected uint64 `json:"expected,omitempty"`

	Violations []storedViolation `json:"violations,omitempty"`
}

// storedViolation is a Violation in both languages.
type storedViolation struct {
	Field string `json:"field"`
	EN    string `json:"en"`
	ZH    string `json:"zh"`
}

func encodeResults(results []OperationResult) ([]byte, error) {
	rows := make([]storedResult, len(results))
	for i, res := range results {
		rows[i] = storedResult{ID: res.ID, Version: res.Version, Created: res.Created}
		if e := res.Err; e != nil {
			s := &rows[i]
			s.Code, s.Field, s.Detail, s.Current, s.Expected = e.Code, e.Field, e.Detail, e.Current, e.Expected
			for _, v := range e.Violations {
				s.Violations = append(s.Violations, storedViolation{v.Field, v.Detail, v.In(Chinese)})
			}
			if zh := e.In(Chinese); zh != e.Detail {
				s.DetailZH = zh
			}
		}
	}
	return json.Marshal(rows)
}

func (r *Registrar) replayBatch(first *answer, err error) ([]OperationResult, error) {
	if err != nil {
		return nil, err
	}
	var rows []storedResult
	if err := json.Unmarshal(first.body, &rows); err != nil {
		return nil, fmt.Errorf("idempotency entry: %w", err)
	}
	r.metrics.replays.Inc()
	results := make([]OperationResult, len(rows))
	for i, s := range rows {
		results[i] = OperationResult{ID: s.ID, Version: s.Version, Created: s.Created}
		if s.Code != "" {
			e := refuse(s.Code, s.Field, "%s", words{s.Detail, cmp.Or(s.DetailZH, s.Detail)})
			e.Current, e.Expected = s.Current, s.Expected
			for _, v := range s.Violations {
				e.Violations = append(e.Violations, violation(v.Field, "%s", words{v.EN, v.ZH}))
			}
			results[i].Err = e
		}
	}
	return results, nil
}
