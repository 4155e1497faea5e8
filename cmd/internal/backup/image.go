package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/idnode/idnode/storage"
)

const (
	// StoreDir is where in the data directory the store is.
	StoreDir = "pebble"
	// SocketFile is the socket in the data directory on which a node gives its files.
	SocketFile = "backup.sock"
	// checkpointsDir is where in the data directory moments are pinned.
	checkpointsDir = "checkpoints"
	// depth bounds the directories below one another, should links go round in circles.
	depth = 8
)

// image is the data directory of a moment.
type image struct {
	dir      string // where it is pinned
	position storage.Seq
	files    []File         // without digests
	paths    []string       // where each is
	index    map[string]int // of a file, by its path
}

// newImage pins the data directory in dir: the store first, so that whatever it speaks of is among the files, which are looked at
// after it. A file that cannot be linked is read where it is.
func newImage(ctx context.Context, store storage.Checkpointer, dataDir, dir string) (m *image, err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	m = &image{dir: dir, index: make(map[string]int)}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.remove())
		}
	}()
	if m.position, err = store.Checkpoint(ctx, filepath.Join(dir, StoreDir)); err != nil {
		return nil, err
	}
	if err := m.add(filepath.Join(dir, StoreDir), StoreDir, false, 0); err != nil {
		return nil, err
	}
	return m, m.add(dataDir, "", true, 0)
}

func (m *image) remove() error { return os.RemoveAll(m.dir) }

// left reports whether a file or directory of the data directory is left out: the store, which has been copied, what is pinned,
// sockets, and what is being written.
func left(name string) bool {
	switch name {
	case StoreDir, checkpointsDir, SocketFile, UnfinishedFile:
		return true
	}
	return strings.Contains(name, ".new-") || strings.HasPrefix(name, ".") || strings.HasSuffix(name, partial)
}

// add adds what is in dir, under a name in the data directory.
func (m *image) add(dir, name string, pin bool, level int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if pin && left(e.Name()) || !pin && e.Name() == "LOCK" {
			continue
		}
		from, as := filepath.Join(dir, e.Name()), path.Join(name, e.Name())
		info, err := os.Stat(from)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has gone meanwhile
		}
		if err != nil {
			return err
		}
		switch {
		case info.IsDir() && level == depth:
			return fmt.Errorf("%s: more than %d directories below one another", from, depth)
		case info.IsDir():
			if err := m.add(from, as, pin, level+1); err != nil {
				return err
			}
			continue
		case !info.Mode().IsRegular():
			continue
		}
		if pin && e.Type().IsRegular() {
			to := filepath.Join(m.dir, filepath.FromSlash(as))
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				return err
			}
			switch err := os.Link(from, to); {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case err == nil:
				from = to
			}
		}
		m.index[as] = len(m.files)
		m.files = append(m.files, File{Path: as, Size: info.Size(), Modified: info.ModTime().UTC()})
		m.paths = append(m.paths, from)
	}
	return nil
}
