package identifier

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ecodeGrammar is Ecode (GB/T 31866): version V, coding-system number NSI and main code MD, one
// after another without separators. Case is kept. What MD may hold beyond the table below is
// decided by the system that NSI names, see [NSITable].
//
// The canonical form of versions 1 to 4 is their text. Version 0 is binary: four bits of V, eight
// of NSI and up to 244 of MD; its canonical form is the upper-case hexadecimal digits of all of
// them, so that its first is the version here too. Three spellings more are read:
//
//	0x0013034F4A…           hexadecimal digits of the whole code
//	0b0000000000010011…     its bits, after "0b" in lower case or not, also "0000 00000001 0011…"
//	0x10064000123456789     version 1 or 2 packed four bits a digit
//
// The bits have to be a multiple of four, since filling them up would make another code. NSI 00 is
// refused in version 0: bits would pass for digits. How versions 3 and 4 are packed into bits
// is in an annex of GB/T 31866 that is not public.
type ecodeGrammar struct{}

// ecodeForm is the text form of one version (GB/T 31866, table 1). In version 0 digits are hexadecimal.
type ecodeForm struct {
	name  string
	nsi   int // digits
	md    int // longest, in characters; 0 where only [MaxLength] bounds it
	char  func(rune) bool
	chars string // what char admits, in words
}

// ecodeForms are the forms by V; 5 to 9 are reserved, 10 to 15 forbidden.
var ecodeForms = [...]ecodeForm{
	0: {"Ecode V0", 2, 61, isUpperHex, "hexadecimal digits"},
	1: {"Ecode V1", 4, 20, isDecimal, "digits"},
	2: {"Ecode V2", 4, 28, isDecimal, "digits"},
	3: {"Ecode V3", 5, 39, isAlphanumeric, "letters and digits"},
	4: {"Ecode V4", 5, 0, isPrintable, "characters that are no control characters"},
}

func isDecimal(r rune) bool      { return '0' <= r && r <= '9' }
func isUpperHex(r rune) bool     { return isDecimal(r) || 'A' <= r && r <= 'F' }
func isAlphanumeric(r rune) bool { return isDecimal(r) || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' }
func isPrintable(r rune) bool    { return !unicode.IsControl(r) }

func (ecodeGrammar) Name() string { return "ecode" }

func (ecodeGrammar) Parse(text string) (ID, error) {
	code, form, reason := unpackEcode(text)
	if reason != "" {
		return ID{}, syntaxError(Ecode, text, reason)
	}
	f, head := cutEcode(code)
	if f == nil || len(code) == head || !f.holds(code[head:]) {
		return ID{}, syntaxError(Ecode, text, whyEcode(code))
	}
	if form == "" {
		form = f.name
	}
	return ID{scheme: Ecode, text: code, name: code, form: form}, nil
}

// cutEcode returns the form of a code and the length of its V and NSI; nil if they are not whole.
func cutEcode(code string) (f *ecodeForm, head int) {
	if code == "" || code[0] < '0' || int(code[0]-'0') >= len(ecodeForms) || !utf8.ValidString(code) {
		return nil, 0
	}
	f = &ecodeForms[code[0]-'0']
	head = 1 + f.nsi
	if len(code) < head {
		return nil, 0
	}
	for i := 1; i < head; i++ {
		if c := rune(code[i]); !isDecimal(c) && (code[0] != '0' || !isUpperHex(c)) {
			return nil, 0
		}
	}
	if code[0] == '0' && code[1:head] == "00" {
		return nil, 0
	}
	return f, head
}

// holds reports whether md, which may be empty, is of the characters and the length of f.
func (f *ecodeForm) holds(md string) bool {
	n := 0
	for _, r := range md {
		if n++; !f.char(r) {
			return false
		}
	}
	return f.md == 0 || n <= f.md
}

// whyEcode says what is wrong with a code in its canonical form.
func whyEcode(code string) string {
	if code == "" {
		return "empty"
	}
	if !utf8.ValidString(code) {
		return "not valid UTF-8"
	}
	v, size := utf8.DecodeRuneInString(code)
	switch {
	case isFullWidthDigit(v):
		return fmt.Sprintf("has a full-width %c (%U) where a digit is meant", v, v)
	case '5' <= v && v <= '9':
		return fmt.Sprintf("version %c is reserved", v)
	case 'A' <= v && v <= 'F' || 'a' <= v && v <= 'f':
		return fmt.Sprintf("version %c, which is %d, is forbidden", v, v|0x20-'a'+10)
	case v < '0' || v > '4':
		return "does not begin with a version, 0 to 4"
	}
	f := &ecodeForms[v-'0']
	rest := []rune(code[size:])
	for i, r := range rest {
		switch {
		case r == ' ' && (v != '4' || i < f.nsi):
			return "has a blank: version, coding-system number and main code follow one another"
		case isFullWidthDigit(r) && (v != '4' || i < f.nsi):
			return fmt.Sprintf("has a full-width %c (%U) where a digit is meant", r, r)
		case i < f.nsi && !isDecimal(r) && (v != '0' || !isUpperHex(r)):
			return "coding-system number has other than digits"
		case i >= f.nsi && !f.char(r):
			return fmt.Sprintf("main code has %q: version %c takes %s only", r, v, f.chars)
		}
	}
	switch n := len(rest) - f.nsi; {
	case len(rest) == 0:
		return fmt.Sprintf("coding-system number is missing, version %c has %d digits of it", v, f.nsi)
	case n < 0:
		return fmt.Sprintf("coding-system number has %d digits, version %c has %d", len(rest), v, f.nsi)
	case v == '0' && string(rest[:f.nsi]) == "00":
		return "coding-system number of version 0 is 00"
	case n == 0:
		return "main code is missing"
	case v == '0':
		return fmt.Sprintf("longer than 256 bits: version 0 has %d", 4*(1+len(rest)))
	default:
		return fmt.Sprintf("main code has %d characters, version %c takes %d at most: %d in all", n, v, f.md, 1+f.nsi+f.md)
	}
}

// unpackEcode returns the canonical form that a spelling stands for, unchecked, and the name of the
// spelling if it is another one.
func unpackEcode(text string) (code, form, reason string) {
	packing := "hexadecimal"
	digits := text
	switch {
	case len(text) > 1 && text[0] == '0' && text[1]|0x20 == 'x':
		digits = text[2:]
	case strings.HasPrefix(text, "0b"), isBits(text):
		packing = "binary"
		if digits, reason = packBits(text); reason != "" {
			return "", "", reason
		}
	case text == "" || text[0] != '0':
		return text, "", ""
	}
	switch {
	case digits == "":
		return "", "", packing + " form is empty"
	case packing == "hexadecimal" && text[0] == '0' && strings.Contains(digits, " "):
		return "", "", "has a blank: version, coding-system number and main code follow one another"
	case !isHex(digits):
		return "", "", "has other than hexadecimal digits"
	case digits[0] == '3' || digits[0] == '4':
		return "", "", "the packing of version " + digits[:1] + " into bits is not public: write the text form"
	}
	digits = strings.ToUpper(digits)
	if v := digits[0]; v > '2' {
		return digits, "", ""
	}
	return digits, ecodeForms[digits[0]-'0'].name + ", " + packing, ""
}

func isHex(text string) bool {
	for i := range len(text) {
		if hexDigit(text[i]) > 15 {
			return false
		}
	}
	return text != ""
}

// isBits reports whether text is the bits of a version 0 code, in groups or not. Hexadecimal digits
// never look so: their coding-system number would be 00.
func isBits(text string) bool {
	if !strings.HasPrefix(text, "0000") {
		return false
	}
	n := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '0' || c == '1':
			n++
		case c != ' ' || text[i-1] == ' ' || i+1 == len(text):
			return false
		}
	}
	return n >= 12
}

