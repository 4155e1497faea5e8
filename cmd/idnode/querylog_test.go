package main

import (
	"encoding/json"
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// logged is what the log has, "transport outcome asked" an entry.
func (d *daemon) logged(key string, q neturl.Values) []string {
	d.t.Helper()
	code, out, err := d.call(key, "GET", "/v1/logs/resolution?"+q.Encode(), nil)
	if err != nil || code != 200 {
		d.t.Fatalf("log: %d %s, %v", code, out, err)
	}
	var page struct {
		Items []struct{ Transport, Outcome, ID, Asked, Client, Time string }
	}
	if err := json.Unmarshal(out, &page); err != nil {
		d.t.Fatal(err)
	}
	var all []string
	for _, e := range page.Items {
		if e.ID == "" {
			e.ID = e.Asked
		}
		all = append(all, fmt.Sprintf("%s %s %s %s", e.Transport, e.Outcome, e.ID, e.Client))
	}
	return all
}

// TestQueryLog: whatever is asked over whatever transport is in the log, survives a kill half a second later, and is shown to
// whom it concerns.
func TestQueryLog(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	e, key := d.tenant("Alice", "88.1021.150")
	_, other := d.tenant("Bob", "88.1021.151")
	admin := d.must(201, d.key, "POST", "/v1/apikeys", map[string]any{"enterprise": e, "role": "admin"})["key"].(string)
	d.must(201, key, "POST", "/v1/identifiers", record("88.1021.150/SN-1", "u"))
	ask := func() {
		d.everywhere("88.1021.150/SN-1")
		d.everywhere("88.1021.150/none")
		d.query("dig", "sn-1.150.1021.88.hdl.id.example TXT")
		d.query("dig", "+tcp sn-1.150.1021.88.hdl.id.example TXT")
		if _, _, err := d.call("", "GET", "/resolve?id=nonsense%20of%20a%20scanner", nil); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	ask() // the second time answers are kept
	time.Sleep(time.Second)
	d.kill()
	d = startDaemon(t, dir)
	defer func() { d.stop() }()

	all := strings.Join(d.logged(d.key, neturl.Values{"limit": {"1000"}}), "\n")
	for transport, times := range map[string]int{"http": 4, "grpc": 2, "handle_udp": 2, "handle_tcp": 2, "dns_udp": 2, "dns_tcp": 2} {
		if n := strings.Count(all, transport+" found handle:88.1021.150/sn-1 127.0.0.1"); n != times {
			t.Errorf("%d times over %s, want %d:\n%s", n, transport, times, all)
		}
	}
	if n := strings.Count(all, " not_found handle:88.1021.150/none "); n != 10 {
		t.Errorf("%d times what is not there:\n%s", n, all)
	}
	if !strings.Contains(all, "http invalid nonsense of a scanner") {
		t.Errorf("nonsense is missing:\n%s", all)
	}
	for name, q := range map[string]neturl.Values{
		"12": {"outcome": {"not_found"}, "transport": {"http"}, "limit": {"3"}}, "4": {"transport": {"http"}, "outcome": {"not_found"}, "id": {"88.1021.150/NONE"}},
		"0": {"client": {"10.0.0.0/8"}}, "24": {"prefix": {"88.1021.150"}}, "-": {"prefix": {"88.1021.151"}}, "--": {"to": {"2020-01-01T00:00:00Z"}},
	} {
		want := map[string]int{"12": 3, "4": 4, "0": 0, "24": 24, "-": 0, "--": 0}[name]
		if got := d.logged(d.key, q); len(got) != want {
			t.Errorf("%v: %d entries, want %d: %q", q, len(got), want, got)
		}
	}
	for _, line := range d.logged(admin, neturl.Values{"limit": {"1000"}}) {
		if !strings.HasSuffix(line, "127.0.0.0/24") || !strings.Contains(line, " handle:88.1021.150/") {
			t.Errorf("an enterprise sees %s", line)
		}
	}
	if code, out, err := d.call(other, "GET", "/v1/logs/resolution", nil); err != nil || code != 403 {
		t.Errorf("a writer sees the log: %d %s, %v", code, out, err)
	}
	for _, q := range []string{"from=x", "client=x", "limit=0", "limit=100000", "cursor=x", "cursor=x~1", "prefix=..", "id=" + neturl.QueryEscape("//")} {
		if code, out, err := d.call(d.key, "GET", "/v1/logs/resolution?"+q, nil); err != nil || code != 400 {
			t.Errorf("%s: %d %s, %v", q, code, out, err)
		}
	}

	// What was asked is counted, once, whenever the node was killed.
	counted := func() string {
		s := d.must(200, admin, "GET", "/v1/statistics", nil)
		for _, item := range s["items"].([]any) {
			return fmt.Sprint(item.(map[string]any)["resolutions"])
		}
		return ""
	}
	const want = "map[found:14 notFound:10 other:0 total:24]"
	for deadline := time.Now().Add(20 * time.Second); counted() != want; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("counted are %s, want %s", counted(), want)
		}
	}
	d.kill()
	d = startDaemon(t, dir)
	time.Sleep(200 * time.Millisecond)
	if got := counted(); got != want {
		t.Errorf("after a restart %s are counted, want %s", got, want)
	}

	// Page by page it is the same; and so is the export.
	code, pages, errs := d.idctl("", "log", "resolution", "--limit", "0", "-o", "json")
	if code != 0 {
		t.Fatalf("idctl: %d %s", code, errs)
	}
	file := filepath.Join(t.TempDir(), "log.ndjson")
	if code, _, errs := d.idctl("", "log", "export", "-O", file); code != 0 {
		t.Fatalf("idctl: %d %s", code, errs)
	}
	export, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(pages, "\n"); string(export) != pages+fmt.Sprintf("{\"end\":true,\"entries\":%d}\n", lines) {
		t.Errorf("the pages have %d lines, the export %d", lines, strings.Count(string(export), "\n"))
	}
	if code, out, errs := d.idctl("", "log", "resolution", "--id", "88.1021.150/SN-1", "--transport", "grpc"); code != 0 || strings.Count(out, "grpc") != 2 {
		t.Errorf("idctl: %d %s %s", code, out, errs)
	}
}

// TestQueryLogOff: without the log everything else is as it was.
func TestQueryLogOff(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir, "IDNODE_QUERY_LOG_ENABLED=false")
	defer d.stop()
	_, key := d.tenant("Alice", "88.1021.150")
	d.must(201, key, "POST", "/v1/identifiers", record("88.1021.150/SN-1", "u"))
	d.expect("88.1021.150/SN-1", "u", "u", "u", "u", "u")
	if code, _, err := d.call(d.key, "GET", "/v1/logs/resolution", nil); err != nil || code != 404 {
		t.Errorf("a log that is off: %d, %v", code, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "querylog")); !os.IsNotExist(err) {
		t.Errorf("a log that is off has files: %v", err)
	}
}
