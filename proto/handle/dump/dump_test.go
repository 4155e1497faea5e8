package dump_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/dump"
	"github.com/idnode/idnode/proto/handle/handlejson"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

// read is what a file holds: records, and "line handle: problems".
func read(t testing.TB, text string, o dump.Options) (records []*dump.Record, wrong []string) {
	t.Helper()
	d := dump.NewReader(strings.NewReader(text), o)
	for range len(text) + 2 {
		rec, err := d.Next()
		if errors.Is(err, io.EOF) {
			return records, wrong
		}
		if e, ok := errors.AsType[*dump.Error](err); ok {
			wrong = append(wrong, fmt.Sprintf("%d %s: %v", e.Line, e.Handle, e))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec)
	}
	t.Fatal("there is no end")
	return nil, nil
}

func files(path string) ([]byte, error) {
	switch path {
	case `c:\keys\pub.bin`:
		return []byte{0, 1, 2}, nil
	case "siteinfo.json":
		return []byte(` {"version":1,"protocolVersion":"2.10","serialNumber":1,"primarySite":true,"multiPrimary":false,"servers":[{"serverId":1,"address":"127.0.0.1","interfaces":[{"query":true,"admin":true,"protocol":"TCP","port":2641}]}]}`), nil
	}
	return nil, os.ErrNotExist
}

func TestBatch(t *testing.T) {
	raw, err := os.ReadFile("testdata/batch.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(raw), "\uFEFF" + string(raw), strings.ReplaceAll(string(raw), "\n", "\r\n"), strings.TrimSpace(string(raw))} {
		records, wrong := read(t, text, dump.Options{File: files})
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		if len(records) != 4 {
			t.Fatalf("%d records", len(records))
		}
		first := records[0]
		if first.Handle != "88.1021/pump-1" || len(first.Values) != 7 || first.Line != 8 {
			t.Fatalf("%+v", first)
		}
		want := handle.AppendAdmin(nil, handle.Admin{Perms: handle.MayAll, Ref: identifier.Ref{Handle: "0.NA/88.1021", Index: 300}})
		if v := first.Values[0]; v.Index != 100 || v.Type != "HS_ADMIN" || string(v.Data) != string(want) || v.Perms != 0b1110 || v.TTL != 86400 {
			t.Errorf("%+v", v)
		}
		// Of the rights of batch text the eighth is to read values, which is not the eighth bit.
		a, err := handle.ParseAdmin(first.Values[1].Data)
		if err != nil || a.Perms != handle.MayReadPrivate|handle.MayListHandles {
			t.Errorf("rights %012b, %v", a.Perms, err)
		}
		if v := first.Values[2]; string(v.Data) != "my secret" || v.Perms != 0b1100 {
			t.Errorf("%+v", v)
		}
		if v := first.Values[3]; string(v.Data) != "\x00\x01\x02" {
			t.Errorf("%+v", v)
		}
		refs, _, err := handle.ParseRefs(first.Values[4].Data)
		if err != nil || !reflect.DeepEqual(refs, []identifier.Ref{{Handle: "88.1021/a", Index: 300}, {Handle: "88.1021/b", Index: 301}}) {
			t.Errorf("%v, %v", refs, err)
		}
		if v := first.Values[5]; string(v.Data) != "水泵 一号" {
			t.Errorf("%+v", v)
		}
		if site, err := handle.ParseSite(first.Values[6].Data); err != nil || site.Servers[0].Addr.String() != "127.0.0.1" {
			t.Errorf("%v, %v", site, err)
		}
		if last := records[3]; last.Template != "pump" || last.Values[0].Timestamp != 1700000000 || last.Values[0].TTLType != identifier.Absolute ||
			last.Values[0].TTL != 1893456000 || string(last.Values[0].Data) != "\xff\x00" || len(last.Values[0].Refs) != 1 {
			t.Errorf("%+v", last)
		}
	}
}

