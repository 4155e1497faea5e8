//go:build !race

package identifier

import "testing"

func TestAllocations(t *testing.T) {
	small, full := AppendRecord(nil, smallRecord()), AppendRecord(nil, sample())
	line := AppendRecordJSON(nil, smallRecord())
	var dst [512]byte
	var ns string
	id, err := Parse("88.1021.150/sn-001")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		most float64
		run  func()
	}{
		{"decode", 2, func() { _, _ = DecodeRecord(small) }},
		{"decode with references", 3, func() { _, _ = DecodeRecord(full) }},
		{"append", 0, func() { AppendRecord(dst[:0], smallRecordShared) }},
		{"append JSON", 0, func() { AppendRecordJSON(dst[:0], smallRecordShared) }},
		{"parse JSON", 4, func() { _, _ = ParseRecordJSON(line) }},
		{"parse a folded Handle", 0, func() { _, _ = Parse("88.1021.150/sn-001") }},
		{"parse a mixed Handle", 2, func() { _, _ = Parse("88.1021.150/SN-001") }},
		{"parse a dotted OID", 0, func() { _, _ = Parse("1.2.156.20009.1") }},
		{"parse an Ecode", 0, func() { _, _ = Parse("10064000123456789") }},
		{"parse an Ecode of version 4", 0, func() { _, _ = Parse("400001产品甲-01") }},
		{"detect nothing", 0, func() { Detect("hello world") }},
		{"detect one scheme", 1, func() { Detect("88.1021.150/sn-001") }},
		{"unwrap nothing", 0, func() { Unwrap("88.1021.150/sn-001") }},
		{"namespaces", 0, func() {
			for ns = range id.Namespaces() {
				break
			}
		}},
	} {
		if n := testing.AllocsPerRun(100, test.run); n > test.most {
			t.Errorf("%s: %v allocations, at most %v are expected", test.name, n, test.most)
		}
	}
	_ = ns
}

var smallRecordShared = smallRecord()

func TestFoldAllocates(t *testing.T) {
	for name, want := range map[string]float64{"88.1021.150/sn-001": 0, "88.1021.150/SN-001": 1} {
		if n := testing.AllocsPerRun(1000, func() { FoldASCII(name) }); n != want {
			t.Errorf("folding %s allocates %v times, want %v", name, n, want)
		}
	}
}

func TestDecodeRecordIntoAllocates(t *testing.T) {
	full, small := AppendRecord(nil, sample()), AppendRecord(nil, smallRecordShared)
	var r Record
	if n := testing.AllocsPerRun(1000, func() {
		for _, src := range [][]byte{full, small} {
			if err := DecodeRecordInto(src, &r); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("decoding into a record that has room allocates %v times, want 0", n)
	}
}
