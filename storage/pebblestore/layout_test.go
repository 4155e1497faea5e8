package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable/block"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// The miss path: what a lookup costs that no cache of the node answers, by the layout of tables and
// the form of keys and rows. These variables of the environment change what BenchmarkLayout does:
//
//	IDNODE_RECORDS   records, default 1 000 000
//	IDNODE_STORE     directory that the stores are made under and left in; one that is there is used
//	                 again. Default: a directory that is removed
//	IDNODE_CACHE_MB  MiB of block cache with pagecache and disk, default 6.4 for each million records:
//	                 the filters and indexes, and few of the rows
//	IDNODE_DISK      1: also from disk, for which the system's page cache is emptied before, by root

// form is how a record is made into a row.
type form struct {
	name string
	key  func(dst []byte, i uint64) []byte
	row  func(dst []byte, i uint64) []byte
}

// formRecord is like a record of the corpus that the load generators ask for: a piece of a product,
// with where to read of it, its model and its batch.
func formRecord(i uint64) *identifier.Record {
	h := rand.NewPCG(i, 0).Uint64()
	now := time.UnixMilli(1_790_000_000_000 + int64(i/100)).UTC()
	id := fmt.Sprintf("88.1021.150/SN-%010d", i)
	value := func(index uint32, typ, data string) identifier.Value {
		return identifier.Value{Index: index, Type: typ, Data: []byte(data), TTL: identifier.DefaultTTL,
			Perms: identifier.DefaultPerms, Timestamp: uint32(now.Unix())}
	}
	return &identifier.Record{Scheme: identifier.Handle, ID: id, State: identifier.Active, Created: now, Updated: now,
		Values: []identifier.Value{
			value(1, "URL", "https://trace.example.com/"+id),
			value(2, "MODEL", fmt.Sprintf("VTX-%d", 1000+h>>58)),
			value(3, "BATCH", fmt.Sprintf("2026-W%d-%d", 10+h>>40%40, h>>20%1_000_000)),
		}}
}

func formKey(dst []byte, i uint64) []byte {
	return appendSerial(append(dst, "r\x0188.1021.150/sn-"...), i)
}

// appendSerial appends ten digits.
func appendSerial(dst []byte, i uint64) []byte {
	dst = append(dst, "0000000000"...)
	for at := len(dst) - 1; i > 0; at, i = at-1, i/10 {
		dst[at] = byte('0' + i%10)
	}
	return dst
}

func formRow(dst []byte, i uint64) []byte { return identifier.AppendRecord(dst, formRecord(i)) }

var (
	plainForm = form{"plain", formKey, formRow}
	// numberForm has four octets of a namespace's number in place of its prefix.
	numberForm = form{"number", func(dst []byte, i uint64) []byte {
		return appendSerial(append(dst, "r\x01\x00\x00\x00\x96sn-"...), i)
	}, formRow}
	// tightForm leaves out what can be had from the key or said shorter: the identifier as a bitmap of
	// the letters that are capital, well-known types as a number, times as distances from the first. It
	// is written for its size and never read.
	tightForm = form{"tight", formKey, func(dst []byte, i uint64) []byte {
		r := formRecord(i)
		dst = append(dst, 2, byte(r.State), byte(r.Scheme))
		dst = binary.AppendVarint(dst, r.Created.UnixMilli())
		dst = append(dst, 0, 2, 0x00, 0x30, 0, 0, 0, byte(len(r.Values)), 0)
		for _, v := range r.Values {
			dst = append(dst, byte(v.Index))
			if v.Type == "URL" {
				dst = append(dst, 0x80)
			} else {
				dst = append(append(dst, byte(len(v.Type))), v.Type...)
			}
			dst = append(append(dst, byte(len(v.Data))), v.Data...)
			dst = binary.AppendVarint(append(dst, byte(v.Perms)), int64(v.TTL))
			dst = append(dst, 0, 0)
		}
		return dst
	}}
)

