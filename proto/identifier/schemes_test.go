package identifier

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestHandleValid(t *testing.T) {
	for _, text := range []string{
		"88.100.1/abc", "88.1021.150/002", "88.101.0042/001", "86.709.612/cc", "88.608.8889/META_xz_20240516",
		"88.608.24071101/sjjtest1028-2", "88.118.8/JXDY2106023", "88.100.1/a/b/c", "88.100.1/批次-2024.001",
		"88.709.0000/6tcuB9XDqyPGyJK9Xm5h6wUTbtriaeDRjDAY4nbNN3Ta4TLoSzb34S2xUMBGwfEh", "0.NA/88.100.1", "88.111.1/0.0",
		"88.990/admin", "20.500.12345/x y", "88.100.1/" + strings.Repeat("x", 246),
	} {
		id, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if id.Scheme() != Handle || id.String() != text {
			t.Errorf("Parse(%q) is %s %q", text, id.Scheme(), id)
		}
		if err := id.Validate(); err != nil {
			t.Errorf("Validate(%q): %v", text, err)
		}
	}
}

func TestHandleInvalid(t *testing.T) {
	for _, text := range []string{
		"", "/abc", "88..1/abc", ".88.100/abc", "88.100./abc", "88.100.1/\xff", " 88.100.1/abc", "88.1 .1/abc", "88.\x001/abc",
		"hdl:88.100.1/abc", "https://x/88.100.1/abc", strings.Repeat("8", 2049), "88.100.1/" + strings.Repeat("x", 2040),
	} {
		if id, err := Handle.Parse(text); err == nil {
			t.Errorf("Handle.Parse(%q) is %q", text, id.Canonical())
		}
	}
	for _, text := range []string{ // may be asked for, not registered
		"88.100.1", "88.100.1/", "88.100.1／abc", "88.100.1/" + strings.Repeat("x", 247), "88.100.1/ab\x00c", "88.100.1/ab\tc",
		"88.100.1/ab\n", "88.100.1/ab ", "88.100.1/ ab", "88.100.1/a\u0085b", "88.100.1/ab\u3000", "88.1.2/abc", "88.123456.1/abc", "88.100.x/abc", "88/abc",
		"88.100.1.1/abc", "８８.100.1/abc", "88.100." + strings.Repeat("1", 58) + "/a", "0.NA/88.1.2", "0.NA/88", "0.NA/",
	} {
		id, err := Handle.Parse(text)
		if err != nil {
			t.Errorf("Handle.Parse(%q): %v", text, err)
			continue
		}
		if err := id.Validate(); err == nil {
			t.Errorf("%q validates", text)
		}
	}
}

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

func TestOIDValid(t *testing.T) {
	for text, want := range map[string]string{
		"1.2.156": "1.2.156", "2.16.156": "2.16.156", "1.2.156.20009.1.1": "1.2.156.20009.1.1", "1.2.156.10197.1.301": "1.2.156.10197.1.301",
		"0.0": "0.0", "2.999.1": "2.999.1", "2.25.329800735698586629295641978511506172918": "2.25.329800735698586629295641978511506172918",
		"{iso(1) member-body(2) cn(156) 20009}":      "1.2.156.20009",
		"{ iso member-body cn(156) 20009 }":          "1.2.156.20009",
		"{joint-iso-itu-t(2) country(16) cn(156) 1}": "2.16.156.1",
		"{itu-t recommendation(0) 1}":                "0.0.1",
		"{1 2 156}":                                  "1.2.156",
		"/ISO/Member-Body/156":                       "1.2.156",
		"/Joint-ISO-ITU-T/Country/CN":                "2.16.156",
		"/Country/156/1":                             "2.16.156.1",
		"/2/999":                                     "2.999",
		"urn:oid:1.2.156":                            "1.2.156",
		"URN:OID:1.2.156":                            "1.2.156",
		"oid:1.2.156":                                "1.2.156",
		"1.39.1":                                     "1.39.1",
	} {
		id, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if id.Scheme() != OID || id.Canonical() != want || id.String() != want || id.URN() != "urn:oid:"+want {
			t.Errorf("Parse(%q) is %s %q", text, id.Scheme(), id)
		}
		if err := id.Validate(); err != nil {
			t.Errorf("Validate(%q): %v", text, err)
		}
	}
	long, err := OID.Parse("2." + strings.Repeat("9", 254))
	if err != nil || long.Validate() == nil {
		t.Errorf("an OID of 256 octets: parse %v, may be registered", err)
	}
	if h, _ := Handle.Parse("88.1/a"); h.URN() != "" {
		t.Errorf("a Handle has the URN %q", h.URN())
	}
}

