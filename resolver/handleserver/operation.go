package handleserver

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// operation is a change of one handle that is asked for (spec/handle-protocol.md, section 10). It has views
// of the request.
type operation struct {
	op        handle.Opcode
	overwrite bool
	mint      bool
	name      string // as the client wrote it; a minted one is complete
	id        identifier.ID
	values    []identifier.Value
	indexes   []uint32
}

// names of operations, for the audit and for metrics.
var opNames = map[handle.Opcode]string{
	handle.OpCreateHandle: "create", handle.OpDeleteHandle: "delete", handle.OpAddValue: "add",
	handle.OpRemoveValue: "remove", handle.OpModifyValue: "modify", handle.OpListHandles: "list_handles",
	handle.OpHomePrefix: "home", handle.OpUnhomePrefix: "unhome", handle.OpListHomedPrefixes: "list_homed",
}

// parseOperation reads the request m.
func parseOperation(m *handle.Message) (*operation, *refusal) {
	o := &operation{
		op:        m.Header.Opcode,
		overwrite: m.Header.Flags&handle.FlagOverwrite != 0,
		mint:      m.Header.Opcode == handle.OpCreateHandle && m.Header.Flags&handle.FlagMint != 0,
	}
	var name []byte
	var err error
	switch o.op {
	case handle.OpDeleteHandle:
		name, err = handle.ParseHandleRequest(m.Body)
	case handle.OpRemoveValue:
		name, o.indexes, err = handle.ParseIndexesRequest(m.Body)
	default:
		name, o.values, err = handle.ParseValuesRequest(m.Body)
	}
	if err != nil {
		return nil, refuse(handle.RcodeProtocolError, "%v", err)
	}
	if !utf8.Valid(name) {
		return nil, refuse(handle.RcodeInvalidHandle, "")
	}
	o.name = string(name)
	if o.mint {
		o.name += uuid.Must(uuid.NewV7()).String()
	}
	return o, nil
}

// check is what can be refused before it is known who asks. cur is the record, nil if there is none.
func (o *operation) check(cur *identifier.Record) *refusal {
	switch o.op {
	case handle.OpCreateHandle, handle.OpAddValue, handle.OpModifyValue:
		if len(o.values) == 0 && o.op != handle.OpCreateHandle {
			return refuse(handle.RcodeInvalidValue, "No values")
		}
		if r := checkIndexes(o.values); r != nil {
			return r
		}
	}
	switch {
	case o.op == handle.OpCreateHandle && cur != nil && !o.overwrite:
		return refuse(handle.RcodeHandleExists, "")
	case o.op == handle.OpModifyValue && cur == nil:
		return refuse(handle.RcodeHandleNotFound, "")
	case o.op == handle.OpModifyValue:
		for i := range o.values {
			old := find(cur.Values, o.values[i].Index)
			if old == nil {
				return refuse(handle.RcodeValuesNotFound, "")
			}
			if old.Perms&(identifier.AdminWrite|identifier.PublicWrite) == 0 {
				return refuse(handle.RcodePermissionDenied, "")
			}
		}
	}
	return nil
}

// replaces reports whether something of cur is replaced rather than created or added.
func (o *operation) replaces(cur *identifier.Record) bool {
	switch {
	case cur == nil:
		return false
	case o.op == handle.OpCreateHandle:
		return true
	}
	return slices.ContainsFunc(o.values, func(v identifier.Value) bool { return find(cur.Values, v.Index) != nil })
}

func checkIndexes(values []identifier.Value) *refusal {
	seen := make(map[uint32]struct{}, len(values))
	for i := range values {
		index := values[i].Index
		if int32(index) < 1 {
			return refuse(handle.RcodeInvalidValue, "Value indexes must be positive")
		}
		if _, twice := seen[index]; twice {
			return refuse(handle.RcodeValueExists, "Index conflict for %d", index)
		}
		seen[index] = struct{}{}
	}
	return nil
}

// open reports whether everybody may do it: all values that it modifies are publicly writable.
func (o *operation) open(cur *identifier.Record) bool {
	if o.op != handle.OpModifyValue || cur == nil {
		return false
	}
	for i := range o.values {
		old := find(cur.Values, o.values[i].Index)
		if old == nil || old.Perms&identifier.PublicWrite == 0 || isAdmin(old) || isAdmin(&o.values[i]) {
			return false
		}
	}
	return true
}

