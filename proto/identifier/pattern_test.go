package identifier

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestCompute(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ns     Namespace
		p      Pattern
		id     string
		want   string // "": the rule does not apply
		second string // a second pattern's URL
	}{
		{"suffix as asked", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{URL: "https://x.example/p/{suffix}"}, "88.1021.150/SN-001", "https://x.example/p/SN-001", ""},
		{"canonical", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{URL: "https://x.example/?id={canonical}&as={id}&s={scheme}&p={prefix}"}, "88.1021.150/SN 1",
			"https://x.example/?id=88.1021.150%2Fsn%201&as=88.1021.150%2FSN%201&s=handle&p=88.1021.150", ""},
		{"encoding", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{URL: "https://x.example/{suffix}"}, "88.1021.150/a/b?c#d%2F+&=~-._中", "https://x.example/a%2Fb%3Fc%23d%252F%2B%26%3D~-._%E4%B8%AD", ""},
		{"match folds", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{Match: `SN-(\d+)`, URL: "https://x.example/{1}"}, "88.1021.150/sn-007", "https://x.example/007", ""},
		{"match is exact where case counts", Namespace{Scheme: Handle, Prefix: "88.1021.150", CaseSensitive: true}, Pattern{Match: `SN-(\d+)`, URL: "https://x.example/{1}"}, "88.1021.150/sn-007", "", ""},
		{"match is whole", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{Match: `a|b`, URL: "https://x.example/{0}"}, "88.1021.150/ab", "", ""},
		{"named group", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{Match: `(?P<lot>[^-]+)-(?P<n>.+)`, URL: "https://x.example/{lot}/{n}"}, "88.1021.150/L1-7", "https://x.example/L1/7", ""},
		{"group without a part", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{Match: `(a)|(b)`, URL: "https://x.example/{1}/{2}"}, "88.1021.150/b", "https://x.example//b", ""},
		{"newlines match too", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{Match: `a.b`, URL: "https://x.example/{0}"}, "88.1021.150/a\u0085b", "https://x.example/a%C2%85b", ""},
		{"first that applies", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{Match: `x`, URL: "https://x.example/1"}, "88.1021.150/y", "https://x.example/2", "https://x.example/2"},
		{"no prefix records", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{URL: "https://x.example/"}, "88.1021.150", "", ""},
		{"host", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{URL: "https://{suffix}.example/"}, "88.1021.150/shop", "https://shop.example/", ""},
		{"no way out of the host", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{URL: "https://{suffix}.example/"}, "88.1021.150/evil.com/", "", ""},
		{"another URI", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{URL: "tel:+86{suffix}"}, "88.1021.150/139", "tel:+86139", ""},
		{"as long as is matched", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{Match: "x+", URL: "https://x.example/"}, "88.1021.150/" + strings.Repeat("x", 255), "https://x.example/", ""},
		{"longer than is matched", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{Match: "x+", URL: "https://x.example/"}, "88.1021.150/" + strings.Repeat("x", 256), "", ""},
		{"too long", Namespace{Scheme: Handle, Prefix: "88.1021.150"}, Pattern{URL: "https://x.example/{suffix}"}, "88.1021.150/" + strings.Repeat("中", 600), "", ""},
		{"oid", Namespace{Scheme: OID, Prefix: "1.2.156.10001"}, Pattern{Match: `(\d+)\.(\d+)`, URL: "https://x.example/{1}/{2}?{prefix}:{suffix}"}, "1.2.156.10001.7.8", "https://x.example/7/8?1.2.156.10001:7.8", ""},
		{"oid of the namespace", Namespace{Scheme: OID, Prefix: "1.2.156.10001"}, Pattern{URL: "https://x.example/[{suffix}]"}, "1.2.156.10001", "https://x.example/[]", ""},
		{"ecode", Namespace{Scheme: Ecode, Prefix: "10064"}, Pattern{Match: `0*(\d+)`, URL: "https://x.example/{1}"}, "10064000123456789", "https://x.example/123456789", ""},
		{"gs1", Namespace{Scheme: GS1, Prefix: "690123"}, Pattern{URL: "https://x.example/{01}/{21}"}, "(01)06901234567892(21)A/1\\(b", "https://x.example/06901234567892/A%2F1%28b", ""},
		{"gs1 without the part", Namespace{Scheme: GS1, Prefix: "690123"}, Pattern{URL: "https://x.example/{01}/{21}"}, "6901234567892", "", ""},
		{"gs1 element string", Namespace{Scheme: GS1, Prefix: "690123"}, Pattern{Match: `\(01\)(\d{14})`, URL: "https://x.example/{1}"}, "6901234567892", "https://x.example/06901234567892", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.ns.Patterns = []Pattern{tc.p}
			if tc.second != "" {
				tc.ns.Patterns = append(tc.ns.Patterns, Pattern{URL: tc.second})
			}
			if err := tc.ns.Compile(); err != nil {
				t.Fatal(err)
			}
			id, err := tc.ns.Scheme.Parse(tc.id)
			if err != nil {
				t.Fatal(err)
			}
			v, ok := tc.ns.Compute(id)
			if ok != (tc.want != "") || string(v.Data) != tc.want {
				t.Errorf("got %q, %v, want %q", v.Data, ok, tc.want)
			}
		})
	}
}

