package querylog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	magic         = "idnodeQ1"
	blockMagic    = "QLB1"
	blockHead     = 36
	suffix        = ".iql"
	nameLayout    = "20060102T150405.000Z"
	segmentOctets = 64 << 20
	segmentTime   = time.Hour
	sweepEvery    = 10 * time.Minute
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Options are the parts of a Log.
type Options struct {
	Dir       string               // required
	Retention time.Duration        // how long entries are kept; 0: for ever
	MaxBytes  int64                // the most octets of all segments; 0: no bound. What is older goes, retention or not
	Free      func() error         // why nothing more may be written to the disk, or nil; default: it always may
	Written   func(Place, []Entry) // is told what has been written, and where the log goes on behind it; entries are good until it returns
	Clock     func() time.Time     // default time.Now
	Logger    *slog.Logger         // default slog.Default()

	Registerer prometheus.Registerer // takes the metrics; default none
}

// Log is a log of queries in a directory.
type Log struct {
	o       Options
	pens    [len(fronts)]pens
	spare   chan *chunk
	full    chan *chunk
	chunks  atomic.Int64
	most    int64
	dropped atomic.Uint64

	written atomic.Uint64 // entries
	octets  atomic.Int64  // of all segments
	oldest  atomic.Int64  // when the oldest segment was begun, milliseconds; 0: there is none

	// Of the writer alone.
	pack     *zstd.Encoder
	file     *os.File
	name     string
	size     int64
	begun    time.Time
	block    []byte
	entries  []Entry
	failing  bool // the last block could not be written
	cutShort bool // MaxBytes has cut the retention short
}

// New returns the log of a directory, which need not be there.
func New(o Options) (*Log, error) {
	if o.Dir == "" {
		return nil, errors.New("querylog needs a directory")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Free == nil {
		o.Free = func() error { return nil }
	}
	procs := runtime.GOMAXPROCS(0)
	l := &Log{o: o, most: int64((len(fronts)-1)*procs + chunksReady)}
	l.spare, l.full = make(chan *chunk, l.most), make(chan *chunk, l.most)
	for f := range l.pens {
		for range procs {
			l.pens[f].all = append(l.pens[f].all, &Pen{l: l, front: Front(f)})
		}
	}
	var err error
	if l.pack, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)); err != nil {
		return nil, err
	}
	if err := l.register(o.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return l, l.measure()
}

func (l *Log) register(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "idnode_query_log_dropped_total", Help: "Queries that are not in the query log, because the disk was slow or full."},
			func() float64 { return float64(l.dropped.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "idnode_query_log_entries_total", Help: "Queries written to the query log."},
			func() float64 { return float64(l.written.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "idnode_query_log_bytes", Help: "Octets of the query log."},
			func() float64 { return float64(l.octets.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "idnode_query_log_oldest_seconds", Help: "Age of the oldest segment of the query log."}, func() float64 {
			if t := l.oldest.Load(); t > 0 {
				return l.o.Clock().Sub(time.UnixMilli(t)).Seconds()
			}
			return 0
		}),
	} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// Run writes until ctx ends, and then what there is.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery / 2)
	defer tick.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	l.sweep()
	for {
		select {
		case <-ctx.Done():
			l.flush(l.o.Clock().Add(time.Hour))
			l.drain()
			l.close()
			return
		case c := <-l.full:
			l.write(c)
		case <-tick.C:
			l.flush(l.o.Clock().Add(-flushEvery / 2))
			if l.file != nil && l.o.Clock().Sub(l.begun) >= segmentTime {
				l.close()
			}
		case <-sweep.C:
			l.sweep()
		}
	}
}

// flush has the pens hand over what has waited since before the time.
func (l *Log) flush(before time.Time) {
	for f := range l.pens {
		for _, p := range l.pens[f].all {
			p.flush(before)
		}
	}
}

// drain writes what has been handed over.
func (l *Log) drain() {
	for {
		select {
		case c := <-l.full:
			l.write(c)
		default:
			return
		}
	}
}

// write writes a chunk as a block. One that cannot be written is dropped.
func (l *Log) write(c *chunk) {
	defer l.release(c)
	if err := l.append(c); err != nil {
		l.dropped.Add(uint64(c.entries))
		if !l.failing {
			l.o.Logger.Error("queries are not logged", "err", err)
		}
		l.failing = true
		l.close()
		return
	}
	if l.failing {
		l.o.Logger.Info("queries are logged again")
		l.failing = false
	}
	l.written.Add(uint64(c.entries))
	if l.o.Written == nil {
		return
	}
	l.entries = l.entries[:0]
	for rest := c.octets; len(rest) > 0; {
		e, after, err := parseEntry(rest)
		if err != nil {
			panic("querylog: a pen wrote a broken entry")
		}
		l.entries, rest = append(l.entries, e), after
	}
	l.o.Written(Place{l.name, l.size}, l.entries)
}

