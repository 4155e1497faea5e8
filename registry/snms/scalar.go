package snms

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// Scalars of requests are read as leniently as the original reads them: samples send numbers as texts, and clients
// send texts as numbers.

// text is a JSON string; a number, true and false are taken as they are written.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		return json.Unmarshal(b, (*string)(t))
	case '{', '[', 'n':
		return wrongType(b, *t)
	}
	*t = text(b)
	return nil
}

// number is a whole JSON number, alone or in a string.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	parsed, err := strconv.ParseInt(unquoted(b), 10, 64)
	if err != nil {
		return wrongType(b, *n)
	}
	*n = number(parsed)
	return nil
}

// flag is true or false, or 1 or 0, alone or in a string.
type flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(b []byte) error {
	switch strings.ToLower(unquoted(b)) {
	case "true", "1":
		*f = true
	case "false", "0":
		*f = false
	default:
		return wrongType(b, *f)
	}
	return nil
}

func unquoted(b []byte) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(string(b), `"`), `"`))
}

// wrongType says that b is of no type that v takes; the decoder adds where it stands.
func wrongType(b []byte, v any) error {
	return &json.UnmarshalTypeError{Value: string(b[:min(len(b), 20)]), Type: reflect.TypeOf(v)}
}
