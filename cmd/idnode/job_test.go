package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// jobRows is the number of rows of TestJobKilled: IDNODE_TEST_JOB_ROWS or enough to be killed in the middle of.
func jobRows(t *testing.T) int {
	text := os.Getenv("IDNODE_TEST_JOB_ROWS")
	if text == "" {
		return 60_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// jobInput is n rows: each has its own identifier but for every 97th, which is of another enterprise, and every 101st, which
// writes the one before it anew.
func jobInput(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		prefix, serial := "88.1021.150", i
		switch {
		case i%97 == 96:
			prefix = "88.1021.151"
		case i%101 == 100:
			serial--
		}
		fmt.Fprintf(&b, `{"id":"%s/SN-%09d","values":[{"index":1,"type":"URL","data":"https://example.com/%d","timestamp":"2026-01-02T03:04:05Z"}]}`+"\n", prefix, serial, i)
	}
	return b.Bytes()
}

// awaitJob waits until a job has ended.
func (d *daemon) awaitJob(key, at string) map[string]any {
	d.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if j := d.must(200, key, "GET", at, nil); j["state"] != "queued" && j["state"] != "running" {
			return j
		}
	}
	d.t.Fatalf("job %s does not end", at)
	return nil
}

// TestJobKilled kills the node five times in the middle of a job. In the end all is as on a node that ran it undisturbed: the
// records and their versions, the counts, and what each row came to.
func TestJobKilled(t *testing.T) {
	input := jobInput(jobRows(t))
	const path = "/v1/jobs?mode=upsert"
	outcome := func(d *daemon, key, at string, j map[string]any) (summary, digest string, rows int) {
		t.Helper()
		digest = fmt.Sprint(d.must(200, d.key, "GET", "/v1/prefixes:digest?prefix=88.1021.150", nil)["content"])
		for i := 99; i < jobRows(t); i += 1010 * max(1, jobRows(t)/60_000) { // rows that are written anew later; each is written as often as there
			digest += fmt.Sprint(" ", d.must(200, key, "GET", fmt.Sprintf("/v1/identifiers?id=88.1021.150/SN-%09d", i), nil)["version"])
		}
		text, err := json.Marshal(j["summary"])
		if err != nil {
			t.Fatal(err)
		}
		last := 0.0
		for cursor := ""; ; {
			page := d.must(200, key, "GET", at+"/rows?limit=1000&cursor="+cursor, nil)
			for _, item := range page["items"].([]any) {
				row := item.(map[string]any)
				line := row["line"].(float64)
				want := "stored"
				if (int(line)-1)%97 == 96 {
					want = "failed"
				}
				if line != last+1 || row["status"] != want {
					t.Fatalf("after line %v: %v", last, row)
				}
				last = line
				rows++
			}
			next, more := page["next"].(string)
			if cursor = next; !more {
				return string(text), digest, rows
			}
		}
	}

	calm := startDaemon(t, t.TempDir())
	_, key := calm.tenant("Alice", "88.1021.150")
	at := "/v1/jobs/" + calm.must(202, key, "POST", path, input, "Content-Type", "application/x-ndjson")["id"].(string)
	began := time.Now()
	ended := calm.awaitJob(key, at)
	took := time.Since(began)
	wantSummary, wantDigest, wantRows := outcome(calm, key, at, ended)
	calm.stop()

	dir := t.TempDir()
	d := startDaemon(t, dir)
	_, key = d.tenant("Alice", "88.1021.150")
	at = "/v1/jobs/" + d.must(202, key, "POST", path, input, "Content-Type", "application/x-ndjson")["id"].(string)
	killed := 0
	for range 5 {
		time.Sleep(time.Duration(rand.Int64N(int64(took)/6 + 1)))
		if d.must(200, key, "GET", at, nil)["state"] != "done" {
			killed++
		}
		d.kill()
		d = startDaemon(t, dir)
	}
	if killed == 0 {
		t.Errorf("the job, which took %v undisturbed, was not killed once in the middle", took)
	}
	// Sent again after an answer that never came, it is the same job.
	if again := d.must(200, key, "POST", path, input, "Content-Type", "application/x-ndjson"); "/v1/jobs/"+again["id"].(string) != at {
		t.Errorf("sent again it is job %v, not %s", again["id"], at)
	}
	summary, digest, rows := outcome(d, key, at, d.awaitJob(key, at))
	if summary != wantSummary || digest != wantDigest || rows != wantRows {
		t.Errorf("killed %d times: %s, digest %s, %d rows; undisturbed %s, %s, %d", killed, summary, digest, rows, wantSummary, wantDigest, wantRows)
	}
	d.stop()
}

