package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

const snmsTemplate = `{"message":"success","status":1,"data":{"id":7,"prefix":"88.1021.60","name":"","version":"pump","handle":"88.1021.60/META_1",
  "industryCategory":"C","industrySpecific":"34","industryTrade":"345","industrySubclass":"3451","type":2,"description":"泵",
  "items":[
    {"name":"型号","idType":"model","idIndex":2000,"required":true,"state":1,"metadataId":3,"metadata":{"type":"string","minLength":1,"maxLength":20}},
    {"name":"旧编号","idType":"old","idIndex":2001,"required":true,"state":0,"metadataId":4,"metadata":{"type":"string","minLength":0,"maxLength":20}}]}}
`

func snmsDetail(handle, model string) string {
	return fmt.Sprintf(`{"message":"success","status":1,"data":{"code":"200","prefix":"88.1021.60","handle":%q,"templateVersion":"pump","value":[
  {"auth":"1","index":1000,"type":"TEMPLATE_ID","data":{"format":"string","value":"88.1021.60/META_1"}},
  {"auth":"1","index":1001,"type":"TEMPLATE","data":{"format":"string","value":"pump"}},
  {"auth":"1","index":2000,"type":"model","data":{"format":"string","value":%q}},
  {"auth":"","index":2001,"type":"old","data":{"format":"string","value":"of old"}}]}}
`, handle, model)
}

// TestMigrateSNMS: saved calls of SNMS go into an empty node; its own SNMS surface then answers as the old one did.
func TestMigrateSNMS(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	text := "\uFEFF" + snmsDetail("88.1021.60/1", "A1") +
		`[{"handle":"88.1021.60/2","templateVersion":"pump","value":[{"index":2000,"type":"model","auth":"","data":{"format":"string","value":"A2"}}]},` + "\n" +
		`{"handle":"88.1021.60/3","templateVersion":"pump","value":[{"index":"2000","type":"model","data":{"format":"string","value":"A3"}}]}]` + "\n" + snmsTemplate
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	z.Close()
	file := writeFile(t, "saved.json.gz", packed.Bytes())
	for range 2 {
		d.want(0, "templates  1: 1 new, 0 the same, 0 different\n  records    3: 3 new", "migrate", "snms", "--dry-run", "--allocate", file)
	}
	out := d.want(0, "prefixes   1 allocated\n  templates  1: 1 new", "migrate", "snms", "--allocate", file)
	if !strings.Contains(out, "records    3: 3 stored, 0 skipped\n  wrong      0\n") || !strings.Contains(out, "1 values are not marked") {
		t.Error(out)
	}
	d.want(0, "templates  1: 0 new, 1 the same, 0 different\n  records    3: 3 the same, 0 different, 0 missing", "migrate", "snms", "--verify", file)
	d.want(0, "templates  1: 0 new, 1 the same, 0 different\n  records    3: 0 new, 3 the same, 0 different", "migrate", "snms", "--dry-run", "--mode", "upsert", file)
	d.want(0, "records    3: 0 stored, 3 skipped", "migrate", "snms", "--mode", "upsert", file)

	got := d.must(200, d.key, "GET", "/v1/templates?prefix=88.1021.60&name=pump", nil)
	content, _ := json.Marshal(got["content"])
	if got["state"] != "published" || !strings.Contains(string(content), `"disabled":true`) || !strings.Contains(string(content), `"industry":"C3451"`) {
		t.Errorf("template %v: %s", got["state"], content)
	}

	// Under another prefix, with all values public.
	d.want(0, "prefixes   1 allocated", "migrate", "snms", "--allocate", "--public", "--map", "88.1021.60=88.1021.61", file)
	rec := d.must(200, d.key, "GET", "/v1/identifiers?id=88.1021.61/1", nil)
	if values, _ := json.Marshal(rec["values"]); rec["template"] != "pump" || strings.Contains(string(values), "perms") || !strings.Contains(string(values), "of old") {
		t.Errorf("%v", rec)
	}
	d.want(0, "records    3: 3 the same", "migrate", "snms", "--verify", "--public", "--map", "88.1021.60=88.1021.61", file)
}

