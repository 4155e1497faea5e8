package dnsname_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/identifier"
)

func parse(t *testing.T, text string) identifier.ID {
	t.Helper()
	id, err := identifier.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestOwner(t *testing.T) {
	tests := []struct {
		id            string
		caseSensitive bool
		want          string
		why           string // of the error
	}{
		{"oid:1.2.156.10001.7", false, "7.10001.156.2.1.oid", ""},
		{"oid:2.16.156.10001.7", false, "7.10001.156.16.2.oid", ""},
		{"handle:88.1021.150/SN-001", false, "sn-001.150.1021.88.hdl", ""},
		{"handle:88.1021.150/sn-001", true, "sn-001.150.1021.88.hdl", ""},
		{"handle:88.1021.150/SN-001", true, "ad72qc1g64._b32.150.1021.88.hdl", ""},
		{"handle:88.1021.150/SN 1", false, "ad720c8._b32.150.1021.88.hdl", ""},
		{"handle:88.1021.150/002", false, "60o34._b32.150.1021.88.hdl", ""},
		{"handle:88.1021.150/-a", false, "5lgg._b32.150.1021.88.hdl", ""},
		{"handle:88.1021.150/a-", false, "c4mg._b32.150.1021.88.hdl", ""},
		{"handle:88.1021.150/a.b", false, "c4n64._b32.150.1021.88.hdl", ""},
		{"handle:88.1021.150", false, "150.1021.88.hdl", ""},
		{"handle:0.NA/88.1021.150", false, "150.1021.88.hdl", ""},
		{"handle:88.101.0042/a", false, "a.0042.101.88.hdl", ""},
		{"handle:88.1021.150/", false, "", "suffix is empty"},
		{"handle:20.500.a/b", false, "", "not all digits"},
		{"handle:88.1021.150/" + strings.Repeat("x", 63), false, strings.Repeat("x", 63) + ".150.1021.88.hdl", ""},
		{"handle:88.1021.150/" + strings.Repeat("x", 200), false, "", "longer than 255"},
		{"gs1:(01)06901234567892", false, "06901234567892.01.gs1", ""},
		{"gs1:(01)06901234567892(21)123", false, "123.21.06901234567892.01.gs1", ""},
		{"gs1:(01)06901234567892(10)l1(21)a1", false, "a1.21.l1.10.06901234567892.01.gs1", ""},
		{"gs1:(01)06901234567892(21)A1", false, "84og._b32.21.06901234567892.01.gs1", ""},
		{"ecode:10064000123456789", false, "000123456789.0064.v1.ecode", ""},
		{"ecode:300001ABC123", false, "85146c9i6c._b32.00001.v3.ecode", ""},
		{"ecode:300001abc123", false, "abc123.00001.v3.ecode", ""},
		{"ecode:00A1234ABCD", false, "1234abcd.0a.v0.ecode", ""},
		{"did:did:cn:88.100.1", false, "", "no names"},
	}
	for _, tt := range tests {
		id := parse(t, tt.id)
		got, err := dnsname.Owner(id, tt.caseSensitive)
		if got != tt.want || (err == nil) != (tt.why == "") || err != nil && !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: got %q, %v, want %q, %q", tt.id, got, err, tt.want, tt.why)
		}
	}
}

func TestIn(t *testing.T) {
	for id, want := range map[string]string{
		"oid:1.2.156":         "156.2.1.oid-res.org.",
		"handle:88.1021.1/ab": "ab.1.1021.88.hdl.id.example.",
	} {
		if got, err := dnsname.In(parse(t, id), false, "id.example", "oid-res.org."); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", id, got, err, want)
		}
	}
	// 63 + "." + 60 + "." + … fits the relative name and not the zone.
	id := parse(t, "handle:88.1021.150/"+strings.Repeat("x y", 45))
	if _, err := dnsname.Owner(id, false); err != nil {
		t.Fatal(err)
	}
	if _, err := dnsname.In(id, false, strings.Repeat("zone.", 4), ""); !errors.Is(err, dnsname.ErrTooLong) {
		t.Errorf("got %v, want that it is too long", err)
	}
}