func TestComputedValue(t *testing.T) {
	updated := time.Unix(1700000000, 0)
	id, err := Handle.Parse("88.1.1/x")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		p    Pattern
		want Value
	}{
		{Pattern{URL: "https://x.example/"}, Value{Index: 1, Type: "URL", TTL: 3600}},
		{Pattern{URL: "https://x.example/", Index: 7, Type: "ORS.CINF", TTL: 5}, Value{Index: 7, Type: "ORS.CINF", TTL: 5}},
	} {
		ns := Namespace{Scheme: Handle, Prefix: "88.1.1", Updated: updated, Patterns: []Pattern{tc.p}}
		if _, ok := ns.Compute(id); ok {
			t.Error("a pattern that is not compiled takes effect")
		}
		stored, err := json.Marshal(&ns)
		if err != nil {
			t.Fatal(err)
		}
		var got Namespace
		if err := json.Unmarshal(stored, &got); err != nil {
			t.Fatal(err)
		}
		v, ok := got.Compute(id)
		if !ok || v.Index != tc.want.Index || v.Type != tc.want.Type || v.TTL != tc.want.TTL || v.Perms != DefaultPerms || v.Timestamp != 1700000000 {
			t.Errorf("%+v: got %+v, %v", tc.p, v, ok)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	good := "https://x.example/"
	for _, tc := range []struct {
		scheme Scheme
		p      Pattern
		field  string
		reason string
	}{
		{Handle, Pattern{}, "url", "not an absolute URI"},
		{Handle, Pattern{URL: "/x/{suffix}"}, "url", "not an absolute URI"},
		{Handle, Pattern{URL: "{suffix}"}, "url", "not an absolute URI"},
		{Handle, Pattern{URL: "{suffix}:x"}, "url", "not an absolute URI"},
		{Handle, Pattern{URL: "https:///x"}, "url", "not an absolute URI"},
		{Handle, Pattern{URL: "https://x.example/%zz"}, "url", "not an absolute URI"},
		{Handle, Pattern{URL: "https://x.example/a b"}, "url", "does not stand in a URI"},
		{Handle, Pattern{URL: "https://x.example/\xff"}, "url", "not UTF-8"},
		{Handle, Pattern{URL: "javascript:{suffix}"}, "url", "a program"},
		{Handle, Pattern{URL: "Data:text/html,{suffix}"}, "url", "a program"},
		{Handle, Pattern{URL: "https://{suffix}"}, "url", "a host whose end"},
		{Handle, Pattern{URL: "https://x.{suffix}/"}, "url", "a host whose end"},
		{Handle, Pattern{URL: "https://x.example:{suffix}/"}, "url", "a host whose end"},
		{Handle, Pattern{URL: "https://{suffix}@x.example/"}, "url", "a host whose end"},
		{Handle, Pattern{URL: good + "{"}, "url", "curly bracket"},
		{Handle, Pattern{URL: good + "}"}, "url", "curly bracket"},
		{Handle, Pattern{URL: good + "{a{b}"}, "url", "none of id"},
		{Handle, Pattern{URL: good + "{}"}, "url", "none of id"},
		{Handle, Pattern{URL: good + "{name}"}, "url", "no match to have groups"},
		{Handle, Pattern{URL: good + "{21}"}, "url", "no match to have groups"},
		{Handle, Pattern{Match: "(a)", URL: good + "{2}"}, "url", "nor a group"},
		{Handle, Pattern{Match: "(?P<x>a)", URL: good + "{y}"}, "url", "nor a group"},
		{GS1, Pattern{URL: good + "{1}"}, "url", "no match to have groups"},
		{Handle, Pattern{URL: good + strings.Repeat("x", MaxPatternURL)}, "url", "longer than 2048 octets"},
		{Handle, Pattern{Match: "a(", URL: good}, "match", "missing closing )"},
		{Handle, Pattern{Match: "a)(b", URL: good}, "match", "unexpected )"},
		{Handle, Pattern{Match: `(?=a)`, URL: good}, "match", "not an expression of RE2"},
		{Handle, Pattern{Match: strings.Repeat("x", MaxPatternMatch+1), URL: good}, "match", "longer than 512 octets"},
		{Handle, Pattern{Match: `(?:(?:...){20}){40}`, URL: good}, "match", "too long to match"},
		{Handle, Pattern{Match: `.{999}.{999}.{999}`, URL: good}, "match", "too long to match"},
		{Handle, Pattern{URL: good, Type: "a\x00"}, "type", "control character"},
		{Handle, Pattern{URL: good, Index: 1 << 31}, "index", "not from 1"},
		{Handle, Pattern{URL: good, TTL: -1}, "ttl", "negative"},
	} {
		ns := Namespace{Scheme: tc.scheme, Patterns: []Pattern{{URL: good}, tc.p}}
		e, ok := errors.AsType[*PatternError](ns.Compile())
		if !ok || e.Pattern != 1 || e.Field != tc.field || !strings.Contains(e.Reason, tc.reason) {
			t.Errorf("%.60v: got %v, want %s: …%s…", tc.p, e, tc.field, tc.reason)
		}
	}
	ns := Namespace{Scheme: Handle, Patterns: make([]Pattern, MaxPatterns+1)}
	if e, ok := errors.AsType[*PatternError](ns.Compile()); !ok || !strings.Contains(e.Error(), "17 patterns; at most 16") {
		t.Errorf("too many: got %v", e)
	}
}

// FuzzCompute: whatever the identifier, the URL that comes out is one, and gives the suffix back.
func FuzzCompute(f *testing.F) {
	for _, suffix := range []string{"SN-1", "a//b", "../x", "a?b=c#d", "100%", "a%2Fb", "a b", "产品甲", "a+b&c=d", "{id}"} {
		f.Add("88.1021.150/" + suffix)
	}
	ns := Namespace{Scheme: Handle, Prefix: "88.1021.150", Patterns: []Pattern{{Match: "(.*)", URL: "https://x.example/{suffix}?a={1}&b={id}#{0}"}}}
	if err := ns.Compile(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := Handle.Parse(text)
		if err != nil || id.IsPrefixRecord() {
			return
		}
		v, ok := ns.Compute(id)
		if !ok {
			if len(id.Suffix()) < 300 { // at most 12 octets for each, and some
				t.Fatalf("nothing for %q", text)
			}
			return
		}
		u, err := url.Parse(string(v.Data))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		q := u.Query()
		if u.Host != "x.example" || u.Path != "/"+id.Suffix() || q.Get("a") != id.Suffix() || q.Get("b") != id.String() || u.Fragment != id.Suffix() {
			t.Fatalf("%q became %s", text, v.Data)
		}
	})
}
