package identifier

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestHandlePrefixRecord(t *testing.T) {
	for _, test := range []struct {
		text, name, prefix, suffix, namespace string
		isPrefix                              bool
	}{
		{"88.1021.A5", "0.na/88.1021.a5", "0.na", "88.1021.A5", "88.1021.a5", true},
		{"0.NA/88.1021.A5", "0.na/88.1021.a5", "0.na", "88.1021.A5", "88.1021.a5", true},
		{"0.na/88.1021.a5", "0.na/88.1021.a5", "0.na", "88.1021.a5", "88.1021.a5", true},
		{"0.NA/0.NA/88.990", "0.na/0.na/88.990", "0.na", "0.NA/88.990", "0.na", false},
		{"0.NA/", "0.na/", "0.na", "", "0.na", false},
		{"88.1021.A5/Ab/C", "88.1021.a5/ab/c", "88.1021.a5", "Ab/C", "88.1021.a5", false},
		{"88.1021/", "88.1021/", "88.1021", "", "88.1021", false},
	} {
		id, err := Handle.Parse(test.text)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		ns := slices.Collect(id.Namespaces())
		if id.String() != test.text || id.Canonical() != test.name || id.Prefix() != test.prefix || id.Suffix() != test.suffix ||
			id.IsPrefixRecord() != test.isPrefix || !slices.Equal(ns, []string{test.namespace}) {
			t.Errorf("%q: %q %q %q %q %v %q", test.text, id, id.Canonical(), id.Prefix(), id.Suffix(), id.IsPrefixRecord(), ns)
		}
	}
	id, _ := Handle.Parse("88.1021.A5/Ab/C")
	if k := id.Key(true); k != (Key{Handle, "88.1021.a5/Ab/C"}) {
		t.Errorf("case-sensitive key %v", k)
	}
	if k := id.Key(false); k != (Key{Handle, "88.1021.a5/ab/c"}) {
		t.Errorf("key %v", k)
	}
	bare, _ := Handle.Parse("88.1021.A5")
	if k := bare.Key(true); k != (Key{Handle, "0.na/88.1021.a5"}) {
		t.Errorf("key of a prefix record %v", k)
	}
}

func TestNamespaces(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"1.2.156.1", []string{"1.2.156.1", "1.2.156", "1.2", "1"}},
		{"2006411", []string{"2006411", "200641", "20064"}},
		{"400001产品", []string{"400001产品", "400001产", "400001"}},
		{"6901234567892", []string{"690123456789", "69012345678", "6901234567", "690123456", "69012345", "6901234", "690123", "69012", "6901"}},
		{"(00)106952012345678908", []string{"069520123456", "06952012345", "0695201234", "069520123", "06952012", "0695201", "069520", "06952", "0695"}},
		{"(8003)06901234567892X", []string{"690123456789", "69012345678", "6901234567", "690123456", "69012345", "6901234", "690123", "69012", "6901"}},
		{"(8004)690123AB", []string{"690123", "69012", "6901"}},
		{"2." + strings.Repeat("9", 300), []string{"2"}}, // names over 255 octets cannot be allocated
		{"2.1." + strings.Repeat("9", 251) + ".5", []string{"2.1." + strings.Repeat("9", 251), "2.1", "2"}},
	} {
		id, err := Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(id.Namespaces()); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
		for ns := range id.Namespaces() {
			if ns != test.want[0] {
				t.Errorf("%q begins with %q", test.text, ns)
			}
			break
		}
	}
}

// A limit in the middle of a character cuts before it.
func TestLongEcodeNamespaces(t *testing.T) {
	id, err := Parse("400001" + strings.Repeat("产", 100))
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Collect(id.Namespaces())
	if len(all) != 84 || all[0] != "400001"+strings.Repeat("产", 83) || all[83] != "400001" {
		t.Errorf("%d namespaces, %q to %q", len(all), all[0], all[len(all)-1])
	}
}

