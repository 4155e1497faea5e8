package identifier

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

const (
	tagOID         = 0x06 // OBJECT IDENTIFIER (X.690, clause 8.19)
	tagRelativeOID = 0x0d // RELATIVE-OID (X.690, clause 8.20)
)

// DER is the encoding of an object identifier by the Distinguished Encoding Rules: tag, length and
// contents (X.690, clauses 8.1 and 8.19). It is nil for identifiers of other schemes.
func (id ID) DER() []byte {
	if id.scheme != OID {
		return nil
	}
	var contents []byte
	root, rest, _ := strings.Cut(id.name, ".")
	for i := 0; rest != ""; i++ {
		var arc string
		arc, rest, _ = strings.Cut(rest, ".")
		n, _ := new(big.Int).SetString(arc, 10)
		if i == 0 {
			n.Add(n, big.NewInt(40*int64(root[0]-'0')))
		}
		contents = appendBase128(contents, n)
	}
	der := []byte{tagOID}
	switch n := len(contents); {
	case n < 0x80:
		der = append(der, byte(n))
	case n < 0x100:
		der = append(der, 0x81, byte(n))
	default:
		der = append(der, 0x82, byte(n>>8), byte(n)) // MaxLength keeps it under 64 KiB
	}
	return append(der, contents...)
}

// appendBase128 appends n in groups of seven bits, all but the last marked by the highest bit.
func appendBase128(dst []byte, n *big.Int) []byte {
	groups := max((n.BitLen()+6)/7, 1)
	for g := groups - 1; g >= 0; g-- {
		var c byte
		for bit := range 7 {
			c |= byte(n.Bit(7*g+bit)) << bit
		}
		if g > 0 {
			c |= 0x80
		}
		dst = append(dst, c)
	}
	return dst
}

// hexOctets yields the octets that text writes in hexadecimal: after "0x" or not, the octets
// together or all separated by one blank or colon. It stops with false at what is no octet.
func hexOctets(text string, yield func(i int, octet byte) bool) bool {
	if len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x' {
		text = text[2:]
	}
	var separator byte
	for i := 0; text != ""; i++ {
		if i > 0 && separator != 0 {
			if text[0] != separator {
				return false
			}
			text = text[1:]
		}
		if len(text) < 2 {
			return false
		}
		high, low := hexDigit(text[0]), hexDigit(text[1])
		if high > 15 || low > 15 {
			return false
		}
		text = text[2:]
		if i == 0 && text != "" && (text[0] == ' ' || text[0] == ':') {
			separator = text[0]
		}
		if !yield(i, high<<4|low) {
			return true
		}
	}
	return true
}

// hexDigit returns the value of a hexadecimal digit, 255 for other characters.
func hexDigit(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// isHexOID reports whether text is meant as BER: it begins with the tag of an object identifier or a
// relative one in hexadecimal, or with "0x", and has no dot.
func isHexOID(text string) bool {
	if len(text) < 4 || text[0] != '0' || strings.Contains(text, ".") {
		return false
	}
	return text[1]|0x20 == 'x' || text[1] == '6' || text[1]|0x20 == 'd'
}

// hasBERHeader reports whether text is octets in hexadecimal that begin with the tag of an object
// identifier and its length, which is that of the rest.
func hasBERHeader(text string) bool {
	if len(text) < 6 || text[0] != '0' {
		return false
	}
	octets, length, header := 0, 0, 2
	ok := hexOctets(text, func(i int, octet byte) bool {
		octets++
		switch {
		case i == 0:
			return octet == tagOID
		case i == 1 && octet < 0x80:
			length = int(octet)
		case i == 1:
			header += int(octet & 0x7f)
			return header > 2 && header <= 4
		case i < header:
			length = length<<8 | int(octet)
		}
		return true
	})
	return ok && octets > header && octets == header+length
}

// parseBER reads the Basic Encoding Rules in hexadecimal: "06 03 2A 81 1C". Any definite length is
// taken; the contents have to be minimal, as everywhere in BER.
func parseBER(text string) (name, reason string) {
	var b []byte
	if !hexOctets(text, func(_ int, octet byte) bool { b = append(b, octet); return true }) {
		return "", "BER is not whole octets in hexadecimal, together or each after one blank or colon"
	}
	contents, reason := cutHeader(b)
	if reason != "" {
		return "", reason
	}
	var dotted []byte
	for start := 0; start < len(contents); {
		if contents[start] == 0x80 {
			return "", "BER arc begins with a padding octet, 80"
		}
		end := start
		for end < len(contents) && contents[end]&0x80 != 0 {
			end++
		}
		if end == len(contents) {
			return "", "BER ends within an arc"
		}
		if start == 0 {
			dotted = appendRoot(dotted, contents[:end+1])
		} else {
			dotted = append(dotted, '.')
			dotted = appendArc(dotted, contents[:end+1][start:], 0)
		}
		start = end + 1
	}
	return string(dotted), ""
}

// cutHeader takes tag and length off an encoding.
func cutHeader(b []byte) (contents []byte, reason string) {
	switch {
	case len(b) > 0 && b[0] == tagRelativeOID:
		return nil, "BER tag 0D is a relative object identifier, which names nothing by itself"
	case len(b) == 0 || b[0] != tagOID:
		return nil, "BER tag is not 06, that of an object identifier"
	case len(b) < 2:
		return nil, "BER length is missing"
	}
	length, header := int(b[1]), 2
	if length >= 0x80 {
		header += length & 0x7f
		switch {
		case length == 0x80:
			return nil, "BER length is indefinite, which an object identifier's never is"
		case length == 0xff:
			return nil, "BER length octet FF is reserved"
		case header > len(b):
			return nil, "BER ends within the length"
		}
		length = 0
		for _, octet := range b[2:header] {
			if length = length<<8 | int(octet); length > MaxLength {
				return nil, "BER length is over 2048 octets"
			}
		}
	}
	contents = b[header:]
	switch {
	case length != len(contents):
		return nil, fmt.Sprintf("BER length says %d octets, %d follow", length, len(contents))
	case length == 0:
		return nil, "BER has no contents"
	}
	return contents, ""
}

// appendRoot appends the first two arcs, which share one number: 40 times the first and the second.
func appendRoot(dst, groups []byte) []byte {
	root := byte(2)
	if len(groups) == 1 {
		root = min(groups[0]/40, 2)
	}
	dst = append(dst, '0'+root, '.')
	return appendArc(dst, groups, 40*int64(root))
}

// appendArc appends, in decimal, a number in groups of seven bits less an offset.
func appendArc(dst, groups []byte, less int64) []byte {
	if len(groups) <= 8 {
		var n int64
		for _, g := range groups {
			n = n<<7 | int64(g&0x7f)
		}
		return strconv.AppendInt(dst, n-less, 10)
	}
	n := new(big.Int)
	for _, g := range groups {
		n.Lsh(n, 7).Or(n, big.NewInt(int64(g&0x7f)))
	}
	return n.Sub(n, big.NewInt(less)).Append(dst, 10)
}
