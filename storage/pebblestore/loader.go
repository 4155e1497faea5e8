package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/internal/rowenc"
)

// Loader fills a store with rows that come in the order of their keys. It writes them as tables
// straight away and has Pebble take these in at the end, all or none: no log, no memtable, no
// compaction. The change log says nothing of these rows, so nobody may be following the store. A
// Loader belongs to one goroutine; it writes tables on one more for each processor, and holds the rows
// of as many tables and one, 64 MiB each.
type Loader struct {
	s      *Store
	fs     vfs.FS
	tables string // directory of tables that the store has not taken in yet
	write  sstable.WriterOptions
	bytes  int // of a run

	run   *run // being filled
	last  []byte
	spans [][2][]byte // first and last key of each table
	paths []string    // of the tables
	err   error       // first of Add

	full    chan *run
	empty   chan *run
	writers sync.WaitGroup
	mu      sync.Mutex
	failed  error // first of a writer
}

// run is the rows of one table to be, one after another in buf.
type run struct {
	path string
	buf  []byte
	ends []uint32 // where each key and each row's value ends in buf, in turn
}

// NewLoader opens the store in directory dir, which nobody else may have open, and creates it if
// there is none. The options are those of Open.
func NewLoader(dir string, o Options) (*Loader, error) {
	o.setDefaults()
	s, err := Open(dir, o)
	if err != nil {
		return nil, err
	}
	p := o.pebble()
	p.EnsureDefaults()
	n := max(1, runtime.GOMAXPROCS(0))
	l := &Loader{
		s:      s,
		fs:     o.FS,
		tables: o.FS.PathJoin(dir, "load"),
		bytes:  o.layout.load,
		write:  p.MakeWriterOptions(len(p.Levels)-1, s.db.TableFormat()),
		full:   make(chan *run),
		empty:  make(chan *run, n+1),
	}
	// What a load that did not end has left behind is of no use.
	err = l.fs.RemoveAll(l.tables)
	if err == nil {
		err = l.fs.MkdirAll(l.tables, 0o700)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("make directory of tables: %w", err)
	}
	for range n + 1 {
		l.empty <- new(run)
	}
	for range n {
		l.writers.Go(l.writeTables)
	}
	return l, nil
}

// Add adds a row. The key is greater than that before and must not be in the store. The octets are
// the caller's again when Add returns.
func (l *Loader) Add(key []byte, version uint64, value []byte) error {
	if l.err == nil {
		l.err = l.add(key, version, value)
	}
	return l.err
}

func (l *Loader) add(key []byte, version uint64, value []byte) error {
	if len(key) == 0 || bytes.Compare(key, l.last) <= 0 {
		return fmt.Errorf("load: key %x does not follow %x", key, l.last)
	}
	size := len(key) + rowenc.ItemSize(version, value)
	if size > l.bytes {
		return fmt.Errorf("load: row of key %x has %d octets, at most %d are possible", key, size, l.bytes)
	}
	// A table of the storage layer begins a table of its own here, lest a span holds what lies between.
	if l.run != nil && (len(l.run.buf)+size > l.bytes || storage.TableOf(key) != storage.TableOf(l.last)) {
		if err := l.finishRun(); err != nil {
			return err
		}
	}
	if l.run == nil {
		l.run = <-l.empty
		l.run.path = l.fs.PathJoin(l.tables, fmt.Sprintf("%06d.sst", len(l.paths)))
		l.run.buf, l.run.ends = l.run.buf[:0], l.run.ends[:0]
		l.paths = append(l.paths, l.run.path)
		l.spans = append(l.spans, [2][]byte{bytes.Clone(key), nil})
	}
	r := l.run
	r.buf = append(r.buf, key...)
	r.ends = append(r.ends, uint32(len(r.buf)))
	r.buf = rowenc.AppendItem(r.buf, version, value)
	r.ends = append(r.ends, uint32(len(r.buf)))
	l.last = append(l.last[:0], key...)
	return nil
}

// finishRun hands the run on to a writer.
func (l *Loader) finishRun() error {
	l.spans[len(l.spans)-1][1] = bytes.Clone(l.last)
	l.full <- l.run
	l.run = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// writeTables is one writer.
func (l *Loader) writeTables() {
	for r := range l.full {
		if err := l.writeTable(r); err != nil {
			l.mu.Lock()
			l.failed = errors.Join(l.failed, fmt.Errorf("load: write table: %w", err))
			l.mu.Unlock()
		}
		l.empty <- r
	}
}

func (l *Loader) writeTable(r *run) error {
	f, err := l.fs.Create(r.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f), l.write)
	begin := uint32(0)
	for i := 0; i < len(r.ends); i += 2 {
		key, end := r.ends[i], r.ends[i+1]
		if err := w.Set(r.buf[begin:key], r.buf[key:end]); err != nil {
			return errors.Join(err, w.Close())
		}
		begin = end
	}
	return w.Close() // synced
}

// Close has the store take the rows in and closes it. After an error, one of Add's included, the
// store holds what it held before.
func (l *Loader) Close() error {
	if l.run != nil && l.err == nil {
		l.err = l.finishRun()
	}
	close(l.full)
	l.writers.Wait()
	err := l.err
	if err == nil {
		err = l.failed
	}
	if err == nil {
		err = l.ingest()
	}
	return errors.Join(err, l.fs.RemoveAll(l.tables), l.s.Close())
}

func (l *Loader) ingest() error {
	if len(l.paths) == 0 {
		return nil
	}
	iter, err := l.s.db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("load: %w", unavailable(err))
	}
	for _, span := range l.spans {
		if iter.SeekGE(span[0]) && bytes.Compare(iter.Key(), span[1]) <= 0 {
			err = fmt.Errorf("load: the store has key %x among those that are loaded: %w", iter.Key(), storage.ErrConflict)
			break
		}
	}
	if err := errors.Join(err, iter.Close()); err != nil {
		return err
	}
	return l.s.apart(func() error {
		if err := l.s.db.Ingest(context.Background(), l.paths); err != nil {
			return fmt.Errorf("load: take tables in: %w", unavailable(err))
		}
		return nil
	})
}
