package drive

import (
	"sync"
	"time"
)

// flightSize is how many queries of a connection can be under way: as many as ids of 16 bits tell apart.
const flightSize = 1 << 16

// flight holds the queries of a connection that are under way, by their ids. These count up from 1;
// a query is given up when one flightSize later takes its place.
type flight struct {
	mask uint32 // the bits of an id that an answer brings back; at least flightSize-1

	mu    sync.Mutex
	slots []query
	away  int // queries under way
	last  uint32
}

// query is one under way: when it was due, counted from the beginning of the run. Id 0 is none.
type query struct {
	id  uint32
	due time.Duration
}

func newFlight(mask uint32) *flight { return &flight{mask: mask, slots: make([]query, flightSize)} }

// begin gives a query its id. It reports whether an older one is given up for it.
func (f *flight) begin(due time.Duration) (id uint32, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last++; f.last == 0 {
		f.last++
	}
	q := &f.slots[f.last%flightSize]
	if lost = q.id != 0; !lost {
		f.away++
	}
	*q = query{f.last, due}
	return f.last, lost
}

// end takes the query of id out. It is not there if the answer came twice or too late.
func (f *flight) end(id uint32) (due time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := &f.slots[id%flightSize]
	if q.id == 0 || (q.id^id)&f.mask != 0 {
		return 0, false
	}
	q.id = 0
	f.away--
	return q.due, true
}

// expire takes out the queries that were due before limit, and counts them.
func (f *flight) expire(limit time.Duration) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.slots {
		if q := &f.slots[i]; q.id != 0 && q.due < limit {
			q.id = 0
			n++
		}
	}
	f.away -= n
	return n
}

// underWay is the number of queries without an answer.
func (f *flight) underWay() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away
}
