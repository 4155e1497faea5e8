package template

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
)

// maxProblems is how many problems of an object are told: one of no known field has nothing else in it.
const maxProblems = 2 * MaxFields

// FromJSON makes values of an object with a member for each field by name, in the fields' order of index:
//
//	{"model":"6204","weight":0.12,"made":"2026-01-02","sealed":true}
//
// A member that is null is as one that is absent. A number keeps the text in which it is written; one with
// an exponent or with more than 38 digits is a problem, as is an unknown name, a name given twice, and a
// member of the wrong JSON type; paths are "/fields/<name>", or "/fields" for the object as a whole. What
// the values say is not checked; see Record. Values have the default TTL and permissions, the latter as the
// field's Read says.
func (v *Validator) FromJSON(object []byte) ([]identifier.Value, []Problem) {
	if !utf8.Valid(object) {
		return nil, []Problem{problem("/fields", "not UTF-8")}
	}
	members := json.NewDecoder(bytes.NewReader(object))
	if first, err := members.Token(); err != nil || first != json.Delim('{') {
		return nil, []Problem{problem("/fields", "a JSON object with the names of the fields is expected")}
	}
	var values []identifier.Value
	var all []Problem
	seen := map[string]bool{}
	for members.More() && len(all) < maxProblems {
		token, err := members.Token()
		name, ok := token.(string)
		var member json.RawMessage
		if err == nil && ok {
			err = members.Decode(&member)
		}
		if err != nil || !ok {
			return nil, append(all, problem("/fields", "not JSON"))
		}
		path := pointer("/fields", name)
		r := v.byName[identifier.FoldASCII(name)]
		switch {
		case seen[name]:
			all = append(all, problem(path, "given twice"))
			continue
		case r == nil:
			all = append(all, problem(path, "the template has no field %s; it has %s", short(name), v.names()))
			continue
		case r.Name != name:
			all = append(all, problem(path, "the template has no field %s, but one that is written %s", name, r.Name))
			continue
		}
		seen[name] = true
		data, wrong, given := r.fromJSON(path, member)
		switch {
		case wrong != nil:
			all = append(all, *wrong)
		case given:
			values = append(values, identifier.Value{Index: r.Index, Type: r.Name, Data: data, TTL: identifier.DefaultTTL,
				Perms: r.perms(identifier.DefaultPerms)})
		}
	}
	if len(all) >= maxProblems {
		return nil, all
	}
	if _, err := members.Token(); err != nil {
		return nil, append(all, problem("/fields", "not JSON"))
	}
	if _, err := members.Token(); err != io.EOF {
		return nil, append(all, problem("/fields", "something follows the JSON object"))
	}
	slices.SortFunc(values, func(a, b identifier.Value) int { return int(a.Index) - int(b.Index) })
	return values, all
}

// fromJSON reads one member of an object; given is false for null.
func (r *rule) fromJSON(path string, member json.RawMessage) (data []byte, wrong *Problem, given bool) {
	refuse := func(p Problem) ([]byte, *Problem, bool) { return nil, &p, false }
	literal := string(member)
	if literal == "null" {
		return nil, nil, false
	}
	switch r.Type {
	case Number:
		if _, ok := parseDecimal(literal); ok {
			return []byte(literal), nil, true
		}
		if strings.HasPrefix(literal, "-") || isDigits(literal[:1]) {
			return refuse(problem(path, "write the number with at most %d digits and without an exponent", MaxDigits))
		}
		return refuse(problem(path, "a JSON number is expected"))
	case Boolean:
		if literal == "true" || literal == "false" {
			return []byte(literal), nil, true
		}
		return refuse(problem(path, "true or false is expected"))
	}
	var text string
	if json.Unmarshal(member, &text) != nil {
		return refuse(problem(path, "a JSON string is expected"))
	}
	return []byte(text), nil, true
}
