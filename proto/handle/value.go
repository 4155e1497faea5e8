package handle

import (
	"slices"

	"github.com/idnode/idnode/proto/identifier"
)

const (
	minValue = 4 + 4 + 1 + 4 + 1 + 4 + 4 + 4 // octets of a value with nothing in it
	minRef   = 4 + 4
)

// AppendValue appends v in wire form.
func AppendValue(dst []byte, v *identifier.Value) []byte {
	dst = appendInt4(dst, v.Index)
	dst = appendInt4(dst, v.Timestamp)
	dst = append(dst, uint8(v.TTLType))
	dst = appendInt4(dst, uint32(v.TTL))
	dst = append(dst, uint8(v.Perms))
	dst = AppendBytes(dst, v.Type)
	dst = AppendBytes(dst, v.Data)
	return AppendRefs(dst, v.Refs)
}

// AppendRefs appends a list of references: also the data of an HS_VLIST.
func AppendRefs(dst []byte, refs []identifier.Ref) []byte {
	dst = appendInt4(dst, uint32(len(refs)))
	for i := range refs {
		dst = AppendRef(dst, refs[i])
	}
	return dst
}

// AppendRef appends a reference.
func AppendRef(dst []byte, r identifier.Ref) []byte {
	return appendInt4(AppendBytes(dst, r.Handle), r.Index)
}

// ParseValue reads a value. Its Data is a view. Index and permissions are not judged.
func ParseValue(src []byte) (v identifier.Value, rest []byte, err error) {
	c := cursor{b: src}
	v = c.value()
	if c.err != nil {
		return identifier.Value{}, nil, c.err
	}
	return v, c.b, nil
}

// ParseRefs reads a list of references.
func ParseRefs(src []byte) (refs []identifier.Ref, rest []byte, err error) {
	c := cursor{b: src}
	refs = c.refs()
	if c.err != nil {
		return nil, nil, c.err
	}
	return refs, c.b, nil
}

func (c *cursor) value() (v identifier.Value) {
	v.Index, v.Timestamp = c.int4(), c.int4()
	v.TTLType, v.TTL = identifier.TTLType(c.int1()), int32(c.int4())
	v.Perms = identifier.Perms(c.int1())
	v.Type, v.Data = string(c.bytes()), c.bytes()
	v.Refs = c.refs()
	return v
}

func (c *cursor) refs() []identifier.Ref {
	n := c.count(minRef)
	if n == 0 {
		return nil
	}
	refs := make([]identifier.Ref, 0, n)
	for range n {
		refs = append(refs, c.ref())
	}
	return refs
}

func (c *cursor) ref() identifier.Ref {
	return identifier.Ref{Handle: string(c.bytes()), Index: c.int4()}
}

// values reads a list of values and appends it to dst.
func (c *cursor) values(dst []identifier.Value) []identifier.Value {
	n := c.count(minValue)
	dst = slices.Grow(dst, n)
	for range n {
		if v := c.value(); c.err == nil {
			dst = append(dst, v)
		}
	}
	return dst
}
