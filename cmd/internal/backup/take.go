package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/idnode/idnode/storage/pebblestore"
)

// Order is a backup to be made.
type Order struct {
	// Socket is that of the node. Default: backup.sock in DataDir, whose store is read in place if nobody listens there.
	Socket  string
	DataDir string

	// Destination is the directory in which the backup gets a directory of its own.
	Destination string

	// Keep is how many complete backups stay in the destination, the new one included. 0: all.
	Keep int

	// NoCount leaves out that every row is read and counted, which takes half a second for each million: the
	// manifest then has the digests of the files, the identity of the store and its place in the change log.
	NoCount bool

	// NoQueryLog leaves out the log of resolution requests.
	NoQueryLog bool

	// Version is told in the manifest if no node runs, and Logger what is worth knowing. Default: discard.
	Version string
	Logger  *slog.Logger
}

// Result is what a backup came to.
type Result struct {
	Directory string        `json:"directory"`
	Manifest  *Manifest     `json:"-"`
	Copied    Amount        `json:"copied"`
	Linked    Amount        `json:"linked"` // had been copied before
	Took      time.Duration `json:"-"`
}

// Amount is a number of files and their octets.
type Amount struct {
	Files  int   `json:"files"`
	Octets int64 `json:"octets"`
}

func (a *Amount) add(f *File) {
	a.Files++
	a.Octets += f.Size
}

// ErrNoSpace says that the destination is full. What was there before is as it was.
var ErrNoSpace = errors.New("no space left at the destination")

// Take makes a backup. Whatever goes wrong, earlier backups are as they were, and what was copied whole is used by the next run.
func Take(ctx context.Context, o Order) (*Result, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	start := time.Now()
	if err := os.MkdirAll(o.Destination, 0o700); err != nil {
		return nil, fmt.Errorf("create destination: %w", err)
	}
	unlock, err := lock(o.Destination)
	if err != nil {
		return nil, err
	}
	defer unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	src, err := o.source(ctx)
	if err != nil {
		return nil, err
	}
	t := &taker{o: &o, src: src, list: src.listing(), known: make(map[string]known)}
	r, err := t.take(ctx)
	if err == nil {
		last := lastBackup{r.Manifest.Taken, r.Manifest.Position}
		if err := src.done(ctx, last); err != nil {
			o.Logger.Warn("the node was not told of the backup", "err", err)
		}
	}
	cancel() // ends the checkpoint of a node
	if err = errors.Join(err, src.Close()); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("%w: %w", ErrNoSpace, err)
		}
		return nil, err
	}
	if err := t.prune(); err != nil {
		o.Logger.Warn("old backups were not removed", "err", err)
	}
	r.Took = time.Since(start)
	return r, nil
}

// source is the node on the socket or, if there is none, the data directory.
func (o *Order) source(ctx context.Context) (source, error) {
	if o.Socket != "" {
		return connect(ctx, o.Socket)
	}
	src, err := connect(ctx, filepath.Join(o.DataDir, SocketFile))
	if errors.Is(err, errNoNode) {
		return openLocal(ctx, o.DataDir, o.Version)
	}
	return src, err
}

// queryLog begins the names of the log of resolution requests.
const queryLog = "querylog/"

// known is a file that stands in the destination.
type known struct {
	File
	at string
}

// taker makes one backup.
type taker struct {
	o       *Order
	src     source
	list    *listing
	files   []File           // that are to be in the backup
	known   map[string]known // by path, the newest
	dir     string           // of the backup
	journal *os.File
	result  Result
}