// TestMigrateWrong: whatever is wrong is told with its place, a dry run tells the same, and the rest goes in.
func TestMigrateWrong(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	d.must(201, d.key, "POST", "/v1/prefixes", map[string]any{"scheme": "handle", "prefix": "88.1021.60", "enterprise": "self", "mode": "hosted"})
	lines := []string{
		strings.ReplaceAll(strings.TrimSpace(snmsTemplate), "\n", " "),
		strings.ReplaceAll(strings.TrimSpace(snmsDetail("88.1021.60/good", "A1")), "\n", " "),
		`{"handle":"88.1021.60/broken","templateVersion":"pump","value":[{"index":2000,`,
		`{"handle":"88.1021.60/long","templateVersion":"pump","value":[{"index":2000,"type":"model","data":{"format":"string","value":"` + strings.Repeat("x", 21) + `"}}]}`,
		`{"handle":"88.1021.60/unknown","templateVersion":"pump","value":[{"index":2000,"type":"model","data":{"format":"string","value":"A"}},{"index":2009,"type":"colour","data":{"format":"string","value":"red"}}]}`,
		`{"handle":"88.1021.60/missing","templateVersion":"pump","value":[]}`,
		`{"handle":"88.1021.60/note","templateVersion":"pump","value":[{"index":1001,"type":"TEMPLATE","data":{"format":"string","value":"tank"}}]}`,
		`{"handle":"99.1/foreign","templateVersion":"pump","value":[{"index":2000,"type":"model","data":{"format":"string","value":"A"}}]}`,
		`{"status":-2,"message":"标识不存在","data":null}`,
		`{"prefix":"88.1021.60","version":"empty","items":[]}`,
		`{"prefix":"88.1021.60","version":"bad name","items":[{"name":"n","idType":"1 n","metadata":{"minLength":5,"maxLength":2}}]}`,
		`{"handle":"88.1021.60/good","templateVersion":"pump","value":[{"index":2000,"type":"model","data":{"format":"string","value":"A1"}}]}`,
		"{\"handle\":\"88.1021.60/gbk\",\"templateVersion\":\"\xb1\xc3\",\"value\":[]}",
		`{"handle":"88.1021.60/last","templateVersion":"pump","value":[{"index":2000,"type":"model","data":{"format":"string","value":"A9"}}]}`,
	}
	file := writeFile(t, "wrong.ndjson", []byte(strings.Join(lines, "\n")+"\n"))
	want := map[int]string{3: "invalid_request", 4: "template_mismatch", 5: "template_mismatch", 6: "template_mismatch", 7: "invalid_request",
		8: "not_your_namespace", 9: "invalid_request", 10: "invalid_request", 11: "invalid_template", 12: "already_exists", 13: "invalid_request"}
	check := func(duplicate string) {
		t.Helper()
		raw, err := os.ReadFile(file + ".errors.ndjson")
		if err != nil {
			t.Fatal(err)
		}
		got := map[int]string{}
		for line := range strings.Lines(string(raw)) {
			var f struct {
				File         string
				Line         int
				Code, Detail string
			}
			if err := json.Unmarshal([]byte(line), &f); err != nil || f.File != file || f.Detail == "" {
				t.Errorf("%s: %v", line, err)
			}
			got[f.Line] = f.Code
		}
		for line := 1; line <= len(lines); line++ {
			expect := want[line]
			if expect == "already_exists" {
				expect = duplicate
			}
			if line == 6 && got[line] == "invalid_value" {
				continue // it has no values at all, which is told first
			}
			if got[line] != expect {
				t.Errorf("line %d: %q, want %q", line, got[line], expect)
			}
		}
	}
	d.want(1, "wrong      11", "migrate", "snms", "--dry-run", file)
	check("duplicate")
	d.want(1, "2 stored, 0 skipped", "migrate", "snms", file)
	check("already_exists")
	d.want(0, `"88.1021.60/last"`, "get", "-o", "json", "88.1021.60/last")

	gbk := writeFile(t, "gbk.json", []byte("{\"handle\":\"88.1021.60/gbk\",\"templateVersion\":\"pump\",\"value\":[{\"index\":2000,\"type\":\"model\",\"data\":{\"format\":\"string\",\"value\":\"\xb1\xc3\"}}]}"))
	d.want(1, "not UTF-8", "migrate", "snms", gbk)
	d.want(0, "1 stored", "migrate", "snms", "--encoding", "gb18030", gbk)
	d.want(0, `"泵"`, "get", "-o", "json", "88.1021.60/gbk")
	d.want(2, "--map is PREFIX=NEW", "migrate", "snms", "--map", "x", file)
	d.want(2, "--mode is", "migrate", "snms", "--mode", "x", file)
	d.want(1, "no such file", "migrate", "snms", file+".none")
}
