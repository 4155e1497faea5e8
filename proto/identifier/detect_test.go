package identifier

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// detected is what Detect makes of text in short: "gs1 ecode!" is a GS1 reading and behind it an
// Ecode with a slip.
func detected(text string) string {
	var all []string
	for _, c := range Detect(text) {
		name := c.Scheme.String()
		if c.Err != nil {
			name += "!"
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "abc": "", "hello world": "", "2025-01-01": "", "a1": "",
		// Codes of no form: what is wrong with them in the schemes that digits may be of.
		"1": "ecode! gs1! oid!", "88": "ecode! gs1! oid!", "10036": "ecode! gs1! oid!", "3001": "ecode! gs1! oid!", "69012345678": "ecode! gs1! oid!",
		"500010001": "ecode! gs1! oid!", "A00010001": "ecode!", "1 0036 0001": "ecode!", "１0036123": "ecode!",
		"（01）06901234567892": "gs1!", "６９０１２３４５６７８９２": "gs1!", "ｕｒｎ：oid:1.2": "oid!", "６901234567893": "ecode!",
		"010690123456789321A1": "gs1! ecode", "8017690123456789012345": "gs1!", "4146901234567891": "ecode gs1!",
		"1.2.156": "oid", "1.2.156/x": "handle", "88.1021.150": "handle", "10.1000/a": "handle", "0.NA/88.1": "handle", "0.NA": "handle",
		"1.40.1": "oid!", "1.2.156.ABC": "oid! handle", "1.2.-156": "oid! handle", "3.1.2": "oid! handle", "handle:1.40.1": "handle",
		"urn:oid:1.2": "oid", "urn:oid:x": "oid!", "{1 2}": "oid", "{x": "oid!", "/ISO/1": "oid", "/ISO/x": "oid!", "/iso/1": "oid!", "(01)x": "gs1!",
		".1.2.156": "oid!", "1,2,156": "oid!", "１.２.156": "oid!",
		"10036129": "gs1 ecode", "ecode:10036129": "ecode", "10036123": "ecode gs1!", "106952012345678908": "ecode gs1",
		"6901234567892": "gs1", "6901234567893": "gs1!", "1234567890128": "gs1 ecode",
		"400001/x": "handle ecode", "400001.5/x": "handle ecode", "(x)/y": "handle",
		"10036ABC": "ecode!", "10036000000000000000000001": "ecode!", "300001abc-123": "ecode!",
		"06032A811C": "oid ecode", "06 03 2A 81 1C": "oid", "06 03 2A 80 1C": "oid!", "06012A": "oid ecode", "0x06032A811C": "oid ecode",
		"0x10064000123456789": "ecode", "0b0001000000000000000100010000": "ecode", "0013034F257BF7": "ecode", "00000000000100110000001101001111": "ecode gs1!",
		"MA.156.1003.1629/10.46100000.x": "ma handle", "MA.156.M0.100204.13351764": "ma handle", "MA.156": "handle", "MA.156.M0.1": "ma! handle",
		"did:cn:88.100.1": "did", "DID:cn:88.100.1": "did!", "did:web:example.com": "did",
		// Carriers.
		"hdl:88.1/a": "handle", "88.100.1／abc": "handle!", `88.100.1\abc`: "handle!", "88.100.1-abc": "handle", "产品／甲": "", " 88.100.1/abc\r\n": "handle", "88.100.1/abc ": "handle", "\ufeff1.2.156": "oid",
		"]d20106901234567892": "gs1", "]C10106901234567893": "gs1!", "]E06901234567892": "gs1", "]E496385074": "gs1", "]I106901234567892": "gs1",
		"]Q188.100.1/abc": "handle", "]Q1https://a.b/01/06901234567892": "gs1", "]A010036123": "ecode gs1!",
		"E=10064000123456789": "ecode", "https://www.iotroot.com/E=10036129": "ecode", "E=400001/x": "handle ecode",
		"https://a.b/88.100.1/x": "handle", "https://a.b/?code=MA.156.1003.1629/10.46100000.x": "ma handle", "https://a.b/?code=hello": "",
		"https://a.b/01/06901234567892?id=88.100.1/x": "gs1",
		" oid:1.2.156": "oid", "OID.1.2.156": "handle oid", "OID:1.2.156": "oid", "ECODE:100010": "ecode",
		"6 901234 567892": "gs1", "6 901234 567893": "gs1!", "9638 5074": "gs1", "9638 5073": "ecode!", "0 0695201 2345678901 ": "gs1",
		"1 0695201234567890 8": "gs1", "0000 0001 0000": "ecode!", "06 04 88 37 03 01": "oid",
		"\ufeff88.100.1/abc": "handle", "88.100.1/abc\u200b": "handle handle", "OID=1.2.156": "handle oid",
	} {
		if got := detected(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// Everything that is detected says why, and in which words it was carried.
func TestDetectReasons(t *testing.T) {
	for text, want := range map[string]string{
		"88.1021.150/x":       "a prefix of the national system, 88 or 86, before the first /",
		"]d20106901234567892": "AIM ]d2: application identifiers with a right check digit",
		"hdl:10.1/x":          "hdl URI: digits and dots, as in a prefix, before the first /",
		"ecode:100010":        "the name of the scheme in front",
		"did:cn:88.100.1":     "begins with did:",
		" 1.2.156 ":           "surrounding blanks: a root arc of 0, 1 or 2, then dots and digits",
	} {
		all := Detect(text)
		if len(all) == 0 {
			t.Errorf("%q is nothing", text)
			continue
		}
		got := all[0].Reason
		if all[0].Carrier != "" {
			got = all[0].Carrier + ": " + got
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// An identifier stays what it is by itself, whatever could be unwrapped from it.
func TestDetectKeeps(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringMatching(`(E=|hdl:|]d2|https://a\.b/|\^)?(4[0-9]{5}|88\.100\.1/|0106901234567892)[0-9A-Za-z/=?.]{1,12}( |\n)?`),
		rapid.StringMatching(`[0-9A-Fa-fx.]{1,30}`),
		rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) { checkDetect(t, texts.Draw(t, "text")) })
}

// checkDetect asserts what holds for Detect, Read and Unwrap of any text.
func checkDetect(t interface{ Fatalf(string, ...any) }, text string) {
	all := Detect(text)
	for i, c := range all {
		if c.Reason == "" || c.Likelihood == No || (c.Err == nil) != (c.ID.Scheme() == c.Scheme) {
			t.Fatalf("%q: candidate %+v", text, c)
		}
		if i > 0 && c.Carrier == all[i-1].Carrier && c.Likelihood > all[i-1].Likelihood {
			t.Fatalf("%q: %s before %s", text, all[i-1].Scheme, c.Scheme)
		}
	}
	if id, _, err := Read(text); err == nil && !isWrapped(text) && (len(all) == 0 || all[0].ID != id) {
		t.Fatalf("%q reads as %s and is detected as %v", text, id.Qualified(), all)
	}
	inner, _, carrier := Unwrap(text)
	if again, _, second := Unwrap(inner); again != inner || second != "" {
		t.Fatalf("%q unwraps to %q, that to %q", text, inner, again)
	}
	if carrier == "" && inner != text || carrier != "" && len(inner) >= len(text) {
		t.Fatalf("%q unwraps to %q without a carrier", text, inner)
	}
}

func TestUnwrap(t *testing.T) {
	for _, test := range []struct {
		text, inner string
		scheme      Scheme
		carrier     string
	}{
		{"88.100.1/abc", "88.100.1/abc", 0, ""},
		{"\ufeff 88.100.1/a b\r\n", "88.100.1/a b", 0, "surrounding blanks"},
		{"\x0288.100.1/a\x03", "88.100.1/a", 0, "surrounding blanks"},
		{"]C10106901234567892", "0106901234567892", GS1, "AIM ]C1"},
		{"]e00106901234567892", "0106901234567892", GS1, "AIM ]e0"},
		{"]d20106901234567892", "0106901234567892", GS1, "AIM ]d2"},
		{"]Q30106901234567892", "0106901234567892", GS1, "AIM ]Q3"},
		{"]J10106901234567892", "0106901234567892", GS1, "AIM ]J1"},
		{"]E06901234567892", "6901234567892", GS1, "AIM ]E0"},
		{"]E3690123456789212", "6901234567892", GS1, "AIM ]E3"},
		{"]E3690123456789212345", "6901234567892", GS1, "AIM ]E3"},
		{"6 901234 567892", "6901234567892", GS1, "blanks between digits"},
		{"1 0036 0001", "1 0036 0001", 0, ""},
		{"ECODE:100010", "100010", Ecode, "Ecode label"},
		{"]I106901234567892", "06901234567892", GS1, "AIM ]I1"},
		{"]I1123456", "123456", 0, "AIM ]I1"},
		{"]Q188.100.1/a", "88.100.1/a", 0, "AIM ]Q1"},
		{"]d2\x1d0106901234567892", "0106901234567892", GS1, "leading FNC1"},
		{"\x1d0106901234567892", "0106901234567892", GS1, "leading FNC1"},
		{"<GS>0106901234567892", "0106901234567892", GS1, "leading FNC1"},
		{"FNC10106901234567892", "0106901234567892", GS1, "leading FNC1"},
		{"~x", "~x", 0, ""},
		{"hdl:88.100.1/a%2Fb", "88.100.1/a%2Fb", Handle, "hdl URI"},
		{"HDL:88.100.1/a", "88.100.1/a", Handle, "hdl URI"},
		{"info:hdl/88.100.1/a", "88.100.1/a", Handle, "info URI"},
		{"doi:10.1000/182", "10.1000/182", Handle, "doi URI"},
		{"https://hdl.handle.net/20.500.1/a%20b?noredirect", "20.500.1/a b", Handle, "Handle proxy address"},
		{"http://hdl.handle.net/api/handles/88.100.1/a", "88.100.1/a", Handle, "Handle proxy address"},
		{"https://doi.org/10.1000/182#x", "10.1000/182", Handle, "Handle proxy address"},
		{"https://any.host/88.100.1/abc", "88.100.1/abc", Handle, "web address"},
		{"https://any.host:8080/h5/88.100.1/%E6%89%B9/1?x=1#y", "88.100.1/批/1", Handle, "web address"},
		{"https://any.host/88.100.1/88.200.2/x", "88.100.1/88.200.2/x", Handle, "web address"},
		{"https://any.host/88.1/abc", "https://any.host/88.1/abc", 0, ""},
		{"https://any.host/88.100.1/", "https://any.host/88.100.1/", 0, ""},
		{"https://88.100.1.5/abc", "https://88.100.1.5/abc", 0, ""},
		{"https://any.host/resolve?id=88.100.1/abc", "88.100.1/abc", 0, "web address"},
		{"https://any.host/r?x=1&code=6901234567892", "6901234567892", 0, "web address"},
		{"https://any.host/r?id=hello", "https://any.host/r?id=hello", 0, ""},
		{"https://any.host/r?id=%zz", "https://any.host/r?id=%zz", 0, ""},
		{"http://s.idcode.org.cn/?code=MA.156.1003.1629/10.46100000.x", "MA.156.1003.1629/10.46100000.x", 0, "web address"},
		{"https://www.iotroot.com/E=10064000123456789", "10064000123456789", Ecode, "Ecode address"},
		{"http://x/api/query/search/E=400001%E4%BA%A7?x=1", "400001产", Ecode, "Ecode address"},
		{"https://x/q?E=100010", "100010", Ecode, "Ecode address"},
		{"https://x/q?e=100010", "https://x/q?e=100010", 0, ""},
		{"]E36901234567892", "6901234567892", 0, "AIM ]E3"},
		{"]Q3https://id.gs1.org/01/06901234567892", "https://id.gs1.org/01/06901234567892", 0, "AIM ]Q3"},
		{"E=100010", "100010", Ecode, "E= of an Ecode"},
		{"ecode=100010", "100010", Ecode, "E= of an Ecode"},
		{"]Q1https://www.iotroot.com/E=100010\n", "100010", Ecode, "Ecode address"},
		{"https://id.gs1.org/01/06901234567892?id=88.100.1/abc", "https://id.gs1.org/01/06901234567892?id=88.100.1/abc", 0, ""},
		{"https://id.gs1.org", "https://id.gs1.org", 0, ""},
		{"OID.1.2.156", "1.2.156", OID, "OID label"},
		{"OID: 1.2.156", "1.2.156", OID, "OID label"},
		{strings.Repeat(" ", 2*MaxLength+1), strings.Repeat(" ", 2*MaxLength+1), 0, ""},
	} {
		inner, scheme, carrier := Unwrap(test.text)
		if inner != test.inner || scheme != test.scheme || carrier != test.carrier {
			t.Errorf("%q: %q, %s, %q", test.text, inner, scheme, carrier)
		}
	}
}

func FuzzDetect(f *testing.F) {
	for _, text := range []string{
		"88.1021.150/AbC", "]d20106901234567892\x1d21x", "E=400001/x", "https://a.b/88.100.1/%2F?id=1.2.156", "06032A811C", "hdl:\ufeffhdl:1.2/x ", "oid: E=1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkDetect(t, text) })
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"88.1021.150/AbC", "88.1021", "0.NA/88.1", "1.2.156", "{iso(1) 2}", "/ISO/Member-Body/CN", "400001产品", "6901234567892",
		`(01)06901234567892(21)A\(`, "https://a.b/01/06901234567892/21/%28", "handle:oid:1", "urn:oid:2.999", "0x0013034F", "0000000000010001",
		"06 03 2A 81 1C", "MA.156.1003.1629/10.46100000.x/", "did:bid:byol:", "did:vaa:a:b",
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

// benchmarked are codes of every scheme and most forms.
var benchmarked = []string{
	"88.1021.150/sn-001", "88.1021.150/SN-001", "1.2.156.20009.1.1", "{iso(1) member-body(2) cn(156) 20009}", "/ISO/Member-Body/156", "06 03 2A 81 1C",
	"10064000123456789", "400001产品甲-01", "0x0013034F257BF7194E4000001A85", "6901234567892", "(01)06901234567892(21)A1",
	"https://id.gs1.org/01/06901234567892/21/A1", "MA.156.1003.1629/10.46100000.x", "did:cn:88.100.1",
}

func BenchmarkParse(b *testing.B) {
	for _, text := range benchmarked {
		id, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("scheme=%s/form=%s", id.Scheme(), strings.ReplaceAll(id.Form(), " ", "-")), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDetect(b *testing.B) {
	for _, text := range append(benchmarked, "10036129", "]d20106901234567892\x1d21A1", "https://a.b/88.100.1/x", "hello world") {
		b.Run("text="+strings.ReplaceAll(text, "/", "|"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Detect(text)
			}
		})
	}
}

// What may be a carrier's is not the only reading, so that lookups try both.
func TestReadSole(t *testing.T) {
	for text, want := range map[string]bool{
		"88.100.1/abc": true, "88.100.1/批次": true, "a.b/c": true, "OID/1.2": true,
		"OID.1.2.156": false, "oid=1.2.156": false, "E=400001/x": false, "\ufeff88.100.1/abc": false, "88.100.1/abc\u200b": false, "88.100.1/abc ": false,
	} {
		if _, sole, err := Read(text); err != nil || sole != want {
			t.Errorf("%q: sole is %t (%v), want %t", text, sole, err, want)
		}
	}
	if all := Detect("（01）06901234567892"); all[0].Err.Meant != "(01)06901234567892" {
		t.Errorf("full-width brackets: meant %q", all[0].Err.Meant)
	}
	if _, _, err := Read("88.100.1/\xff"); err == nil || !strings.Contains(err.Error(), "not valid UTF-8") {
		t.Errorf("octet FF: %v", err)
	}
}
