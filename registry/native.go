package registry

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Identity is who was authenticated over the native Handle protocol, and from where the request came.
type Identity struct {
	Ref  identifier.Ref // the value that holds the key; zero: nobody, for values that everybody may write
	Addr netip.Addr
}

// String is the identity as the protocol's tools write it: "300:88.990/admin", "" for nobody.
func (i Identity) String() string {
	if i.Ref.Handle == "" {
		return ""
	}
	return strconv.FormatUint(uint64(i.Ref.Index), 10) + ":" + i.Ref.Handle
}

// NativeChange is a change of one record over the native Handle protocol. Who may make it is said by
// HS_ADMIN values, not by the tenancy of an API key: Decide has to know (spec/handle-protocol.md,
// section 10, "Who is admin").
type NativeChange struct {
	ID identifier.ID
	Op string // "create", "delete", "add", "remove" or "modify": for the audit
	By Identity

	// Computed returns the record that resolves where none was ever stored, nil for none: that of a
	// prefix. Its error ends the change and is returned as it is. Default: there is none.
	Computed func(ctx context.Context) (*identifier.Record, error)

	// Decide returns the values that the record is to have, nil if it is to go. cur is what it is at the
	// moment of the change, nil if there is none (a tombstone is none), and must not be modified. It is
	// called again, with a newer cur, if another writer was faster. Its error ends the change and is
	// returned as it is. Locks of the registrar are held: it must not write by it.
	Decide func(cur *identifier.Record) ([]identifier.Value, error)
}

// native is a NativeChange whose name has been read.
type native struct {
	*NativeChange
	id identifier.ID
	// prefix is the namespace that the change may allocate or withdraw, zero if it touches none: for
	// the record of a prefix that prefix, for a Handle the node's own prefix that nobody was allocated.
	prefix identifier.Key
}

// ChangeValues carries out a change of one record, all of it in one batch. Values that Decide returns
// as they were keep their timestamps, the others get the present time; if all are as they were, nothing
// changes. A record goes as a tombstone with the reason "deleted", over which a later create succeeds.
//
// The record of a prefix (0.NA/88.101.5) stands for its namespace: creating it under a prefix of this
// node allocates the namespace, hosted, to the enterprise that holds the one above, else to [Self];
// deleting it withdraws the namespace, if nothing is registered in it or below.
//
// Errors are what Decide or Computed returned, or an [*Error]: CodeInvalidIdentifier, CodeInvalidPrefix,
// CodeNotYourNamespace, CodeNamespaceSuspended, CodeEnterpriseSuspended (of the namespace written to, or
// of the one that the identity lies in), CodeDelegated, CodeInvalidValue, CodeTooLarge, CodeNotFound,
// CodeRevoked (a tombstone for another reason), CodeAlreadyExists (a prefix that another enterprise
// had), CodeHasRecords, CodeInvalidState, CodeConflict, and those of the store.
func (r *Registrar) ChangeValues(ctx context.Context, q NativeChange) (Result, error) {
	n, refusal := r.native(&q)
	if refusal != nil {
		return Result{}, refusal
	}
	if n.prefix.Name == "" {
		r.gate.RLock()
		defer r.gate.RUnlock()
	} else {
		r.gate.Lock()
		defer r.gate.Unlock()
	}
	if e := r.checkIdentity(ctx, q.By); e != nil {
		return Result{}, e
	}
	for range attempts {
		res, err := r.tryNative(ctx, n)
		if d, ok := errors.AsType[*decided](err); ok {
			return Result{}, d.err
		}
		if !errors.Is(err, storage.ErrConflict) {
			if err != nil {
				return Result{}, AsError(fmt.Errorf("%s %s: %w", q.Op, n.id, err))
			}
			return res, nil
		}
		if err := r.backOff(ctx); err != nil {
			return Result{}, AsError(err)
		}
	}
	return Result{}, refuse(CodeConflict, "", "others changed %s at the same time, %d times; try again", n.id, attempts)
}

