package drive

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// sleep blocks the calling thread for d.
func sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	ts := unix.NsecToTimespec(int64(d))
	if err := unix.Nanosleep(&ts, nil); err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	return nil
}
