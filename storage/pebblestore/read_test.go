package pebblestore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/idnode/idnode/storage"
)

// TestAbsences: the way that a key is looked for follows what was found lately, and never the answer.
func TestAbsences(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b storage.Batch
	for i := range 100 {
		b.Put(fmt.Appendf(nil, "rkey-%d", i), fmt.Appendf(nil, "value-%d", i), 0)
	}
	if _, err := s.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for _, flush := range []func() error{func() error { return nil }, s.db.Flush} {
		if err := flush(); err != nil {
			t.Fatal(err)
		}
		for round, absent := range []bool{false, true, false, true} {
			for i := range 1000 {
				if absent {
					if _, err := s.Get(t.Context(), fmt.Appendf(nil, "rkey-%dx", i)); !errors.Is(err, storage.ErrNotFound) {
						t.Fatal(err)
					}
					continue
				}
				item, err := s.Get(t.Context(), fmt.Appendf(nil, "rkey-%d", i%100))
				if want := fmt.Sprint("value-", i%100); err != nil || string(item.Value) != want || item.Version != 1 {
					t.Fatalf("version %d, %q, %v, want %q", item.Version, item.Value, err, want)
				}
			}
			if s.absences.rare() == absent {
				t.Errorf("round %d: absent %v, and yet rare is %v", round, absent, absent)
			}
		}
	}
}
