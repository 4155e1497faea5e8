package identifier

import (
	"slices"
	"strings"
)

// Detect takes an application identifier in brackets and "urn:epc:" for certain. The length and
// check digit of a GTIN are likelier than an Ecode of the same digits, those of an SSCC are not. A
// link is likely if a primary key stands in its path, even where the rest is wrong, so that the
// caller learns what.
func (gs1Grammar) Detect(text string) (Likelihood, string) {
	switch {
	case text == "":
		return No, ""
	case text[0] == '(':
		if ai, _, ok := strings.Cut(text[1:], ")"); ok && isDigits(ai) && len(ai) >= 2 && len(ai) <= 4 {
			return Certain, "an application identifier in brackets"
		}
		return No, ""
	case isGTINLength(text):
		if checkMod10(text) {
			return Likely, "the length and check digit of a GTIN"
		}
		return Possible, "the length of a GTIN, but a wrong check digit"
	case len(text) == 18 && isDigits(text):
		if checkMod10(text) {
			return Possible, "the length and check digit of an SSCC"
		}
		return Possible, "the length of an SSCC, but a wrong check digit"
	case text[0] == '/' || isWebURI(text):
		return detectLink(text)
	case isURN(text):
		return Certain, "begins with urn:epc:"
	case looksLikeEPCHex(text):
		return detectEPCHex(text)
	}
	return detectScan(text)
}

// detectLink looks for a primary key in the path.
func detectLink(text string) (Likelihood, string) {
	var buffer [12]gs1Pair
	_, _, slip := splitLink(buffer[:0], text)
	switch {
	case slip.what == "":
		return Likely, "a primary key in the path of a Digital Link"
	case slip.part == "" && looksCompressed(text):
		// Any last segment of a link may look so; what it unpacks to has to be right.
		if packed, reason := decompressLink(text); reason == "" {
			if _, slip := nameElements(nil, packed); slip.what == "" {
				return Likely, "a compressed Digital Link"
			}
		}
	}
	if slip.ai != "" {
		return Likely, "a primary key in the path of a Digital Link, but with a slip"
	}
	return No, ""
}

// detectEPCHex sets a tag's memory apart from an Ecode of the same characters: a letter is enough.
func detectEPCHex(text string) (Likelihood, string) {
	if _, _, reason := parseEPCHex(text); reason != "" {
		return No, ""
	}
	if isDigits(text) {
		return Possible, "the header and length of an EPC in hexadecimal digits"
	}
	return Likely, "the header and length of an EPC in hexadecimal digits"
}

// detectScan weighs an element string without brackets. FNC1 in a spelling of its own is strong
// evidence, a key with a check digit good evidence, and without either it takes a key that begins
// with no version of Ecode.
func detectScan(text string) (Likelihood, string) {
	n := lengthOfAI(text)
	if separatorAt(text) == 0 && (n == 0 || n > len(text)) {
		return No, ""
	}
	separation := separatorsIn(text)
	if separation == none {
		// What is neither a key nor of predefined length leaves no room for a key behind it.
		if e := findElem(text[:n]); e == nil || !e.fixed && !isKey(e.ai) {
			return No, ""
		}
	}
	var buffer [12]gs1Pair
	var named [4]gs1Pair
	pairs, slip := splitScan(buffer[:0], text)
	if !slices.ContainsFunc(pairs, func(p gs1Pair) bool { return isKey(p.ai) }) {
		return No, ""
	}
	first := pairs[0].ai
	if slip.what == "" {
		_, slip = nameElements(named[:0], pairs)
	}
	right := slip.what == ""
	switch {
	case separation == strong && right:
		return Certain, "application identifiers separated by FNC1"
	case separation == strong:
		return Likely, "application identifiers separated by FNC1, but with a slip"
	case separation == weak && right:
		return Likely, "application identifiers with separators"
	case separation == weak:
		return Possible, "application identifiers with separators, but with a slip"
	case !right && text[0] == '0' && slip.ai == first && slip.what == wrongCheckDigit:
		return Likely, "begins as an element string, but with a wrong check digit"
	case !right && slip.ai == first && slip.what == wrongCheckDigit:
		return Possible, "begins as an element string, but with a wrong check digit"
	case !right && text[0] == '0' && (slip.part != "" || slip.ai != first):
		// A wrong check digit, or something behind a right one: the digits of a GTIN or SSCC are there.
		return Possible, "begins as an element string, but with a slip"
	case !right:
		return No, ""
	}
	switch e := findElem(first); {
	case e.parts[0].set == 'N' || first == "8013": // they end in check characters
		if text[0] == '0' || text[0] == '8' {
			return Likely, "application identifiers with a right check digit"
		}
		return Possible, "application identifiers with a right check digit"
	case text[0] == '8' && strings.IndexByte(text, '/') < 0:
		return Possible, "begins with the application identifier of a key"
	}
	return No, ""
}