func BenchmarkLayout(b *testing.B) {
	with := func(change func(*layout)) layout {
		l := chosen
		change(&l)
		return l
	}
	compressed := func(p *block.CompressionProfile) layout {
		return with(func(l *layout) { l.compression = pebble.UniformDBCompressionSettings(p) })
	}
	for _, c := range []struct {
		name   string
		layout layout
		form   form
	}{
		{"chosen", chosen, plainForm},
		{"block=4K", with(func(l *layout) { l.block = 4 << 10 }), plainForm},
		{"block=8K", with(func(l *layout) { l.block = 8 << 10 }), plainForm},
		{"block=16K", with(func(l *layout) { l.block = 16 << 10 }), plainForm},
		{"block=32K", with(func(l *layout) { l.block = 32 << 10 }), plainForm},
		{"compression=none", compressed(block.NoCompression), plainForm},
		{"compression=Snappy", compressed(block.SnappyCompression), plainForm},
		{"compression=MinLZ", compressed(block.MinLZCompression), plainForm},
		{"compression=zstd1", with(func(l *layout) { l.compression = pebble.DBCompressionBalanced }), plainForm},
		{"compression=zstd3", compressed(block.ZstdCompression), plainForm},
		{"filter=none", with(func(l *layout) { l.filterBits = 0 }), plainForm},
		{"filter=16", with(func(l *layout) { l.filterBits = 16 }), plainForm},
		{"index=whole", with(func(l *layout) { l.index = 1 << 30 }), plainForm},
		{"index=32K", with(func(l *layout) { l.index = 32 << 10 }), plainForm},
		{"table=8M", with(func(l *layout) { l.load = 8 << 20 }), plainForm},
		{"table=256M", with(func(l *layout) { l.load = 256 << 20 }), plainForm},
		{"form=number", chosen, numberForm},
		{"form=tight", chosen, tightForm},
	} {
		b.Run(c.name, func(b *testing.B) { benchLayout(b, c.name, c.layout, c.form) })
	}
}

func benchLayout(b *testing.B, name string, l layout, f form) {
	n := uint64(setting(b, "IDNODE_RECORDS", 1_000_000))
	cache := int64(setting(b, "IDNODE_CACHE_MB", n*64/10/1_000_000) << 20)
	dir := os.Getenv("IDNODE_STORE")
	if dir == "" {
		dir = b.TempDir()
	}
	dir = filepath.Join(dir, fmt.Sprintf("%s-%d", name, n))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		loadForm(b, dir, l, f, n)
	}
	open := func(b *testing.B, cache int64) *Store {
		start := time.Now()
		s, err := Open(dir, Options{layout: &l, CacheBytes: cache})
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%s: opened in %v", b.Name(), time.Since(start).Round(time.Millisecond))
		b.Cleanup(func() { s.Close() })
		return s
	}
	const absent = '#'
	all := int64(n)*300 + 1<<28 // a cache for all blocks
	for _, w := range []struct {
		name string
		way  func(s *Store) func(key []byte) error
	}{{"GetInto", ofStore}, {"Get", ofPebble}} {
		name, way := w.name, w.way
		b.Run("from=cached/way="+name, func(b *testing.B) {
			s := open(b, all)
			if err := s.Scan(b.Context(), storage.TableRange(storage.TableRecord), func([]byte, storage.Item) error { return nil }); err != nil {
				b.Fatal(err)
			}
			b.Run("found", func(b *testing.B) { lookups(b, s, way(s), f, n, 0) })
			b.Run("absent", func(b *testing.B) { lookups(b, s, way(s), f, n, absent) })
		})
		b.Run("from=pagecache/way="+name, func(b *testing.B) {
			s := open(b, cache)
			b.Run("found", func(b *testing.B) { lookups(b, s, way(s), f, n, 0) })
			b.Run("absent", func(b *testing.B) { lookups(b, s, way(s), f, n, absent) })
		})
		b.Run("from=disk/way="+name, func(b *testing.B) {
			if setting(b, "IDNODE_DISK", 0) == 0 {
				b.Skip("IDNODE_DISK is not set")
			}
			syscall.Sync()
			if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200); err != nil {
				b.Fatal(err)
			}
			s := open(b, cache)
			b.Run("found", func(b *testing.B) { lookups(b, s, way(s), f, n, 0) })
			b.Run("absent", func(b *testing.B) { lookups(b, s, way(s), f, n, absent) })
		})
	}
}

