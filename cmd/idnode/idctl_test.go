package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idnode/idnode/cmd/internal/cli"
)

// idctl runs the client against the daemon as its operator.
func (d *daemon) idctl(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	env := map[string]string{"IDCTL_SERVER": "http://" + d.http, "IDCTL_KEY_FILE": filepath.Join(d.dir, "operator.key")}
	code = cli.Run(context.Background(), args, cli.IO{In: strings.NewReader(stdin), Out: &out, Err: &errs,
		Getenv: func(name string) string { return env[name] }})
	return code, out.String(), errs.String()
}

// TestIdctl runs the client tool against a node: what it does, what it prints, how it ends.
func TestIdctl(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	dir := t.TempDir()
	good := filepath.Join(dir, "good.ndjson")
	var lines bytes.Buffer
	for i := range 2500 {
		fmt.Fprintf(&lines, `{"id":"88.1021.150/B-%04d","values":[{"index":1,"type":"URL","data":"https://example.com/%d"},{"index":2,"type":"NAME","data":"轴承"}]}`+"\n", i, i)
	}
	write := func(path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(good, lines.Bytes())
	bad := filepath.Join(dir, "bad.ndjson")
	write(bad, []byte(`{"id":"88.1021.150/ok","values":[{"index":1,"type":"URL","data":"u"}]}
{"id":"99.1/foreign","values":[{"index":1,"type":"URL","data":"u"}]}
{"id":"88.1021.150/no-index","values":[{"type":"URL","data":"u"}]}
not json
{"id":"88.1021.150/ok-too","values":[{"index":1,"type":"URL","data":"u"}]}
`))
	table := filepath.Join(dir, "table.csv")
	write(table, []byte("id,index,type,data,ttl,perms\n88.1021.150/C-1,1,URL,https://example.com/c1,60,1110\n88.1021.150/C-1,2,NAME,\"轴承, 深沟球\",,\n88.1021.150/C-2,1,URL,https://example.com/c2,,\n"))
	wrong := filepath.Join(dir, "wrong.csv")
	write(wrong, []byte("id,index,type,data,colour\n88.1021.150/D-1,1,URL,u,red\n"))

	steps := []struct {
		name string
		args []string
		code int
		out  string // in what is printed
	}{
		{"import", []string{"import", "--allocate", good}, 0, "2500"},
		{"again", []string{"import", good}, 1, "2500"},
		{"again, skipping", []string{"import", "--mode", "skip-existing", good}, 0, "2500"},
		{"rows that fail", []string{"import", bad}, 1, "3"},
		{"csv", []string{"import", table}, 0, "2"},
		{"csv with an unknown column", []string{"import", wrong}, 1, "colour"},
		{"no such file", []string{"import", filepath.Join(dir, "none.ndjson")}, 1, "none"},
		{"resolve", []string{"resolve", "88.1021.150/C-1"}, 0, "轴承, 深沟球"},
		{"resolve over udp", []string{"resolve", "88.1021.150/B-0007", "--via", "handle-udp", "--addr", d.handle}, 0, "https://example.com/7"},
		{"resolve over tcp", []string{"resolve", "88.1021.150/B-0007", "--via", "handle-tcp", "--addr", d.handle, "--type", "URL"}, 0, "https://example.com/7"},
		{"resolve over grpc", []string{"resolve", "88.1021.150/B-0007", "--via", "grpc", "--addr", d.grpc, "--index", "1"}, 0, "https://example.com/7"},
		{"resolve as json", []string{"-o", "json", "resolve", "88.1021.150/ok-too"}, 0, `"responseCode"`},
		{"resolve what is not there", []string{"resolve", "88.1021.150/none"}, 3, "88.1021.150/none"},
		{"register", []string{"register", "88.1021.150/R-1", "--value", "1:URL=https://example.com/r1"}, 0, "88.1021.150/R-1"},
		{"register again", []string{"register", "88.1021.150/R-1", "--value", "1:URL=https://example.com/other"}, 1, "already_exists"},
		{"revoke", []string{"revoke", "88.1021.150/R-1", "--reason", "test"}, 0, ""},
		{"revoked", []string{"resolve", "88.1021.150/R-1"}, 3, "test"},
		{"denied", []string{"--key-file", os.DevNull, "register", "88.1021.150/R-2", "--value", "1:URL=u"}, 1, "key"},
		{"usage", []string{"resolve"}, 2, ""},
		{"unknown flag", []string{"resolve", "x", "--vai", "udp"}, 2, "vai"},
	}
	for _, s := range steps {
		code, out, errs := d.idctl("", s.args...)
		if code != s.code || !strings.Contains(out+errs, s.out) {
			t.Errorf("%s: idctl %s: got %d, want %d with %q in\n%s%s", s.name, strings.Join(s.args, " "), code, s.code, s.out, out, errs)
		}
	}
	if code, _, errs := d.idctl(`{"id":"88.1021.150/stdin","values":[{"index":1,"type":"URL","data":"u"}]}`+"\n", "import", "-"); code != 0 {
		t.Errorf("import from standard input: %d %s", code, errs)
	}

	// What is exported and imported into an empty node is the same.
	exported := filepath.Join(dir, "export.ndjson")
	if code, _, errs := d.idctl("", "export", "-O", exported); code != 0 {
		t.Fatalf("export: %d %s", code, errs)
	}
	other := startDaemon(t, t.TempDir())
	if code, _, errs := other.idctl("", "import", "--allocate", exported); code != 0 {
		t.Fatalf("import of the export: %d %s", code, errs)
	}
	again := filepath.Join(dir, "again.ndjson")
	if code, _, errs := other.idctl("", "export", "-O", again); code != 0 {
		t.Fatalf("second export: %d %s", code, errs)
	}
	if a, b := values(t, exported), values(t, again); len(a) != 2505 || !maps.Equal(a, b) {
		t.Errorf("exported %d records, %d after import into an empty node; their values are the same: %v", len(a), len(b), maps.Equal(a, b))
	}
	other.stop()
	d.stop()
}

// values reads an export: the values of each record, as they stand.
func values(t *testing.T, path string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for line := range bytes.Lines(b) {
		var r struct {
			ID     string
			State  string
			Values json.RawMessage
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all[r.ID] = r.State + string(r.Values)
	}
	return all
}
