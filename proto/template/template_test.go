package template

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
)

func ptr(n int) *int { return &n }

// bearing is a template with a field of every type.
func bearing() *Content {
	c := &Content{
		Title: Text{ZH: "深沟球轴承", EN: "Deep groove ball bearing"}, Industry: "c3451",
		Fields: []Field{
			{Name: "model", Title: Text{ZH: "型号", EN: "model"}, Type: String, Required: true, Searchable: true, MaxLength: ptr(8), Pattern: "[0-9]+(-[A-Z]+)?", Role: RoleProductName},
			{Name: "weight", Type: Number, Unit: "kg", Minimum: "0", Maximum: "100.5", Decimals: ptr(2)},
			{Name: "made", Type: Date, Earliest: "2000-01-01", Latest: "2099-12-31", Role: RoleMade},
			{Name: "sealed", Type: Boolean},
			{Name: "cage", Type: Enum, Options: []Option{{Value: "steel", Title: Text{ZH: "钢"}}, {Value: "brass"}}, Index: 2010},
			{Name: "drawing", Type: File, MediaTypes: []string{"application/pdf"}, Read: ReadPrivate},
			{Name: "partOf", Type: Reference, Template: "pump"},
			{Name: "shop", Type: URL, Read: ReadPublic},
			{Name: "old", Type: String, Disabled: true, Required: true},
		},
	}
	c.Normalise()
	return c
}

