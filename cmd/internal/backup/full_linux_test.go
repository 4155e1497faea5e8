package backup

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// TestFullDestination: a destination that is too small, or fills up on the way, is told of as such; earlier backups stay, and with more room
// the next run goes on where this one was.
func TestFullDestination(t *testing.T) {
	n := sample(t)
	defer n.stop()
	dest := t.TempDir()
	disk := func(flags uintptr, size string, files int) {
		t.Helper()
		if err := syscall.Mount("tmpfs", dest, "tmpfs", flags, fmt.Sprintf("size=%s,nr_inodes=%d,mode=0700", size, files)); err != nil {
			t.Skipf("mount a small disk: %v", err)
		}
	}
	disk(0, "2m", 1000)
	defer func() { _ = syscall.Unmount(dest, syscall.MNT_DETACH) }()
	full := func(want string) {
		t.Helper()
		for i := range 2 {
			if _, err := Take(t.Context(), Order{DataDir: n.dir, Destination: dest}); !errors.Is(err, ErrNoSpace) || i == 0 && !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, want %v: %s", err, ErrNoSpace, want)
			}
		}
	}
	full("octets are to be copied")
	disk(syscall.MS_REMOUNT, "64m", 18) // the octets would fit, and no more than some of the files do
	full("copy ")
	disk(syscall.MS_REMOUNT, "64m", 1000)
	whole := take(t, Order{DataDir: n.dir, Destination: dest})
	if whole.Linked.Files == 0 {
		t.Errorf("nothing was there of what had been copied: %+v", whole)
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dest, &fs); err != nil {
		t.Fatal(err)
	}
	n.write(t, 4000, 8000)
	disk(syscall.MS_REMOUNT, "64m", int(fs.Files-fs.Ffree)+9)
	full("")
	if _, err := Verify(t.Context(), whole.Directory, false); err != nil {
		t.Errorf("the earlier backup: %v", err)
	}
}