func TestParseNamespace(t *testing.T) {
	for _, test := range []struct {
		scheme     Scheme
		text, want string // want "" for a refusal
	}{
		{Handle, "88.1021", "88.1021"}, {Handle, "88.1021.150", "88.1021.150"}, {Handle, "20.500.ABC", "20.500.abc"},
		{Handle, "88.1", ""}, {Handle, "88.1021.", ""}, {Handle, "88.1021/x", ""}, {Handle, "", ""}, {Handle, "\xff", ""}, {Handle, strings.Repeat("x", 256), ""},
		{OID, "1", "1"}, {OID, "1.2.156", "1.2.156"}, {OID, "urn:oid:1.2", "1.2"}, {OID, "/ISO", "1"}, {OID, "3", ""}, {OID, "", ""},
		{Ecode, "10036", "10036"}, {Ecode, "100361", "100361"}, {Ecode, "400001产", "400001产"}, {Ecode, "1003", ""}, {Ecode, "50036", ""}, {Ecode, "10036A", ""},
		{GS1, "6901", "6901"}, {GS1, "690123456789", "690123456789"}, {GS1, "690", ""}, {GS1, "6901234567890", ""}, {GS1, "690x", ""},
		{0, "1", ""}, {9, "1", ""},
	} {
		got, err := test.scheme.ParseNamespace(test.text)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s namespace %q: %q, %v", test.scheme, test.text, got, err)
		}
	}
	for _, test := range []struct {
		scheme       Scheme
		outer, inner string
		want         bool
	}{
		{Handle, "88.1021", "88.1021.150", true}, {Handle, "88.1021", "88.1021", true}, {Handle, "88.102", "88.1021", false}, {Handle, "", "88", false},
		{OID, "1.2", "1.2.156", true}, {OID, "1.2", "1.20", false}, {Ecode, "10036", "100361", true}, {Ecode, "10036", "10037", false},
		{GS1, "6901", "690123", true}, {GS1, "690123", "6901", false}, {0, "1", "1", false},
	} {
		if got := test.scheme.Contains(test.outer, test.inner); got != test.want {
			t.Errorf("%s: %q contains %q: %v", test.scheme, test.outer, test.inner, got)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for text, want := range map[string]string{
		"abc":                     "not an identifier: no scheme has identifiers of this form",
		"":                        "not an identifier: empty",
		"1.02.3":                  "not a valid oid identifier: arc has a leading zero",
		"1.2.156.ABC":             "not a valid oid identifier: arc has other than digits",
		"handle:88..1/a":          "not a valid handle identifier: prefix has an empty segment",
		strings.Repeat("产", 2000): "not an identifier: longer than 2048 octets",
	} {
		_, err := Parse(text)
		syntax, ok := errors.AsType[*SyntaxError](err)
		if !ok || err.Error() != want || len(syntax.Text) > 100 || !utf8.ValidString(syntax.Text) {
			t.Errorf("Parse(%.40q): %v %+v", text, err, syntax)
		}
	}
}

func TestSchemeText(t *testing.T) {
	for _, s := range Schemes() {
		text, err := s.MarshalText()
		var back Scheme
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("scheme %d: %q, %v, back %d", s, text, err, back)
		}
	}
	var s Scheme
	if _, err := Scheme(9).MarshalText(); err == nil || s.UnmarshalText([]byte("isbn")) == nil {
		t.Error("unknown schemes are taken")
	}
}

// Schemes that are not served name their identifiers and hold no namespaces.
func TestNotServed(t *testing.T) {
	for _, text := range []string{"MA.156.M0.100204.13351764", "did:cn:88.100.1"} {
		id, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for ns := range id.Namespaces() {
			t.Errorf("%s has the namespace %q", text, ns)
		}
		if _, err := id.Scheme().ParseNamespace(text); err == nil || id.Scheme().Served() || id.Broader() != nil || id.Scheme().Contains("a", "a") {
			t.Errorf("%s is served", text)
		}
	}
}

