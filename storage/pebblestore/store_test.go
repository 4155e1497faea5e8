package pebblestore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/storetest"
)

// openMem opens a store in memory, with little of it.
func openMem(t testing.TB, fs vfs.FS, o Options) *Store {
	t.Helper()
	o.FS = fs
	o.CacheBytes = 8 << 20
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 1 << 20
	}
	s, err := Open("data", o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storage.Store { return openMem(t, vfs.NewMem(), Options{}) })
}

func TestStoreOnDisk(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storage.Store {
		s, err := Open(t.TempDir(), Options{CacheBytes: 8 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestReopen(t *testing.T) {
	storetest.Reopen(t, func(t *testing.T) func() storage.Store {
		fs := vfs.NewMem()
		return func() storage.Store { return openMem(t, fs, Options{}) }
	})
}

func TestCloseEndsGoroutines(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), one("ra")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
}
