package template

import "unicode/utf8"

// maxIndexed is the most octets of a text in an index for searches.
const maxIndexed = 128

// IndexText is the text under which data of the field is found: of a number the shortest text, of a string,
// reference or url the first 128 octets, cut where a character ends; else the data as it is. ASCII case is
// kept.
func (v *Validator) IndexText(f *Field, data []byte) string {
	text := string(data)
	switch {
	case f.Type == Number:
		if d, ok := parseDecimal(text); ok {
			return d.String()
		}
		return cut(text, maxIndexed)
	case f.Type.isText():
		return cut(text, maxIndexed)
	}
	return text
}

// cut is the beginning of text of at most n octets, without a part of a character at its end.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