func (l *Log) append(c *chunk) error {
	if err := l.o.Free(); err != nil {
		return err
	}
	if l.file == nil || l.size >= segmentOctets {
		if err := l.begin(); err != nil {
			return err
		}
	}
	b := append(l.block[:0], blockMagic...)
	b = append(b, make([]byte, blockHead-len(blockMagic))...)
	b = l.pack.EncodeAll(c.octets, b)
	data := b[blockHead:]
	binary.LittleEndian.PutUint32(b[4:], uint32(len(data)))
	binary.LittleEndian.PutUint32(b[8:], uint32(len(c.octets)))
	binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(data, castagnoli))
	binary.LittleEndian.PutUint32(b[16:], c.entries)
	binary.LittleEndian.PutUint64(b[20:], uint64(c.least/1000))
	binary.LittleEndian.PutUint64(b[28:], uint64(c.most/1000))
	l.block = b
	n, err := l.file.Write(b)
	l.octets.Add(int64(n))
	if err != nil {
		return err // what was written of it ends the segment
	}
	l.size += int64(n)
	return nil
}

// begin begins a segment.
func (l *Log) begin() error {
	l.close()
	if err := os.MkdirAll(l.o.Dir, 0o700); err != nil {
		return err
	}
	for t := l.o.Clock().UTC(); ; t = t.Add(time.Millisecond) {
		name := t.Format(nameLayout) + suffix
		f, err := os.OpenFile(filepath.Join(l.o.Dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := f.WriteString(magic); err != nil {
			f.Close()
			os.Remove(f.Name())
			return err
		}
		l.octets.Add(int64(len(magic)))
		l.oldest.CompareAndSwap(0, t.UnixMilli())
		l.file, l.name, l.size, l.begun = f, name, int64(len(magic)), t
		return nil
	}
}

// close ends the segment.
func (l *Log) close() {
	if l.file == nil {
		return
	}
	if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
		l.o.Logger.Error("close segment of the query log", "err", err)
	}
	l.file = nil
}

// segment is a file of the log.
type segment struct {
	name   string
	begun  time.Time
	octets int64
}

// segments lists the files of the log, the oldest first.
func (l *Log) segments() ([]segment, error) {
	files, err := os.ReadDir(l.o.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, f := range files {
		begun, err := time.Parse(nameLayout, strings.TrimSuffix(f.Name(), suffix))
		if err != nil || !strings.HasSuffix(f.Name(), suffix) {
			continue
		}
		info, err := f.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // it was just removed
		}
		if err != nil {
			return nil, err
		}
		all = append(all, segment{f.Name(), begun, info.Size()})
	}
	slices.SortFunc(all, func(a, b segment) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// measure tells the metrics what there is.
func (l *Log) measure() error {
	all, err := l.segments()
	if err != nil {
		return fmt.Errorf("look through the query log: %w", err)
	}
	total, oldest := int64(0), int64(0)
	for i, s := range all {
		if total += s.octets; i == 0 {
			oldest = s.begun.UnixMilli()
		}
	}
	l.octets.Store(total)
	l.oldest.Store(oldest)
	return nil
}

// sweep removes segments all of whose entries are older than the retention, and the oldest while there are more than
// MaxBytes. A segment's entries are older than the beginning of the next one.
func (l *Log) sweep() {
	all, err := l.segments()
	if err != nil {
		l.o.Logger.Error("look through the query log", "err", err)
		return
	}
	total := int64(0)
	for _, s := range all {
		total += s.octets
	}
	limit := l.o.Clock().Add(-l.o.Retention)
	for i := 0; i+1 < len(all); i++ {
		s := all[i]
		old := l.o.Retention > 0 && all[i+1].begun.Add(flushEvery).Before(limit)
		tooMuch := l.o.MaxBytes > 0 && total > l.o.MaxBytes
		if !old && !tooMuch {
			break
		}
		if !old && !l.cutShort {
			l.cutShort = true
			l.o.Logger.Warn("the query log is cut short: it has reached its largest size before the end of its retention", "bytes", total, "begun", s.begun)
		}
		if err := os.Remove(filepath.Join(l.o.Dir, s.name)); err != nil {
			l.o.Logger.Error("remove segment of the query log", "err", err)
			break
		}
		total -= s.octets
	}
	if err := l.measure(); err != nil {
		l.o.Logger.Error("look through the query log", "err", err)
	}
}
