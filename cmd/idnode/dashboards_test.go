package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/topreport"
)

const deployed = "../../deploy/"

// prometheus is a running Prometheus.
type prometheus struct {
	t    *testing.T
	addr string
}

// startPrometheus runs Debian's Prometheus with the rules of deploy/prometheus, scraping d each second.
func startPrometheus(t *testing.T, d *daemon) *prometheus {
	t.Helper()
	rules, err := filepath.Abs(deployed + "prometheus/rules/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs:\n  - job_name: idnode\n    static_configs: [{targets: [%q]}]\n", rules, d.admin)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &prometheus{t: t, addr: free.Addr().String()}
	free.Close()
	var log bytes.Buffer
	cmd := exec.Command("prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.addr, "--log.level=warn")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run `make deps`", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of Prometheus:\n%s", log.Bytes())
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get("http://" + p.addr + "/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return p
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("Prometheus is not ready: %v", err)
		}
	}
}

// get asks the API for path and decodes data.
func (p *prometheus) get(path string, query neturl.Values, data any) error {
	resp, err := http.Get("http://" + p.addr + "/api/v1/" + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%w in %s", err, text)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s", answer.Error)
	}
	return nil
}

// values is how many series expr has, and how many of them have a number other than NaN, in the last minute.
func (p *prometheus) values(expr string) (series, numbers int, err error) {
	now := time.Now()
	var data struct {
		Result []struct{ Values [][2]any }
	}
	err = p.get("query_range", neturl.Values{"query": {expr}, "start": {now.Add(-time.Minute).Format(time.RFC3339)}, "end": {now.Format(time.RFC3339)}, "step": {"2s"}}, &data)
	for _, r := range data.Result {
		if slices.ContainsFunc(r.Values, func(v [2]any) bool {
			f, err := strconv.ParseFloat(fmt.Sprint(v[1]), 64)
			return err == nil && !math.IsNaN(f)
		}) {
			numbers++
		}
	}
	return len(data.Result), numbers, err
}

// load has the node do something of everything that it counts.
type load struct {
	d     *daemon
	key   string
	round int
}

func newLoad(d *daemon) *load {
	_, key := d.tenant("Alice", "88.1021.150")
	return &load{d: d, key: key}
}

func (l *load) run() {
	d, t := l.d, l.d.t
	l.round++
	id := fmt.Sprintf("88.1021.150/SN-%d", l.round)
	d.must(201, l.key, "POST", "/v1/identifiers", record(id, "u"), "Idempotency-Key", fmt.Sprintf("key-%026d", l.round))
	d.expect(id, "u", "u", "u", "u", "u")
	d.expect("88.1021.150/SN-1", "u", "u", "u", "u", "u")
	d.expect("88.1021.150/none", "100", "100", "NOT_FOUND", "100", "100")
	for _, network := range []string{"udp", "tcp"} {
		for _, name := range []string{owner(t, id), owner(t, "88.1021.150/none")} {
			c := dns.Client{Net: network, Timeout: 5 * time.Second}
			if _, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeNAPTR), d.dns); err != nil {
				t.Fatal(err)
			}
		}
	}
	if status, _, err := d.call("kaaaaaaaaaaaaa.wrong", "GET", "/v1/identifiers", nil); err != nil || status != 401 {
		t.Fatalf("a wrong key: %d, %v", status, err)
	}
	if l.round%10 == 1 {
		rows := fmt.Sprintf(`{"id":"88.1021.150/J-%d","values":[{"index":1,"type":"URL","data":"u"}]}`+"\n", l.round)
		d.must(202, l.key, "POST", "/v1/jobs", []byte(rows), "Content-Type", "application/x-ndjson")
		d.must(201, d.key, "POST", "/v1/templates", map[string]any{"prefix": "88.1021.150", "name": fmt.Sprintf("t%d", l.round),
			"content": map[string]any{"fields": []any{map[string]any{"name": "brand", "type": "string", "role": "brand"}}}})
		d.must(200, d.key, "POST", "/v1/templates:publish", map[string]any{"prefix": "88.1021.150", "name": fmt.Sprintf("t%d", l.round)})
	}
}

// apart are metrics that this node does not tell, and which nodes do.
var apart = map[string]string{
	"idnode_redis_up":                              "with a cache that nodes share",
	"idnode_redis_op_duration_seconds_bucket":      "with a cache that nodes share",
	"idnode_redis_errors_total":                    "with a cache that nodes share",
	"idnode_backup_last_success_timestamp_seconds": "of which there has been a backup",
	"idnode_config_last_reload_successful":         "that were told to read their configuration again",
}

