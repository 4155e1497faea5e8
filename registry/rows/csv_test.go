package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/recordcsv"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/sheet"
)

// told is the rows of CSV, a line each.
func told(t *testing.T, text string, o Table) string {
	t.Helper()
	if o.MaxOctets == 0 {
		o.MaxOctets = 1 << 20
	}
	c, err := NewCSV(strings.NewReader(text), o)
	var out strings.Builder
	for err == nil {
		var r registry.Row
		if r, err = c.Next(); err != nil {
			break
		}
		fmt.Fprintf(&out, "%d-%d %s", r.Line, r.End, r.Record.ID)
		for _, v := range r.Record.Values {
			fmt.Fprintf(&out, " %d:%s=%q ttl %d perms %d", v.Index, v.Type, v.Data, v.TTL, v.Perms)
		}
		if r.Fields != nil {
			fmt.Fprintf(&out, " %s", r.Fields)
		}
		if r.Err != nil {
			fmt.Fprintf(&out, " %v", r.Err)
		}
		out.WriteByte('\n')
	}
	if !errors.Is(err, io.EOF) {
		fmt.Fprintln(&out, err)
	}
	return out.String()
}

func TestCSV(t *testing.T) {
	f := func(in, want string, o Table) {
		t.Helper()
		if got := told(t, in, o); got != want {
			t.Errorf("%q:\n%swant\n%s", in, got, want)
		}
	}
	f("id,index,type,data\na,1,URL,u\n", "2-29 a 1:URL=\"u\" ttl 86400 perms 14\n", Table{})
	f("\ufeffid;index;type;data;perms;ttl\r\na;1;URL;u;1100;60\r\na;2;T;\"x;y\n\"\r\nb;1;T;'=1\r\n",
		"2-66 a 1:URL=\"u\" ttl 60 perms 12 2:T=\"x;y\\n\" ttl 86400 perms 14\n5-77 b 1:T=\"=1\" ttl 86400 perms 14\n", Table{})
	f("id,index,type,data\na,1,T,\"{\"\"format\"\":\"\"base64\"\",\"\"value\"\":\"\"AAE=\"\"}\"\n", "2-70 a 1:T=\"\\x00\\x01\" ttl 86400 perms 14\n", Table{})
	f("id,index,type,data\na,x,T,u\nb,1,T,u\n", "2-27 a invalid_value at /values/0/index: \"x\" is no index, a number from 1 to 2147483647\n3-35 b 1:T=\"u\" ttl 86400 perms 14\n", Table{})
	f("id,index,type,data\n,1,T,u\n", "2-26  invalid_request at /id: the identifier is missing\n", Table{})
	f("id,index,type\na,1,T\n", "invalid_file: the column \"data\" is missing\n", Table{})
	f("id,index,type,data,Colour\n", "invalid_file: the column \"Colour\" is not known; there are id,index,type,data,ttl,perms,timestamp,refs,scheme,template, or with a template those of its fields\n", Table{})
	f("id,index,type,data,data\n", "invalid_file: the column \"data\" is there twice\n", Table{})
	f("", "invalid_request: the file has no first line with the names of the columns\n", Table{})
	f("id,index,type,data\na,1,T,\"u\nb,1,T,u\n", "invalid_file: line 3 is not CSV: extraneous or missing \" in quoted-field\n", Table{})
	f("id,index,type,data\na,1,T,\""+strings.Repeat("x", 300_000), "too_large: a line is longer than 1000 octets: is a quote not closed?\n", Table{MaxOctets: 1000})
	f("id,index,type,data\na,1,T,u\nb,1,T,u\nc,1,T,u\n", "4-43 c 1:T=\"u\" ttl 86400 perms 14\n", Table{After: 35})

	bearing := Table{Template: "bearing", Content: &template.Content{Fields: []template.Field{{Name: "name", Title: template.Text{ZH: "名称"}, Type: template.String}, {Name: "weight", Type: template.Number}}}}
	f("@id,名称,weight\na,轴承,1.5\n,,\nb,x,heavy\n",
		"2-31 a {\"name\":\"轴承\",\"weight\":1.5}\n4-44 b {\"name\":\"x\"} template_mismatch at /fields/weight: heavy is not a number for the field weight; write it as -12.5, without exponent, blanks and thousands separators\n", bearing)
	f("id,weight\n", "invalid_file: the first line has no column @id for the identifiers\n", bearing)
	mint := bearing
	mint.Options = sheet.Options{NoID: true}
	f("name\nx\n", "2-7  {\"name\":\"x\"}\n", mint)
	f("index,type,data\n", "invalid_file: CSV whose identifiers are made by a rule needs a template: without identifiers it cannot be told which lines belong together\n", Table{Options: sheet.Options{NoID: true}})
}