// ofStore is the store's own way.
func ofStore(s *Store) func(key []byte) error {
	row := make([]byte, 0, 1024)
	return func(key []byte) error {
		_, err := s.GetInto(context.Background(), key, row)
		return err
	}
}

// ofPebble is Pebble's Get, which does not ask the filters of the last level.
func ofPebble(s *Store) func(key []byte) error {
	row := make([]byte, 0, 1024)
	return func(key []byte) error {
		found, closer, err := s.db.Get(key)
		if err != nil {
			return err
		}
		row = append(row[:0], found...)
		return closer.Close()
	}
}

// lookups gets random rows, after the filters and indexes of all tables have come into the cache. With
// a suffix the keys are absent and lie between those that are there.
func lookups(b *testing.B, s *Store, way func(key []byte) error, f form, n uint64, suffix byte) {
	var key []byte
	get := func(i uint64) {
		key = f.key(key[:0], i)
		if suffix != 0 {
			key = append(key, suffix)
		}
		err := way(key)
		if (err == nil) != (suffix == 0) {
			b.Fatalf("%q: %v", key, err)
		}
	}
	for i := uint64(0); i < n; i += 10_000 {
		get(i)
	}
	var took []time.Duration
	cpu := cpuTime()
	for b.Loop() {
		i := rand.Uint64N(n)
		start := time.Now()
		get(i)
		took = append(took, time.Since(start))
	}
	ops := float64(b.N)
	b.ReportMetric(float64(cpuTime()-cpu)/ops, "cpu-ns/op")
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Nanoseconds()) / 1e3 }
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
	b.ReportMetric(rss(), "rss-MB")
	b.ReportMetric(float64(s.db.Metrics().BlockCache.Size)/1e6, "cache-MB")
}

func loadForm(b *testing.B, dir string, l layout, f form, n uint64) {
	start := time.Now()
	load, err := NewLoader(dir, Options{layout: &l})
	if err != nil {
		b.Fatal(err)
	}
	var key, row []byte
	for i := range n {
		key, row = f.key(key[:0], i), f.row(row[:0], i)
		if load.Add(key, 1, row) != nil {
			break
		}
	}
	if err := load.Close(); err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	s, err := Open(dir, Options{layout: &l})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	levels, err := s.db.SSTables(pebble.WithProperties())
	if err != nil {
		b.Fatal(err)
	}
	var tables int
	var disk, index, filter uint64
	for _, level := range levels {
		for _, t := range level {
			tables, disk, index, filter = tables+1, disk+t.Size, index+t.Properties.IndexSize, filter+t.Properties.FilterSize
		}
	}
	b.Logf("%s: %d records in %v, %d tables; octets a record: %.1f on disk, index %.2f, filter %.2f", dir, n, took.Round(time.Millisecond),
		tables, float64(disk)/float64(n), float64(index)/float64(n), float64(filter)/float64(n))
}

func setting(b *testing.B, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return n
}

// cpuTime is what the process has used, in nanoseconds.
func cpuTime() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// rss is the resident memory of the process in megabytes, 0 where the system does not say.
func rss() float64 {
	text, _ := os.ReadFile("/proc/self/statm")
	var size, resident float64
	fmt.Sscan(string(text), &size, &resident)
	return resident * float64(os.Getpagesize()) / 1e6
}
