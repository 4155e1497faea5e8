//go:build !race

package pebblestore

import (
	"fmt"
	"testing"

	"github.com/idnode/idnode/storage"
)

// TestGetIntoAllocates: a row from a cached block costs no memory of ours, and an absent one none either.
// Pebble itself makes a list of one filter for each table that it opens an iterator on.
func TestGetIntoAllocates(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b storage.Batch
	for i := range 1000 {
		b.Put(fmt.Appendf(nil, "rkey-%04d", i), make([]byte, 200), 0)
	}
	if _, err := s.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	room := make([]byte, 0, 300)
	ctx := t.Context()
	for key, want := range map[string]int{"rkey-0500": 200, "rkey-05000": 0} {
		k := []byte(key)
		n := testing.AllocsPerRun(1000, func() {
			if item, _ := s.GetInto(ctx, k, room); len(item.Value) != want {
				t.Fatal("got", len(item.Value), "octets, want", want)
			}
		})
		if n > 1 {
			t.Errorf("%s: %v allocations, want Pebble's 1", key, n)
		}
	}
}
