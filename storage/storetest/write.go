package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/storage"
)

func testVersions(t *testing.T, s storage.Store) {
	key := []byte("rkey")
	for v := range uint64(200) {
		apply(t, s, put(key, strconv.Itoa(int(v)), v))
	}
	wantItem(t, s, key, "199", 200)
	var b storage.Batch
	b.Delete(key, 200)
	apply(t, s, &b)
	wantAbsent(t, s, key)
	wantConflict(t, s, put(key, "x", 200), key)
	apply(t, s, put(key, "again", 0))
	wantItem(t, s, key, "again", 1)

	// A batch that was refused can be corrected, and one that was applied can be used again.
	b.Reset()
	b.Put(key, []byte("two"), 2)
	wantConflict(t, s, &b, key)
	b.Reset()
	b.Put(key, []byte("two"), 1)
	apply(t, s, &b)
	wantConflict(t, s, &b, key)
	wantItem(t, s, key, "two", 2)
}

func testPutAs(t *testing.T, s storage.Store) {
	key, other := []byte("rkey"), []byte("rother")
	as := func(key []byte, value string, expect, as uint64) *storage.Batch {
		var b storage.Batch
		b.PutAs(key, []byte(value), expect, as)
		return &b
	}
	apply(t, s, as(key, "seven", 0, 7))
	wantItem(t, s, key, "seven", 7)
	wantConflict(t, s, as(key, "x", 0, 9), key)
	wantConflict(t, s, put(key, "x", 1), key)
	apply(t, s, put(key, "eight", 7))
	wantItem(t, s, key, "eight", 8)
	apply(t, s, as(key, "twenty", 8, 20))
	wantItem(t, s, key, "twenty", 20)
	apply(t, s, as(other, "one", 0, 1))
	wantItem(t, s, other, "one", 1)
}

func testConflict(t *testing.T, s storage.Store) {
	apply(t, s, put([]byte("ra"), "1", 0))
	apply(t, s, put([]byte("rb"), "1", 0))
	after := apply(t, s, put([]byte("rb"), "2", 1))
	waitFor(t, s, after)

	var b storage.Batch
	b.Put([]byte("rnew"), []byte("x"), 0)
	b.Set([]byte("hset"), []byte("x"))
	b.Put([]byte("ra"), []byte("x"), 0)    // exists
	b.Delete([]byte("rb"), 1)              // is at 2
	b.Check([]byte("rb2"), 1)              // is absent
	b.Put([]byte("rother"), []byte(""), 7) // is absent
	b.Log(storage.Change{Op: storage.OpCreate, Key: []byte("rnew"), Version: 1})
	wantConflict(t, s, &b, []byte("ra"), []byte("rb"), []byte("rb2"), []byte("rother"))
	wantAbsent(t, s, []byte("rnew"))
	wantAbsent(t, s, []byte("hset"))
	wantItem(t, s, []byte("ra"), "1", 1)
	wantItem(t, s, []byte("rb"), "2", 2)
	if entries := read(t, s, after, 10); len(entries) != 0 {
		t.Errorf("a refused batch is in the change log: %v", entries)
	}

	// One failing check refuses a batch that is right otherwise.
	b.Reset()
	b.Put([]byte("ra"), []byte("2"), 1)
	b.Check([]byte("rb"), 1)
	wantConflict(t, s, &b, []byte("rb"))
	b.Reset()
	b.Put([]byte("ra"), []byte("2"), 1)
	b.Check([]byte("rb"), 2)
	b.Check([]byte("rnew"), 0)
	apply(t, s, &b)
	wantItem(t, s, []byte("ra"), "2", 2)
	wantItem(t, s, []byte("rb"), "2", 2)
	wantAbsent(t, s, []byte("rnew"))
}

func testSet(t *testing.T, s storage.Store) {
	key := []byte("ckey")
	for _, value := range []string{"1", "2"} {
		var b storage.Batch
		b.Set(key, []byte(value))
		apply(t, s, &b)
		wantItem(t, s, key, value, 0)
	}
	// A key that has been set is at version 0, as Get says.
	apply(t, s, put(key, "3", 0))
	wantItem(t, s, key, "3", 1)
	var b storage.Batch
	b.Set(key, []byte("4"))
	apply(t, s, &b)
	wantItem(t, s, key, "4", 0)
	b.Reset()
	b.Delete(key, 0)
	apply(t, s, &b)
	wantAbsent(t, s, key)
}