// TestMintingJobKilled: identifiers that a job makes are made once each, whatever happens in between.
func TestMintingJobKilled(t *testing.T) {
	const rows = 20_000
	dir := t.TempDir()
	d := startDaemon(t, dir)
	_, key := d.tenant("Alice", "88.1021.150")
	input := bytes.Repeat([]byte(`{"values":[{"index":1,"type":"URL","data":"u"}]}`+"\n"), rows)
	at := "/v1/jobs/" + d.must(202, key, "POST", "/v1/jobs?prefix=88.1021.150&rule=SN-{serial:8}{check}", input, "Content-Type", "application/x-ndjson")["id"].(string)
	for range 3 {
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		d.kill()
		d = startDaemon(t, dir)
	}
	if ended := d.awaitJob(key, at); fmt.Sprint(ended["summary"]) != "map[failed:0 skipped:0 stored:20000 total:20000]" {
		t.Errorf("%v", ended)
	}
	seen := make(map[string]bool)
	for cursor := ""; ; {
		page := d.must(200, key, "GET", at+"/rows?limit=1000&cursor="+cursor, nil)
		for _, item := range page["items"].([]any) {
			id, _ := item.(map[string]any)["id"].(string)
			if seen[id] || id == "" {
				t.Fatalf("row %v has the identifier of another", item)
			}
			seen[id] = true
		}
		next, more := page["next"].(string)
		if cursor = next; !more {
			break
		}
	}
	records := d.must(200, key, "GET", "/v1/prefixes:usage?prefix=88.1021.150", nil)
	if len(seen) != rows || fmt.Sprint(records["records"]) != fmt.Sprint(rows) {
		t.Errorf("%d rows have identifiers; there are %v records", len(seen), records["records"])
	}
	d.stop()
}

// TestIdctlJob: a job that is watched while its node is killed and started again, and whose rejected rows are mended and sent again.
func TestIdctlJob(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	d := startDaemon(t, dir)
	_, key := d.tenant("Alice", "88.1021.150")
	input, mended := filepath.Join(files, "night.ndjson"), filepath.Join(files, "night.csv")
	if err := os.WriteFile(input, jobInput(100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(files, "key")
	if err := os.WriteFile(keyFile, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	type ended struct {
		code      int
		out, errs string
	}
	done := make(chan ended, 1)
	first := d
	go func() {
		code, out, errs := first.idctl("", "--key-file", keyFile, "job", "submit", "--mode", "upsert", "--watch", input)
		done <- ended{code, out, errs}
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		list := d.must(200, key, "GET", "/v1/jobs", nil)["items"].([]any)
		if len(list) == 1 && list[0].(map[string]any)["state"] == "running" || time.Now().After(deadline) {
			break
		}
	}
	d.kill()
	d = startDaemon(t, dir, "IDNODE_HTTP_LISTEN="+d.http)
	got := <-done
	if got.code != 1 || !strings.Contains(got.out, "100000: 98970 stored, 0 skipped, 1030 failed") {
		t.Fatalf("watch: exit %d, %s%s", got.code, got.out, got.errs)
	}
	idctl := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := d.idctl("", append([]string{"--key-file", keyFile}, args...)...)
		if code != want {
			t.Fatalf("idctl %v: exit %d, %s%s", args, code, out, errs)
		}
		return out
	}
	id, _, _ := strings.Cut(idctl(0, "job", "list"), " ")
	if out := idctl(0, "job", "rows", id, "--status", "failed", "--limit", "1"); !strings.HasPrefix(out, "97\tfailed\t88.1021.151/SN-000000096\tnot_your_namespace: ") {
		t.Errorf("rows: %q", out)
	}
	idctl(0, "job", "errors", id, "-O", mended)
	text, err := os.ReadFile(mended)
	if err != nil || bytes.Count(text, []byte{'\n'}) != 1031 {
		t.Fatalf("errors.csv: %d lines, %v", bytes.Count(text, []byte{'\n'}), err)
	}
	if err := os.WriteFile(mended, bytes.ReplaceAll(text, []byte("88.1021.151/"), []byte("88.1021.150/M")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := idctl(0, "job", "submit", "--watch", mended); !strings.Contains(out, "1030: 1030 stored") {
		t.Errorf("mended: %s", out)
	}
	if out := idctl(1, "job", "retry", "--watch", id); !strings.Contains(out, "1030: 0 stored, 0 skipped, 1030 failed") {
		t.Errorf("retry: %s", out)
	}
	idctl(3, "job", "status", "jnone")
	idctl(0, "job", "delete", id)
	idctl(3, "job", "status", id)
	idctl(2, "job", "errors", id, "-f", "pdf")
	d.stop()
}
