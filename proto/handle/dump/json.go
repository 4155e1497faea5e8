package dump

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/handle/handlejson"
	"github.com/idnode/idnode/proto/jsonstream"
)

// json reads a record in JSON.
func (d *Reader) json() (*Record, error) {
	object, line, err := d.in.Next()
	if e, ok := errors.AsType[*jsonstream.Error](err); ok {
		return nil, fail(line, "", "", e.Reason)
	}
	if err != nil {
		return nil, err
	}
	var in struct {
		Handle  string          `json:"handle"`
		Code    *int            `json:"responseCode"`
		Message string          `json:"message"`
		Values  json.RawMessage `json:"values"`
	}
	if err := json.Unmarshal(object, &in); err != nil {
		return nil, fail(line, in.Handle, "", err.Error())
	}
	switch {
	case in.Code != nil && *in.Code != 1:
		return nil, fail(line, in.Handle, "responseCode", strings.TrimSuffix(fmt.Sprintf("the answer is an error, %d: %s", *in.Code, in.Message), ": "))
	case in.Handle == "":
		return nil, fail(line, "", "handle", "missing")
	case in.Values == nil || in.Values[0] != '[':
		return nil, fail(line, in.Handle, "values", "a list is expected")
	}
	rec := &Record{Line: line, Handle: in.Handle}
	return rec, rec.values(in.Values)
}

// values reads a list of values. Its error is an *Error with all that is wrong.
func (r *Record) values(array []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(array, &list); err != nil {
		return fail(r.Line, r.Handle, "values", err.Error())
	}
	wrong := &Error{Line: r.Line, Handle: r.Handle}
	for i, raw := range list {
		path := fmt.Sprintf("values[%d]", i)
		add := func(below, reason string) {
			wrong.Problems = append(wrong.Problems, Problem{r.Line, strings.TrimSuffix(path+"."+below, "."), reason})
		}
		if len(raw) == 0 || raw[0] != '{' {
			add("", "a value is an object")
			continue
		}
		_, one, err := handlejson.ParseBody(raw)
		if e, ok := errors.AsType[*handlejson.Error](err); ok {
			if e.Path == "values" { // of an object without them
				e = &handlejson.Error{Reason: "type and data are required"}
			}
			add(e.Path, e.Reason)
			continue
		}
		if err != nil || len(one) != 1 {
			add("", "no value")
			continue
		}
		var more struct {
			Index     *json.RawMessage `json:"index"`
			Timestamp json.RawMessage  `json:"timestamp"`
		}
		_ = json.Unmarshal(raw, &more) // it has been read before
		v := one[0]
		if more.Index == nil {
			add("index", "missing")
		}
		if v.Timestamp, err = timestamp(more.Timestamp); err != nil {
			add("timestamp", err.Error())
		}
		r.Values = append(r.Values, v)
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	return nil
}

// timestamp reads a time, or seconds since 1970; 0 if there is none.
func timestamp(raw json.RawMessage) (uint32, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, nil
	}
	var seconds uint32
	if json.Unmarshal(raw, &seconds) == nil {
		return seconds, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if t, err := time.Parse(time.RFC3339, text); err == nil && t.Unix() == int64(uint32(t.Unix())) {
			return uint32(t.Unix()), nil
		}
	}
	return 0, errors.New("no time from 1970 to 2106, such as 2024-01-31T08:00:00Z")
}
