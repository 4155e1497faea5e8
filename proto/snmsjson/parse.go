package snmsjson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
)

// Parse reads an object: an answer with its envelope, or what stands in one. Of a list in an envelope each element is
// one. An element is a *[Template], a *[Handle] or an *[Error]; that of a list of results of a batch call, which say
// nothing of the identifier's content, is an *Error too. The problems of a content that [template.Content.Check] finds
// are not looked for.
func Parse(raw []byte) []any {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return []any{&Error{Problems: []Problem{{"", err.Error()}}}}
	}
	if _, ok := o["status"]; !ok || o["data"] == nil && o["message"] == nil {
		return []any{one(o)}
	}
	e := new(Error)
	e.ID, _, _ = text(o["handle"])
	status, given, ok := number(o["status"])
	message, _, _ := text(o["message"])
	if !ok || given && status != 1 {
		e.add("status", fmt.Sprintf("the answer is an error, %s: %s", o["status"], message))
		return []any{e}
	}
	data := bytes.TrimSpace(o["data"])
	switch {
	case len(data) > 0 && data[0] == '{':
		var in object
		_ = json.Unmarshal(data, &in) // it is valid, as part of o
		return []any{one(in)}
	case len(data) > 0 && data[0] == '[':
		var list []json.RawMessage
		_ = json.Unmarshal(data, &list)
		var all []any
		for _, raw := range list {
			all = append(all, Parse(raw)...)
		}
		return all
	}
	e.add("data", "the answer holds neither a template nor an identifier")
	return []any{e}
}

// one reads a template or an identifier.
func one(o object) any {
	switch {
	case o["handle"] != nil && o["value"] != nil || o["templateVersion"] != nil:
		return handle(o)
	case o["items"] != nil || o["version"] != nil:
		return parseTemplate(o)
	}
	e := new(Error)
	e.ID, _, _ = text(o["handle"])
	e.add("", "neither a template (prefix, version, items) nor an identifier (handle, templateVersion, value)")
	return e
}

// parseTemplate reads a template (section 4.3).
func parseTemplate(o object) any {
	e := new(Error)
	t := &Template{Prefix: o.text(e, "", "prefix", true), Name: o.text(e, "", "version", true), Content: new(template.Content)}
	e.ID = strings.TrimSpace(t.Prefix + " " + t.Name)
	c := t.Content
	c.Description = o.text(e, "", "description", false)
	c.Industry = industry(e, o)
	if n, given := o.number(e, "", "type", false, 1, 2); given {
		c.Carrier = n == 1 // an active identifier carrier; 2 is anything else
	}
	var items []json.RawMessage
	if json.Unmarshal(o["items"], &items) != nil || len(items) == 0 {
		e.add("items", "a list of items is expected")
	}
	names := map[string]int{}
	for i, raw := range items {
		at := fmt.Sprintf("items[%d].", i)
		var in object
		if json.Unmarshal(raw, &in) != nil || in == nil {
			e.add(strings.TrimSuffix(at, "."), "an object is expected")
			continue
		}
		f := item(e, at, in)
		if first, twice := names[f.Title.ZH]; twice && f.Title.ZH != "" {
			e.add(at+"name", fmt.Sprintf("items[%d] has the name %s too", first, f.Title.ZH))
		}
		names[f.Title.ZH] = i
		c.Fields = append(c.Fields, f)
	}
	c.Normalise()
	if err := e.orNil(); err != nil {
		return err
	}
	return t
}

// industry is the code at four levels as one: "C", "34", "345", "3451" is C3451. The deepest level that is given
// counts, and those above must be its beginning.
func industry(e *Error, o object) string {
	section := strings.ToUpper(o.text(e, "", "industryCategory", false))
	digits := ""
	for _, name := range []string{"industrySpecific", "industryTrade", "industrySubclass"} {
		level := o.text(e, "", name, false)
		if level == "" {
			continue
		}
		if !strings.HasPrefix(level, digits) {
			e.add(name, fmt.Sprintf("%s does not begin with %s, the code above it", level, digits))
		}
		digits = level
	}
	if section == "" && digits != "" {
		e.add("industryCategory", "missing")
	}
	return section + digits
}

