package identifier

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

const notString = "not a string"

// jsonReader reads JSON (RFC 8259) of a known form. Encoding/json takes several times longer, and
// a bulk import does little else. Strings are unescaped in place and are parts of buf, which the
// reader owns. After a failure methods return zeros.
type jsonReader struct {
	buf    []byte
	pos    int
	reason string // what is wrong, or ""
	path   string // where, from the object inwards that is being read
}

func newReader(src []byte) *jsonReader { return &jsonReader{buf: slices.Clone(src)} }

func (d *jsonReader) fail(reason string) {
	if d.reason == "" {
		d.reason = reason
	}
}

// end reports the failure, or what follows the value.
func (d *jsonReader) end() error {
	if d.reason == "" {
		d.space()
		if d.pos < len(d.buf) {
			d.fail("text after the end")
		}
	}
	if d.reason == "" {
		return nil
	}
	return &JSONError{Field: d.path, Reason: d.reason}
}

func (d *jsonReader) space() {
	for d.pos < len(d.buf) {
		switch d.buf[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// peek returns the next octet that is no blank, or 0 at the end or after a failure.
func (d *jsonReader) peek() byte {
	if d.reason != "" {
		return 0
	}
	d.space()
	if d.pos == len(d.buf) {
		return 0
	}
	return d.buf[d.pos]
}

// take moves past c if it comes next.
func (d *jsonReader) take(c byte) bool {
	if d.peek() != c {
		return false
	}
	d.pos++
	return true
}

// word moves past a literal if it comes next.
func (d *jsonReader) word(w string) bool {
	if d.peek() != w[0] || !bytes.HasPrefix(d.buf[d.pos:], []byte(w)) {
		return false
	}
	d.pos += len(w)
	return true
}

// object reads an object. It calls member with the name of a member when its value comes next and
// is not null, and returns the set of those members: bit i for the name names[i].
func (d *jsonReader) object(names []string, member func(name string)) (given uint) {
	if !d.take('{') {
		d.fail("not an object")
		return 0
	}
	if d.take('}') {
		return 0
	}
	var seen uint
	for {
		name := d.text("member has no name")
		if !d.take(':') {
			d.fail("not valid JSON")
		}
		if d.reason != "" {
			return 0
		}
		i := 0
		for i < len(names) && names[i] != string(name) {
			i++
		}
		switch {
		case i == len(names):
			d.fail("unknown field")
			quoted := strconv.QuoteToASCII(string(name[:min(len(name), 64)]))
			d.inside(quoted[1 : len(quoted)-1])
			return 0
		case seen&(1<<i) != 0:
			d.fail("given twice")
		case d.word("null"):
		default:
			given |= 1 << i
			member(names[i])
		}
		seen |= 1 << i
		if d.reason != "" {
			d.inside(names[i])
			return 0
		}
		if !d.take(',') {
			break
		}
	}
	if !d.take('}') {
		d.fail("not valid JSON")
		return 0
	}
	return given
}

// array reads an array. It calls element whenever an element comes next.
func (d *jsonReader) array(element func()) {
	if !d.take('[') {
		d.fail("not an array")
		return
	}
	if d.take(']') {
		return
	}
	for i := 0; ; i++ {
		element()
		if d.reason != "" {
			d.inside("[" + strconv.Itoa(i) + "]")
			return
		}
		if !d.take(',') {
			break
		}
	}
	if !d.take(']') {
		d.fail("not valid JSON")
	}
}

// raw reads an object and returns its text.
func (d *jsonReader) raw() []byte {
	if d.peek() != '{' {
		d.fail("not an object")
		return nil
	}
	start, depth, quoted := d.pos, 0, false
	for i := start; i < len(d.buf); i++ {
		switch c := d.buf[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				d.pos = i + 1
				text := d.buf[start:d.pos:d.pos]
				if !json.Valid(text) {
					d.fail("not valid JSON")
				}
				return text
			}
		}
	}
	d.fail("not valid JSON")
	return nil
}

// inside says that the failure is in the member or element of that name.
func (d *jsonReader) inside(name string) {
	if d.path != "" && d.path[0] != '[' {
		name += "."
	}
	d.path = name + d.path
}

// integer reads an integer from least to most.
func (d *jsonReader) integer(least, most int64) int64 {
	v, err := strconv.ParseInt(d.number(), 10, 64)
	if err != nil || v < least || v > most {
		d.fail("not an integer from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10))
		return 0
	}
	return v
}

func (d *jsonReader) uint64() uint64 {
	v, err := strconv.ParseUint(d.number(), 10, 64)
	if err != nil {
		d.fail("not an integer from 0 to 18446744073709551615")
	}
	return v
}

// number returns the octets of a number that may be an integer, or nothing.
func (d *jsonReader) number() string {
	d.peek()
	start := d.pos
	if d.reason == "" && d.pos < len(d.buf) && d.buf[d.pos] == '-' {
		d.pos++
	}
	first := d.pos
	for d.pos < len(d.buf) && isDigit(d.buf[d.pos]) {
		d.pos++
	}
	if d.pos-first > 1 && d.buf[first] == '0' {
		return ""
	}
	if d.pos < len(d.buf) {
		switch d.buf[d.pos] {
		case '.', 'e', 'E':
			return ""
		}
	}
	return unsafe.String(unsafe.SliceData(d.buf[start:d.pos]), d.pos-start)
}

func (d *jsonReader) bool() bool {
	if d.word("true") {
		return true
	}
	if !d.word("false") {
		d.fail("neither true nor false")
	}
	return false
}

func (d *jsonReader) string() string {
	b := d.text(notString)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// text reads a string; otherwise is what is wrong if there is none. The result is the caller's
// part of buf.
func (d *jsonReader) text(otherwise string) []byte {
	if !d.take('"') {
		d.fail(otherwise)
		return nil
	}
	start, all := d.pos, byte(0)
	for i := d.pos; i < len(d.buf); i++ {
		c := d.buf[i]
		all |= c
		switch {
		case c == '"':
			d.pos = i + 1
			return d.checked(d.buf[start:i:i], all)
		case c == '\\':
			return d.unescape(start, i, all)
		case c < ' ':
			d.fail("control character in a string")
			return nil
		}
	}
	d.fail("string does not end")
	return nil
}

// checked returns text if it is UTF-8. All is its octets, joined by or.
func (d *jsonReader) checked(text []byte, all byte) []byte {
	if all >= utf8.RuneSelf && !utf8.Valid(text) {
		d.fail("string is not valid UTF-8")
		return nil
	}
	return text
}

// unescape goes on with a string that began at start and has its first escape at i. What an escape
// stands for is never longer than the escape.
func (d *jsonReader) unescape(start, i int, all byte) []byte {
	out := i
	for i < len(d.buf) {
		c := d.buf[i]
		all |= c
		switch {
		case c == '"':
			d.pos = i + 1
			return d.checked(d.buf[start:out:out], all)
		case c < ' ':
			d.fail("control character in a string")
			return nil
		case c != '\\':
			d.buf[out] = c
			out++
			i++
			continue
		}
		if i+1 == len(d.buf) {
			break
		}
		c = d.buf[i+1]
		i += 2
		switch c {
		case '"', '\\', '/':
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(d.buf[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				var low rune = -1
				if i+6 <= len(d.buf) && d.buf[i] == '\\' && d.buf[i+1] == 'u' {
					low = hex4(d.buf[i+2:])
				}
				i += 6
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					d.fail("half a surrogate pair in a string")
					return nil
				}
			}
			if r < 0 {
				d.fail("unknown escape in a string")
				return nil
			}
			out += utf8.EncodeRune(d.buf[out:], r)
			continue
		default:
			d.fail("unknown escape in a string")
			return nil
		}
		d.buf[out] = c
		out++
	}
	d.fail("string does not end")
	return nil
}

// hex4 reads four hexadecimal digits, or returns -1.
func hex4(src []byte) rune {
	if len(src) < 4 {
		return -1
	}
	v, err := strconv.ParseUint(string(src[:4]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(v)
}
