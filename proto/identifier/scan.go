package identifier

import (
	"net/url"
	"strings"
	"unicode"
)

// Unwrap takes off a scanned or typed text what its carrier has put around the identifier, as long as
// something is there to take off:
//
//   - blanks, line ends, byte order marks and zero-width characters before and after it
//   - the AIM symbology identifier of a scanner (ISO/IEC 15424), "]d2", and the FNC1 that opens an
//     element string of GS1, in the ways in which scanners and printers write it
//   - "hdl:", "info:hdl/", "doi:" and the addresses of the Handle and DOI proxies
//   - "E=" and an address that ends in "/E=" and an Ecode; "OID:" and "OID."
//   - blanks in a bracketed element string or a GTIN or SSCC, as they are printed below a symbol
//   - a web address with a path that is a Handle under 88. or 86., or with a parameter, such as code=, that
//     is an identifier of any scheme
//
// Digital Links are an identifier themselves and stay. Unwrap returns the scheme that the carrier
// vouches for, 0 if it names none, and the carrier in words, "" if there was none. What is returned
// has nothing left to unwrap. Registrations never unwrap.
func Unwrap(text string) (inner string, scheme Scheme, carrier string) {
	if len(text) > 2*MaxLength {
		return text, 0, ""
	}
	for {
		trimmed := strings.TrimFunc(text, isPadding)
		if len(trimmed) < len(text) && carrier == "" {
			carrier = "surrounding blanks"
		}
		rest, s, c := unwrapOnce(trimmed)
		if c == "" {
			return trimmed, scheme, carrier
		}
		text, carrier = rest, c
		if s != 0 {
			scheme = s
		}
	}
}

// isPadding reports whether r may stand around a scanned text without belonging to it.
func isPadding(r rune) bool {
	switch r {
	case '\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\u2060', '\ufeff', '\x00', '\x02', '\x03', '\x04':
		return true
	}
	return unicode.IsSpace(r)
}

// unwrapOnce takes off the outermost carrier.
func unwrapOnce(text string) (inner string, s Scheme, carrier string) {
	if hasAIM(text) {
		inner = text[3:]
		if strings.HasPrefix(text, "]E3") && isDigits(inner) && (len(inner) == 13+2 || len(inner) == 13+5) {
			return inner[:13], GS1, "AIM ]E3" // behind the GTIN the add-on of a periodical or book
		}
		return inner, aimScheme(text[1], text[2], inner), "AIM " + text[:3]
	}
	if n := leadingFNC1(text); n > 0 && len(text) > n+2 && isDigits(text[n:n+2]) {
		return text[n:], GS1, "leading FNC1"
	}
	for _, w := range uriCarriers {
		if len(text) > len(w.prefix) && EqualFoldASCII(text[:len(w.prefix)], w.prefix) {
			return text[len(w.prefix):], w.scheme, w.carrier
		}
	}
	if isHTTP(text) {
		return unwrapWeb(text)
	}
	if len(text) > 3 && text[0] == '(' && isDigit(text[1]) && strings.Contains(text, " ") {
		// As printed below a symbol: "(01) 06901234567892 (21) A1". No element holds a blank.
		return strings.ReplaceAll(text, " ", ""), GS1, "blanks between elements"
	}
	if text != "" && isDigit(text[0]) && !isBits(text) {
		if digits := strings.ReplaceAll(text, " ", ""); len(digits) < len(text) && isPrintedKey(digits) {
			return digits, GS1, "blanks between digits"
		}
	}
	return text, 0, ""
}

// isPrintedKey reports whether digits are a GTIN or an SSCC, as they are printed below a bar code in
// groups: "6 901234 567892". Of a GTIN-12 to -14 the check digit may be wrong.
func isPrintedKey(digits string) bool {
	switch len(digits) {
	case 12, 13, 14:
		return isDigits(digits)
	case 8, 18:
		return isDigits(digits) && checkMod10(digits)
	}
	return false
}

// hasAIM reports whether text begins with a symbology identifier: "]", a letter, a modifier.
func hasAIM(text string) bool {
	return len(text) > 3 && text[0] == ']' && 'a' <= text[1]|0x20 && text[1]|0x20 <= 'z' && isAlphanumeric(rune(text[2]))
}

