package registry

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// reasonDeleted is the reason of a tombstone that a Handle or SNMS delete left; see Write.Revive.
const reasonDeleted = "deleted"

// request is one write of a record after the checks that need no state.
type request struct {
	kind        OpKind
	id          identifier.ID
	key         identifier.Key
	ns          *identifier.Namespace // nil for records of prefixes
	templates   templateSet           // of the batch; nil: none
	fields      []byte                // create, replace: of the template, until fill has made values of them
	in          *identifier.Record    // create, replace
	patch       Patch                 // merge
	reason      string                // why, for the history; of a revocation it is part of the tombstone
	successor   string                // revoke
	ifMatch     uint64
	ifNoneMatch bool
	keep        bool // timestamps
	revive      bool
	repeats     *repeats // nil: a create of what is there is refused, whoever created it
	present     bool     // a revocation of a tombstone is refused
}

// outcome is what a request comes to in a given state.
type outcome struct {
	record *identifier.Record // as it will be; the present one if nothing changes
	op     storage.Op         // 0: nothing changes
	before *identifier.Record // as it was; nil: it was not there

	follows, followed *compiled // the templates of record and before; nil: none
}

// evaluate decides a request against the present record (nil: absent), and reads and writes nothing
// else, so that it can be repeated when another writer was faster. It does not modify cur.
func (r *Registrar) evaluate(q *request, cur *identifier.Record, now time.Time) (outcome, *Error) {
	if cur != nil && now.Before(cur.Updated) {
		now = cur.Updated // the clock was set back; times of versions stay in their order
	}
	if e := precondition(q, cur); e != nil {
		return outcome{}, e
	}
	var out outcome
	var e *Error
	switch q.kind {
	case OpCreate, OpReplace:
		out, e = r.put(q, cur, now)
	case OpMerge:
		out, e = r.merge(q, cur, now)
	case OpRevoke:
		out, e = revoke(q, cur, now)
	case OpRestore:
		out, e = restore(q, cur, now)
	default:
		e = refuse(CodeInvalidRequest, "/op", "unknown operation %q", q.kind)
	}
	out.before = cur
	return out, e
}

func precondition(q *request, cur *identifier.Record) *Error {
	var version uint64
	if cur != nil {
		version = cur.Version
	}
	switch {
	case cur == nil && q.kind != OpCreate && q.kind != OpReplace:
		return refuse(CodeNotFound, "", "%s is not registered", q.id)
	case q.ifMatch != 0 && q.ifMatch != version:
		e := refuse(CodeVersionMismatch, "", "the version is %d", version)
		e.Current, e.Expected = version, q.ifMatch
		return e
	case q.ifNoneMatch && cur != nil && q.kind != OpCreate:
		e := refuse(CodeVersionMismatch, "", "the identifier exists")
		e.Current = version
		return e
	}
	return nil
}

func (r *Registrar) put(q *request, cur *identifier.Record, now time.Time) (outcome, *Error) {
	next := &identifier.Record{
		Scheme: q.id.Scheme(), ID: q.id.String(), State: identifier.Active, Template: q.in.Template,
		Created: now, Updated: now, Values: slices.Clone(q.in.Values), Version: 1,
	}
	op := storage.OpCreate
	if cur != nil {
		next.Version = cur.Version + 1
		switch {
		case cur.State == identifier.Revoked && q.kind == OpCreate && q.revive && cur.Reason == reasonDeleted:
			op = storage.OpRestore
		case cur.State == identifier.Revoked:
			return outcome{}, revokedError(cur)
		case q.kind == OpCreate:
			e := refuse(CodeAlreadyExists, "/id", "%s is registered", q.id)
			e.Current = cur.Version
			return outcome{}, e
		case sameContent(cur, next, q.keep):
			return outcome{record: cur}, nil
		default:
			op = storage.OpUpdate
			next.Created = cur.Created
		}
	}
	for i := range next.Values {
		if v := &next.Values[i]; !q.keep || v.Timestamp == 0 {
			v.Timestamp = uint32(now.Unix())
		}
	}
	return outcome{record: next, op: op}, nil
}

