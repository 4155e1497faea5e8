package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
	"github.com/idnode/idnode/storage/pebblestore"
)

// engines runs f on a store of each engine.
func engines(t *testing.T, f func(t *testing.T, s storage.Store)) {
	t.Run("memstore", func(t *testing.T) { f(t, memstore.New()) })
	t.Run("pebblestore", func(t *testing.T) {
		s, err := pebblestore.Open("data", pebblestore.Options{FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s)
	})
}

func set(t *testing.T, s storage.Store, key, value []byte, changes ...storage.Change) storage.Seq {
	t.Helper()
	var b storage.Batch
	b.Set(key, value)
	for _, c := range changes {
		b.Log(c)
	}
	seq, err := s.Apply(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func TestCursor(t *testing.T) {
	if seq, err := storage.DecodeCursor(storage.EncodeCursor(1 << 50)); seq != 1<<50 || err != nil {
		t.Errorf("DecodeCursor = %d, %v", seq, err)
	}
	for _, value := range []string{"", "1234567", "123456789"} {
		if seq, err := storage.DecodeCursor([]byte(value)); err == nil {
			t.Errorf("DecodeCursor(%q) = %d", value, seq)
		}
	}
}

func TestJanitorChangelog(t *testing.T) {
	engines(t, func(t *testing.T, s storage.Store) {
		ctx := t.Context()
		now := time.Now()
		j := storage.NewJanitor(storage.JanitorOptions{Store: s, Clock: func() time.Time { return now }})
		var seqs []storage.Seq
		log := func(n int) {
			for range n {
				seqs = append(seqs, set(t, s, []byte("rk"), nil, storage.Change{Op: storage.OpUpdate, Key: []byte("rk")}))
			}
		}
		// sweep wants the log to begin after the entry of that index.
		sweep := func(first int) {
			t.Helper()
			if err := j.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
			after := storage.Seq(0)
			if first > 0 {
				after = seqs[first-1]
				if _, err := s.Read(ctx, after-1, 1); !errors.Is(err, storage.ErrTrimmed) {
					t.Errorf("Read before entry %d: %v, want ErrTrimmed", first, err)
				}
			}
			if entries, err := s.Read(ctx, after, 1000); err != nil || len(entries) != len(seqs)-first {
				t.Errorf("%d entries after entry %d, %v, want %d", len(entries), first, err, len(seqs)-first)
			}
		}
		sweep(0)
		log(10)
		time.Sleep(5 * time.Millisecond)
		between := time.Now()
		time.Sleep(5 * time.Millisecond)
		log(10)
		sweep(0)

		// The first ten have been kept long enough, the others not.
		now = between.Add(7 * 24 * time.Hour)
		set(t, s, storage.CursorKey("behind"), storage.EncodeCursor(seqs[3]))
		set(t, s, storage.CursorKey("ahead"), storage.EncodeCursor(seqs[15]))
		sweep(4) // up to the follower that is furthest behind
		sweep(4)
		set(t, s, storage.CursorKey("behind"), storage.EncodeCursor(seqs[12]))
		sweep(10)
		if err := s.Trim(ctx, seqs[11]); err != nil { // as another node's janitor may
			t.Fatal(err)
		}
		sweep(12)
		now = now.Add(time.Hour)
		sweep(13)

		// A cursor that cannot be read holds everything.
		set(t, s, storage.CursorKey("behind"), []byte("?"))
		if err := j.Sweep(ctx); err == nil {
			t.Error("Sweep past a corrupt cursor")
		}
		var b storage.Batch
		b.Delete(storage.CursorKey("behind"), 0)
		b.Delete(storage.CursorKey("ahead"), 0)
		if _, err := s.Apply(ctx, &b); err != nil {
			t.Fatal(err)
		}
		sweep(20) // nobody follows
		sweep(20)
	})
}

func TestJanitorIdempotency(t *testing.T) {
	engines(t, func(t *testing.T, s storage.Store) {
		made := time.Date(2026, 3, 10, 0, 0, 1, 0, time.UTC)
		var now time.Time
		j := storage.NewJanitor(storage.JanitorOptions{Store: s, Clock: func() time.Time { return now }})
		for i := range 3 {
			for h := range 24 {
				set(t, s, storage.IdempotencyKey(made.AddDate(0, 0, i), fmt.Appendf(nil, "tenant/%d", h)), []byte("answer"))
			}
		}
		f := func(at time.Time, want int) {
			t.Helper()
			now = at
			if err := j.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			n := 0
			err := s.Scan(t.Context(), storage.TableRange(storage.TableIdempotency), func([]byte, storage.Item) error {
				n++
				return nil
			})
			if err != nil || n != want {
				t.Errorf("at %v: %d entries, %v, want %d", at, n, err, want)
			}
		}
		f(made, 72)
		f(time.Date(2026, 3, 11, 23, 59, 59, 0, time.UTC), 72) // those of the 10th's last second are a day old
		f(time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC), 48)
		f(time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC), 48)
		f(time.Date(2026, 3, 13, 0, 0, 0, 0, time.UTC), 24)
		f(time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC), 0)
		set(t, s, storage.AuditKey(made, [8]byte{}), nil)
		set(t, s, []byte("h\x01"), nil)
		f(time.Date(2026, 3, 21, 0, 0, 0, 0, time.UTC), 0)
		if items, err := s.MultiGet(t.Context(), [][]byte{storage.AuditKey(made, [8]byte{}), []byte("h\x01")}); err != nil || items[0].Value == nil || items[1].Value == nil {
			t.Errorf("the neighbouring tables lost something: %v, %v", items, err)
		}
	})
}

func TestJanitorRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			storage.NewJanitor(storage.JanitorOptions{Store: s, Interval: time.Hour}).Run(ctx)
			close(done)
		}()
		for range 3 * 24 {
			set(t, s, storage.IdempotencyKey(time.Now(), []byte(time.Now().String())), nil)
			time.Sleep(time.Hour)
			synctest.Wait()
		}
		oldest := time.Now().AddDate(0, 0, -1)
		n := 0
		err := s.Scan(ctx, storage.TableRange(storage.TableIdempotency), func(key []byte, _ storage.Item) error {
			if n++; string(key) < string(storage.IdempotencyDay(oldest)) {
				t.Errorf("%q is older than %v", key, oldest)
			}
			return nil
		})
		if err != nil || n < 24 || n > 48 {
			t.Errorf("%d entries after three days of one an hour, %v, want 24 to 48", n, err)
		}
		cancel()
		<-done
	})
}
