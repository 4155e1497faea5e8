package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/idnode/idnode/storage"
)

// TestAcknowledgedIsSynced crashes in the moment of the answer. A batch of more than half a memtable
// goes another way through Pebble.
func TestAcknowledgedIsSynced(t *testing.T) {
	for _, size := range []int{10, 700 << 10} {
		fs := vfs.NewCrashableMem()
		s := openMem(t, slowSync(fs, 20*time.Millisecond), Options{})
		var b storage.Batch
		b.Put([]byte("rk"), make([]byte, size), 0)
		if _, err := s.Apply(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		clone := fs.CrashClone(vfs.CrashCloneCfg{})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openMem(t, clone, Options{})
		if item, err := s.Get(t.Context(), []byte("rk")); err != nil || len(item.Value) != size {
			t.Errorf("acknowledged value of %d octets after the crash: %d octets, %v", size, len(item.Value), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// crashWrite is an acknowledged batch: one put of a key of its own.
type crashWrite struct {
	key  string
	seq  storage.Seq
	size int
}

// TestCrash takes the file system away from under concurrent writers, again and again, with and
// without some of what had not been synced. Whatever was acknowledged before must be there after.
func TestCrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(1, 2))
	var before []crashWrite // acknowledged in earlier lives
	counter := uint64(0)    // its version in the life before, at least
	for life := range 12 {
		s := openMem(t, slowSync(fs, time.Millisecond), Options{})
		counter = checkAfterCrash(t, s, before, counter)
		acked, clone := writeUntilCrash(t, s, fs, life, rng)
		for _, w := range acked {
			if w.key == "rcounter" {
				counter = max(counter, uint64(w.size))
			} else {
				before = append(before, w)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		fs = clone
	}
	t.Logf("%d acknowledged batches survived, the counter is at %d", len(before), counter)
}

// slowSync takes its time to sync the log, so that an answer given too early is found out.
func slowSync(fs vfs.FS, d time.Duration) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if strings.HasSuffix(op.Path, ".log") {
				time.Sleep(d)
			}
		}
		return nil
	}))
}

// writeUntilCrash returns what had been acknowledged when the clone was begun. For the counter,
// size is the version that was reached.
func writeUntilCrash(t *testing.T, s *Store, fs *vfs.MemFS, life int, rng *rand.Rand) ([]crashWrite, *vfs.MemFS) {
	var mu sync.Mutex
	var acked []crashWrite
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				done := crashWrite{key: fmt.Sprintf("r%d/%d/%d", life, w, i), size: 10 + i%100}
				if i%10 == 9 {
					done.size = 700 << 10 // more than half a memtable: Pebble goes another way
				}
				var b storage.Batch
				b.Put([]byte(done.key), bytes.Repeat([]byte{'v'}, done.size), 0)
				b.Set([]byte("h"+done.key[1:]), []byte("with it"))
				b.Log(storage.Change{Op: storage.OpCreate, Key: []byte(done.key), Version: 1})
				if w == 0 {
					item, err := s.Get(t.Context(), []byte("rcounter"))
					if err != nil && !errors.Is(err, storage.ErrNotFound) {
						t.Error(err)
						return
					}
					b.Reset()
					done = crashWrite{key: "rcounter", size: int(item.Version) + 1}
					b.Put([]byte("rcounter"), nil, item.Version)
				}
				var err error
				if done.seq, err = s.Apply(t.Context(), &b); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked = append(acked, done)
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Duration(5+rng.IntN(40)) * time.Millisecond)
	mu.Lock()
	known := acked[:len(acked):len(acked)]
	mu.Unlock()
	percent := []int{0, 50, 100}[life%3]
	clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
	close(stop)
	wg.Wait()
	return known, clone
}

// checkAfterCrash returns the version of the counter.
func checkAfterCrash(t *testing.T, s *Store, acked []crashWrite, counter uint64) uint64 {
	t.Helper()
	ctx := t.Context()
	places := make(map[string]storage.Seq)
	last := storage.Seq(0)
	for {
		entries, err := s.Read(ctx, last, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			if e.Seq != last+1 {
				t.Fatalf("entry at %d follows %d", e.Seq, last)
			}
			last = e.Seq
			for _, c := range e.Changes {
				places[string(c.Key)] = e.Seq
			}
		}
	}
	if got, err := s.Last(ctx); got != last || err != nil {
		t.Errorf("Last = %d, %v, the log ends at %d", got, err, last)
	}
	for _, w := range acked {
		item, err := s.Get(ctx, []byte(w.key))
		if err != nil || len(item.Value) != w.size || item.Version != 1 {
			t.Fatalf("acknowledged %s: %d octets version %d, %v, want %d octets", w.key, len(item.Value), item.Version, err, w.size)
		}
		if places[w.key] != w.seq {
			t.Fatalf("acknowledged %s is at %d in the log, want %d", w.key, places[w.key], w.seq)
		}
	}
	// Whole or not at all: what is in the log is in both tables, and the other way round.
	for table, want := range map[storage.Table]string{storage.TableRecord: "v", storage.TableHistory: "w"} {
		n := 0
		err := s.Scan(ctx, storage.TableRange(table), func(key []byte, item storage.Item) error {
			if string(key) == "rcounter" {
				return nil
			}
			n++
			if places["r"+string(key[1:])] == 0 || string(item.Value[:1]) != want {
				return fmt.Errorf("%q is not in the log", key)
			}
			return nil
		})
		if err != nil || n != len(places) {
			t.Fatalf("table %c: %d keys, %v, the log names %d", table, n, err, len(places))
		}
	}
	item, err := s.Get(ctx, []byte("rcounter"))
	if (err != nil && counter > 0) || item.Version < counter {
		t.Fatalf("counter at version %d, %v, %d was acknowledged", item.Version, err, counter)
	}
	return item.Version
}
