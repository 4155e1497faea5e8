package identifier

import "strings"

// oidGrammar is the tree of object identifiers (X.660, GB/T 26231). The canonical form is dotted.
// Arcs are of any size. It reads:
//
//	1.2.156.20009                                 dotted
//	urn:oid:1.2.156.20009                         URN (RFC 3061)
//	{iso(1) member-body(2) cn(156) 20009}         ASN.1 value notation (X.680, clause 32)
//	/ISO/Member-Body/156/20009                    OID-IRI (X.680, clause 34), labels known or integers
//	06 05 2A 81 1C 81 9C 29, 0x06052A811C819C29   BER in hexadecimal (X.690, clause 8.19)
type oidGrammar struct{}

const urnOID = "urn:oid:"

// The forms of an object identifier.
const (
	formDotted = "dotted"
	formURN    = "URN"
	formASN1   = "ASN.1 value notation"
	formIRI    = "OID-IRI"
	formBER    = "BER"
)

func (oidGrammar) Name() string { return "oid" }

func (oidGrammar) Parse(text string) (ID, error) {
	name, form, reason := parseOID(text)
	switch {
	case reason != "":
	case !strings.Contains(name, "."):
		reason = "one arc is a node of the tree but no object identifier"
	case len(name) > MaxLength:
		reason = tooLong // BER is shorter than the digits it stands for
	}
	if reason != "" {
		return ID{}, syntaxError(OID, text, reason)
	}
	return ID{scheme: OID, text: name, name: name, form: form}, nil
}

// URN is an object identifier as a URN (RFC 3061). It is empty for identifiers of other schemes.
func (id ID) URN() string {
	if id.scheme != OID {
		return ""
	}
	return urnOID + id.name
}

// parseOID reads any spelling of one or more arcs and returns them dotted.
func parseOID(text string) (name, form, reason string) {
	switch {
	case text == "":
		return "", "", "empty"
	case text[0] == '{':
		form = formASN1
		name, reason = parseASN1(text)
	case text[0] == '/':
		form = formIRI
		name, reason = parseIRI(text)
	case hasURN(text):
		form = formURN
		name = text[len(urnOID):]
	case isHexOID(text):
		form = formBER
		name, reason = parseBER(text)
	default:
		form = formDotted
		name = text
	}
	if reason == "" {
		reason = checkArcs(name)
	}
	return name, form, reason
}

func hasURN(text string) bool {
	return len(text) >= len(urnOID) && EqualFoldASCII(text[:len(urnOID)], urnOID)
}

// checkArcs returns what is wrong with a dotted object identifier, or "".
func checkArcs(name string) string {
	var root string
	for i := 0; ; i++ {
		arc, rest, more := strings.Cut(name, ".")
		switch {
		case arc == "" && i == 0:
			return "empty arc: it begins with a dot"
		case arc == "" && !more:
			return "empty arc: it ends with a dot"
		case arc == "":
			return "empty arc between two dots"
		case !isDigits(arc):
			return whyArc(arc)
		case len(arc) > 1 && arc[0] == '0':
			return "arc has a leading zero"
		case i == 0 && arc != "0" && arc != "1" && arc != "2":
			return "first arc is not 0, 1 or 2"
		case i == 1 && root != "2" && (len(arc) > 2 || len(arc) == 2 && arc[0] > '3'):
			return "second arc is over 39, the most under " + root
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

// whyArc says what is wrong with an arc that is not all digits.
func whyArc(arc string) string {
	switch {
	case strings.ContainsFunc(arc, isFullWidthDigit):
		return "arc has full-width digits"
	case arc[0] == '-' || arc[0] == '+':
		return "arc has a sign"
	case strings.Contains(arc, ","):
		return "arc has other than digits: dots separate arcs, not commas"
	}
	return "arc has other than digits"
}

func isFullWidthDigit(r rune) bool { return '０' <= r && r <= '９' }

// Validate holds an object identifier to the length that the national system carries.
func (oidGrammar) Validate(id ID) error {
	if len(id.name) > MaxNationalLength {
		return syntaxError(OID, id.text, "longer than 255 octets")
	}
	return nil
}

// Detect takes "{" and "urn:oid:" for certain, a root label, the tag and length of BER, and digits and dots
// after a first arc of 0, 1 or 2 for likely even where a later part is wrong, so that the asker learns which.
func (oidGrammar) Detect(text string) (Likelihood, string) {
	switch {
	case text == "":
		return No, ""
	case text[0] == '{':
		return Certain, "the brace of ASN.1 value notation"
	case text[0] == '/':
		label, _, _ := strings.Cut(text[1:], "/")
		if label == "0" || label == "1" || label == "2" {
			return Likely, "a root arc after the first / of an OID-IRI"
		}
		if arc, _ := OIDArc("", label); arc != "" {
			return Likely, "a well-known label after the first / of an OID-IRI"
		}
		return No, ""
	case hasURN(text):
		return Certain, "begins with urn:oid:"
	case startsOID(text) && strings.IndexByte(text, '/') < 0 && (isArcs(text) || text[2] == '-' || isDigit(text[2])):
		// Also where a later arc is none: "1.2.156.ABC" is a slip in an OID and no Handle prefix.
		return Likely, "a root arc of 0, 1 or 2, then dots and digits"
	case hasBERHeader(text):
		if isDigits(text) {
			return Possible, "the tag and length of an object identifier in BER"
		}
		return Likely, "the tag and length of an object identifier in BER"
	case hasWrongRoot(text):
		return Likely, "digits and dots, but for a first arc that is none of 0, 1 and 2"
	case isSlipOfOID(text):
		return Possible, "like digits and dots, but for other dots or digits"
	}
	return No, ""
}

// hasWrongRoot reports whether text is arcs, the first of which is one digit beyond 2. No Handle
// prefix in use is so.
func hasWrongRoot(text string) bool {
	return len(text) > 2 && text[1] == '.' && '3' <= text[0] && text[0] <= '9' && isArcs(text)
}

// isSlipOfOID reports whether text is what people write for a dotted object identifier: with a dot
// in front, with commas, with full-width digits.
func isSlipOfOID(text string) bool {
	if c := text[0]; c != '.' && c != '0' && c != '1' && c != '2' && c < 0x80 {
		return false
	}
	separators := 0
	for _, r := range text {
		switch {
		case r == '.' || r == ',' || r == '．' || r == '。':
			separators++
		case '0' <= r && r <= '9', isFullWidthDigit(r):
		default:
			return false
		}
	}
	return separators > 1 && !(isArcs(text) && text[0] != '.')
}

// startsOID reports whether text begins with a root arc and a dot.
func startsOID(text string) bool {
	return len(text) > 2 && text[1] == '.' && '0' <= text[0] && text[0] <= '2'
}

// Broader returns the ancestors, down to two arcs. Those too long to be registered are left out.
func (oidGrammar) Broader(id ID) []ID {
	name := id.name
	n := strings.Count(name, ".") - 1
	if n <= 0 {
		return nil
	}
	all := make([]ID, 0, n)
	for range n {
		name = name[:strings.LastIndexByte(name, '.')]
		if len(name) <= MaxNationalLength {
			all = append(all, ID{scheme: OID, text: name, name: name, form: formDotted})
		}
	}
	return all
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
	name, _, reason := parseOID(text)
	if reason == "" && len(name) > MaxNationalLength {
		reason = "longer than 255 octets"
	}
	if reason != "" {
		return "", syntaxError(OID, text, reason)
	}
	return name, nil
}

func (oidGrammar) Contains(outer, inner string) bool { return containsDotted(outer, inner) }
