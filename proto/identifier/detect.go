package identifier

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Candidate is one scheme in which a text may be written.
type Candidate struct {
	Scheme     Scheme
	ID         ID // zero if Err is set
	Likelihood Likelihood
	Reason     string       // the mark by which the scheme is recognised
	Err        *SyntaxError // the slip that keeps the text from being an identifier of the scheme

	// Carrier is what was taken off the text before it was read, in words; "" for nothing, see
	// [Unwrap].
	Carrier string
}

// Detect names the schemes in which a scanned or typed text may be written, the likeliest first; of
// equals those without a slip first, then in the order of [Schemes]. If a mark is there that only
// one scheme has, that scheme is the only one. Where no scheme has identifiers of this form, digits
// get the slip that keeps them from being one in each scheme that has such, other texts nothing.
//
// What carriers put around an identifier is taken off, see [Unwrap]. A text that is an identifier
// as it stands stays that: what could be unwrapped from it is only listed behind. Symbology
// identifiers and surrounding blanks, which no registered identifier has, are always taken off.
//
// Where the written forms of two schemes meet:
//
//	1.2.156             OID, not a Handle prefix: a first arc of 0, 1 or 2 and no "/"
//	3.1.2               OID with a slip before Handle prefix: a first arc of one digit
//	88.1021.150         Handle prefix: any other digits and dots without "/"
//	1.2.156/x           Handle: digits and dots before the first "/"
//	10036129            GS1 before Ecode: the length and check digit of a GTIN
//	10036128            Ecode before GS1: a GTIN with a wrong check digit is listed with its slip
//	106952012345678908  Ecode before SSCC; SSCC where the first digit is no version of Ecode
//	400001/x            Handle before Ecode
//	06032A811C          OID before Ecode: tag and length of BER; version 0 of Ecode begins with 0
//	MA.156.1003.1/10.2.x MA before Handle
//	/2/999, /01/0690…   OID for a root arc or label, GS1 for a primary key: these never meet
func Detect(text string) []Candidate {
	inner, hint, carrier := Unwrap(text)
	if carrier == "" {
		return readingsOrSlips(text)
	}
	within := readings(inner, hint, carrier)
	if len(within) > 0 && isWrapped(text) {
		return within
	}
	all := readings(text, 0, "")
	switch {
	case len(within) == 0 && len(all) == 0:
		return slips(inner)
	case len(within) == 0:
		return all
	case len(all) == 0 || all[0].Err != nil:
		return within
	case all[0].Likelihood >= Likely && !isPadded(text):
		return all
	}
	return append(all, within...)
}

// readingsOrSlips are the readings of text as it stands.
func readingsOrSlips(text string) []Candidate {
	if all := readings(text, 0, ""); len(all) > 0 {
		return all
	}
	return slips(text)
}

// slips says of a text in which no scheme sees its own, but which begins as a code does, what keeps
// it from being one: "500010001", "1 0036 0001", eleven digits, "（01）06901234567892".
func slips(text string) []Candidate {
	if len(text) > MaxLength {
		return nil
	}
	if narrow := strings.Map(narrowed, text); narrow != text {
		if id, err := Parse(narrow); err == nil && id.Validate() == nil {
			slip := syntaxError(id.scheme, text, "has full-width characters where ASCII is meant")
			slip.Meant = narrow
			return []Candidate{{Scheme: id.scheme, Likelihood: Possible, Reason: "a code but for full-width characters", Err: slip}}
		}
	}
	if !isCodeLike(text) {
		return nil
	}
	var all []Candidate
	for _, s := range [...]Scheme{Ecode, GS1, OID} {
		if s != Ecode && !isDigits(text) {
			continue
		}
		_, err := s.Parse(text)
		if slip, ok := err.(*SyntaxError); ok {
			all = append(all, Candidate{Scheme: s, Likelihood: Possible, Reason: "digits, as codes have them", Err: slip})
		}
	}
	return all
}

// narrowed is the ASCII character that r is the full-width form of, as input methods produce it.
func narrowed(r rune) rune {
	switch {
	case '！' <= r && r <= '～':
		return r - '！' + '!'
	case r == '\u3000':
		return ' '
	}
	return r
}