// item reads an item as a field.
func item(e *Error, at string, o object) template.Field {
	f := template.Field{Type: template.String, Title: template.Text{ZH: o.text(e, at, "name", true)}, Name: o.text(e, at, "idType", true)}
	if n, given := o.number(e, at, "idIndex", false, 1, math.MaxInt32); given {
		f.Index = uint32(n)
	}
	f.Required = o.flag(e, at, "required", false)
	f.Disabled = !o.flag(e, at, "state", true)
	meta := bytes.TrimSpace(o["metadata"])
	var list []json.RawMessage
	if json.Unmarshal(meta, &list) == nil && len(list) == 1 {
		meta = list[0] // the tables call it an array, the samples send an object
	}
	if len(meta) == 0 || string(meta) == "null" {
		return f // as long as the node's default
	}
	var m object
	if json.Unmarshal(meta, &m) != nil {
		e.add(at+"metadata", "an object is expected")
		return f
	}
	at += "metadata."
	if kind := m.text(e, at, "type", false); kind != "" && kind != string(template.String) {
		e.add(at+"type", "only string is known to SNMS")
	}
	f.MinLength, f.MaxLength = m.length(e, at, "minLength"), m.length(e, at, "maxLength")
	return f
}

func (o object) length(e *Error, at, name string) *int {
	n, given := o.number(e, at, name, false, 0, math.MaxInt32)
	if !given {
		return nil
	}
	length := int(n)
	return &length
}

// handle reads an identifier (section 4.4).
func handle(o object) any {
	e := new(Error)
	name := o.text(e, "", "handle", true)
	e.ID = name
	version := o.text(e, "", "templateVersion", false)
	h := &Handle{Record: &identifier.Record{Scheme: identifier.Handle, ID: name, Template: version}}
	// Only answers have a code. In them auth says who may read; in requests it is reserved.
	_, answer := o["code"]
	var list []json.RawMessage
	if json.Unmarshal(o["value"], &list) != nil {
		e.add("value", "a list of values is expected")
	}
	for i, raw := range list {
		at := fmt.Sprintf("value[%d].", i)
		var in object
		if json.Unmarshal(raw, &in) != nil || in == nil {
			e.add(strings.TrimSuffix(at, "."), "an object is expected")
			continue
		}
		v := value(e, at, in, answer)
		if !v.Public() {
			h.NotPublic++
		}
		if v.Index == template.VersionIndex && identifier.EqualFoldASCII(v.Type, template.VersionType) {
			switch {
			case h.Record.Template == "":
				h.Record.Template = string(v.Data)
			case h.Record.Template != string(v.Data):
				e.add(at+"data.value", fmt.Sprintf("the note of the template says %s, templateVersion is %s", v.Data, version))
			}
		}
		h.Record.Values = append(h.Record.Values, v)
	}
	if err := e.orNil(); err != nil {
		return err
	}
	slices.SortStableFunc(h.Record.Values, func(a, b identifier.Value) int { return int(a.Index) - int(b.Index) })
	return h
}

func value(e *Error, at string, o object, answer bool) identifier.Value {
	v := identifier.Value{Type: o.text(e, at, "type", true), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
	if n, given := o.number(e, at, "index", true, 1, math.MaxInt32); given {
		v.Index = uint32(n)
	}
	auth := o.text(e, at, "auth", false)
	if auth != "1" && (answer || auth != "") {
		v.Perms &^= identifier.PublicRead
	}
	var data object
	if json.Unmarshal(o["data"], &data) != nil || data == nil {
		e.add(at+"data", "an object with format and value is expected")
		return v
	}
	format := data.text(e, at+"data.", "format", false)
	if format != "" && format != "string" && format != "base64" {
		e.add(at+"data.format", "string is expected")
	}
	member := "value"
	if _, there := data[member]; !there && data["vlaue"] != nil { // as the tables of SNMS spell it
		member = "vlaue"
	}
	s, given, ok := text(data[member])
	switch {
	case !given && ok:
		e.add(at+"data."+member, "missing")
	case !ok:
		e.add(at+"data."+member, "a text is expected")
	}
	v.Data = []byte(s)
	if format == "base64" { // as this node's own surface shows octets that are no text
		octets, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			e.add(at+"data."+member, "not in base64")
		}
		v.Data = octets
	}
	return v
}
