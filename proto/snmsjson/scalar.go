package snmsjson

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Scalars are read as leniently as SNMS reads them: samples have numbers as texts and texts as numbers.

// text is a JSON string, or a number or truth value as it is written; null is none.
func text(raw json.RawMessage) (s string, given, ok bool) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", false, true
	case raw[0] == '"':
		return s, true, json.Unmarshal(raw, &s) == nil
	case raw[0] == '{' || raw[0] == '[':
		return "", true, false
	}
	return string(raw), true, true
}

// number is a whole JSON number, alone or in a string.
func number(raw json.RawMessage) (n int64, given, ok bool) {
	s, given, ok := text(raw)
	if s = strings.TrimSpace(s); !ok || s == "" {
		return 0, false, ok
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, given, err == nil
}

// flag is true or false, or 1 or 0, alone or in a string.
func flag(raw json.RawMessage) (v, given, ok bool) {
	s, given, ok := text(raw)
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "1":
		return true, given, ok
	case "false", "0":
		return false, given, ok
	case "":
		return false, false, ok
	}
	return false, given, false
}

// object is the members of an object.
type object map[string]json.RawMessage

// text is a member that is a text; a problem is noted if it is none, or not there and needed.
func (o object) text(e *Error, at, name string, needed bool) string {
	s, given, ok := text(o[name])
	switch {
	case !ok:
		e.add(at+name, "a text is expected")
	case needed && (!given || s == ""):
		e.add(at+name, "missing")
	}
	return s
}

// number is a member that is a whole number from least to greatest.
func (o object) number(e *Error, at, name string, needed bool, least, greatest int64) (int64, bool) {
	n, given, ok := number(o[name])
	switch {
	case !ok:
		e.add(at+name, "a whole number is expected")
		return 0, false
	case !given:
		if needed {
			e.add(at+name, "missing")
		}
		return 0, false
	case n < least || n > greatest:
		e.add(at+name, "a number from "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(greatest, 10)+" is expected")
		return 0, false
	}
	return n, true
}

// flag is a member that is true or false.
func (o object) flag(e *Error, at, name string, absent bool) bool {
	v, given, ok := flag(o[name])
	if !ok {
		e.add(at+name, "true or false is expected")
	}
	if !given {
		return absent
	}
	return v
}