// TestCSVResume: who passes over what ended at a row sees the rows that follow.
func TestCSVResume(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,index,type,data\n")
	for i := range 500 {
		for v := range 1 + i%3 {
			fmt.Fprintf(&b, "88.1/%d,%d,T,\"line\n%d\"\n", i, v+1, v)
		}
	}
	read := func(after int64) (rows []registry.Row) {
		c, err := NewCSV(strings.NewReader(b.String()), Table{MaxOctets: 1 << 20, After: after})
		if err != nil {
			t.Fatal(err)
		}
		for {
			r, err := c.Next()
			if err == io.EOF {
				return rows
			}
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, r)
		}
	}
	want := read(0)
	if len(want) != 500 {
		t.Fatalf("%d rows", len(want))
	}
	for i := 0; i < len(want); i += 7 {
		got := read(want[i].End)
		if len(got) != len(want)-i-1 || len(got) > 0 && (got[0].Line != want[i+1].Line || got[0].Record.ID != want[i+1].Record.ID) {
			t.Fatalf("after row %d there are %d rows", i, len(got))
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("id,index,type,data\na,1,URL,u\n", true)
	f.Add("@id;name\n\"a\";x\n", false)
	c := &template.Content{Fields: []template.Field{{Name: "name", Type: template.String}}}
	f.Fuzz(func(t *testing.T, text string, values bool) {
		o := Table{MaxOctets: 1 << 16, Template: "t", Content: c}
		if values {
			o = Table{MaxOctets: 1 << 16}
		}
		r, err := NewCSV(strings.NewReader(text), o)
		if err != nil {
			return
		}
		for end := int64(0); ; {
			row, err := r.Next()
			if err != nil {
				return
			}
			if row.End <= end || row.Record == nil {
				t.Fatalf("a row ends at %d after %d", row.End, end)
			}
			end = row.End
		}
	})
}

// TestCSVWithoutLoss: what an export writes in CSV is read as it was.
func TestCSVWithoutLoss(t *testing.T) {
	want := []identifier.Record{
		{Scheme: identifier.Handle, ID: "=88.1/\"a\"", Template: "a word", Values: []identifier.Value{
			{Index: 9, Type: "URL", Data: []byte("'=x,\n\"y\""), TTL: 0, Perms: 15, Timestamp: 946684799},
			{Index: 2, Type: "B", Data: []byte("\x00\xff"), TTLType: identifier.Absolute, TTL: 1893456000, Perms: 8},
			{Index: 1, Type: "T", Data: []byte(`{"format":"hex","value":"00"}`), TTL: 86400, Perms: 14, Refs: []identifier.Ref{{Handle: "88.1/<y>", Index: 300}, {Handle: "10.1/x", Index: 0}}},
		}},
		{Scheme: identifier.OID, ID: "1.2.3", Values: []identifier.Value{{Index: 1, Type: "T", TTL: 86400, Perms: 14}}},
	}
	text := recordcsv.AppendHeader(nil)
	for i := range want {
		text = recordcsv.Append(text, &want[i])
	}
	c, err := NewCSV(bytes.NewReader(text), Table{MaxOctets: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		got, err := c.Next()
		if err != nil || got.Err != nil {
			t.Fatal(err, got.Err)
		}
		if diff := cmp.Diff(&want[i], got.Record); diff != "" {
			t.Error(diff)
		}
	}
	for cells, field := range map[string]string{"soon,,,,,": "ttl", ",,yesterday,,,": "timestamp", ",,,x,,": "refs", ",,,,isbn,": "scheme"} {
		got := told(t, "id,index,type,data,ttl,perms,timestamp,refs,scheme,template\na,1,T,u,"+cells+"\nb,1,T,u,,,,,,\n", Table{})
		if !strings.Contains(got, "/"+field+": ") || !strings.Contains(got, "\n3-") {
			t.Errorf("%s: %s", cells, got)
		}
	}
}