func TestParse(t *testing.T) {
	long := strings.Repeat("Wert mit Blank ", 6) // 90 octets: three labels
	owner, err := dnsname.Owner(parse(t, "handle:88.1.1/"+long), false)
	if err != nil {
		t.Fatal(err)
	}
	chunks := strings.Split(owner, ".")[:3]
	tests := []struct {
		name, id   string
		beginnings string
		namespaces string
		long       string
		key        string
		labels     int
	}{
		{"hdl", "", "*", "*", "", "", 0},
		{"88.HDL", "0.na/88", "88/ 88. 0.na/88.", "88.", "", "0.na/88", 2},
		{"150.1021.88.hdl", "0.na/88.1021.150", "88.1021.150/ 88.1021.150. 0.na/88.1021.150.", "88.1021.150.", "", "0.na/88.1021.150", 4},
		{"SN-001.150.1021.88.hdl", "88.1021.150/sn-001", "", "", "", "0.na/88.1021.150", 4},
		{"60O34._B32.150.1021.88.hdl", "88.1021.150/002", "", "", "hdl.88.1021.150._b32.60o34.", "0.na/88.1021.150", 4},
		{"_b32.150.1021.88.hdl", "", "88.1021.150/", "", "", "0.na/88.1021.150", 4},
		{chunks[2] + "._b32.1.1.88.hdl", "", "", "", "hdl.88.1.1._b32." + chunks[2] + ".", "0.na/88.1.1", 4},
		{"60o35._b32.1.1.88.hdl", "", "", "", "hdl.88.1.1._b32.60o35.", "0.na/88.1.1", 4}, // spare bits set
		{"a._b32.1.1.88.hdl", "", "", "", "hdl.88.1.1._b32.a.", "0.na/88.1.1", 4},         // no whole octet
		{"vs._b32.1.1.88.hdl", "", "", "", "hdl.88.1.1._b32.vs.", "0.na/88.1.1", 4},       // octet FF
		{"c4.c4._b32.1.1.88.hdl", "", "", "", "", "0.na/88.1.1", 4},                       // a short chunk before the last
		{"w1._b32.1.1.88.hdl", "", "", "", "", "0.na/88.1.1", 4},                          // no character of base32hex
		{"a.b.1.1.88.hdl", "", "", "", "", "0.na/88.1.1", 4},
		{"a_b.1.1.88.hdl", "", "", "", "", "0.na/88.1.1", 4},
		{"-a.1.1.88.hdl", "", "", "", "", "0.na/88.1.1", 4},
		{"1.a.88.hdl", "", "", "", "", "0.na/88", 2},
		{"a.hdl", "", "", "", "", "", 0},
		{"oid", "", "*", "*", "", "", 0},
		{"1.oid", "", "1.", "1.", "", "", 0},
		{"3.oid", "", "", "", "", "", 0},
		{"7.156.2.1.oid", "1.2.156.7", "1.2.156.7.", "1.2.156.7.", "", "1.2.156.7", 5},
		{"07.156.2.1.oid", "", "", "", "", "", 0},
		{"40.1.oid", "", "", "", "", "", 0},
		{"foo.156.2.1.oid", "", "", "", "", "1.2.156", 4},
		{"gs1", "", "(", "*", "", "", 0},
		{"01.gs1", "", "(01)", "*", "", "", 0},
		{"10.gs1", "", "", "", "", "", 0},
		{"06901234567892.01.gs1", "(01)06901234567892", "(01)06901234567892(", "", "", "(01)06901234567892", 3},
		{"06901234567893.01.gs1", "", "(01)06901234567893(", "", "", "", 0},
		{"21.06901234567892.01.gs1", "", "(01)06901234567892(21)", "", "", "(01)06901234567892", 3},
		{"_b32.21.06901234567892.01.gs1", "", "(01)06901234567892(21)", "", "", "(01)06901234567892", 3},
		{"123.21.06901234567892.01.gs1", "(01)06901234567892(21)123", "(01)06901234567892(21)123(", "", "", "(01)06901234567892", 3},
		{"84og._b32.21.06901234567892.01.gs1", "(01)06901234567892(21)A1", "(01)06901234567892(21)A1(", "", "", "(01)06901234567892", 3},
		{"l.10.s.21.06901234567892.01.gs1", "", "(01)06901234567892(21)s(10)l(", "", "", "(01)06901234567892", 3},
		{"ecode", "", "*", "*", "", "", 0},
		{"v1.ecode", "", "1", "1", "", "", 0},
		{"v5.ecode", "", "", "", "", "", 0},
		{"0064.v1.ecode", "", "10064", "10064", "", "100640", 3},
		{"064.v1.ecode", "", "", "", "", "", 0},
		{"_b32.0064.v1.ecode", "", "10064", "", "", "100640", 3},
		{"000123456789.0064.v1.ecode", "10064000123456789", "", "", "", "10064000123456789", 3},
		{"12ab.0A.v0.ecode", "00A12AB", "", "", "", "00A12AB", 3},
		{"other", "", "", "", "", "", 0},
	}
	for _, tt := range tests {
		n := dnsname.Parse(strings.Split(tt.name, "."))
		all := func(list []string) string {
			if len(list) == 1 && list[0] == "" {
				return "*"
			}
			return strings.Join(list, " ")
		}
		if n.ID.Canonical() != tt.id || all(n.Beginnings) != tt.beginnings || all(n.Namespaces) != tt.namespaces || n.Long != tt.long ||
			n.Key.Canonical() != tt.key || n.KeyLabels != tt.labels {
			t.Errorf("%s: got %q, beginnings %q, namespaces %q, long %q, key %q of %d labels, want %+v", tt.name,
				n.ID.Canonical(), all(n.Beginnings), all(n.Namespaces), n.Long, n.Key.Canonical(), n.KeyLabels, tt)
		}
	}
	if got := dnsname.Parse(nil); got.Scheme != 0 {
		t.Errorf("no labels: got %+v", got)
	}
}

