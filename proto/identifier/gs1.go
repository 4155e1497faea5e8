package identifier

import "strings"

// gs1Grammar is the keys of the GS1 system (GS1 General Specifications; formats after the GS1
// Syntax Dictionary). One item has one canonical form, the bracketed element string of its primary
// key and the key's qualifiers in their fixed order, whichever way it is written:
//
//	6901234567892                                     GTIN-8, -12, -13 or -14
//	106952012345678908                                SSCC
//	(01)06901234567892(21)A1                          bracketed element string, in any order
//	010690123456789221A1<GS>17251231                  element string with FNC1, in any of its spellings
//	/01/06901234567892/21/A1                          path of a Digital Link
//	https://example.com/some/01/06901234567892?17=251231
//	https://example.com/AQnYUc1gmg                    compressed Digital Link
//	urn:epc:id:sgtin:690123.0456789.A1                EPC URI
//	3034257BF7194E4000001A85                          EPC binary in hexadecimal digits
//
// Attributes, which describe an item and do not name it, are checked and left out. An opening
// bracket in a value is written "\(", as by the GS1 syntax engine. Case is kept.
type gs1Grammar struct{}

// gs1Pair is one element of an element string: an application identifier and its value.
type gs1Pair struct{ ai, value string }

// The forms of [ID.Form] that are written here.
const (
	formBracketed = "bracketed element string"
	formElements  = "element string"
	formScanned   = "scanned element string" // with FNC1 in one of its spellings
	formLink      = "Digital Link URI"
	formPacked    = "compressed Digital Link URI"
	formSSCC      = "SSCC"
)

func (gs1Grammar) Name() string { return "gs1" }

func (gs1Grammar) Parse(text string) (ID, error) {
	switch {
	case isGTINLength(text) && checkMod10(text):
		return gs1Bare("(01)00000000000000"[:18-len(text)]+text, gtinForm(len(text))), nil
	case len(text) == 18 && isDigits(text) && checkMod10(text):
		return gs1Bare("(00)"+text, formSSCC), nil
	}
	var buffer [12]gs1Pair
	var named [4]gs1Pair
	pairs, form, slip := readGS1(buffer[:0], named[:0], text)
	if slip.what != "" {
		err := syntaxError(GS1, text, slip.String())
		err.Meant = meantGS1(text, slip)
		return ID{}, err
	}
	return gs1ID(pairs, form), nil
}

// gs1ID makes an identifier of a primary key and its qualifiers.
func gs1ID(pairs []gs1Pair, form string) ID {
	return gs1Bare(joinElements(pairs), form)
}

func gs1Bare(name, form string) ID {
	return ID{scheme: GS1, text: name, name: name, form: form}
}

// readGS1 reads any spelling. The key and its qualifiers, in order and checked, are appended to
// named; buffer holds the elements on the way.
func readGS1(buffer, named []gs1Pair, text string) (pairs []gs1Pair, form string, slip gs1Slip) {
	switch {
	case text == "":
		return nil, "", gs1Slip{what: "empty"}
	case text[0] == '(':
		form = formBracketed
		pairs, slip = splitElements(buffer, text)
	case isGTINLength(text):
		form = gtinForm(len(text))
		pairs = append(buffer, gs1Pair{"01", padGTIN(text)})
	case len(text) == 18 && isDigits(text):
		form = formSSCC
		pairs = append(buffer, gs1Pair{"00", text})
	case text[0] == '/' || isWebURI(text):
		return readLink(buffer, named, text)
	case isURN(text):
		pairs, form, slip.what = parseEPC(text)
	case looksLikeEPCHex(text):
		pairs, form, slip.what = parseEPCHex(text)
	default:
		form = formElements
		if separatorsIn(text) != none {
			form = formScanned
		}
		pairs, slip = splitScan(buffer, text)
	}
	if slip.what == "" {
		pairs, slip = nameElements(named, pairs)
	}
	return pairs, form, slip
}

func isGTINLength(text string) bool {
	switch len(text) {
	case 8, 12, 13, 14:
		return isDigits(text)
	}
	return false
}

func gtinForm(length int) string {
	switch length {
	case 8:
		return "GTIN-8"
	case 12:
		return "GTIN-12"
	case 13:
		return "GTIN-13"
	}
	return "GTIN-14"
}

// padGTIN fills a GTIN up to the 14 digits of its element.
func padGTIN(digits string) string { return "00000000000000"[len(digits):] + digits }

func isURN(text string) bool {
	return len(text) >= 8 && EqualFoldASCII(text[:8], "urn:epc:")
}

// gs1Slip is what keeps a text from naming something; the zero slip is none. It is put into words
// only when they are asked for, so that [Detect] costs no allocation.
type gs1Slip struct {
	ai    string // the element it is about; empty for the whole text
	what  string // what is wrong, after "(ai) "
	other string // AIs that follow what, in the notation of the table
	part  string // characters that end in wrong check characters
}

func (s gs1Slip) String() string {
	var b strings.Builder
	if s.ai != "" {
		b.WriteString("(" + shorten(s.ai) + ") ")
		if s.isCheck() {
			b.WriteString("has ")
		}
	}
	b.WriteString(s.what)
	switch right := s.corrected(); {
	case right != "":
		n := 1
		if s.what == wrongCheckPair {
			n = 2
		}
		at := len(right) - n
		b.WriteString(": " + s.part[at:] + ", it should be " + right[at:])
	case s.other != "":
		b.WriteByte(' ')
		for i, ais := range strings.Split(s.other, ",") {
			if i > 0 && i == strings.Count(s.other, ",") {
				b.WriteString(" or ")
			} else if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + strings.ReplaceAll(ais, "+", ") with (") + ")")
		}
	}
	return b.String()
}

// shorten keeps a message short whatever the input.
func shorten(ai string) string { return ai[:min(len(ai), 8)] }

// isCheck reports whether what is the finding of a check, which a verb has to precede.
func (s gs1Slip) isCheck() bool { return s.part != "" }

// corrected is the part with the right check characters, if they are what is wrong.
func (s gs1Slip) corrected() string {
	switch s.what {
	case wrongCheckDigit:
		return s.part[:len(s.part)-1] + string(digitFor(s.part))
	case wrongCheckPair:
		return s.part[:len(s.part)-2] + pairFor(s.part)
	}
	return ""
}

// meantGS1 is text with the right check digits, or "" if they are not all that is wrong. The part
// may stand in text more than once: what makes the slip go away is the place.
func meantGS1(text string, slip gs1Slip) string {
	const most = 4 // check digits to correct, places to try: a bound on the work
	for range most {
		right := slip.corrected()
		if right == "" {
			return ""
		}
		// A GTIN in a link or alone may lack the zeros that fill it up.
		wrong := strings.TrimLeft(slip.part, "0")
		right = right[len(right)-len(wrong):]
		place, found := 0, false
		for range most {
			i := strings.Index(text[place:], wrong)
			if i < 0 || wrong == "" {
				return ""
			}
			place += i
			attempt := text[:place] + right + text[place+len(wrong):]
			place++
			_, _, next := readGS1(nil, nil, attempt)
			if next.what == "" {
				return attempt
			}
			if next != slip {
				text, slip, found = attempt, next, true
				break
			}
		}
		if !found {
			return ""
		}
	}
	return ""
}

// Validate refuses FNC1, which belongs to the carrier: what is registered is the key itself. All else
// that names an item may be registered.
func (gs1Grammar) Validate(id ID) error {
	if id.form == formScanned {
		return syntaxError(GS1, id.text, "FNC1 is of a scan; write the elements in brackets: "+id.name)
	}
	return nil
}
