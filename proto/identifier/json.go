package identifier

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"
)

// The interchange form of records is JSON, one record a line in files:
//
//	{"id":"88.1021.150/SN-001","values":[{"index":1,"type":"URL","data":"https://…","ttl":86400}]}
//
// A record also has scheme, template, version, state, reason, successor, created and updated; a
// value ttlType, perms, timestamp and refs. Reading is lenient in how a member is written and
// strict in which members there are: an unknown member, one given twice, text that is not UTF-8
// and half a surrogate pair are errors. A member that is null counts as not given. id, and in
// values index, type and data, must be given; a TTL not given is [DefaultTTL], permissions not
// given are [DefaultPerms].

// JSONError says what is wrong with a record or value in JSON.
type JSONError struct {
	Field  string // path of the member, such as "values[2].ttl"; empty for the whole
	Reason string // lower case
}

func (e *JSONError) Error() string {
	if e.Field == "" {
		return "JSON: " + e.Reason
	}
	return e.Field + ": " + e.Reason
}

// ValueFields tells which members of a value were given.
type ValueFields uint16

const (
	GivenIndex ValueFields = 1 << iota
	GivenType
	GivenData
	GivenTTL
	GivenTTLType
	GivenPerms
	GivenTimestamp
	GivenRefs
	GivenDelete // "delete": true
)

// valueMembers are the members of a value in the order of the bits above.
var valueMembers = []string{"index", "type", "data", "ttl", "ttlType", "perms", "timestamp", "refs", "delete"}

var (
	storedMembers = valueMembers[:len(valueMembers)-1] // without "delete"
	recordMembers = []string{"id", "values", "scheme", "template", "version", "state", "reason", "successor", "created", "updated"}
	writeMembers  = append(recordMembers[:len(recordMembers):len(recordMembers)], "fields")
	mintMembers   = []string{"values", "template", "fields"}
	refMembers    = []string{"handle", "index"}
	dataMembers   = []string{"format", "value"}
)

// ParseRecordJSON reads one record. The record keeps one copy of line for all its strings and data;
// line itself may be used again. The error is a *[JSONError].
func ParseRecordJSON(line []byte) (*Record, error) {
	r, _, err := parseRecordJSON(line, recordMembers)
	return r, err
}

// ParseWriteJSON reads one record that is to be written. Beside values, or in their place, it may have
// "fields", an object of what its data template says of it; the object is returned as it is written,
// nil if there is none.
func ParseWriteJSON(line []byte) (r *Record, fields []byte, err error) {
	return parseRecordJSON(line, writeMembers)
}

// ParseMintJSON reads what a record is to hold whose identifier is not made yet: values, template and fields, as
// [ParseWriteJSON] has them. The error is a *[JSONError].
func ParseMintJSON(src []byte) (r *Record, fields []byte, err error) {
	r = new(Record)
	d := newReader(src)
	d.object(mintMembers, func(name string) {
		if name == "fields" {
			fields = d.raw()
			return
		}
		d.recordMember(r, name)
	})
	if err := d.end(); err != nil {
		return nil, nil, err
	}
	return r, fields, nil
}

func parseRecordJSON(line []byte, members []string) (*Record, []byte, error) {
	r := new(Record)
	var fields []byte
	d := newReader(line)
	given := d.object(members, func(name string) {
		if name == "fields" {
			fields = d.raw()
			return
		}
		d.recordMember(r, name)
	})
	if given&1 == 0 && d.reason == "" { // id, the first of recordMembers
		d.fail("missing")
		d.inside("id")
	}
	if err := d.end(); err != nil {
		return nil, nil, err
	}
	return r, fields, nil
}

// ParseValueJSON reads one value of which only the index must be given, or of which the member
// "delete" says that it is to be removed. The error is a *[JSONError].
func ParseValueJSON(src []byte) (v Value, given ValueFields, err error) {
	d := newReader(src)
	given = d.value(&v, valueMembers, GivenIndex)
	return v, given, d.end()
}

// UnmarshalJSON reads the interchange form of a record, see [ParseRecordJSON].
func (r *Record) UnmarshalJSON(src []byte) error {
	parsed, err := ParseRecordJSON(src)
	if err != nil {
		return err
	}
	*r = *parsed
	return nil
}

// UnmarshalJSON reads the interchange form of a value. The error is a *[JSONError].
func (v *Value) UnmarshalJSON(src []byte) error {
	var parsed Value
	d := newReader(src)
	d.value(&parsed, storedMembers, GivenIndex|GivenType|GivenData)
	if err := d.end(); err != nil {
		return err
	}
	*v = parsed
	return nil
}

