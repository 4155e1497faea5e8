package location_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/handle/location"
)

const sample = `<?xml version="1.0" encoding="UTF-8"?>
<locations chooseby="locatt,country,weighted">
<location id="0" href="https://us.example/" country="us" weight="1" />
<location id="1" href="https://cn.example/?a=1&amp;b=2" country="cn" weight="3" />
<location id="2" href="https://cn2.example/" country="CN" weight="1" />
<location id="3" href="https://any.example/" weight="0" />
<location id="4"/>
</locations>`

func TestChoose(t *testing.T) {
	at := func(f float64) func(float64) float64 { return func(below float64) float64 { return f * below } }
	for _, c := range []struct {
		name, xml string
		r         location.Request
		want      string
	}{
		{"country", sample, location.Request{Country: "us", Random: at(0.9)}, "https://us.example/"},
		{"country and weight, low", sample, location.Request{Country: "CN", Random: at(0.7)}, "https://cn.example/?a=1&b=2"},
		{"country and weight, high", sample, location.Request{Country: "CN", Random: at(0.8)}, "https://cn2.example/"},
		{"another country: what is for nobody in particular", sample, location.Request{Country: "de", Random: at(0.5)}, "https://any.example/"},
		{"no country", sample, location.Request{Random: at(0.5)}, "https://any.example/"},
		{"attribute", sample, location.Request{Attributes: [][2]string{{"id", "0"}}, Country: "cn", Random: at(0.5)}, "https://us.example/"},
		{"attribute of a place of weight 0", sample, location.Request{Attributes: [][2]string{{"ID", "3"}}, Random: at(0)}, "https://any.example/"},
		{"attribute that no place has", sample, location.Request{Attributes: [][2]string{{"id", "9"}}, Country: "us"}, "https://us.example/"},
		{"two attributes", sample, location.Request{Attributes: [][2]string{{"country", "CN"}, {"id", "2"}}}, "https://cn2.example/"},
		{"weight 0 is not drawn", `<locations><location href="a" weight="0"/><location href="b"/></locations>`, location.Request{Random: at(0)}, "b"},
		{"weights of 0 alone are drawn alike", `<locations><location href="a" weight="0"/><location href="b" weight="0"/></locations>`, location.Request{Random: at(0.9)}, "b"},
		{"a weight that is none counts 1", `<locations><location href="a" weight="x"/><location href="b"/></locations>`, location.Request{Random: at(0.4)}, "a"},
		{"a weight below 0 is 0", `<locations><location href="a" weight="-3"/><location href="b"/></locations>`, location.Request{Random: at(0)}, "b"},
		{"no way of choosing: by weight", `<locations chooseby=""><location href="a" weight="0"/><location href="b"/></locations>`, location.Request{Random: at(0.9)}, "b"},
		{"after the last way of choosing: by weight", `<locations chooseby="locatt"><location href="a"/><location href="b"/></locations>`, location.Request{Random: at(0.9)}, "b"},
		{"an order that is not known", `<locations chooseby="moon, country"><location href="a"/><location href="b" country="cn"/></locations>`, location.Request{Country: "cn"}, "b"},
		{"nothing random", `<locations><location href="a"/><location href="b" weight="9"/></locations>`, location.Request{}, "a"},
		{"none", `<locations/>`, location.Request{}, ""},
	} {
		l, err := location.Parse([]byte(c.xml))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := ""
		if one := l.Choose(c.r); one != nil {
			got = one.Href
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]error{
		"":                         location.ErrForm,
		"https://example.com":      location.ErrForm,
		"<location href='a'/>":     location.ErrForm,
		"<locations>":              location.ErrForm,
		"<locations/><locations/>": location.ErrForm,
		"<!DOCTYPE x [<!ENTITY e 'x'>]><locations><location href='&e;'/></locations>":                         location.ErrForm,
		`<?xml version="1.0" encoding="GB2312"?><locations/>`:                                                 location.ErrForm,
		"<locations>" + strings.Repeat("<location>", 50) + strings.Repeat("</location>", 50) + "</locations>": location.ErrForm,
		"<locations>" + strings.Repeat("<location href='a'/>", 1001) + "</locations>":                         location.ErrTooLarge,
		"<locations>" + strings.Repeat(" ", 64<<10) + "</locations>":                                          location.ErrTooLarge,
	} {
		if l, err := location.Parse([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%.60q: %v, %v; want %v", text, l, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := location.Parse(data)
		if err != nil {
			return
		}
		one := l.Choose(location.Request{Attributes: [][2]string{{"id", "1"}}, Country: "cn", Random: func(below float64) float64 { return below / 2 }})
		if (one == nil) != (len(l.All) == 0) {
			t.Errorf("%d places, chosen %v", len(l.All), one)
		}
	})
}
