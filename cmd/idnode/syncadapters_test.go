package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/idnode/idnode/cmd/internal/topnode"
	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
)

// TestSyncAdapters: a node tells the one above of an enterprise and its prefix, over three adapters at once; that decides, and gives orders,
// which take effect on resolution at once.
func TestSyncAdapters(t *testing.T) {
	dir := t.TempDir()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	signKey := write("sign.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	rules, err := topnode.ParseRules(strings.NewReader("E* pass\n88.1021.150 pass\n"))
	if err != nil {
		t.Fatal(err)
	}
	top, err := topnode.New(topnode.Options{Dir: filepath.Join(dir, "top"), Rules: rules, Logger: slog.New(slog.DiscardHandler),
		Nodes: map[string]topnode.NodeOptions{"88.1021": {Keys: []crypto.PublicKey{public}}}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(top.Handler())
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
		if err := top.Close(); err != nil {
			t.Error(err)
		}
	})
	// A real node in the place of the Handle server above, with an administrator who has a secret key.
	upper := startDaemon(t, filepath.Join(dir, "upper"), "IDNODE_HANDLE_SERVER_ADMINS=300:88.1021.9/SLN")
	upper.must(201, upper.key, "POST", "/v1/prefixes", map[string]any{"prefix": "88.1021.9", "enterprise": "self"})
	upper.must(201, upper.key, "POST", "/v1/identifiers", map[string]any{"id": "88.1021.9/SLN", "values": []any{map[string]any{"index": 300, "type": "HS_SECKEY", "data": "a secret of the node", "perms": "1100"}}})
	secret := write("secret", "a secret of the node\n")

	cfg := write("idnode.yaml", fmt.Sprintf(`
sync:
  enabled: true
  targets:
    - {name: lines, kind: jsonlines, url: "%[1]s", sign_key_file: "%[2]s", orders: true}
    - {name: epp, kind: epp, url: "%[1]s/epp", sign_key_file: "%[2]s"}
    - {name: handle, kind: handle, url: "handle://%[3]s", identity: "300:88.1021.9/SLN", secret_file: "%[4]s"}
`, web.URL, signKey, upper.handle, secret))
	d := startDaemon(t, filepath.Join(dir, "node"), "--config="+cfg)
	e := d.must(201, d.key, "POST", "/v1/enterprises", map[string]any{"name": "Alice", "creditCode": "91110108589104047H", "nature": "2", "industry": "3451", "region": "110108",
		"address": "somewhere", "contact": map[string]any{"name": "Li", "email": "li@example.com", "phone": "13800000000"}})["id"].(string)
	d.must(201, d.key, "POST", "/v1/prefixes", map[string]any{"prefix": "88.1021.150", "enterprise": e})
	d.must(201, d.key, "POST", "/v1/identifiers", record("88.1021.150/x", "https://example.com"))
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(60 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				_, status, _ := d.call(d.key, "GET", "/v1/sync", nil)
				t.Fatalf("%s: not within a minute; received %+v; the sync: %s", what, top.Counts(), status)
			}
		}
	}
	until("the routes of the node", func() bool { return len(top.Rows("88.1021", "T2")) == 2 })
	if rejected := top.Rejected("88.1021", "T2"); len(rejected) > 0 {
		t.Errorf("refused: %+v", rejected)
	}
	until("the prefix record above", func() bool {
		r, err := client.Resolve(t.Context(), "tcp", upper.handle, client.Request{Handle: "0.NA/88.1021", Types: []string{"HS_SITE"}})
		return err == nil && r.Code == handle.RcodeSuccess && len(r.Values) == 1
	})

	if _, err := top.Give(topnode.Order{Node: "88.1021", Order: "suspend", Prefix: "88.1021.150", Reason: "by court"}); err != nil {
		t.Fatal(err)
	}
	until("the suspension", func() bool {
		status, _, err := d.call("", "GET", "/resolve?id=88.1021.150/x", nil)
		return err == nil && status == 403
	})
	if status, out, err := d.call(d.key, "POST", "/v1/prefixes:activate", map[string]any{"prefix": "88.1021.150"}); err != nil || status != 409 {
		t.Errorf("activated: %d %s %v", status, out, err)
	}
	if _, err := top.Give(topnode.Order{Node: "88.1021", Order: "activate", Prefix: "88.1021.150"}); err != nil {
		t.Fatal(err)
	}
	until("the activation", func() bool {
		status, _, err := d.call("", "GET", "/resolve?id=88.1021.150/x", nil)
		return err == nil && status == 200
	})
	d.stop()
	upper.stop()
}
