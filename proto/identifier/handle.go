package identifier

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// handleGrammar is the Handle System: naming authority "/" local name (RFC 3651, section 2). Only
// the first "/" splits. A text without "/" is a question for the prefix itself, which is kept as
// the record 0.NA/prefix; it has no character in it that looks like "/".
//
// Lookups take any such name. Registrations are held to the profile of the national system:
// two digits of the top-level node (88, 86), three to five digits of industry, digits of
// enterprise.
type handleGrammar struct{}

const (
	prefixAuthority   = "0.na" // folded naming authority of prefix records
	maxNationalPrefix = 64     // octets, after the SNMS interface
)

// The forms of a Handle.
const (
	formHandle       = "Handle"
	formHandlePrefix = "Handle prefix"
	formPrefixRecord = "prefix record"
)

func (handleGrammar) Name() string { return "handle" }

func (handleGrammar) Parse(text string) (ID, error) {
	if !utf8.ValidString(text) {
		return ID{}, syntaxError(Handle, text, "not valid UTF-8")
	}
	prefix, suffix, ok := strings.Cut(text, "/")
	if reason := checkAuthority(prefix); reason != "" {
		return ID{}, syntaxError(Handle, text, reason)
	}
	if !ok {
		if r, _ := slashLike(text); r != 0 {
			return ID{}, syntaxError(Handle, text, fmt.Sprintf(`has a %c (%U) where "/" is meant`, r, r))
		}
		if len(prefixAuthority)+1+len(text) > MaxLength {
			return ID{}, syntaxError(Handle, text, "prefix is too long")
		}
		return ID{scheme: Handle, text: text, name: prefixAuthority + "/" + FoldASCII(text), cut: len(prefixAuthority), prefix: true, form: formHandlePrefix}, nil
	}
	id := ID{scheme: Handle, text: text, name: FoldASCII(text), cut: len(prefix), form: formHandle}
	id.prefix = id.name[:id.cut] == prefixAuthority && !strings.Contains(suffix, "/") && checkAuthority(suffix) == ""
	if id.prefix {
		id.form = formPrefixRecord
	}
	return id, nil
}

// checkAuthority returns what is wrong with a naming authority, or "". It refuses what the grammar
// would allow and no authority has: blanks, control characters, and ":", which marks a URI.
func checkAuthority(prefix string) string {
	if isPlainAuthority(prefix) {
		return ""
	}
	if prefix == "" {
		return "prefix is empty"
	}
	start := true
	for _, r := range prefix {
		switch {
		case r == '.':
			if start {
				return "prefix has an empty segment"
			}
			start = true
			continue
		case r == ':':
			return `prefix has a ":"`
		case r == '/':
			return `prefix has a "/"`
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return "prefix has a blank or control character"
		}
		start = false
	}
	if start {
		return "prefix has an empty segment"
	}
	return ""
}

// isPlainAuthority reports whether prefix is a naming authority of letters, digits and single dots
// between them, as nearly all are: the quick way through checkAuthority.
func isPlainAuthority(prefix string) bool {
	last := byte('.')
	for i := range len(prefix) {
		c := prefix[i]
		if c == '.' && last == '.' || c != '.' && !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
		last = c
	}
	return last != '.'
}

func (handleGrammar) Validate(id ID) error {
	if id.prefix {
		if !strings.Contains(id.text, "/") {
			return syntaxError(Handle, id.text, "an identifier needs a suffix")
		}
		return validateAuthority(id.text, id.name[id.cut+1:])
	}
	if err := validateAuthority(id.text, id.Prefix()); err != nil {
		return err
	}
	suffix := id.Suffix()
	switch {
	case suffix == "":
		return syntaxError(Handle, id.text, "suffix is empty")
	case strings.ContainsFunc(suffix, unicode.IsControl):
		return syntaxError(Handle, id.text, "suffix has a control character")
	case strings.TrimSpace(suffix) != suffix:
		return syntaxError(Handle, id.text, "suffix begins or ends with a blank")
	case isNational(id.Prefix()) && len(id.text) > MaxNationalLength:
		return syntaxError(Handle, id.text, "longer than 255 octets")
	}
	return nil
}

// slashLike returns the first character of a text without "/" that looks like one, as input
// methods produce it, and its place; 0 if there is none.
func slashLike(text string) (r rune, at int) {
	if isPlainAuthority(text) {
		return 0, 0
	}
	for i, r := range text {
		switch r {
		case '／', '⁄', '∕', '⧸', '\\':
			return r, i
		}
	}
	return 0, 0
}

