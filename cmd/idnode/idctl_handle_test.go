package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/handletest"
)

// TestIdctlHandle administers a node over the Handle protocol with idctl: by key files of all kinds, and as nobody.
func TestIdctlHandle(t *testing.T) {
	d := capturedNode(t)
	defer d.stop()
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keyFile := func(name string) string {
		return file(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: handletest.Key(t, name)}))
	}
	private, err := auth.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: handletest.Key(t, "admin_rsa")}), nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := auth.AppendPrivateKey(nil, private, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	admin := []string{"--addr", d.handle, "--identity", "300:88.990/admin", "--identity-key", keyFile("admin_rsa")}
	srvadmin := []string{"--addr", d.handle, "--identity", "300:88.990/srvadmin", "--session", "--identity-key", keyFile("srvadmin_rsa")}
	secret := []string{"--addr", d.handle, "--identity", "301:88.990/user-sk", "--identity-secret", file("secret", append(handletest.Key(t, "secret"), '\n'))}
	encrypted := []string{"--addr", d.handle, "--identity", "300:88.990/admin", "--identity-key", file("admpriv.bin", sealed), "--passphrase-file", file("passphrase", []byte("correct horse\r\n"))}
	with := func(who []string, args ...string) []string { return append(slices.Clone(args), who...) }

	run := func(want int, out string, args ...string) string {
		t.Helper()
		code, got, errs := d.idctl("", args...)
		if code != want || !strings.Contains(got+errs, out) {
			t.Errorf("idctl %s: exit %d, %q %q; want %d and %q", strings.Join(args, " "), code, got, errs, want, out)
		}
		return got
	}

	const name = "88.990.1001/idctl"
	create := []string{"handle", "create", name, "--value", "1:URL=https://a.example", "--value", "100:HS_ADMIN=300:88.990/admin",
		"--value", "101:HS_ADMIN=000001110011:301:88.990/user-sk", "--value", "200:HS_VLIST=300:88.990/admin;301:88.990/user-sk"}
	run(0, "created "+name, with(admin, create...)...)
	run(1, "already exists", with(admin, create...)...)
	run(0, "created "+name, with(admin, append(create, "--overwrite")...)...)
	run(0, "added values to", with(encrypted, "handle", "add", name, "--private", "--value", "2:NOTE=for few")...)
	run(0, "modified values of", with(secret, "handle", "modify", name, "--value", "1:URL=https://b.example")...)
	got := run(0, "https://b.example", "resolve", name, "--via", "handle-tcp", "--addr", d.handle)
	if strings.Contains(got, "for few") || !strings.Contains(got, "rights 000001110011") || !strings.Contains(got, "301:88.990/user-sk") {
		t.Errorf("public values: %s", got)
	}
	run(0, "for few", with(admin, "resolve", name, "--via", "handle-tcp")...)
	run(3, "not found", with(admin, "resolve", "88.990.1001/none", "--via", "handle-tcp")...)
	run(0, "removed values of", with(srvadmin, "handle", "remove", name, "--index", "2")...)
	run(4, "402", "handle", "delete", name, "--addr", d.handle)
	run(4, "400", with([]string{"--addr", d.handle, "--identity", "300:88.990/limited", "--identity-key", keyFile("limited_rsa")}, "handle", "delete", name)...)
	run(4, "403", with([]string{"--addr", d.handle, "--identity", "300:88.990/admin", "--identity-key", keyFile("limited_rsa")}, "handle", "delete", name)...)
	run(0, "deleted "+name, with(admin, "handle", "delete", name)...)
	run(3, "100", with(admin, "handle", "delete", name)...)
	minted := run(0, "created 88.990.1001/m-", with(admin, "handle", "create", "88.990.1001/m-", "--mint", "--value", "1:URL=https://a.example")...)
	if n := len(strings.TrimSpace(minted)); n != len("created 88.990.1001/m-")+36 {
		t.Errorf("minted %q", minted)
	}
	listed := run(0, "88.990.1003/", with(srvadmin, "handle", "list", "88.990.1003")...)
	if n := strings.Count(listed, "\n"); n != 120 {
		t.Errorf("%d handles listed", n)
	}
	run(0, "homed 0.NA/88.990.7777", with(srvadmin, "handle", "home", "88.990.7777")...)
	run(0, "0.NA/88.990.7777\n", with(srvadmin, "handle", "homed")...)
	run(0, "un-homed 0.NA/88.990.7777", with(srvadmin, "handle", "unhome", "0.NA/88.990.7777")...)
	run(1, "no answer", append(with(admin, "handle", "list", "88.990.1003"), "--addr", "127.0.0.1:1")...)

	// A key pair that openssl made: what a user has who knows no tool of ours.
	for _, algorithm := range [][]string{{"genpkey", "-algorithm", "RSA"}, {"genpkey", "-algorithm", "SM2"}} {
		pemKey, pemPublic := filepath.Join(dir, algorithm[2]+".pem"), filepath.Join(dir, algorithm[2]+".pub")
		for _, args := range [][]string{append(algorithm, "-out", pemKey), {"pkey", "-in", pemKey, "-pubout", "-out", pemPublic}} {
			if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
				t.Fatalf("openssl %v: %v\n%s", args, err, out)
			}
		}
		user := "88.990.1001/user-" + strings.ToLower(algorithm[2])
		run(0, "created", with(admin, "handle", "create", user, "--value-file", "300:HS_PUBKEY="+pemPublic, "--value", "100:HS_ADMIN=300:"+user)...)
		run(0, "added", with([]string{"--addr", d.handle, "--identity", "300:" + user, "--identity-key", pemKey}, "handle", "add", user, "--value", "1:DESC=mine")...)
	}

	for _, args := range [][]string{
		{"handle"},
		{"handle", "create"},
		{"handle", "create", name},
		{"handle", "create", name, "--value", "1:HS_ADMIN=x"},
		{"handle", "create", name, "--value", "1:HS_ADMIN=01111111001x:300:a/b"},
		{"handle", "create", name, "--value", "1:HS_VLIST=300:a/b;x"},
		{"handle", "remove", name},
		{"handle", "remove", name, "--index", "0"},
		{"handle", "delete", name, "--identity", "300:88.990/admin"},
		{"handle", "delete", name, "--identity", "88.990/admin", "--identity-key", keyFile("admin_rsa")},
		{"handle", "delete", name, "--identity-key", keyFile("admin_rsa")},
		{"handle", "delete", name, "--identity", "300:88.990/admin", "--identity-key", filepath.Join(dir, "admpriv.bin")},
		{"resolve", name, "--follow"},
		{"resolve", name, "--via", "handle-udp", "--identity", "300:88.990/admin", "--identity-key", keyFile("admin_rsa")},
	} {
		run(2, "", args...)
	}
}

