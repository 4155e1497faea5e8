package pebblestore

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestWarm: soon after Open the cache holds blocks of every table, though nobody has asked for a row.
func TestWarm(t *testing.T) {
	fs := vfs.NewMem()
	if err := load(t, fs, 0, 5000); err != nil {
		t.Fatal(err)
	}
	s := openMem(t, fs, Options{})
	defer s.Close()
	tables := s.db.Metrics().Levels[6].TablesCount
	if tables < 50 {
		t.Fatalf("%d tables, want many", tables)
	}
	deadline := time.Now().Add(30 * time.Second)
	for s.db.Metrics().BlockCache.Count < 3*tables { // filter, index, rows
		if time.Now().After(deadline) {
			t.Fatalf("%d blocks in the cache, want 3 of each of %d tables", s.db.Metrics().BlockCache.Count, tables)
		}
		time.Sleep(time.Millisecond)
	}
}