// checkID asserts what holds for every identifier that parses.
func checkID(t interface{ Fatalf(string, ...any) }, id ID) {
	again, err := Parse(id.Qualified())
	if err != nil || again.Canonical() != id.Canonical() || again.Scheme() != id.Scheme() || again.IsPrefixRecord() != id.IsPrefixRecord() {
		t.Fatalf("canonical form %q is no fixed point: %q, %v", id.Qualified(), again.Canonical(), err)
	}
	spelled, err := id.Scheme().Parse(id.String())
	spelled.form = id.form // the preferred spelling may be another than the one that was read
	if err != nil || spelled != id {
		t.Fatalf("%+v spelled %q is %+v, %v", id, id.String(), spelled, err)
	}
	if id.Scheme() == Handle {
		if id.Prefix()+"/"+FoldASCII(id.Suffix()) != id.Canonical() {
			t.Fatalf("%+v: prefix %q and suffix %q", id, id.Prefix(), id.Suffix())
		}
		if !strings.HasSuffix(id.String(), id.Suffix()) {
			t.Fatalf("%+v: suffix %q is not as written", id, id.Suffix())
		}
	}
	if k := id.Key(true); FoldASCII(k.Name) != FoldASCII(id.Canonical()) || k.Scheme != id.Scheme() {
		t.Fatalf("%+v: case-sensitive key %v", id, k)
	}
	last := ""
	for ns := range id.Namespaces() {
		if last != "" && (len(ns) >= len(last) || !id.Scheme().Contains(ns, last)) {
			t.Fatalf("%+v: namespace %q after %q", id, ns, last)
		}
		if last = ns; id.Scheme() != Handle {
			if name, err := id.Scheme().ParseNamespace(ns); err != nil || name != ns {
				t.Fatalf("%+v: namespace %q is %q, %v", id, ns, name, err)
			}
		}
	}
	if id.Validate() == nil && id.IsZero() {
		t.Fatalf("the zero identifier validates")
	}
}

func TestIDProperties(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringMatching(`(0\.NA/)?(8[68]|[0-9]{1,2}|[A-Za-z产]{1,3})(\.[0-9A-Za-z]{1,5}){0,3}(/.{0,12})?`),
		rapid.StringMatching(`(oid:|urn:oid:)?[0-3](\.(0|[1-9][0-9]{0,20})){0,8}`),
		rapid.StringMatching(`\{ ?(iso|itu-t|joint-iso-itu-t)(\([0-2]\))?( [a-z]{1,4}\([0-9]{1,3}\)| [0-9]{1,3}){0,4}\}`),
		rapid.StringMatching(`06(0[1-9]|1[0-9])([0-9A-F]{2}){1,25}`),
		rapid.StringMatching(`(0[xXbB])?[0-4][0-9A-Fa-f]{3,40}`),
		rapid.StringMatching(`0000[01]{8,40}`),
		rapid.StringMatching(`M[AB]\.156\.(M0|1003)\.[0-9]{4,6}[./][0-9A-Z.]{8,20}/?`),
		rapid.StringMatching(`did:(cn|vaa|bid|web):[0-9A-Za-z.:%]{4,40}`),
		rapid.StringMatching(`/(ISO|ITU-T|Country|2)(/(Member-Body|CN|[0-9]{1,4})){0,4}`),
		rapid.StringMatching(`[0-5][0-9]{4,40}`),
		rapid.StringMatching(`[34][0-9]{5}[0-9A-Za-z产品./ -]{1,40}`),
		rapid.StringMatching(`\(01\)06901234567892(\((10|21|22|235|17)\)[-0-9A-Za-z/%"\\(]{1,21}){0,3}`),
		rapid.StringMatching(`(https?://[a-z.]{1,8})?(/[a-z]{1,4})?/(8004|401)/[!-~]{1,30}(/7040/1[A-Z]{3})?`),
		rapid.String(),
	)
	parsed := 0
	rapid.Check(t, func(t *rapid.T) {
		if id, err := Parse(texts.Draw(t, "text")); err == nil {
			checkID(t, id)
			parsed++
		}
	})
	if parsed == 0 {
		t.Error("no text parsed")
	}
}

// The scheme's name before an identifier does not count towards its length.
func TestLongestHandle(t *testing.T) {
	id, err := Parse("88.100.1/" + strings.Repeat("x", MaxLength-9))
	if err != nil {
		t.Fatal(err)
	}
	checkID(t, id)
	if _, err := Parse(id.Qualified() + "x"); err == nil {
		t.Error("an identifier of 2049 octets is taken")
	}
}