func testCheckOnly(t *testing.T, s storage.Store) {
	apply(t, s, put([]byte("ra"), "1", 0))
	apply(t, s, new(storage.Batch))
	var b storage.Batch
	b.Check([]byte("ra"), 1)
	apply(t, s, &b)
	b.Check([]byte("rb"), 1)
	wantConflict(t, s, &b, []byte("rb"))
	var log storage.Batch
	log.Log(storage.Change{Op: storage.OpUpdate, Key: []byte("ra"), Version: 1})
	waitFor(t, s, apply(t, s, &log))
	if n := len(read(t, s, 0, 10)); n != 2 {
		t.Errorf("%d entries in the change log, want 2: of batches with changes only", n)
	}
}

func testDeleteRange(t *testing.T, s storage.Store) {
	var b storage.Batch
	for i := range 10 {
		b.Put(fmt.Appendf(nil, "i%d", i), nil, 0)
	}
	apply(t, s, &b)
	f := func(start, end string, want ...string) {
		t.Helper()
		if err := s.DeleteRange(t.Context(), []byte(start), []byte(end)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, keysIn(t, s, storage.TableRange(storage.TableIdempotency))); diff != "" {
			t.Errorf("after DeleteRange(%s, %s) (-want +got):\n%s", start, end, diff)
		}
	}
	f("i2", "i8", "i0", "i1", "i8", "i9")
	f("i8", "i8", "i0", "i1", "i8", "i9")
	f("i9", "i0", "i0", "i1", "i8", "i9")
	f("i8\x00", "j", "i0", "i1", "i8")
	apply(t, s, put([]byte("i5"), "new", 0))
	wantItem(t, s, []byte("i5"), "new", 1)
	f("i", "j")
}

func testLargeValue(t *testing.T, s storage.Store) {
	value := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	var b storage.Batch
	b.Put([]byte("rlarge"), value, 0)
	apply(t, s, &b)
	item, err := s.Get(t.Context(), []byte("rlarge"))
	if err != nil || !bytes.Equal(item.Value, value) {
		t.Errorf("Get of a large value gave %d octets, %v", len(item.Value), err)
	}
}

// testOwnership changes everything that went in and came out, and looks whether the store minds.
func testOwnership(t *testing.T, s storage.Store) {
	key, value, change := []byte("rkey"), []byte("value"), []byte("rkey")
	var b storage.Batch
	b.Put(key, value, 0)
	b.Log(storage.Change{Op: storage.OpCreate, Key: change, Version: 1})
	seq := apply(t, s, &b)
	waitFor(t, s, seq)
	scribble(key, value, change)
	for range 2 {
		item, err := s.Get(t.Context(), []byte("rkey"))
		if err != nil || string(item.Value) != "value" {
			t.Fatalf("Get = %q, %v", item.Value, err)
		}
		scribble(item.Value)
		items, err := s.MultiGet(t.Context(), [][]byte{[]byte("rkey")})
		if err != nil || string(items[0].Value) != "value" {
			t.Fatalf("MultiGet = %v, %v", items, err)
		}
		scribble(items[0].Value)
		entries := read(t, s, 0, 1)
		if len(entries) != 1 || string(entries[0].Changes[0].Key) != "rkey" {
			t.Fatalf("Read = %v", entries)
		}
		scribble(entries[0].Changes[0].Key)
	}
	key = []byte("rkey")
	_, err := s.Apply(t.Context(), put(key, "", 5))
	scribble(key)
	if conflict, ok := errors.AsType[*storage.ConflictError](err); !ok || string(conflict.Keys[0]) != "rkey" {
		t.Errorf("Apply = %v, want a conflict that keeps its keys", err)
	}
}

