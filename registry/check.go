package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// maxIndex is the greatest index of a value: it is a signed four-octet number on the Handle wire.
const maxIndex = 1<<31 - 1

// validateID holds a parsed identifier to what may be registered.
func (r *Registrar) validateID(id identifier.ID, field string) *Error {
	if len(id.Canonical()) > r.limits.IdentifierOctets {
		return refuse(CodeInvalidIdentifier, field, "longer than %d octets", r.limits.IdentifierOctets)
	}
	err := id.Validate()
	if err == nil {
		err = r.nsi.Check(id)
	}
	if err != nil {
		return refuse(CodeInvalidIdentifier, field, "%s", err)
	}
	return nil
}

// authority is the second check of a write: may the actor write in the namespace. It remembers what
// it found for the namespaces and enterprises of one batch; the registrar's gate is held while it lives.
type authority struct {
	r           *Registrar
	actor       Actor
	templates   templateSet
	namespaces  map[*identifier.Namespace]*Error
	enterprises map[string]*Error
}

func (r *Registrar) authority(a Actor) *authority {
	return &authority{r: r, actor: a, templates: make(templateSet)}
}

// locate returns the namespace of id if the actor may write id's record.
func (a *authority) locate(ctx context.Context, id identifier.ID) (*identifier.Namespace, *Error) {
	ns := a.r.namespaces.Find(id)
	if ns == nil {
		return nil, refuse(CodeNotYourNamespace, "/id", "no namespace of this node holds %s", id)
	}
	if id.IsPrefixRecord() {
		if !a.actor.IsOperator() {
			return nil, refuse(CodeForbidden, "/id", "prefix records are written by operators only")
		}
		return ns, nil
	}
	refusal, known := a.namespaces[ns]
	if !known {
		refusal = a.check(ctx, ns)
		if a.namespaces == nil {
			a.namespaces = make(map[*identifier.Namespace]*Error)
		}
		a.namespaces[ns] = refusal
	}
	return ns, refusal
}

func (a *authority) check(ctx context.Context, ns *identifier.Namespace) *Error {
	if !a.actor.mayWrite(ns) {
		if a.actor.owns(ns) || a.actor.ofNode() {
			return refuse(CodeForbidden, "/id", "role %s does not write identifiers", a.actor.Role)
		}
		return refuse(CodeNotYourNamespace, "/id", "namespace %s is not yours", ns.Prefix)
	}
	if ns.State != identifier.NamespaceActive {
		return refuse(CodeNamespaceSuspended, "/id", "namespace %s is %s", ns.Prefix, ns.State)
	}
	if ns.Mode == identifier.Delegated {
		return refuse(CodeDelegated, "/id", "the records of %s are held by the enterprise's own node", ns.Prefix)
	}
	if e := checkFrozen(ns); e != nil {
		return e
	}
	refusal, known := a.enterprises[ns.Enterprise]
	if !known {
		refusal = a.r.checkActive(ctx, ns.Enterprise, "/id")
		if a.enterprises == nil {
			a.enterprises = make(map[string]*Error)
		}
		a.enterprises[ns.Enterprise] = refusal
	}
	return refusal
}

// checkActive refuses unless the enterprise exists and is active.
func (r *Registrar) checkActive(ctx context.Context, enterprise, field string) *Error {
	if enterprise == Self {
		return nil
	}
	e, err := r.readEnterprise(ctx, enterprise)
	if errors.Is(err, storage.ErrNotFound) {
		return refuse(CodeNotFound, field, "no enterprise %s", enterprise)
	}
	if err != nil {
		return AsError(err)
	}
	if e.State != EnterpriseActive {
		return refuse(CodeEnterpriseSuspended, field, "enterprise %s is %s", enterprise, e.State)
	}
	return nil
}

