package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// schemaOf compiles c's JSON Schema with formats asserted.
func schemaOf(t interface{ Fatal(...any) }, c *Content) *jsonschema.Schema {
	const id = "https://id.example/templates/bearing"
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.JSONSchema(id)))
	if err != nil {
		t.Fatal(err)
	}
	k := jsonschema.NewCompiler()
	k.AssertFormat()
	if err := k.AddResource(id, doc); err != nil {
		t.Fatal(err)
	}
	s, err := k.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJSONSchema(t *testing.T) {
	c := bearing()
	schemaOf(t, c)
	f := func(want string) {
		t.Helper()
		if got := string(c.JSONSchema("")); !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	f(`{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"深沟球轴承","x-title":{"zh":"深沟球轴承","en":"Deep groove ball bearing"},"type":"object","properties":{"model":`)
	f(`"model":{"title":"型号","x-title":{"zh":"型号","en":"model"},"type":"string","pattern":"^(?:[0-9]+(-[A-Z]+)?)$","minLength":1,"maxLength":8,"x-index":2000,"x-role":"productName","x-type":"string"}`)
	f(`"weight":{"type":"number","minimum":0,"maximum":100.5,"multipleOf":0.01,"x-index":2001,"x-unit":"kg","x-type":"number"}`)
	f(`"oneOf":[{"title":"钢","x-title":{"zh":"钢"},"const":"steel"},{"const":"brass"}]`)
	f(`"anyOf":[{"format":"date"},{"format":"date-time"}]`)
	f(`"required":["model"],"additionalProperties":false`)
	if strings.Contains(string(c.JSONSchema("")), `"old"`) {
		t.Error("a disabled field is in the schema")
	}
}

// fields draws the fields of a template, without what JSON Schema has no word for.
func fields(t *rapid.T) *Content {
	c := &Content{}
	for i := range rapid.IntRange(1, 5).Draw(t, "fields") {
		f := Field{Name: fmt.Sprintf("f%d", i), Required: rapid.Bool().Draw(t, "required"), Disabled: rapid.IntRange(0, 9).Draw(t, "disabled") == 0,
			Type: rapid.SampledFrom(Types()).Draw(t, "type")}
		switch f.Type {
		case String:
			if rapid.Bool().Draw(t, "bounded") {
				f.MinLength, f.MaxLength = ptr(rapid.IntRange(0, 2).Draw(t, "min")), ptr(rapid.IntRange(2, 4).Draw(t, "max"))
			}
			f.Pattern = rapid.SampledFrom([]string{"", "", "a*b?", ".+", "中|a", `\d{2}`}).Draw(t, "pattern")
		case Number:
			f.Minimum = json.Number(rapid.SampledFrom([]string{"", "-1.5", "0", "0.1"}).Draw(t, "minimum"))
			f.Maximum = json.Number(rapid.SampledFrom([]string{"", "0.1", "1", "99999999999999999999"}).Draw(t, "maximum"))
			if rapid.Bool().Draw(t, "rounded") {
				f.Decimals = ptr(rapid.IntRange(0, 3).Draw(t, "decimals"))
			}
		case Enum:
			f.Options = []Option{{Value: "a"}, {Value: "中"}}
		}
		c.Fields = append(c.Fields, f)
	}
	c.Normalise()
	return c
}

// objects draws an object that may fit c.
func objects(t *rapid.T, c *Content) string {
	member := map[Type][]string{
		String:    {`"a"`, `"b"`, `""`, `"aab"`, `"12"`, `"中中中"`, `"a\nb"`, `"aaaaa"`},
		Number:    {"0", "-0", "0.1", "0.10", "1", "-1.5", "-1.51", "1.2345", "100000000000000000000", "99999999999999999999.5"},
		Boolean:   {"true", "false"},
		Date:      {`"2026-01-02"`, `"2026-13-02"`, `"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05.123+08:00"`, `"2026-01-02 03:04:05"`, `"2024-02-29"`, `"2026-02-29"`, `""`},
		Enum:      {`"a"`, `"中"`, `"A"`, `""`},
		Reference: {`"88.101.5/pump"`, `""`},
		URL:       {`"https://x.example/a?b#c"`, `"/a"`, `"urn:oid:1.2"`, `""`, `"no"`},
		File:      {`"01-ab_c.d"`, `"a b"`, `""`, `"中"`},
	}
	var parts []string
	for _, f := range c.Fields {
		switch n := rapid.IntRange(0, 19).Draw(t, "member"); {
		case n == 0: // absent
		case n == 1:
			other := rapid.SampledFrom(Types()).Draw(t, "other")
			if f.Type == Reference {
				other = Number // a schema does not know whether a text is an identifier
			}
			parts = append(parts, fmt.Sprintf("%q:%s", f.Name, rapid.SampledFrom(member[other]).Draw(t, "wrong")))
		default:
			if f.Type == Reference && f.Required {
				parts = append(parts, fmt.Sprintf("%q:%s", f.Name, rapid.SampledFrom(member[f.Type]).Draw(t, "value")))
				continue
			}
			choice := member[f.Type]
			if f.Type == Reference {
				choice = choice[:1]
			}
			parts = append(parts, fmt.Sprintf("%q:%s", f.Name, rapid.SampledFrom(choice).Draw(t, "value")))
		}
	}
	if rapid.IntRange(0, 19).Draw(t, "unknown") == 0 {
		parts = append(parts, `"x":1`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// TestSchemaAgrees: the schema and the validator judge an object alike.
func TestSchemaAgrees(t *testing.T) {
	valid, invalid := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := fields(t)
		v, err := c.Compile()
		if err != nil {
			t.Skip(err)
		}
		s := schemaOf(t, c)
		for range 8 {
			object := objects(t, c)
			values, wrong := v.FromJSON([]byte(object))
			if len(wrong) == 0 {
				wrong = v.Record(values, nil)
			}
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(object))
			if err != nil {
				t.Fatal(err)
			}
			refused := s.Validate(doc)
			if (refused != nil) != (len(wrong) > 0) {
				t.Fatalf("%s\nof %s\nschema: %v\nvalidator: %v", object, c.JSONSchema(""), refused, wrong)
			}
			if refused == nil {
				valid++
			} else {
				invalid++
			}
		}
	})
	if valid < 50 || invalid < 50 {
		t.Errorf("%d valid and %d invalid objects tell little", valid, invalid)
	}
}
