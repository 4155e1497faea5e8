package template

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// ToJSON is the inverse of FromJSON: an object with the fields that are present among values, in the
// order of their indexes. Data that is no number or boolean although its field says so becomes a string.
func (v *Validator) ToJSON(values []identifier.Value) []byte {
	present := make(map[uint32]*identifier.Value, len(values))
	for i := range values {
		if r := v.byIndex[values[i].Index]; r != nil && identifier.EqualFoldASCII(values[i].Type, r.Name) {
			present[r.Index] = &values[i]
		}
	}
	out := []byte{'{'}
	for _, r := range v.fields {
		value := present[r.Index]
		if value == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, '"'), r.Name...) // a name has nothing to escape
		out = append(out, '"', ':')
		out = append(out, r.toJSON(string(value.Data))...)
	}
	return append(out, '}')
}

func (f *Field) toJSON(text string) []byte {
	_, decimal := parseDecimal(text)
	if f.Type == Number && decimal || f.Type == Boolean && (text == "true" || text == "false") {
		return []byte(text)
	}
	return appendText(nil, text)
}

// appendText appends text as a JSON string. Octets that are not UTF-8 become U+FFFD.
func appendText(dst []byte, text string) []byte {
	return append(dst, marshal(strings.ToValidUTF8(text, "�"))...)
}

// marshal is json.Marshal of what always can be, without the escapes for HTML.
func marshal(value any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic("template: " + err.Error()) // only texts, numbers and what is made of them come here
	}
	return bytes.TrimSuffix(out.Bytes(), []byte{'\n'})
}
