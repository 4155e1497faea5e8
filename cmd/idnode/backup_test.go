package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// idnode runs a command of the daemon's program as a process of its own.
func idnode(t *testing.T, env []string, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), asDaemon+"=1"), env...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	_ = cmd.Run()
	return text.String(), cmd.ProcessState.ExitCode()
}

// succeeds is idnode, for what has to succeed.
func succeeds(t *testing.T, args ...string) string {
	t.Helper()
	out, code := idnode(t, nil, args...)
	if code != exitOK {
		t.Fatalf("idnode %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// registerMeanwhile registers identifiers from several clients until stop is called, which returns how many each has had acknowledged.
// sofar tells how many by now.
func registerMeanwhile(d *daemon, key string) (sofar func() []int, stop func() []int) {
	var done atomic.Bool
	var clients sync.WaitGroup
	var counts [4]atomic.Int64
	for c := range counts {
		clients.Go(func() {
			for i := 0; !done.Load(); i++ {
				id := drilled(c, i)
				status, _, err := d.call(key, "POST", "/v1/identifiers", record(id, url(id)))
				if err != nil || status != 201 {
					return
				}
				counts[c].Store(int64(i + 1))
			}
		})
	}
	sofar = func() (n []int) {
		for c := range counts {
			n = append(n, int(counts[c].Load()))
		}
		return n
	}
	return sofar, func() []int {
		done.Store(true)
		clients.Wait()
		return sofar()
	}
}

func drilled(client, i int) string { return fmt.Sprintf("88.1021.150/c%d-%d", client, i) }

// lost asks d for the identifiers of load, and returns how many of each client's are not there.
func lost(d *daemon, counts []int) (missing int) {
	d.t.Helper()
	for c, n := range counts {
		for i := range n {
			id := drilled(c, i)
			status, out, err := d.call("", "GET", "/resolve?id="+id, nil)
			if err != nil {
				d.t.Fatal(err)
			}
			if status != 200 || !strings.Contains(string(out), url(id)) {
				missing++
			}
		}
	}
	return missing
}

func total(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// TestRestoreDrill backs a node up while it is written to, twice, kills it, restores and starts it: all that was acknowledged before each
// backup is there, with the keys, the accounts and the chain of the audit log.
func TestRestoreDrill(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	_, key := d.tenant("Alice", "88.1021.150")
	dest := filepath.Join(t.TempDir(), "backups")
	sofar, stop := registerMeanwhile(d, key)
	for total(sofar()) < 200 {
		time.Sleep(10 * time.Millisecond)
	}
	var before [2][]int
	var dirs [2]string
	for n := range before {
		before[n] = sofar()
		var told struct {
			Directory string
			Position  uint64
			Rows      uint64
			Tables    map[string]struct{ Rows int }
		}
		out := succeeds(t, "backup", dest, "--data-dir", d.dir, "-o", "json")
		if err := json.Unmarshal([]byte(out), &told); err != nil || told.Tables["record"].Rows < total(before[n]) || told.Position < uint64(total(before[n])) {
			t.Fatalf("%v acknowledged; the backup says %s (%v)", before[n], out, err)
		}
		dirs[n] = told.Directory
	}
	after := stop()
	d.kill()
	if out := succeeds(t, "restore", "--verify", dest); !strings.Contains(out, "is whole") {
		t.Error(out)
	}
	for n, from := range dirs {
		data := filepath.Join(t.TempDir(), "data")
		out := succeeds(t, "restore", from, "--data-dir", data)
		r := startDaemon(t, data)
		if missing := lost(r, before[n]); missing > 0 {
			t.Errorf("%d of %d that were acknowledged before backup %d are lost\n%s", missing, total(before[n]), n, out)
		}
		t.Logf("backup %d: %d before it, all there; %d of %d after it are not", n, total(before[n]), lost(r, after), total(after))
		if r.key != d.key {
			t.Error("the operator's key is another")
		}
		r.must(201, key, "POST", "/v1/identifiers", record("88.1021.150/after-the-restore", "u"))
		r.caughtUp()
		r.stop()
	}
	out, code := idnode(t, nil, "restore", dest, "--data-dir", d.dir)
	if code != exitFailed || !strings.Contains(out, "not empty") {
		t.Errorf("restore over a node's data: %d %s", code, out)
	}
}

// TestBackupKilled kills a backup in the middle: nothing counts as a backup, and the next run takes over what was whole. A restore that is killed
// keeps the node from starting until it is run again.
func TestBackupKilled(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	_, key := d.tenant("Alice", "88.1021.150")
	d.must(201, key, "POST", "/v1/identifiers", record("88.1021.150/one", "u"))
	if err := os.MkdirAll(filepath.Join(d.dir, "querylog"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 300 { // each is synced, so that it takes its time
		if err := os.WriteFile(filepath.Join(d.dir, "querylog", fmt.Sprintf("old-%03d", i)), make([]byte, 256<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dest, data := filepath.Join(t.TempDir(), "backups"), filepath.Join(t.TempDir(), "data")
	killWhen(t, func() bool {
		journals, _ := filepath.Glob(filepath.Join(dest, "*.partial", "journal.jsonl"))
		if len(journals) == 0 {
			return false
		}
		raw, _ := os.ReadFile(journals[0])
		return bytes.Count(raw, []byte("\n")) >= 20
	}, "backup", dest, "--data-dir", d.dir)
	if out, code := idnode(t, nil, "restore", "--verify", dest); code != exitFailed || !strings.Contains(out, "none that is complete") {
		t.Fatalf("a backup that was killed: %d %s", code, out)
	}
	var told struct{ Copied, Linked struct{ Files int } }
	out := succeeds(t, "backup", dest, "--data-dir", d.dir, "-o", "json")
	if err := json.Unmarshal([]byte(out), &told); err != nil || told.Linked.Files < 10 || told.Copied.Files == 0 {
		t.Errorf("the second run (%v): %s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(dest, "*.partial")); len(left) > 0 {
		t.Errorf("%v stay", left)
	}
	pinned := func() []os.DirEntry {
		entries, _ := os.ReadDir(filepath.Join(d.dir, "checkpoints"))
		return entries
	}
	for deadline := time.Now().Add(20 * time.Second); len(pinned()) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the node still pins %v for clients that were killed", pinned())
		}
	}
	killWhen(t, func() bool {
		files, _ := os.ReadDir(filepath.Join(data, "querylog"))
		return len(files) >= 20
	}, "restore", dest, "--data-dir", data)
	if out, code := idnode(t, nil, "serve", "--data-dir", data); code != exitFailed || !strings.Contains(out, "restore again") {
		t.Errorf("a node on half of a data directory: %d %s", code, out)
	}
	succeeds(t, "restore", dest, "--data-dir", data)
	startDaemon(t, data).expect("88.1021.150/one", "u", "u", "u", "u", "u")
	d.stop()
}

// killWhen starts a command and kills it when it has come so far.
func killWhen(t *testing.T, far func() bool, args ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asDaemon+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !far(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			break
		}
	}
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); err == nil {
		t.Fatalf("idnode %s was done before it was killed", strings.Join(args, " "))
	}
}

// TestStandby: a standby follows a node under load through its socket; the node is killed, the standby's newest backup is started in its place, and
// has everything that was acknowledged before it was taken.
func TestStandby(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	_, key := d.tenant("Alice", "88.1021.150")
	dest := filepath.Join(t.TempDir(), "standby")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	standby := exec.CommandContext(ctx, os.Args[0], "standby", dest, "--from", filepath.Join(d.dir, "backup.sock"), "--every", "200ms")
	standby.Env = append(os.Environ(), asDaemon+"=1")
	var log bytes.Buffer
	standby.Stderr = &log
	if err := standby.Start(); err != nil {
		t.Fatal(err)
	}
	sofar, stop := registerMeanwhile(d, key)
	// What is noted before a moment is in every backup of a later one.
	type note struct {
		at     time.Time
		counts []int
	}
	var notes []note
	newest := func() (at time.Time, n int) {
		names, _ := filepath.Glob(filepath.Join(dest, "*Z"))
		if len(names) > 0 {
			at, _ = time.Parse("20060102T150405.000Z", filepath.Base(names[len(names)-1]))
		}
		return at, len(names)
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		counts := sofar()
		notes = append(notes, note{time.Now().UTC(), counts})
		if at, n := newest(); n >= 2 && total(counts) > 300 && at.After(notes[0].at.Add(time.Second)) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the standby has %d backups, %d were acknowledged", n, total(counts))
		}
	}
	d.kill()
	all := stop()
	at, _ := newest()
	if err := standby.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := standby.Wait(); err != nil {
		t.Errorf("the standby ended with %v\n%s", err, &log)
	}
	if last, _ := newest(); last.After(at) {
		at = last
	}
	data := filepath.Join(t.TempDir(), "data")
	began := time.Now()
	succeeds(t, "restore", "--link", dest, "--data-dir", data)
	r := startDaemon(t, data)
	took := time.Since(began)
	var safe note
	for _, n := range notes {
		if n.at.Before(at.Add(-time.Millisecond)) { // names are to the millisecond
			safe = n
		}
	}
	if total(safe.counts) == 0 {
		t.Fatalf("nothing was acknowledged before %v", at)
	}
	if missing := lost(r, safe.counts); missing > 0 {
		t.Errorf("%d of %d that were acknowledged before the standby's newest backup are lost", missing, total(safe.counts))
	}
	t.Logf("promoted in %v: %d acknowledged before the newest backup are there; %d of %d in all are lost", took, total(safe.counts), lost(r, all), total(all))
	r.must(201, key, "POST", "/v1/identifiers", record("88.1021.150/after-the-promotion", "u"))
	r.stop()
}