// TestBatchWrong: all that is wrong is told, with its line, and what follows is read.
func TestBatchWrong(t *testing.T) {
	good := "CREATE 88.1021/good\n1 URL 86400 1110 UTF8 x\n\n"
	f := func(text, want string) {
		t.Helper()
		records, wrong := read(t, "SESSIONSETUP\nUSESESSION:1\n\n"+text+good, dump.Options{})
		if len(wrong) != 1 || !strings.HasPrefix(wrong[0], want) {
			t.Errorf("%q: %q, want %q", text, wrong, want)
		}
		if len(records) != 1 || records[0].Handle != "88.1021/good" {
			t.Errorf("%q: %+v", text, records)
		}
	}
	f("CREATE\n1 URL 1 1110 UTF8 x\n\n", "4 : a handle is expected")
	f("CREATE a/b\n\n", "4 a/b: no values")
	f("CREATE a/b\nx URL 1 1110 UTF8 x\n\n", `4 a/b: line 5: "x" is no index`)
	f("CREATE a/b\n-1 URL 1 1110 UTF8 x\n\n", `4 a/b: line 5: "-1" is no index`)
	f("CREATE a/b\n2147483648 URL 1 1110 UTF8 x\n\n", `4 a/b: line 5: "2147483648" is no index`)
	f("CREATE a/b\n1\n\n", "4 a/b: line 5: a type is expected")
	f("CREATE a/b\n1 URL soon 1110 UTF8 x\n\n", `4 a/b: line 5: "soon" is no TTL`)
	f("CREATE a/b\n1 URL -1 1110 UTF8 x\n\n", `4 a/b: line 5: "-1" is no TTL`)
	f("CREATE a/b\n1 URL @-1 1110 UTF8 x\n\n", `4 a/b: line 5: "@-1" is no TTL`)
	f("CREATE a/b\n1 URL 1 111 UTF8 x\n\n", `4 a/b: line 5: "111" are not four permissions`)
	f("CREATE a/b\n1 URL 1 1112 UTF8 x\n\n", `4 a/b: line 5: "1112" are not four permissions`)
	f("CREATE a/b\n1 URL 1 1110 LATIN x\n\n", `4 a/b: line 5: "LATIN" is no form of data`)
	f("CREATE a/b\n1 URL 1 1110\n\n", "4 a/b: line 5: the data are expected")
	f("CREATE a/b\n1 URL 1 1110 BASE64 !\n\n", "4 a/b: line 5: the data are not in base64")
	f("CREATE a/b\n1 HS_ADMIN 1 1110 ADMIN 300:88.1021\n\n", "4 a/b: line 5: an administrator is")
	f("CREATE a/b\n1 HS_ADMIN 1 1110 ADMIN 300:1111:88.1021\n\n", "4 a/b: line 5: the rights")
	f("CREATE a/b\n1 HS_VLIST 1 1110 LIST 300\n\n", "4 a/b: line 5: a list is")
	f("CREATE a/b\n1 HS_PUBKEY 1 1110 FILE key.bin\n\n", "4 a/b: line 5: the data are in the file key.bin")
	f("CREATE a/b\n1 URL 1 1110 UTF8 \xd6\xd0\n\n", "4 a/b: line 5: not UTF-8")
	f("CREATE \xd6\xd0\n1 URL 1 1110 UTF8 x\n\n", "4 \uFFFD: the handle is not UTF-8")
	f("CREATE a/b\nx URL\n2 URL 1 1110 UTF8 x\ny\n\n", `4 a/b: line 5: "x" is no index from 1 to 2147483647; line 7: "y" is no index`)
	f("ADD a/b\n1 URL 1 1110 UTF8 x\n\n", "4 a/b: a change")
	f("MODIFY a/b\n1 URL 1 1110 UTF8 x\n\n", "4 a/b: a change")
	f("DELETE a/b\n", "4 a/b: a change")
	f("REMOVE 5,6:a/b\n", "4 a/b: a change")
	f("HELLO world\n", "4 : no command")
	f("#+ {\n", "4 : the note is no JSON")
}

func TestJSON(t *testing.T) {
	raw, err := os.ReadFile("testdata/rest.json")
	if err != nil {
		t.Fatal(err)
	}
	records, wrong := read(t, string(raw), dump.Options{})
	if len(wrong) > 0 || len(records) != 3 {
		t.Fatalf("%d records, %q", len(records), wrong)
	}
	r := records[0]
	if r.Handle != "88.1021/pump-1" || r.Line != 2 || len(r.Values) != 5 {
		t.Fatalf("%+v", r)
	}
	if v := r.Values[0]; v.Timestamp != 1420113600 || string(v.Data) != "https://example.com/1" || v.TTL != 86400 || v.Perms != identifier.DefaultPerms {
		t.Errorf("%+v", v)
	}
	a, err := handle.ParseAdmin(r.Values[1].Data)
	if err != nil || a.Perms != 0b011111110011 || a.Ref != (identifier.Ref{Handle: "0.NA/88.1021", Index: 300}) {
		t.Errorf("%+v, %v", a, err)
	}
	if v := r.Values[2]; v.Perms != 0b1100 || v.TTLType != identifier.Absolute || len(v.Refs) != 1 {
		t.Errorf("%+v", v)
	}
	if k, err := handle.ParsePublicKey(r.Values[3].Data); err != nil || k.Algorithm != handle.KeyRSA {
		t.Errorf("%v, %v", k, err)
	}
	if v := r.Values[4]; string(v.Data) != "\xff\x00" {
		t.Errorf("%+v", v)
	}
}

