package identifier

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseASN1 reads ASN.1 value notation: "{iso(1) member-body(2) cn(156) 20009}". Its items are
// numbers, names and names with their number in brackets; white space may stand between any two
// tokens, line ends included (X.680, clauses 12 and 32). A name may stand
// alone where it is well known below the arcs before it; where a well-known name has a number, it has
// to be its own.
func parseASN1(text string) (name, reason string) {
	rest, ok := strings.CutSuffix(text[1:], "}")
	if !ok {
		return "", "closing brace is missing"
	}
	var b strings.Builder
	for {
		if rest = trimASN1(rest); rest == "" {
			break
		}
		word := rest
		if n := strings.IndexAny(rest, "()"+asn1Space); n >= 0 {
			word = rest[:n]
		}
		rest = rest[len(word):]
		var arc string
		switch {
		case isDigits(word):
			arc = word
		case !isASN1Name(word):
			return "", "arc is neither a number nor a name that begins with a lower-case letter"
		default:
			arc, _ = oidName(b.String(), word)
			if after, numbered := strings.CutPrefix(trimASN1(rest), "("); numbered {
				number, after, closed := strings.Cut(after, ")")
				number = strings.Trim(number, asn1Space)
				switch {
				case !closed || strings.ContainsAny(number, "("+asn1Space):
					return "", "closing bracket is missing"
				case !isDigits(number):
					return "", "brackets hold no number"
				case len(number) > 1 && number[0] == '0':
					return "", "arc has a leading zero"
				case arc != "" && arc != number:
					return "", "number does not belong to the name: " + word + " is " + arc + " there"
				}
				arc, rest = number, after
			}
			if arc == "" {
				return "", "name without a number is not a well-known arc"
			}
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(arc)
	}
	if b.Len() == 0 {
		return "", "braces are empty"
	}
	return b.String(), ""
}

const asn1Space = " \t\n\v\f\r"

func trimASN1(s string) string { return strings.TrimLeft(s, asn1Space) }

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

// parseIRI reads an OID-IRI: "/ISO/Member-Body/156". Labels are compared exactly. Whether a label
// that is not known here is in Unicode normalisation form C is not looked at.
func parseIRI(text string) (name, reason string) {
	if !utf8.ValidString(text) {
		return "", "not valid UTF-8"
	}
	var b strings.Builder
	n := 0
	for label := range strings.SplitSeq(text[1:], "/") {
		n++
		arc := label
		if !isDigits(label) {
			if reason := checkUnicodeLabel(label); reason != "" {
				return "", ordinal("label", n) + reason
			}
			var ok bool
			if arc, ok = oidLabel(b.String(), label); !ok {
				if _, folded := OIDArc(b.String(), label); folded {
					return "", ordinal("label", n) + "is known here only in another letter case"
				}
				return "", ordinal("label", n) + "is well-formed but not known here: write its number"
			}
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(arc)
	}
	return b.String(), ""
}

func ordinal(what string, n int) string { return what + " " + strconv.Itoa(n) + " " }

// checkUnicodeLabel returns what is wrong with a label that is no integer (X.660, clause 7.5; the
// characters are those that RFC 3987 calls iunreserved).
func checkUnicodeLabel(label string) string {
	switch {
	case label == "":
		return "is an empty label"
	case label == "." || label == "..":
		return "is a path step and no label"
	case label[0] == '-' || label[len(label)-1] == '-':
		return "begins or ends with a hyphen"
	}
	place := 0
	for i, r := range label {
		place++
		switch {
		case 'a' <= r|0x20 && r|0x20 <= 'z', '0' <= r && r <= '9', r == '.', r == '_', r == '~':
		case r == '-':
			if place == 3 && strings.HasPrefix(label[i:], "--") {
				return "has hyphens at its third and fourth places"
			}
		case r < 0xa0, 0xe000 <= r && r < 0xf900, 0xfdd0 <= r && r <= 0xfdef, 0xfff0 <= r && r <= 0xffff,
			r > 0xffff && r&0xffff > 0xfffd, 0xe0000 <= r && r < 0xe1000, r > 0xefffd:
			return "has a character that labels exclude"
		}
	}
	return ""
}