func (d *jsonReader) recordMember(r *Record, name string) {
	switch name {
	case "id":
		if r.ID = d.string(); r.ID == "" {
			d.fail("empty")
		}
	case "values":
		d.array(func() {
			if r.Values == nil {
				r.Values = make([]Value, 0, 4)
			}
			r.Values = append(r.Values, Value{})
			d.value(&r.Values[len(r.Values)-1], storedMembers, GivenIndex|GivenType|GivenData)
		})
	case "scheme":
		s, err := ParseScheme(d.string())
		if err != nil {
			d.fail("unknown scheme")
		}
		r.Scheme = s
	case "template":
		r.Template = d.string()
	case "version":
		r.Version = d.uint64()
	case "state":
		switch d.string() {
		case "active":
			r.State = Active
		case "revoked":
			r.State = Revoked
		default:
			d.fail(`neither "active" nor "revoked"`)
		}
	case "reason":
		r.Reason = d.string()
	case "successor":
		r.Successor = d.string()
	case "created":
		r.Created = d.time()
	case "updated":
		r.Updated = d.time()
	}
}

// value reads a value of the members given by name, of which those in required must be there.
func (d *jsonReader) value(v *Value, members []string, required ValueFields) ValueFields {
	v.TTL, v.Perms = DefaultTTL, DefaultPerms
	var remove bool
	given := ValueFields(d.object(members, func(name string) { d.valueMember(v, &remove, name) }))
	if !remove {
		given &^= GivenDelete
	}
	if missing := required &^ given; missing != 0 && d.reason == "" {
		for i := range members {
			if missing&(1<<i) != 0 {
				d.fail("missing")
				d.inside(members[i])
				break
			}
		}
	}
	return given
}

func (d *jsonReader) valueMember(v *Value, remove *bool, name string) {
	switch name {
	case "index":
		v.Index = uint32(d.integer(0, math.MaxUint32))
	case "type":
		v.Type = d.string()
	case "data":
		if v.Data = d.data(); len(v.Data) == 0 {
			v.Data = nil // as [DecodeRecord] has it
		}
	case "ttl":
		v.TTL = int32(d.integer(math.MinInt32, math.MaxInt32))
	case "ttlType":
		v.TTLType = d.ttlType()
	case "perms":
		v.Perms = d.perms()
	case "timestamp":
		v.Timestamp = d.timestamp()
	case "refs":
		d.array(func() {
			var ref Ref
			given := d.object(refMembers, func(name string) {
				if name == "handle" {
					ref.Handle = d.string()
				} else {
					ref.Index = uint32(d.integer(0, math.MaxUint32))
				}
			})
			if given != 3 && d.reason == "" {
				d.fail(`has no "handle" or no "index"`)
			}
			v.Refs = append(v.Refs, ref)
		})
	case "delete":
		*remove = d.bool()
	}
}

// data reads a text, or a format and a value.
func (d *jsonReader) data() []byte {
	if d.peek() != '{' {
		return d.text("neither a string nor an object")
	}
	var format, value []byte
	given := d.object(dataMembers, func(name string) {
		if name == "format" {
			format = d.text(notString)
		} else {
			value = d.text(notString)
		}
	})
	if d.reason != "" {
		return nil
	}
	if given != 3 {
		d.fail(`has no "format" or no "value"`)
		return nil
	}
	var err error
	switch string(format) {
	case "string":
		return value
	case "base64":
		var n int
		out := make([]byte, base64.StdEncoding.DecodedLen(len(value)))
		n, err = base64.StdEncoding.Decode(out, value)
		value = out[:n]
	case "hex":
		var n int
		n, err = hex.Decode(value, value)
		value = value[:n]
	default:
		d.fail(`format is not "string", "base64" or "hex"`)
		return nil
	}
	if err != nil {
		d.fail("value is not in " + string(format))
		return nil
	}
	return value
}

func (d *jsonReader) ttlType() TTLType {
	if d.peek() != '"' {
		return TTLType(d.integer(0, 1))
	}
	switch d.string() {
	case "relative":
		return Relative
	case "absolute":
		return Absolute
	}
	d.fail(`neither "relative" nor "absolute"`)
	return 0
}

func (d *jsonReader) perms() Perms {
	if d.peek() != '"' {
		return Perms(d.integer(0, 15))
	}
	p, ok := parsePerms(d.text(notString))
	if !ok {
		d.fail(notPerms)
	}
	return p
}

const notPerms = "not four characters 0 or 1"

// ParsePerms reads permissions as records have them in JSON: four characters 0 or 1 for admin read, admin write,
// public read and public write.
func ParsePerms(text string) (Perms, error) {
	p, ok := parsePerms([]byte(text))
	if !ok {
		return 0, errors.New(notPerms)
	}
	return p, nil
}

func parsePerms(bits []byte) (p Perms, ok bool) {
	for _, c := range bits {
		if c != '0' && c != '1' {
			return 0, false
		}
		p = p<<1 | Perms(c&1)
	}
	if len(bits) != 4 {
		return 0, false
	}
	return p, true
}

// timestamp reads seconds since 1970, as a number or as a time.
func (d *jsonReader) timestamp() uint32 {
	if d.peek() != '"' {
		return uint32(d.integer(0, math.MaxUint32))
	}
	sec := d.time().Unix()
	if d.reason == "" && (sec < 0 || sec > math.MaxUint32) {
		d.fail("time is before 1970 or after 2106")
	}
	return uint32(sec)
}

