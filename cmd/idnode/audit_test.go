package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAudit: what was written is chained, also by a node that is killed again and again while it is written;
// the log verifies, here and from a file, and a file in which an octet was changed does not.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	heads, file := filepath.Join(t.TempDir(), "heads.json"), filepath.Join(t.TempDir(), "audit.ndjson")
	d := startDaemon(t, dir)
	_, key := d.tenant("Alice", "88.1021.150")
	verify := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := d.idctl("", append([]string{"audit", "verify"}, args...)...)
		if code != want {
			t.Fatalf("audit verify %v: exit %d: %s%s", args, code, out, errs)
		}
		return out + errs
	}
	var kept bytes.Buffer
	for round := range 3 {
		if round > 0 {
			registerUntilKilled(d, key, round)
			d = startDaemon(t, dir)
		}
		for i := range 20 {
			d.must(201, key, "POST", "/v1/identifiers", record(fmt.Sprintf("88.1021.150/a%d-%d", round, i), "x"))
		}
		if status, _, err := d.call("idn_no_such", "GET", "/v1/audit", nil); err != nil || status != 401 {
			t.Fatalf("a wrong key: %d, %v", status, err)
		}
		d.caughtUp()
		code, out, errs := d.idctl("", "audit", "head", "-o", "json")
		if code != 0 || !strings.Contains(out, `"signature"`) {
			t.Fatalf("audit head: exit %d: %s%s", code, out, errs)
		}
		kept.WriteString(out)
		if err := os.WriteFile(heads, kept.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := verify(0, "--head-file", heads); !strings.HasPrefix(said, "verified: ") || strings.Contains(said, "not in the chain yet") {
			t.Errorf("round %d: %s", round, said)
		}
	}
	if code, _, errs := d.idctl("", "audit", "export", "-O", file); code != 0 {
		t.Fatalf("audit export: exit %d: %s", code, errs)
	}
	export, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"enterprise.create", "prefix.create", "apikey.create", "identifier.create"} {
		if !bytes.Contains(export, []byte(`"op":"`+op+`"`)) {
			t.Errorf("the export has no %s", op)
		}
	}
	verify(0, "-f", file, "--head-file", heads)
	at := bytes.Index(export, []byte("88.1021.150/a1-7"))
	export[at+len("88.1021.150/a1-")] = '8'
	if err := os.WriteFile(file, export, 0o600); err != nil {
		t.Fatal(err)
	}
	if said := verify(1, "-f", file); !strings.Contains(said, "is not what was chained") {
		t.Errorf("an export in which an octet was changed: %s", said)
	}
	status, out, err := (&daemon{t: t, http: d.admin}).call("", "GET", "/metrics", nil)
	if err != nil || status != 200 || !strings.Contains(string(out), "\nidnode_audit_chain_entries_total ") || !strings.Contains(string(out), "\nidnode_audit_chain_lag_seconds 0\n") {
		t.Errorf("metrics: %d, %v", status, err)
	}
}

// caughtUp waits until all that was written is in the chain of the audit log.
func (d *daemon) caughtUp() {
	d.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		found := d.must(200, d.key, "GET", "/v1/audit:verify", nil)
		if found["verified"] == true && found["pending"] == 0.0 {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the audit log is not chained: %v", found)
		}
	}
}
