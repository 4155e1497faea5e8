package identifier

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRecordJSON(t *testing.T) {
	want := `{"id":"88.1021.150/SN-001","scheme":"handle","template":"pump","state":"revoked","reason":"scrapped","successor":"88.1021.150/SN-002",` +
		`"created":"2023-11-14T22:13:20.123Z","updated":"2023-11-14T22:13:21.456Z","values":[` +
		`{"index":1,"type":"URL","data":"https://example.com/?a=1&b=<2>","ttl":86400,"timestamp":"2023-11-14T22:13:21Z"},` +
		`{"index":2,"type":"BIN","data":{"format":"base64","value":"AAH/"},"ttl":2000000000,"ttlType":"absolute","perms":"1000","refs":[{"handle":"88.1/a","index":300},{"handle":"88.1/b","index":0}]},` +
		`{"index":2147483647,"type":"","data":"","ttl":-1,"perms":"1111"}]}`
	if got := string(AppendRecordJSON(nil, sample())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got, err := ParseRecordJSON([]byte(want))
	if err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("read back %+v, %v", got, err)
	}
	r := sample()
	r.Version = 7
	if got := string(AppendRecordJSON(nil, r)); !strings.Contains(got, `"version":7,"state"`) {
		t.Errorf("no version in %s", got)
	}
	if got := string(AppendRecordJSON(nil, &Record{ID: "x"})); got != `{"id":"x","values":[]}` {
		t.Errorf("least record %s", got)
	}
}

