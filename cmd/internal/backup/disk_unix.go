//go:build unix

package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lock keeps two backups from one destination. On a file system without locks it is not held.
func lock(dest string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dest, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock destination: %w", err)
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		f.Close()
		return nil, fmt.Errorf("another backup to %s is under way", dest)
	case err != nil && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENOSYS):
		f.Close()
		return nil, fmt.Errorf("lock destination: %w", err)
	}
	return func() { f.Close() }, nil
}

// freeSpace is the octets that may still be written below dir.
func freeSpace(dir string) (octets int64, ok bool) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true
}
