package identifier

import (
	"slices"
	"strings"
	"testing"
)

// The table is searched by halves and read by its first digits: order and lengths have to agree.
func TestGS1Table(t *testing.T) {
	n := 0
	for i := range gs1Elems {
		e := &gs1Elems[i]
		last := e.ai
		if e.last != "" {
			last = e.last
		}
		if i > 0 && e.ai <= max(gs1Elems[i-1].ai, gs1Elems[i-1].last) {
			t.Errorf("(%s) is out of order", e.ai)
		}
		for ai := []byte(e.ai); string(ai) <= last; ai[len(ai)-1]++ {
			n++
			if findElem(string(ai)) != e || lengthOfAI(string(ai)) != len(ai) {
				t.Errorf("(%s) is not found", ai)
			}
		}
		for k := range e.parts {
			if p := e.parts[k]; p.min < 1 || p.max < p.min || k < len(e.parts)-1 && p.min != p.max || !p.optional && k > 0 && e.parts[k-1].optional {
				t.Errorf("(%s) part %d: %+v", e.ai, k, p)
			}
		}
		if e.fixed && (len(e.parts) != 1 || e.parts[0].min != e.parts[0].max) {
			t.Errorf("(%s) is not of one length", e.ai)
		}
		for _, list := range []string{e.needs, e.excludes} {
			for _, other := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '+' }) {
				if findElem(strings.ReplaceAll(other, "n", "0")) == nil {
					t.Errorf("(%s) speaks of (%s)", e.ai, other)
				}
			}
		}
	}
	// Predefined lengths are a matter of the first two digits (GS1 General Specifications, 7.8.5).
	for i := range gs1Elems {
		e := &gs1Elems[i]
		two := e.ai[:2]
		fixed := two <= "03" || two >= "11" && two <= "20" || two >= "31" && two <= "36" || two == "41"
		if e.fixed != fixed {
			t.Errorf("(%s) of predefined length: %v", e.ai, e.fixed)
		}
	}
	if n < 500 {
		t.Errorf("%d application identifiers", n)
	}
	for ai, key := range gs1Keys {
		if findElem(ai) == nil {
			t.Errorf("key (%s) is not in the table", ai)
		}
		for _, qualifier := range slices.Concat(key.qualifiers...) {
			if findElem(qualifier) == nil {
				t.Errorf("qualifier (%s) is not in the table", qualifier)
			}
		}
	}
	for _, ai := range []string{"", "0", "1", "04", "3106", "310", "71", "718", "7100", "4", "8", "80", "9", "23", "2355", "x"} {
		if findElem(ai) != nil {
			t.Errorf("(%s) is found", ai)
		}
	}
}

func TestGS1Meant(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := GS1.Parse(text)
		if err == nil {
			t.Fatalf("%q is taken", text)
		}
		if got := err.(*SyntaxError).Meant; got != want {
			t.Errorf("%q: meant %q, want %q (%v)", text, got, want, err)
		}
	}
	f("6901234567893", "6901234567892")
	f("106952012345678900", "106952012345678908")
	f("(21)A(01)06901234567893", "(21)A(01)06901234567892")
	f("(21)06901234567893(01)06901234567893", "(21)06901234567893(01)06901234567892")
	f("010690123456789321A\x1d10L", "010690123456789221A\x1d10L")
	f("https://example.com/a/01/6901234567893/21/A?17=251231#x", "https://example.com/a/01/6901234567892/21/A?17=251231#x")
	f("(8013)1987654Ad4X4bL5ttr2310cXX", "(8013)1987654Ad4X4bL5ttr2310c2K")
	f("(8003)06901234567891X", "(8003)06901234567892X")
	f("(01)06901234567893(410)6901234567893", "(01)06901234567892(410)6901234567892")
	f("(01)06901234567893(254)1", "") // more than the check digit is wrong
	f("(01)0690123456789", "")
	f("00000001", "00000000")
	f(strings.Repeat("(410)6901234567893", 100), "")
}

