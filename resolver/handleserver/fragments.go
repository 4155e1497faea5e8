package handleserver

import (
	"net/netip"
	"time"

	"github.com/idnode/idnode/proto/handle"
)

const (
	maxUDPRequest  = 8192            // octets of a request over UDP; no query needs more
	fragmentSlots  = 64              // requests in pieces at a time, per socket
	sourceSlots    = 4               // of those from one address
	fragmentExpiry = 5 * time.Second // from the first piece to the last (Handle.Net waits as long)
)

// fragments puts requests together that come in several datagrams. Its memory is fixed: slots times
// the longest request. All pieces from one address and port arrive at one socket, so that a socket's
// goroutine has a table of its own.
type fragments struct {
	slots []fragment
}

type fragment struct {
	from    netip.AddrPort
	id      uint32
	started time.Time // zero: free
	got     int       // octets of datagrams
	handle.Assembly
}

// add takes in a piece. When the request is whole it returns the slot that holds it, which is good
// until the next call.
func (f *fragments) add(now time.Time, from netip.AddrPort, e handle.Envelope, payload []byte) (*fragment, error) {
	if f.slots == nil {
		f.slots = make([]fragment, fragmentSlots)
	}
	s := f.find(now, from, e.RequestID)
	if s.started.IsZero() {
		if err := s.Start(e); err != nil {
			return nil, err
		}
		s.from, s.id, s.started, s.got = from, e.RequestID, now, 0
	}
	whole, err := s.Add(e, payload)
	if err != nil {
		return nil, err
	}
	s.got += handle.EnvelopeSize + len(payload)
	if !whole {
		return nil, nil
	}
	s.started = time.Time{}
	return s, nil
}

// find returns the slot of a request, or one that is free for it. When there is none the oldest of
// the source, if that has its share, or the oldest of all gives way: a flood must then outrun the
// pieces of others, rather than only fill the table once in five seconds.
func (f *fragments) find(now time.Time, from netip.AddrPort, id uint32) *fragment {
	var free, oldest, mine *fragment
	shares := 0
	for i := range f.slots {
		s := &f.slots[i]
		if !s.started.IsZero() && now.Sub(s.started) > fragmentExpiry {
			s.started = time.Time{}
		}
		if s.started.IsZero() {
			free = s
			continue
		}
		if s.from == from && s.id == id {
			return s
		}
		if s.from.Addr() == from.Addr() {
			shares++
			if mine == nil || s.started.Before(mine.started) {
				mine = s
			}
		}
		if oldest == nil || s.started.Before(oldest.started) {
			oldest = s
		}
	}
	s := free
	switch {
	case shares >= sourceSlots:
		s = mine
	case free == nil:
		s = oldest
	}
	s.started = time.Time{}
	return s
}
