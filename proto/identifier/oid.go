package identifier

import (
	"strings"
)

// oidGrammar is the tree of object identifiers (X.660, GB/T 26231). The canonical form is dotted;
// it also reads URNs (RFC 3061), ASN.1 value notation (X.680) and OID-IRIs (X.660) whose labels are
// numbers or well known. Arcs are of any size.
type oidGrammar struct{}

const urnOID = "urn:oid:"

func (oidGrammar) Name() string { return "oid" }

func (oidGrammar) Parse(text string) (ID, error) {
	name, reason := parseOID(text)
	if reason == "" && !strings.Contains(name, ".") {
		reason = "one arc is a node of the tree but no object identifier"
	}
	if reason != "" {
		return ID{}, syntaxError(OID, text, reason)
	}
	return ID{scheme: OID, text: name, name: name}, nil
}

// URN is an object identifier as a URN (RFC 3061). It is empty for identifiers of other schemes.
func (id ID) URN() string {
	if id.scheme != OID {
		return ""
	}
	return urnOID + id.name
}

// parseOID reads any spelling of one or more arcs and returns them dotted.
func parseOID(text string) (name, reason string) {
	switch {
	case text == "":
		return "", "empty"
	case text[0] == '{':
		name, reason = parseASN1(text)
	case text[0] == '/':
		name, reason = parseIRI(text)
	case len(text) >= len(urnOID) && EqualFoldASCII(text[:len(urnOID)], urnOID):
		name = text[len(urnOID):]
	default:
		name = text
	}
	if reason == "" {
		reason = checkArcs(name)
	}
	return name, reason
}

// checkArcs returns what is wrong with a dotted object identifier, or "".
func checkArcs(name string) string {
	var root string
	for i := 0; ; i++ {
		arc, rest, more := strings.Cut(name, ".")
		switch {
		case arc == "":
			return "empty arc"
		case !isDigits(arc):
			return "arc has other than digits"
		case len(arc) > 1 && arc[0] == '0':
			return "arc has a leading zero"
		case i == 0 && arc != "0" && arc != "1" && arc != "2":
			return "first arc is not 0, 1 or 2"
		case i == 1 && root != "2" && (len(arc) > 2 || len(arc) == 2 && arc[0] > '3'):
			return "second arc is over 39"
		}
		if i == 0 {
			root = arc
		}
		if !more {
			return ""
		}
		name = rest
	}
}

// oidNames are the names that stand without their numbers in ASN.1 value notation, by the dotted
// parent (X.660, annex A; X.680, clause 32).
var oidNames = map[string]map[string]string{
	"":  {"itu-t": "0", "ccitt": "0", "itu-r": "0", "iso": "1", "joint-iso-itu-t": "2", "joint-iso-ccitt": "2"},
	"0": {"recommendation": "0", "question": "1", "administration": "2", "network-operator": "3", "identified-organization": "4"},
	"1": {"standard": "0", "registration-authority": "1", "member-body": "2", "identified-organization": "3"},
}

// parseASN1 reads ASN.1 value notation: "{iso(1) member-body(2) cn(156) 20009}".
func parseASN1(text string) (name, reason string) {
	body, ok := strings.CutSuffix(text[1:], "}")
	if !ok {
		return "", "closing brace is missing"
	}
	var b strings.Builder
	for _, field := range strings.Fields(body) {
		arc := field
		if !isDigit(field[0]) {
			label, number, numbered := strings.Cut(field, "(")
			if !isASN1Name(label) {
				return "", "arc is neither a number nor a name"
			}
			known := oidNames[b.String()][label]
			if numbered {
				if number, numbered = strings.CutSuffix(number, ")"); !numbered {
					return "", "closing bracket is missing"
				}
				if known != "" && known != number {
					return "", "number does not belong to the name"
				}
				known = number
			}
			if known == "" {
				return "", "name without a number is not a well-known arc"
			}
			arc = known
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(arc)
	}
	if b.Len() == 0 {
		return "", "empty"
	}
	return b.String(), ""
}

// isASN1Name reports whether s is an identifier of ASN.1: a lower-case letter first, then letters,
// digits and single hyphens, none at the end.
func isASN1Name(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z', isDigit(c):
		case c == '-' && s[i-1] != '-' && i+1 < len(s):
		default:
			return false
		}
	}
	return true
}

