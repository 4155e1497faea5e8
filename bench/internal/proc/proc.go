// Package proc reads what processes have spent from /proc, and says which of the machine's cores
// the server under load runs on and which the generator. Both need Linux.
package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/<pid>/stat: USER_HZ is 100 on all of Go's Linux ports.
const tick = time.Second / 100

// stat is what is read of /proc/<pid>/stat (proc_pid_stat(5)).
type stat struct {
	pid, parent int
	cpu         time.Duration // user and system, of threads that have ended too
}

// CPU is the user and system time of process pid and of all processes below it, to 10 ms.
func CPU(pid int) (time.Duration, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	all := make(map[int]stat)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		s, err := parseStat(string(text))
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		all[s.pid] = s
	}
	if _, ok := all[pid]; !ok {
		return 0, fmt.Errorf("read CPU time: there is no process %d", pid)
	}
	var sum time.Duration
	for _, s := range all {
		if below(all, s.pid, pid) {
			sum += s.cpu
		}
	}
	return sum, nil
}

// below reports whether process pid is root or a descendant of it.
func below(all map[int]stat, pid, root int) bool {
	for range len(all) { // processes come and go while they are read: a loop is not to be excluded
		if pid == root {
			return true
		}
		s, ok := all[pid]
		if !ok {
			return false
		}
		pid = s.parent
	}
	return false
}

func parseStat(text string) (s stat, err error) {
	// The second field is the command in parentheses, which may hold blanks and parentheses.
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return s, errors.New("no command in parentheses")
	}
	fields := strings.Fields(text[end+1:]) // from field 3 on
	if len(fields) < 13 {
		return s, errors.New("too few fields")
	}
	var user, system uint64
	for _, f := range []struct {
		text string
		set  func(uint64)
	}{
		{strings.TrimSpace(text[:open]), func(v uint64) { s.pid = int(v) }},
		{fields[4-3], func(v uint64) { s.parent = int(v) }},
		{fields[14-3], func(v uint64) { user = v }},
		{fields[15-3], func(v uint64) { system = v }},
	} {
		v, err := strconv.ParseUint(f.text, 10, 63)
		if err != nil {
			return s, err
		}
		f.set(v)
	}
	s.cpu = time.Duration(user+system) * tick
	return s, nil
}

// Memory is what a process holds resident, in octets: now, and at most since it started.
type Memory struct{ Now, Most uint64 }

// Resident reads the memory of process pid.
func Resident(pid int) (Memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("read memory: %w", err)
	}
	return parseMemory(string(text))
}

func parseMemory(status string) (m Memory, err error) {
	for line := range strings.SplitSeq(status, "\n") {
		name, rest, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 54)
		if err != nil {
			return m, fmt.Errorf("read memory: %s: %w", name, err)
		}
		if name == "VmRSS" {
			m.Now = kib << 10
		} else {
			m.Most = kib << 10
		}
	}
	if m.Now == 0 || m.Most == 0 {
		return m, errors.New("read memory: no VmRSS or no VmHWM")
	}
	return m, nil
}