// testIncrements counts in one key from many goroutines: no increment may be lost.
func testIncrements(t *testing.T, s storage.Store) {
	const workers, each = 16, 25
	key := []byte("rcounter")
	var wg sync.WaitGroup
	var conflicts atomic.Int64
	for w := range workers {
		wg.Go(func() {
			for i := 0; i < each; {
				item, err := s.Get(t.Context(), key)
				if err != nil && !errors.Is(err, storage.ErrNotFound) {
					t.Error(err)
					return
				}
				n, _ := strconv.Atoi(string(item.Value))
				var b storage.Batch
				b.Put(key, strconv.AppendInt(nil, int64(n)+1, 10), item.Version)
				b.Put(fmt.Appendf(nil, "rwitness-%d-%d", w, i), nil, 0)
				switch _, err := s.Apply(t.Context(), &b); {
				case err == nil:
					i++
				case errors.Is(err, storage.ErrConflict):
					conflicts.Add(1)
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	wantItem(t, s, key, strconv.Itoa(workers*each), workers*each)
	if n := len(keysIn(t, s, storage.PrefixRange([]byte("rwitness-")))); n != workers*each {
		t.Errorf("%d witnesses, want %d", n, workers*each)
	}
	t.Logf("%d conflicts", conflicts.Load())
}

func testCancelled(t *testing.T, s storage.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range calls(ctx, s) {
		if name != "Last" && !errors.Is(err, context.Canceled) {
			t.Errorf("%s under a cancelled context: %v", name, err)
		}
	}
	wantAbsent(t, s, []byte("rkey"))

	// Cancelling a write under way is sound: it was applied, or nothing of it was.
	for i := range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				key := fmt.Appendf(nil, "r%d-%d", i, w)
				_, err := s.Apply(ctx, put(key, "v", 0))
				switch {
				case err == nil:
					wantItem(t, s, key, "v", 1)
				case errors.Is(err, context.Canceled):
					wantAbsent(t, s, key)
				default:
					t.Error(err)
				}
			})
		}
		cancel()
		wg.Wait()
	}
}

func testClosed(t *testing.T, s storage.Store) {
	apply(t, s, put([]byte("ra"), "1", 0))
	if err := s.Health(); err != nil {
		t.Errorf("Health: %v", err)
	}
	closeStore(t, s)
	closeStore(t, s)
	for name, err := range calls(t.Context(), s) {
		if !errors.Is(err, storage.ErrClosed) {
			t.Errorf("%s of a closed store: %v", name, err)
		}
	}
	if err := s.Health(); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Health of a closed store: %v", err)
	}
}

// calls makes one call of each method and returns the errors.
func calls(ctx context.Context, s storage.Store) map[string]error {
	errs := make(map[string]error)
	_, errs["Get"] = s.Get(ctx, []byte("rkey"))
	_, errs["MultiGet"] = s.MultiGet(ctx, [][]byte{[]byte("rkey")})
	errs["Scan"] = s.Scan(ctx, storage.TableRange(storage.TableRecord), func([]byte, storage.Item) error { return nil })
	_, errs["Apply"] = s.Apply(ctx, put([]byte("rkey"), "v", 0))
	errs["DeleteRange"] = s.DeleteRange(ctx, []byte("i"), []byte("j"))
	_, errs["Read"] = s.Read(ctx, 0, 1)
	errs["Wait"] = s.Wait(ctx, 1000)
	_, errs["Last"] = s.Last(ctx)
	errs["Trim"] = s.Trim(ctx, 1)
	_, errs["Snapshot"] = s.Snapshot(ctx)
	return errs
}

// testCloseDuringWrites closes the store under writers and readers: each gets an answer.
func testCloseDuringWrites(t *testing.T, s storage.Store) {
	var wg sync.WaitGroup
	var applied atomic.Int64
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Appendf(nil, "r%d-%d", w, i)
				if _, err := s.Apply(t.Context(), put(key, "v", 0)); err != nil {
					if !errors.Is(err, storage.ErrClosed) {
						t.Errorf("Apply: %v, want ErrClosed", err)
					}
					return
				}
				applied.Add(1)
				if _, err := s.Get(t.Context(), key); err != nil && !errors.Is(err, storage.ErrClosed) {
					t.Errorf("Get: %v", err)
				}
			}
		})
	}
	wg.Go(func() {
		for after := storage.Seq(0); ; {
			if err := s.Wait(t.Context(), after); err != nil {
				if !errors.Is(err, storage.ErrClosed) {
					t.Errorf("Wait: %v, want ErrClosed", err)
				}
				return
			}
			entries, err := s.Read(t.Context(), after, 10)
			if err != nil && !errors.Is(err, storage.ErrClosed) {
				t.Errorf("Read: %v", err)
			}
			if len(entries) > 0 {
				after = entries[len(entries)-1].Seq
			}
		}
	})
	for applied.Load() < 100 {
		if _, err := s.Get(t.Context(), []byte("rkey")); !errors.Is(err, storage.ErrNotFound) {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	wg.Wait()
}