func (r *Registrar) merge(q *request, cur *identifier.Record, now time.Time) (outcome, *Error) {
	if cur.State == identifier.Revoked {
		return outcome{}, revokedError(cur)
	}
	next := *cur
	next.Values = slices.Clone(cur.Values)
	if q.patch.Template != nil {
		next.Template = *q.patch.Template
	}
	for n := range q.patch.Values {
		p := &q.patch.Values[n]
		i := slices.IndexFunc(next.Values, func(v identifier.Value) bool { return v.Index == p.Index })
		switch {
		case p.Delete && i >= 0:
			next.Values = slices.Delete(next.Values, i, i+1)
		case p.Delete: // gone already: the client has what it wants
		case i >= 0:
			v := p.over(next.Values[i])
			if !sameValue(&v, &next.Values[i], q.keep && p.Fields&FieldTimestamp != 0) {
				if !q.keep || p.Fields&FieldTimestamp == 0 {
					v.Timestamp = uint32(now.Unix())
				}
				next.Values[i] = v
			}
		default:
			if p.Fields&(FieldType|FieldData) != FieldType|FieldData {
				return outcome{}, refuse(CodeInvalidValue, fmt.Sprintf("/values/%d", n), "index %d is new: type and data are required", p.Index)
			}
			v := p.over(identifier.Value{Index: p.Index, TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms})
			if !q.keep || v.Timestamp == 0 {
				v.Timestamp = uint32(now.Unix())
			}
			next.Values = append(next.Values, v)
		}
	}
	if sameContent(cur, &next, true) {
		return outcome{record: cur}, nil
	}
	if e := r.checkValues(next.Values); e != nil {
		return outcome{}, e
	}
	next.Updated, next.Version = now, cur.Version+1
	return outcome{record: &next, op: storage.OpUpdate}, nil
}

// over returns v with the fields that p names.
func (p *PatchValue) over(v identifier.Value) identifier.Value {
	if p.Fields&FieldType != 0 {
		v.Type = p.Type
	}
	if p.Fields&FieldData != 0 {
		v.Data = p.Data
	}
	if p.Fields&FieldTTL != 0 {
		v.TTLType, v.TTL = p.TTLType, p.TTL
	}
	if p.Fields&FieldPerms != 0 {
		v.Perms = p.Perms
	}
	if p.Fields&FieldRefs != 0 {
		v.Refs = p.Refs
	}
	if p.Fields&FieldTimestamp != 0 {
		v.Timestamp = p.Timestamp
	}
	return v
}

// revoke keeps the values in the tombstone, for restore; they are not shown.
func revoke(q *request, cur *identifier.Record, now time.Time) (outcome, *Error) {
	if cur.State == identifier.Revoked {
		if !q.present && cur.Reason == q.reason && cur.Successor == q.successor {
			return outcome{record: cur}, nil
		}
		return outcome{}, revokedError(cur)
	}
	next := *cur
	next.State, next.Reason, next.Successor = identifier.Revoked, q.reason, q.successor
	next.Updated, next.Version = now, cur.Version+1
	return outcome{record: &next, op: storage.OpRevoke}, nil
}

func restore(q *request, cur *identifier.Record, now time.Time) (outcome, *Error) {
	if cur.State != identifier.Revoked {
		return outcome{}, refuse(CodeNotRevoked, "", "%s is active", q.id)
	}
	next := *cur
	next.State, next.Reason, next.Successor = identifier.Active, "", ""
	next.Updated, next.Version = now, cur.Version+1
	return outcome{record: &next, op: storage.OpRestore}, nil
}

func revokedError(cur *identifier.Record) *Error {
	e := refuse(CodeRevoked, "/id", "%s is revoked; restore brings it back", cur.ID)
	e.Current, e.Record = cur.Version, tombstone(cur)
	return e
}

// tombstone is rec without the values that it keeps for restore.
func tombstone(rec *identifier.Record) *identifier.Record {
	t := *rec
	t.Values = nil
	return &t
}

// sameContent reports whether b says what a says. Timestamps count where b gives one and times is set.
func sameContent(a, b *identifier.Record, times bool) bool {
	if a.ID != b.ID || a.Template != b.Template || len(a.Values) != len(b.Values) {
		return false
	}
	for i := range a.Values {
		if !sameValue(&b.Values[i], &a.Values[i], times && b.Values[i].Timestamp != 0) {
			return false
		}
	}
	return true
}

func sameValue(a, b *identifier.Value, times bool) bool {
	return a.Index == b.Index && a.Type == b.Type && bytes.Equal(a.Data, b.Data) && a.TTLType == b.TTLType && a.TTL == b.TTL &&
		a.Perms == b.Perms && slices.Equal(a.Refs, b.Refs) && (!times || a.Timestamp == b.Timestamp)
}
