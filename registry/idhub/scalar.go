package idhub

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// Scalars of requests are read as leniently as the original reads them: samples send numbers as texts.

// text is a JSON string; a number, true and false are taken as they are written.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		return json.Unmarshal(b, (*string)(t))
	case 'n':
		return nil
	case '{', '[':
		return wrongType(b, *t)
	}
	*t = text(b)
	return nil
}

// number is a whole JSON number, alone or in a string; true is 1 and false 0.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	unquoted := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(string(b), `"`), `"`))
	switch unquoted {
	case "true":
		*n = 1
		return nil
	case "false", "null", "":
		return nil
	}
	parsed, err := strconv.ParseInt(unquoted, 10, 64)
	if err != nil {
		return wrongType(b, *n)
	}
	*n = number(parsed)
	return nil
}

// wrongType says that b is of no type that v takes; the decoder adds where it stands.
func wrongType(b []byte, v any) error {
	return &json.UnmarshalTypeError{Value: string(b[:min(len(b), 20)]), Type: reflect.TypeOf(v)}
}
