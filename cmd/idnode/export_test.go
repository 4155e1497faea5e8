package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/identifier"
)

// counters is writers of pairs of identifiers: the first of a pair is counted up, and once that is acknowledged the second.
// At every moment the second is where the first is, or one behind, and both values of a record are the same.
type counters struct {
	d    *daemon
	over chan struct{}
	all  sync.WaitGroup
}

const pairs = 40

func startCounters(d *daemon) *counters {
	c := &counters{d: d, over: make(chan struct{})}
	for w := range 4 {
		c.all.Go(func() {
			for n := 1; ; n++ {
				for pair := w; pair < pairs; pair += 4 {
					for _, half := range []string{"0-first", "9-second"} { // far from one another in the order of keys
						select {
						case <-c.over:
							return
						default:
						}
						id := fmt.Sprintf("88.1021.300/%s-%02d", half, pair)
						v := map[string]any{"type": "N", "data": strconv.Itoa(n)}
						body := map[string]any{"id": id, "values": []any{with(v, "index", 1), with(v, "index", 2)}}
						if status, out, err := d.call(d.key, "PUT", "/v1/identifiers?id="+id, body); err != nil || status/100 != 2 {
							d.t.Errorf("write %s: %d %s %v", id, status, out, err)
							return
						}
					}
				}
			}
		})
	}
	return c
}

func with(m map[string]any, name string, v any) map[string]any {
	out := map[string]any{name: v}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func (c *counters) stop() {
	close(c.over)
	c.all.Wait()
}

// written waits until pairs have been counted up to n.
func (c *counters) written(n int) {
	c.d.t.Helper()
	id := fmt.Sprintf("88.1021.300/9-second-%02d", pairs-1)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var rec struct{ Values []struct{ Data string } }
		status, out, err := c.d.call(c.d.key, "GET", "/v1/identifiers?id="+id, nil)
		if err == nil && status == 200 && json.Unmarshal(out, &rec) == nil {
			if at, err := strconv.Atoi(rec.Values[0].Data); err == nil && at >= n {
				return
			}
		}
		if time.Now().After(deadline) {
			c.d.t.Fatalf("%s is not at %d: %d %s", id, n, status, out)
		}
	}
}

