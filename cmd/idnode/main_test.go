package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asDaemon makes the test binary be the daemon: tests kill it as they could not kill themselves.
const asDaemon = "IDNODE_TEST_AS_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		os.Unsetenv(asDaemon)
		main()
	}
	os.Exit(m.Run())
}

// daemon is a running idnode process.
type daemon struct {
	t                              *testing.T
	cmd                            *exec.Cmd
	dir                            string
	http, grpc, handle, dns, admin string
	key                            string // the operator's API key
	exited                         chan error
	log                            *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.WriteString(line + "\n")
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startDaemon runs idnode on dir with free ports and waits for its ready line. What begins with -- in env is a flag.
func startDaemon(t *testing.T, dir string, env ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, dir: dir, exited: make(chan error, 1), log: new(lockedBuffer)}
	d.cmd = exec.Command(os.Args[0], "serve", "--log-format", "json")
	d.cmd.Env = append(os.Environ(), asDaemon+"=1", "IDNODE_DATA_DIR="+dir, "IDNODE_NODE_PREFIXES=88.1021,oid:1.2.156.10001",
		"IDNODE_HTTP_LISTEN=127.0.0.1:0", "IDNODE_GRPC_LISTEN=127.0.0.1:0", "IDNODE_HANDLE_LISTEN=127.0.0.1:0", "IDNODE_ADMIN_LISTEN=127.0.0.1:0", "IDNODE_DNS_LISTEN=127.0.0.1:0")
	for _, e := range env {
		if strings.HasPrefix(e, "--") {
			d.cmd.Args = append(d.cmd.Args, e)
		} else {
			d.cmd.Env = append(d.cmd.Env, e)
		}
	}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan map[string]string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			d.log.add(lines.Text())
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == "ready" {
				addrs := make(map[string]string)
				for k, v := range line {
					addrs[k], _ = v.(string)
				}
				ready <- addrs
			}
		}
		_, _ = io.Copy(io.Discard, stderr)
		d.exited <- d.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("log of the node:\n%s", d.log)
		}
	})
	select {
	case addrs := <-ready:
		d.http, d.grpc, d.handle, d.dns, d.admin = addrs["http"], addrs["grpc"], addrs["handle"], addrs["dns"], addrs["admin"]
	case err := <-d.exited:
		t.Fatalf("the node ended: %v\n%s", err, d.log)
	case <-time.After(30 * time.Second):
		t.Fatalf("the node is not ready:\n%s", d.log)
	}
	key, err := os.ReadFile(filepath.Join(dir, "operator.key"))
	if err != nil {
		t.Fatal(err)
	}
	d.key = strings.TrimSpace(string(key))
	return d
}

// kill ends the process without warning.
func (d *daemon) kill() {
	d.t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		d.t.Fatal(err)
	}
	<-d.exited
}

// stop asks the process to end and expects that it does so cleanly.
func (d *daemon) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	select {
	case err := <-d.exited:
		if err != nil {
			d.t.Errorf("the node ended with %v\n%s", err, d.log)
		}
	case <-time.After(30 * time.Second):
		d.t.Errorf("the node does not stop:\n%s", d.log)
	}
}

// call makes a request with key and returns status and body. A body that is no []byte is sent as JSON.
func (d *daemon) call(key, method, path string, body any, header ...string) (int, []byte, error) {
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		in = bytes.NewReader(b)
	default:
		js, err := json.Marshal(b)
		if err != nil {
			return 0, nil, err
		}
		in = bytes.NewReader(js)
	}
	req, err := http.NewRequest(method, "http://"+d.http+path, in)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return resp.StatusCode, out, err
}

// must is call, for what has to succeed with status want; the answer is decoded.
func (d *daemon) must(want int, key, method, path string, body any, header ...string) map[string]any {
	d.t.Helper()
	status, out, err := d.call(key, method, path, body, header...)
	if err != nil {
		d.t.Fatal(err)
	}
	if status != want {
		d.t.Fatalf("%s %s: got %d %s, want %d", method, path, status, out, want)
	}
	var js map[string]any
	if len(out) > 0 {
		if err := json.Unmarshal(out, &js); err != nil {
			d.t.Fatalf("%s %s: %v in %s", method, path, err, out)
		}
	}
	return js
}

// tenant makes an enterprise with a prefix and a key.
func (d *daemon) tenant(name, prefix string) (enterprise, key string) {
	d.t.Helper()
	enterprise = d.must(201, d.key, "POST", "/v1/enterprises", map[string]any{"name": name})["id"].(string)
	d.must(201, d.key, "POST", "/v1/prefixes", map[string]any{"scheme": "handle", "prefix": prefix, "enterprise": enterprise})
	key = d.must(201, d.key, "POST", "/v1/apikeys", map[string]any{"enterprise": enterprise, "role": "writer"})["key"].(string)
	return enterprise, key
}

func record(id, url string) map[string]any {
	return map[string]any{"id": id, "values": []any{map[string]any{"index": 1, "type": "URL", "data": url}}}
}

func TestUsage(t *testing.T) {
	tests := []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "a command is needed"},
		{[]string{"serv"}, exitUsage, "serv"},
		{[]string{"serve", "now"}, exitUsage, "now"},
		{[]string{"serve", "--prot", "1"}, exitUsage, "--prot"},
		{[]string{"serve", "--config", "/nonexistent.yaml"}, exitFailed, "/nonexistent.yaml"},
		{[]string{"config", "check", "--log-level", "loud"}, exitFailed, "log.level"},
		{[]string{"config", "check"}, exitOK, "configuration ok"},
		{[]string{"config", "print"}, exitOK, "listen: 127.0.0.1:2641"},
		{[]string{"version"}, exitOK, "idnode"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if code := run(t.Context(), tt.args, &out, &out); code != tt.code || !strings.Contains(out.String(), tt.want) {
			t.Errorf("idnode %s: got %d and %q, want %d and %q in it", strings.Join(tt.args, " "), code, &out, tt.code, tt.want)
		}
	}
}

// TestStartFailures: a node that cannot start says why in one line and ends with 1.
func TestStartFailures(t *testing.T) {
	running := startDaemon(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, dir, listen, want string
	}{
		{"port taken", t.TempDir(), running.http, "address already in use"},
		{"data directory taken", running.dir, "127.0.0.1:0", "open store"},
		{"data directory is a file", file, "127.0.0.1:0", "data directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "serve")
			cmd.Env = append(os.Environ(), asDaemon+"=1", "IDNODE_DATA_DIR="+tt.dir, "IDNODE_HTTP_LISTEN="+tt.listen,
				"IDNODE_GRPC_LISTEN=127.0.0.1:0", "IDNODE_HANDLE_LISTEN=127.0.0.1:0", "IDNODE_ADMIN_LISTEN=127.0.0.1:0", "IDNODE_DNS_LISTEN=127.0.0.1:0")
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(string(out), tt.want) {
				t.Errorf("got %v and %s, want exit code 1 and %q", err, out, tt.want)
			}
		})
	}
	running.stop()
}
