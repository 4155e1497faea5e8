package identifier

import (
	"strconv"
	"strings"
)

// epcScheme is a scheme of the EPC Tag Data Standard (release 2.1, section 6) that writes a key of
// the GS1 system: a company prefix, a reference given out by that company, and mostly a serial.
type epcScheme struct {
	name   string // as in a URI
	ai     string // of the key
	lead   string // stands before the company prefix in the key
	digits int    // of company prefix and reference together, to which a check digit is added; 0: the reference is text without one
	front  bool   // the first digit of the reference stands before the company prefix in the key
	pieces bool   // the number of a piece and their total follow the reference

	serial    int    // longest serial in characters; 0: there is none
	set       byte   // characters of the serial, or of the text reference: as in gs1Part
	qualifier string // AI of the serial; empty where it ends the key
	class     bool   // without its serial the key still names something, a class of things
}

var epcSchemes = [...]epcScheme{
	{name: "sgtin", ai: "01", digits: 13, front: true, serial: 20, set: 'X', qualifier: "21", class: true},
	{name: "sscc", ai: "00", digits: 17, front: true},
	{name: "sgln", ai: "414", digits: 12, serial: 20, set: 'X', qualifier: "254"},
	{name: "grai", ai: "8003", lead: "0", digits: 12, serial: 16, set: 'X', class: true},
	{name: "giai", ai: "8004", set: 'X'},
	{name: "gsrn", ai: "8018", digits: 17},
	{name: "gsrnp", ai: "8017", digits: 17},
	{name: "gdti", ai: "253", digits: 12, serial: 17, set: 'X', class: true},
	{name: "sgcn", ai: "255", digits: 12, serial: 12, set: 'N', class: true},
	{name: "cpi", ai: "8010", serial: 12, set: 'Y', qualifier: "8011", class: true},
	{name: "itip", ai: "8006", digits: 13, front: true, pieces: true, serial: 20, set: 'X', qualifier: "21", class: true},
	{name: "upui", ai: "01", digits: 13, front: true, serial: 28, set: 'X', qualifier: "235", class: true},
	{name: "pgln", ai: "417", digits: 12},
	{name: "ginc", ai: "401", set: 'X'},
	{name: "gsin", ai: "402", digits: 16},
}

// epcLots is the only scheme of EPC class URIs.
var epcLots = epcScheme{name: "lgtin", ai: "01", digits: 13, front: true, serial: 20, set: 'X', qualifier: "10"}

func epcSchemeNamed(name string) *epcScheme {
	for i := range epcSchemes {
		if epcSchemes[i].name == name {
			return &epcSchemes[i]
		}
	}
	return nil
}

// The forms of EPCs, see [ID.Form].
const (
	formEPC       = "EPC pure identity URI"
	formEPCTag    = "EPC tag URI"
	formEPCRaw    = "EPC raw URI"
	formEPCClass  = "EPC class URI"
	formEPCBinary = "EPC binary"
)

// parseEPC reads the URI of an EPC. The elements it returns are in order, their values unchecked
// but for the company prefix, lengths and characters. "urn:epc:" is read in any case (RFC 8141,
// section 3.1), what follows is not.
func parseEPC(text string) (pairs []gs1Pair, form, reason string) {
	if !isURN(text) {
		return nil, "", "does not begin with urn:epc:"
	}
	kind, body, _ := strings.Cut(text[len("urn:epc:"):], ":")
	switch kind {
	case "raw":
		pairs, reason = parseEPCRaw(body)
		return pairs, formEPCRaw, reason
	case "tag":
		pairs, reason = parseEPCTag(body)
		return pairs, formEPCTag, reason
	case "id", "idpat", "class":
	default:
		return nil, "", "neither a pure identity, a tag, a raw nor a class URI of an EPC"
	}
	name, rest, _ := strings.Cut(body, ":")
	scheme := epcSchemeNamed(name)
	form = formEPC
	switch {
	case kind == "class":
		form = formEPCClass
		if scheme = nil; name == epcLots.name {
			scheme = &epcLots
		}
	case kind == "idpat":
		form = formEPCClass
	}
	if scheme == nil {
		return nil, form, unknownEPC(name)
	}
	parts, reason := scheme.split(rest)
	if reason != "" {
		return nil, form, reason
	}
	if kind == "idpat" {
		// EPCIS writes a class of things as the pattern of all its serials (Core Business
		// Vocabulary, section 8.3).
		if !scheme.class || parts.serial != "*" {
			return nil, form, "a pattern that names no class of things"
		}
		parts.class = true
	}
	pairs, reason = scheme.pairs(parts)
	return pairs, form, reason
}

