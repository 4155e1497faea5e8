package handle_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

func namespace(t *testing.T, text string) *handle.Namespace {
	t.Helper()
	n, err := handle.ParseNamespace([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return n
}

func TestParseNamespace(t *testing.T) {
	n := namespace(t, `<?xml version="1.0"?><namespace><!-- a --><contact> a@example.com </contact><status>inactive</status>
		<statusmsg>gone &amp; lost</statusmsg><locs>10.1/x</locs><locs no_nslocs="true">10.1/y</locs></namespace>`)
	n.Parent = namespace(t, `<namespace><locs>10.1/z</locs><template delimiter="-"/></namespace>`)
	if n.Contact != "a@example.com" || n.Status != "inactive" || n.Message != "gone & lost" || !n.OwnLocations {
		t.Errorf("%+v", n)
	}
	if got := n.AllLocations(); !slices.Equal(got, []string{"10.1/x", "10.1/y"}) {
		t.Errorf("locations = %q", got)
	}
	n.OwnLocations = false
	if got := n.AllLocations(); len(got) != 3 {
		t.Errorf("locations = %q", got)
	}
	if n.Parent.Status != handle.StatusActive || n.Delimiter() != "-" {
		t.Errorf("status %q, delimiter %q", n.Parent.Status, n.Delimiter())
	}
	for _, text := range []string{"", "text", "<a>", "<a></b>", "<a>" + strings.Repeat("<b>", 40), "<a>" + strings.Repeat(" ", 1<<16) + "</a>"} {
		if _, err := handle.ParseNamespace([]byte(text)); err != handle.ErrBody {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestNamespaceSplit(t *testing.T) {
	f := func(delimiter, name, base, extension string, ok bool) {
		t.Helper()
		n := namespace(t, `<namespace><template delimiter="`+delimiter+`"/></namespace>`)
		if b, e, got := n.Split(name); b != base || e != extension || got != ok {
			t.Errorf("Split(%q) = %q, %q, %v", name, b, e, got)
		}
	}
	f("-", "88.1/a-1-2", "88.1/a", "1-2", true)
	f("-", "88-1/a", "", "", false)
	f("@@", "88.1/a@b@@", "88.1/a@b", "", true)
	f("/", "88.1/a", "88.1", "a", true)
	f("", "88.1/a", "", "", false)
	f("-", "a-b", "", "", false)
}

func TestExpand(t *testing.T) {
	base := []identifier.Value{
		{Index: 1, Type: "URL", Data: []byte("http://example.com/doc"), TTL: 300, Perms: identifier.DefaultPerms},
		{Index: 2, Type: "EMAIL", Data: []byte("a@example.com")},
	}
	// f lists what comes out as index:type=data.
	f := func(name, body, extension, want string) {
		t.Helper()
		n := namespace(t, `<namespace><template delimiter="-">`+body+`</template></namespace>`)
		values, found, err := n.Expand(handle.Expansion{Handle: "88.1/a-" + extension, Base: "88.1/a", Extension: extension, Values: base})
		var got []string
		for _, v := range values {
			got = append(got, strconv.Itoa(int(v.Index))+":"+v.Type+"="+string(v.Data))
		}
		if !found {
			got = []string{"none"}
		}
		if err != nil {
			got = []string{"error"}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", name, s, want)
		}
	}
	f("copy", `<foreach><value/></foreach>`, "1", "1:URL=http://example.com/doc 2:EMAIL=a@example.com")
	f("page", `<foreach><if value="type" expression="URL"><value data="${data}#p=${extension}"/></if><else><value/></else></foreach>`,
		"7", "1:URL=http://example.com/doc#p=7 2:EMAIL=a@example.com")
	f("groups", `<if test="matches" expression="(\d+)x(\d+)" parameter="x"><value type="DESC" data="$0 ${x[2]}-${x[1]}${x[3]}"/></if>`,
		"10x20", "1:DESC=10x20 20-10")
	f("groups of the extension", `<if test="matches" expression="(\d+)x(\d+)"><value type="DESC" data="$2 by $1"/></if>`, "3x4", "1:DESC=4 by 3")
	f("whole match only", `<if test="matches" expression="\d"><value type="A" data="a"/></if><else><value type="B" data="b"/></else>`, "12", "1:B=b")
	f("case", `<if test="matches" expression="abc"><value type="A" data="a"/></if>`, "ABC", "1:A=a")
	f("negated", `<if expression="x" negate="true"><value type="A" data="a"/></if><else><value type="B" data="b"/></else>`, "x", "1:B=b")
	f("always", `<if><value type="A" data="a"/></if><else><value type="B" data="b"/></else>`, "x", "1:A=a")
	f("not found", `<if test="matches" expression="\d+" negate="true"><notfound/></if><foreach><value/></foreach>`, "x", "none")
	f("defined", `<def parameter="u"><value type="x" data="${base}!"/></def><value type="A" data="${u}${u}"/>`, "x", "1:A=88.1/a!88.1/a!")
	f("text", `<value type="A">one &amp; ${handle}</value>`, "x", "1:A=one & 88.1/a-x")
	f("markup", `<value type="10320/loc"> <locations><location href="${extension}"/></locations> </value>`, "x",
		`1:10320/loc=<locations><location href="x"/></locations>`)
	f("escapes", `<value type="A" data="\$1 $ $x \\ ${none}. ${"/>`, "x", `1:A=$1 $ $x \ . ${`)
	f("indexes", `<foreach><value index="5"/></foreach><value type="A" data="a" index="9"/>`, "x",
		"5:URL=http://example.com/doc 6:EMAIL=a@example.com 1:A=a")
	f("needs type and data", `<value type="A"/><value data="a"/>`, "x", "")
	f("nested foreach", `<foreach><foreach><value/></foreach></foreach>`, "x", "")
	f("look-ahead", `<if test="matches" expression="(?=a)b"><value type="A" data="a"/></if>`, "x", "error")
	f("growth", `<def parameter="a"><value type="x" data="0123456789"/></def>`+
		strings.Repeat(`<def parameter="a"><value type="x" data="${a}${a}"/></def>`, 40)+`<value type="A" data="${a}"/>`, "x", "error")
	f("many values", strings.Repeat(`<value type="A" data="a"/>`, 2100), "x", "error")
}

func TestExpandElsewhere(t *testing.T) {
	x := handle.Expansion{Handle: "88.1/a-1", Base: "88.1/a", Extension: "1", Values: []identifier.Value{{Index: 1, Type: "URL"}}}
	n := namespace(t, `<namespace/>`)
	if values, found, err := n.Expand(x); err != nil || !found || len(values) != 1 {
		t.Errorf("without a template: %v, %v, %v", values, found, err)
	}
	n.Parent = namespace(t, `<namespace><template delimiter="-"><value type="A" data="a"/></template></namespace>`)
	if values, found, err := n.Expand(x); err != nil || !found || len(values) != 1 || values[0].Type != "A" {
		t.Errorf("of the parent: %v, %v, %v", values, found, err)
	}
	cites := 0
	x.Cite = func(ref identifier.Ref) ([]byte, bool) {
		cites++
		switch ref {
		case identifier.Ref{Handle: "88.1/t", Index: 7}:
			return []byte(`<template><value type="B" data="b"/></template>`), true
		case identifier.Ref{Handle: "88.1/loop", Index: 1}:
			return []byte(`<template ref="1:88.1/loop"/>`), true
		}
		return nil, false
	}
	for ref, want := range map[string]bool{"7:88.1/t": true, "1:88.1/loop": false, "9:88.1/none": false} {
		n = namespace(t, `<namespace><template delimiter="-" ref="`+ref+`"/></namespace>`)
		if values, found, err := n.Expand(x); err != nil || found != want || found && values[0].Type != "B" {
			t.Errorf("%s: %v, %v, %v", ref, values, found, err)
		}
	}
	if cites > 20 {
		t.Errorf("%d cites", cites)
	}
}

func FuzzNamespace(f *testing.F) {
	f.Add([]byte(`<namespace><template delimiter="-"><foreach><if value="type" expression="URL"><value data="${data}#$1"/></if></foreach></template></namespace>`), "1")
	f.Add([]byte(`<namespace><template><def parameter="a"><value type="x">y</value></def><if test="matches" expression="(a)"><notfound/></if></template></namespace>`), "a")
	f.Fuzz(func(t *testing.T, data []byte, extension string) {
		n, err := handle.ParseNamespace(data)
		if err != nil {
			return
		}
		values, found, err := n.Expand(handle.Expansion{Base: "88.1/a", Extension: extension, Values: []identifier.Value{{Index: 1, Type: "URL", Data: data}}})
		if (err != nil || !found) && values != nil {
			t.Errorf("%d values of nothing", len(values))
		}
	})
}

// TestExpandBounds: a template that makes much of little ends in an error, soon.
func TestExpandBounds(t *testing.T) {
	long := strings.Repeat("${data}", 4000)
	n := namespace(t, `<namespace><template delimiter="@"><foreach><value data="`+long+`"/></foreach></template></namespace>`)
	var values []identifier.Value
	for i := range 2000 {
		values = append(values, identifier.Value{Index: uint32(i + 1), Type: "URL", Data: []byte("0123456789")})
	}
	if _, _, err := n.Expand(handle.Expansion{Handle: "a/b@c", Base: "a/b", Extension: "c", Values: values}); err != handle.ErrTemplate {
		t.Errorf("got %v", err)
	}
	if _, found, err := n.Expand(handle.Expansion{Handle: "a/b@c", Base: "a/b", Extension: "c", Values: values[:10]}); err != nil || !found {
		t.Errorf("a few values: %v, %v", found, err)
	}
}
