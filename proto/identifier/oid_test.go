package identifier

import (
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestOIDBroader(t *testing.T) {
	long := "2." + strings.Repeat("9", 250)
	for text, want := range map[string][]string{
		"1.2.156.20009":   {"1.2.156", "1.2"},
		"1.2.156":         {"1.2"},
		"1.2":             nil,
		long + ".1.2.3.4": {long + ".1", long},
	} {
		id, err := OID.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range id.Broader() {
			got = append(got, b.Canonical())
			if spelled, err := Parse(b.String()); err != nil || spelled != b {
				t.Errorf("%q: broader %+v is %+v, %v", text, b, spelled, err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: broader %q, want %q", text, got, want)
		}
	}
}

func TestOIDURN(t *testing.T) {
	oid, _ := Parse("/Country/CN/1")
	handle, _ := Parse("88.1/a")
	if oid.URN() != "urn:oid:2.16.156.1" || handle.URN() != "" || handle.DER() != nil {
		t.Errorf("URNs %q and %q", oid.URN(), handle.URN())
	}
}

// The encoding is that of encoding/asn1 where that can hold the arcs, and reads back whatever they are.
func TestDER(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := rapid.IntRange(0, 2).Draw(t, "root")
		second := rapid.IntRange(0, 39).Draw(t, "second")
		arcs := asn1.ObjectIdentifier{root, second}
		if root == 2 {
			arcs[1] = rapid.IntRange(0, 1<<30).Draw(t, "second under 2")
		}
		arcs = append(arcs, rapid.SliceOfN(rapid.IntRange(0, 1<<31-1), 0, 40).Draw(t, "arcs")...)
		id, err := Parse(arcs.String())
		if err != nil {
			t.Fatal(err)
		}
		want, err := asn1.Marshal(arcs)
		if err != nil {
			t.Fatal(err)
		}
		if got := id.DER(); !slices.Equal(got, want) {
			t.Fatalf("%s: % x, want % x", id, got, want)
		}
		back, err := OID.Parse(hex.EncodeToString(want))
		if err != nil || back.Canonical() != id.Canonical() || back.Form() != formBER {
			t.Fatalf("% x is %s, %v", want, back, err)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		name := "2"
		for _, b := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 60), 1, 6).Draw(t, "arcs") {
			name += "." + new(big.Int).SetBytes(b).String()
		}
		id, err := Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		back, err := OID.Parse(hex.EncodeToString(id.DER()))
		if err != nil || back.Canonical() != name {
			t.Fatalf("%s comes back as %s, %v", name, back, err)
		}
	})
}

// Lengths of all forms read back.
func TestDERLengths(t *testing.T) {
	for digits, header := range map[int]int{10: 2, 260: 2, 299: 3, 600: 4, 2000: 4} {
		id, err := Parse("2." + strings.Repeat("9", digits))
		if err != nil {
			t.Fatal(err)
		}
		der := id.DER()
		if back, err := OID.Parse("0x" + hex.EncodeToString(der)); err != nil || back.Canonical() != id.Canonical() {
			t.Errorf("%d digits come back as %s, %v", digits, back, err)
		}
		if contents, _ := cutHeader(der); len(der)-len(contents) != header {
			t.Errorf("%d digits: a header of %d octets, want %d", digits, len(der)-len(contents), header)
		}
	}
}

// A short encoding stands for more digits than an identifier may have.
func TestLongBER(t *testing.T) {
	if _, err := OID.Parse("06 82 03 E8" + strings.Repeat(" 7F", 1000)); err == nil || !strings.Contains(err.Error(), tooLong) {
		t.Errorf("a name of 4000 octets: %v", err)
	}
}

func TestOIDArc(t *testing.T) {
	for _, test := range []struct{ parent, label, want string }{
		{"", "iso", "1"}, {"", "ISO", "1"}, {"", "Joint-ISO-ITU-T", "2"}, {"", "joint-iso-itu-t", "2"}, {"", "ccitt", "0"}, {"", "itu-t", "0"},
		{"", "country", "2.16"}, {"2", "country", "16"}, {"2", "COUNTRY", "16"}, {"2.16", "cn", "156"}, {"2.16", "Cn", "156"}, {"1.2", "us", "840"}, {"1.2", "af", "4"},
		{"1", "member-body", "2"}, {"0", "recommendation", "0"}, {"0.0", "x", "24"}, {"0.0", "X", "24"}, {"", "example", "2.999"}, {"2", "example", "999"},
		{"1", "iso", ""}, {"2.16", "xx", ""}, {"1.3", "cn", ""}, {"", "", ""}, {"", "1", ""}, {"0.0", "1", ""}, {"9", "iso", ""}, {"", "xn--iso", ""},
	} {
		if got, ok := OIDArc(test.parent, test.label); got != test.want || ok != (test.want != "") {
			t.Errorf("%q below %q is %q, %v; want %q", test.label, test.parent, got, ok, test.want)
		}
	}
}

// Every label of the tables is well-formed and leads to the arc that a name in the other table has.
func TestOIDNames(t *testing.T) {
	for parent, labels := range oidLabels {
		for label, arc := range labels {
			if reason := checkUnicodeLabel(label); reason != "" {
				t.Errorf("label %q %s", label, reason)
			}
			if known, ok := oidNames[parent][FoldASCII(label)]; ok && known != arc {
				t.Errorf("%q below %q is %s and %s", label, parent, arc, known)
			}
		}
	}
	for parent, names := range oidNames {
		for name := range names {
			if !isASN1Name(name) {
				t.Errorf("%q below %q is no name", name, parent)
			}
		}
	}
	letters, numbers := map[string]bool{}, map[string]bool{}
	for i := 0; i < len(oidCountries); i += 5 {
		letters[oidCountries[i:i+2]] = true
		number := oidCountries[i+2 : i+5]
		if _, err := strconv.Atoi(number); err != nil || !isASN1Name(FoldASCII(oidCountries[i:i+2])) {
			t.Errorf("country %q", oidCountries[i:i+5])
		}
		numbers[number] = true
	}
	if len(oidCountries) != 5*249 || len(letters) != 249 || len(numbers) != 249 {
		t.Errorf("%d countries, %d letters, %d numbers; ISO 3166-1 has 249", len(oidCountries)/5, len(letters), len(numbers))
	}
}