func TestDepth(t *testing.T) {
	for _, tt := range []struct {
		name, namespace string
		want            int
	}{
		{"sn.150.1021.88.hdl", "88.1021.150", 4},
		{"7.10001.156.2.1.oid", "1.2.156", 4},
		{"123.21.06901234567892.01.gs1", "690123", 3},
		{"000123.0064.v1.ecode", "10064", 3},
		{"000123.0064.v1.ecode", "10064000", 4},
	} {
		if got := dnsname.Parse(strings.Split(tt.name, ".")).Depth(tt.namespace); got != tt.want {
			t.Errorf("%s in %s: got %d, want %d", tt.name, tt.namespace, got, tt.want)
		}
	}
}

// identifiers draws identifiers of all schemes that are served.
func identifiers() *rapid.Generator[identifier.ID] {
	return rapid.Custom(func(t *rapid.T) identifier.ID {
		var text string
		switch rapid.IntRange(0, 4).Draw(t, "scheme") {
		case 0:
			text = "handle:" + rapid.StringMatching(`8[68]\.[0-9]{3,5}\.[0-9]{1,6}/`).Draw(t, "prefix") + rapid.OneOf(
				rapid.StringN(1, 60, 140), rapid.StringMatching(`[A-Za-z0-9-]{1,70}`), rapid.StringMatching(`[0-9a-z/.# %?]{1,40}`)).Draw(t, "suffix")
		case 1:
			text = "oid:" + rapid.StringMatching(`2(\.(0|[1-9][0-9]{0,20})){1,8}`).Draw(t, "oid")
		case 2:
			text = "ecode:" + rapid.StringMatching(`1[0-9]{4}[0-9]{1,20}|3[0-9]{5}[0-9A-Za-z]{1,39}|0[1-9A-F][0-9A-F]{1,61}`).Draw(t, "ecode")
		case 3:
			text = "ecode:4" + rapid.StringMatching(`[0-9]{5}`).Draw(t, "nsi") + rapid.StringN(1, 40, 120).Draw(t, "md")
		default:
			text = "gs1:(01)06901234567892(10)" + rapid.StringMatching(`[!-'*-/0-9:-?A-Za-z_]{1,20}`).Draw(t, "lot") + "(21)" + rapid.StringMatching(`[-A-Za-z0-9./]{1,20}`).Draw(t, "serial")
		}
		id, err := identifier.Parse(text)
		if err != nil {
			t.Skip(err)
		}
		return id
	})
}

// TestRoundTrip checks that a name leads back to its identifier, and that no two identifiers share
// one.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := identifiers().Draw(t, "a"), identifiers().Draw(t, "b")
		caseSensitive := rapid.Bool().Draw(t, "case sensitive")
		name, err := dnsname.Owner(a, caseSensitive)
		if err != nil {
			t.Skip(err)
		}
		if got := dnsname.Parse(strings.Split(name, ".")).ID; got.Key(caseSensitive) != a.Key(caseSensitive) {
			t.Fatalf("%s: got %q, want %q", name, got.Key(caseSensitive), a.Key(caseSensitive))
		}
		upper := dnsname.Parse(strings.Split(strings.ToUpper(name), ".")).ID
		if upper.Key(caseSensitive) != a.Key(caseSensitive) {
			t.Fatalf("%s in upper case: got %q, want %q", name, upper.Key(caseSensitive), a.Key(caseSensitive))
		}
		if other, err := dnsname.Owner(b, caseSensitive); err == nil && other == name && a.Key(caseSensitive) != b.Key(caseSensitive) {
			t.Fatalf("%q and %q have one name, %s", a.Qualified(), b.Qualified(), name)
		}
	})
}

