package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/idnode/idnode/storage"
)

func testFeed(t *testing.T, s storage.Store) {
	if last := lastOf(t, s); last != 0 {
		t.Errorf("Last of an empty log = %d", last)
	}
	if entries := read(t, s, 0, 10); len(entries) != 0 {
		t.Errorf("Read of an empty log = %v", entries)
	}
	start := time.Now().Add(-time.Second)
	var want []storage.Entry
	for i := range 20 {
		var b storage.Batch
		e := storage.Entry{}
		for j := range i%3 + 1 {
			c := storage.Change{Op: storage.Op(j + 1), Key: fmt.Appendf(nil, "r%d\x00%d", i, j), Version: uint64(i * 1000)}
			b.Set(c.Key, nil)
			b.Log(c)
			e.Changes = append(e.Changes, c)
		}
		e.Seq = apply(t, s, &b)
		want = append(want, e)

		var silent storage.Batch
		silent.Set([]byte("asilent"), nil)
		apply(t, s, &silent)
	}
	waitFor(t, s, want[19].Seq)
	if last := lastOf(t, s); last != want[19].Seq {
		t.Errorf("Last = %d, want %d", last, want[19].Seq)
	}
	f := func(after storage.Seq, max int, want []storage.Entry) {
		t.Helper()
		got := read(t, s, after, max)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(storage.Entry{}, "Time"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("Read after %d, at most %d (-want +got):\n%s", after, max, diff)
		}
		for _, e := range got {
			if e.Time.Before(start) || e.Time.After(time.Now().Add(time.Second)) {
				t.Errorf("entry of %v, the test began at %v", e.Time, start)
			}
		}
	}
	f(0, 100, want)
	f(0, 5, want[:5])
	f(want[4].Seq, 5, want[5:10])
	f(want[18].Seq, 5, want[19:])
	f(want[19].Seq, 5, nil)
	f(want[19].Seq+100, 5, nil)
	f(0, 0, nil)
}

// testFeedTail follows the log while many write: every acknowledged batch comes once, at the place
// that its writer was told, in order, and a second reading gives the same.
func testFeedTail(t *testing.T, s storage.Store) {
	const writers, each = 32, 40
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seqs [writers][each]storage.Seq
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				seq, err := s.Apply(ctx, put(fmt.Appendf(nil, "r%d/%d", w, i), "v", 0))
				if err != nil {
					t.Error(err)
					return
				}
				seqs[w][i] = seq
				// Some are refused, which must leave neither a gap nor an entry.
				if i%4 == 0 {
					if _, err := s.Apply(ctx, put(fmt.Appendf(nil, "r%d/%d", w, i), "v", 0)); !errors.Is(err, storage.ErrConflict) {
						t.Errorf("Apply over a record: %v, want ErrConflict", err)
					}
				}
			}
		})
	}
	var tail []storage.Entry
	for after := storage.Seq(0); len(tail) < writers*each; {
		if err := s.Wait(ctx, after); err != nil {
			t.Fatalf("Wait after %d entries: %v", len(tail), err)
		}
		entries, err := s.Read(ctx, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			t.Fatalf("nothing to read after %d though Wait returned", after)
		}
		for _, e := range entries {
			if e.Seq <= after {
				t.Fatalf("entry at %d follows %d", e.Seq, after)
			}
			after = e.Seq
		}
		tail = append(tail, entries...)
	}
	wg.Wait()
	for _, e := range tail {
		var w, i int
		if len(e.Changes) != 1 {
			t.Fatalf("entry %v, want one change", e)
		}
		if _, err := fmt.Sscanf(string(e.Changes[0].Key), "r%d/%d", &w, &i); err != nil {
			t.Fatalf("entry %v: %v", e, err)
		}
		// As many entries as batches, each at its batch's place: none is twice there or missing.
		if seqs[w][i] != e.Seq {
			t.Errorf("%s is at %d, its writer was told %d", e.Changes[0].Key, e.Seq, seqs[w][i])
		}
		if i > 0 && seqs[w][i-1] >= e.Seq {
			t.Errorf("writer %d: batch %d at %d, the one before at %d", w, i, e.Seq, seqs[w][i-1])
		}
	}
	if diff := cmp.Diff(tail, read(t, s, 0, writers*each+1)); diff != "" {
		t.Errorf("second reading (-tail +second):\n%s", diff)
	}
}

func testFeedWait(t *testing.T, s storage.Store) {
	first := apply(t, s, put([]byte("ra"), "1", 0))
	if err := s.Wait(t.Context(), 0); err != nil {
		t.Errorf("Wait for an entry that is there: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	if err := s.Wait(ctx, first); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait with nothing new: %v, want DeadlineExceeded", err)
	}
	cancel()
	errs := make(chan error)
	for range 10 {
		go func() { errs <- s.Wait(t.Context(), first) }()
	}
	time.Sleep(10 * time.Millisecond)
	apply(t, s, put([]byte("ra"), "2", 1))
	for range 10 {
		if err := <-errs; err != nil {
			t.Errorf("Wait: %v", err)
		}
	}
	go func() { errs <- s.Wait(t.Context(), first+1000) }()
	time.Sleep(10 * time.Millisecond)
	closeStore(t, s)
	if err := <-errs; !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Wait on a store that is closed: %v, want ErrClosed", err)
	}
}

func testTrim(t *testing.T, s storage.Store) {
	ctx := t.Context()
	var seqs []storage.Seq
	for i := range 10 {
		seqs = append(seqs, apply(t, s, put(fmt.Appendf(nil, "r%d", i), "v", 0)))
	}
	waitFor(t, s, seqs[9])
	trim := func(upTo storage.Seq) {
		t.Helper()
		if err := s.Trim(ctx, upTo); err != nil {
			t.Fatal(err)
		}
	}
	count := func(after storage.Seq, want int) {
		t.Helper()
		if n := len(read(t, s, after, 100)); n != want {
			t.Errorf("Read after %d gave %d entries, want %d", after, n, want)
		}
	}
	trim(0)
	count(0, 10)
	trim(seqs[4])
	wantTrimmed(t, s, 0)
	wantTrimmed(t, s, seqs[3])
	count(seqs[4], 5)
	count(seqs[8], 1)
	trim(seqs[2]) // already gone
	wantTrimmed(t, s, seqs[3])
	count(seqs[4], 5)

	trim(seqs[9] + 1000) // past the newest entry: what comes later stays
	wantTrimmed(t, s, 0)
	count(seqs[9], 0)
	if last := lastOf(t, s); last != seqs[9] {
		t.Errorf("Last after trimming everything = %d, want %d", last, seqs[9])
	}
	seq := apply(t, s, put([]byte("rnew"), "v", 0))
	waitFor(t, s, seq)
	count(seqs[9], 1)
	wantItem(t, s, []byte("r0"), "v", 1)
}