func (t *taker) take(ctx context.Context) (r *Result, err error) {
	if err := t.outside(); err != nil {
		return nil, err
	}
	for _, f := range t.list.Files {
		if !t.o.NoQueryLog || !strings.HasPrefix(f.Path, queryLog) {
			t.files = append(t.files, f)
		}
	}
	if err := t.learn(); err != nil {
		return nil, err
	}
	name, err := t.name()
	if err != nil {
		return nil, err
	}
	t.dir = filepath.Join(t.o.Destination, name+partial)
	if err := os.MkdirAll(filepath.Join(t.dir, filesDir), 0o700); err != nil {
		return nil, fmt.Errorf("create backup: %w", err)
	}
	if t.journal, err = os.OpenFile(filepath.Join(t.dir, journalName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("create backup: %w", err)
	}
	defer t.journal.Close()
	if err := t.room(); err != nil {
		return nil, err
	}
	m := &Manifest{Format: format, Taken: t.list.Taken, Version: t.list.Version}
	var fresh []File
	for _, f := range t.files {
		switch ok, err := t.reuse(ctx, &f); {
		case err != nil:
			return nil, fmt.Errorf("take over %s: %w", f.Path, err)
		case ok:
			m.add(f)
		default:
			fresh = append(fresh, f)
		}
	}
	// What was of use in backups that were not finished is in this one now.
	if err := t.removePartial(filepath.Base(t.dir)); err != nil {
		return nil, err
	}
	for _, f := range fresh {
		switch ok, err := t.copy(ctx, &f); {
		case err != nil:
			return nil, fmt.Errorf("copy %s: %w", f.Path, err)
		case ok:
			m.add(f)
		}
	}
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	if err := t.prove(ctx, m); err != nil {
		return nil, err
	}
	if err := t.finish(m, name); err != nil {
		return nil, fmt.Errorf("finish backup: %w", err)
	}
	t.result.Manifest = m
	return &t.result, nil
}

// outside refuses a destination in the data directory: it would be in the next backup.
func (t *taker) outside() error {
	dest, err := filepath.Abs(t.o.Destination)
	if err != nil {
		return err
	}
	if dest, err = filepath.EvalSymlinks(dest); err != nil {
		return err
	}
	if data, err := filepath.EvalSymlinks(t.list.DataDir); err == nil && t.o.Socket == "" {
		if rel, err := filepath.Rel(data, dest); err == nil && filepath.IsLocal(rel) {
			return fmt.Errorf("the destination %s is in the data directory %s, which is what is to be saved", dest, data)
		}
	}
	return nil
}

// learn finds what is there already: in the newest complete backup and, newer than that, in those that were not finished.
func (t *taker) learn() error {
	done, err := List(t.o.Destination)
	if err != nil {
		return err
	}
	note := func(dir string, files []File) {
		for _, f := range files {
			t.known[f.Path] = known{f, filepath.Join(dir, filesDir, filepath.FromSlash(f.Path))}
		}
	}
	if len(done) > 0 {
		dir := filepath.Join(t.o.Destination, done[len(done)-1])
		switch m, err := ReadManifest(dir); {
		case err != nil:
			t.o.Logger.Warn("the newest backup is damaged: everything is copied", "err", err)
		case m.Store != t.list.Store:
			return fmt.Errorf("%s holds backups of another store, %s: take another directory for %s", t.o.Destination, m.Store, t.list.Store)
		default:
			note(dir, m.Files)
		}
	}
	broken, err := list(t.o.Destination, partial)
	if err != nil {
		return err
	}
	for _, name := range broken {
		dir := filepath.Join(t.o.Destination, name)
		if store, files := readJournal(dir); store == t.list.Store {
			note(dir, files)
		}
	}
	return nil
}

// name is that of a directory that is not there: the moment of the backup.
func (t *taker) name() (string, error) {
	for at := t.list.Taken; ; at = at.Add(time.Millisecond) {
		name := at.UTC().Format(nameLayout)
		for _, suffix := range []string{"", partial} {
			_, err := os.Lstat(filepath.Join(t.o.Destination, name+suffix))
			if err == nil {
				name = ""
				break
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
		}
		if name != "" {
			return name, nil
		}
	}
}

// room refuses at once what cannot fit.
func (t *taker) room() error {
	var need int64
	for i := range t.files {
		f := &t.files[i]
		if k := t.known[f.Path]; !k.same(f) {
			need += f.Size
		}
	}
	// Where nobody can tell, it is found out in the end.
	if free, ok := freeSpace(t.dir); ok && free < need {
		return fmt.Errorf("%w: %d octets are to be copied, %d are free", ErrNoSpace, need, free)
	}
	return nil
}

// place is where f belongs in the backup.
func (t *taker) place(f *File) (string, error) {
	to := filepath.Join(t.dir, filesDir, filepath.FromSlash(f.Path))
	return to, os.MkdirAll(filepath.Dir(to), 0o700)
}

// note writes into the journal that f is in the backup.
func (t *taker) note(f *File) error {
	line, err := json.Marshal(struct {
		Store string `json:"store"`
		File
	}{t.list.Store, *f})
	if err == nil {
		_, err = t.journal.Write(append(line, '\n'))
	}
	return err
}

// reuse puts f into the backup if it is in the destination already and still is what it was.
func (t *taker) reuse(ctx context.Context, f *File) (ok bool, err error) {
	k, ok := t.known[f.Path]
	if !ok || !k.same(f) {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	to, err := t.place(f)
	if err != nil {
		return false, err
	}
	sum, err := digestFile(k.at, k.Size)
	if err == nil && sum != k.SHA256 {
		err = errors.New("it has another digest than when it was copied")
	}
	if err == nil {
		err = os.Link(k.at, to)
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EMLINK) { // a file system without links
		var in *os.File
		if in, err = os.Open(k.at); err == nil {
			_, err = copyFile(to, in, k.Size)
			err = errors.Join(err, in.Close())
		}
	}
	if err != nil {
		_ = os.Remove(to)
		if errors.Is(err, syscall.ENOSPC) {
			return false, err
		}
		t.o.Logger.Warn("a file of an earlier backup is copied again", "file", k.at, "err", err)
		return false, nil
	}
	f.SHA256 = k.SHA256
	t.result.Linked.add(f)
	return true, t.note(f)
}

// copy copies f into the backup. It is not ok if it has been removed since it was listed.
func (t *taker) copy(ctx context.Context, f *File) (ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	to, err := t.place(f)
	if err != nil {
		return false, err
	}
	in, err := t.src.open(ctx, f)
	if errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(f.Path, StoreDir+"/") {
		t.o.Logger.Info("a file was removed meanwhile", "file", f.Path)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f.SHA256, err = copyFile(to, in, f.Size)
	if err = errors.Join(err, in.Close()); err != nil {
		_ = os.Remove(to)
		return false, err
	}
	t.result.Copied.add(f)
	return true, t.note(f)
}

// prove opens the store that was copied, and says in the manifest what is in it.
func (t *taker) prove(ctx context.Context, m *Manifest) error {
	c, err := inspect(ctx, filepath.Join(t.dir, filesDir, StoreDir), !t.o.NoCount)
	if err != nil {
		return fmt.Errorf("the copy is no store: %w", err)
	}
	if c.store != t.list.Store || c.position < t.list.Position {
		return fmt.Errorf("the copy is of store %s and reaches place %d; the node said %s and %d", c.store, c.position, t.list.Store, t.list.Position)
	}
	m.Store, m.Position, m.Tables, m.Rows = c.store, c.position, c.tables, c.rows()
	return nil
}

// inspect reads a store without changing it.
func inspect(ctx context.Context, dir string, all bool) (c counted, err error) {
	s, err := pebblestore.Open(dir, pebblestore.Options{CacheBytes: readCache, ReadOnly: true})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return count(ctx, s, all)
}

// finish makes the backup one that counts, and durable.
func (t *taker) finish(m *Manifest, name string) error {
	if err := m.write(t.dir); err != nil {
		return err
	}
	if err := errors.Join(t.journal.Close(), os.Remove(filepath.Join(t.dir, journalName))); err != nil {
		return err
	}
	err := filepath.WalkDir(t.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = syncDir(path)
		}
		return err
	})
	if err != nil {
		return err
	}
	t.result.Directory = filepath.Join(t.o.Destination, name)
	if err := os.Rename(t.dir, t.result.Directory); err != nil {
		return err
	}
	return syncDir(t.o.Destination)
}

// removePartial removes the backups that were not finished, but for one.
func (t *taker) removePartial(but string) error {
	old, err := list(t.o.Destination, partial)
	if err != nil {
		return err
	}
	for _, name := range old {
		if name == but {
			continue
		}
		if err := os.RemoveAll(filepath.Join(t.o.Destination, name)); err != nil {
			return fmt.Errorf("remove a backup that was not finished: %w", err)
		}
	}
	return nil
}

// prune removes the oldest backups beyond those to keep. First their names go: what is half removed is no backup.
func (t *taker) prune() error {
	done, err := List(t.o.Destination)
	if err != nil || t.o.Keep <= 0 || len(done) <= t.o.Keep {
		return err
	}
	for _, name := range done[:len(done)-t.o.Keep] {
		at := filepath.Join(t.o.Destination, name)
		if err := os.Rename(at, at+partial); err != nil {
			return err
		}
	}
	return t.removePartial("")
}

// copyFile writes size octets of in to a new file, syncs it and returns their digest.
func copyFile(to string, in io.Reader, size int64) (sum string, err error) {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(in, size))
	if err == nil && n != size {
		err = fmt.Errorf("it ends after %d of %d octets", n, size)
	}
	if err == nil {
		err = f.Sync()
	}
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// digestFile reads a file, which must have size octets.
func digestFile(path string, size int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err == nil && n != size {
		err = fmt.Errorf("it has %d octets, not %d", n, size)
	}
	return hex.EncodeToString(h.Sum(nil)), err
}
