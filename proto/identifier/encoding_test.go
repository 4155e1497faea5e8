package identifier

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sample is a record with everything in it.
func sample() *Record {
	return &Record{
		Scheme: Handle, ID: "88.1021.150/SN-001", State: Revoked, Template: "pump", Reason: "scrapped", Successor: "88.1021.150/SN-002",
		Created: time.UnixMilli(1700000000123).UTC(), Updated: time.UnixMilli(1700000001456).UTC(),
		Values: []Value{
			{Index: 1, Type: "URL", Data: []byte("https://example.com/?a=1&b=<2>"), TTL: DefaultTTL, Perms: DefaultPerms, Timestamp: 1700000001},
			{Index: 2, Type: "BIN", Data: []byte{0, 1, 0xff}, TTL: 2000000000, TTLType: Absolute, Perms: AdminRead, Refs: []Ref{{"88.1/a", 300}, {"88.1/b", 0}}},
			{Index: 1<<31 - 1, Type: "", TTL: -1, Perms: 15},
		},
	}
}

// smallRecord is the record of the benchmarks: one value, as most records have.
func smallRecord() *Record {
	r := sample()
	r.State, r.Template, r.Reason, r.Successor, r.Values = Active, "", "", "", r.Values[:1]
	return r
}

func records() *rapid.Generator[*Record] {
	ref := rapid.Custom(func(t *rapid.T) Ref {
		return Ref{Handle: rapid.String().Draw(t, "handle"), Index: rapid.Uint32().Draw(t, "index")}
	})
	value := rapid.Custom(func(t *rapid.T) Value {
		v := Value{
			Index:     rapid.Uint32().Draw(t, "index"),
			Type:      rapid.String().Draw(t, "type"),
			TTLType:   TTLType(rapid.IntRange(0, 1).Draw(t, "ttlType")),
			TTL:       rapid.Int32().Draw(t, "ttl"),
			Perms:     Perms(rapid.IntRange(0, 15).Draw(t, "perms")),
			Timestamp: rapid.Uint32().Draw(t, "timestamp"),
		}
		if rapid.Bool().Draw(t, "text") {
			v.Data = []byte(rapid.String().Draw(t, "data"))
		} else {
			v.Data = rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		}
		v.Refs = rapid.SliceOfN(ref, 0, 3).Draw(t, "refs")
		if len(v.Data) == 0 {
			v.Data = nil
		}
		if len(v.Refs) == 0 {
			v.Refs = nil
		}
		return v
	})
	when := rapid.Custom(func(t *rapid.T) time.Time {
		if ms := rapid.Int64Range(0, 4102444800000).Draw(t, "ms"); ms > 0 {
			return time.UnixMilli(ms).UTC()
		}
		return time.Time{}
	})
	return rapid.Custom(func(t *rapid.T) *Record {
		r := &Record{
			Scheme:    Scheme(rapid.IntRange(0, 4).Draw(t, "scheme")),
			ID:        rapid.StringN(1, 30, -1).Draw(t, "id"),
			State:     State(rapid.IntRange(0, 2).Draw(t, "state")),
			Template:  rapid.String().Draw(t, "template"),
			Reason:    rapid.String().Draw(t, "reason"),
			Successor: rapid.String().Draw(t, "successor"),
			Created:   when.Draw(t, "created"),
			Updated:   when.Draw(t, "updated"),
			Values:    rapid.SliceOfN(value, 0, 4).Draw(t, "values"),
		}
		if len(r.Values) == 0 {
			r.Values = nil
		}
		return r
	})
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := records().Draw(t, "record")
		src := AppendRecord([]byte("before"), want)[len("before"):]
		got, err := DecodeRecord(src)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// What was in a record before does not show in what is decoded into it.
func TestDecodeRecordInto(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Record
		for _, want := range rapid.SliceOfN(records(), 1, 5).Draw(t, "records") {
			if err := DecodeRecordInto(AppendRecord(nil, want), &r); err != nil {
				t.Fatal(err)
			}
			got := r
			got.Values = slices.Clone(r.Values)
			for i := range got.Values {
				if len(got.Values[i].Refs) == 0 {
					got.Values[i].Refs = nil // the memory is kept
				}
			}
			if len(got.Values) == 0 {
				got.Values = nil
			}
			if !reflect.DeepEqual(&got, want) {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		}
	})
}

// Every shortened, lengthened or changed form is an error or another record, never a panic.
func TestDecodeCorrupt(t *testing.T) {
	src := AppendRecord(nil, sample())
	for n := range src {
		if _, err := DecodeRecord(src[:n:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("the first %d octets: %v", n, err)
		}
	}
	if _, err := DecodeRecord(append(src[:len(src):len(src)], 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("an octet too many: %v", err)
	}
	for _, c := range []struct {
		at int
		to byte
	}{{0, 0}, {0, 2}, {1, 3}, {2, 7}} {
		b := append([]byte(nil), src...)
		b[c.at] = c.to
		if _, err := DecodeRecord(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("octet %d is %d: %v", c.at, c.to, err)
		}
	}
	// Counts far beyond what the octets could hold must not be believed.
	huge := []byte{recordFormat, 1, 1, 0, 0, 1, 'x', 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}
	if _, err := DecodeRecord(huge); !errors.Is(err, ErrCorrupt) {
		t.Errorf("four thousand million values: %v", err)
	}
}

func TestDecodeAliases(t *testing.T) {
	src := AppendRecord(nil, smallRecord())
	r, err := DecodeRecord(src)
	if err != nil {
		t.Fatal(err)
	}
	data := r.Values[0].Data
	if cap(data) != len(data) {
		t.Errorf("an append to data of capacity %d writes into the record", cap(data))
	}
	data[0] = 'H'
	if again, _ := DecodeRecord(src); again.Values[0].Data[0] != 'H' {
		t.Error("data is a copy")
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(AppendRecord(nil, sample()))
	f.Add(AppendRecord(nil, smallRecord()))
	f.Add(AppendRecord(nil, &Record{}))
	f.Fuzz(func(t *testing.T, src []byte) {
		r, err := DecodeRecord(src)
		if err != nil {
			return
		}
		again, err := DecodeRecord(AppendRecord(nil, r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

func BenchmarkDecodeRecord(b *testing.B) {
	src := AppendRecord(nil, smallRecord())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeRecord(src); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRecord(b *testing.B) {
	r := smallRecord()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendRecord(dst[:0], r)
	}
}