// unknownEPC says why there is no key for a scheme of that name.
func unknownEPC(name string) string {
	switch name {
	case "gid", "usdod", "adi", "bic", "imovn":
		return "EPC scheme " + name + " has no GS1 key"
	case "":
		return "no EPC scheme"
	}
	return "unknown EPC scheme " + strings.ToValidUTF8(name[:min(len(name), 16)], "")
}

// epcParts are the components of an EPC, without escapes.
type epcParts struct {
	company, reference, piece, total, serial string

	class bool // a class of things: there is no serial
}

// split takes the components of a URI apart. Only a last one that is text may hold dots.
func (s *epcScheme) split(text string) (e epcParts, reason string) {
	more := true
	if e.company, text, more = strings.Cut(text, "."); !more {
		return e, "too few components in an EPC of scheme " + s.name
	}
	if s.serial == 0 {
		e.reference, reason = unescapeEPC(text)
		return e, reason
	}
	if e.reference, text, more = strings.Cut(text, "."); !more {
		return e, "too few components in an EPC of scheme " + s.name
	}
	if s.pieces {
		e.piece, text, _ = strings.Cut(text, ".")
		if e.total, text, more = strings.Cut(text, "."); !more {
			return e, "too few components in an EPC of scheme " + s.name
		}
	}
	if e.reference, reason = unescapeEPC(e.reference); reason != "" {
		return e, reason
	}
	e.serial, reason = unescapeEPC(text)
	return e, reason
}

// pairs puts the components into elements.
func (s *epcScheme) pairs(e epcParts) ([]gs1Pair, string) {
	if n := len(e.company); n < 6 || n > 12 || !isDigits(e.company) {
		return nil, "the company prefix of an EPC has 6 to 12 digits"
	}
	var key string
	if s.digits > 0 {
		if len(e.company)+len(e.reference) != s.digits || e.reference != "" && !isDigits(e.reference) {
			return nil, "company prefix and reference of " + s.name + " do not have " + strconv.Itoa(s.digits) + " digits"
		}
		digits := e.company + e.reference
		if s.front {
			digits = e.reference[:1] + e.company + e.reference[1:]
		}
		key = s.lead + digits + string(digitFor(digits+"0"))
	} else {
		reference := gs1Part{set: s.set}
		if key = e.company + e.reference; e.reference == "" || len(key) > maxEPCText {
			return nil, "company prefix and reference of " + s.name + " do not have 7 to 30 characters"
		}
		if !reference.holds(e.reference) {
			return nil, "the reference of " + s.name + " has a character that it may not hold"
		}
	}
	if s.pieces {
		if len(e.piece) != 2 || len(e.total) != 2 || !isDigits(e.piece) || !isDigits(e.total) {
			return nil, "piece and total of " + s.name + " do not have two digits each"
		}
		key += e.piece + e.total
	}
	if s.serial == 0 || e.class {
		return []gs1Pair{{s.ai, key}}, ""
	}
	return s.withSerial(key, e.serial)
}

// maxEPCText is the length of the longest key of company prefix and text.
const maxEPCText = 30

// withSerial puts a whole key and its serial into elements.
func (s *epcScheme) withSerial(key, serial string) ([]gs1Pair, string) {
	part := gs1Part{set: s.set}
	if s.set == 'Y' {
		part.set = 'N'
	}
	switch {
	case serial == "":
		return nil, "the serial of " + s.name + " is empty"
	case len(serial) > s.serial:
		return nil, "the serial of " + s.name + " is longer than " + strconv.Itoa(s.serial) + " characters"
	case !part.holds(serial):
		return nil, "the serial of " + s.name + " has a character that it may not hold"
	case s.qualifier == "":
		return []gs1Pair{{s.ai, key + serial}}, ""
	case s.name == "sgln" && serial == "0":
		return []gs1Pair{{s.ai, key}}, "" // a location without extension
	}
	return []gs1Pair{{s.ai, key}, {s.qualifier, serial}}, ""
}

// unescapeEPC takes the escapes out of a component (Tag Data Standard, table A-1).
func unescapeEPC(text string) (string, string) {
	if i := strings.IndexAny(text, "\"#&/<>?"); i >= 0 {
		code := string([]byte{'%', alphabetUpper[text[i]>>4], alphabetUpper[text[i]&15]})
		return "", "a character that is written " + code + " in an EPC URI"
	}
	if strings.IndexByte(text, '%') < 0 {
		return text, ""
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		if rest[0] != '%' {
			b.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		if len(rest) < 3 || !isHexDigit(rest[1]) || !isHexDigit(rest[2]) {
			return "", "a broken percent sign"
		}
		b.WriteByte(hexDigit(rest[1])<<4 | hexDigit(rest[2]))
		rest = rest[3:]
	}
	return b.String(), ""
}
