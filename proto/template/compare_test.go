package template

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCompare(t *testing.T) {
	f := func(name string, change func(c *Content), want string) {
		t.Helper()
		c := bearing()
		change(c)
		if wrong := c.Check(); len(wrong) > 0 {
			t.Fatalf("%s: %v", name, wrong)
		}
		if got := paths(Compare(bearing(), c)); got != want {
			t.Errorf("%s: problems at %q, want %q", name, got, want)
		}
	}
	f("nothing", func(*Content) {}, "")
	f("moved", func(c *Content) { slices.Reverse(c.Fields) }, "")
	f("widened", func(c *Content) {
		c.Title, c.Description, c.Carrier, c.Additional = Text{}, "x", true, true
		c.Fields[0].Pattern, c.Fields[0].MaxLength, c.Fields[0].Required = "", nil, false
		c.Fields[1].Minimum, c.Fields[1].Maximum, c.Fields[1].Decimals = "-1", "", ptr(3)
		c.Fields[2].Earliest, c.Fields[2].Latest = "1999-01-01", ""
		c.Fields[4].Options = append(c.Fields[4].Options, Option{Value: "iron"})
		c.Fields[5].MediaTypes, c.Fields[5].Read = []string{"application/*", "image/png"}, ReadPublic
		c.Fields[6].Template, c.Fields[7].Role = "", RoleMaker
		c.Fields = append(c.Fields, Field{Name: "new", Type: String, Index: 3000, Searchable: true})
	}, "")
	f("disabled", func(c *Content) { c.Fields[0].Disabled = true }, "")
	f("enabled and required", func(c *Content) { c.Fields[8].Disabled = false }, "/fields/8/required")
	f("enabled", func(c *Content) { c.Fields[8].Disabled, c.Fields[8].Required = false, false }, "")
	f("removed", func(c *Content) { c.Fields = c.Fields[1:] }, "/fields")
	f("index", func(c *Content) { c.Fields[1].Index = 3000 }, "/fields")
	f("name", func(c *Content) { c.Fields[1].Name = "mass" }, "/fields/1/name")
	f("letter case of the name", func(c *Content) { c.Fields[1].Name = "Weight" }, "")
	f("type", func(c *Content) { c.Fields[3].Type = String }, "/fields/3/type")
	f("required", func(c *Content) { c.Fields[1].Required = true }, "/fields/1/required")
	f("required text", func(c *Content) { c.Fields[6].Required = true }, "/fields/6/required")
	f("new and required", func(c *Content) {
		c.Fields = append(c.Fields, Field{Name: "new", Type: String, Index: 3000, Required: true})
	}, "/fields/9/required")
	f("searchable", func(c *Content) { c.Fields[1].Searchable = true }, "/fields/1/searchable")
	f("not searchable", func(c *Content) { c.Fields[0].Searchable = false }, "")
	f("lengths", func(c *Content) { c.Fields[0].MinLength, c.Fields[0].MaxLength = ptr(2), ptr(7) }, "/fields/0/maxLength /fields/0/minLength")
	f("below the default length", func(c *Content) { c.Fields[7].MaxLength = ptr(DefaultLength - 1) }, "/fields/7/maxLength")
	f("the default length", func(c *Content) { c.Fields[7].MaxLength = ptr(DefaultLength) }, "")
	f("pattern changed", func(c *Content) { c.Fields[0].Pattern = ".*" }, "/fields/0/pattern")
	f("pattern added", func(c *Content) { c.Fields[6].Pattern = ".*" }, "/fields/6/maxLength /fields/6/pattern")
	f("numbers", func(c *Content) {
		c.Fields[1].Minimum, c.Fields[1].Maximum, c.Fields[1].Decimals = "0.01", "100", ptr(1)
	},
		"/fields/1/decimals /fields/1/maximum /fields/1/minimum")
	f("the same number", func(c *Content) { c.Fields[1].Maximum = json.Number("100.50") }, "")
	f("dates", func(c *Content) { c.Fields[2].Earliest, c.Fields[2].Latest = "2000-01-02", "2099-12-30" }, "/fields/2/earliest /fields/2/latest")
	unbounded := bearing()
	unbounded.Fields[1].Minimum, unbounded.Fields[1].Maximum, unbounded.Fields[2].Earliest, unbounded.Fields[2].Latest = "", "", "", ""
	if got := paths(Compare(unbounded, bearing())); got != "/fields/1/maximum /fields/1/minimum /fields/2/earliest /fields/2/latest" {
		t.Errorf("bounds added: %q", got)
	}
	f("option", func(c *Content) { c.Fields[4].Options = c.Fields[4].Options[1:] }, "/fields/4/options")
	f("reference", func(c *Content) { c.Fields[6].Template = "motor" }, "/fields/6/template")
	f("media types", func(c *Content) { c.Fields[5].MediaTypes = []string{"image/*"} }, "/fields/5/mediaTypes")

	old, revised := bearing(), bearing()
	old.Additional = true
	if got := paths(Compare(old, revised)); got != "/additional" {
		t.Errorf("additional off: %q", got)
	}
	revised.Additional = true
	revised.Fields = append(revised.Fields, Field{Name: "new", Type: String, Index: 3000})
	if got := paths(Compare(old, revised)); got != "/fields/9/index" {
		t.Errorf("new field beside additional values: %q", got)
	}
}

// TestComparePromise: what Compare has nothing against leaves every valid record valid.
func TestComparePromise(t *testing.T) {
	compatible, records := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		old, revised := fields(t), fields(t)
		for i := range revised.Fields { // most fields stay as they were, and fewer are required
			if i < len(old.Fields) && rapid.IntRange(0, 3).Draw(t, "keep") > 0 {
				revised.Fields[i] = old.Fields[i]
			}
			if rapid.Bool().Draw(t, "optional") {
				revised.Fields[i].Required = false
			}
		}
		before, err := old.Compile()
		if err != nil {
			t.Skip(err)
		}
		after, err := revised.Compile()
		if err != nil {
			t.Skip(err)
		}
		if len(Compare(old, revised)) > 0 {
			return
		}
		compatible++
		for range 8 {
			values, wrong := before.FromJSON([]byte(objects(t, old)))
			if len(wrong) > 0 || len(before.Record(values, nil)) > 0 {
				continue
			}
			records++
			if wrong := after.Record(values, values); len(wrong) > 0 {
				t.Fatalf("%s was valid: %v", before.ToJSON(values), wrong)
			}
		}
	})
	if compatible < 10 || records < 10 {
		t.Errorf("%d compatible revisions and %d records tell little", compatible, records)
	}
}
