package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPeople: an operator makes accounts and an application's identity with idctl, who log in and write.
func TestPeople(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	dir := t.TempDir()
	do := func(want int, stdin string, args ...string) string {
		t.Helper()
		code, out, errs := d.idctl(stdin, args...)
		if code != want {
			t.Fatalf("idctl %v: exit %d, %s%s", args, code, out, errs)
		}
		return out + errs
	}
	if info, err := os.Stat(filepath.Join(d.dir, "secret.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("secret.key: %v, %v", info, err)
	}
	var e struct{ ID string }
	if err := json.Unmarshal([]byte(do(0, "", "enterprise", "create", "--name", "海北轴承", "-o", "json")), &e); err != nil {
		t.Fatal(err)
	}
	do(0, "", "prefix", "create", "88.1021.150", "--enterprise", e.ID)
	do(0, "correct horse 9\n", "account", "create", "li.wei", "--enterprise", e.ID, "--role", "admin", "--role", "writer")
	token, app := filepath.Join(dir, "li.token"), filepath.Join(dir, "mes.token")
	do(4, "wrong\n", "login", "--username", "li.wei", "-O", token)
	do(0, "correct horse 9\n", "login", "--username", "LI.wei", "-O", token)
	do(0, "", "--key-file", token, "register", "88.1021.150/A-1", "--value", "1:URL=https://example.com")
	do(4, "", "--key-file", token, "prefix", "create", "88.1021.151", "--enterprise", e.ID)
	if shown := do(0, "", "account", "show", "li.wei"); !strings.Contains(shown, "admin") {
		t.Errorf("shown: %s", shown)
	}

	if _, err := exec.LookPath("openssl"); err == nil {
		key, public := filepath.Join(dir, "mes.pem"), filepath.Join(dir, "mes.pub")
		for _, args := range [][]string{{"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key}, {"pkey", "-in", key, "-pubout", "-out", public}} {
			if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
				t.Fatalf("openssl: %v: %s", err, out)
			}
		}
		const identity = "300:88.1021.150/APP_mes"
		do(0, "", "--key-file", token, "identity", "create", identity, "--enterprise", e.ID, "--public-key", public)
		do(0, "", "identity", "login", "--identity", identity, "--identity-key", key, "-O", app)
		do(0, "", "--key-file", app, "register", "88.1021.150/A-2", "--value", "1:URL=https://example.com")
		do(0, "", "prefix", "suspend", "88.1021.150")
		do(4, "", "--key-file", app, "list")
		do(0, "", "prefix", "activate", "88.1021.150")
		do(0, "", "--key-file", token, "identity", "delete", identity)
		do(4, "", "--key-file", app, "list")
	}
	do(0, "", "account", "disable", "li.wei")
	do(4, "", "--key-file", token, "get", "88.1021.150/A-1")
	do(0, "", "account", "enable", "li.wei")
	do(0, "correct horse 9\n", "login", "--username", "li.wei", "-O", token)
	do(0, "correct horse 9\nanother horse 9\n", "--key-file", token, "account", "password", "li.wei", "--own")
	do(4, "", "--key-file", token, "get", "88.1021.150/A-1")
	do(0, "another horse 9\n", "login", "--username", "li.wei", "-O", token)
	do(0, "", "--key-file", token, "logout")
	do(4, "", "--key-file", token, "get", "88.1021.150/A-1")
}