// checkValues is the third check of a write.
func (r *Registrar) checkValues(values []identifier.Value) *Error {
	l := &r.limits
	if len(values) == 0 {
		return refuse(CodeInvalidValue, "/values", "at least one value is required")
	}
	if len(values) > l.ValuesPerRecord {
		return refuse(CodeTooLarge, "/values", "%d values; at most %d", len(values), l.ValuesPerRecord)
	}
	total := 0
	for i := range values {
		v := &values[i]
		if e := r.checkValue(v); e != nil {
			e.Field = fmt.Sprintf("/values/%d%s", i, e.Field)
			return e
		}
		total += wireSize(v)
	}
	if i := repeatedIndex(values); i >= 0 {
		return refuse(CodeInvalidValue, fmt.Sprintf("/values/%d/index", i), "index %d is used twice", values[i].Index)
	}
	if total > l.RecordOctets {
		return refuse(CodeTooLarge, "/values", "the values take %d octets; at most %d", total, l.RecordOctets)
	}
	return nil
}

// checkValue holds one value to the rules; the field of the refusal is a pointer within the value.
func (r *Registrar) checkValue(v *identifier.Value) *Error {
	l := &r.limits
	switch {
	case v.Index < 1 || v.Index > maxIndex:
		return refuse(CodeInvalidValue, "/index", "an index is from 1 to 2147483647")
	case v.Type == "":
		return refuse(CodeInvalidValue, "/type", "a type is required")
	case len(v.Type) > l.TypeOctets:
		return refuse(CodeTooLarge, "/type", "longer than %d octets", l.TypeOctets)
	case !printable(v.Type):
		return refuse(CodeInvalidValue, "/type", "a type is printable UTF-8")
	case len(v.Data) > l.ValueOctets:
		return refuse(CodeTooLarge, "/data", "%d octets; at most %d", len(v.Data), l.ValueOctets)
	case v.TTLType > identifier.Absolute:
		return refuse(CodeInvalidValue, "/ttlType", "a TTL is relative or absolute")
	case v.TTL < 0:
		return refuse(CodeInvalidValue, "/ttl", "a TTL is not negative")
	case v.Perms > 0x0F:
		return refuse(CodeInvalidValue, "/perms", "permissions are four bits")
	case len(v.Refs) > l.RefsPerValue:
		return refuse(CodeTooLarge, "/refs", "%d references; at most %d", len(v.Refs), l.RefsPerValue)
	}
	for i, ref := range v.Refs {
		if ref.Handle == "" || len(ref.Handle) > identifier.MaxLength || !utf8.ValidString(ref.Handle) {
			return refuse(CodeInvalidValue, fmt.Sprintf("/refs/%d/handle", i), "a reference names a handle of at most 2048 octets")
		}
		if ref.Index > maxIndex {
			return refuse(CodeInvalidValue, fmt.Sprintf("/refs/%d/index", i), "an index is at most 2147483647")
		}
	}
	return nil
}

// wireSize is the octets that v takes in a Handle message.
func wireSize(v *identifier.Value) int {
	n := 4 + 4 + 1 + 4 + 1 + 4 + len(v.Type) + 4 + len(v.Data) + 4 // index, timestamp, TTL type, TTL, perms, type, data, references
	for i := range v.Refs {
		n += 4 + len(v.Refs[i].Handle) + 4
	}
	return n
}

// repeatedIndex returns the place of the first value whose index was there before, or -1.
func repeatedIndex(values []identifier.Value) int {
	if len(values) <= 16 { // a map costs more than the comparisons
		for i := range values {
			for j := range i {
				if values[j].Index == values[i].Index {
					return i
				}
			}
		}
		return -1
	}
	seen := make(map[uint32]struct{}, len(values))
	for i := range values {
		if _, ok := seen[values[i].Index]; ok {
			return i
		}
		seen[values[i].Index] = struct{}{}
	}
	return -1
}

func printable(s string) bool {
	for _, c := range s {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}

// checkText holds free text to its length and to UTF-8 without control characters.
func (r *Registrar) checkText(code, field, text string) *Error {
	if len(text) > r.limits.ReasonOctets {
		return refuse(CodeTooLarge, field, "longer than %d octets", r.limits.ReasonOctets)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return refuse(code, field, "control characters are not allowed")
	}
	return nil
}
