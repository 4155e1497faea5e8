package target

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Data returns the data directory below parent that holds the first records of [Seed]'s corpus under
// Prefix. If there is none yet, the program loader (bench/corpusload) makes it.
func Data(ctx context.Context, loader, parent string, records uint64) (string, error) {
	dir, err := filepath.Abs(filepath.Join(parent, fmt.Sprintf("data-%d", records)))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	unfinished := dir + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	if err := Load(ctx, loader, unfinished, records); err != nil {
		return "", err
	}
	return dir, os.Rename(unfinished, dir)
}

// Seed is that of the corpus in data directories.
const Seed = 1

// Load makes a data directory at dir.
func Load(ctx context.Context, loader, dir string, records uint64) error {
	cmd := exec.CommandContext(ctx, loader, "--dir", dir, "--records", strconv.FormatUint(records, 10), "--prefix", Prefix, "--seed", strconv.Itoa(Seed))
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("load %d records: %w", records, err)
	}
	return nil
}

// Bounded is the environment of a node whose cache holds about one in a hundred of the records.
func Bounded(records uint64) []string {
	const recordSize = 700 // octets in the cache, about
	return []string{"IDNODE_CACHE_BYTES=" + strconv.FormatUint(max(records/100*recordSize, 256<<10), 10)}
}
