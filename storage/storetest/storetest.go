// Package storetest is the suite that every storage engine passes. It asks for nothing that only an
// embedded engine could give: places in the change log need not be consecutive, and an entry may
// become readable some time after its batch was acknowledged.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/storage"
)

// Run runs the suite on stores that open returns, each empty and its own. It closes them.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	tests := []struct {
		name string
		test func(t *testing.T, s storage.Store)
	}{
		{"Get", testGet},
		{"MultiGet", testMultiGet},
		{"Scan", testScan},
		{"ScanStops", testScanStops},
		{"Versions", testVersions},
		{"PutAs", testPutAs},
		{"Conflict", testConflict},
		{"Set", testSet},
		{"CheckOnly", testCheckOnly},
		{"DeleteRange", testDeleteRange},
		{"LargeValue", testLargeValue},
		{"Ownership", testOwnership},
		{"Snapshot", testSnapshot},
		{"OneMoment", testOneMoment},
		{"Increments", testIncrements},
		{"Feed", testFeed},
		{"FeedTail", testFeedTail},
		{"FeedWait", testFeedWait},
		{"Trim", testTrim},
		{"Cancelled", testCancelled},
		{"Closed", testClosed},
		{"CloseDuringWrites", testCloseDuringWrites},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			defer s.Close()
			tt.test(t, s)
		})
	}
}

// Reopen checks what an engine that outlives its process keeps. open returns a function that opens
// one place, empty at first, again and again.
func Reopen(t *testing.T, open func(t *testing.T) func() storage.Store) {
	again := open(t)
	s := again()
	key := func(i int) []byte { return fmt.Appendf(nil, "rkey-%d", i) }
	var seqs []storage.Seq
	for i := range 10 {
		seqs = append(seqs, apply(t, s, put(key(i), "v", 0)))
	}
	apply(t, s, put(key(3), "w", 1))
	waitFor(t, s, seqs[9])
	last := lastOf(t, s)
	closeStore(t, s)

	s = again()
	wantItem(t, s, key(3), "w", 2)
	wantItem(t, s, key(9), "v", 1)
	wantConflict(t, s, put(key(9), "x", 0), key(9))
	if got := lastOf(t, s); got != last {
		t.Errorf("Last after reopening = %d, want %d", got, last)
	}
	if entries := read(t, s, 0, 100); len(entries) != 11 || entries[4].Seq != seqs[4] {
		t.Errorf("Read after reopening gave %d entries, want 11 at their places", len(entries))
	}
	if err := s.Trim(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)

	s = again()
	if got := lastOf(t, s); got != last {
		t.Errorf("Last of a log trimmed to nothing, after reopening = %d, want %d", got, last)
	}
	wantTrimmed(t, s, 0)
	wantTrimmed(t, s, seqs[9])
	seq := apply(t, s, put(key(10), "v", 0))
	if seq <= last {
		t.Errorf("place after reopening = %d, want more than %d", seq, last)
	}
	waitFor(t, s, last)
	if entries := read(t, s, last, 100); len(entries) != 1 || entries[0].Seq != seq {
		t.Errorf("Read gave %v, want the one entry at %d", entries, seq)
	}
	closeStore(t, s)
}

// put is a batch that puts one key and logs it.
func put(key []byte, value string, expect uint64) *storage.Batch {
	var b storage.Batch
	b.Put(key, []byte(value), expect)
	op := storage.OpUpdate
	if expect == 0 {
		op = storage.OpCreate
	}
	b.Log(storage.Change{Op: op, Key: key, Version: expect + 1})
	return &b
}

func apply(t *testing.T, s storage.Store, b *storage.Batch) storage.Seq {
	t.Helper()
	seq, err := s.Apply(t.Context(), b)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return seq
}

func read(t *testing.T, s storage.Store, after storage.Seq, max int) []storage.Entry {
	t.Helper()
	entries, err := s.Read(t.Context(), after, max)
	if err != nil {
		t.Fatalf("Read after %d: %v", after, err)
	}
	return entries
}

func lastOf(t *testing.T, s storage.Store) storage.Seq {
	t.Helper()
	seq, err := s.Last(t.Context())
	if err != nil {
		t.Fatalf("Last: %v", err)
	}
	return seq
}

// waitFor waits until the entry at seq can be read.
func waitFor(t *testing.T, s storage.Store, seq storage.Seq) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Wait(ctx, seq-1); err != nil {
		t.Fatalf("Wait for %d: %v", seq, err)
	}
}

func closeStore(t *testing.T, s storage.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func wantItem(t *testing.T, r storage.Reader, key []byte, value string, version uint64) {
	t.Helper()
	item, err := r.Get(t.Context(), key)
	if err != nil {
		t.Errorf("Get %q: %v", key, err)
	} else if string(item.Value) != value || item.Version != version {
		t.Errorf("Get %q = %.40q version %d, want %.40q version %d", key, item.Value, item.Version, value, version)
	}
}

func wantAbsent(t *testing.T, r storage.Reader, key []byte) {
	t.Helper()
	if item, err := r.Get(t.Context(), key); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Get %q = %.40q, %v, want ErrNotFound", key, item.Value, err)
	}
}

func wantConflict(t *testing.T, s storage.Store, b *storage.Batch, keys ...[]byte) {
	t.Helper()
	_, err := s.Apply(t.Context(), b)
	if !errors.Is(err, storage.ErrConflict) {
		t.Fatalf("Apply: %v, want ErrConflict", err)
	}
	conflict, ok := errors.AsType[*storage.ConflictError](err)
	if !ok {
		t.Fatalf("Apply: %v has no *ConflictError", err)
	}
	if diff := cmp.Diff(keys, conflict.Keys); diff != "" {
		t.Errorf("keys in conflict (-want +got):\n%s", diff)
	}
}

func wantTrimmed(t *testing.T, s storage.Store, after storage.Seq) {
	t.Helper()
	if entries, err := s.Read(t.Context(), after, 10); !errors.Is(err, storage.ErrTrimmed) {
		t.Errorf("Read after %d = %d entries, %v, want ErrTrimmed", after, len(entries), err)
	}
}

// keysIn scans r.
func keysIn(t *testing.T, s storage.Reader, r storage.Range) []string {
	t.Helper()
	var keys []string
	err := s.Scan(t.Context(), r, func(key []byte, _ storage.Item) error {
		keys = append(keys, string(key))
		return nil
	})
	if err != nil {
		t.Fatalf("Scan %v: %v", r, err)
	}
	return keys
}

func scribble(slices ...[]byte) {
	for _, b := range slices {
		copy(b, bytes.Repeat([]byte{'#'}, len(b)))
	}
}
