package pebblestore

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// Options configures a Store. The zero value works.
type Options struct {
	// FS holds the files. Default: the operating system's.
	FS vfs.FS

	// CacheBytes bounds the cache of uncompressed blocks. Default 256 MiB.
	CacheBytes int64

	// MemTableBytes is the size at which writes in memory are flushed to a table; up to four of
	// that size may wait. Default 64 MiB.
	MemTableBytes uint64

	// MinFreeBytes is the free space on the file system below which writes are refused with
	// storage.ErrNoSpace. Default 256 MiB.
	MinFreeBytes uint64

	// ReadOnly opens a store that nobody else has open, and leaves its files as they are: batches, Trim and
	// DeleteRange are refused. Default: it can be written to.
	ReadOnly bool

	// Logger takes what an operator must know; Pebble's own talk is at Debug. Default: discard.
	Logger *slog.Logger

	// Registerer takes the metrics until Close. Default: none are kept.
	Registerer prometheus.Registerer

	// layout is how tables are made. Default: chosen. It is for comparing layouts.
	layout *layout
}

func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 256 << 20
	}
	if o.ReadOnly {
		o.FS = unlocked{o.FS}
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 64 << 20
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = 256 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.layout == nil {
		o.layout = &chosen
	}
}

// layout is how tables are made. What each choice costs and brings is measured in DESIGN.md, "Miss
// path".
type layout struct {
	block       int // octets of a block of rows, uncompressed: what a lookup outside the cache reads
	index       int // octets of a block of the index; a larger index has two levels
	filterBits  int // of the bloom filter, a key; 0: no filters
	table       int // octets of a table of level 0; they double with each level that is there
	load        int // octets of rows, uncompressed, that a Loader makes a table of
	compression pebble.DBCompressionSettings
}

var chosen = layout{
	block: 16 << 10, index: 256 << 10, filterBits: 10, table: 2 << 20, load: 64 << 20,
	compression: pebble.DBCompressionFastest,
}

func (o *Options) pebble() *pebble.Options {
	p := &pebble.Options{
		FS:                          o.FS,
		ReadOnly:                    o.ReadOnly,
		CacheSize:                   o.CacheBytes,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		// L0 is emptied early, because each of its layers is one more place to look at, and stops
		// writers late, because a bulk import outruns compaction for minutes.
		L0CompactionThreshold:     2,
		L0CompactionFileThreshold: 500,
		L0StopWritesThreshold:     64,
		LBaseMaxBytes:             64 << 20,
		FlushSplitBytes:           2 << 20,
		MaxOpenFiles:              4096,
		// What Trim and DeleteRange remove gives its room back even when nobody writes.
		FlushDelayDeleteRange: 10 * time.Second,
		CompactionConcurrencyRange: func() (lower, upper int) {
			return 1, min(4, max(1, runtime.NumCPU()/2))
		},
	}
	if o.FS == vfs.Default {
		p.FS = nil // the same, with Pebble's watch for slow writes
	}
	p.TargetFileSizes[0] = int64(o.layout.table)
	for i := range p.Levels {
		p.Levels[i].BlockSize = o.layout.block
		p.Levels[i].IndexBlockSize = o.layout.index
		// The last level has filters as well: most lookups that find nothing are for
		// identifiers that are not there at all.
		if o.layout.filterBits > 0 {
			p.Levels[i].FilterPolicy = bloom.FilterPolicy(o.layout.filterBits)
		}
	}
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return o.layout.compression })
	return p
}
