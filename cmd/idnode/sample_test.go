package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSampleRun runs what `make run` runs, on free ports and with two of the enterprise numbers,
// and then each command that it prints.
func TestSampleRun(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+"/", "./cmd/idctl", "./cmd/idnode")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, ".run"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".run", "enterprises.ndjson"), []byte(
		`{"id":"1.3.6.1.4.1.9","values":[{"index":1,"type":"ORGANIZATION","data":"ciscoSystems"}]}
{"id":"1.3.6.1.4.1.2011","values":[{"index":1,"type":"ORGANIZATION","data":"HUAWEI Technology Co.,Ltd"}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../../deploy/sample/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(script, ".run")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "IDNODE_HTTP_LISTEN=127.0.0.1:0", "IDNODE_GRPC_LISTEN=127.0.0.1:0",
		"IDNODE_HANDLE_LISTEN=127.0.0.1:0", "IDNODE_ADMIN_LISTEN=127.0.0.1:0", "IDNODE_DNS_LISTEN=127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	stuck := time.AfterFunc(time.Minute, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer stuck.Stop()
	var commands, printed []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		printed = append(printed, line)
		if strings.HasPrefix(line, "  curl ") || strings.HasPrefix(line, "  bin/idctl ") || strings.HasPrefix(line, "  dig ") {
			commands = append(commands, strings.TrimSpace(line))
		}
		if strings.HasPrefix(line, "The operator's API key") {
			break
		}
	}
	if len(commands) < 18 {
		t.Fatalf("it printed %d commands:\n%s", len(commands), strings.Join(printed, "\n"))
	}
	for _, command := range commands {
		run := exec.Command("bash", "-c", strings.Replace(command, "curl ", "curl -fsS ", 1))
		run.Dir = dir
		if got, err := run.CombinedOutput(); err != nil || len(got) == 0 {
			t.Errorf("%s: %v\n%s", command, err, got)
		}
	}
	// Ctrl-C ends script and node; the data stays.
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
	log, err := os.ReadFile(filepath.Join(dir, ".run", "idnode.log"))
	if err != nil || !strings.Contains(string(log), "stopping") {
		t.Errorf("the node was not stopped in order: %v\n%s", err, log)
	}
}
