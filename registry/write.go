package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// attempts bounds how often a batch is evaluated again because others were faster. With n writers on
// one record each round lets one through, so that it is also about the number of writers that can
// meet on one record without If-Match.
const attempts = 100

// Create registers in as a new identifier. Refusals: those of the checks (see DESIGN.md),
// CodeAlreadyExists, CodeRevoked. Values without a timestamp get the present time, and so do all
// unless w.KeepTimestamps is set.
func (r *Registrar) Create(ctx context.Context, in *identifier.Record, w Write) (Result, error) {
	return r.register(ctx, OpCreate, in, w)
}

// Replace registers in, whether or not its identifier exists. The same content again changes
// nothing and gives the present version. Refusals: those of the checks, CodeVersionMismatch,
// CodeRevoked.
func (r *Registrar) Replace(ctx context.Context, in *identifier.Record, w Write) (Result, error) {
	return r.register(ctx, OpReplace, in, w)
}

func (r *Registrar) register(ctx context.Context, kind OpKind, in *identifier.Record, w Write) (Result, error) {
	id, refusal := r.parseID(in.Scheme, in.ID, "/id")
	if refusal != nil {
		return Result{}, refusal
	}
	start := time.Now()
	res, err := r.write(ctx, &request{kind: kind, id: id, in: in, fields: w.Fields, reason: w.Reason}, w)
	if r.registered != nil && err == nil && res.Created && !res.Replayed {
		r.registered(start, time.Since(start))
	}
	return res, err
}

// Merge changes values of an identifier by their indexes. Refusals: those of the checks,
// CodeNotFound, CodeVersionMismatch, CodeRevoked.
func (r *Registrar) Merge(ctx context.Context, id identifier.ID, p Patch, w Write) (Result, error) {
	return r.write(ctx, &request{kind: OpMerge, id: id, patch: p, reason: w.Reason}, w)
}

// Revoke makes a tombstone of an identifier, and returns it. successor, which may be "", is the
// identifier to ask instead. The same revocation again changes nothing. Refusals: those of the
// checks, CodeNotFound, CodeVersionMismatch, CodeRevoked.
func (r *Registrar) Revoke(ctx context.Context, id identifier.ID, reason, successor string, w Write) (Result, error) {
	return r.write(ctx, &request{kind: OpRevoke, id: id, reason: reason, successor: successor}, w)
}

// Restore brings a revoked identifier back with the values that it had. Refusals: those of the
// checks, CodeNotFound, CodeVersionMismatch, CodeNotRevoked.
func (r *Registrar) Restore(ctx context.Context, id identifier.ID, w Write) (Result, error) {
	return r.write(ctx, &request{kind: OpRestore, id: id, reason: w.Reason}, w)
}

// write takes a request through the checks in their order, and applies it.
func (r *Registrar) write(ctx context.Context, q *request, w Write) (Result, error) {
	q.ifMatch, q.ifNoneMatch, q.keep, q.revive, q.repeats, q.present = w.IfMatch, w.IfNoneMatch, w.KeepTimestamps, w.Revive, r.repeats(w), w.Present
	r.gate.RLock()
	defer r.gate.RUnlock()
	if e := r.check(ctx, q, r.authority(w.Actor)); e != nil {
		return Result{}, e
	}
	c, refusal := r.claim(w, q.hash)
	if refusal != nil {
		return Result{}, refusal
	}
	defer c.release()

	for range attempts {
		res, err := r.try(ctx, q, w, &c)
		if !errors.Is(err, storage.ErrConflict) {
			if err != nil {
				return Result{}, AsError(fmt.Errorf("%s %s: %w", q.kind, q.id, err))
			}
			return res, nil
		}
		if err := r.backOff(ctx); err != nil {
			return Result{}, AsError(err)
		}
	}
	return Result{}, refuse(CodeConflict, "", "others changed %s at the same time, %d times; try again", q.id, attempts)
}

