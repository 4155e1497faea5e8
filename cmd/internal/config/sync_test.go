package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSyncTargets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	text := "sync:\n  enabled: true\n  targets:\n    - {name: top, kind: jsonlines, url: https://top.example/sync, tables: [T3, T8]}\n    - name: second\n      kind: jsonlines\n      url: https://b.example\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []SyncTarget{{Name: "top", Kind: "jsonlines", URL: "https://top.example/sync", Tables: []string{"T3", "T8"}}, {Name: "second", Kind: "jsonlines", URL: "https://b.example"}}
	if diff := cmp.Diff(want, c.Sync.Targets); diff != "" {
		t.Error(diff)
	}
	out, err := c.Print()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	if again, _, err := Load(path, nil); err != nil || cmp.Diff(want, again.Sync.Targets) != "" {
		t.Errorf("printed and read again: %v, %v in\n%s", again.Sync.Targets, err, out)
	}
	c, _, err = Load("", []string{"IDNODE_SYNC_ENABLED=true", "IDNODE_SYNC_TARGETS=top=jsonlines+https://top.example/sync;tables=T3|T8;token_file=x, b=jsonlines+https://b.example"})
	want[0].TokenFile = "x"
	want[1].Name = "b"
	if err != nil || cmp.Diff(want, c.Sync.Targets) != "" {
		t.Errorf("from the environment: %+v, %v", c.Sync, err)
	}
	for _, bad := range []string{"top", "top=jsonlines", "top=jsonlines+u;colour=red"} {
		if _, _, err := Load("", []string{"IDNODE_SYNC_ENABLED=true", "IDNODE_SYNC_TARGETS=" + bad}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}

	c = Default()
	c.Sync.Enabled, c.QueryLog.Enabled = true, false
	c.Sync.Targets = []SyncTarget{{Name: "Top"}, {Name: "b", Kind: "k", URL: "u", CertFile: "x", Tables: []string{"T12"}}}
	err = c.Check()
	for _, part := range []string{"query_log", `"Top"`, "Top: kind and url", "b: cert_file", `"T12"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("mistakes do not tell of %s: %v", part, err)
		}
	}
	c = Default()
	c.Sync.Targets = []SyncTarget{{Name: "top", Kind: "k", URL: "u"}}
	if c.Check() == nil {
		t.Error("targets without sync.enabled are accepted")
	}
}
