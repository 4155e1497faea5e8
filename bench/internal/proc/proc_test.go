package proc

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const line = "4711 (a ) b (c) S 42 4711 4711 0 -1 4194560 1 0 0 0 150 50 7 8 20 0 9 0 100 200 300\n"
	if s, err := parseStat(line); err != nil || s != (stat{4711, 42, 2 * time.Second}) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "1 (x) S 1 2", "1 x S 1", strings.Replace(line, "150", "x", 1)} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestBelow(t *testing.T) {
	all := map[int]stat{1: {pid: 1}, 5: {pid: 5, parent: 1}, 6: {pid: 6, parent: 5}, 8: {pid: 8, parent: 9}, 9: {pid: 9, parent: 8}}
	for pid, want := range map[int]bool{5: true, 6: true, 1: false, 8: false} {
		if below(all, pid, 5) != want {
			t.Errorf("below(%d, 5) = %v", pid, !want)
		}
	}
}

func TestParseMemory(t *testing.T) {
	m, err := parseMemory("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n")
	if err != nil || m != (Memory{1 << 20, 2 << 20}) {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := parseMemory("VmRSS:\t 1 kB\n"); err == nil {
		t.Error("no error without VmHWM")
	}
}

// TestOwn reads this process and one that it has started.
func TestOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	if m, err := Resident(os.Getpid()); err != nil || m.Now < 1<<20 || m.Most < m.Now {
		t.Errorf("%+v, %v", m, err)
	}
	child := exec.Command("sleep", "60")
	if err := StartOn(nil, child); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	if _, err := CPU(pid); err != nil {
		t.Error(err)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if _, err := CPU(pid); err == nil {
		t.Error("an ended process has CPU time")
	}
}
