package identifier

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// handleGrammar is the Handle System: naming authority "/" local name (RFC 3651, section 2). Only
// the first "/" splits. A text without "/" is a question for the prefix itself, which is kept as
// the record 0.NA/prefix.
//
// Lookups take any such name. Registrations are held to the profile of the national system:
// two digits of the top-level node (88, 86), three to five digits of industry, digits of
// enterprise.
type handleGrammar struct{}

const (
	prefixAuthority   = "0.na" // folded naming authority of prefix records
	maxNationalPrefix = 64     // octets, after the SNMS interface
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
		if len(prefixAuthority)+1+len(text) > MaxLength {
			return ID{}, syntaxError(Handle, text, "prefix is too long")
		}
		return ID{scheme: Handle, text: text, name: prefixAuthority + "/" + FoldASCII(text), cut: len(prefixAuthority), prefix: true}, nil
	}
	id := ID{scheme: Handle, text: text, name: FoldASCII(text), cut: len(prefix)}
	id.prefix = id.name[:id.cut] == prefixAuthority && !strings.Contains(suffix, "/") && checkAuthority(suffix) == ""
	return id, nil
}

// checkAuthority returns what is wrong with a naming authority, or "". It refuses what the grammar
// would allow and no authority has: blanks, control characters, and ":", which marks a URI.
func checkAuthority(prefix string) string {
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

// validateAuthority holds a well-formed, folded prefix to what may be allocated.
func validateAuthority(text, prefix string) error {
	for i := range len(prefix) {
		if prefix[i] >= utf8.RuneSelf {
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
	top, _, _ := strings.Cut(prefix, ".")
	return top == "88" || top == "86"
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
// least have a dot and no character beyond ASCII.
func (handleGrammar) Detect(text string) Likelihood {
	prefix, _, slash := strings.Cut(text, "/")
	if checkAuthority(prefix) != "" || !utf8.ValidString(text) {
		return No
	}
	dotted := strings.Contains(prefix, ".")
	if !slash {
		if !dotted || strings.ContainsFunc(prefix, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return No
		}
	}
	if dotted && (isArcs(prefix) || EqualFoldASCII(prefix, prefixAuthority)) && (slash || !startsOID(prefix)) {
		return Likely
	}
	return Possible
}

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
