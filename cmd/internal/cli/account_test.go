package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// asked is a request that a server of a test got.
type asked struct{ what, body, auth string }

// recording answers each request with the JSON of its "METHOD path", and keeps what was asked.
func recording(t *testing.T, answers map[string]string) (url string, got *[]asked) {
	t.Helper()
	got = new([]asked)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		what := r.Method + " " + r.URL.Path
		*got = append(*got, asked{what, string(body), r.Header.Get("Authorization")})
		answer, ok := answers[what]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func TestAccountCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("pw", []byte("correct horse 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url, got := recording(t, map[string]string{
		"POST /v1/accounts": `{}`, "PATCH /v1/accounts/li.wei": `{}`, "POST /v1/accounts/li.wei:password": ``, "POST /v1/accounts/li.wei:unlock": `{}`,
		"POST /v1/accounts/li.wei:disable": `{}`, "DELETE /v1/accounts/li.wei": ``, "GET /v1/accounts": `{"items":[{"username":"li.wei","roles":["admin"]}]}`,
		"POST /v1/apikeys/k1:rotate": `{"id":"k1","key":"idn_k1_new"}`,
		"POST /v1/apikeys":           `{"id":"k1","key":"idn_k1_s"}`,
	})
	for _, c := range []struct {
		in   string
		args []string
		what string
		body string
		out  string
	}{
		{"correct horse 9\n", []string{"account", "create", "li.wei", "--enterprise", "e1", "--role", "admin", "--email", "li@example.com"},
			"POST /v1/accounts", `{"email":"li@example.com","enterprise":"e1","password":"correct horse 9","roles":["admin"],"username":"li.wei"}`, "account li.wei"},
		{"", []string{"account", "create", "li.wei", "--enterprise", "e1", "--role", "admin", "--password-file", "pw"},
			"POST /v1/accounts", `{"enterprise":"e1","password":"correct horse 9","roles":["admin"],"username":"li.wei"}`, "account li.wei"},
		{"", []string{"account", "create", "li.wei", "--enterprise", "e1", "--role", "admin", "--oidc", "s1", "--no-password"},
			"POST /v1/accounts", `{"enterprise":"e1","oidc":"s1","roles":["admin"],"username":"li.wei"}`, "account li.wei"},
		{"", []string{"account", "update", "li.wei", "--mobile", ""}, "PATCH /v1/accounts/li.wei", `{"mobile":""}`, "changed account li.wei"},
		{"old one\nnew one\n", []string{"account", "password", "li.wei", "--own"}, "POST /v1/accounts/li.wei:password", `{"old":"old one","password":"new one"}`, "changed the password of li.wei"},
		{"", []string{"account", "unlock", "li.wei"}, "POST /v1/accounts/li.wei:unlock", "", "unlocked account li.wei"},
		{"", []string{"account", "disable", "li.wei"}, "POST /v1/accounts/li.wei:disable", "", "disabled account li.wei"},
		{"", []string{"account", "delete", "li.wei"}, "DELETE /v1/accounts/li.wei", "", "deleted account li.wei"},
		{"", []string{"account", "list"}, "GET /v1/accounts", "", "li.wei"},
		{"", []string{"key", "rotate", "k1", "--grace", "1h"}, "POST /v1/apikeys/k1:rotate", `{"grace":"1h0m0s"}`, "idn_k1_new"},
		{"", []string{"key", "create", "--enterprise", "e1", "--scope", "identifiers:read", "--name", "MES"}, "POST /v1/apikeys",
			`{"enterprise":"e1","name":"MES","role":"writer","scopes":["identifiers:read"]}`, "idn_k1_s"},
	} {
		*got = nil
		out, errs, code := run(t, c.in, append(c.args, "--server", url)...)
		if code != exitDone || !strings.Contains(out, c.out) {
			t.Errorf("%v: exit %d, %q, %q", c.args, code, out, errs)
		}
		if len(*got) != 1 || !strings.HasPrefix((*got)[0].what, c.what) || (*got)[0].body != c.body {
			t.Errorf("%v: asked %q, want %s %s", c.args, *got, c.what, c.body)
		}
	}
	for _, args := range [][]string{
		{"account", "create", "li.wei", "--enterprise", "e1"},
		{"account", "create", "li.wei", "--enterprise", "e1", "--role", "admin"}, // no password on standard input
		{"account", "update", "li.wei"},
		{"login"},
		{"login", "--username", "li.wei"},
		{"identity", "create", "300:88.1/x"},
		{"identity", "login", "--identity", "300:88.1/x"},
	} {
		if _, errs, code := run(t, "", append(args, "--server", url)...); code != exitUsage {
			t.Errorf("%v: exit %d, %q", args, code, errs)
		}
	}
}

func TestLoginCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	const token = "aaaa.bbbb.cccc"
	url, got := recording(t, map[string]string{
		"POST /v1/tokens": `{"token":"` + token + `","expires":"2026-11-24T12:00:00Z"}`, "POST /v1/tokens:challenge": `{"nonce":"n0nce"}`,
		"GET /v1/accounts": `{"items":[]}`, "DELETE /v1/tokens": ``,
	})
	if out, errs, code := run(t, "secret\n", "login", "--username", "li.wei", "--server", url); code != exitDone || !strings.Contains(out, tokenFile) {
		t.Fatalf("exit %d, %q, %q", code, out, errs)
	}
	if info, err := os.Stat(tokenFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v, %v", info, err)
	}
	for _, args := range [][]string{{"account", "list"}, {"logout"}} {
		if _, errs, code := run(t, "", append(args, "--server", url, "--key-file", tokenFile)...); code != exitDone || (*got)[len(*got)-1].auth != "Bearer "+token {
			t.Errorf("%v: exit %d, %q, sent %q", args, code, errs, (*got)[len(*got)-1].auth)
		}
	}

	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("app.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "app.token")
	if _, errs, code := run(t, "", "identity", "login", "--identity", "300:88.1/app", "--identity-key", "app.pem", "-O", out, "--server", url); code != exitDone {
		t.Fatalf("exit %d, %q", code, errs)
	}
	var sent struct{ Identity, Nonce, Signature string }
	if err := json.Unmarshal([]byte((*got)[len(*got)-1].body), &sent); err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(sent.Signature)
	if err != nil || sent.Identity != "300:88.1/app" || sent.Nonce != "n0nce" || !ed25519.Verify(public, []byte("n0nce"), signature) {
		t.Errorf("sent %+v, %v", sent, err)
	}
}
