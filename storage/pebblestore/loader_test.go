package pebblestore

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/idnode/idnode/storage"
)

// smallTables makes a table of a few rows.
func smallTables() *layout {
	l := chosen
	l.load = 1 << 10
	return &l
}

func newLoader(t *testing.T, fs vfs.FS) *Loader {
	t.Helper()
	l, err := NewLoader("data", Options{FS: fs, CacheBytes: 8 << 20, layout: smallTables()})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func rowKey(i int) []byte { return fmt.Appendf(nil, "r%04d", i) }

func load(t *testing.T, fs vfs.FS, from, to int) error {
	t.Helper()
	l := newLoader(t, fs)
	for i := from; i < to; i++ {
		if err := l.Add(rowKey(i), 1, fmt.Appendf(nil, "value of %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	return l.Close()
}

// TestLoader loads between and around what is there, and the store goes on as if the rows had been put.
func TestLoader(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openMem(t, fs, Options{})
	seq, err := s.Apply(t.Context(), one("q"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), one("r5000")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l := newLoader(t, fs)
	if err := errors.Join(l.Add([]byte("n"), 3, nil), l.Add([]byte("r"), 1, []byte("first"))); err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if err := l.Add(rowKey(i), 1, fmt.Appendf(nil, "value of %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// What Close has returned for no crash loses.
	s = openMem(t, fs.CrashClone(vfs.CrashCloneCfg{}), Options{})
	defer s.Close()
	for key, want := range map[string]string{"r": "first", "r0000": "value of 0", "r2500": "value of 2500", "r4999": "value of 4999", "r5000": "v", "q": "v"} {
		if item, err := s.Get(t.Context(), []byte(key)); err != nil || string(item.Value) != want || item.Version != 1 {
			t.Errorf("%s = %q version %d, %v; want %q version 1", key, item.Value, item.Version, err, want)
		}
	}
	if item, err := s.Get(t.Context(), []byte("n")); err != nil || item.Version != 3 || item.Value == nil {
		t.Errorf("n = %q version %d, %v; want an empty value of version 3", item.Value, item.Version, err)
	}
	if _, err := s.Get(t.Context(), []byte("r49990")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a key between those loaded: %v, want ErrNotFound", err)
	}
	n := 0
	err = s.Scan(t.Context(), storage.TableRange(storage.TableRecord), func([]byte, storage.Item) error { n++; return nil })
	if err != nil || n != 5002 {
		t.Errorf("a scan gives %d keys, %v; want 5002", n, err)
	}
	var b storage.Batch
	b.Put(rowKey(7), []byte("new"), 1)
	b.Delete(rowKey(8), 1)
	b.Log(storage.Change{Op: storage.OpUpdate, Key: rowKey(7), Version: 2})
	if got, err := s.Apply(t.Context(), &b); err != nil || got != seq+2 {
		t.Errorf("Apply to loaded rows = place %d, %v; want %d", got, err, seq+2)
	}
	if item, err := s.Get(t.Context(), rowKey(7)); err != nil || string(item.Value) != "new" {
		t.Errorf("a loaded row that was put again = %q, %v", item.Value, err)
	}
	if _, err := s.Get(t.Context(), rowKey(8)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a loaded row that was deleted: %v", err)
	}
}

// TestLoaderRefuses: what is refused leaves the store as it was, and usable.
func TestLoaderRefuses(t *testing.T) {
	fs := vfs.NewMem()
	if err := load(t, fs, 0, 1000); err != nil {
		t.Fatal(err)
	}
	if err := load(t, fs, 999, 2000); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("a key that is there: %v, want ErrConflict", err)
	}
	for name, keys := range map[string][2]string{"twice": {"r2000", "r2000"}, "backwards": {"r2001", "r2000"}, "empty": {"r2000", ""}} {
		l := newLoader(t, fs)
		if err := l.Add([]byte(keys[0]), 1, nil); err != nil {
			t.Fatal(err)
		}
		first := l.Add([]byte(keys[1]), 1, nil)
		if first == nil || l.Add([]byte("r3000"), 1, nil) == nil || l.Close() == nil {
			t.Errorf("%s: no error, or not from every call after it", name)
		}
	}
	l := newLoader(t, fs)
	if err := l.Add([]byte("r2000"), 1, make([]byte, 1<<10)); err == nil {
		t.Error("a row longer than a table: no error")
	}
	l.Close()
	if err := load(t, fs, 1000, 2000); err != nil {
		t.Errorf("after what was refused: %v", err)
	}
	s := openMem(t, fs, Options{})
	defer s.Close()
	n := 0
	err := s.Scan(t.Context(), storage.TableRange(storage.TableRecord), func([]byte, storage.Item) error { n++; return nil })
	if err != nil || n != 2000 {
		t.Errorf("a scan gives %d keys, %v; want 2000", n, err)
	}
	if names, err := fs.List("data"); err != nil || len(names) == 0 || slices.Contains(names, "load") {
		t.Errorf("the directory holds %v, %v; want no tables that were not taken in", names, err)
	}
}

// TestLoaderLocks: a directory that a store has open is refused.
func TestLoaderLocks(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if l, err := NewLoader(dir, Options{}); err == nil {
		l.Close()
		t.Error("NewLoader in an open store's directory: no error")
	}
}
