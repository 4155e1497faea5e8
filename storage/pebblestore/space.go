package pebblestore

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/idnode/idnode/storage"
)

// space knows how much room the file system has, as of at most a second ago.
type space struct {
	fs    vfs.FS
	dir   string
	min   uint64
	start time.Time

	next  atomic.Int64  // when to look again, in nanoseconds since start
	avail atomic.Uint64 // octets
	total atomic.Uint64 // octets, 0 if the file system does not say
	full  atomic.Bool   // Pebble could not write a table: no room, whatever avail says
}

// spaceUnknown is the room of a file system that does not say.
const spaceUnknown = 1 << 62

func (p *space) init(fs vfs.FS, dir string, min uint64) {
	p.fs, p.dir, p.min, p.start = fs, dir, min, time.Now()
	p.avail.Store(spaceUnknown)
}

// check returns storage.ErrNoSpace when there is too little room for writes.
func (p *space) check() error {
	if avail := p.free(); avail < p.min {
		return fmt.Errorf("%w: %d octets free, %d wanted", storage.ErrNoSpace, avail, p.min)
	}
	if p.full.Load() {
		return storage.ErrNoSpace
	}
	return nil
}

func (p *space) free() uint64 {
	now := int64(time.Since(p.start))
	next := p.next.Load()
	if now >= next && p.next.CompareAndSwap(next, now+int64(time.Second)) {
		// A file system that cannot say, such as one in memory, is taken as having room.
		if u, err := p.fs.GetDiskUsage(p.dir); err == nil {
			p.avail.Store(u.AvailBytes)
			p.total.Store(u.TotalBytes)
		}
	}
	return p.avail.Load()
}
