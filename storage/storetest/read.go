package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/storage"
)

func testGet(t *testing.T, s storage.Store) {
	wantAbsent(t, s, []byte("rone"))
	var b storage.Batch
	b.Put([]byte("rone"), []byte("1"), 0)
	b.Put([]byte("rtwo"), nil, 0)
	b.Put([]byte("r\x00\xff"), []byte("\x00\xff"), 0)
	apply(t, s, &b)
	wantItem(t, s, []byte("rone"), "1", 1)
	wantItem(t, s, []byte("rtwo"), "", 1)
	wantItem(t, s, []byte("r\x00\xff"), "\x00\xff", 1)
	for _, key := range []string{"r", "ron", "rone\x00", "rp", ""} {
		wantAbsent(t, s, []byte(key))
	}
	if item, _ := s.Get(t.Context(), []byte("rtwo")); item.Value == nil {
		t.Error("an empty value is nil")
	}
	testGetInto(t, s)
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	testGetInto(t, snap)
}

// testGetInto reads what testGet has stored.
func testGetInto(t *testing.T, r storage.Reader) {
	t.Helper()
	room := append(make([]byte, 0, 100), "before:"...)
	for key, want := range map[string]string{"rone": "before:1", "rtwo": "before:", "r\x00\xff": "before:\x00\xff"} {
		item, err := r.GetInto(t.Context(), []byte(key), room)
		if err != nil || item.Version != 1 || string(item.Value) != want || &item.Value[0] != &room[0] {
			t.Errorf("%q: version %d, %q, %v; want %q in the memory given", key, item.Version, item.Value, err, want)
		}
	}
	if item, err := r.GetInto(t.Context(), []byte("rone"), nil); err != nil || string(item.Value) != "1" {
		t.Errorf("into nothing: %q, %v", item.Value, err)
	}
	if _, err := r.GetInto(t.Context(), []byte("ron"), room); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an absent key: %v", err)
	}
}

func testMultiGet(t *testing.T, s storage.Store) {
	var b storage.Batch
	for i := 0; i < 1000; i += 2 {
		b.Put(fmt.Appendf(nil, "rkey-%d", i), fmt.Appendf(nil, "value-%d", i), 0)
	}
	b.Put([]byte("rempty"), nil, 0)
	apply(t, s, &b)
	var keys [][]byte
	for i := range 1000 {
		keys = append(keys, fmt.Appendf(nil, "rkey-%d", (i*7)%1000))
	}
	keys = append(keys, []byte("rempty"), keys[0], keys[0], nil)
	items, err := s.MultiGet(t.Context(), keys)
	if err != nil || len(items) != len(keys) {
		t.Fatalf("MultiGet = %d items, %v, want %d", len(items), err, len(keys))
	}
	for i, item := range items {
		var n int
		want := storage.Item{}
		if _, err := fmt.Sscanf(string(keys[i]), "rkey-%d", &n); err == nil && n%2 == 0 {
			want = storage.Item{Version: 1, Value: fmt.Appendf(nil, "value-%d", n)}
		} else if string(keys[i]) == "rempty" {
			want = storage.Item{Version: 1, Value: []byte{}}
		}
		if diff := cmp.Diff(want, item); diff != "" {
			t.Fatalf("item of %q (-want +got):\n%s", keys[i], diff)
		}
	}
	if items, err := s.MultiGet(t.Context(), nil); err != nil || len(items) != 0 {
		t.Errorf("MultiGet of nothing = %v, %v", items, err)
	}
}