func TestOIDInvalid(t *testing.T) {
	for _, text := range []string{
		"3.1.2", "1.40.1", "0.40", "1..2", "1.2.156.", ".1.2.156", "1.02.156", "1.2.-156", "1.2.156.ABC", "1,2,156", "1",
		"{iso(1) member-body(2 cn(156)}", "{foo(1) bar}", "/ISO//156", "１.２.156",
		"", "{}", "{iso(1)}", "{iso(2) 1}", "{iso(1) 2", "{Iso(1) 2}", "{iso--x(1) 2}", "{iso(1) cn-(2)}", "{iso(01) 2}", "/ISO", "/iso/Member-Body/156", "/", "/ISO/Member-Body/",
		"urn:oid:", "urn:oid:{1 2}", "urn:oid:/ISO/1", "1.100", "{1.2 3}(",
	} {
		if id, err := OID.Parse(text); err == nil {
			t.Errorf("OID.Parse(%q) is %q", text, id)
		}
	}
}

func TestEcodeValid(t *testing.T) {
	for _, text := range []string{
		"1003600000000000000000001", "10064000123456789", "100010", "200361234567890123456789012345678", "2006411", "300001ABC123",
		"300001" + strings.Repeat("Z9", 19) + "z", "300512X0Y9Z8", "400001产品甲-01",
	} {
		id, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if id.Scheme() != Ecode || id.String() != text || id.Canonical() != text {
			t.Errorf("Parse(%q) is %s %q", text, id.Scheme(), id)
		}
		if err := id.Validate(); err != nil {
			t.Errorf("Validate(%q): %v", text, err)
		}
	}
	for _, text := range []string{"400001" + strings.Repeat("x", 250), "400001x "} {
		if id, err := Ecode.Parse(text); err != nil || id.Validate() == nil {
			t.Errorf("%q: parse %v, may be registered", text, err)
		}
	}
}

func TestEcodeInvalid(t *testing.T) {
	for _, text := range []string{
		"", "1", "10036", "10036000000000000000000001", "10036ABC", "2003612345678901234567890123456789", "300001abc-123",
		"300001" + strings.Repeat("A", 40), "3001", "500010001", "A00010001", "1 0036 0001", "１0036123",
		"000010001", "400001", "400001a\x00", "400001\xff", "https://www.iotroot.com/E=10064000123456789",
	} {
		if id, err := Ecode.Parse(text); err == nil {
			t.Errorf("Ecode.Parse(%q) is %q", text, id)
		}
	}
}

func TestGS1Valid(t *testing.T) {
	for text, want := range map[string]string{
		"(01)06901234567892":                 "(01)06901234567892",
		"6901234567892":                      "(01)06901234567892",
		"06901234567892":                     "(01)06901234567892",
		"96385074":                           "(01)00000096385074",
		"036000291452":                       "(01)00036000291452",
		"gs1:106952012345678908":             "(00)106952012345678908",
		"006952012345678901":                 "(00)006952012345678901",
		"(00)106952012345678908":             "(00)106952012345678908",
		"(01)06901234567892(21)A1":           "(01)06901234567892(21)A1",
		"(21)A1(01)06901234567892(10)L":      "(01)06901234567892(10)L(21)A1",
		"(01)06901234567892(17)251231(21)A1": "(01)06901234567892(21)A1",
		"(01)06901234567892(17)240229":       "(01)06901234567892",
		"(01)06901234567892(11)250200":       "(01)06901234567892",
		"(01)06901234567892(22)C(10)L(21)S":  "(01)06901234567892(22)C(10)L(21)S",
		"(01)06901234567892(235)XYZ":         "(01)06901234567892(235)XYZ",
		`(01)06901234567892(21)A\(1)`:        `(01)06901234567892(21)A\(1)`,
		"/01/06901234567892/21/A1":           "(01)06901234567892(21)A1",
		"/01/06901234567892/21/A%281)":       `(01)06901234567892(21)A\(1)`,
		"/01/06901234567892/":                "(01)06901234567892",
		"https://example.com/a/01/06901234567892/10/LOT1/21/SN0001?17=251231#x": "(01)06901234567892(10)LOT1(21)SN0001",
		"HTTPS://example.com/01/00/01/06901234567892":                           "(01)06901234567892",
		"(8003)06901234567892X":                                                 "(8003)06901234567892X",
		"(253)6901234567892DOC":                                                 "(253)6901234567892DOC",
		"(255)6901234567892123":                                                 "(255)6901234567892123",
		"(401)6901234ABC":                                                       "(401)6901234ABC",
		"(402)69012345678901238":                                                "(402)69012345678901238",
		"(414)6901234567892(254)12":                                             "(414)6901234567892(254)12",
		"(414)6901234567892(7040)1ABC":                                          "(414)6901234567892(7040)1ABC",
		"(417)6901234567892":                                                    "(417)6901234567892",
		"(8004)6901234A/1":                                                      "(8004)6901234A/1",
		"(8006)069012345678920102(21)S":                                         "(8006)069012345678920102(21)S",
		"(8010)6901234AB(8011)12":                                               "(8010)6901234AB(8011)12",
		"(8013)1987654Ad4X4bL5ttr2310c2K":                                       "(8013)1987654Ad4X4bL5ttr2310c2K", // GS1 General Specifications
		"(8017)690123456789012346":                                              "(8017)690123456789012346",
		"(8018)690123456789012346(8019)1":                                       "(8018)690123456789012346(8019)1",
	} {
		id, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if id.Scheme() != GS1 || id.Canonical() != want || id.String() != want {
			t.Errorf("Parse(%q) is %s %q, want %q", text, id.Scheme(), id, want)
		}
		if err := id.Validate(); err != nil {
			t.Errorf("Validate(%q): %v", text, err)
		}
	}
}

