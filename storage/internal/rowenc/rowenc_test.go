package rowenc

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/idnode/idnode/storage"
)

func TestItem(t *testing.T) {
	f := func(version uint64, value, want string) {
		t.Helper()
		row := make([]byte, ItemSize(version, []byte(value)))
		PutItem(row, version, []byte(value))
		if string(row) != want || string(AppendItem(nil, version, []byte(value))) != want {
			t.Errorf("row of %q version %d = %q, want %q", value, version, row, want)
		}
		item, err := ParseItem(row)
		if err != nil || item.Version != version || string(item.Value) != value {
			t.Errorf("ParseItem(%q) = %v, %v", row, item, err)
		}
	}
	f(0, "", "\x00")
	f(1, "value", "\x01value")
	f(127, "", "\x7f")
	f(128, "v", "\x80\x01v")
	f(math.MaxUint64, "v", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01v")
	for _, row := range []string{"", "\x80", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"} {
		if item, err := ParseItem([]byte(row)); err == nil {
			t.Errorf("ParseItem(%q) = %v", row, item)
		}
	}
}

func TestChangeKey(t *testing.T) {
	if got := ChangeKey(0x0102030405060708); string(got) != "l\x01\x02\x03\x04\x05\x06\x07\x08" {
		t.Errorf("ChangeKey = %q", got)
	}
	if seq, ok := ParseChangeKey(ChangeKey(77)); seq != 77 || !ok {
		t.Errorf("ParseChangeKey = %d, %v", seq, ok)
	}
	for _, key := range []string{"", "l", "l1234567", "l123456789", "r12345678"} {
		if seq, ok := ParseChangeKey([]byte(key)); ok {
			t.Errorf("ParseChangeKey(%q) = %d", key, seq)
		}
	}
}

// TestEntryBytes pins the stored form.
func TestEntryBytes(t *testing.T) {
	got := AppendEntry(nil, time.UnixMilli(1), []storage.Change{{Op: storage.OpRevoke, Key: []byte("rk"), Version: 300}})
	if want := "\x00\x01\x02\x01\x03\xac\x02\x02rk"; string(got) != want {
		t.Errorf("AppendEntry = %q, want %q", got, want)
	}
}

func FuzzEntry(f *testing.F) {
	now := time.UnixMilli(1790000000123)
	f.Add(AppendEntry(nil, now, []storage.Change{{Op: storage.OpCreate, Key: []byte("r\x0188.1/x"), Version: 1}}))
	f.Add(AppendEntry(nil, now, []storage.Change{{Op: 1, Key: nil, Version: 1 << 60}, {Op: 4, Key: []byte("n\x01a")}}))
	f.Add(AppendEntry(nil, time.Unix(-5, 0), nil))
	f.Add([]byte("\x00\x02"))
	f.Add([]byte("\x00\x01\x02\xff\xff\xff\xff\x0f"))
	f.Add([]byte("\x00\x01\x02\x01\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, row []byte) {
		e, err := ParseEntry(9, row)
		if err != nil {
			if e.Changes != nil || e.Seq != 0 {
				t.Errorf("an entry besides an error: %v", e)
			}
			return
		}
		own := bytes.Clone(row)
		clear(row) // the entry keeps nothing of it
		again, err := ParseEntry(9, AppendEntry(nil, e.Time, e.Changes))
		if err != nil {
			t.Fatalf("ParseEntry of what %q says: %v", own, err)
		}
		if diff := cmp.Diff(e, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-first +second):\n%s", own, diff)
		}
	})
}
