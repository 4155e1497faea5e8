package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/standardwebhooks"
)

// TestIdctlWebhook has a node tell a receiver what is registered, over a kill and a restart while the receiver is away.
func TestIdctlWebhook(t *testing.T) {
	dir := t.TempDir()
	env := "IDNODE_WEBHOOK_ALLOW_PRIVATE=127.0.0.1/32"
	d := startDaemon(t, dir, env)
	operator := filepath.Join(d.dir, "operator.key")
	t.Chdir(t.TempDir())
	idctl := func(d *daemon, args ...string) string {
		t.Helper()
		code, out, errs := d.idctl("", append([]string{"--key-file", operator}, args...)...)
		if code != 0 {
			t.Fatalf("idctl %s: exit %d: %s", strings.Join(args, " "), code, errs)
		}
		return out
	}
	bodies := make(chan string, 100)
	var secret standardwebhooks.Secret
	var down atomic.Bool
	down.Store(true)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := secret.Verify(r.Header, body, time.Now()); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
		bodies <- string(body)
	}))
	defer receiver.Close()
	next := func(want string) string {
		t.Helper()
		select {
		case body := <-bodies:
			if !strings.Contains(body, want) {
				t.Errorf("told %s, want %s", body, want)
			}
			return body
		case <-time.After(20 * time.Second):
			t.Fatalf("%s is not told", want)
			return ""
		}
	}

	if code, _, errs := d.idctl("", "--key-file", operator, "webhook", "create", "--url", "https://192.168.0.1/"); code != 1 || !strings.Contains(errs, "private") {
		t.Errorf("a private address: exit %d: %s", code, errs)
	}
	idctl(d, "webhook", "create", "--url", receiver.URL, "--event", "identifier.created", "-O", "hook.secret")
	text, err := os.ReadFile("hook.secret")
	if err != nil {
		t.Fatal(err)
	}
	if secret, err = standardwebhooks.ParseSecret(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	id := strings.Fields(strings.Split(idctl(d, "webhook", "list"), "\n")[1])[0]

	idctl(d, "prefix", "create", "88.1021.7", "--enterprise", "self")
	idctl(d, "register", "88.1021.7/a", "--value", "1:URL=https://example.com")
	first := next("88.1021.7/a")
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(idctl(d, "webhook", "deliveries", id), "502"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the failure is not among the deliveries")
		}
	}
	d.kill()
	down.Store(false)
	d = startDaemon(t, dir, env)
	if again := next("88.1021.7/a"); again != first {
		t.Errorf("told %s, then %s", first, again)
	}
	if out := idctl(d, "webhook", "test", id); !strings.Contains(out, "answered 200") {
		t.Errorf("test: %s", out)
	}
	next("webhook.test")
	if out := idctl(d, "webhook", "deliveries", id); !strings.Contains(out, "502") || !strings.Contains(out, "delivered") {
		t.Errorf("deliveries: %s", out)
	}
	idctl(d, "webhook", "replay", id, "--since", "1h")
	next("88.1021.7/a")
	idctl(d, "webhook", "update", id, "--disable")
	idctl(d, "webhook", "delete", id)
}
