package pebblestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/idnode/idnode/storage"
)

// TestCheckpoint takes checkpoints under load: each is a store that has every batch acknowledged before
// it was asked for, is read without being changed, and goes on by itself when it is opened for writing.
func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(filepath.Join(dir, "store"), Options{CacheBytes: 8 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var mu sync.Mutex
	var acknowledged []string
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("r%d-%06d", w, i)
				var b storage.Batch
				b.Put([]byte(key), make([]byte, 512), 0)
				b.Log(storage.Change{Op: storage.OpCreate, Key: []byte(key), Version: 1})
				if _, err := s.Apply(t.Context(), &b); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, key)
				mu.Unlock()
			}
		})
	}
	for n := range 3 {
		for { // something new each time
			mu.Lock()
			enough := len(acknowledged) > (n+1)*500
			mu.Unlock()
			if enough {
				break
			}
		}
		mu.Lock()
		before := append([]string(nil), acknowledged...)
		mu.Unlock()
		copied := filepath.Join(dir, fmt.Sprint("copy", n))
		at, err := s.Checkpoint(t.Context(), copied)
		if err != nil {
			t.Fatal(err)
		}
		names := listing(t, copied)
		frozen, err := Open(copied, Options{CacheBytes: 8 << 20, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if last, err := frozen.Last(t.Context()); err != nil || last < at || at < storage.Seq(len(before)) {
			t.Errorf("the checkpoint was taken at %d, reaches %d (%v); %d were acknowledged", at, last, err, len(before))
		}
		for _, key := range before {
			if _, err := frozen.Get(t.Context(), []byte(key)); err != nil {
				t.Fatalf("%s was acknowledged before checkpoint %d: %v", key, n, err)
			}
		}
		if _, err := frozen.Apply(t.Context(), one("rx")); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("write to a store that is only read: %v", err)
		}
		if err := errors.Join(frozen.Trim(t.Context(), 1), frozen.DeleteRange(t.Context(), []byte("a"), []byte("b"))); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("trim a store that is only read: %v", err)
		}
		if err := frozen.Close(); err != nil {
			t.Fatal(err)
		}
		if after := listing(t, copied); after != names {
			t.Errorf("reading has changed the files:\n%s\n%s", names, after)
		}
		own, err := Open(copied, Options{CacheBytes: 8 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := own.Apply(t.Context(), one("rx")); err != nil {
			t.Error(err)
		}
		if err := own.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	writers.Wait()
	if _, err := s.Checkpoint(t.Context(), filepath.Join(dir, "copy0")); err == nil {
		t.Error("a checkpoint over a directory that is there was taken")
	}
	if _, err := s.Get(t.Context(), []byte("rx")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("what was written to a checkpoint is in the store: %v", err)
	}
}

// TestReadOnlyNothing: a directory without a store is no store, and is left as it is.
func TestReadOnlyNothing(t *testing.T) {
	dir := t.TempDir()
	if s, err := Open(dir, Options{ReadOnly: true}); err == nil {
		s.Close()
		t.Error("opened an empty directory")
	}
	if s, err := Open(filepath.Join(dir, "none"), Options{ReadOnly: true}); err == nil {
		s.Close()
		t.Error("opened a directory that is not there")
	}
	if names := listing(t, dir); names != "." {
		t.Errorf("it holds now %s", names)
	}
}

func listing(t *testing.T, dir string) (names string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if d.IsDir() {
			names += rel
			return nil
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		names += fmt.Sprintf(" %s:%d", rel, info.Size())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