func testScan(t *testing.T, s storage.Store) {
	var b storage.Batch
	for _, key := range []string{"ra", "ra\x00", "rab", "rb", "rc", "rc\xff", "rc\xff\xff", "n", "s", "\xff"} {
		b.Put([]byte(key), []byte("value of "+key), 0)
	}
	apply(t, s, &b)
	f := func(name string, r storage.Range, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, keysIn(t, s, r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	table := storage.TableRange(storage.TableRecord)
	f("table", table, "ra", "ra\x00", "rab", "rb", "rc", "rc\xff", "rc\xff\xff")
	f("limit", storage.Range{Start: table.Start, End: table.End, Limit: 2}, "ra", "ra\x00")
	f("reverse", storage.Range{Start: []byte("rab"), End: []byte("rc\xff"), Reverse: true}, "rc", "rb", "rab")
	f("reverse, limit", storage.Range{Start: table.Start, End: table.End, Reverse: true, Limit: 1}, "rc\xff\xff")
	f("start included, end excluded", storage.Range{Start: []byte("ra\x00"), End: []byte("rb")}, "ra\x00", "rab")
	f("between keys", storage.Range{Start: []byte("raa"), End: []byte("rbb")}, "rab", "rb")
	f("prefix", storage.PrefixRange([]byte("rc\xff")), "rc\xff", "rc\xff\xff")
	f("prefix without an end", storage.PrefixRange([]byte("\xff")), "\xff")
	f("nothing there", storage.Range{Start: []byte("rd"), End: []byte("re")})
	f("empty", storage.Range{Start: []byte("rb"), End: []byte("rb")})
	f("backwards", storage.Range{Start: []byte("rc"), End: []byte("ra")})
	f("backwards, reverse", storage.Range{Start: []byte("rc"), End: []byte("ra"), Reverse: true})
	err := s.Scan(t.Context(), table, func(key []byte, item storage.Item) error {
		if string(item.Value) != "value of "+string(key) || item.Version != 1 {
			t.Errorf("%q has %q version %d", key, item.Value, item.Version)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func testScanStops(t *testing.T, s storage.Store) {
	var b storage.Batch
	for i := range 10 {
		b.Put(fmt.Appendf(nil, "r%d", i), nil, 0)
	}
	apply(t, s, &b)
	own := errors.New("own error")
	for _, tt := range []struct{ stop, want error }{{storage.Stop, nil}, {own, own}} {
		n := 0
		err := s.Scan(t.Context(), storage.TableRange(storage.TableRecord), func([]byte, storage.Item) error {
			if n++; n == 3 {
				return tt.stop
			}
			return nil
		})
		if err != tt.want || n != 3 {
			t.Errorf("Scan stopped by %v = %v after %d keys, want %v after 3", tt.stop, err, n, tt.want)
		}
	}
	// A scan sees the moment at which it began, and its function may use the store.
	n := 0
	err := s.Scan(t.Context(), storage.TableRange(storage.TableRecord), func(key []byte, _ storage.Item) error {
		n++
		apply(t, s, put(fmt.Appendf(nil, "%sx", key), "", 0))
		wantItem(t, s, bytes.Clone(key), "", 1)
		return nil
	})
	if err != nil || n != 10 {
		t.Errorf("Scan that writes = %v after %d keys, want 10", err, n)
	}
}

func testSnapshot(t *testing.T, s storage.Store) {
	apply(t, s, put([]byte("ra"), "old", 0))
	apply(t, s, put([]byte("rb"), "old", 0))
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, put([]byte("ra"), "new", 1))
	apply(t, s, put([]byte("rc"), "new", 0))
	var b storage.Batch
	b.Delete([]byte("rb"), 1)
	apply(t, s, &b)

	wantItem(t, snap, []byte("ra"), "old", 1)
	wantItem(t, snap, []byte("rb"), "old", 1)
	wantAbsent(t, snap, []byte("rc"))
	if diff := cmp.Diff([]string{"ra", "rb"}, keysIn(t, snap, storage.TableRange(storage.TableRecord))); diff != "" {
		t.Errorf("scan of the snapshot (-want +got):\n%s", diff)
	}
	items, err := snap.MultiGet(t.Context(), [][]byte{[]byte("rc"), []byte("rb"), []byte("ra")})
	want := []storage.Item{{}, {Version: 1, Value: []byte("old")}, {Version: 1, Value: []byte("old")}}
	if diff := cmp.Diff(want, items); diff != "" || err != nil {
		t.Errorf("MultiGet of the snapshot: %v (-want +got):\n%s", err, diff)
	}
	wantItem(t, s, []byte("ra"), "new", 2)
	wantAbsent(t, s, []byte("rb"))
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	if _, err := snap.Get(t.Context(), []byte("ra")); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Get of a closed snapshot: %v, want ErrClosed", err)
	}

	// One left open must not keep the store from closing.
	if snap, err = s.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if _, err := snap.Get(t.Context(), []byte("ra")); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Get of a snapshot of a closed store: %v, want ErrClosed", err)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
}

// testOneMoment has a writer keep two keys equal, and readers that must never see them differ.
func testOneMoment(t *testing.T, s storage.Store) {
	first, second := []byte("ra"), []byte("rz")
	write := func(i int) {
		var b storage.Batch
		b.Put(first, fmt.Append(nil, i), uint64(i))
		b.Put(second, fmt.Append(nil, i), uint64(i))
		apply(t, s, &b)
	}
	write(0)
	ways := map[string]func(r storage.Reader) (a, b []byte, err error){
		"MultiGet": func(r storage.Reader) ([]byte, []byte, error) {
			items, err := r.MultiGet(t.Context(), [][]byte{second, first})
			if err != nil {
				return nil, nil, err
			}
			return items[0].Value, items[1].Value, nil
		},
		"Scan": func(r storage.Reader) ([]byte, []byte, error) {
			var values [][]byte
			err := r.Scan(t.Context(), storage.TableRange(storage.TableRecord), func(_ []byte, item storage.Item) error {
				values = append(values, bytes.Clone(item.Value))
				return nil
			})
			if err != nil {
				return nil, nil, err
			}
			return values[0], values[1], nil
		},
		"Snapshot": func(storage.Reader) ([]byte, []byte, error) {
			snap, err := s.Snapshot(t.Context())
			if err != nil {
				return nil, nil, err
			}
			defer snap.Close()
			a, err := snap.Get(t.Context(), first)
			if err != nil {
				return nil, nil, err
			}
			b, err := snap.Get(t.Context(), second)
			return a.Value, b.Value, err
		},
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for name, way := range ways {
		readers.Go(func() {
			for {
				a, b, err := way(s)
				if err != nil || !bytes.Equal(a, b) {
					t.Errorf("%s saw %s and %s, %v", name, a, b, err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := 1; i < 300; i++ {
		write(i)
	}
	close(done)
	readers.Wait()
}
