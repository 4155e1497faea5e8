package identifier

import (
	"math/bits"
	"net/url"
	"strings"
)

// splitCompressed takes a compressed Digital Link URI apart: the last segment of its path holds the
// compressed elements, and where only attributes and qualifiers are compressed, the primary key
// stands before it. It allocates nothing.
func splitCompressed(text string) (ai, value, packed string, ok bool) {
	if !isWebURI(text) {
		return "", "", "", false
	}
	text, _, _ = strings.Cut(text, "#")
	text, _, _ = strings.Cut(text, "?")
	_, path, _ := strings.Cut(text, "://")
	slash := strings.IndexByte(path, '/')
	if slash <= 0 {
		return "", "", "", false
	}
	path, packed = cutLast(strings.TrimSuffix(path[slash:], "/"))
	for i := range len(packed) {
		if sextet(packed[i]) < 0 {
			return "", "", "", false
		}
	}
	before, value := cutLast(path)
	_, name := cutLast(before)
	if ai = linkAI(name); isKey(ai) {
		return ai, value, packed, len(packed) >= minPackedRest
	}
	for path != "" {
		if path, name = cutLast(path); isKey(linkAI(name)) {
			return "", "", "", false
		}
	}
	return "", "", packed, len(packed) >= minPackedKey
}

// How long compressed elements are at least: a qualifier of one digit, a key of text.
const (
	minPackedRest = 4
	minPackedKey  = 6
)