// decided is an error of Decide or Computed.
type decided struct{ err error }

func (d *decided) Error() string { return d.err.Error() }

// native reads what q is about.
func (r *Registrar) native(q *NativeChange) (*native, *Error) {
	if q.ID.IsZero() {
		return nil, refuse(CodeInvalidIdentifier, "/id", "an identifier is required")
	}
	n := &native{NativeChange: q, id: q.ID}
	switch {
	case q.ID.IsPrefixRecord():
		if !strings.Contains(q.ID.String(), "/") {
			id, err := identifier.Handle.Parse(prefixRecords + q.ID.String()) // a bare prefix means its record
			if err != nil {
				return nil, refuse(CodeInvalidIdentifier, "/id", "%s", err)
			}
			n.id = id
		}
		n.prefix = identifier.Key{Scheme: identifier.Handle, Name: identifier.FoldASCII(n.id.Suffix())}
	case q.ID.Scheme() == identifier.Handle && r.namespaces.Find(q.ID) == nil:
		if own := (identifier.Key{Scheme: identifier.Handle, Name: q.ID.Prefix()}); slices.Contains(r.prefixes, own) {
			n.prefix = own
		}
	}
	return n, nil
}

// prefixRecords begins the names of the records of prefixes.
const prefixRecords = "0.NA/"

// checkIdentity refuses an identity whose own namespace or enterprise is not active: a key that lies
// there opens nothing, elsewhere neither.
func (r *Registrar) checkIdentity(ctx context.Context, by Identity) *Error {
	ns := r.namespaceOf(by)
	if ns == nil {
		return nil
	}
	if ns.State != identifier.NamespaceActive {
		return refuse(CodeNamespaceSuspended, "", "namespace %s of %s is %s", ns.Prefix, by, ns.State)
	}
	return r.checkActive(ctx, ns.Enterprise, "")
}

// namespaceOf returns the namespace of this node in which the identity lies, nil if there is none.
func (r *Registrar) namespaceOf(by Identity) *identifier.Namespace {
	if by.Ref.Handle == "" {
		return nil
	}
	id, err := identifier.Handle.Parse(by.Ref.Handle)
	if err != nil {
		return nil
	}
	return r.namespaces.Find(id)
}

// auditNative adds an audit entry of what by did.
func (r *Registrar) auditNative(b *storage.Batch, now time.Time, by Identity, e AuditEntry) error {
	a := Actor{Addr: by.Addr}
	if ns := r.namespaceOf(by); ns != nil {
		a.Enterprise = ns.Enterprise
	}
	e.Identity = by.String()
	return r.audit(b, now, a, e)
}

// tryNative decides n on the newest state and applies it. storage.ErrConflict: try again.
func (r *Registrar) tryNative(ctx context.Context, n *native) (Result, error) {
	now := r.now()
	h, err := r.hold(ctx, n, now)
	if err != nil {
		return Result{}, err
	}
	key := storage.RecordKey(h.key)
	items, err := r.store.MultiGet(ctx, [][]byte{key})
	if err != nil {
		return Result{}, err
	}
	cur, err := decodeItem(items[0])
	if err != nil {
		return Result{}, fmt.Errorf("record %s: %w", n.id, err)
	}
	out, gone, err := r.decide(ctx, n, cur, now)
	if err != nil {
		return Result{}, err
	}
	out.before = cur
	if !n.id.IsPrefixRecord() {
		if e := r.conform(ctx, &request{id: n.id, ns: h.ns}, &out); e != nil {
			return Result{}, e
		}
	}
	var b storage.Batch
	d := demand{r: r}
	if out.op != 0 {
		if !n.id.IsPrefixRecord() {
			if e := d.note(ctx, h.ns, out.op, now); e != nil {
				return Result{}, e
			}
		}
		var long longNames
		r.addRecord(&b, &long, &request{id: n.id, key: h.key}, key, items[0], out, identifier.AppendRecord(nil, out.record))
		e := AuditEntry{Op: "identifier." + n.Op, ID: n.id.Qualified(), Version: out.record.Version}
		if err := r.auditNative(&b, now, n.By, e); err != nil {
			return Result{}, err
		}
	}
	if gone || out.op != 0 {
		if err := r.settleHold(ctx, &b, n, h, gone, now); err != nil {
			return Result{}, err
		}
	}
	res := Result{Record: shown(out.record), Created: out.op == storage.OpCreate}
	if len(b.Writes()) == 0 {
		return res, nil
	}
	if err := d.take(&b, now); err != nil {
		return Result{}, err
	}
	res.Seq, err = r.store.Apply(ctx, &b)
	d.settle(err)
	return res, err
}