func TestGS1Broader(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		id, err := GS1.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, step := range id.Broader() {
			got = append(got, step.Canonical())
			again, err := GS1.Parse(step.Canonical())
			if err != nil || again != step {
				t.Errorf("%s: %+v is no identifier: %+v, %v", text, step, again, err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	const gtin = "(01)06901234567892"
	f(gtin+"(22)V(10)L(21)S", gtin+"(21)S", gtin+"(22)V(10)L", gtin+"(10)L", gtin+"(22)V", gtin)
	f(gtin+"(10)L(21)S", gtin+"(21)S", gtin+"(10)L", gtin)
	f(gtin+"(22)V(21)S", gtin+"(21)S", gtin+"(22)V", gtin)
	f(gtin+"(22)V(10)L", gtin+"(10)L", gtin+"(22)V", gtin)
	f(gtin+`(21)S\(10)`, gtin)
	f(gtin+"(235)S", gtin)
	f(gtin)
	f("(8006)069012345678920102(10)L(21)S", "(8006)069012345678920102(21)S", "(8006)069012345678920102(10)L", "(8006)069012345678920102")
	f("(8003)06901234567892X", "(8003)06901234567892")
	f("(253)6901234567892X", "(253)6901234567892")
	f("(255)69012345678921", "(255)6901234567892")
	f("(414)6901234567892(254)1", "(414)6901234567892")
	f("(8010)6901AB(8011)1", "(8010)6901AB")
	f("(8004)6901AB(7040)1ABC", "(8004)6901AB")
	f("(00)106952012345678908")
	f("(415)6901234567892(8020)R")
}

func TestGS1Elements(t *testing.T) {
	id, err := ParseGS1Elements([][2]string{{"21", "A(1"}, {"01", "06901234567892"}, {"10", "L"}})
	if err != nil || id.Canonical() != `(01)06901234567892(10)L(21)A\(1` {
		t.Fatalf("%q, %v", id.Canonical(), err)
	}
	var got []string
	for ai, value := range id.Elements() {
		got = append(got, ai+"="+value)
	}
	if want := []string{"01=06901234567892", "10=L", "21=A(1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for ai := range id.Elements() {
		if ai != "01" {
			t.Errorf("begins with (%s)", ai)
		}
		break
	}
	oid, _ := OID.Parse("1.2.156")
	for ai := range oid.Elements() {
		t.Errorf("an OID has (%s)", ai)
	}
	for _, elements := range [][][2]string{
		nil, {{"01", "06901234567893"}}, {{"21", "A"}}, {{"x", "1"}}, {{"", ""}}, {{"01", "06901234567892"}, {"21", ""}},
		{{"01", "6901234567892"}}, {{"01)06901234567892(21", "x"}}, {{"01", "06901234567892"}, {"21", "a\\"}}, {{"10", strings.Repeat("x", 3000)}},
	} {
		if id, err := ParseGS1Elements(elements); err == nil {
			t.Errorf("%.60q is %q", elements, id)
		}
	}
}

func TestGS1Detect(t *testing.T) {
	f := func(text string, want Likelihood) {
		t.Helper()
		if got, reason := (gs1Grammar{}).Detect(text); got != want || (reason == "") != (got == No) {
			t.Errorf("%q: got %d (%s), want %d", text, got, reason, want)
		}
	}
	f("(01)x", Certain)
	f("(x)/y", No)
	f("(12345)", No)
	f("6901234567892", Likely)
	f("6901234567893", Possible)
	f("690123456789", Possible)
	f("106952012345678908", Possible)
	f("106952012345678907", Possible)
	f("0106901234567892", Likely)
	f("0106901234567893", Likely)
	f("010690123456789321A1", Likely) // no less than the Ecode that its characters would be
	f("8017690123456789012345", Possible)
	f("4146901234567891", Possible)
	f("8004A690123", No)
	f("010690123456789221", Possible) // 18 digits: an SSCC with a wrong check digit
	f("010690123456789299", Possible)
	f("01069012345678921725133110L", Possible)
	f("010690123456789221A<GS>10L", Certain)
	f("010690123456789321A<GS>10L", Likely)
	f("\x1d0106901234567892", Certain)
	f("^0106901234567892", Likely)
	f("010690123456789221A^10", Possible)
	f("10L^21A", No)
	f("8003"+"06901234567892"+"X", Likely)
	f("80046901A", Possible)
	f("8004690123/x", No)
	f("4016901234ABC", No)
	f("4146901234567892", Possible)
	f("2536901234567892", Possible)
	f("/01/x", Likely)
	f("/01", No)
	f("/2/999", No)
	f("/some/01/06901234567892", Likely)
	f("/some/01/x", No)
	f("https://example.com/01/06901234567893", Likely)
	f("https://example.com/01/intro", No)
	f("https://example.com/gtin/intro", No)
	f("https://example.com/", No)
	f("88.1021.150/SN-001", No)
	f("88.1021.150/01/06901234567892", No)
	f("88.1021.150", No)
	f("1.2.156.20009", No)
	f("10.1000/182", No)
	f("10.1000/a|b", No)
	f("21.T11148/abc", No)
	f("20.500.12345/x", No)
	f("1003600000000000000000001", No)
	f("10064000123456789", No)
	f("400001产品甲-01", No)
	f("MA.156.1003.1629/10", No)
	f("did:cn:88.100.1", No)
	f("", No)
	f("^", No)
}

// Records under a company prefix are found by what their canonical names begin with.
func TestGS1Beginnings(t *testing.T) {
	for _, c := range corpus(t, "gs1.valid.tsv", 4, 60) {
		id, err := GS1.Parse(c.fields[0])
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ns := range id.Namespaces() {
			n++
			all := GS1Beginnings(ns)
			if !slices.IsSorted(all) || !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(id.Canonical(), s) }) {
				t.Errorf("%s is not found under %s", id.Canonical(), ns)
			}
		}
		if n == 0 {
			t.Errorf("%s is in no namespace", id.Canonical())
		}
	}
}

// The longest texts, made to repeat whatever is repeated, are still read quickly and without panic.
func TestGS1Long(t *testing.T) {
	for _, piece := range []string{"(01)", "(01)06901234567893", "(99)x", `\(`, "/01", "/01/06901234567893", "^", "10x^", "?17=251231&", "(8013)1987654Ad4X4bL5ttr2310cXX"} {
		for _, lead := range []string{"", "(01)06901234567892", "/01/06901234567892?", "https://x/"} {
			text := lead + strings.Repeat(piece, MaxLength/len(piece))
			text = text[:min(len(text), MaxLength)]
			Detect(text)
			_, _ = GS1.Parse(text)
		}
	}
}

func BenchmarkParseGS1(b *testing.B) {
	for _, test := range []struct{ form, text string }{
		{"gtin", "6901234567892"},
		{"sscc", "006952012345678901"},
		{"bracketed", "(01)06901234567892(10)LOT1(21)SN0001"},
		{"elements", "01069012345678921725123110LOT1\x1d21SN0001"},
		{"link", "https://example.com/01/06901234567892/10/LOT1/21/SN0001?17=251231"},
		{"slip", "6901234567893"},
	} {
		b.Run("form="+test.form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = GS1.Parse(test.text)
			}
		})
	}
}