func compile(t *testing.T, c *Content) *Validator {
	t.Helper()
	v, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// paths are those of the problems, sorted.
func paths(all []Problem) string {
	var out []string
	for _, p := range all {
		out = append(out, p.Path)
		if text := p.String(); strings.Contains(text, "%!") {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestNormalise(t *testing.T) {
	c := &Content{Industry: " c34 ", Title: Text{EN: " x "}, Fields: []Field{{Name: " a "}, {Name: "b", Index: 2000}, {Name: "c"}, {Name: "d", Index: 7}, {Name: "e"}}}
	c.Normalise()
	var got []uint32
	for _, f := range c.Fields {
		got = append(got, f.Index)
	}
	if want := []uint32{2001, 2000, 2002, 7, 2003}; !slices.Equal(got, want) {
		t.Errorf("indexes %v, want %v", got, want)
	}
	if c.Industry != "C34" || c.Title.EN != "x" || c.Fields[0].Name != "a" {
		t.Errorf("not trimmed: %+v", c)
	}
}

func TestCheck(t *testing.T) {
	if wrong := bearing().Check(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	f := func(name string, change func(c *Content), want string) {
		t.Helper()
		c := bearing()
		change(c)
		if got := paths(c.Check()); got != want {
			t.Errorf("%s: problems at %q, want %q: %v", name, got, want, c.Check())
		}
	}
	f("no fields", func(c *Content) { c.Fields = nil }, "/fields")
	f("too many fields", func(c *Content) { c.Fields = make([]Field, MaxFields+1) }, "/fields")
	f("industry", func(c *Content) { c.Industry = "Z1" }, "/industry")
	f("long title", func(c *Content) { c.Title.ZH = strings.Repeat("长", 342) }, "/title/zh")
	f("several at once", func(c *Content) {
		c.Fields[0].Name, c.Fields[1].Index, c.Fields[2].Role, c.Fields[3].MinLength = "1x", 1000, RoleSerial, ptr(1)
	}, "/fields/0/name /fields/1/index /fields/2/role /fields/3/minLength")
	f("same name in other case", func(c *Content) { c.Fields[1].Name = "MODEL" }, "/fields/1/name")
	f("same index", func(c *Content) { c.Fields[1].Index = c.Fields[0].Index }, "/fields/1/index")
	f("no index", func(c *Content) { c.Fields[1].Index = 0 }, "/fields/1/index")
	f("great index", func(c *Content) { c.Fields[1].Index = 1 << 31 }, "/fields/1/index")
	f("name of the Handle System", func(c *Content) { c.Fields[1].Name = "hs_admin" }, "/fields/1/name")
	f("name of the note", func(c *Content) { c.Fields[1].Name = "Template" }, "/fields/1/name")
	f("role twice", func(c *Content) { c.Fields[1].Role = RoleProductName }, "/fields/1/role")
	f("carrier's role", func(c *Content) { c.Fields[1].Role = RoleSerial }, "/fields/1/role")
	f("carrier's role of a carrier", func(c *Content) { c.Fields[1].Role, c.Carrier = RoleSerial, true }, "")
	f("unknown role", func(c *Content) { c.Fields[1].Role = "x" }, "/fields/1/role")
	f("time made is no number", func(c *Content) { c.Fields[1].Role, c.Fields[2].Role = RoleMade, "" }, "/fields/1/role")
	f("searchable file", func(c *Content) { c.Fields[5].Searchable = true }, "/fields/5/searchable")
	f("unknown type", func(c *Content) { c.Fields[3].Type = "int" }, "/fields/3/type")
	f("lengths crossed", func(c *Content) { c.Fields[0].MinLength = ptr(9) }, "/fields/0/minLength")
	f("required but empty", func(c *Content) { c.Fields[0].MaxLength = ptr(0) }, "/fields/0/minLength")
	f("negative length", func(c *Content) { c.Fields[7].MinLength = ptr(-1) }, "/fields/7/minLength")
	f("long with a pattern", func(c *Content) { c.Fields[0].MaxLength = ptr(MaxMatched + 1) }, "/fields/0/maxLength")
	f("numbers crossed", func(c *Content) { c.Fields[1].Minimum = "100.51" }, "/fields/1/minimum")
	f("exponent", func(c *Content) { c.Fields[1].Maximum = "1e9" }, "/fields/1/maximum")
	f("decimals", func(c *Content) { c.Fields[1].Decimals = ptr(39) }, "/fields/1/decimals")
	f("days crossed", func(c *Content) { c.Fields[2].Latest = "1999-12-31" }, "/fields/2/earliest")
	f("no day", func(c *Content) { c.Fields[2].Latest = "2099-02-30" }, "/fields/2/latest")
	f("pattern", func(c *Content) { c.Fields[0].Pattern = "(" }, "/fields/0/pattern")
	f("pattern out of its group", func(c *Content) { c.Fields[0].Pattern = "a)|(b" }, "/fields/0/pattern")
	f("pattern without an end", func(c *Content) { c.Fields[0].Pattern = `\Qa` }, "/fields/0/pattern")
	f("dear pattern", func(c *Content) { c.Fields[0].Pattern = "((a{20}){20}){20}" }, "/fields/0/pattern")
	f("long pattern", func(c *Content) { c.Fields[0].Pattern = strings.Repeat("a", MaxPattern+1) }, "/fields/0/pattern")
	f("no options", func(c *Content) { c.Fields[4].Options = nil }, "/fields/4/options")
	f("options twice", func(c *Content) { c.Fields[4].Options[1].Value = "steel" }, "/fields/4/options/1/value")
	f("too many options", func(c *Content) { c.Fields[4].Options = make([]Option, MaxOptions+1) }, "/fields/4/options")
	f("media type", func(c *Content) { c.Fields[5].MediaTypes = []string{"image/*", "pdf"} }, "/fields/5/mediaTypes/1")
	f("no readers", func(c *Content) { c.Fields[5].Read = ReadEnterprises }, "/fields/5/readers")
	f("readers of all", func(c *Content) { c.Fields[7].Readers = []string{"e1"} }, "/fields/7/readers")
	f("reader twice", func(c *Content) { c.Fields[7].Read, c.Fields[7].Readers = ReadEnterprises, []string{"e1", "e1"} }, "/fields/7/readers/1")
	f("control character", func(c *Content) { c.Fields[1].Unit = "k\ng" }, "/fields/1/unit")
}

func TestContentJSON(t *testing.T) {
	text, err := json.Marshal(bearing())
	if err != nil {
		t.Fatal(err)
	}
	var back Content
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(&back)
	if string(again) != string(text) {
		t.Errorf("got %s\nwant %s", again, text)
	}
	if strings.Contains(string(text), "null") || strings.Contains(string(text), `""`) {
		t.Errorf("empty members are written: %s", text)
	}
}

func TestRecord(t *testing.T) {
	v := compile(t, bearing())
	f := func(name, object, want string, more ...identifier.Value) {
		t.Helper()
		values, wrong := v.FromJSON([]byte(object))
		if len(wrong) > 0 {
			t.Errorf("%s: %v", name, wrong)
			return
		}
		if all := v.Record(append(values, more...), nil); paths(all) != want {
			t.Errorf("%s: problems at %q, want %q: %v", name, paths(all), want, all)
		}
	}
	f("all", `{"model":"6204-ZZ","weight":0.12,"made":"2026-01-02","sealed":true,"cage":"brass","drawing":"f1","partOf":"88.101.5/pump","shop":"https://x.example/"}`, "")
	f("least", `{"model":"6204"}`, "")
	f("nothing", `{}`, "/values")
	f("empty", `{"model":""}`, "/values/0/data /values/0/data")
	f("long", `{"model":"123456789"}`, "/values/0/data")
	f("characters, not octets", `{"model":"1","shop":"x:`+strings.Repeat("中", 3990)+`"}`, "")
	f("pattern", `{"model":"6204-zz"}`, "/values/0/data")
	f("everything at once", `{"weight":-1.125,"made":"2026-02-30","cage":"wood","drawing":"a b","partOf":"no","shop":"/x"}`,
		"/values /values/0/data /values/0/data /values/1/data /values/2/data /values/3/data /values/4/data /values/5/data")
	f("moment", `{"model":"1","made":"2026-01-02T23:00:00+08:00"}`, "")
	f("early", `{"model":"1","made":"1999-12-31T23:00:00Z"}`, "/values/1/data")
	f("late", `{"model":"1","made":"2100-01-01"}`, "/values/1/data")
	f("zeros do not count", `{"model":"1","weight":1.500}`, "")
	f("great", `{"model":"1","weight":100.51}`, "/values/1/data")
	f("script", `{"model":"1","shop":"javascript:alert(1)"}`, "/values/1/data")
	f("disabled", `{"model":"1","old":"x"}`, "/values/1")
	f("administrative", `{"model":"1"}`, "", identifier.Value{Index: 100, Type: "HS_ADMIN"}, identifier.Value{Index: 1000, Type: "TEMPLATE_ID"},
		identifier.Value{Index: 1001, Type: "template"}, identifier.Value{Index: 2001, Type: "hs_site"})
	f("no field", `{"model":"1"}`, "/values/1/index", identifier.Value{Index: 1, Type: "URL"})
	f("another field's name", `{"model":"1"}`, "/values/1/index", identifier.Value{Index: 1, Type: "WEIGHT", Data: []byte("1")})
	f("type in other case", `{"model":"1"}`, "", identifier.Value{Index: 2001, Type: "WEIGHT", Data: []byte("1")})
	f("another type", `{"model":"1"}`, "/values/1/type", identifier.Value{Index: 2001, Type: "mass", Data: []byte("1")})
	f("twice", `{"model":"1"}`, "/values/1/index", identifier.Value{Index: 2000, Type: "model", Data: []byte("1")})
	f("not UTF-8", `{"model":"1"}`, "/values/1/data", identifier.Value{Index: 2001, Type: "weight", Data: []byte("\xff")})

	kept := []identifier.Value{{Index: 2000, Type: "model", Data: []byte("1")}, {Index: v.FieldByName("OLD").Index, Type: "old", Data: []byte("x")}}
	if all := v.Record(kept, kept); len(all) > 0 {
		t.Errorf("a kept value of a disabled field: %v", all)
	}
	changed := slices.Clone(kept)
	changed[1].Data = []byte("y")
	if all := v.Record(changed, kept); paths(all) != "/values/1" {
		t.Errorf("a changed value of a disabled field: %v", all)
	}
}

func TestAdditional(t *testing.T) {
	c := bearing()
	c.Additional = true
	v := compile(t, c)
	model := identifier.Value{Index: 2000, Type: "model", Data: []byte("1")}
	if all := v.Record([]identifier.Value{model, {Index: 1, Type: "URL", Data: []byte("\xff")}}, nil); len(all) > 0 {
		t.Error(all)
	}
	if all := v.Record([]identifier.Value{model, {Index: 1, Type: "weight"}}, nil); paths(all) != "/values/1/index" {
		t.Error(all)
	}
}

func TestFromJSON(t *testing.T) {
	v := compile(t, bearing())
	f := func(object, want string) {
		t.Helper()
		if _, all := v.FromJSON([]byte(object)); paths(all) != want {
			t.Errorf("%s: problems at %q, want %q: %v", object, paths(all), want, all)
		}
	}
	f(`{"model":null}`, "")
	f(`{"Model":"x","no/such~":1,"weight":"1","sealed":"true","made":20260102,"cage":["steel"],"shop":{"a":[1,{}]}}`,
		"/fields/Model /fields/cage /fields/made /fields/no~1such~0 /fields/sealed /fields/shop /fields/weight")
	f(`{"model":"x","model":"y"}`, "/fields/model")
	f(`{"weight":1e3}`, "/fields/weight")
	f(`{"weight":0.`+strings.Repeat("1", 38)+`}`, "/fields/weight")
	f(`{"weight":0.`+strings.Repeat("1", 37)+`}`, "")
	f(``, "/fields")
	f(`[]`, "/fields")
	f(`null`, "/fields")
	f(`{"model":"x"`, "/fields")
	f(`{"model":"x"} {}`, "/fields")
	f(`{"model"}`, "/fields")
	f("{\"model\":\"\xff\"}", "/fields")

	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, `,"x%d":1`, i)
	}
	if _, all := v.FromJSON([]byte("{" + many.String()[1:] + "}")); len(all) != maxProblems {
		t.Errorf("%d problems", len(all))
	}

	object := `{"model":"<&>","weight":0.120,"made":"2026-01-02","sealed":true,"shop":"https://x.example/","cage":"steel"}`
	values, _ := v.FromJSON([]byte(`{"cage":"steel","sealed":true,"shop":"https://x.example/","made":"2026-01-02","weight":0.120,"model":"<&>"}`))
	if got := string(v.ToJSON(values)); got != object {
		t.Errorf("got %s, want %s", got, object)
	}
	if got := string(v.ToJSON([]identifier.Value{{Index: 2001, Type: "weight", Data: []byte("\xff")}, {Index: 2000, Type: "URL"}, {Index: 2003, Type: "Sealed", Data: []byte("yes")}})); got != `{"weight":"�","sealed":"yes"}` {
		t.Errorf("odd values: %s", got)
	}
}

func TestPerms(t *testing.T) {
	v := compile(t, bearing())
	values, _ := v.FromJSON([]byte(`{"model":"1","drawing":"f1","shop":"https://x.example/"}`))
	f := func(want ...identifier.Perms) {
		t.Helper()
		for i := range values {
			if values[i].Perms != want[i] || values[i].TTL != identifier.DefaultTTL {
				t.Errorf("%s: perms %d, want %d", values[i].Type, values[i].Perms, want[i])
			}
		}
	}
	hidden := identifier.DefaultPerms &^ identifier.PublicRead
	f(identifier.DefaultPerms, hidden, identifier.DefaultPerms)
	values[0].Perms, values[1].Perms, values[2].Perms = hidden, identifier.DefaultPerms, hidden
	v.Perms(values)
	f(hidden, hidden, identifier.DefaultPerms)
}

func TestIndexText(t *testing.T) {
	v := compile(t, bearing())
	f := func(field, data, want string) {
		t.Helper()
		if got := v.IndexText(v.FieldByName(field), []byte(data)); got != want {
			t.Errorf("%s %q: %q, want %q", field, data, got, want)
		}
	}
	f("weight", "0.120", "0.12")
	f("weight", "-0.0", "0")
	f("weight", "-10", "-10")
	f("weight", "x", "x")
	f("model", "aB", "aB")
	f("model", strings.Repeat("中", 50), strings.Repeat("中", 42))
	f("sealed", "true", "true")
	f("made", "2026-01-02", "2026-01-02")
	if s := v.Searchable(); len(s) != 1 || s[0].Name != "model" || v.Field(2000) != s[0] || v.Field(1) != nil || v.FieldByName("x") != nil {
		t.Errorf("searchable: %v", s)
	}
}

func TestDecimalCompare(t *testing.T) {
	order := []string{"-10", "-9.5", "-9", "-0.1", "0", "0.09", "0.1", "0.11", "1", "2", "10"}
	for i, a := range order {
		for j, b := range order {
			x, _ := parseDecimal(a)
			y, _ := parseDecimal(b)
			if got := x.compare(y); got > 0 != (i > j) || got < 0 != (i < j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
	for _, bad := range []string{"", "-", ".5", "5.", "01", "+1", "1e3", "1 ", "0x1", "١", "--1"} {
		if _, ok := parseDecimal(bad); ok {
			t.Errorf("%q is a number", bad)
		}
	}
}