// oidLabels are the Unicode labels of OID-IRIs, by the dotted parent; a first label may also be a
// long arc, which leads several steps down (X.660, annex A, and the register of long arcs). Labels
// are compared exactly.
var oidLabels = map[string]map[string]string{
	"": {
		"ITU-T": "0", "ITU-R": "0", "ISO": "1", "Joint-ISO-ITU-T": "2",
		"ASN.1": "2.1", "Country": "2.16", "International-Organizations": "2.23", "UUID": "2.25", "Tag-Based": "2.27",
		"Telebiometrics": "2.42", "Cybersecurity": "2.48", "Alerting": "2.49", "Example": "2.999",
	},
	"0": {"Recommendation": "0", "Administration": "2", "Network-Operator": "3", "Identified-Organization": "4"},
	"1": {"Standard": "0", "Registration-Authority": "1", "Member-Body": "2", "Identified-Organization": "3"},
	"2": {
		"ASN.1": "1", "Country": "16", "International-Organizations": "23", "UUID": "25", "Tag-Based": "27",
		"Telebiometrics": "42", "Cybersecurity": "48", "Alerting": "49", "Example": "999",
	},
	"1.2":  {"CN": "156"},
	"2.16": {"CN": "156"},
}

// parseIRI reads an OID-IRI: "/ISO/Member-Body/156".
func parseIRI(text string) (name, reason string) {
	var b strings.Builder
	for label := range strings.SplitSeq(text[1:], "/") {
		if label == "" {
			return "", "empty label"
		}
		arc := label
		if !isDigits(label) {
			if arc = oidLabels[b.String()][label]; arc == "" {
				return "", "label is neither a number nor well known"
			}
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(arc)
	}
	return b.String(), ""
}

// Validate holds an object identifier to the length that the national system carries.
func (oidGrammar) Validate(id ID) error {
	if len(id.name) > MaxNationalLength {
		return syntaxError(OID, id.text, "longer than 255 octets")
	}
	return nil
}

// Detect takes "{", "urn:oid:" for certain, and digits and dots after a first arc of 0, 1 or 2 for
// likely even where an arc is wrong, so that the caller learns which.
func (oidGrammar) Detect(text string) Likelihood {
	switch {
	case text == "":
		return No
	case text[0] == '{', len(text) >= len(urnOID) && EqualFoldASCII(text[:len(urnOID)], urnOID):
		return Certain
	case text[0] == '/':
		label, _, _ := strings.Cut(text[1:], "/")
		if label == "0" || label == "1" || label == "2" || oidLabels[""][label] != "" {
			return Likely
		}
	case startsOID(text) && !strings.Contains(text, "/") && (isArcs(text) || text[2] == '-' || '0' <= text[2] && text[2] <= '9'):
		// Also where a later arc is none: "1.2.156.ABC" is a slip in an OID and no Handle prefix.
		return Likely
	}
	return No
}

// startsOID reports whether text begins with a root arc and a dot.
func startsOID(text string) bool {
	return len(text) > 2 && text[1] == '.' && '0' <= text[0] && text[0] <= '2'
}

// NextNamespace returns the identifier itself and then its ancestors. Names too long to be
// allocated are left out, which bounds the work on a long identifier.
func (oidGrammar) NextNamespace(id ID, after string) string {
	name := id.name
	if after != "" {
		name = after[:max(strings.LastIndexByte(after, '.'), 0)]
	} else if len(name) > MaxNationalLength {
		name = name[:max(strings.LastIndexByte(name[:MaxNationalLength+1], '.'), 0)]
	}
	return name
}

// ParseNamespace reads an object identifier; a single arc is a namespace too.
func (oidGrammar) ParseNamespace(text string) (string, error) {
	name, reason := parseOID(text)
	if reason == "" && len(name) > MaxNationalLength {
		reason = "longer than 255 octets"
	}
	if reason != "" {
		return "", syntaxError(OID, text, reason)
	}
	return name, nil
}

func (oidGrammar) Contains(outer, inner string) bool { return containsDotted(outer, inner) }
