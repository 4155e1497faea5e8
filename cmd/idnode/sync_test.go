package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/topreport"
)

// topNode is a receiver of JSON lines that keeps what it has taken, and answers only now and then.
type topNode struct {
	mu     sync.Mutex
	calls  int
	tables map[string][]topreport.Row
	faults []string
}

func (n *topNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls++
	table := strings.TrimPrefix(r.URL.Path, "/sync/tables/")
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		n.faults = append(n.faults, err.Error())
		return
	}
	highest := uint64(len(n.tables[table]))
	for lines := bufio.NewScanner(z); lines.Scan(); {
		var row topreport.Row
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			n.faults = append(n.faults, err.Error())
		}
		for _, f := range topreport.Check(table, &row) {
			n.faults = append(n.faults, f.String())
		}
		if row.Seq == highest+1 {
			n.tables[table] = append(n.tables[table], row)
			highest++
		} else if row.Seq > highest {
			n.faults = append(n.faults, fmt.Sprintf("%s: row %d behind %d", table, row.Seq, highest))
		}
	}
	if n.calls%5 == 3 {
		panic(http.ErrAbortHandler) // the answer is lost
	}
	fmt.Fprintf(w, `{"acknowledged":%d}`, highest)
}

func (n *topNode) rows(table string) []topreport.Row {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]topreport.Row(nil), n.tables[table]...)
}

// TestSyncFromBelow: an enterprise's own node reports to this one, and this one to the top-level node.
func TestSyncFromBelow(t *testing.T) {
	top := &topNode{tables: make(map[string][]topreport.Row)}
	server := httptest.NewServer(top)
	defer server.Close()
	d := startDaemon(t, t.TempDir(), "IDNODE_SYNC_ENABLED=true", "IDNODE_SYNC_TARGETS=top=jsonlines+"+server.URL+"/sync")
	enterprise := d.must(201, d.key, "POST", "/v1/enterprises", map[string]any{"name": "Carol"})["id"].(string)
	d.must(201, d.key, "POST", "/v1/prefixes", map[string]any{"prefix": "88.1021.900", "enterprise": enterprise, "mode": "delegated", "service": map[string]any{"ip": "127.0.0.1", "tcp": 2641}})
	key := d.must(201, d.key, "POST", "/v1/apikeys", map[string]any{"enterprise": enterprise, "role": "writer", "scopes": []string{"reports:write"}})["key"].(string)
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	below := startDaemon(t, filepath.Join(dir, "data"), "IDNODE_NODE_PREFIXES=88.1021.900", "IDNODE_SYNC_ENABLED=true",
		"IDNODE_SYNC_TARGETS=above=jsonlines+http://"+d.http+"/v1/reports/{table};token_file="+token)
	own := below.must(201, below.key, "POST", "/v1/enterprises", map[string]any{"name": "Carol"})["id"].(string)
	below.must(201, below.key, "POST", "/v1/prefixes", map[string]any{"prefix": "88.1021.900", "enterprise": own})
	below.must(201, below.key, "POST", "/v1/templates", map[string]any{"prefix": "88.1021.900", "name": "pump", "content": map[string]any{"fields": []any{map[string]any{"name": "brand", "type": "string"}}}})
	below.must(200, below.key, "POST", "/v1/templates:publish", map[string]any{"prefix": "88.1021.900", "name": "pump"})
	for deadline := time.Now().Add(90 * time.Second); len(top.rows("T11")) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			_, out, _ := below.idctl("", "sync", "status")
			t.Fatalf("nothing arrived at the top:\n%s", out)
		}
	}
	if r := top.rows("T11")[0]; !strings.HasPrefix(r.Key, enterprise+" 88.1021.900/TEMPLATE_") || r.Op != topreport.Add {
		t.Errorf("at the top: %+v", r)
	}
	top.mu.Lock()
	defer top.mu.Unlock()
	for _, fault := range top.faults {
		t.Errorf("the top-level node complains: %s", fault)
	}
}

// TestSync: what is reported in real time arrives at the top-level node, each thing once, though the node is killed and
// answers are lost; operators see and order it; switched off, it keeps nothing.
func TestSync(t *testing.T) {
	top := &topNode{tables: make(map[string][]topreport.Row)}
	server := httptest.NewServer(top)
	defer server.Close()
	dir := t.TempDir()
	env := []string{"IDNODE_SYNC_ENABLED=true", "IDNODE_SYNC_TARGETS=top=jsonlines+" + server.URL + "/sync"}
	d := startDaemon(t, dir, env...)
	d.tenant("Alice", "88.1021.150")
	const rounds, each = 3, 8
	for round := range rounds {
		for i := range each {
			d.must(201, d.key, "POST", "/v1/templates", map[string]any{"prefix": "88.1021.150", "name": fmt.Sprintf("t%d-%d", round, i),
				"content": map[string]any{"fields": []any{map[string]any{"name": "brand", "type": "string", "role": "brand"}}}})
			d.must(200, d.key, "POST", "/v1/templates:publish", map[string]any{"prefix": "88.1021.150", "name": fmt.Sprintf("t%d-%d", round, i)})
		}
		if round < rounds-1 {
			d.kill()
			d = startDaemon(t, dir, env...)
		}
	}
	for deadline := time.Now().Add(90 * time.Second); len(top.rows("T11")) < rounds*each || len(top.rows("T2")) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows of T11 arrived, and %d of T2", len(top.rows("T11")), len(top.rows("T2")))
		}
	}
	seen := make(map[string]int)
	for _, r := range top.rows("T11") {
		seen[r.Key]++
	}
	if len(seen) != rounds*each {
		t.Errorf("%d templates are reported, some twice: %v", len(seen), seen)
	}
	var route struct{ Prefix, IP string }
	if err := json.Unmarshal(top.rows("T2")[0].Data, &route); err != nil || route.Prefix != "88.1021" || route.IP != "127.0.0.1" {
		t.Errorf("T2: %+v, %v", route, err)
	}
	if code, out, errs := d.idctl("", "sync", "status"); code != 0 || !strings.Contains(out, "T11") || !strings.Contains(out, "top") {
		t.Errorf("idctl sync status: exit %d: %s%s", code, out, errs)
	}
	if code, out, errs := d.idctl("", "sync", "pause", "--table", "T11", "--reason", "test"); code != 0 || !strings.Contains(out, "paused") {
		t.Errorf("idctl sync pause: exit %d: %s%s", code, out, errs)
	}
	status, scraped, err := (&daemon{t: t, http: d.admin}).call("", "GET", "/metrics", nil)
	if err != nil || status != 200 || !strings.Contains(string(scraped), `idnode_sync_lag_rows{table="T11",target="top"} 0`) || !strings.Contains(string(scraped), `idnode_sync_paused{table="T11",target="top"} 1`) {
		t.Errorf("metrics: %d, %v", status, err)
	}
	d.must(200, d.key, "GET", "/v1/reports/monthly", nil)
	d.stop()
	for _, fault := range top.faults {
		t.Errorf("the top-level node complains: %s", fault)
	}

	d = startDaemon(t, dir)
	if status, _, err := d.call(d.key, "GET", "/v1/sync", nil); err != nil || status != 404 {
		t.Errorf("switched off: %d, %v", status, err)
	}
	d.stop()
}