func BenchmarkDetectGS1(b *testing.B) {
	for _, test := range []struct{ form, text string }{
		{"handle", "88.1021.150/SN-001"},
		{"oid", "1.2.156.20009"},
		{"ecode", "10064000123456789"},
		{"elements", "01069012345678921725123110LOT1\x1d21SN0001"},
		{"link", "https://example.com/01/06901234567892/10/LOT1/21/SN0001?17=251231"},
	} {
		b.Run("form="+test.form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				gs1Grammar{}.Detect(test.text)
			}
		})
	}
}

// TestScansAreNotRegistered: FNC1 is the carrier's, whatever else is right.
func TestScansAreNotRegistered(t *testing.T) {
	for text, registrable := range map[string]bool{
		"(01)06901234567892(21)A1": true, "010690123456789221A1": true, "6901234567892": true,
		"0106901234567892\x1d21A1": false, "\x1d010690123456789221A1": false, "{FNC1}0106901234567892": false, "010690123456789210L<GS>21A1": false,
	} {
		id, err := GS1.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if err := id.Validate(); (err == nil) != registrable {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDigitalLinkPath(t *testing.T) {
	for path, want := range map[string]string{
		"/01/06901234567892":                  "/01/06901234567892",
		"/gtin/6901234567892/ser/A%2F1":       "/01/06901234567892/21/A%2F1",
		"/shop/01/06901234567892/10/L1/21/S1": "/01/06901234567892/10/L1/21/S1",
		"/01/x":                               "", // meant as one
		"/00/1":                               "",
		"/88.101.5/01/06901234567892":         "-",
		"/nothing/here":                       "-",
		"/01":                                 "-",
		"/01/":                                "-",
		"/":                                   "-",
		"":                                    "-",
		"01/06901234567892":                   "-",
		"/shop/01/06901234567893":             "-",
	} {
		if looks := LooksLikeDigitalLink(path); looks != (want != "-") {
			t.Errorf("%s: looks like one: %v", path, looks)
		}
		if want == "" || want == "-" {
			continue
		}
		id, err := GS1.Parse(path)
		if err != nil || id.DigitalLinkPath() != want {
			t.Errorf("%s: %q, %v, want %q", path, id.DigitalLinkPath(), err, want)
		}
	}
	if id, err := Handle.Parse("88.1/x"); err != nil || id.DigitalLinkPath() != "" {
		t.Errorf("a Handle: %q, %v", id.DigitalLinkPath(), err)
	}
}