// aimScheme returns the scheme that a symbology vouches for (GS1 General Specifications, section
// 5.1.2; ISO/IEC 15424).
func aimScheme(symbology, modifier byte, inner string) Scheme {
	switch string([]byte{symbology, modifier}) {
	case "C1", "e0", "d2", "Q3", "J1": // GS1-128, DataBar and composites, DataMatrix, QR Code, DotCode
		if isHTTP(inner) {
			return 0
		}
		return GS1
	case "E0", "E4": // EAN-13, UPC-A, UPC-E; EAN-8
		return GS1
	case "I1": // ITF-14
		if len(inner) == 14 && isDigits(inner) {
			return GS1
		}
	}
	return 0
}

// leadingFNC1 returns the length of the FNC1 that text begins with, in the spellings of element
// strings and some that only stand in front; 0 if there is none.
func leadingFNC1(text string) int {
	for _, spelling := range [...]string{"FNC1", "(GS)", "(FNC1)", "^]", "\u00e8"} {
		if strings.HasPrefix(text, spelling) {
			return len(spelling)
		}
	}
	return separatorAt(text)
}

// uriCarriers are beginnings that name the scheme of what follows, in any letter case.
var uriCarriers = [...]struct {
	prefix  string
	scheme  Scheme
	carrier string
}{
	{"hdl:", Handle, "hdl URI"},
	{"info:hdl/", Handle, "info URI"},
	{"urn:hdl:", Handle, "hdl URI"},
	{"doi:", Handle, "doi URI"},
	{"info:doi/", Handle, "info URI"},
	{"E=", Ecode, "E= of an Ecode"},
	{"ecode=", Ecode, "E= of an Ecode"},
	{"ecode:", Ecode, "Ecode label"},
	{"OID.", OID, "OID label"},
	{"OID=", OID, "OID label"},
	{"OID:", OID, "OID label"},
}

func isHTTP(text string) bool {
	rest, ok := cutFold(text, "http")
	if !ok {
		return false
	}
	if s, ok := cutFold(rest, "s"); ok {
		rest = s
	}
	return strings.HasPrefix(rest, "://")
}

func cutFold(text, prefix string) (string, bool) {
	if len(text) < len(prefix) || !EqualFoldASCII(text[:len(prefix)], prefix) {
		return text, false
	}
	return text[len(prefix):], true
}

// unwrapWeb finds the identifier in a web address.
func unwrapWeb(text string) (inner string, s Scheme, carrier string) {
	_, rest, _ := strings.Cut(text, "://")
	slash := strings.IndexAny(rest, "/?#")
	if slash < 0 {
		return text, 0, ""
	}
	host, rest := rest[:slash], rest[slash:]
	rest, _, _ = strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")
	if path, err := url.PathUnescape(path); err == nil {
		if _, code, ok := strings.Cut(path, "/E="); ok && code != "" {
			return code, Ecode, "Ecode address"
		}
		if isHandleProxy(host) && len(path) > 1 {
			name := strings.TrimPrefix(path, "/api/handles")
			return strings.TrimPrefix(name, "/"), Handle, "Handle proxy address"
		}
		if l, _ := grammars[GS1].Detect(text); l != No {
			return text, 0, ""
		}
		for i := range len(path) {
			if path[i] == '/' && startsNationalHandle(path[i+1:]) {
				return path[i+1:], Handle, "web address"
			}
		}
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if value, err := url.QueryUnescape(value); err == nil && isIDParameter(name) {
			if name == "E" {
				return value, Ecode, "Ecode address"
			}
			if _, _, err := Read(value); err == nil {
				return value, 0, "web address"
			}
		}
	}
	return text, 0, ""
}

// isHandleProxy reports whether a host is a public proxy of the Handle System.
func isHandleProxy(host string) bool {
	switch FoldASCII(host) {
	case "hdl.handle.net", "doi.org", "dx.doi.org", "www.doi.org":
		return true
	}
	return false
}

// isIDParameter reports whether a query parameter of that name holds an identifier by custom.
func isIDParameter(name string) bool {
	switch FoldASCII(name) {
	case "e":
		return name == "E"
	case "id", "code", "identifier", "handle", "hdl", "ecode", "oid":
		return true
	}
	return false
}

// startsNationalHandle reports whether a path is a Handle of the national system.
func startsNationalHandle(path string) bool {
	prefix, suffix, ok := strings.Cut(path, "/")
	return ok && suffix != "" && isNational(prefix) && validateAuthority(path, prefix) == nil
}
