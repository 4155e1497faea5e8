package identifier

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ecodeGrammar is Ecode (GB/T 31866) in its text forms: version V, coding-system number NSI and
// main code MD one after another, without separators. Case is kept. What MD may hold beyond the
// table below is decided by the system that NSI names.
type ecodeGrammar struct{}

// ecodeForms are the text forms by V (GB/T 31866, table 1). V 0 is binary, 5 to 9 are reserved,
// 10 to 15 forbidden.
var ecodeForms = [...]struct {
	nsi  int // digits
	md   int // longest, in characters; 0 where only [MaxLength] bounds it
	char func(rune) bool
}{
	1: {4, 20, isDecimal},
	2: {4, 28, isDecimal},
	3: {5, 39, func(r rune) bool { return isDecimal(r) || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' }},
	4: {5, 0, func(r rune) bool { return !unicode.IsControl(r) }},
}

func isDecimal(r rune) bool { return '0' <= r && r <= '9' }

func (ecodeGrammar) Name() string { return "ecode" }

func (ecodeGrammar) Parse(text string) (ID, error) {
	head, reason := checkEcode(text)
	if reason == "" && len(text) == head {
		reason = "main code is missing"
	}
	if reason != "" {
		return ID{}, syntaxError(Ecode, text, reason)
	}
	return ID{scheme: Ecode, text: text, name: text}, nil
}

// checkEcode checks V, NSI and as much of MD as there is. It returns the length of V and NSI.
func checkEcode(text string) (head int, reason string) {
	switch {
	case text == "":
		return 0, "empty"
	case !utf8.ValidString(text):
		return 0, "not valid UTF-8"
	case text[0] < '1' || text[0] > '4':
		return 0, "version is not 1, 2, 3 or 4"
	}
	form := &ecodeForms[text[0]-'0']
	head = 1 + form.nsi
	if len(text) < head || !isDigits(text[:head]) {
		return 0, "coding-system number is missing or has other than digits"
	}
	md := text[head:]
	if form.md > 0 && utf8.RuneCountInString(md) > form.md {
		return 0, "main code is too long for its version"
	}
	for _, r := range md {
		if !form.char(r) {
			return 0, "main code has a character that its version excludes"
		}
	}
	return head, ""
}

// Validate holds an Ecode to the length that the national system carries.
func (ecodeGrammar) Validate(id ID) error {
	if len(id.name) > MaxNationalLength {
		return syntaxError(Ecode, id.text, "longer than 255 octets")
	}
	if strings.TrimSpace(id.name) != id.name {
		return syntaxError(Ecode, id.text, "ends with a blank")
	}
	return nil
}

// Detect finds codes of the right form possible and never likelier: most are mere digits.
func (ecodeGrammar) Detect(text string) Likelihood {
	if head, reason := checkEcode(text); reason != "" || head == len(text) {
		return No
	}
	return Possible
}

// NextNamespace returns the leading parts of the code, from all of it to V and NSI. Names too long
// to be allocated are left out.
func (ecodeGrammar) NextNamespace(id ID, after string) string {
	name := id.name[:min(len(id.name), MaxNationalLength)]
	if after != "" {
		_, size := utf8.DecodeLastRuneInString(after)
		name = after[:len(after)-size]
	}
	// A cut at the limit may have left a part of a character.
	for r, size := utf8.DecodeLastRuneInString(name); r == utf8.RuneError && size == 1; r, size = utf8.DecodeLastRuneInString(name) {
		name = name[:len(name)-1]
	}
	if len(name) < 1+ecodeForms[id.name[0]-'0'].nsi {
		return ""
	}
	return name
}

// ParseNamespace reads leading characters of codes: at least V and NSI.
func (ecodeGrammar) ParseNamespace(text string) (string, error) {
	_, reason := checkEcode(text)
	if reason == "" && len(text) > MaxNationalLength {
		reason = "longer than 255 octets"
	}
	if reason != "" {
		return "", syntaxError(Ecode, text, reason)
	}
	return text, nil
}

func (ecodeGrammar) Contains(outer, inner string) bool {
	return outer != "" && strings.HasPrefix(inner, outer)
}
