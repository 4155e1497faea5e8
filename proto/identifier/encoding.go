package identifier

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unsafe"
)

// The binary form of a record, format 1. A string is its length as uvarint and its octets; a time
// is milliseconds since 1970 as varint, 0 if not given.
//
//	octet    1, the format
//	octet    state
//	octet    scheme, 0 if it was not given
//	time     created
//	time     updated
//	string   identifier, template, reason, successor
//	uvarint  number of values
//	uvarint  number of references of all values together
//	values:
//	  uvarint  index
//	  string   type
//	  string   data
//	  octet    permissions in the low four bits; 0x10 if the TTL is absolute
//	  varint   TTL
//	  4 octets timestamp, big-endian
//	  uvarint  number of references
//	  references: string handle, uvarint index
const (
	recordFormat = 1

	flagPerms    = 0x0f
	flagAbsolute = 0x10

	minValueSize = 1 + 1 + 1 + 1 + 1 + 4 + 1 // octets of an empty value
	minRefSize   = 1 + 1                     // octets of an empty reference
)

// ErrCorrupt says that stored octets are no record.
var ErrCorrupt = errors.New("record is corrupt")

// AppendRecord appends the binary form of r to dst and returns the extended slice. It keeps all of
// r but Version, and times to the millisecond.
func AppendRecord(dst []byte, r *Record) []byte {
	dst = append(dst, recordFormat, byte(r.State), byte(r.Scheme))
	dst = appendMillis(dst, r.Created)
	dst = appendMillis(dst, r.Updated)
	dst = appendString(dst, r.ID)
	dst = appendString(dst, r.Template)
	dst = appendString(dst, r.Reason)
	dst = appendString(dst, r.Successor)
	refs := 0
	for i := range r.Values {
		refs += len(r.Values[i].Refs)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Values)))
	dst = binary.AppendUvarint(dst, uint64(refs))
	for i := range r.Values {
		v := &r.Values[i]
		dst = binary.AppendUvarint(dst, uint64(v.Index))
		dst = appendString(dst, v.Type)
		dst = binary.AppendUvarint(dst, uint64(len(v.Data)))
		dst = append(dst, v.Data...)
		flags := byte(v.Perms) & flagPerms
		if v.TTLType == Absolute {
			flags |= flagAbsolute
		}
		dst = append(dst, flags)
		dst = binary.AppendVarint(dst, int64(v.TTL))
		dst = binary.BigEndian.AppendUint32(dst, v.Timestamp)
		dst = binary.AppendUvarint(dst, uint64(len(v.Refs)))
		for _, ref := range v.Refs {
			dst = appendString(dst, ref.Handle)
			dst = binary.AppendUvarint(dst, uint64(ref.Index))
		}
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendMillis(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, 0)
	}
	return binary.AppendVarint(dst, t.UnixMilli())
}

// DecodeRecord reads the binary form of a record. Strings and data of the record are parts of src,
// not copies: src must never change afterwards. It allocates the record, its values, and its
// references if it has any. The error is [ErrCorrupt].
func DecodeRecord(src []byte) (*Record, error) {
	r := new(Record)
	if err := DecodeRecordInto(src, r); err != nil {
		return nil, err
	}
	return r, nil
}

// DecodeRecordInto is DecodeRecord into r, whatever r was before: values and references are put into
// the memory that r has for them, and nothing is allocated if it is enough.
func DecodeRecordInto(src []byte, r *Record) error {
	d := decoder{rest: src}
	if d.octet() != recordFormat {
		return ErrCorrupt
	}
	*r = Record{Values: r.Values[:0]}
	r.State = State(d.octet())
	r.Scheme = Scheme(d.octet())
	r.Created = d.millis()
	r.Updated = d.millis()
	r.ID = d.string()
	r.Template = d.string()
	r.Reason = d.string()
	r.Successor = d.string()
	values := d.count(minValueSize)
	refs := d.count(minRefSize)
	if d.failed || r.State > Revoked || r.Scheme != 0 && !r.Scheme.valid() {
		return ErrCorrupt
	}
	if values > cap(r.Values) {
		r.Values = make([]Value, 0, values)
	}
	var fresh []Ref // for values without room for theirs
	for i := range values {
		room := r.Values[:i+1][i].Refs[:0]
		var v Value
		v.Index = d.uint32()
		v.Type = d.string()
		v.Data = d.bytes()
		flags := d.octet()
		if flags&^(flagPerms|flagAbsolute) != 0 {
			return ErrCorrupt
		}
		v.Perms = Perms(flags & flagPerms)
		if flags&flagAbsolute != 0 {
			v.TTLType = Absolute
		}
		v.TTL = d.int32()
		v.Timestamp = d.fixed32()
		n := d.count(minRefSize)
		if d.failed || n > refs {
			return ErrCorrupt
		}
		if n > cap(room) {
			if fresh == nil {
				fresh = make([]Ref, refs)
			}
			room, fresh = fresh[:0:n], fresh[n:]
		}
		refs -= n
		for range n {
			room = append(room, Ref{Handle: d.string(), Index: d.uint32()})
		}
		v.Refs = room
		r.Values = append(r.Values, v)
	}
	if d.failed || len(d.rest) > 0 || refs > 0 {
		return ErrCorrupt
	}
	return nil
}

// decoder takes fields from the front of rest. After a failure it returns zeros.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) fail() {
	d.rest, d.failed = nil, true
}

func (d *decoder) octet() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uvarint()
	if v > math.MaxUint32 {
		d.fail()
	}
	return uint32(v)
}

func (d *decoder) int32() int32 {
	v := d.varint()
	if v < math.MinInt32 || v > math.MaxInt32 {
		d.fail()
	}
	return int32(v)
}

func (d *decoder) fixed32() uint32 {
	if len(d.rest) < 4 {
		d.fail()
		return 0
	}
	v := binary.BigEndian.Uint32(d.rest)
	d.rest = d.rest[4:]
	return v
}

func (d *decoder) millis() time.Time {
	v := d.varint()
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMilli(v).UTC()
}

// count takes a number of things of at least size octets each, and believes it only if the rest
// could hold them.
func (d *decoder) count(size int) int {
	v := d.uvarint()
	if v > uint64(len(d.rest)/size) {
		d.fail()
		return 0
	}
	return int(v)
}

func (d *decoder) bytes() []byte {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) string() string {
	b := d.bytes()
	return unsafe.String(unsafe.SliceData(b), len(b))
}