// TestLong checks that all names above that of a long identifier begin what is kept for it.
func TestLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := identifiers().Draw(t, "id")
		name, err := dnsname.Owner(id, true)
		long, ok := dnsname.Long(id, true)
		if ok && len(id.String()) <= dnsname.MaxShort {
			t.Fatalf("%s is short and has the long name %s", id.Qualified(), long)
		}
		labels := strings.Split(name, ".")
		if err != nil || len(labels) < 3 || labels[1] == dnsname.Encoded || labels[2] != dnsname.Encoded {
			return // not of two chunks
		}
		if above := dnsname.Parse(labels[1:]); !ok || above.Long == "" || !strings.HasPrefix(long, above.Long) {
			t.Fatalf("%s: got %q, %v, which %q does not begin", name, long, ok, above.Long)
		}
	})
}

// TestFoldedLong checks that the names above that of a long Handle lead, in whichever case it is
// spelled, to what is kept for its folded spelling.
func TestFoldedLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[A-Za-z0-9_ 中Áé]{15,125}`).Draw(t, "value")
		id, err := identifier.Handle.Parse("88.1021.150/" + value)
		if err != nil {
			t.Skip(err)
		}
		folded, err := identifier.Handle.Parse(id.Canonical())
		if err != nil {
			t.Fatal(err)
		}
		long, ok := dnsname.Long(folded, false)
		name, err := dnsname.Owner(id, true)
		if !ok || err != nil {
			t.Skip("no name of several chunks")
		}
		labels := strings.Split(name, ".")
		for i := 1; labels[i] != dnsname.Encoded; i++ {
			above := dnsname.Parse(labels[i:])
			begins := func(beginning string) bool { return strings.HasPrefix(long, beginning) }
			if !begins(above.Long) && !slices.ContainsFunc(above.FoldedLong(), begins) {
				t.Fatalf("%s: none of %q, %q begins %q", strings.Join(labels[i:], "."), above.Long, above.FoldedLong(), long)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"sn-001.150.1021.88.hdl", "ad720c8._b32.1.1.88.hdl", "7.1.2.oid", "84og._b32.21.06901234567892.01.gs1", "0.0064.v1.ecode"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n := dnsname.Parse(strings.Split(name, "."))
		if n.ID.IsZero() {
			return
		}
		owner, err := dnsname.Owner(n.ID, true)
		if err != nil {
			return // longer than a name, as the fuzzer's was
		}
		if again := dnsname.Parse(strings.Split(owner, ".")).ID; again.Key(true) != n.ID.Key(true) {
			t.Errorf("%q: %q has the name %s, which is %q", name, n.ID.Qualified(), owner, again.Qualified())
		}
	})
}

// TestPlain: what AppendHandle and AppendOID read, Parse reads, too, and to the same identifier; and they
// read the names of nearly all Handles and of all OIDs.
func TestPlain(t *testing.T) {
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		id := identifiers().Draw(t, "id")
		name, err := dnsname.Owner(id, rapid.Bool().Draw(t, "case sensitive"))
		if err != nil {
			t.Skip(err)
		}
		labels := strings.Split(name, ".")
		labels = labels[rapid.IntRange(0, min(2, len(labels)-1)).Draw(t, "above"):]
		text, ok := dnsname.AppendHandle([]byte("x"), labels)
		got, isID := dnsname.ParseText(identifier.Handle, string(text[1:]))
		want := dnsname.Parse(labels).ID
		if labels[len(labels)-1] == "oid" {
			text, ok = dnsname.AppendOID([]byte("x"), labels[:len(labels)-1])
			got, isID = dnsname.ParseText(identifier.OID, string(text[1:]))
		}
		if ok && isID {
			plain++
			if got.Key(true) != want.Key(true) {
				t.Fatalf("%v: %q, want %q", labels, got.Key(true), want.Key(true))
			}
		}
	})
	if plain < 20 {
		t.Errorf("%d names were read", plain)
	}
	for _, tt := range []struct{ name, want string }{
		{"sn-001.150.1021.88.hdl", "88.1021.150/sn-001"},
		{"60o34._b32.150.1021.88.hdl", "88.1021.150/002"},
		{"60o35._b32.150.1021.88.hdl", ""}, // spare bits set
		{"a._b32.1.1.88.hdl", ""},          // no whole octet
		{"60O34._b32.1.1.88.hdl", ""},      // not in lower case
		{"60o34.60o34._b32.1.1.88.hdl", ""},
		{"_b32.150.1021.88.hdl", ""},
		{"002.150.1021.88.hdl", ""}, // digits are the prefix's
		{"-x.150.1021.88.hdl", ""}, {"x-.150.1021.88.hdl", ""}, {"x_y.150.1021.88.hdl", ""}, {"x.y.150.88.hdl", ""}, {"x.hdl", ""}, {"hdl", ""}, {"x.1.gs1", ""},
	} {
		text, ok := dnsname.AppendHandle(nil, strings.Split(tt.name, "."))
		if ok != (tt.want != "") || ok && string(text) != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.name, text, ok, tt.want)
		}
	}
}
