package recordcsv_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/recordcsv"
)

// all is records with everything that a value may be.
func all() []identifier.Record {
	value := func(index uint32, data string) identifier.Value {
		return identifier.Value{Index: index, Type: "T", Data: []byte(data), TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
	}
	var texts []identifier.Value
	for i, data := range []string{"u", "a,b", `say "x"`, "line\nline", " blank ", "\ttab", "=1+1", "'=x", "'", "''", "-", "轴承", `\.`, "\r\n", "\x00\xff", "\ufffd", "\u2028", "\u0085",
		`{"format":"base64","value":"AAE="}`, `{"format":"A4"}`, `{"format":`, `{"format":"string","value":"<>&\u2028"} `} {
		texts = append(texts, value(uint32(i+1), data))
	}
	return []identifier.Record{
		{Scheme: identifier.Handle, ID: "88.1021.200/all", Template: "a word", Values: []identifier.Value{
			{Index: 9, Type: "URL", Data: []byte("u"), TTL: 0, Perms: 15, Timestamp: 946684799},
			{Index: 2147483647, Type: "电话", TTLType: identifier.Absolute, TTL: 1893456000, Perms: 8, Timestamp: 4294967295},
			{Index: 1, Type: "=T", TTLType: identifier.Absolute, Perms: 0, Refs: []identifier.Ref{{Handle: `88.1021.200/"A", <y>`, Index: 300}, {Handle: "10.1/=x", Index: 0}}},
		}},
		{Scheme: identifier.Handle, ID: "88.1021.200/=a, \"q\"", Values: texts},
		{Scheme: identifier.OID, ID: "1.2.156.10001.7.1", Template: "'=t", Values: []identifier.Value{value(1, "x")}},
	}
}

func TestRoundTrip(t *testing.T) {
	want := all()
	text := recordcsv.AppendHeader(nil)
	for i := range want {
		text = recordcsv.Append(text, &want[i])
	}
	r, err := recordcsv.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		got, err := r.Read()
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !reflect.DeepEqual(*got, want[i]) {
			t.Errorf("%s\ncame back as\n%s", identifier.AppendRecordJSON(nil, &want[i]), identifier.AppendRecordJSON(nil, got))
		}
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	// No cell begins as a formula does.
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.IndexByte("=+-@\t\r", cell[0]) >= 0 {
				t.Errorf("cell %q is a formula", cell)
			}
		}
	}
}

func TestForm(t *testing.T) {
	rec := identifier.Record{Scheme: identifier.Handle, ID: "88.1/a", Template: "t", Values: []identifier.Value{
		{Index: 1, Type: "URL", Data: []byte("u"), TTL: 60, Perms: identifier.DefaultPerms, Timestamp: 1767323045},
		{Index: 2, Type: "B", Data: []byte{0, 255}, TTLType: identifier.Absolute, TTL: 1893456000, Perms: 12, Refs: []identifier.Ref{{Handle: "88.1/b", Index: 3}}},
	}}
	want := `88.1/a,1,URL,u,60,,2026-01-02T03:04:05Z,,handle,t
88.1/a,2,B,"{""format"":""base64"",""value"":""AP8=""}",2030-01-01T00:00:00Z,1100,,"[{""handle"":""88.1/b"",""index"":3}]",handle,t
`
	if got := string(recordcsv.Append(nil, &rec)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	rec.Values = nil
	if got := string(recordcsv.Append(nil, &rec)); got != "88.1/a,,,,,,,,handle,t\n" {
		t.Errorf("a record without values: %s", got)
	}
}

func TestMistakes(t *testing.T) {
	const head = "id,index,type,data,ttl,perms,timestamp,refs,scheme,template\n"
	for text, want := range map[string]string{
		"":                               "read header",
		"id,index,type\n":                `"data" is missing`,
		"id,index,type,data,colour\n":    `"colour"`,
		"id,index,type,data,id\n":        `"id"`,
		head + "a,x,T,u,,,,,,\n":         "index",
		head + "a,1,T,u,-1,,,,,\n":       "ttl",
		head + "a,1,T,u,soon,,,,,\n":     "ttl",
		head + "a,1,T,u,,111,,,,\n":      "perms",
		head + "a,1,T,u,,,1.1.2026,,,\n": "timestamp",
		head + "a,1,T,u,,,,x,,\n":        "refs",
		head + "a,1,T,u,,,,\"[{}]\",,\n": "refs",
		head + "a,1,T,u,,,,\"[],\",,\n":  "refs",
		head + "a,1,T,u,,,,,barcode,\n":  "scheme",
		head + "a,1,T,u\n":               "wrong number of fields",
		head + "a,,,,,,,,handle,\n":      "index",
		head + "a,1,T,\"{\"\"format\"\":\"\"hex\"\",\"\"value\"\":\"\"x\"\"}\",,,,,,\n": "form",
	} {
		r, err := recordcsv.NewReader(strings.NewReader(text))
		if err == nil {
			_, err = r.Read()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	text := recordcsv.AppendHeader(nil)
	for _, rec := range all() {
		text = recordcsv.Append(text, &rec)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := recordcsv.NewReader(bytes.NewReader(text))
		for err == nil {
			var rec *identifier.Record
			if rec, err = r.Read(); err != nil {
				break
			}
			again, err := recordcsv.NewReader(bytes.NewReader(recordcsv.Append(recordcsv.AppendHeader(nil), rec)))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := again.Read(); err != nil || !reflect.DeepEqual(got, rec) {
				t.Fatalf("%+v came back as %+v, %v", rec, got, err)
			}
		}
	})
}
