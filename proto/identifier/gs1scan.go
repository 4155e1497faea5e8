package identifier

// splitScan reads an element string as it comes out of a scanner, without brackets, and appends its
// elements to dst. An element of predefined length ends by itself, any other at FNC1 or at the end.
// FNC1 before the first element and behind a predefined length is of no consequence.
func splitScan(dst []gs1Pair, text string) ([]gs1Pair, gs1Slip) {
	for text != "" {
		if n := separatorAt(text); n > 0 {
			text = text[n:]
			continue
		}
		n := lengthOfAI(text)
		if n == 0 || n > len(text) || !isDigits(text[:n]) {
			return dst, gs1Slip{what: "no application identifier where an element begins, nor a GTIN, an SSCC or a Digital Link"}
		}
		ai, rest := text[:n], text[n:]
		e := findElem(ai)
		if e == nil {
			return dst, gs1Slip{ai: ai, what: "is no application identifier"}
		}
		end := 0
		for most := e.maxLength(); end < len(rest) && (!e.fixed || end < most); end++ {
			if beginsSeparator(rest[end]) && separatorAt(rest[end:]) > 0 {
				break
			}
		}
		dst = append(dst, gs1Pair{ai, rest[:end]})
		text = rest[end:]
	}
	if len(dst) == 0 {
		return dst, gs1Slip{what: "no element between separators"}
	}
	return dst, gs1Slip{}
}

// A separator is strong where nothing else is written so.
type separation uint8

const (
	none separation = iota
	weak
	strong
)

// separatorAt returns the length of the spelling of FNC1 that text begins with, 0 if it begins with
// none. FNC1 behind the first place is read as the control character GS; scanners, terminals and
// logs have many ways to show it.
func separatorAt(text string) int {
	if text == "" {
		return 0
	}
	switch text[0] {
	case 0x1D, '|': // "|" is no character of an element
		return 1
	case '^': // GS1 syntax engine; BWIPP writes the name behind it
		return longest(text, "^FNC1", 1)
	case '<':
		return longest(text, "<GS>", longest(text, "<FNC1>", 0))
	case '{':
		return longest(text, "{GS}", longest(text, "{FNC1}", 0))
	case '[':
		return longest(text, "[GS]", longest(text, "[FNC1]", 0))
	case '\\':
		return longest(text, `\x1d`, longest(text, `\u001d`, longest(text, `\035`, 0)))
	case '%':
		return longest(text, "%1D", 0)
	case '~':
		return longest(text, "~1", longest(text, "~d029", 0))
	case '&':
		return longest(text, "&#29;", longest(text, "&#x1d;", 0))
	case 0xE2: // the picture of the control character, U+241D
		return longest(text, "␝", 0)
	}
	return 0
}

// beginsSeparator is the cheap first question, asked of every character.
func beginsSeparator(c byte) bool {
	switch {
	case 'A' <= c && c <= 'Z', '0' <= c && c <= '9', 'a' <= c && c <= 'z':
		return false
	}
	return c == 0x1D || c >= '[' || c == '<' || c == '%' || c == '&'
}

// longest returns the length of spelling if text begins with it in any case, and otherwise.
func longest(text, spelling string, otherwise int) int {
	if len(text) >= len(spelling) && EqualFoldASCII(text[:len(spelling)], spelling) {
		return len(spelling)
	}
	return otherwise
}

// separatorsIn tells how sure it is that there are separators in text.
func separatorsIn(text string) separation {
	found := none
	for i := range len(text) {
		if !beginsSeparator(text[i]) {
			continue
		}
		switch n := separatorAt(text[i:]); {
		case n == 0:
		case n == 1 && text[i] != 0x1D, text[i] == '%', text[i] == '~':
			found = weak
		default:
			return strong
		}
	}
	return found
}
