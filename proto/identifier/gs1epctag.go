package identifier

import (
	"math/bits"
	"strconv"
	"strings"
)

// epcLayout is how a tag holds an EPC: header, filter, partition, company prefix, reference and
// serial (EPC Tag Data Standard, section 14.6, "EPC binary coding schemes").
type epcLayout struct {
	header    byte
	tag       string // name in a tag URI
	scheme    string
	bits      int  // all together; 0 if they vary
	reference int  // of company prefix and reference together; 0 if they vary
	serial    int  // of the serial; 0 if there is none
	text      bool // the component that may be text is, otherwise it is a number
}

var epcLayouts = [...]epcLayout{
	{header: 0x2C, tag: "gdti-96", scheme: "gdti", bits: 96, reference: 41, serial: 41},
	{header: 0x2D, tag: "gsrn-96", scheme: "gsrn", bits: 96, reference: 58},
	{header: 0x2E, tag: "gsrnp-96", scheme: "gsrnp", bits: 96, reference: 58},
	{header: 0x30, tag: "sgtin-96", scheme: "sgtin", bits: 96, reference: 44, serial: 38},
	{header: 0x31, tag: "sscc-96", scheme: "sscc", bits: 96, reference: 58},
	{header: 0x32, tag: "sgln-96", scheme: "sgln", bits: 96, reference: 41, serial: 41},
	{header: 0x33, tag: "grai-96", scheme: "grai", bits: 96, reference: 44, serial: 38},
	{header: 0x34, tag: "giai-96", scheme: "giai", bits: 96, reference: 82},
	{header: 0x36, tag: "sgtin-198", scheme: "sgtin", bits: 198, reference: 44, serial: 140, text: true},
	{header: 0x37, tag: "grai-170", scheme: "grai", bits: 170, reference: 44, serial: 112, text: true},
	{header: 0x38, tag: "giai-202", scheme: "giai", bits: 202, reference: 188, text: true},
	{header: 0x39, tag: "sgln-195", scheme: "sgln", bits: 195, reference: 41, serial: 140, text: true},
	{header: 0x3C, tag: "cpi-96", scheme: "cpi", bits: 96, reference: 51, serial: 31},
	{header: 0x3D, tag: "cpi-var", scheme: "cpi", serial: 40, text: true},
	{header: 0x3E, tag: "gdti-174", scheme: "gdti", bits: 174, reference: 41, serial: 119, text: true},
	{header: 0x3F, tag: "sgcn-96", scheme: "sgcn", bits: 96, reference: 41, serial: 41},
	{header: 0x40, tag: "itip-110", scheme: "itip", bits: 110, reference: 44, serial: 38},
	{header: 0x41, tag: "itip-212", scheme: "itip", bits: 212, reference: 44, serial: 140, text: true},
}

// epcCompanyBits are those of a company prefix by its partition value, with which its digits, 12 to
// 6, become fewer.
var epcCompanyBits = [7]int{40, 37, 34, 30, 27, 24, 20}

// parseEPCTag reads what follows urn:epc:tag:. The filter value, which tells a reader what kind of
// packaging it sees, names nothing and is left out.
func parseEPCTag(body string) ([]gs1Pair, string) {
	name, rest, _ := strings.Cut(body, ":")
	for i := range epcLayouts {
		if l := &epcLayouts[i]; l.tag == name {
			filter, rest, _ := strings.Cut(rest, ".")
			if len(filter) != 1 || filter[0] < '0' || filter[0] > '7' {
				return nil, "the filter value of an EPC tag is a digit from 0 to 7"
			}
			scheme := epcSchemeNamed(l.scheme)
			parts, reason := scheme.split(rest)
			if reason != "" {
				return nil, reason
			}
			pairs, reason := scheme.pairs(parts)
			if reason == "" {
				reason = l.check(scheme, parts)
			}
			if reason != "" {
				return nil, reason
			}
			return pairs, ""
		}
	}
	scheme, _, _ := strings.Cut(name, "-")
	if epcSchemeNamed(scheme) != nil {
		return nil, "EPC scheme " + scheme + " has no tags of that size"
	}
	return nil, unknownEPC(scheme)
}

// check says what keeps an EPC from being written on such a tag.
func (l *epcLayout) check(s *epcScheme, e epcParts) string {
	if l.text {
		if s.set == 'Y' {
			return checkEPCNumber(e.serial, l.serial)
		}
		return ""
	}
	if s.digits == 0 {
		if reason := checkEPCNumber(e.reference, l.reference-epcCompanyBits[12-len(e.company)]); reason != "" {
			return reason
		}
	}
	if l.serial == 0 || s.set == 'N' {
		return ""
	}
	return checkEPCNumber(e.serial, l.serial)
}

// checkEPCNumber checks a component that a tag holds as a number of so many bits.
func checkEPCNumber(text string, size int) string {
	v, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil || !isDigits(text) || bits.Len64(v) > size:
		return "a component that is no number of the tag's size"
	case text[0] == '0' && text != "0":
		return "a number with a leading zero, which the tag cannot hold"
	}
	return ""
}

// parseEPCRaw reads what follows urn:epc:raw:, the bits of a tag in hexadecimal digits: "96.x3074…".
func parseEPCRaw(body string) ([]gs1Pair, string) {
	length, digits, _ := strings.Cut(body, ".")
	n, err := strconv.Atoi(length)
	switch {
	case err != nil || length[0] == '0' || !isDigits(length):
		return nil, "a raw EPC begins with the number of its bits"
	case len(digits) == 0 || digits[0] != 'x':
		return nil, "a raw EPC in other than hexadecimal digits"
	case strings.IndexByte(digits, '.') >= 0:
		return nil, "the raw bits of a tag that holds no EPC"
	case n > maxEPCBits || (n+3)/4 != len(digits)-1:
		return nil, "a raw EPC with another number of digits than its length asks for"
	case !looksLikeEPCHex(digits[1:]):
		return nil, "a raw EPC of no known header and length"
	}
	pairs, _, reason := parseEPCHex(digits[1:])
	return pairs, reason
}
