package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestStatistics: what a node has counted is what it holds, also if it is killed again and again while
// others register.
func TestStatistics(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	enterprise, key := d.tenant("Alice", "88.1021.150")
	_, other := d.tenant("Bob", "88.1021.151")
	d.must(201, other, "POST", "/v1/identifiers", record("88.1021.151/x", "x"))
	revoked := 0
	for round := range 4 {
		if round > 0 {
			registerUntilKilled(d, key, round)
			d = startDaemon(t, dir)
		}
		for i := range 3 {
			id := fmt.Sprintf("88.1021.150/s%d-%d", round, i)
			d.must(201, key, "POST", "/v1/identifiers", record(id, "x"))
			d.must(200, key, "DELETE", "/v1/identifiers?reason=gone&id="+id, nil)
			revoked++
		}
		held := d.must(200, key, "GET", "/v1/prefixes:usage?scheme=handle&prefix=88.1021.150", nil)["records"].(float64)
		var created, gone, active, tombs float64
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			created, gone, active, tombs = 0, 0, 0, 0
			answer := d.must(200, key, "GET", "/v1/statistics", nil)
			for _, item := range answer["items"].([]any) {
				item := item.(map[string]any)
				if item["enterprise"] != enterprise {
					t.Fatalf("of another: %v", item)
				}
				registrations := item["registrations"].(map[string]any)
				created += registrations["created"].(float64)
				gone += registrations["revoked"].(float64)
				if records, known := item["records"].(map[string]any); known { // of the newest month in the end
					active, tombs = records["active"].(float64), records["revoked"].(float64)
				}
			}
			if created == held && gone == float64(revoked) && tombs == gone && active == held-gone {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("round %d: %v are held, %d of them revoked; counted are %v created, %v revoked, %v and %v held", round, held, revoked, created, gone, active, tombs)
			}
		}
	}
	code, out, errs := d.idctl("", "statistics", "--by-day", "--by-prefix", "-O", "-")
	if code != 0 || !strings.Contains(out, ",Bob,handle,88.1021.151,") || !strings.Contains(out, ",Alice,handle,88.1021.150,") {
		t.Errorf("idctl: exit %d: %s%s", code, out, errs)
	}
	status, scraped, err := (&daemon{t: t, http: d.admin}).call("", "GET", "/metrics", nil)
	if err != nil || status != 200 || !strings.Contains(string(scraped), "\nidnode_statistics_lag_seconds 0\n") {
		t.Errorf("metrics: %d, %v", status, err)
	}
}
