package template

import (
	"bytes"
	"strconv"
	"strings"
)

// schema is JSON Schema 2020-12, as far as templates need it.
type schema struct {
	Schema      string     `json:"$schema,omitempty"`
	ID          string     `json:"$id,omitempty"`
	Title       string     `json:"title,omitempty"`
	XTitle      *Text      `json:"x-title,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        string     `json:"type,omitempty"`
	Const       string     `json:"const,omitempty"`
	OneOf       []schema   `json:"oneOf,omitempty"`
	AnyOf       []schema   `json:"anyOf,omitempty"`
	Format      string     `json:"format,omitempty"`
	Pattern     string     `json:"pattern,omitempty"`
	MinLength   int        `json:"minLength,omitempty"`
	MaxLength   *int       `json:"maxLength,omitempty"`
	Minimum     literal    `json:"minimum,omitempty"`
	Maximum     literal    `json:"maximum,omitempty"`
	MultipleOf  literal    `json:"multipleOf,omitempty"`
	Properties  properties `json:"properties,omitempty"`
	Required    []string   `json:"required,omitempty"`
	Additional  *bool      `json:"additionalProperties,omitempty"`
	XIndex      uint32     `json:"x-index,omitempty"`
	XUnit       string     `json:"x-unit,omitempty"`
	XRole       Role       `json:"x-role,omitempty"`
	XType       Type       `json:"x-type,omitempty"`
	XEarliest   string     `json:"x-earliest,omitempty"`
	XLatest     string     `json:"x-latest,omitempty"`
	XTemplate   string     `json:"x-template,omitempty"`
	XMediaTypes []string   `json:"x-mediaTypes,omitempty"`
}

// literal is a number as it is written.
type literal string

func (l literal) MarshalJSON() ([]byte, error) { return []byte(l), nil }

// properties is an object whose members have an order.
type properties []property

type property struct {
	name   string
	schema schema
}

func (p properties) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range p {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(strconv.Quote(m.name) + ":") // a name has nothing to escape
		out.Write(marshal(m.schema))
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// JSONSchema is the JSON Schema (draft 2020-12) of the object that FromJSON takes for a new record, under
// the absolute URI id, "" for none. Titles are in Chinese, else in English, with both in "x-title"; what
// JSON Schema has no word for stands in members that begin with "x-".
//
// The schema knows neither exponents and the number of digits, nor the range of dates, nor the form of
// identifiers; and FromJSON takes null for an absent member. Everything else it judges as FromJSON and
// Record together, where formats are asserted. Disabled fields are not in it.
func (c *Content) JSONSchema(id string) []byte {
	no := false
	s := schema{Schema: "https://json-schema.org/draft/2020-12/schema", ID: id, Description: c.Description, Type: "object",
		Properties: properties{}, Additional: &no}
	s.setTitle(c.Title)
	for i := range c.Fields {
		f := &c.Fields[i]
		if f.Disabled {
			continue
		}
		s.Properties = append(s.Properties, property{f.Name, f.schema()})
		if f.Required {
			s.Required = append(s.Required, f.Name)
		}
	}
	return marshal(s)
}

func (s *schema) setTitle(t Text) {
	s.Title = t.String()
	if t != (Text{}) {
		s.XTitle = &t
	}
}

func (f *Field) schema() schema {
	s := schema{XIndex: f.Index, XUnit: f.Unit, XRole: f.Role, XType: f.Type, Type: "string"}
	s.setTitle(f.Title)
	switch f.Type {
	case String, Reference, URL:
		most := f.maxLength()
		s.MinLength, s.MaxLength = f.minLength(), &most
		if f.Pattern != "" {
			s.Pattern = anchored(f.Pattern)
		}
		if f.Type == URL {
			s.Format = "uri"
		}
		s.XTemplate = f.Template
	case Number:
		s.Type = "number"
		s.Minimum, s.Maximum = literal(f.Minimum), literal(f.Maximum)
		if f.Decimals != nil {
			s.MultipleOf = stepOf(*f.Decimals)
		}
	case Boolean:
		s.Type = "boolean"
	case Date:
		s.AnyOf = []schema{{Format: "date"}, {Format: "date-time"}}
		s.XEarliest, s.XLatest = f.Earliest, f.Latest
	case Enum:
		for _, o := range f.Options {
			option := schema{Const: o.Value}
			option.setTitle(o.Title)
			s.OneOf = append(s.OneOf, option)
		}
	case File:
		s.Pattern = fileForm
		s.XMediaTypes = f.MediaTypes
	}
	return s
}

// stepOf is the number of which those with so many decimals are multiples.
func stepOf(decimals int) literal {
	if decimals == 0 {
		return "1"
	}
	return literal("0." + strings.Repeat("0", decimals-1) + "1")
}
