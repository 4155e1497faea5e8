package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// commands are the indented lines of a README: what a reader types.
func commands(t *testing.T, name string) (text string, lines []string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		command, ok := strings.CutPrefix(line, "    ")
		word, _, _ := strings.Cut(strings.TrimSpace(command), " ")
		if ok && slices.Contains([]string{"bin/idnode", "curl", "dig", "export", "idctl", "make", "printf"}, word) || strings.Contains(command, "=$(") {
			lines = append(lines, strings.TrimSpace(command))
		}
	}
	return string(raw), lines
}

// TestReadmeChinese: both READMEs have the reader type the same, in the same order.
func TestReadmeChinese(t *testing.T) {
	_, english := commands(t, "README.md")
	_, chinese := commands(t, "README.zh-CN.md")
	for i := range max(len(english), len(chinese)) {
		var en, zh string
		if i < len(english) {
			en, _, _ = strings.Cut(english[i], "  #")
		}
		if i < len(chinese) {
			zh, _, _ = strings.Cut(chinese[i], "  #")
		}
		if fields := strings.Fields(en); len(fields) > 1 && fields[0] == "make" { // behind it stands what it does
			if !strings.HasPrefix(zh, strings.Join(fields[:2], " ")) {
				t.Fatalf("command %d: README.md has %q, README.zh-CN.md %q", i, en, zh)
			}
			continue
		}
		if en != zh {
			t.Fatalf("command %d: README.md has %q, README.zh-CN.md %q", i, en, zh)
		}
	}
}

// sectionCommands are the commands of a section of README.md, as a script.
func sectionCommands(t *testing.T, title string, atLeast int) string {
	t.Helper()
	text, _ := commands(t, "README.md")
	_, section, ok := strings.Cut(text, "## "+title+"\n")
	if !ok {
		t.Fatalf("README.md has no section %q", title)
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
	if n < atLeast {
		t.Fatalf("found %d commands in section %q", n, title)
	}
	return script.String()
}

// TestReadme runs the commands of README.md's "First registration in five minutes", then those of "An
// enterprise on its own feet", as they stand, but for the ports, with the programs as they are built.
func TestReadme(t *testing.T) {
	script := sectionCommands(t, "First registration in five minutes", 15) + sectionCommands(t, "An enterprise on its own feet", 25) + sectionCommands(t, "A million serial numbers a night", 8) +
		sectionCommands(t, "Software that speaks SNMS or IDHub", 7) + sectionCommands(t, "Moving in, moving out", 4) + sectionCommands(t, "What is kept, and who is told", 6)

	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+"/", "./cmd/idctl")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build idctl: %v\n%s", err, out)
	}
	d := startDaemon(t, filepath.Join(dir, ".run", "data"), "IDNODE_DNS_ZONE="+zone, "IDNODE_HANDLE_SERVER_ADMINS=300:88.1021/ADMIN")
	_, port, err := net.SplitHostPort(d.dns)
	if err != nil {
		t.Fatal(err)
	}
	// The node of this test has other ports than the defaults that idctl takes.
	prelude := `
idctl() {
	case "$*" in
	*--via*grpc*) command idctl "$@" --addr ` + d.grpc + ` ;;
	*--via*handle* | handle\ * | prefix\ site-info*) command idctl "$@" --addr ` + d.handle + ` ;;
	*--via*dns*) command idctl "$@" --addr ` + d.dns + ` ;;
	*) command idctl "$@" ;;
	esac
}
curl() { command curl --fail-with-body "$@"; }
dig() { command dig "$@" | grep .; } # an answer without records is none
`
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", prelude+strings.NewReplacer("127.0.0.1:8080", d.http, "-p 5300", "-p "+port).Replace(script))
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
	for _, want := range []string{"suspended: exit code 4", "template bearing of 88.1021.202 published, revision 1", "registered 88.1021.202/SN-1 version 1",
		`[{"handle":"88.1021.202/B-1","msg":"success"}]`, `"templateVersion":"1.0"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not among what was printed:\n%s", want, out)
		}
	}
	d.stop()
}

// TestReadmeBackups runs the commands of README.md's "Backups and a standby" as they stand, but for the directories.
func TestReadmeBackups(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, filepath.Join(dir, "data"))
	d.tenant("Alice", "88.1021.150")
	program := "#!/bin/sh\n" + asDaemon + "=1 IDNODE_DATA_DIR=${IDNODE_DATA_DIR:-" + d.dir + "} exec " + os.Args[0] + ` "$@"` + "\n"
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "idnode"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	script := strings.NewReplacer("/run/idnode/primary.sock", filepath.Join(d.dir, "backup.sock"), "/var/", dir+"/var/").Replace(sectionCommands(t, "Backups and a standby", 4))
	// The standby follows until it is told to end.
	script = strings.Replace(script, "bin/idnode standby", "timeout 3 bin/idnode standby", 1)
	cmd := exec.Command("bash", "-c", "set -e\n"+script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 124 { // timeout's, of the last command
		t.Errorf("%v\n%s", err, out)
	}
	for _, want := range []string{"is whole", "idnode.restored: change log up to", "the standby has caught up"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not among what was printed:\n%s", want, out)
		}
	}
	d.stop()
	d = startDaemon(t, filepath.Join(dir, "var", "lib", "idnode.restored"))
	d.stop()
}
