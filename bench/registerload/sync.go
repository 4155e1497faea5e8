package registerload

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

const syncs = 200 // writes that SyncTime tries

// SyncTime is the median time to write 4 KiB to a file in dir and sync it: no registration is
// acknowledged sooner.
func SyncTime(dir string) (_ time.Duration, err error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, fmt.Errorf("time a sync: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	times := make([]time.Duration, syncs)
	block := make([]byte, 4096)
	for i := range times {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("time a sync: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("time a sync: %w", err)
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return times[syncs/2], nil
}
