package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/storage"
)

const (
	format       = 1
	manifestName = "manifest.json"
	digestSuffix = ".sha256"
	filesDir     = "files"
	journalName  = "journal.jsonl"
	partial      = ".partial"
	nameLayout   = "20060102T150405.000Z"
)

// Manifest says what is in a backup.
type Manifest struct {
	Format   int              `json:"format"`
	Taken    time.Time        `json:"taken"`   // when the copied moment was
	Version  string           `json:"version"` // of the program that made the backup
	Store    string           `json:"store"`   // the identity of the store
	Position storage.Seq      `json:"position"`
	Rows     uint64           `json:"rows"`             // of all tables
	Octets   int64            `json:"octets"`           // of all files
	Tables   map[string]Table `json:"tables,omitempty"` // nil: they were not counted
	Files    []File           `json:"files"`
}

// File is a file of the data directory.
type File struct {
	Path     string    `json:"path"` // below the data directory, with "/"
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"` // in the node's data directory
	SHA256   string    `json:"sha256"`   // in hexadecimal digits
}

// same reports whether a file is one that was copied before.
func (f *File) same(g *File) bool {
	return f.Path == g.Path && f.Size == g.Size && f.Modified.Equal(g.Modified)
}

// ReadManifest reads the manifest of the backup in dir, and holds it to its digest.
func ReadManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, manifestName)
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	sum, err := os.ReadFile(path + digestSuffix)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if want, _, _ := strings.Cut(string(sum), " "); want != digest(raw) {
		return nil, fmt.Errorf("read manifest: %s has not the digest that %s tells", path, manifestName+digestSuffix)
	}
	m := new(Manifest)
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", path, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("%s has format %d, this version knows %d", path, m.Format, format)
	}
	for _, f := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return nil, fmt.Errorf("read manifest %s: %q leads out of the data directory", path, f.Path)
		}
	}
	return m, nil
}

func (m *Manifest) add(f File) {
	m.Files = append(m.Files, f)
	m.Octets += f.Size
}

func (m *Manifest) write(dir string) error {
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	if err := writeFile(filepath.Join(dir, manifestName), raw); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, manifestName+digestSuffix), fmt.Appendf(nil, "%s  %s\n", digest(raw), manifestName))
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// List returns the names of the complete backups in a destination, the oldest first.
func List(dest string) ([]string, error) {
	return list(dest, "")
}

func list(dest, suffix string) (names []string, err error) {
	entries, err := os.ReadDir(dest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), suffix)
		if _, err := time.Parse(nameLayout, stem); err == nil && ok && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// Find returns the directory of a backup: path itself, or the newest backup if it is a destination.
func Find(path string) (string, error) {
	if _, err := os.Stat(filepath.Join(path, manifestName)); err == nil {
		return path, nil
	}
	names, err := List(path)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fmt.Errorf("%s is no backup and holds none that is complete", path)
	}
	return filepath.Join(path, names[len(names)-1]), nil
}

// readJournal returns the files that are whole in a backup that was not finished, and the store that they are of. What the journal says
// last may have been cut off.
func readJournal(dir string) (store string, files []File) {
	raw, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		return "", nil
	}
	for line := range bytes.Lines(raw) {
		var f struct {
			Store string `json:"store"`
			File
		}
		if json.Unmarshal(line, &f) != nil || !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			continue
		}
		store, files = f.Store, append(files, f.File)
	}
	return store, files
}

func writeFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