// backOff counts a conflict and waits a moment, so that writers that met once do not meet again.
func (r *Registrar) backOff(ctx context.Context) error {
	r.metrics.conflicts.Inc()
	t := time.NewTimer(rand.N(2 * time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// check holds q to what needs no record: syntax, authority, values. It fills in q.key and q.ns.
func (r *Registrar) check(ctx context.Context, q *request, a *authority) *Error {
	if q.id.IsZero() {
		return refuse(CodeInvalidIdentifier, "/id", "an identifier is required")
	}
	if q.kind == OpCreate || q.kind == OpReplace {
		if e := r.validateID(q.id, "/id"); e != nil {
			return e
		}
	}
	ns, refusal := a.locate(ctx, q.id)
	if refusal != nil {
		return refusal
	}
	if e := r.checkText(CodeInvalidRequest, "reason", q.reason); e != nil {
		return e
	}
	q.key = q.id.Key(ns.CaseSensitive)
	if !q.id.IsPrefixRecord() {
		q.ns, q.templates = ns, a.templates
	}
	switch q.kind {
	case OpCreate, OpReplace:
		if q.in.State == identifier.Revoked {
			return refuse(CodeInvalidRequest, "/state", "a tombstone is made by revoking")
		}
		if e := r.checkText(CodeInvalidValue, "/template", q.in.Template); e != nil {
			return e
		}
		if e := r.fill(ctx, q); e != nil {
			return e
		}
		return r.checkValues(q.in.Values)
	case OpMerge:
		return r.checkPatch(&q.patch)
	case OpRevoke:
		return r.checkRevocation(q)
	}
	return nil
}

// checkPatch holds a patch to what can be said without the record; the outcome is checked whole.
func (r *Registrar) checkPatch(p *Patch) *Error {
	if len(p.Values) > r.limits.ValuesPerRecord {
		return refuse(CodeTooLarge, "/values", "%d values; at most %d", len(p.Values), r.limits.ValuesPerRecord)
	}
	if p.Template != nil {
		if e := r.checkText(CodeInvalidValue, "/template", *p.Template); e != nil {
			return e
		}
	}
	seen := make(map[uint32]struct{}, len(p.Values))
	for i := range p.Values {
		v := p.Values[i]
		if _, twice := seen[v.Index]; twice {
			return refuse(CodeInvalidValue, fmt.Sprintf("/values/%d/index", i), "index %d is used twice", v.Index)
		}
		seen[v.Index] = struct{}{}
		if v.Delete && v.Fields != 0 {
			return refuse(CodeInvalidValue, fmt.Sprintf("/values/%d/delete", i), "a value is either changed or deleted")
		}
		whole := v.over(identifier.Value{Index: v.Index, Type: "ANY"})
		if e := r.checkValue(&whole); e != nil {
			e.Field = fmt.Sprintf("/values/%d%s", i, e.Field)
			return e
		}
	}
	return nil
}

func (r *Registrar) checkRevocation(q *request) *Error {
	if q.successor == "" {
		return nil
	}
	next, e := r.parseID(0, q.successor, "successor")
	if e != nil {
		return e
	}
	if next.Scheme() == q.id.Scheme() && next.Canonical() == q.id.Canonical() {
		return refuse(CodeInvalidIdentifier, "successor", "an identifier does not succeed itself")
	}
	return nil
}

// try evaluates q against the newest state and applies it. storage.ErrConflict: try again.
func (r *Registrar) try(ctx context.Context, q *request, w Write, c *claim) (Result, error) {
	now := r.now()
	key := storage.RecordKey(q.key)
	items, err := r.store.MultiGet(ctx, append([][]byte{key}, c.keys(now)...))
	if err != nil {
		return Result{}, err
	}
	if first, err := c.find(items[1:]); first != nil || err != nil {
		return r.replay(first, err)
	}
	out, refusal := r.outcomeOf(ctx, q, items[0], now)
	if refusal != nil {
		return Result{}, refusal
	}
	res := Result{Record: shown(out.record), Created: out.op == storage.OpCreate}
	if out.op == 0 && c.r == nil {
		return res, nil
	}
	var b storage.Batch
	d := demand{r: r}
	if out.op != 0 {
		if e := d.note(ctx, q.ns, out.op, now); e != nil {
			return Result{}, e
		}
		var long longNames
		r.addRecord(&b, &long, q, key, items[0], out, identifier.AppendRecord(nil, out.record))
		e := AuditEntry{Op: "identifier." + string(q.kind), ID: q.id.Qualified(), Version: out.record.Version, Reason: q.reason}
		if err := r.audit(&b, now, w.Actor, e); err != nil {
			return Result{}, err
		}
	}
	if c.r != nil {
		c.keep(&b, now, res.Created, res.Record.Version, identifier.AppendRecord(nil, res.Record))
	}
	if err := d.take(&b, now); err != nil {
		return Result{}, err
	}
	res.Seq, err = r.store.Apply(ctx, &b)
	d.settle(err)
	if errors.Is(err, storage.ErrUnavailable) {
		if first, settleErr := c.settle(ctx, now); first != nil && settleErr == nil {
			return res, nil
		}
	}
	return res, err
}

// replay is the first answer to a repeated request.
func (r *Registrar) replay(first *answer, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	rec, err := identifier.DecodeRecord(first.body)
	if err != nil {
		return Result{}, fmt.Errorf("idempotency entry: %w", err)
	}
	rec.Version = first.version
	r.metrics.replays.Inc()
	return Result{Record: rec, Created: first.created, Replayed: true}, nil
}

// addRecord adds to b the new state of q's record, the state before, the change, and what the indexes
// have of it. long is of the batch as a whole.
func (r *Registrar) addRecord(b *storage.Batch, long *longNames, q *request, key []byte, before storage.Item, out outcome, encoded []byte) {
	b.Put(key, encoded, before.Version)
	if before.Value != nil {
		b.Set(storage.HistoryKey(q.key, before.Version), before.Value)
	} else {
		long.add(b, q)
	}
	b.Log(storage.Change{Op: out.op, Key: key, Version: before.Version + 1})
	r.reindex(b, q.key, out)
}

// decodeItem reads a stored record; of an absent one it is nil.
func decodeItem(item storage.Item) (*identifier.Record, error) {
	if item.Value == nil {
		return nil, nil
	}
	rec, err := identifier.DecodeRecord(item.Value)
	if err != nil {
		return nil, err
	}
	rec.Version = item.Version
	return rec, nil
}

// shown is rec as its owner sees it.
func shown(rec *identifier.Record) *identifier.Record {
	if rec.State == identifier.Revoked {
		return tombstone(rec)
	}
	return rec
}

// public is rec as everyone sees it.
func public(rec *identifier.Record) *identifier.Record {
	p := *shown(rec)
	p.Values = slices.DeleteFunc(slices.Clone(p.Values), func(v identifier.Value) bool { return !v.Public() })
	return &p
}
