package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

func invalid(field, format string, args ...any) *registry.Error {
	return registry.Refuse(registry.CodeInvalidRequest, field, format, args...)
}

// decode reads a body into v, an object whose members are all known.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return invalid("", "the body goes on after its JSON value")
		}
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return invalid("/"+strings.ReplaceAll(e.Field, ".", "/"), "a JSON %s is not expected here", e.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if member, err := strconv.Unquote(name); err == nil {
			return invalid("/"+member, "the member is not known here")
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid("", "the body is not whole")
	}
	return invalid("", "not the JSON expected here: %s", err)
}

// parseRecord reads a record, and the object of its template's fields if it has one. Where the query names the identifier the body need not, and must not
// name another.
func parseRecord(body []byte, id string) (rec *identifier.Record, fields []byte, err error) {
	rec, fields, err = identifier.ParseWriteJSON(body)
	if err == nil {
		if id != "" && !sameIdentifier(rec, id) {
			return nil, nil, invalid("/id", "the body is for another identifier than the query")
		}
		return rec, fields, nil
	}
	e, ok := errors.AsType[*identifier.JSONError](err)
	if !ok || id == "" || e.Field != "id" || e.Reason != "missing" {
		return nil, nil, registry.JSONError(err, "")
	}
	// The body is an object without an id: it gets the query's.
	name, err := json.Marshal(id)
	if err != nil {
		return nil, nil, fmt.Errorf("encode identifier: %w", err)
	}
	members := bytes.TrimLeft(body, " \t\r\n")[1:]
	whole := append([]byte(`{"id":`), name...)
	if rest := bytes.TrimLeft(members, " \t\r\n"); len(rest) > 0 && rest[0] != '}' {
		whole = append(whole, ',')
	}
	if rec, fields, err = identifier.ParseWriteJSON(append(whole, members...)); err != nil {
		return nil, nil, registry.JSONError(err, "")
	}
	return rec, fields, nil
}

// sameIdentifier reports whether rec is of the identifier text. What cannot be parsed is left to the
// registrar to refuse.
func sameIdentifier(rec *identifier.Record, text string) bool {
	asked, sole, err := identifier.Read(text)
	if !sole && rec.Scheme != 0 {
		asked, err = rec.Scheme.Parse(text)
	}
	if err != nil {
		return rec.ID == text
	}
	var given identifier.ID
	if rec.Scheme != 0 {
		given, err = rec.Scheme.Parse(rec.ID)
	} else {
		given, err = identifier.Parse(rec.ID)
	}
	return err == nil && given.Scheme() == asked.Scheme() && given.Canonical() == asked.Canonical() && given.String() == asked.String()
}

// patchBody is the body of a PATCH: values by index, of which only what changes is given.
type patchBody struct {
	ID       string            `json:"id,omitempty" doc:"If given, the identifier of the query"`
	Template *string           `json:"template,omitempty"`
	Fields   json.RawMessage   `json:"fields,omitempty"`
	Values   []json.RawMessage `json:"values,omitempty"`
}

// given is a member of a body, nil if it is absent or null.
func given(raw json.RawMessage) []byte {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// patched maps the members that a value was given to the fields of a patch.
var patched = []struct {
	json  identifier.ValueFields
	patch registry.Fields
}{
	{identifier.GivenType, registry.FieldType}, {identifier.GivenData, registry.FieldData},
	{identifier.GivenTTL | identifier.GivenTTLType, registry.FieldTTL}, {identifier.GivenPerms, registry.FieldPerms},
	{identifier.GivenRefs, registry.FieldRefs}, {identifier.GivenTimestamp, registry.FieldTimestamp},
}

func (b *patchBody) patch() (registry.Patch, error) {
	p := registry.Patch{Template: b.Template, Fields: given(b.Fields), Values: make([]registry.PatchValue, len(b.Values))}
	for i, raw := range b.Values {
		v, members, err := identifier.ParseValueJSON(raw)
		if err != nil {
			return p, registry.JSONError(err, fmt.Sprintf("/values/%d", i))
		}
		pv := registry.PatchValue{Value: v, Delete: members&identifier.GivenDelete != 0}
		for _, g := range patched {
			if members&g.json != 0 {
				pv.Fields |= g.patch
			}
		}
		if members&identifier.GivenTTLType != 0 && members&identifier.GivenTTL == 0 {
			return p, invalid(fmt.Sprintf("/values/%d/ttlType", i), "a TTL type goes with a TTL")
		}
		p.Values[i] = pv
	}
	return p, nil
}

// parseID reads an identifier from a parameter.
func (s *server) parseID(text string) (identifier.ID, error) { return s.reg.ParseID(0, text, "id") }

// parsePrefix reads a namespace: of the scheme named, as "scheme:name", or else a Handle prefix.
func parsePrefix(scheme, text, field string) (identifier.Key, error) {
	s := identifier.Handle
	if scheme != "" {
		var err error
		if s, err = identifier.ParseScheme(scheme); err != nil {
			return identifier.Key{}, registry.Refuse(registry.CodeInvalidPrefix, "scheme", "%s", err)
		}
	}
	if name, rest, ok := strings.Cut(text, ":"); ok {
		if named, err := identifier.ParseScheme(name); err == nil && (scheme == "" || s == named) {
			s, text = named, rest
		}
	}
	name, err := s.ParseNamespace(text)
	if err != nil {
		return identifier.Key{}, registry.Refuse(registry.CodeInvalidPrefix, field, "%s", err)
	}
	return identifier.Key{Scheme: s, Name: name}, nil
}

// parseNumber reads a parameter that is a number, 0 if it is not given.
func parseNumber(field, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n == 0 {
		return 0, invalid(field, "a number from 1 is expected")
	}
	return n, nil
}

// parseBool reads a parameter that is true or false, false if it is not given.
func parseBool(field, text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, invalid(field, "true or false is expected")
	}
	return v, nil
}

// parseTime reads a parameter that is a moment, the zero time if it is not given.
func parseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, invalid(field, "a time such as 2006-01-02T15:04:05Z is expected")
	}
	return t, nil
}

// entityTag is the strong ETag of a version.
func entityTag(version uint64) string { return `"` + strconv.FormatUint(version, 10) + `"` }

// parseIfMatch reads If-Match: one version of ours, or "*" where whatever is there must be there
// anyway, which the caller says.
func parseIfMatch(text string, anyVersion bool) (uint64, error) {
	if text == "" || text == "*" && anyVersion {
		return 0, nil
	}
	inner, quoted := strings.CutPrefix(text, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	version, err := strconv.ParseUint(inner, 10, 63)
	if err != nil || version == 0 || quoted != closed {
		return 0, invalid("If-Match", "one ETag that this node gave is expected")
	}
	return version, nil
}

// matches reports whether the tags of an If-None-Match header of a GET name version.
func matches(tags string, version uint64) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == entityTag(version) {
			return true
		}
	}
	return false
}