func TestJSONWrong(t *testing.T) {
	good := "\n{\"handle\":\"88.1021/good\",\"values\":[]}\n"
	f := func(text, want string) {
		t.Helper()
		records, wrong := read(t, text+good, dump.Options{})
		if len(wrong) != 1 || !strings.HasPrefix(wrong[0], want) {
			t.Errorf("%s: %q, want %q", text, wrong, want)
		}
		if len(records) != 1 {
			t.Errorf("%s: %+v", text, records)
		}
	}
	f(`{"responseCode":100,"handle":"a/b"}`, "1 a/b: responseCode: the answer is an error, 100")
	f(`{"values":[]}`, "1 : handle: missing")
	f(`{"handle":7}`, "1 : json")
	f(`{"handle":"a/b"}`, "1 a/b: values: a list")
	f(`{"handle":"a/b","values":{}}`, "1 a/b: values: a list")
	f(`{"handle":"a/b","values":[7]}`, "1 a/b: values[0]: a value is an object")
	f(`{"handle":"a/b","values":[{"type":"T","data":"x"}]}`, "1 a/b: values[0].index: missing")
	f(`{"handle":"a/b","values":[{"index":1,"type":"T","data":"x","timestamp":"now"}]}`, "1 a/b: values[0].timestamp: no time")
	f(`{"handle":"a/b","values":[{"index":1,"type":"T","data":"x","ttl":"now"},{"index":1,"data":"x"}]}`, "1 a/b: values[0].ttl: no time from 1970 to 2106, such as 2030-01-31T08:00:00Z; values[1]: type and data are required")
	f(`{"handle":"a/b","values":[{"index":1,"type":"T","data":{"format":"rot13","value":"x"}}]}`, "1 a/b: values[0].data.format")
	f(`{"handle":"a/b","values":[{"index":1`, "1 : the JSON text ends")
	f(`{"handle":"a/b","values":`, "1 : the JSON text ends")
}

func TestList(t *testing.T) {
	text := "88.1021/PUMP-1\n[\n  {\n    \"index\": 1,\n    \"type\": \"URL\",\n    \"data\": {\n      \"format\": \"string\",\n      \"value\": \"x\"\n    },\n    \"ttl\": 86400,\n    \"timestamp\": \"2015-01-01T12:00:00Z\"\n  }\n]\n\n" +
		"0.NA/88.1021\n[]\n\n88.1021/broken\n[\n  {\n    \"index\": 1,,\n  }\n]\n\n88.1021/bare\n"
	records, wrong := read(t, text, dump.Options{})
	if len(records) != 2 || records[0].Handle != "88.1021/PUMP-1" || records[0].Values[0].Timestamp != 1420113600 || records[1].Handle != "0.NA/88.1021" {
		t.Errorf("%+v", records)
	}
	if len(wrong) == 0 || !strings.HasPrefix(wrong[0], "18 88.1021/broken: line 19: no JSON") || !strings.HasPrefix(wrong[len(wrong)-1], "25 88.1021/bare: no values follow") {
		t.Errorf("%q", wrong)
	}
}

