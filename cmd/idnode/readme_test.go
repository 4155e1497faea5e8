package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadme runs the commands of README.md's "First registration in five minutes" as they stand,
// but for the ports, with the programs as they are built.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## First registration in five minutes\n")
	if !ok {
		t.Fatal("README.md has no section on the first registration")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var script strings.Builder
	n := 0
	for line := range strings.Lines(section) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			script.WriteString(strings.TrimLeft(command, " "))
			n++
		}
	}
	if n < 15 {
		t.Fatalf("found %d commands", n)
	}

	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+"/", "./cmd/idctl")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build idctl: %v\n%s", err, out)
	}
	d := startDaemon(t, filepath.Join(dir, ".run", "data"))
	// The node of this test has other ports than the defaults that idctl takes.
	prelude := `
idctl() {
	case "$*" in
	*--via*grpc*) command idctl "$@" --addr ` + d.grpc + ` ;;
	*--via*handle*) command idctl "$@" --addr ` + d.handle + ` ;;
	*) command idctl "$@" ;;
	esac
}
curl() { command curl --fail-with-body "$@"; }
`
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", prelude+strings.ReplaceAll(script.String(), "127.0.0.1:8080", d.http))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "IDCTL_SERVER=http://"+d.http)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	exported, err := os.ReadFile(filepath.Join(dir, "products.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"88.1021.200/SN-001", "88.1021.200/SN-002", "88.1021.200/SN-003"} {
		if !strings.Contains(string(exported), id) {
			t.Errorf("%s is not among what was exported:\n%s", id, exported)
		}
	}
	d.expect("88.1021.200/SN-001", "100", "100", "REVOKED", "100", "100")
	d.stop()
}