// plan returns the values that the record will have, nil if it will be gone, and the rights that this
// takes on the record itself. That of creating a handle is another matter: see Server.may.
func (o *operation) plan(cur *identifier.Record) (next []identifier.Value, need handle.AdminPerms, r *refusal) {
	if r := o.check(cur); r != nil {
		return nil, 0, r
	}
	if cur == nil && o.op != handle.OpCreateHandle {
		return nil, 0, refuse(handle.RcodeHandleNotFound, "")
	}
	switch o.op {
	case handle.OpCreateHandle:
		return o.planCreate(cur)
	case handle.OpDeleteHandle:
		return nil, handle.MayDeleteHandle, nil
	case handle.OpRemoveValue:
		return o.planRemove(cur)
	}
	next = slices.Clone(cur.Values)
	for i := range o.values {
		v := &o.values[i]
		old := find(next, v.Index)
		switch {
		case old == nil:
			need |= right(v, handle.MayAddValue, handle.MayAddAdmin)
			next = insert(next, *v)
			continue
		case o.op == handle.OpAddValue && !o.overwrite:
			return nil, 0, refuse(handle.RcodeValueExists, "Index conflict for %d", v.Index)
		case old.Perms&identifier.AdminWrite == 0 && old.Perms&identifier.PublicWrite == 0:
			return nil, 0, refuse(handle.RcodePermissionDenied, "")
		}
		need |= modification(old, v)
		if !sameValue(old, v) {
			*old = *v
		}
	}
	return next, need, nil
}

func (o *operation) planCreate(cur *identifier.Record) (next []identifier.Value, need handle.AdminPerms, r *refusal) {
	next = slices.Clone(o.values)
	if next == nil {
		next = []identifier.Value{}
	}
	if cur == nil {
		return next, 0, nil
	}
	for i := range next {
		v := &next[i]
		old := find(cur.Values, v.Index)
		switch {
		case old == nil:
			need |= right(v, handle.MayAddValue, handle.MayAddAdmin)
		case sameValue(old, v):
			*v = *old // with its time
		case old.Perms&(identifier.AdminWrite|identifier.PublicWrite) == 0:
			return nil, 0, refuse(handle.RcodePermissionDenied, "")
		default:
			need |= modification(old, v)
		}
	}
	for i := range cur.Values {
		if old := &cur.Values[i]; find(next, old.Index) == nil {
			need |= right(old, handle.MayRemoveValue, handle.MayRemoveAdmin)
		}
	}
	if need == 0 {
		need = handle.MayModifyValue // nothing changes, and it is not for everybody to be told so
	}
	return next, need, nil
}

func (o *operation) planRemove(cur *identifier.Record) (next []identifier.Value, need handle.AdminPerms, r *refusal) {
	next = slices.Clone(cur.Values)
	if len(o.indexes) == 0 {
		return nil, 0, refuse(handle.RcodeValuesNotFound, "")
	}
	for _, index := range o.indexes {
		i := slices.IndexFunc(next, func(v identifier.Value) bool { return v.Index == index })
		if i < 0 {
			return nil, 0, refuse(handle.RcodeValuesNotFound, "")
		}
		if next[i].Perms&(identifier.AdminWrite|identifier.PublicWrite) == 0 {
			return nil, 0, refuse(handle.RcodePermissionDenied, "")
		}
		need |= right(&next[i], handle.MayRemoveValue, handle.MayRemoveAdmin)
		next = slices.Delete(next, i, i+1)
	}
	return next, need, nil
}

// modification is the right that making old into v takes. Values that are publicly writable take none,
// unless an administrator's rights are at stake.
func modification(old, v *identifier.Value) (need handle.AdminPerms) {
	if isAdmin(old) || isAdmin(v) {
		need = handle.MayModifyAdmin
	}
	if !isAdmin(old) && old.Perms&identifier.PublicWrite == 0 || !isAdmin(v) && isAdmin(old) {
		need |= handle.MayModifyValue
	}
	return need
}

func right(v *identifier.Value, plain, admin handle.AdminPerms) handle.AdminPerms {
	if isAdmin(v) {
		return admin
	}
	return plain
}

func isAdmin(v *identifier.Value) bool { return strings.EqualFold(v.Type, typeAdmin) }

// insert puts v before the first value of a greater index, as the reference server shows added values.
func insert(values []identifier.Value, v identifier.Value) []identifier.Value {
	i := slices.IndexFunc(values, func(w identifier.Value) bool { return w.Index > v.Index })
	if i < 0 {
		i = len(values)
	}
	return slices.Insert(values, i, v)
}

func find(values []identifier.Value, index uint32) *identifier.Value {
	for i := range values {
		if values[i].Index == index {
			return &values[i]
		}
	}
	return nil
}

// sameValue reports whether a and b are the same but for their times.
func sameValue(a, b *identifier.Value) bool {
	return a.Index == b.Index && a.Type == b.Type && bytes.Equal(a.Data, b.Data) && a.TTLType == b.TTLType && a.TTL == b.TTL &&
		a.Perms == b.Perms && slices.Equal(a.Refs, b.Refs)
}
