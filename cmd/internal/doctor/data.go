package doctor

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/idnode/idnode/cmd/internal/backup"
)

// ahead is how far in the future a file may have been changed, for clocks of other machines.
const ahead = time.Minute

// data looks at the data directory: whether it can be used, who else may read it, what it is on, how much room there is, how fast it is synced.
func (e *Examination) data() []Finding {
	dir := e.Config.DataDir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found := []Finding{ok("data_new", dir)}
		parent := filepath.Dir(filepath.Clean(dir))
		for parent != filepath.Dir(parent) {
			if _, err := os.Stat(parent); err == nil {
				break
			}
			parent = filepath.Dir(parent)
		}
		return append(found, e.disk(parent)...)
	case err == nil && !info.IsDir():
		err = errors.New("it is no directory")
	}
	if err != nil {
		return []Finding{failure("data_unusable", dir, err)}
	}
	var found []Finding
	if _, err := os.Stat(filepath.Join(dir, backup.UnfinishedFile)); err == nil {
		found = append(found, failure("data_unfinished", dir))
	}
	found = append(found, secrets(dir)...)
	if f := future(dir, time.Now()); f != nil {
		found = append(found, *f)
	}
	return append(found, e.disk(dir)...)
}

// disk looks at what dir is on.
func (e *Examination) disk(dir string) []Finding {
	found := e.volume(dir)
	took, err := syncs(dir, 200, 2*time.Second)
	if err != nil {
		return append(found, failure("data_unusable", dir, err))
	}
	median, high := took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond)
	switch {
	case high >= e.limits.fsyncError:
		found = append(found, failure("fsync_slow", median, high))
	case high >= e.limits.fsyncWarning:
		found = append(found, warning("fsync_slow", median, high))
	default:
		found = append(found, ok("fsync_ok", median, high))
	}
	return found
}

// syncs appends 4 KiB to a file and syncs it, at most n times and for at most so long, and returns how long each took, sorted.
func syncs(dir string, n int, most time.Duration) ([]time.Duration, error) {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := bytes.Repeat([]byte{0xa5}, 4096)
	var took []time.Duration
	for start := time.Now(); len(took) < n && (len(took) == 0 || time.Since(start) < most); {
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took, nil
}

// secrets are files in the data directory that others must not read. If they cannot come in, the files' own modes do not matter.
func secrets(dir string) (found []Finding) {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o011 == 0 {
		return nil
	}
	for _, pattern := range []string{"*.key", "*.key.*", "*.pem"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o044 != 0 {
				found = append(found, failure("data_open", name, info.Mode().Perm()))
			}
		}
	}
	return found
}

// future is the first file at the top of the store's directories that was changed after now.
func future(dir string, now time.Time) *Finding {
	for _, sub := range []string{".", backup.StoreDir, "querylog"} {
		entries, _ := os.ReadDir(filepath.Join(dir, sub))
		for _, entry := range entries {
			info, err := entry.Info()
			if err != nil {
				continue
			}
			if by := info.ModTime().Sub(now); by > ahead {
				f := failure("clock_behind", filepath.Join(dir, sub, entry.Name()), by.Round(time.Second))
				return &f
			}
		}
	}
	return nil
}