// decide asks n what is to become of the record. gone: it goes; if nothing is stored, outcome.op is 0.
func (r *Registrar) decide(ctx context.Context, n *native, cur *identifier.Record, now time.Time) (out outcome, gone bool, err error) {
	if cur != nil && now.Before(cur.Updated) {
		now = cur.Updated // as in evaluate
	}
	base := cur
	switch {
	case cur == nil && n.Computed != nil:
		if base, err = n.Computed(ctx); err != nil {
			return outcome{}, false, &decided{err}
		}
	case cur != nil && cur.State == identifier.Revoked:
		base = nil
	}
	values, err := n.Decide(base)
	switch {
	case err != nil:
		return outcome{}, false, &decided{err}
	case values != nil:
		out, e := r.putNative(n, cur, base, values, now)
		if e != nil {
			return outcome{}, false, e
		}
		return out, false, nil
	case base == nil:
		return outcome{}, false, refuse(CodeNotFound, "", "%s is not registered", n.id)
	case cur == nil:
		return outcome{record: base}, true, nil
	}
	out, e := revoke(&request{id: n.id, reason: reasonDeleted}, cur, now)
	if e != nil {
		return outcome{}, false, e
	}
	return out, true, nil
}

// putNative gives the record the values. cur is what is stored, base what Decide has seen.
func (r *Registrar) putNative(n *native, cur, base *identifier.Record, values []identifier.Value, now time.Time) (outcome, *Error) {
	next := &identifier.Record{Scheme: n.id.Scheme(), ID: n.id.String(), State: identifier.Active,
		Created: now, Updated: now, Values: slices.Clone(values), Version: 1}
	op := storage.OpCreate
	switch {
	case cur == nil:
	case cur.State != identifier.Revoked:
		op = storage.OpUpdate
		next.ID, next.Template, next.Created, next.Version = cur.ID, cur.Template, cur.Created, cur.Version+1
	case cur.Reason == reasonDeleted:
		op, next.Version = storage.OpRestore, cur.Version+1
	default:
		return outcome{}, revokedError(cur)
	}
	if op != storage.OpUpdate {
		if e := r.validateID(n.id, "/id"); e != nil {
			return outcome{}, e
		}
	}
	if e := r.checkValues(next.Values); e != nil {
		return outcome{}, e
	}
	if base != nil && slices.EqualFunc(base.Values, next.Values, func(a, b identifier.Value) bool { return sameValue(&a, &b, false) }) {
		return outcome{record: base}, nil
	}
	for i := range next.Values {
		v := &next.Values[i]
		v.Timestamp = uint32(now.Unix())
		if old := valueAt(base, i, v.Index); old != nil && sameValue(v, old, false) {
			v.Timestamp = old.Timestamp
		}
	}
	return outcome{record: next, op: op}, nil
}

// valueAt returns the value of rec with that index, nil if there is none. It is most likely the i-th.
func valueAt(rec *identifier.Record, i int, index uint32) *identifier.Value {
	if rec == nil {
		return nil
	}
	if i < len(rec.Values) && rec.Values[i].Index == index {
		return &rec.Values[i]
	}
	if i = slices.IndexFunc(rec.Values, func(v identifier.Value) bool { return v.Index == index }); i < 0 {
		return nil
	}
	return &rec.Values[i]
}