// check holds an export in NDJSON to what holds at every moment.
func (c *counters) check(text []byte) {
	c.d.t.Helper()
	at := make(map[string]int)
	for line := range bytes.Lines(text) {
		rec, err := identifier.ParseRecordJSON(line)
		if err != nil {
			c.d.t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(rec.ID, "88.1021.300/"); ok && !strings.HasPrefix(name, "5-") {
			n, err := strconv.Atoi(string(rec.Values[0].Data))
			if err != nil || len(rec.Values) != 2 || string(rec.Values[1].Data) != strconv.Itoa(n) {
				c.d.t.Errorf("%s is half: %s, %v", rec.ID, line, err)
			}
			at[name] = n
		}
	}
	if len(at) != 2*pairs {
		c.d.t.Errorf("%d counters", len(at))
	}
	for pair := range pairs {
		first, second := at[fmt.Sprintf("0-first-%02d", pair)], at[fmt.Sprintf("9-second-%02d", pair)]
		if first != second && first != second+1 {
			c.d.t.Errorf("pair %d is of two moments: %d and %d", pair, first, second)
		}
	}
}

func manifest(t *testing.T, file string) *archive.RecordsManifest {
	t.Helper()
	text, err := os.ReadFile(file + archive.RecordsManifestSuffix)
	m := new(archive.RecordsManifest)
	if err == nil {
		err = json.Unmarshal(text, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestExportStream: what is exported while others write is of one moment, and imported into an empty node it gives the same
// records and digests, in every form, with everything that a value may be.
func TestExportStream(t *testing.T) {
	a := startDaemon(t, t.TempDir())
	t.Chdir(t.TempDir())
	a.want(0, "3 rows: 3 stored", "import", "--allocate", writeFile(t, "all.ndjson", []byte(
		`{"id":"88.1021.200/all","template":"a word","values":[{"index":9,"type":"URL","data":"https://e.example/<&>?a=\u2028轴承\t","ttl":0,"timestamp":"1999-12-31T23:59:59Z"},{"index":2,"type":"BIN","data":{"format":"base64","value":"AAH/Cg=="},"perms":"1000","ttl":1893456000,"ttlType":"absolute","timestamp":1},{"index":3,"type":"HS_VLIST","data":"","refs":[{"handle":"88.1021.200/ADMIN","index":300},{"handle":"10.1/x<y>","index":0}],"perms":"1111","ttl":7},{"index":4,"type":"=1+1","data":"=cmd|' /C calc'!A0"},{"index":5,"type":"T","data":"{\"format\":\"hex\",\"value\":\"00\"}"},{"index":6,"type":"T","data":" \"a\",\nb\r\n"},{"index":7,"type":"T","data":"'"}]}
{"id":"1.2.156.10001.7.1","scheme":"oid","values":[{"index":1,"type":"URL","data":"u\r\n"}]}
{"id":"88.1021.200/Ümläut, =x","values":[{"index":2147483647,"type":"电话","data":{"format":"string","value":"\ufffd"}}]}
`)))
	a.must(201, a.key, "POST", "/v1/identifiers", map[string]any{"id": "0.NA/88.1021.200", "values": []any{map[string]any{"index": 1, "type": "URL", "data": "of the prefix"}}})
	a.must(201, a.key, "POST", "/v1/templates", map[string]any{"prefix": "88.1021.200", "name": "bearing",
		"content": map[string]any{"fields": []any{map[string]any{"name": "model", "type": "string", "required": true}, map[string]any{"name": "bore", "type": "number"}}}})
	a.must(200, a.key, "POST", "/v1/templates:publish", map[string]any{"prefix": "88.1021.200", "name": "bearing"})
	a.must(201, a.key, "POST", "/v1/identifiers", map[string]any{"id": "88.1021.200/6204", "template": "bearing", "fields": map[string]any{"model": "6204", "bore": 20.5}})
	a.must(201, a.key, "POST", "/v1/identifiers", record("88.1021.200/gone", "u"))
	a.must(200, a.key, "DELETE", "/v1/identifiers?id=88.1021.200/gone&reason=scrapped", nil)
	var many bytes.Buffer
	for i := range 12_000 { // some pieces, between the halves of the pairs
		fmt.Fprintf(&many, `{"id":"88.1021.300/5-%05d","values":[{"index":1,"type":"URL","data":"https://example.com/%d"}]}`+"\n", i, i)
	}
	a.want(0, "12000 stored", "import", "--allocate", writeFile(t, "many.ndjson", many.Bytes()))

	c := startCounters(a)
	c.written(2)
	const records = 5 + 12_000 + 2*pairs
	for i := range 5 {
		a.want(0, fmt.Sprintf("exported %d records, 1 revoked left out\n", records), "export", "-O", "a.ndjson")
		text, err := os.ReadFile("a.ndjson")
		if err != nil {
			t.Fatal(err)
		}
		c.check(text)
		c.written(3 + i)
	}
	a.want(0, "exported", "export", "-O", "a.csv")
	a.want(0, "exported", "export", "-O", "a.csv.gz")
	a.want(0, "exported 12080 records\n", "export", "-O", "part.ndjson", "--prefix", "88.1021.300/")
	c.stop()

	m := manifest(t, "a.ndjson")
	if m.Records != records || m.Values != 7+1+1+1+2+12_000+4*pairs || m.Revoked != 1 || m.SHA256 != m.RecordsDigest || m.Seq == 0 || m.Scope != archive.ScopeNode || fmt.Sprint(m.Node) != "[handle:88.1021 oid:1.2.156.10001]" {
		t.Errorf("%+v", m)
	}
	for _, file := range []string{"a.ndjson", "a.csv", "a.csv.gz"} {
		t.Run(file, func(t *testing.T) {
			b := startDaemon(t, t.TempDir())
			b.want(0, fmt.Sprintf("%d rows: %d stored, 0 skipped, 0 failed", records, records), "import", "--allocate", file)
			again := filepath.Join(t.TempDir(), file)
			b.want(0, fmt.Sprintf("exported %d records\n", records), "export", "-O", again)
			want, got := manifest(t, file), manifest(t, again)
			if got.RecordsDigest != want.RecordsDigest || got.SHA256 != want.SHA256 || got.Values != want.Values {
				t.Errorf("imported, and exported again: %+v, want %+v", got, want)
			}
			one, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if two, err := os.ReadFile(again); err != nil || !bytes.Equal(one, two) {
				t.Errorf("the files differ, %v", err)
			}
			b.want(0, "", "export", "-O", "other.ndjson")
			if m := manifest(t, "other.ndjson"); m.RecordsDigest != want.RecordsDigest {
				t.Errorf("as NDJSON: %+v", m)
			}
			b.stop()
		})
	}

	// So does a job.
	for file, media := range map[string]string{"a.ndjson": archive.MediaNDJSON, "a.csv": archive.MediaCSV} {
		b := startDaemon(t, t.TempDir())
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		j := b.must(202, b.key, "POST", "/v1/jobs?allocate=true", text, "Content-Type", media)
		if j = b.awaitJob(b.key, "/v1/jobs/"+j["id"].(string)); j["state"] != "done" {
			t.Errorf("%s: %v", file, j)
		}
		b.want(0, fmt.Sprintf("exported %d records\n", records), "export", "-O", "job.ndjson")
		if got, want := manifest(t, "job.ndjson"), manifest(t, file); got.RecordsDigest != want.RecordsDigest {
			t.Errorf("%s: a job made %+v of %+v", file, got, want)
		}
		b.stop()
	}

	// An enterprise exports what is its own.
	enterprise, key := a.tenant("Alice", "88.1021.400")
	a.must(201, key, "POST", "/v1/identifiers", record("88.1021.400/x", "u"))
	keyFile := writeFile(t, "key", []byte(key))
	a.want(0, "exported 1 records", "export", "-O", "own.ndjson", "--key-file", keyFile)
	if m := manifest(t, "own.ndjson"); m.Scope != archive.ScopeEnterprise || m.Enterprise != enterprise {
		t.Errorf("%+v", m)
	}
	a.want(0, "exported 1 records", "export", "--enterprise", enterprise)
	a.want(4, "does not export enterprise", "export", "--enterprise", "self", "--key-file", keyFile)
	a.stop()
}

// TestExportCut: a stream that ends too early leaves no file, whoever cut it.
func TestExportCut(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	var many bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&many, `{"id":"88.1021.300/%05d","values":[{"index":1,"type":"URL","data":"%s"}]}`+"\n", i, strings.Repeat("x", 1000))
	}
	d.want(0, "3000 stored", "import", "--allocate", writeFile(t, "many.ndjson", many.Bytes()))
	t.Chdir(t.TempDir())
	to := &neturl.URL{Scheme: "http", Host: d.http}
	whole := httputil.NewSingleHostReverseProxy(to)
	through := httptest.NewServer(whole)
	defer through.Close()
	d.want(0, "exported 3000 records", "export", "-O", "whole.ndjson", "--server", through.URL)

	most := 0
	for _, tc := range []struct {
		name string
		says string
		cut  func(http.ResponseWriter, []byte)
	}{
		{"broken off", "did not come whole", func(w http.ResponseWriter, body []byte) {
			_, _ = w.Write(body[:most])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		{"ended in order", "at its end is missing", func(w http.ResponseWriter, body []byte) { _, _ = w.Write(body[:most]) }},
	} {
		cutting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, body, err := d.call(d.key, r.Method, r.URL.String(), nil)
			if err != nil {
				panic(err)
			}
			w.Header().Set("Content-Type", archive.MediaNDJSON)
			tc.cut(w, body)
		}))
		for _, most = range []int{0, 500, 1_000_000, 3_000_000} {
			d.want(1, tc.says, "export", "-O", "cut.ndjson", "--server", cutting.URL)
			if files, err := filepath.Glob("*cut*"); err != nil || len(files) > 0 {
				t.Errorf("%s after %d octets: %v, %v", tc.name, most, files, err)
			}
		}
		cutting.Close()
	}
	d.stop()
}