var metricName = regexp.MustCompile(`\b(idnode|go|process)_\w+`)

// exported are the names that d tells, with those of the parts of histograms.
func (d *daemon) exported() map[string]bool {
	d.t.Helper()
	text := d.scrape()
	names := make(map[string]bool)
	for line := range strings.Lines(text) {
		if name := metricName.FindString(line); !strings.HasPrefix(line, "#") && strings.HasPrefix(line, name) {
			names[name] = true
		}
	}
	return names
}

func (d *daemon) scrape() string {
	d.t.Helper()
	status, text, err := (&daemon{t: d.t, http: d.admin}).call("", "GET", "/metrics", nil)
	if err != nil || status != 200 {
		d.t.Fatalf("metrics: %d, %v", status, err)
	}
	return string(text)
}

// TestDashboards has a Prometheus scrape a node under load: each panel's queries find something, all rules can be
// evaluated, what they name is told, and no alert fires at a node that is well.
func TestDashboards(t *testing.T) {
	top := &topNode{tables: make(map[string][]topreport.Row)}
	server := httptest.NewServer(top)
	defer server.Close()
	dir := t.TempDir()
	env := []string{"IDNODE_SYNC_ENABLED=true", "IDNODE_SYNC_TARGETS=top=jsonlines+" + server.URL + "/sync"}
	d := startDaemon(t, dir, env...)
	l := newLoad(d)
	l.run()
	d.stop() // what was written is in tables now, which are read through the block cache
	d = startDaemon(t, dir, env...)
	l.d = d
	p := startPrometheus(t, d)
	for begin := time.Now(); time.Since(begin) < 8*time.Second; time.Sleep(50 * time.Millisecond) {
		l.run()
	}
	names := d.exported()
	known := func(at, expr string) {
		for _, name := range metricName.FindAllString(expr, -1) {
			if !names[name] && apart[name] == "" {
				t.Errorf("%s: the node does not tell %s", at, name)
			}
		}
	}
	queries := make(map[string]string) // by board, panel and number
	files, err := filepath.Glob(deployed + "grafana/dashboards/*.json")
	if err != nil || len(files) < 8 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ RefID, Expr string }
			}
		}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatal(file, err)
		}
		for _, panel := range board.Panels {
			for _, q := range panel.Targets {
				at := fmt.Sprintf("%s: %s, %s", filepath.Base(file), panel.Title, q.RefID)
				known(at, q.Expr)
				expr := strings.NewReplacer("$__rate_interval", "10s", "$job", ".+", "$instance", ".+").Replace(q.Expr)
				if slices.ContainsFunc(metricName.FindAllString(q.Expr, -1), func(name string) bool { return apart[name] != "" }) {
					if _, _, err := p.values(expr); err != nil {
						t.Errorf("%s: %v", at, err)
					}
					continue
				}
				queries[at] = expr
			}
		}
	}
	total := len(queries)
	for deadline := time.Now().Add(90 * time.Second); ; {
		last := make(map[string]string)
		for at, expr := range queries {
			series, numbers, err := p.values(expr)
			if numbers > 0 {
				delete(queries, at)
				continue
			}
			last[at] = fmt.Sprintf("%d series, no number, %v: %s", series, err, expr)
		}
		if len(queries) == 0 {
			break
		}
		if time.Now().After(deadline) {
			for _, at := range slices.Sorted(maps.Keys(last)) {
				t.Errorf("%s: %s", at, last[at])
			}
			break
		}
		for range 5 {
			l.run()
			time.Sleep(100 * time.Millisecond)
		}
	}
	t.Logf("%d queries after %d rounds of load", total, l.round)

	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Query, Type, State, Health, LastError string }
		}
	}
	if err := p.get("rules", nil, &rules); err != nil {
		t.Fatal(err)
	}
	evaluated := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			evaluated++
			known(r.Name, strings.ReplaceAll(r.Query, "idnode:", ":"))
			if r.Health != "ok" || r.State == "firing" {
				t.Errorf("%s: health %s %s, %s", r.Name, r.Health, r.LastError, r.State)
			}
			if r.Type == "recording" {
				if _, numbers, err := p.values(r.Name); numbers == 0 {
					t.Errorf("%s is recorded as nothing: %v", r.Name, err)
				}
			}
		}
	}
	if evaluated < 30 {
		t.Errorf("%d rules", evaluated)
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(d.scrape())
	out, _ := check.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "idnode_") {
			t.Errorf("promtool check metrics: %s", line)
		}
	}
	d.stop()
}
