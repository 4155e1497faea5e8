package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/idnode/idnode/storage"
)

// smallDisk is a file system that says how much room it has.
type smallDisk struct {
	vfs.FS
	avail atomic.Uint64
	asked atomic.Int64
}

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	d.asked.Add(1)
	return vfs.DiskUsage{AvailBytes: d.avail.Load()}, nil
}

func one(key string) *storage.Batch {
	var b storage.Batch
	b.Put([]byte(key), []byte("v"), 0)
	b.Log(storage.Change{Op: storage.OpCreate, Key: []byte(key), Version: 1})
	return &b
}

func TestNoSpace(t *testing.T) {
	disk := &smallDisk{FS: vfs.NewMem()}
	disk.avail.Store(1 << 30)
	s := openMem(t, disk, Options{MinFreeBytes: 1 << 20})
	defer s.Close()
	seq, err := s.Apply(t.Context(), one("ra"))
	if err != nil {
		t.Fatal(err)
	}
	disk.avail.Store(1<<20 - 1)
	look := func() { s.space.next.Store(0) } // as a second later
	look()
	if _, err := s.Apply(t.Context(), one("rb")); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("Apply on a full disk: %v, want ErrNoSpace", err)
	}
	if err := s.Health(); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("Health on a full disk: %v, want ErrNoSpace", err)
	}
	if _, err := s.Get(t.Context(), []byte("ra")); err != nil {
		t.Errorf("Get on a full disk: %v", err)
	}
	if _, err := s.Get(t.Context(), []byte("rb")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Get of what was refused: %v, want ErrNotFound", err)
	}
	// What makes room goes on.
	if err := s.Trim(t.Context(), seq); err != nil {
		t.Errorf("Trim on a full disk: %v", err)
	}
	if err := s.DeleteRange(t.Context(), []byte("i"), []byte("j")); err != nil {
		t.Errorf("DeleteRange on a full disk: %v", err)
	}
	asked := disk.asked.Load()
	for range 1000 {
		s.Apply(t.Context(), one("rb"))
	}
	if n := disk.asked.Load() - asked; n > 10 {
		t.Errorf("the disk was asked %d times in a moment", n)
	}
	disk.avail.Store(1 << 30)
	look()
	if err := s.Health(); err != nil {
		t.Errorf("Health with room again: %v", err)
	}
	if _, err := s.Apply(t.Context(), one("rb")); err != nil {
		t.Errorf("Apply with room again: %v", err)
	}
}

// TestDiskFull has the disk fill up without a warning: every caller gets an answer, reads go on,
// and what was acknowledged is there after a restart.
func TestDiskFull(t *testing.T) {
	for name, kinds := range map[string][]errorfs.OpKind{
		"write": {errorfs.OpFileWrite},
		"sync":  {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
	} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			var full atomic.Bool
			fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if full.Load() && strings.HasSuffix(op.Path, ".log") && slices.Contains(kinds, op.Kind) {
					return syscall.ENOSPC
				}
				return nil
			}))
			s := openMem(t, fs, Options{})
			var mu sync.Mutex
			acked := make(map[string]bool)
			var wg sync.WaitGroup
			for w := range 8 {
				wg.Go(func() {
					for i := 0; ; i++ {
						key := fmt.Sprintf("r%d/%d", w, i)
						_, err := s.Apply(t.Context(), one(key))
						if err != nil {
							if !errors.Is(err, storage.ErrUnavailable) {
								t.Errorf("Apply: %v, want ErrUnavailable", err)
							}
							return
						}
						mu.Lock()
						acked[key] = true
						mu.Unlock()
					}
				})
			}
			waiter := make(chan error, 1)
			go func() { waiter <- s.Wait(t.Context(), 1<<60) }()
			time.Sleep(20 * time.Millisecond)
			full.Store(true)
			wg.Wait()
			if err := <-waiter; !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("Wait: %v, want ErrUnavailable", err)
			}
			for name, err := range map[string]error{
				"Health": s.Health(), "Apply": second(s.Apply(t.Context(), one("rx"))), "Snapshot": second(s.Snapshot(t.Context())),
				"Trim": s.Trim(t.Context(), 1), "DeleteRange": s.DeleteRange(t.Context(), []byte("i"), []byte("j")),
			} {
				if !errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("%s of a failed store: %v, want ErrUnavailable", name, err)
				}
			}
			for key := range acked {
				if _, err := s.Get(t.Context(), []byte(key)); err != nil {
					t.Fatalf("Get of a failed store: %v", err)
				}
			}
			if err := s.Close(); !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("Close of a failed store: %v, want ErrUnavailable", err)
			}
			after := openMem(t, mem.CrashClone(vfs.CrashCloneCfg{}), Options{})
			defer after.Close()
			for key := range acked {
				if _, err := after.Get(t.Context(), []byte(key)); err != nil {
					t.Fatalf("acknowledged %s after a restart: %v", key, err)
				}
			}
			t.Logf("%d acknowledged", len(acked))
		})
	}
}

func second[T any](_ T, err error) error { return err }

// TestTableSpace has no room for tables while the log can still be written: writes are refused
// until a flush succeeds.
func TestTableSpace(t *testing.T) {
	var full atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && strings.HasSuffix(op.Path, ".sst") {
			time.Sleep(time.Millisecond) // Pebble tries again at once
			return syscall.ENOSPC
		}
		return nil
	}))
	s := openMem(t, fs, Options{})
	defer s.Close()
	full.Store(true)
	big := make([]byte, 100<<10)
	refused := false
	for i := 0; i < 30 && !refused; i++ {
		var b storage.Batch
		b.Put(fmt.Appendf(nil, "r%d", i), big, 0)
		_, err := s.Apply(t.Context(), &b)
		if refused = errors.Is(err, storage.ErrNoSpace); err != nil && !refused {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := s.Health(); !refused || !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("no room for tables: refused %v, Health %v, want ErrNoSpace", refused, err)
	}
	full.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for s.Health() != nil && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Apply(t.Context(), one("rafter")); err != nil {
		t.Errorf("Apply with room again: %v", err)
	}
}

func TestOpenTwice(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "another node") {
		t.Errorf("second Open: %v, want an error that says why", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFormat(t *testing.T) {
	fs := vfs.NewMem()
	s := openMem(t, fs, Options{})
	item, err := s.Get(t.Context(), storage.MetaKey("format"))
	if err != nil || !strings.HasPrefix(string(item.Value), `{"format":1,`) {
		t.Fatalf("format = %s, %v", item.Value, err)
	}
	var b storage.Batch
	b.Set(storage.MetaKey("format"), []byte(`{"format":2}`))
	if _, err := s.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a refused Open leaves the directory free
		_, err := Open("data", Options{FS: fs})
		if err == nil || !strings.Contains(err.Error(), "format 2") {
			t.Errorf("Open of a newer format: %v, want an error that says so", err)
		}
	}

	db, err := pebble.Open("other", &pebble.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Set([]byte("x"), nil, pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("other", Options{FS: fs}); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("Open of another program's store: %v, want an error that says so", err)
	}
}