// TestRoundTrip: the text of any record gives the same record.
func TestRoundTrip(t *testing.T) {
	n := 0
	for _, r := range append(handletest.Records(t), handletest.RootRecords(t)...) {
		checkRoundTrip(t, &dump.Record{Handle: r.ID, Template: r.Template, Values: r.Values})
		n++
	}
	value := func(kind, data string) identifier.Value {
		return identifier.Value{Index: 1, Type: kind, Data: []byte(data), TTL: 1}
	}
	for _, v := range []identifier.Value{value("T", ""), value("T", " x"), value("T", "x\n"), value("T", "a\rb"), value("T", "\ufeffx"), value("T", "x\x00"),
		value("T", "CREATE a/b"), value("HS_ADMIN", ""), value("HS_ADMIN", "x"), value("HS_VLIST", ""), value("HS_VLIST", "\x00\x00\x00\x00"),
		value("hs_admin", string(handle.AppendAdmin(nil, handle.Admin{Perms: 0x1fff, Ref: identifier.Ref{Handle: "a/b"}}))),
		value("HS_ADMIN", string(handle.AppendAdmin(nil, handle.Admin{Ref: identifier.Ref{Handle: " a:b ; "}}))),
		value("HS_VLIST", string(handle.AppendRefs(nil, []identifier.Ref{{Handle: "a;b"}}))),
		{Index: 1<<31 - 1, Type: "轴承", Data: []byte("x"), TTLType: identifier.Absolute, TTL: 1<<31 - 1, Perms: 15, Timestamp: 1<<32 - 1, Refs: []identifier.Ref{{Handle: "a/\"b", Index: 1}, {Handle: "c"}}},
	} {
		checkRoundTrip(t, &dump.Record{Handle: "88.1021/x y", Template: "a \"b\"", Values: []identifier.Value{v}})
		n++
	}
	if n < 30 {
		t.Errorf("only %d records", n)
	}
	for _, r := range []*dump.Record{{Handle: "a/b"}, {Handle: "a/b\n", Values: []identifier.Value{value("T", "x")}}, {Handle: "a/b", Values: []identifier.Value{value("T T", "x")}}} {
		if out, err := dump.Append([]byte("x"), r); err == nil || string(out) != "x" {
			t.Errorf("%+v: %q, %v", r, out, err)
		}
	}
}

func checkRoundTrip(t testing.TB, want *dump.Record) {
	t.Helper()
	text, err := dump.Append(nil, want)
	if err != nil {
		t.Error(err)
		return
	}
	got, wrong := read(t, string(text), dump.Options{})
	if len(wrong) > 0 || len(got) != 1 {
		t.Errorf("%q: %d records, %q", text, len(got), wrong)
		return
	}
	same := *want
	same.Line = got[0].Line
	for _, r := range []*dump.Record{got[0], &same} {
		r.Values = append([]identifier.Value(nil), r.Values...)
		for i := range r.Values {
			if v := &r.Values[i]; len(v.Data) == 0 {
				v.Data = nil
			}
			if v := &r.Values[i]; len(v.Refs) == 0 {
				v.Refs = nil
			}
		}
	}
	if !reflect.DeepEqual(got[0], &same) {
		t.Errorf("%q: %+v, want %+v", text, got[0], same)
	}
}

// TestPlain: what the original takes has no marks of ours.
func TestPlain(t *testing.T) {
	r := &dump.Record{Handle: "88.1021/x", Template: "t", Values: []identifier.Value{
		{Index: 1, Type: "URL", Data: []byte("x"), TTL: 5, Perms: 14, Timestamp: 7},
		{Index: 2, Type: "BIN", Data: []byte{0xff}, TTLType: identifier.Absolute, TTL: 1893456000, Perms: 12},
	}}
	kept := map[string]string{}
	out, lost, err := dump.AppendPlain(nil, r, func(v *identifier.Value) (string, error) {
		kept["f/1"] = string(v.Data)
		return "f/1", nil
	})
	want := "CREATE 88.1021/x\n1 URL 5 1110 UTF8 x\n2 BIN 86400 1100 FILE f/1\n\n"
	if string(out) != want || lost != 1 || err != nil || kept["f/1"] != "\xff" || r.Values[1].TTLType != identifier.Absolute {
		t.Errorf("%q, %d, %v", out, lost, err)
	}
}

func FuzzReader(f *testing.F) {
	for _, name := range []string{"testdata/batch.txt", "testdata/rest.json"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	for _, r := range handletest.Records(f)[:3] {
		forms := make([]handlejson.Value, len(r.Values))
		for i := range r.Values {
			forms[i] = handlejson.FromValue(&r.Values[i])
		}
		raw, err := json.Marshal(forms)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.ID + "\n" + string(raw) + "\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		records, _ := read(t, text, dump.Options{})
		for _, r := range records {
			if _, err := dump.Append(nil, r); err == nil {
				checkRoundTrip(t, r)
			}
		}
	})
}