// isCodeLike reports whether text is letters, digits and blanks, with a digit in front, full-width or
// not, or behind what would be a forbidden version of Ecode.
func isCodeLike(text string) bool {
	if len(text) > MaxNationalLength {
		return false
	}
	for i, r := range text {
		switch {
		case isDecimal(r) || isFullWidthDigit(r):
		case i == 0 && len(text) > 1 && 'A' <= r && r <= 'F' && isDigits(text[1:]):
			return true
		case i == 0 || !isAlphanumeric(r) && r != ' ':
			return false
		}
	}
	return text != ""
}

// isWrapped reports whether text has the marks of a carrier that no registered identifier has: a
// symbology identifier or padding in front, blanks or control characters behind it.
func isWrapped(text string) bool {
	if text == "" {
		return false
	}
	if first, last := text[0], text[len(text)-1]; first > ' ' && first < utf8.RuneSelf && last > ' ' && last < utf8.RuneSelf {
		return first == ']' && hasAIM(text)
	}
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	return isPadding(first) || isBlank(last) || hasAIM(text)
}

// mayCarry reports whether a text that can be read as a Handle may as well be one of a carrier's:
// "OID.1.2.156", or a character without width at the end.
func mayCarry(text string) bool {
	if isDigit(text[0]) {
		return isPadded(text)
	}
	_, _, carrier := Unwrap(text)
	return carrier != ""
}

// isPadded reports whether the last character of text is padding.
func isPadded(text string) bool {
	last, _ := utf8.DecodeLastRuneInString(text)
	return isPadding(last)
}

func isBlank(r rune) bool { return isPadding(r) && (unicode.IsSpace(r) || unicode.IsControl(r)) }

// readings are the candidates of a text without a carrier. A hint is the scheme that the carrier
// has named, 0 if none.
func readings(text string, hint Scheme, carrier string) []Candidate {
	named, rest := qualified(text)
	if named == DID || hint != 0 && hint != named { // "did:" is part of the identifier
		named = 0
	}
	if named != 0 {
		text, hint = rest, named
	}
	var all []Candidate
	for s := Handle; s.valid(); s++ {
		if hint != 0 && s != hint {
			continue
		}
		likelihood, reason := grammars[s].Detect(text)
		if hint != 0 {
			likelihood = Certain
			switch {
			case named != 0:
				reason = "the name of the scheme in front"
			case reason == "":
				reason = "what it is carried by"
			}
		}
		if likelihood == No {
			continue
		}
		c := Candidate{Scheme: s, Likelihood: likelihood, Reason: reason, Carrier: carrier}
		var err error
		if c.ID, err = s.Parse(text); err != nil {
			c.Err = err.(*SyntaxError)
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b Candidate) int {
		if a.Likelihood != b.Likelihood {
			return int(b.Likelihood) - int(a.Likelihood)
		}
		return slip(a) - slip(b)
	})
	if len(all) > 1 && all[0].Likelihood == Certain {
		all = all[:1]
	}
	return all
}

func slip(c Candidate) int {
	if c.Err != nil {
		return 1
	}
	return 0
}

// Read is [Parse] for those who want to know whether the reading is the only one: sole is false if
// the text is, or but for a slip would be, an identifier of another scheme as well, or if it has
// the marks of a carrier around it, see [Detect].
func Read(text string) (id ID, sole bool, err error) {
	if s, rest := qualified(text); s != 0 {
		id, err = s.Parse(rest)
		return id, !isWrapped(text), err
	}
	if text == "" {
		return ID{}, true, syntaxError(0, text, "empty")
	}
	if len(text) > MaxLength {
		return ID{}, true, syntaxError(0, text, tooLong)
	}
	var likelihoods [schemeCount]Likelihood
	best, readings := No, 0
	for s := Handle; s.valid(); s++ {
		l, _ := grammars[s].Detect(text)
		likelihoods[s] = l
		best = max(best, l)
		if l > No {
			readings++
		}
	}
	switch {
	case best == No && !utf8.ValidString(text):
		return ID{}, true, syntaxError(0, text, "not valid UTF-8")
	case best == No:
		return ID{}, true, syntaxError(0, text, "no scheme has identifiers of this form")
	}
	sole = (readings == 1 || best == Certain) && !isWrapped(text)
	for s := Handle; s.valid(); s++ {
		if likelihoods[s] != best {
			continue
		}
		other, slip := s.Parse(text)
		if slip == nil {
			return other, sole && (s != Handle || !mayCarry(text)), nil
		}
		if err == nil {
			err = slip
		}
	}
	return ID{}, sole, err
}