func TestParseRecordJSON(t *testing.T) {
	base := func(change func(r *Record)) *Record {
		r := &Record{ID: "88.1/a", Values: []Value{{Index: 1, Type: "URL", Data: []byte("x"), TTL: DefaultTTL, Perms: DefaultPerms}}}
		change(r)
		return r
	}
	value := func(change func(v *Value)) *Record { return base(func(r *Record) { change(&r.Values[0]) }) }
	for _, test := range []struct {
		name, line string
		want       *Record
	}{
		{"defaults", `{"id":"88.1/a","values":[{"index":1,"type":"URL","data":"x"}]}`, base(func(*Record) {})},
		{"no values", `{"id":"88.1/a"}`, &Record{ID: "88.1/a"}},
		{"empty values", `{"id":"88.1/a","values":[]}`, &Record{ID: "88.1/a"}},
		{"blanks", " {\r\n\t\"id\" : \"88.1/a\" , \"values\" : [ { \"data\":\"x\", \"index\" :1 ,\"type\": \"URL\" } ] } \n", base(func(*Record) {})},
		{"null is not given", `{"id":"88.1/a","template":null,"values":[{"index":1,"type":"URL","data":"x","ttl":null,"refs":null}]}`, base(func(*Record) {})},
		{"scheme", `{"id":"88.1/a","scheme":"gs1"}`, &Record{ID: "88.1/a", Scheme: GS1}},
		{"output members", `{"id":"a","version":18446744073709551615,"state":"active","reason":"r","successor":"s","created":"2023-11-14T22:13:20Z","updated":"2023-11-15T06:13:20.5+08:00"}`,
			&Record{ID: "a", Version: 1<<64 - 1, State: Active, Reason: "r", Successor: "s", Created: time.Unix(1700000000, 0).UTC(), Updated: time.UnixMilli(1700000000500).UTC()}},
		{"string data", `{"id":"88.1/a","values":[{"index":1,"type":"URL","data":{"format":"string","value":"x"}}]}`, base(func(*Record) {})},
		{"base64 data", `{"id":"88.1/a","values":[{"index":1,"type":"URL","data":{"value":"AP8=","format":"base64"}}]}`, value(func(v *Value) { v.Data = []byte{0, 255} })},
		{"hex data", `{"id":"88.1/a","values":[{"index":1,"type":"URL","data":{"format":"hex","value":"00fF"}}]}`, value(func(v *Value) { v.Data = []byte{0, 255} })},
		{"numbers", `{"id":"88.1/a","values":[{"index":1,"type":"URL","data":"x","ttl":0,"ttlType":1,"perms":15,"timestamp":4294967295,"refs":[{"index":2,"handle":"b"}]}]}`,
			value(func(v *Value) {
				v.TTL, v.TTLType, v.Perms, v.Timestamp, v.Refs = 0, Absolute, 15, 1<<32-1, []Ref{{"b", 2}}
			})},
		{"words", `{"id":"88.1/a","values":[{"index":1,"type":"URL","data":"x","ttl":-2147483648,"ttlType":"absolute","perms":"0010","timestamp":"2023-11-14T22:13:20Z"}]}`,
			value(func(v *Value) { v.TTL, v.TTLType, v.Perms, v.Timestamp = -1<<31, Absolute, PublicRead, 1700000000 })},
		{"escapes", `{"id":"88.1\/a","values":[{"index":1,"type":"\u0055\u0052L","data":"\"\\\/\b\f\n\r\t\u4ea7\ud83d\ude00é产\u0000"}]}`,
			value(func(v *Value) { v.Data = []byte("\"\\/\b\f\n\r\t产😀é产\x00") })},
	} {
		line := []byte(test.line)
		got, err := ParseRecordJSON(line)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		for i := range line {
			line[i] = '#' // nothing of the caller's may have been kept
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestParseRecordJSONErrors(t *testing.T) {
	in := func(member string) string {
		return `{"id":"a","values":[{"index":1,"type":"T","data":"x"},{"index":2,"type":"T","data":"x",` + member + `}]}`
	}
	for _, test := range []struct{ line, field, reason string }{
		{``, "", "not an object"},
		{`[]`, "", "not an object"},
		{`{"id":"a"} x`, "", "text after the end"},
		{`{"id":"a",}`, "", "member has no name"},
		{`{"id" "a"}`, "", "not valid JSON"},
		{`{"id":"a" "values":[]}`, "", "not valid JSON"},
		{`{"id":"a"`, "", "not valid JSON"},
		{`{}`, "id", "missing"},
		{`{"id":null}`, "id", "missing"},
		{`{"id":""}`, "id", "empty"},
		{`{"id":1}`, "id", "not a string"},
		{`{"id":"a","id":"b"}`, "id", "given twice"},
		{`{"ID":"a"}`, "ID", "unknown field"},
		{`{"id":"a","x\"\u0007":1}`, `x\"\a`, "unknown field"},
		{"{\"id\":\"a\xff\"}", "id", "string is not valid UTF-8"},
		{"{\"id\":\"\\n\xff\"}", "id", "string is not valid UTF-8"},
		{"{\"id\":\"a\n\"}", "id", "control character in a string"},
		{"{\"id\":\"\\ta\n\"}", "id", "control character in a string"},
		{`{"id":"a`, "id", "string does not end"},
		{`{"id":"\ta`, "id", "string does not end"},
		{`{"id":"a\`, "id", "string does not end"},
		{`{"id":"\x"}`, "id", "unknown escape in a string"},
		{`{"id":"\u12g4"}`, "id", "unknown escape in a string"},
		{`{"id":"\u12`, "id", "unknown escape in a string"},
		{`{"id":"\ud800x"}`, "id", "half a surrogate pair in a string"},
		{`{"id":"\udc00\ud800"}`, "id", "half a surrogate pair in a string"},
		{`{"id":"a","scheme":"isbn"}`, "scheme", "unknown scheme"},
		{`{"id":"a","state":"dead"}`, "state", `neither "active" nor "revoked"`},
		{`{"id":"a","version":-1}`, "version", "not an integer from 0 to 18446744073709551615"},
		{`{"id":"a","created":"yesterday"}`, "created", "not a time of the form 2006-01-02T15:04:05Z"},
		{`{"id":"a","created":1}`, "created", "not a string"},
		{`{"id":"a","values":{}}`, "values", "not an array"},
		{`{"id":"a","values":[1]}`, "values[0]", "not an object"},
		{`{"id":"a","values":[{"index":1,"type":"T","data":""} {}]}`, "values", "not valid JSON"},
		{`{"id":"a","values":[{"type":"T","data":"x"}]}`, "values[0].index", "missing"},
		{`{"id":"a","values":[{"index":1,"data":"x"}]}`, "values[0].type", "missing"},
		{`{"id":"a","values":[{"index":1,"type":"T"}]}`, "values[0].data", "missing"},
		{in(`"delete":true`), "values[1].delete", "unknown field"},
		{in(`"ttl":1.5`), "values[1].ttl", "not an integer from -2147483648 to 2147483647"},
		{in(`"ttl":1e3`), "values[1].ttl", "not an integer from -2147483648 to 2147483647"},
		{in(`"ttl":01`), "values[1].ttl", "not an integer from -2147483648 to 2147483647"},
		{in(`"ttl":2147483648`), "values[1].ttl", "not an integer from -2147483648 to 2147483647"},
		{in(`"ttl":"1"`), "values[1].ttl", "not an integer from -2147483648 to 2147483647"},
		{in(`"ttl":1x`), "values[1]", "not valid JSON"},
		{in(`"ttlType":2`), "values[1].ttlType", "not an integer from 0 to 1"},
		{in(`"ttlType":"x"`), "values[1].ttlType", `neither "relative" nor "absolute"`},
		{in(`"perms":16`), "values[1].perms", "not an integer from 0 to 15"},
		{in(`"perms":"111"`), "values[1].perms", "not four characters 0 or 1"},
		{in(`"perms":"1112"`), "values[1].perms", "not four characters 0 or 1"},
		{in(`"timestamp":-1`), "values[1].timestamp", "not an integer from 0 to 4294967295"},
		{in(`"timestamp":"1969-12-31T23:59:59Z"`), "values[1].timestamp", "time is before 1970 or after 2106"},
		{in(`"timestamp":"2106-02-07T06:28:16Z"`), "values[1].timestamp", "time is before 1970 or after 2106"},
		{in(`"refs":[{"handle":"a"}]`), "values[1].refs[0]", `has no "handle" or no "index"`},
		{in(`"refs":[{"handle":"a","index":1},{"handle":"a","index":true}]`), "values[1].refs[1].index", "not an integer from 0 to 4294967295"},
		{`{"id":"a","values":[{"index":1,"type":"T","data":1}]}`, "values[0].data", "neither a string nor an object"},
		{`{"id":"a","values":[{"index":1,"type":"T","data":{"format":"hex"}}]}`, "values[0].data", `has no "format" or no "value"`},
		{`{"id":"a","values":[{"index":1,"type":"T","data":{"format":"hex","value":"0"}}]}`, "values[0].data", "value is not in hex"},
		{`{"id":"a","values":[{"index":1,"type":"T","data":{"format":"base64","value":"A"}}]}`, "values[0].data", "value is not in base64"},
		{`{"id":"a","values":[{"index":1,"type":"T","data":{"format":"site","value":"A"}}]}`, "values[0].data", `format is not "string", "base64" or "hex"`},
		{`{"id":"a","values":[{"index":1,"type":"T","data":{"format":"hex","value":"00","x":1}}]}`, "values[0].data.x", "unknown field"},
	} {
		_, err := ParseRecordJSON([]byte(test.line))
		got, ok := errors.AsType[*JSONError](err)
		if !ok || got.Field != test.field || got.Reason != test.reason {
			t.Errorf("%s: got %+v, want %s: %s", test.line, err, test.field, test.reason)
		}
	}
}

func TestParseValueJSON(t *testing.T) {
	v, given, err := ParseValueJSON([]byte(`{"index":3,"ttl":60,"data":null,"delete":false}`))
	if err != nil || given != GivenIndex|GivenTTL || v.Index != 3 || v.TTL != 60 {
		t.Errorf("%+v, %b, %v", v, given, err)
	}
	if _, given, err = ParseValueJSON([]byte(`{"index":3,"delete":true}`)); err != nil || given != GivenIndex|GivenDelete {
		t.Errorf("%b, %v", given, err)
	}
	for _, src := range []string{`{"ttl":1}`, `{"index":1,"delete":1}`, `{"index":1}}`} {
		if _, _, err := ParseValueJSON([]byte(src)); err == nil {
			t.Errorf("%s is taken", src)
		}
	}
}

// The types serve encoding/json too, as members of other messages.
func TestEncodingJSON(t *testing.T) {
	type message struct {
		Items []Record `json:"items"`
		Value Value    `json:"value"`
	}
	want := message{Items: []Record{*sample()}, Value: sample().Values[1]}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got message
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, %v", text, got, err)
	}
	err = json.Unmarshal([]byte(`{"items":[{"id":"a","valeus":[]}]}`), &got)
	if fault, ok := errors.AsType[*JSONError](err); !ok || fault.Field != "valeus" {
		t.Errorf("unknown field: %v", err)
	}
	if err := json.Unmarshal([]byte(`{"value":{"index":1}}`), &got); err == nil {
		t.Error("a value without type is taken")
	}
}

func TestRecordJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := records().Draw(t, "record")
		want.Version = rapid.Uint64().Draw(t, "version")
		text := AppendRecordJSON(nil, want)
		if !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
		got, err := ParseRecordJSON(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: got %+v, want %+v, %v", text, got, want, err)
		}
	})
}

func TestRecordParse(t *testing.T) {
	for _, test := range []struct {
		r    Record
		want Key
	}{
		{Record{ID: "1.2.156"}, Key{OID, "1.2.156"}},
		{Record{ID: "1.2.156", Scheme: Handle}, Key{Handle, "0.na/1.2.156"}},
		{Record{ID: "x", Scheme: 9}, Key{}},
	} {
		if id, err := test.r.Parse(); id.Key(false) != test.want || (err == nil) != (test.want != Key{}) {
			t.Errorf("%+v: %v, %v", test.r, id.Key(false), err)
		}
	}
}

// What the reader takes, encoding/json takes and reads alike; a string that it refuses,
// encoding/json refuses or repairs.
func FuzzParseRecordJSON(f *testing.F) {
	f.Add(AppendRecordJSON(nil, sample()))
	f.Add([]byte(`{"id":"\ud83d\ude00\u00e9\/","values":[{"index":1,"type":"T","data":{"format":"hex","value":"00ff"},"perms":"0110","timestamp":5}]}`))
	f.Add([]byte(`"\ud83d\ude00\ud800\u12\"`))
	f.Fuzz(func(t *testing.T, line []byte) {
		compareString(t, line)
		r, err := ParseRecordJSON(line)
		if err != nil {
			return
		}
		var want struct {
			ID, Template, Reason, Successor string
			Values                          []struct {
				Index uint32
				Type  string
				TTL   *int32
				Refs  []Ref
			}
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatalf("%s is taken: %v", line, err)
		}
		if r.ID != want.ID || r.Template != want.Template || r.Reason != want.Reason || r.Successor != want.Successor || len(r.Values) != len(want.Values) {
			t.Fatalf("%s: %+v, want %+v", line, r, want)
		}
		for i, v := range r.Values {
			w := want.Values[i]
			if v.Index != w.Index || v.Type != w.Type || w.TTL != nil && v.TTL != *w.TTL || len(v.Refs) != len(w.Refs) {
				t.Fatalf("%s: value %d is %+v, want %+v", line, i, v, w)
			}
		}
		r.Created, r.Updated = r.Created.Truncate(time.Millisecond), r.Updated.Truncate(time.Millisecond)
		if r.Created.Year() < 0 || r.Updated.Year() < 0 {
			return
		}
		again, err := ParseRecordJSON(AppendRecordJSON(nil, r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

func compareString(t *testing.T, src []byte) {
	d := newReader(src)
	got := string(d.text(notString))
	err := d.end()
	var want *string
	wantErr := json.Unmarshal(src, &want)
	switch {
	case err == nil && (wantErr != nil || got != *want):
		t.Fatalf("%q is %q, encoding/json: %v", src, got, wantErr)
	case err != nil && wantErr == nil && want != nil && !strings.Contains(*want, "\ufffd"):
		t.Fatalf("%q is refused (%v), encoding/json reads %q", src, err, *want)
	}
}

func BenchmarkParseRecordJSON(b *testing.B) {
	line := AppendRecordJSON(nil, smallRecord())
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRecordJSON(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRecordJSON(b *testing.B) {
	r := smallRecord()
	dst := bytes.Clone(AppendRecordJSON(nil, r))
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendRecordJSON(dst[:0], r)
	}
}

// TestParseWriteJSON: the object of a record's fields is passed on as it is written, and is refused
// where a record is as it is kept.
func TestParseWriteJSON(t *testing.T) {
	f := func(in, want, reason string) {
		t.Helper()
		rec, fields, err := ParseWriteJSON([]byte(in))
		if reason != "" {
			if e, ok := err.(*JSONError); !ok || e.Field != "fields" || e.Reason != reason {
				t.Errorf("%s: %v, want %s", in, err, reason)
			}
			return
		}
		if err != nil || string(fields) != want || rec.ID != "88.1/a" || len(rec.Values) > 0 && string(rec.Values[0].Data) != "A" {
			t.Errorf("%s: %+v, %s, %v", in, rec, fields, err)
		}
	}
	f(`{"id":"88.1/a"}`, "", "")
	f(`{"id":"88.1/a","fields":null}`, "", "")
	f(`{"id":"88.1/a","fields":{}}`, "{}", "")
	f(`{"values":[{"index":1,"type":"URL","data":"\u0041"}],"fields": {"a\"}":[1,{"b":"}]\\"}],"c":null} ,"id":"88.1/\u0061"}`, `{"a\"}":[1,{"b":"}]\\"}],"c":null}`, "")
	f(`{"id":"88.1/a","fields":[1]}`, "", "not an object")
	f(`{"id":"88.1/a","fields":{"a":1`, "", "not valid JSON")
	f(`{"id":"88.1/a","fields":{"a":]}}`, "", "not valid JSON")
	f(`{"id":"88.1/a","fields":{a}}`, "", "not valid JSON")
	f(`{"id":"88.1/a","fields":{},"fields":{}}`, "", "given twice")
	if _, err := ParseRecordJSON([]byte(`{"id":"88.1/a","fields":{}}`)); err == nil {
		t.Error("a record as it is kept has no fields")
	}
}
