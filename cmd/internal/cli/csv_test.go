package cli

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/recordcsv"
)

// lines renders what a source yields: a record's line and JSON, or a failure's line, id and code.
func lines(t *testing.T, text, format, encoding string) (string, error) {
	t.Helper()
	s := &source{}
	if err := s.start(strings.NewReader(text), format, encoding); err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		r, err := s.next()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		out, _ := json.Marshal(r.line)
		b.Write(out)
		if r.failure != nil {
			b.WriteString(" " + r.failure.ID + " " + r.failure.Code + ": " + r.failure.Detail + "\n")
			continue
		}
		b.WriteString(" " + string(r.json) + "\n")
	}
}

func TestCSV(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"one value", "id,index,type,data\n88.1/a,1,URL,https://x/?a=1&b=<2>\n",
			`2 {"id":"88.1/a","values":[{"index":1,"type":"URL","data":"https://x/?a=1&b=<2>"}]}` + "\n"},
		{"two records, all columns, another order", "data,perms,id,ttl,type,index\nu,1110,88.1/a,60,URL,1\n轴承,,88.1/a,,DESC,2\nv,,88.1/b,0,URL,1\n",
			`2 {"id":"88.1/a","values":[{"index":1,"type":"URL","data":"u","ttl":60,"perms":"1110"},{"index":2,"type":"DESC","data":"轴承"}]}` + "\n" +
				`4 {"id":"88.1/b","values":[{"index":1,"type":"URL","data":"v","ttl":0}]}` + "\n"},
		{"no newline at the end, CRLF, blank line, BOM", "\uFEFFid,index,type,data\r\n\r\n1.2.3,1,N,x",
			`3 {"id":"1.2.3","values":[{"index":1,"type":"N","data":"x"}]}` + "\n"},
		{"quotes, line break in a cell", "id,index,type,data\n88.1/a,1,N,\"x, \"\"y\"\"\nz\"\n88.1/b,1,N,w\n",
			`2 {"id":"88.1/a","values":[{"index":1,"type":"N","data":"x, \"y\"\nz"}]}` + "\n" +
				`4 {"id":"88.1/b","values":[{"index":1,"type":"N","data":"w"}]}` + "\n"},
		{"data not text", `id,index,type,data` + "\n" + `88.1/a,1,B,"{""format"":""base64"",""value"":""AP8=""}"` + "\n" + `88.1/b,1,J,"{""format"":""A4""}"` + "\n",
			`2 {"id":"88.1/a","values":[{"index":1,"type":"B","data":{"format":"base64","value":"AP8="}}]}` + "\n" +
				`3 {"id":"88.1/b","values":[{"index":1,"type":"J","data":"{\"format\":\"A4\"}"}]}` + "\n"},
		{"apostrophes", "id,index,type,data\n88.1/a,1,N,'=1+1\n88.1/b,1,N,'tis\n88.1/c,1,N,''=x\n",
			`2 {"id":"88.1/a","values":[{"index":1,"type":"N","data":"=1+1"}]}` + "\n" +
				`3 {"id":"88.1/b","values":[{"index":1,"type":"N","data":"'tis"}]}` + "\n" +
				`4 {"id":"88.1/c","values":[{"index":1,"type":"N","data":"'=x"}]}` + "\n"},
		{"a bad value fails its record only", "id,index,type,data,ttl,perms\n88.1/a,1,N,x,,\n88.1/a,zero,N,y,,\n88.1/b,1,,x,,\n88.1/c,1,N,x,soon,\n88.1/d,1,N,x,,rwx\n88.1/e,1,N,x\n,1,N,x,,\n88.1/f,1,N,x,,\n",
			"2 88.1/a invalid_value: index \"zero\" is no number from 1 to 2147483647\n" +
				"4 88.1/b invalid_value: type is empty\n" +
				"5 88.1/c invalid_value: ttl \"soon\" is neither a number of seconds nor a time such as 2030-01-01T00:00:00Z\n" +
				"6 88.1/d invalid_value: perms \"rwx\" are not four characters 0 or 1 such as 1110\n" +
				"7 88.1/e invalid_value: line has 4 cells, the header 6\n" +
				"8  invalid_value: id is empty\n" +
				`9 {"id":"88.1/f","values":[{"index":1,"type":"N","data":"x"}]}` + "\n"},
		{"an identifier that comes back", "id,index,type,data\n88.1/a,1,N,x\n88.1/b,1,N,x\n88.1/a,2,N,y\n88.1/a,3,N,z\n",
			`2 {"id":"88.1/a","values":[{"index":1,"type":"N","data":"x"}]}` + "\n" +
				`3 {"id":"88.1/b","values":[{"index":1,"type":"N","data":"x"}]}` + "\n" +
				"4 88.1/a repeated_identifier: lines of one identifier must follow each other; others of this one came before\n"},
		{"not UTF-8", "id,index,type,data\n88.1/a,1,N,\xd6\xe1\n",
			"2 88.1/a invalid_value: not UTF-8; if a spreadsheet in China wrote the file, try --encoding gb18030\n"},
		{"header only", "id,index,type,data\n", ""},
	} {
		got, err := lines(t, tc.in, "csv", "utf-8")
		if err != nil || got != tc.want {
			t.Errorf("%s: err %v\n got %s\nwant %s", tc.name, err, got, tc.want)
		}
	}
}

