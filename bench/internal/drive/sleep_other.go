//go:build !linux

package drive

import "time"

// sleep sleeps as precisely as the runtime's timers do.
func sleep(d time.Duration) error {
	time.Sleep(d)
	return nil
}
