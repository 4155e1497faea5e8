package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIdctlEnterprise applies with the example form, uploads a scan, amends, and is approved.
func TestIdctlEnterprise(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	operator := filepath.Join(d.dir, "operator.key")
	t.Chdir(t.TempDir())
	idctl := func(key string, args ...string) string {
		t.Helper()
		code, out, errs := d.idctl("", append([]string{"--key-file", key}, args...)...)
		if code != 0 {
			t.Fatalf("idctl %s: exit %d: %s", strings.Join(args, " "), code, errs)
		}
		return out
	}
	example := idctl(operator, "enterprise", "form")
	if err := os.WriteFile("form.json", []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := d.idctl("", "enterprise", "apply", "-f", "form.json", "-O", "mine.key")
	if code != 0 || !strings.Contains(out, "pending, key in mine.key") {
		t.Fatalf("apply: exit %d: %s %s", code, out, errs)
	}
	id := strings.Fields(out)[1]

	if err := os.WriteFile("scan.pdf", []byte("%PDF-1.4 %%EOF"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := strings.Fields(idctl("mine.key", "file", "upload", "scan.pdf"))[1]
	if err := os.WriteFile("amend.json", []byte(`{"certificate":{"scan":"`+file+`"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	idctl("mine.key", "enterprise", "update", id, "-f", "amend.json", "--version", "1")
	idctl(operator, "enterprise", "return", id, "--reason", "phone")
	idctl("mine.key", "enterprise", "submit", id)
	if out := idctl(operator, "enterprise", "approve", id, "--method", "visit", "--source", "licence"); !strings.Contains(out, "active") {
		t.Errorf("approve: %s", out)
	}
	if out := idctl("mine.key", "enterprise", "update", id, "-f", "form.json"); !strings.Contains(out, "waits for a review") {
		t.Errorf("change of an active enterprise: %s", out)
	}
	var e struct{ Verification struct{ Method string } }
	if err := json.Unmarshal([]byte(idctl(operator, "-o", "json", "enterprise", "show", id)), &e); err != nil || e.Verification.Method != "visit" {
		t.Errorf("show: %v, %v", e, err)
	}
	if out := idctl("mine.key", "file", "download", file, "-O", "-"); out != "%PDF-1.4 %%EOF" {
		t.Errorf("download: %q", out)
	}
	idctl("mine.key", "file", "download", file, "-O", "copy.pdf")
	if out := idctl("mine.key", "file", "list"); !strings.Contains(out, "scan.pdf") {
		t.Errorf("files: %s", out)
	}
	if code, _, _ := d.idctl("", "--key-file", "mine.key", "file", "delete", file); code != 1 {
		t.Errorf("deletion of a file in use: exit %d", code)
	}
	if out := idctl(operator, "audit", "list", "--op", "enterprise.", "--newest", "--limit", "20"); !strings.Contains(out, "pending → active") {
		t.Errorf("audit: %s", out)
	}

	// What the top level will ask for.
	if err := os.WriteFile("app.json", []byte(`{"name":"溯源","type":"web"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	app := strings.Fields(idctl("mine.key", "app", "create", "-f", "app.json"))[1]
	if err := os.WriteFile("users.json", []byte(`{"users":12}`), 0o600); err != nil {
		t.Fatal(err)
	}
	idctl("mine.key", "app", "update", app, "-f", "users.json")
	if out := idctl("mine.key", "app", "show", app); !strings.Contains(out, "12") {
		t.Errorf("app: %s", out)
	}
	if out := idctl(operator, "report", "show", "T10", "--enterprise", id); !strings.Contains(out, "溯源") || !strings.Contains(out, "MISSING") {
		t.Errorf("T10: %s", out)
	}
	if out := idctl("mine.key", "report", "show", "T6"); !strings.Contains(out, "海北精密轴承有限公司") || !strings.Contains(out, "C34 通用设备制造业") {
		t.Errorf("T6: %s", out)
	}
	if err := os.WriteFile("self.json", []byte(`{"name":"海北二级节点"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	idctl(operator, "operator", "update", "-f", "self.json")
	if out := idctl(operator, "operator", "show"); !strings.Contains(out, "海北二级节点") {
		t.Errorf("operator: %s", out)
	}
	if out := idctl(operator, "report", "show", "T1"); !strings.Contains(out, "T1  enterprise self  incomplete") {
		t.Errorf("T1: %s", out)
	}
	idctl("mine.key", "app", "delete", app)
	if out := idctl(operator, "app", "list"); strings.Contains(out, app) {
		t.Errorf("apps: %s", out)
	}
}