// TestIdctlSiteInfo prints what a parent registry needs to refer to a node.
func TestIdctlSiteInfo(t *testing.T) {
	d := capturedNode(t)
	defer d.stop()
	site := handletest.Site(t)
	parsed, err := handle.ParseSite(site)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := d.idctl("", "prefix", "site-info", "--addr", d.handle)
	for _, want := range []string{"RSA", parsed.Servers[0].Addr.String(), "tcp", base64.StdEncoding.EncodeToString(site)} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("site-info: exit %d %s, without %q:\n%s", code, errs, want, out)
		}
	}
	code, out, _ = d.idctl("", "prefix", "site-info", "--addr", d.handle, "-o", "json")
	var form struct {
		SerialNumber uint16
		Servers      []struct{ Interfaces []struct{ Protocol string } }
	}
	if err := json.Unmarshal([]byte(out), &form); code != 0 || err != nil || form.SerialNumber != parsed.Serial || len(form.Servers[0].Interfaces) != len(parsed.Servers[0].Interfaces) {
		t.Errorf("site-info -o json: exit %d, %v: %s", code, err, out)
	}
	file := filepath.Join(t.TempDir(), "siteinfo.bin")
	if code, _, errs := d.idctl("", "prefix", "site-info", "--addr", d.handle, "-O", file); code != 0 {
		t.Fatal(errs)
	}
	if raw, err := os.ReadFile(file); err != nil || !bytes.Equal(raw, site) {
		t.Errorf("siteinfo.bin: %v, %x; want %x", err, raw, site)
	}

	// The key in it is the one that sessions are held against.
	key := filepath.Join(t.TempDir(), "server.pub")
	if err := os.WriteFile(key, parsed.Servers[0].PublicKey, 0o600); err != nil {
		t.Fatal(err)
	}
	admin := filepath.Join(t.TempDir(), "admin.pem")
	if err := os.WriteFile(admin, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: handletest.Key(t, "srvadmin_rsa")}), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs = d.idctl("", "handle", "homed", "--addr", d.handle, "--identity", "300:88.990/srvadmin", "--identity-key", admin, "--session", "--server-key", key)
	if code != 0 {
		t.Errorf("a session with the server's key: %s", errs)
	}
	if code, _, _ := d.idctl("", "prefix", "site-info", "--addr", "127.0.0.1:1"); code != 1 {
		t.Errorf("site-info of nobody: exit %d", code)
	}
}

// TestIdctlFollow asks a node for an identifier of an enterprise that runs its own.
func TestIdctlFollow(t *testing.T) {
	theirs := startDaemon(t, t.TempDir(), "IDNODE_NODE_PREFIXES=88.1021.777")
	ours := startDaemon(t, t.TempDir())
	defer ours.stop()
	run := func(d *daemon, want int, out string, args ...string) {
		t.Helper()
		code, got, errs := d.idctl("", args...)
		if code != want || !strings.Contains(got+errs, out) {
			t.Errorf("idctl %s: exit %d, %q %q; want %d and %q", strings.Join(args, " "), code, got, errs, want, out)
		}
	}
	run(theirs, 0, "", "prefix", "create", "88.1021.777", "--enterprise", "self")
	run(theirs, 0, "", "register", "88.1021.777/far", "--value", "1:URL=https://far.example")
	_, port, err := net.SplitHostPort(theirs.handle)
	if err != nil {
		t.Fatal(err)
	}
	run(ours, 0, "", "prefix", "create", "88.1021.777", "--enterprise", "self", "--mode", "delegated", "--ip", "127.0.0.1", "--tcp", port, "--udp", port)
	for _, via := range []string{"handle-udp", "handle-tcp"} {
		run(ours, 0, "answered by the enterprise's own node", "resolve", "88.1021.777/far", "--via", via, "--addr", ours.handle)
		run(ours, 0, "https://far.example", "resolve", "88.1021.777/far", "--via", via, "--addr", ours.handle, "--follow")
		run(ours, 3, "not found", "resolve", "88.1021.777/nowhere", "--via", via, "--addr", ours.handle, "--follow")
	}
	theirs.stop()
	run(ours, 1, "no answer", "resolve", "88.1021.777/far", "--via", "handle-tcp", "--addr", ours.handle, "--follow")
}