func TestCSVStops(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", "", "no header"},
		{"unknown column", "id,index,type,data,colour\n", `unknown column "colour"`},
		{"column twice", "id,index,type,data,id\n", `column "id" is there twice`},
		{"column missing", "id,index,data\n", `column "type" is missing`},
		{"semicolons", "id;index;type;data\n", `unknown column "id;index;type;data"`},
		{"stray quote", "id,index,type,data\n88.1/a,1,N,x\n88.1/a,2,N,y\"z\n", "line 3"},
		{"quote that is not closed", "id,index,type,data\n88.1/a,1,N,\"" + strings.Repeat("x\n", maxRecord), "is a quote not closed?"},
	} {
		got, err := lines(t, tc.in, "csv", "utf-8")
		if err == nil || !strings.Contains(err.Error(), tc.want) || got != "" {
			t.Errorf("%s: got %q, err %.200v; want an error about %q and no record", tc.name, got, err, tc.want)
		}
	}
}

func TestEncodings(t *testing.T) {
	const text = "id,index,type,data\n88.1/批次,1,DESC,深沟球轴承\n"
	const want = `2 {"id":"88.1/批次","values":[{"index":1,"type":"DESC","data":"深沟球轴承"}]}` + "\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := lines(t, gb, "csv", "gb18030"); err != nil || got != want {
		t.Errorf("GB18030: %q, %v", got, err)
	}
	var z strings.Builder
	w := gzip.NewWriter(&z)
	_, _ = w.Write([]byte(gb))
	w.Close()
	if got, err := lines(t, z.String(), "csv", "gb18030"); err != nil || got != want {
		t.Errorf("GB18030 in gzip: %q, %v", got, err)
	}
}

func TestNDJSON(t *testing.T) {
	long := `{"id":"` + strings.Repeat("y", 300<<10) + `"}`
	for _, tc := range []struct{ name, in, want string }{
		{"blank lines, BOM, CRLF, no newline at the end", "\uFEFF{\"a\":1}\r\n\n  \n{\"b\":2}", "1 {\"a\":1}\n4 {\"b\":2}\n"},
		{"what is no JSON goes to the node too", "nonsense\n", "1 nonsense\n"},
		{"longer than the buffer", long + "\n{}\n", "1 " + long + "\n2 {}\n"},
		{"too long", strings.Repeat("x", maxRecord+1) + "\n{}\n", "1  too_large: line is longer than 16777216 octets\n2 {}\n"},
		{"empty", "", ""},
	} {
		if got, err := lines(t, tc.in, "ndjson", "utf-8"); err != nil || got != tc.want {
			t.Errorf("%s: %.200q, %v; want %.200q", tc.name, got, err, tc.want)
		}
	}
}

// What a node writes as CSV, import reads as the same record.
func TestCSVRoundTrip(t *testing.T) {
	for _, want := range []string{
		`{"id":"88.1/a","scheme":"handle","values":[{"index":1,"type":"URL","data":"https://x","ttl":60},{"index":2,"type":"B","data":{"format":"base64","value":"AP8="},"ttl":86400,"perms":"1100"}]}`,
		`{"id":"=cmd|'/c'!A1/x","template":"-t","values":[{"index":1,"type":"+T","data":"-1","ttl":0},{"index":2,"type":"'","data":"'=x","ttl":0}]}`,
		`{"id":"88.1/\"q\", r","values":[{"index":3,"type":"N","data":"a\nb","ttl":1},{"index":4,"type":"E","data":"","ttl":1}]}`,
		`{"id":"1.2.3","scheme":"oid","template":"a, b","values":[{"index":1,"type":"T","data":"{\"format\":\"hex\",\"value\":\"00\"}","ttl":1893456000,"ttlType":"absolute","timestamp":"1999-12-31T23:59:59Z","refs":[{"handle":"88.1/<\"x\">","index":300},{"handle":"10.1/y","index":0}]}]}`,
	} {
		rec, err := identifier.ParseRecordJSON([]byte(want))
		if err != nil {
			t.Fatal(err)
		}
		text := string(recordcsv.Append(recordcsv.AppendHeader(nil), rec))
		got, err := lines(t, text, "csv", "utf-8")
		if err != nil {
			t.Fatal(err)
		}
		line, ok := strings.CutPrefix(got, "2 ")
		back, err := identifier.ParseRecordJSON([]byte(line))
		if !ok || err != nil || string(identifier.AppendRecordJSON(nil, back)) != want {
			t.Errorf("CSV\n%s\n gave %s, %v\nwant %s", text, got, err, want)
		}
	}
	for cells, want := range map[string]string{"2030-13-01,,,,": "ttl", ",,1.1.2026,,": "timestamp", ",,,{},": "refs"} {
		got, err := lines(t, "id,index,type,data,ttl,perms,timestamp,refs,scheme\n88.1/a,1,T,x,"+cells+"\n", "csv", "utf-8")
		if err != nil || !strings.Contains(got, "invalid_value: "+want) {
			t.Errorf("%s: %s, %v", cells, got, err)
		}
	}
}

// The sample that the node starts with is what a registration demands.
func TestSample(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/sample/manufacturing.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		r, err := identifier.ParseRecordJSON([]byte(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		id, err := identifier.Parse(r.ID)
		if err == nil {
			err = id.Validate()
		}
		if err != nil || id.Prefix() != "88.1021.150" || seen[id.Canonical()] {
			t.Errorf("%s: prefix %s, seen before %v, %v", r.ID, id.Prefix(), seen[id.Canonical()], err)
		}
		seen[id.Canonical()] = true
		for _, v := range r.Values {
			for _, ref := range v.Refs {
				if !strings.Contains(string(text), `{"id":"`+ref.Handle+`"`) {
					t.Errorf("%s refers to %s, which is not there", r.ID, ref.Handle)
				}
			}
		}
	}
	if len(seen) != 40 {
		t.Errorf("%d records, want 40", len(seen))
	}
}