// packBits writes bits as hexadecimal digits.
func packBits(text string) (digits, reason string) {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "0b"), " ", "")
	switch {
	case strings.Trim(text, "01") != "":
		return "", "binary form has other than 0 and 1"
	case len(text) > 256:
		return "", fmt.Sprintf("longer than 256 bits: it has %d", len(text))
	case len(text)%4 != 0:
		return "", fmt.Sprintf("has %d bits, which are no whole hexadecimal digits", len(text))
	}
	var b strings.Builder
	for ; text != ""; text = text[4:] {
		n := 0
		for i := range 4 {
			n = n<<1 | int(text[i]-'0')
		}
		b.WriteByte("0123456789ABCDEF"[n])
	}
	return b.String(), ""
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

// Detect finds codes of the right form possible: most are mere digits. Slips are named where little
// else can be meant. Version 0 in mere decimal digits is not seen: a GTIN-14 begins with 0 as often.
func (ecodeGrammar) Detect(text string) (Likelihood, string) {
	if len(text) < 3 {
		return No, ""
	}
	switch {
	case text[0] == '0' && (text[1]|0x20 == 'x' || text[1] == 'b' && strings.Trim(text[2:], "01 ") == ""):
		if text[2] <= '2' && (text[1] == 'b' || isHex(text[2:])) {
			return Possible, "a version and a coding-system number in hexadecimal digits or bits"
		}
		return No, ""
	case isBits(text):
		if len(text) >= 24 {
			return Likely, "bits that begin with version 0"
		}
		return Possible, "bits that begin with version 0"
	case text[0] == '0':
		if len(text) > 5 && !isDigits(text) && isHex(text) && text[1:3] != "00" {
			return Possible, "a version 0 and a coding-system number in hexadecimal digits"
		}
		return No, ""
	}
	f, head := cutEcode(text)
	if f == nil || len(text) == head {
		return No, ""
	}
	if f.holds(text[head:]) || isSlipOfEcode(text) {
		return Possible, "a version, a coding-system number and a main code of its characters"
	}
	return No, ""
}

// isSlipOfEcode reports whether a text that begins with V and NSI can hardly be meant otherwise:
// letters and digits that are no number of GS1, hyphens at most between them.
func isSlipOfEcode(text string) bool {
	for _, r := range text {
		if !isAlphanumeric(r) && r != '-' {
			return false
		}
	}
	return len(text) > 20 || !isDigits(text)
}

func (ecodeGrammar) Broader(ID) []ID { return nil }

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
	code, _, reason := unpackEcode(text)
	if reason == "" {
		if f, head := cutEcode(code); f == nil || !f.holds(code[head:]) {
			reason = whyEcode(code)
		} else if len(code) > MaxNationalLength {
			reason = "longer than 255 octets"
		}
	}
	if reason != "" {
		return "", syntaxError(Ecode, text, reason)
	}
	return code, nil
}

func (ecodeGrammar) Contains(outer, inner string) bool {
	return outer != "" && strings.HasPrefix(inner, outer)
}
