package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/pebblestore"
)

// running is a store whose data directory is served as a node's.
type running struct {
	dir   string
	store *pebblestore.Store
	reg   *prometheus.Registry
	stop  func()
}

func start(t *testing.T, dir string) *running {
	t.Helper()
	store, err := pebblestore.Open(filepath.Join(dir, StoreDir), pebblestore.Options{CacheBytes: 8 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	n := &running{dir: dir, store: store, reg: prometheus.NewRegistry()}
	s, err := NewServer(Options{DataDir: dir, Store: store, Checkpointer: store, Version: "test", Registerer: n.reg})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	n.stop = func() {
		cancel()
		if err := errors.Join(<-ended, store.Close()); err != nil {
			t.Error(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := dial(ctx, filepath.Join(dir, SocketFile)); err == nil {
			c.Close()
			return n
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// write stores n records with values that do not compress.
func (n *running) write(t *testing.T, from, to int) {
	t.Helper()
	r := rand.NewChaCha8([32]byte{1})
	for i := from; i < to; {
		var b storage.Batch
		for ; i < to && b.Size() < 256<<10; i++ {
			key, value := fmt.Appendf(nil, "r\x01record-%06d", i), make([]byte, 1024)
			_, _ = r.Read(value)
			b.Put(key, value, 0)
			b.Log(storage.Change{Op: storage.OpCreate, Key: key, Version: 1})
		}
		if _, err := n.store.Apply(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// sample is a data directory with something of everything.
func sample(t *testing.T) *running {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, "secret.key", "sealed")
	put(t, dir, "handle.key", "signs")
	put(t, dir, "jobs/1.input", "rows")
	put(t, dir, "jobs/2.partial", "half of the rows")
	put(t, dir, "checkpoints/old/pebble/x", "an earlier node was killed")
	put(t, dir, "querylog/20261123T070405.123Z.iql", "requests")
	n := start(t, dir)
	n.write(t, 0, 4000)
	return n
}

func take(t *testing.T, o Order) *Result {
	t.Helper()
	r, err := Take(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Result) paths() (names []string) {
	for _, f := range r.Manifest.Files {
		names = append(names, f.Path)
	}
	return names
}

// TestBackup makes backups of a running node: complete, readable by nobody else, the second with little more than what is new, and
// restores one.
func TestBackup(t *testing.T) {
	n := sample(t)
	defer func() { n.stop() }()
	dest := filepath.Join(t.TempDir(), "backups")
	first := take(t, Order{DataDir: n.dir, Destination: dest})
	if first.Linked.Files != 0 || first.Manifest.Tables["record"].Rows != 4000 || first.Manifest.Version != "test" {
		t.Errorf("the first: %+v, %+v", first, first.Manifest.Tables)
	}
	names := " " + strings.Join(first.paths(), " ") + " "
	for _, want := range []string{" secret.key ", " handle.key ", " jobs/1.input ", " querylog/20261123T070405.123Z.iql ", ".sst "} {
		if !strings.Contains(names, want) {
			t.Errorf("the backup has not %q: %s", want, names)
		}
	}
	for _, not := range []string{"partial", "sock", "LOCK", "checkpoints"} {
		if strings.Contains(names, not) {
			t.Errorf("the backup has %q: %s", not, names)
		}
	}
	err := filepath.WalkDir(dest, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(n.dir, checkpointsDir)); err != nil || !soon(func() bool {
		left, _ = os.ReadDir(filepath.Join(n.dir, checkpointsDir))
		return len(left) == 0
	}) {
		t.Errorf("the node still pins %v (%v)", left, err)
	}

	if !soon(func() bool { // the store has come to rest
		first = take(t, Order{DataDir: n.dir, Destination: dest})
		return first.Copied.Octets < 1<<20
	}) {
		t.Fatalf("without writes %+v is copied", first.Copied)
	}
	n.write(t, 4000, 4100)
	second := take(t, Order{DataDir: n.dir, Destination: dest, Keep: 500})
	if second.Manifest.Tables["record"].Rows != 4100 || second.Copied.Octets > 1<<20 || second.Linked.Octets < 3<<20 || second.Linked.Files == 0 {
		t.Errorf("the second: %+v", second)
	}
	had := make(map[string]bool)
	for _, f := range first.Manifest.Files {
		had[f.Path] = true
	}
	for _, f := range second.Manifest.Files {
		at := func(r *Result) fs.FileInfo {
			info, err := os.Stat(filepath.Join(r.Directory, filesDir, f.Path))
			if err != nil {
				t.Fatal(err)
			}
			return info
		}
		if had[f.Path] && strings.HasSuffix(f.Path, ".sst") && !os.SameFile(at(first), at(second)) {
			t.Errorf("%s was copied again", f.Path)
		}
	}
	third := take(t, Order{DataDir: n.dir, Destination: dest, Keep: 1, NoCount: true, NoQueryLog: true})
	if names, err := List(dest); err != nil || len(names) != 1 || third.Manifest.Tables != nil || strings.Contains(strings.Join(third.paths(), " "), "querylog") {
		t.Errorf("of three one was to stay: %v, %v, %+v", names, err, third.Manifest)
	}
	last := take(t, Order{DataDir: n.dir, Destination: dest})
	families, err := n.reg.Gather()
	if err != nil || families[len(families)-1].GetMetric()[0].GetGauge().GetValue() != float64(last.Manifest.Taken.Unix()) {
		t.Errorf("the node tells %v of its last backup, %v", families, err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}

	dir, err := Find(dest)
	if err != nil || dir != last.Directory {
		t.Errorf("the newest is %s, %v; want %s", dir, err, last.Directory)
	}
	if _, err := Verify(t.Context(), dir, false); err != nil {
		t.Error(err)
	}
	for _, link := range []bool{false, true} {
		data := filepath.Join(t.TempDir(), "data")
		if _, err := Restore(t.Context(), RestoreOrder{Backup: dir, DataDir: data, Link: link}); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(data, "jobs", "1.input")); err != nil || string(text) != "rows" {
			t.Errorf("restored %q, %v", text, err)
		}
		if _, err := os.Stat(filepath.Join(data, UnfinishedFile)); err == nil {
			t.Error("the restore is said to be unfinished")
		}
		again := start(t, data)
		again.write(t, 5000, 5100)
		again.stop()
		if _, err := Restore(t.Context(), RestoreOrder{Backup: dir, DataDir: data}); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("restore over a node's data: %v", err)
		}
	}
	if _, err := Verify(t.Context(), dir, false); err != nil {
		t.Errorf("nodes that were restored have changed the backup: %v", err)
	}
}

func soon(ok func() bool) bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return false
}

// TestOffline: where no node runs the store is read in place, and nothing stays behind.
func TestOffline(t *testing.T) {
	n := sample(t)
	n.stop()
	put(t, n.dir, "checkpoints/old/pebble/x", "an earlier process was killed")
	dest := t.TempDir()
	if r := take(t, Order{DataDir: n.dir, Destination: dest, Version: "offline"}); r.Manifest.Tables["record"].Rows != 4000 || r.Manifest.Version != "offline" {
		t.Errorf("got %+v", r.Manifest)
	}
	if left, err := os.ReadDir(filepath.Join(n.dir, checkpointsDir)); err != nil || len(left) > 0 {
		t.Errorf("the data directory still pins %v (%v)", left, err)
	}
	for _, inside := range []string{n.dir, filepath.Join(n.dir, "backups")} {
		if _, err := Take(t.Context(), Order{DataDir: n.dir, Destination: inside}); err == nil || !strings.Contains(err.Error(), "in the data directory") {
			t.Errorf("a backup into the data directory: %v", err)
		}
	}
	if _, err := Take(t.Context(), Order{DataDir: t.TempDir(), Destination: dest}); err == nil || !strings.Contains(err.Error(), "no store") {
		t.Errorf("a backup of nothing: %v", err)
	}
	other := sample(t)
	defer other.stop()
	if _, err := Take(t.Context(), Order{DataDir: other.dir, Destination: dest}); err == nil || !strings.Contains(err.Error(), "another store") {
		t.Errorf("a backup beside those of another store: %v", err)
	}
	unlock, err := lock(dest)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := Take(t.Context(), Order{DataDir: n.dir, Destination: dest}); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("two backups at a time: %v", err)
	}
}

// TestDamage: a byte that has changed, a file that is missing and one that does not belong there are found and named, nothing is restored from them,
// and the next backup fetches what has rotted anew.
func TestDamage(t *testing.T) {
	n := sample(t)
	defer n.stop()
	dest := t.TempDir()
	whole := take(t, Order{DataDir: n.dir, Destination: dest})
	table := ""
	for _, name := range whole.paths() {
		if strings.HasSuffix(name, ".sst") {
			table = name
		}
	}
	at := func(name string) string { return filepath.Join(whole.Directory, filesDir, filepath.FromSlash(name)) }
	flip := func(path string) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 1
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(want ...string) {
		t.Helper()
		_, err := Verify(t.Context(), whole.Directory, false)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("verify: got %v, want %q", err, w)
			}
		}
		data := t.TempDir()
		if _, err := Restore(t.Context(), RestoreOrder{Backup: whole.Directory, DataDir: data, Link: true}); err == nil {
			t.Error("it was restored")
		}
	}
	for _, name := range []string{table, "secret.key"} {
		flip(at(name))
		refused(name+" is damaged", "the manifest says")
		flip(at(name))
	}
	for _, name := range []string{manifestName, manifestName + digestSuffix} {
		flip(filepath.Join(whole.Directory, name))
		refused("manifest")
		flip(filepath.Join(whole.Directory, name))
	}
	flip(at("secret.key"))
	if err := os.Rename(at(table), at(table)+".away"); err != nil {
		t.Fatal(err)
	}
	refused("secret.key is damaged", table+" is missing", table+".away is not in the manifest")
	flip(at("secret.key"))
	if err := os.Rename(at(table)+".away", at(table)); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), whole.Directory, false); err != nil {
		t.Errorf("put right: %v", err)
	}

	// The manifest is whole and its digests are right, but it is not of this store.
	m := *whole.Manifest
	m.Tables = map[string]Table{"record": {Rows: 4001}}
	m.Position++
	if err := m.write(whole.Directory); err != nil {
		t.Fatal(err)
	}
	refused("table record has 4000 rows", "4001", "the change log ends at")
	if err := whole.Manifest.write(whole.Directory); err != nil {
		t.Fatal(err)
	}

	flip(at(table))
	r := take(t, Order{DataDir: n.dir, Destination: dest})
	if _, err := Verify(t.Context(), r.Directory, false); err != nil {
		t.Errorf("the backup after one that has rotted: %v", err)
	}

	// A restore that was broken off is begun again, and until then no node starts.
	data := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Restore(ctx, RestoreOrder{Backup: r.Directory, DataDir: data}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	put(t, data, "pebble/000999.sst", "half of a table")
	if _, err := os.Stat(filepath.Join(data, UnfinishedFile)); err != nil {
		t.Errorf("the restore looks finished: %v", err)
	}
	if _, err := Restore(t.Context(), RestoreOrder{Backup: r.Directory, DataDir: data}); err != nil {
		t.Error(err)
	}
}