// cutLast cuts the last segment off a path.
func cutLast(path string) (before, last string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

// looksCompressed reports whether text may be a Digital Link URI with compressed elements. Many
// other links look so too: only [decompressLink] can tell.
func looksCompressed(text string) bool {
	_, _, _, ok := splitCompressed(text)
	return ok
}

// decompressLink reads a compressed Digital Link URI (GS1 Digital Link Standard: URI Compression).
// The elements it returns are those of an element string: in any order, with attributes, a primary
// key among them, their values unchecked. What stands in the query is left out.
func decompressLink(text string) (pairs []gs1Pair, reason string) {
	ai, value, packed, ok := splitCompressed(text)
	if !ok {
		return nil, "no compressed Digital Link"
	}
	if ai != "" {
		value, err := url.PathUnescape(value)
		if err != nil {
			return nil, "(" + ai + ") has a broken percent sign"
		}
		if ai == "01" && isGTINLength(value) {
			value = padGTIN(value)
		}
		pairs = append(pairs, gs1Pair{ai, value})
	}
	if pairs, reason = unpack(pairs, packed); reason != "" {
		return nil, reason
	}
	for _, p := range pairs {
		if isKey(p.ai) {
			return pairs, ""
		}
	}
	return nil, "no primary key in the compressed Digital Link"
}

// sextet is the value of a character of base64url, or -1.
func sextet(c byte) int { return strings.IndexByte(alphabet64, c) }

// unpack appends compressed elements to dst.
func unpack(dst []gs1Pair, packed string) ([]gs1Pair, string) {
	r := &bitReader{octets: make([]byte, (len(packed)*6+7)/8), end: len(packed) * 6}
	for i := range len(packed) {
		v, at := sextet(packed[i]), i*6
		r.octets[at/8] |= byte(v << 2 >> (at % 8))
		if at%8 > 2 {
			r.octets[at/8+1] |= byte(v << (10 - at%8))
		}
	}
	for r.left() > 8 {
		first, second := r.take(4), r.take(4)
		switch {
		case first <= 9 && second <= 9:
			ai, reason := r.ai(first, second)
			if reason != "" {
				return nil, reason
			}
			if dst, reason = r.element(dst, ai); reason != "" {
				return nil, reason
			}
		case first == 0xF:
			r.skipParameter(int(second))
		default:
			var sequence string
			for i := range packedSequences {
				if s := &packedSequences[i]; s.code == byte(first<<4|second) {
					sequence = s.ais
				}
			}
			if sequence == "" {
				return nil, "a compressed Digital Link with an unknown code"
			}
			for sequence != "" {
				var ai, reason string
				ai, sequence, _ = strings.Cut(sequence, ",")
				if dst, reason = r.element(dst, ai); reason != "" {
					return nil, reason
				}
			}
		}
		if r.short {
			return nil, "a compressed Digital Link that ends within an element"
		}
	}
	if !r.onlyZeros() {
		return nil, "a compressed Digital Link with bits behind its end"
	}
	return dst, ""
}

// ai reads the digits of an application identifier that follow the first two.
func (r *bitReader) ai(first, second uint64) (string, string) {
	var digits [4]byte
	digits[0], digits[1] = '0'+byte(first), '0'+byte(second)
	n := lengthOfAI(string(digits[:2]))
	for i := 2; i < n; i++ {
		v := r.take(4)
		if v > 9 {
			return "", "a compressed Digital Link with an application identifier that is no number"
		}
		digits[i] = '0' + byte(v)
	}
	return string(digits[:n]), ""
}

// element reads the value of an application identifier and appends the element.
func (r *bitReader) element(dst []gs1Pair, ai string) ([]gs1Pair, string) {
	e := findElem(ai)
	if e == nil {
		return nil, "a compressed Digital Link with an unknown application identifier"
	}
	for _, p := range dst {
		if p.ai == ai {
			return nil, "(" + ai + ") stands twice in the compressed Digital Link"
		}
	}
	var value string
	for parts := e.parts; len(parts) > 0; {
		var field packedField
		field, parts = nextPackedField(parts)
		text, reason := r.field(field)
		if reason != "" {
			return nil, "(" + ai + ") " + reason
		}
		value += text
	}
	return append(dst, gs1Pair{ai, value}), ""
}

// packedField is a part of a value as compression cuts it, coarser than its checks do.
type packedField struct {
	text  bool
	fixed bool
	most  int // characters
}

// nextPackedField takes the next field off the parts of an element: digits of fixed number, digits
// up to a number, or the text that is left.
func nextPackedField(parts []gs1Part) (packedField, []gs1Part) {
	isFixed := func(p *gs1Part) bool { return p.min == p.max && !p.optional }
	f := packedField{text: parts[0].set != 'N', fixed: isFixed(&parts[0])}
	for len(parts) > 0 {
		p := &parts[0]
		if f.text != (p.set != 'N') || !f.text && f.fixed && !isFixed(p) {
			break
		}
		f.fixed = f.fixed && isFixed(p)
		f.most += p.max
		parts = parts[1:]
	}
	return f, parts
}

// lengthBits is the size of the count before a field of no fixed length.
func (f packedField) lengthBits() int { return bits.Len(uint(f.most)) }

// field reads a field: for text how it is coded, then how long it is unless that is fixed, then it.
func (r *bitReader) field(f packedField) (string, string) {
	coding := uint64(packedDigits)
	if f.text {
		coding = r.take(3)
	}
	n := f.most
	if !f.fixed {
		if n = int(r.take(f.lengthBits())); n > f.most {
			return "", "is too long"
		}
	}
	return r.packedText(coding, n)
}

// How text is coded.
const (
	packedDigits = iota
	packedLower  // lower case hexadecimal digits
	packedUpper
	packed64    // the alphabet of base64url
	packedASCII // in seven bits
)

func (r *bitReader) packedText(coding uint64, n int) (string, string) {
	switch coding {
	case packedDigits:
		if bitsOfDigits(n) > r.left() {
			r.take(r.left() + 1)
			return "", ""
		}
		text, ok := r.decimal(bitsOfDigits(n), n)
		if !ok {
			return "", "has more digits than it says"
		}
		return text, ""
	case packedLower:
		return r.text(n, 4, alphabetLower), ""
	case packedUpper:
		return r.text(n, 4, alphabetUpper), ""
	case packed64:
		return r.text(n, 6, alphabet64), ""
	case packedASCII:
		return r.text(n, 7, ""), ""
	}
	return "", "is text of an unknown coding"
}

// skipParameter reads over a parameter of the query that is none of GS1's. Its name's length begins
// with the four bits that were read.
func (r *bitReader) skipParameter(length int) {
	r.text(length<<3|int(r.take(3)), 6, alphabet64)
	coding, n := r.take(3), int(r.take(7))
	_, _ = r.packedText(coding, n)
}

// packedSequences are application identifiers that often stand together and have one code.
var packedSequences = [...]struct {
	code byte
	ais  string
}{
	{0x0A, "01,22"}, {0x0B, "01,10"}, {0x0C, "01,21"}, {0x0D, "01,17"}, {0x0E, "01,7003"}, {0x0F, "01,30"},
	{0x1A, "01,10,21,17"}, {0x1B, "01,15"}, {0x1C, "01,11"}, {0x1D, "01,16"}, {0x1E, "01,91"}, {0x1F, "01,10,15"},
	{0x2A, "01,3100"}, {0x2B, "01,3101"}, {0x2C, "01,3102"}, {0x2D, "01,3103"}, {0x2E, "01,3104"}, {0x2F, "01,3105"},
	{0x3A, "01,3200"}, {0x3B, "01,3201"}, {0x3C, "01,3202"}, {0x3D, "01,3203"}, {0x3E, "01,3204"}, {0x3F, "01,3205"},
	{0x9A, "8010,8011"}, {0x9B, "8017,8019"}, {0x9C, "8018,8019"}, {0x9D, "414,254"},
	{0xA0, "01,3920"}, {0xA1, "01,3921"}, {0xA2, "01,3922"}, {0xA3, "01,3923"}, {0xA4, "01,3924"},
	{0xA5, "01,3925"}, {0xA6, "01,3926"}, {0xA7, "01,3927"}, {0xA8, "01,3928"}, {0xA9, "01,3929"},
	{0xC0, "255,3900"}, {0xC1, "255,3901"}, {0xC2, "255,3902"}, {0xC3, "255,3903"}, {0xC4, "255,3904"},
	{0xC5, "255,3905"}, {0xC6, "255,3906"}, {0xC7, "255,3907"}, {0xC8, "255,3908"}, {0xC9, "255,3909"},
	{0xCA, "255,3940"}, {0xCB, "255,3941"}, {0xCC, "255,3942"}, {0xCD, "255,3943"},
}
