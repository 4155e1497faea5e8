package querylog

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/resolver"
)

const (
	chunkOctets = 64 << 10
	chunksReady = 64                     // full chunks that wait for the disk: 4 MiB
	flushEvery  = 500 * time.Millisecond // how long an entry waits for its chunk to be full
)

// chunk is entries that are written together.
type chunk struct {
	octets  []byte
	entries uint32
	begun   time.Time // of the first entry
	least   int64     // earliest and latest time, microseconds
	most    int64
}

// Pen notes the answers of a front end. It may be used by many goroutines; a nil Pen notes nothing.
type Pen struct {
	l     *Log
	front Front

	mu  sync.Mutex
	cur *chunk // nil: none is begun
}

// pens are those of a front end, handed out in turn.
type pens struct {
	all  []*Pen
	next atomic.Uint32
}

// Pen returns a pen of a front end. There is one for each processor, handed out in turn, so that those who write at the
// same time seldom wait for each other.
func (l *Log) Pen(front Front) *Pen {
	if l == nil {
		return nil
	}
	p := &l.pens[front]
	return p.all[int(p.next.Add(1))%len(p.all)]
}

// Note notes that client asked for asked at the time start, and what it was answered just now. asked may be used again.
func (p *Pen) Note(start time.Time, took time.Duration, client netip.Addr, asked []byte, o resolver.Outcome) {
	if p == nil {
		return
	}
	p.mu.Lock()
	if p.cur == nil || len(p.cur.octets)+maxEntry > chunkOctets {
		p.turn(start)
	}
	if c := p.cur; c != nil {
		c.octets = appendEntry(c.octets, start, took, p.front, o, client, asked)
		c.entries++
		at := start.UnixMicro()
		c.least, c.most = min(c.least, at), max(c.most, at)
	} else {
		p.l.dropped.Add(1)
	}
	p.mu.Unlock()
}

// turn hands the chunk at hand over and begins another, if there is memory for one. The pen is locked.
func (p *Pen) turn(now time.Time) {
	if p.cur != nil {
		p.l.hand(p.cur)
	}
	if p.cur = p.l.take(); p.cur != nil {
		p.cur.begun = now
	}
}

// flush hands over a chunk that has waited since before the time.
func (p *Pen) flush(before time.Time) {
	p.mu.Lock()
	if p.cur != nil && p.cur.begun.Before(before) {
		p.l.hand(p.cur)
		p.cur = nil
	}
	p.mu.Unlock()
}

// take returns an empty chunk, nil if as many are in use as may be.
func (l *Log) take() *chunk {
	select {
	case c := <-l.spare:
		return c
	default:
	}
	if l.chunks.Add(1) > l.most {
		l.chunks.Add(-1)
		return nil
	}
	return &chunk{octets: make([]byte, 0, chunkOctets), least: 1<<63 - 1, most: -1 << 63}
}

// hand gives a chunk to the writer. There is room for all that exist.
func (l *Log) hand(c *chunk) { l.full <- c }

// release makes a chunk ready to be used again.
func (l *Log) release(c *chunk) {
	*c = chunk{octets: c.octets[:0], least: 1<<63 - 1, most: -1 << 63}
	l.spare <- c
}