func TestGS1Invalid(t *testing.T) {
	for _, text := range []string{
		"", "(01)06901234567893", "/01/06901234567892/21/A1/10/B", "(8003)16901234567892", "(00)10695201234567890", "(10)L1",
		"6901234567893", "690123456789", "(01)6901234567892", "(01)06901234567892(21)A(235)B", "(01)06901234567892(21)",
		"(01)06901234567892(21)A(21)B", "(01)06901234567892(00)106952012345678908", "(01)06901234567892(8011)1",
		"(01)06901234567892(99)x", "(01)06901234567892(21)" + strings.Repeat("x", 21), "(01)06901234567892(21)a b", "(01)06901234567892(21)\u00e9",
		"(01)06901234567892(17)251331", "(01)06901234567892(17)250229", "(01", "()", "(01)", "(x)1", "01)06901234567892",
		"/01", "/01/06901234567892/21", "/01/06901234567892/21/%4", "/99/1", "https://example.com", "https://example.com/", "ftp://example.com/01/06901234567892",
		"(8006)069012345678920302", "(8006)069012345678920002", "(8010)6901234ab", "(8010)6901234AB(8011)012", "(8013)1987654Ad4X4bL5ttr2310c2L", "(8013)2K",
		"(414)6901234567892(7040)1AB", "(414)6901234567892(254)1(7040)1ABC", "(402)69012345678901239", "(255)6901234567892A",
	} {
		if id, err := GS1.Parse(text); err == nil {
			t.Errorf("GS1.Parse(%q) is %q", text, id)
		}
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]Scheme{
		"1.2.156": OID, "1.2.156/x": Handle, "88.1021.150": Handle, "10.1000/a": Handle, "0.NA/88.1": Handle, "0.NA": Handle,
		"1.40.1": OID, "1.2.156.ABC": OID, "1.2.-156": OID, "3.1.2": Handle, "handle:1.40.1": Handle, "urn:oid:x": OID, "{x": OID, "/ISO/x": OID, "/01/x": GS1, "(01)x": GS1,
		"10036129": GS1, "ecode:10036129": Ecode, "10036123": Ecode, "106952012345678908": Ecode,
		"400001/x": Handle, "400001.5/x": Handle, "88.100.1／abc": 0, "abc": 0, "hdl:88.1/a": 0, "１.２.156": 0, "": 0, "did:cn:88.100.1": 0,
		"(x)/y": Handle,
	} {
		s, err := Scheme(0), error(nil)
		if name, rest, ok := strings.Cut(text, ":"); ok {
			if s, err = ParseScheme(name); err == nil {
				if _, err := s.Parse(rest); err != nil {
					t.Errorf("%q: %v", text, err)
				}
			}
		}
		if s == 0 {
			s, _ = Detect(text)
		}
		if s != want {
			t.Errorf("%q is %s, want %s", text, s, want)
		}
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
		{"(8004)AB", nil},
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
		"/01/06901234567893":      "not a valid gs1 identifier: (01) has a wrong check digit",
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

// checkID asserts what holds for every identifier that parses.
func checkID(t interface{ Fatalf(string, ...any) }, id ID) {
	again, err := Parse(id.Qualified())
	if err != nil || again.Canonical() != id.Canonical() || again.Scheme() != id.Scheme() || again.IsPrefixRecord() != id.IsPrefixRecord() {
		t.Fatalf("canonical form %q is no fixed point: %q, %v", id.Qualified(), again.Canonical(), err)
	}
	spelled, err := id.Scheme().Parse(id.String())
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

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"88.1021.150/AbC", "88.1021", "0.NA/88.1", "1.2.156", "{iso(1) 2}", "/ISO/Member-Body/CN", "400001产品", "6901234567892",
		`(01)06901234567892(21)A\(`, "https://a.b/01/06901234567892/21/%28", "handle:oid:1", "urn:oid:2.999",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := Parse(text); err == nil {
			checkID(t, id)
		}
		for _, s := range Schemes() {
			if id, err := s.Parse(text); err == nil {
				checkID(t, id)
			}
			_, _ = s.ParseNamespace(text)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, text := range []string{"88.1021.150/SN-001", "1.2.156.20009.1.1", "(01)06901234567892(21)A1"} {
		s, _ := Detect(text)
		b.Run(s.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
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