func (d *jsonReader) time() time.Time {
	s := d.string()
	if d.reason != "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		d.fail("not a time of the form 2006-01-02T15:04:05Z")
	}
	return t.UTC()
}

// MarshalJSON writes the interchange form of a record.
func (r Record) MarshalJSON() ([]byte, error) { return AppendRecordJSON(nil, &r), nil }

// MarshalJSON writes the interchange form of a value.
func (v Value) MarshalJSON() ([]byte, error) { return AppendValueJSON(nil, &v), nil }

// AppendRecordJSON appends the interchange form of r to dst and returns the extended slice. Members
// that are not set are left out, but values is always there. Characters special in HTML stay.
func AppendRecordJSON(dst []byte, r *Record) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendJSONString(dst, r.ID)
	if r.Scheme.valid() {
		dst = append(dst, `,"scheme":"`...)
		dst = append(dst, r.Scheme.String()...)
		dst = append(dst, '"')
	}
	dst = appendJSONMember(dst, `,"template":`, r.Template)
	if r.Version != 0 {
		dst = append(dst, `,"version":`...)
		dst = strconv.AppendUint(dst, r.Version, 10)
	}
	if r.State == Active || r.State == Revoked {
		dst = appendJSONMember(dst, `,"state":`, r.State.String())
	}
	dst = appendJSONMember(dst, `,"reason":`, r.Reason)
	dst = appendJSONMember(dst, `,"successor":`, r.Successor)
	dst = appendJSONTime(dst, `,"created":"`, r.Created)
	dst = appendJSONTime(dst, `,"updated":"`, r.Updated)
	dst = append(dst, `,"values":[`...)
	for i := range r.Values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendValueJSON(dst, &r.Values[i])
	}
	return append(dst, "]}"...)
}

// AppendValueJSON appends the interchange form of v to dst and returns the extended slice.
func AppendValueJSON(dst []byte, v *Value) []byte {
	dst = append(dst, `{"index":`...)
	dst = strconv.AppendUint(dst, uint64(v.Index), 10)
	dst = append(dst, `,"type":`...)
	dst = appendJSONString(dst, v.Type)
	dst = AppendDataJSON(append(dst, `,"data":`...), v.Data)
	dst = append(dst, `,"ttl":`...)
	dst = strconv.AppendInt(dst, int64(v.TTL), 10)
	if v.TTLType == Absolute {
		dst = append(dst, `,"ttlType":"absolute"`...)
	}
	if v.Perms != DefaultPerms {
		dst = append(dst, `,"perms":"`...)
		for bit := AdminRead; bit > 0; bit >>= 1 {
			if v.Perms&bit != 0 {
				dst = append(dst, '1')
			} else {
				dst = append(dst, '0')
			}
		}
		dst = append(dst, '"')
	}
	if v.Timestamp != 0 {
		dst = append(dst, `,"timestamp":"`...)
		dst = time.Unix(int64(v.Timestamp), 0).UTC().AppendFormat(dst, time.RFC3339)
		dst = append(dst, '"')
	}
	if len(v.Refs) > 0 {
		dst = AppendRefsJSON(append(dst, `,"refs":`...), v.Refs)
	}
	return append(dst, '}')
}

// AppendDataJSON appends data as the interchange form has them, a string or {"format":"base64","value":"…"}, to dst and
// returns the extended slice.
func AppendDataJSON(dst, data []byte) []byte {
	if IsText(data) {
		return appendJSONString(dst, unsafe.String(unsafe.SliceData(data), len(data)))
	}
	dst = append(dst, `{"format":"base64","value":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, `"}`...)
}

// AppendRefsJSON appends references as the interchange form has them to dst and returns the extended slice.
func AppendRefsJSON(dst []byte, refs []Ref) []byte {
	dst = append(dst, '[')
	for i, ref := range refs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"handle":`...)
		dst = appendJSONString(dst, ref.Handle)
		dst = append(dst, `,"index":`...)
		dst = strconv.AppendUint(dst, uint64(ref.Index), 10)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendJSONMember appends a member with its leading comma and name, unless s is empty.
func appendJSONMember(dst []byte, name, s string) []byte {
	if s == "" {
		return dst
	}
	return appendJSONString(append(dst, name...), s)
}

// appendJSONTime appends a time to the millisecond, unless it is zero or RFC 3339 has no form for it.
func appendJSONTime(dst []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	t = t.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return dst
	}
	dst = t.AppendFormat(append(dst, name...), "2006-01-02T15:04:05.000Z07:00")
	return append(dst, '"')
}

// IsText reports whether data is shown as text: valid UTF-8 without control characters other than
// tab and newline. U+FFFD counts as the trace of broken text and is not shown as such.
func IsText(data []byte) bool {
	ascii := true
	for _, c := range data {
		if c < ' ' && c != '\t' && c != '\n' || c == 0x7f {
			return false
		}
		if c >= utf8.RuneSelf {
			ascii = false
		}
	}
	if ascii {
		return true
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError || 0x80 <= r && r < 0xa0 {
			return false
		}
		i += size
	}
	return true
}

// appendJSONString appends s in quotes. Octets that are not UTF-8 become U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
