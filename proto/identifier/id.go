package identifier

import "strings"

// MaxLength is the longest identifier in octets that is accepted on any surface: the limit of the
// Handle protocol (Handle.Net reference server, "handle 2048 octets"). Registrations under the
// national prefixes are held to [MaxNationalLength].
const MaxLength = 2048

// MaxNationalLength is the longest identifier in octets that may be registered under a prefix of
// the national system (88. and 86.), after the SNMS interface.
const MaxNationalLength = 255

// ID is a parsed identifier. The zero ID is no identifier.
//
// Two spellings of one thing ("urn:oid:1.2.156" and "1.2.156", "88.1.2/SN" and "88.1.2/sn") have
// equal canonical forms and so find the same record.
type ID struct {
	scheme Scheme
	text   string // preferred spelling: the letter case is the asker's, wrapping is gone
	name   string // canonical form, ASCII letters folded where the scheme folds
	cut    int    // octets of name before the suffix; 0 where the scheme has no such part
	prefix bool   // a question for a namespace itself: a Handle prefix without suffix, or 0.NA/
	form   string // the way in which it was written, see Form
}

// Key is the place of a record: what is stored, cached and compared.
type Key struct {
	Scheme Scheme
	Name   string // canonical form
}

// IsZero reports whether id is the zero ID.
func (id ID) IsZero() bool { return id.scheme == 0 }

// Scheme is the coding scheme that id belongs to.
func (id ID) Scheme() Scheme { return id.scheme }

// String is id in its scheme's preferred form, in the letter case in which it was written.
func (id ID) String() string { return id.text }

// Canonical is the canonical form, with case folded where the scheme folds it.
func (id ID) Canonical() string { return id.name }

// Qualified is "scheme:canonical", a spelling that [Parse] takes without detection.
func (id ID) Qualified() string { return id.scheme.String() + ":" + id.name }

// Form names the way in which id was written: "GTIN-13", "Digital Link URI", "ASN.1 value notation".
// It is a word for people, of a small closed set.
func (id ID) Form() string { return id.form }

// Prefix is the part of the canonical form before the suffix: the naming authority of a Handle.
// For other schemes it is empty.
func (id ID) Prefix() string { return id.name[:id.cut] }

// Suffix is the part of the identifier after the prefix, as written; empty without a prefix.
func (id ID) Suffix() string {
	if id.cut == 0 {
		return ""
	}
	return id.text[len(id.text)-(len(id.name)-id.cut-1):]
}

// IsPrefixRecord reports whether id names a namespace itself rather than something in it: the
// Handle questions "88.1021.150" and "0.NA/88.1021.150".
func (id ID) IsPrefixRecord() bool { return id.prefix }

// Key is the place of id's record. Where caseSensitive is set (a property of the namespace) the
// suffix of a Handle is taken as written; the prefix folds always.
func (id ID) Key(caseSensitive bool) Key {
	if caseSensitive && id.scheme == Handle && id.cut > 0 && !id.prefix {
		return Key{Handle, id.name[:id.cut+1] + id.Suffix()}
	}
	return Key{id.scheme, id.name}
}

// FoldASCII folds A-Z to a-z and touches nothing else: the only case rule of the Handle System
// (RFC 3651, section 2).
func FoldASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			var b strings.Builder // whose String does not copy
			b.Grow(len(s))
			b.WriteString(s[:i])
			for ; i < len(s); i++ {
				c := s[i]
				if 'A' <= c && c <= 'Z' {
					c += 'a' - 'A'
				}
				b.WriteByte(c)
			}
			return b.String()
		}
	}
	return s
}

// EqualFoldASCII reports whether a and b are equal but for the case of ASCII letters.
func EqualFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}

// Parse reads an identifier in any accepted spelling, bare or as "scheme:canonical". It accepts
// what may be asked for; what may be registered is narrower, see [ID.Validate]. Of several schemes that
// the text fits the likeliest is taken, see [Detect]. The error is a *[SyntaxError].
func Parse(text string) (ID, error) {
	id, _, err := Read(text)
	return id, err
}

// qualified returns the scheme named in front of text and what follows it, or 0.
func qualified(text string) (Scheme, string) {
	if name, rest, ok := strings.Cut(text, ":"); ok {
		if s := schemeNamed(name); s != 0 {
			return s, rest
		}
	}
	return 0, text
}

const tooLong = "longer than 2048 octets"

// SyntaxError says why a text is no identifier.
type SyntaxError struct {
	Scheme Scheme // the scheme whose rule is broken; 0 if none was recognised
	Text   string // the text, shortened if long
	Reason string // the rule, lower case, without the text

	// Meant is the text with the check digit that would be right, or without full-width characters,
	// if that is all that is wrong.
	Meant string
}

func (e *SyntaxError) Error() string {
	if e.Scheme == 0 {
		return "not an identifier: " + e.Reason
	}
	return "not a valid " + e.Scheme.String() + " identifier: " + e.Reason
}

// syntaxError keeps no more of text than a message can show.
func syntaxError(s Scheme, text, reason string) *SyntaxError {
	const most = 80
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return &SyntaxError{Scheme: s, Text: strings.Clone(text), Reason: reason}
}