// validateAuthority holds a well-formed, folded prefix to what may be allocated.
func validateAuthority(text, prefix string) error {
	for i := range len(prefix) {
		if prefix[i] >= utf8.RuneSelf {
			if strings.ContainsFunc(prefix, isFullWidthDigit) {
				return syntaxError(Handle, text, "prefix is not ASCII: it has full-width digits")
			}
			return syntaxError(Handle, text, "prefix is not ASCII")
		}
	}
	if !isNational(prefix) {
		return nil
	}
	if len(prefix) > maxNationalPrefix {
		return syntaxError(Handle, text, "prefix is longer than 64 octets")
	}
	if !isArcs(prefix) {
		return syntaxError(Handle, text, "prefix under 86 or 88 has other than digits")
	}
	parts := strings.Split(prefix, ".")
	if len(parts) != 2 && len(parts) != 3 {
		return syntaxError(Handle, text, "prefix under 86 or 88 has other than two or three segments")
	}
	if n := len(parts[1]); n < 3 || n > 5 {
		return syntaxError(Handle, text, "industry part of the prefix has other than three to five digits")
	}
	return nil
}

// isNational reports whether a naming authority is part of the national system.
func isNational(prefix string) bool {
	return len(prefix) >= 2 && prefix[0] == '8' && (prefix[1] == '8' || prefix[1] == '6') && (len(prefix) == 2 || prefix[2] == '.')
}

// isArcs reports whether text has only digits and dots.
func isArcs(text string) bool {
	for i := range len(text) {
		if c := text[i]; c != '.' && !isDigit(c) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isDigits reports whether text is one or more ASCII digits.
func isDigits(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}
	return text != ""
}

// Detect takes a prefix of digits and dots for the mark of a Handle. A name without "/" must at
// least have a dot and no character beyond ASCII, or else one that looks like "/". Digits and dots
// after a root arc of object identifiers are theirs.
func (handleGrammar) Detect(text string) (Likelihood, string) {
	prefix, _, slash := strings.Cut(text, "/")
	if checkAuthority(prefix) != "" || !utf8.ValidString(text) {
		return No, ""
	}
	dotted := strings.IndexByte(prefix, '.') >= 0
	if !slash {
		if r, at := slashLike(text); r != 0 && dotted && isArcs(text[:at]) && !startsOID(text) {
			return Likely, "digits and dots, as in a prefix, before what looks like a /"
		}
		if !dotted || strings.ContainsFunc(prefix, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return No, ""
		}
		switch {
		case isNational(prefix) && isArcs(prefix):
			return Likely, "a prefix of the national system, 88 or 86"
		case hasWrongRoot(prefix):
			return Possible, "digits and dots, as in a prefix"
		case isArcs(prefix) && !startsOID(prefix):
			return Likely, "digits and dots, as in a prefix, that no object identifier begins with"
		case EqualFoldASCII(prefix, prefixAuthority):
			return Likely, "the authority of prefix records, 0.NA"
		case isArcs(prefix):
			return No, "" // an object identifier; a Handle prefix like that needs its scheme's name
		}
		return Possible, "segments with dots between them, as in a prefix"
	}
	switch {
	case isNational(prefix) && dotted && isArcs(prefix):
		return Likely, "a prefix of the national system, 88 or 86, before the first /"
	case dotted && isArcs(prefix):
		return Likely, "digits and dots, as in a prefix, before the first /"
	case EqualFoldASCII(prefix, prefixAuthority):
		return Likely, "the authority of prefix records, 0.NA, before the first /"
	}
	return Possible, "a prefix before the first /"
}

func (handleGrammar) Broader(ID) []ID { return nil }

// NextNamespace returns the naming authority and nothing after it: Handle namespaces do not nest.
func (handleGrammar) NextNamespace(id ID, after string) string {
	switch {
	case after != "":
		return ""
	case id.prefix:
		return id.name[id.cut+1:]
	}
	return id.name[:id.cut]
}

func (handleGrammar) ParseNamespace(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", syntaxError(Handle, text, "not valid UTF-8")
	}
	if reason := checkAuthority(text); reason != "" {
		return "", syntaxError(Handle, text, reason)
	}
	if len(text) > MaxNationalLength {
		return "", syntaxError(Handle, text, "prefix is longer than 255 octets")
	}
	name := FoldASCII(text)
	if err := validateAuthority(text, name); err != nil {
		return "", err
	}
	return name, nil
}

func (handleGrammar) Contains(outer, inner string) bool { return containsDotted(outer, inner) }

// containsDotted reports whether inner is outer or continues it after a dot.
func containsDotted(outer, inner string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && outer != "" && (rest == "" || rest[0] == '.')
}
