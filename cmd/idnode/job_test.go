package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
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
		for i := 99; i < 60_000; i += 1010 { // rows that are written anew later; each is written as often as there
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
