package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/idnode/idnode/storage/pebblestore"
)

// UnfinishedFile is in a data directory that is being restored. A node does not start on it.
const UnfinishedFile = "restore.unfinished"

// Verify proves a backup: that each file is there with its digest and nothing else is, that the store opens, and, unless quick is set, that it
// holds the rows and digests that the manifest says. It changes nothing, and returns everything that is wrong, joined.
func Verify(ctx context.Context, dir string, quick bool) (*Manifest, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	var wrong []error
	listed := make(map[string]bool, len(m.Files))
	for i := range m.Files {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		f := &m.Files[i]
		listed[f.Path] = true
		if err := f.check(dir); err != nil {
			wrong = append(wrong, err)
		}
	}
	root := filepath.Join(dir, filesDir)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err == nil && !listed[filepath.ToSlash(rel)] {
			wrong = append(wrong, fmt.Errorf("%s is not in the manifest", filepath.ToSlash(rel)))
		}
		return err
	})
	if err != nil {
		wrong = append(wrong, err)
	}
	if len(wrong) > 0 {
		return m, errors.Join(wrong...)
	}
	c, err := inspect(ctx, filepath.Join(root, StoreDir), !quick && m.Tables != nil)
	if err != nil {
		return m, err
	}
	return m, errors.Join(c.compare(m)...)
}

// check holds a file of a backup to the manifest.
func (f *File) check(dir string) error {
	sum, err := digestFile(filepath.Join(dir, filesDir, filepath.FromSlash(f.Path)), f.Size)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is missing", f.Path)
	case err != nil:
		return fmt.Errorf("%s: %w", f.Path, err)
	case sum != f.SHA256:
		return fmt.Errorf("%s is damaged: its digest is %.16s…, the manifest says %.16s…", f.Path, sum, f.SHA256)
	}
	return nil
}

// RestoreOrder is a backup to be put back.
type RestoreOrder struct {
	Backup  string // the directory of one
	DataDir string

	// Link makes hard links of the store's tables in place of copies, on one file system, so that a large store is there at once. Tables
	// are never written to; a backup and the node that share a rotten one share the loss.
	Link bool

	// NoCount leaves out that the rows are counted and compared.
	NoCount bool
}

// Restore makes an empty data directory what it was. Every file is held to its digest, the store is opened as a node does and its rows
// are compared with the manifest. Until all that is done the directory has UnfinishedFile in it, which keeps a node from starting, and
// Restore from refusing to begin again.
func Restore(ctx context.Context, o RestoreOrder) (*Manifest, error) {
	m, err := ReadManifest(o.Backup)
	if err != nil {
		return nil, err
	}
	if err := clear(o.DataDir); err != nil {
		return nil, err
	}
	marker := filepath.Join(o.DataDir, UnfinishedFile)
	if err := errors.Join(writeFile(marker, []byte("A restore of this directory has not finished. Run idnode restore again.\n")), syncDir(o.DataDir)); err != nil {
		return nil, err
	}
	for i := range m.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := m.Files[i].restore(&o); err != nil {
			return nil, fmt.Errorf("restore %s: %w", m.Files[i].Path, err)
		}
	}
	if err := m.open(ctx, &o); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(o.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = syncDir(path)
		}
		return err
	})
	if err = errors.Join(err, os.Remove(marker), syncDir(o.DataDir)); err != nil {
		return nil, fmt.Errorf("finish restore: %w", err)
	}
	return m, nil
}

// clear makes dir an empty directory, from nothing or from a restore that was not finished. Anything else is refused.
func clear(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	again := false
	for _, e := range entries {
		again = again || e.Name() == UnfinishedFile
	}
	for _, e := range entries {
		switch {
		case e.Name() == "lost+found": // of a file system of its own
		case !again:
			return fmt.Errorf("the data directory %s is not empty: there is %s; restore to another one, or move it away", dir, e.Name())
		case e.Name() != UnfinishedFile:
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("remove what an earlier restore has left: %w", err)
			}
		}
	}
	return nil
}

func (f *File) restore(o *RestoreOrder) error {
	from, to := filepath.Join(o.Backup, filesDir, filepath.FromSlash(f.Path)), filepath.Join(o.DataDir, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if o.Link && strings.HasPrefix(f.Path, StoreDir+"/") && strings.HasSuffix(f.Path, ".sst") {
		if err := f.check(o.Backup); err != nil {
			return err
		}
		if os.Link(from, to) == nil {
			return nil
		}
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if info.Size() != f.Size {
		return fmt.Errorf("it has %d octets, the manifest says %d", info.Size(), f.Size)
	}
	sum, err := copyFile(to, in, f.Size)
	if err == nil && sum != f.SHA256 {
		err = fmt.Errorf("it is damaged: its digest is %.16s…, the manifest says %.16s…", sum, f.SHA256)
	}
	return err
}

// open opens the store as a node does, and compares.
func (m *Manifest) open(ctx context.Context, o *RestoreOrder) (err error) {
	s, err := pebblestore.Open(filepath.Join(o.DataDir, StoreDir), pebblestore.Options{CacheBytes: readCache})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	c, err := count(ctx, s, !o.NoCount && m.Tables != nil)
	if err != nil {
		return err
	}
	if wrong := c.compare(m); len(wrong) > 0 {
		return fmt.Errorf("the restored store is not what was saved: %w", errors.Join(wrong...))
	}
	return nil
}
