// Package budget bounds what networks are sent over UDP, where nobody knows who really asks.
package budget

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	setCount    = 4096 // times wayCount networks are remembered
	wayCount    = 8
	amplifyFree = 3 // octets sent for each received that cost nothing, as in QUIC (RFC 9000, section 8.1)
)

// BusyShare is the part of a network's budget that it has for short answers once it has no more.
const BusyShare = 16

// Verdict says what may be sent.
type Verdict uint8

const (
	Silence  Verdict = iota // nothing
	TellBusy                // a short answer that sends the client elsewhere
	SendAll
)

// Budget is what each network may be sent. Its memory is fixed: a network that is new takes the
// place of the one in its set that has been quiet longest. It is safe for concurrent use.
type Budget struct {
	rate, burst float64 // octets a second, octets
	exempt      []netip.Prefix
	epoch       time.Time
	seed        maphash.Seed
	sets        []set
}

type set struct {
	mu   sync.Mutex
	ways [wayCount]account
}

type account struct {
	network uint64
	last    int64 // nanoseconds from the epoch; 0 is a free place
	tokens  float64
	busy    float64
}

// New returns a budget of rate octets a second and burst octets at once for each network (IPv4 /24,
// IPv6 /56), and without bounds for those in exempt.
func New(rate, burst int, exempt []netip.Prefix) *Budget {
	return &Budget{
		rate: float64(rate), burst: float64(burst), exempt: exempt, epoch: time.Now().Add(-time.Second),
		seed: maphash.MakeSeed(), sets: make([]set, setCount),
	}
}

// Take says whether an answer of out octets may go to addr, which sent in octets; if not, whether
// one of short octets may. Up to three times what was sent costs nothing.
func (b *Budget) Take(now time.Time, addr netip.Addr, in, out, short int) Verdict {
	cost := float64(out - amplifyFree*in)
	if cost <= 0 {
		return SendAll
	}
	addr = addr.Unmap()
	for _, p := range b.exempt {
		if p.Contains(addr) {
			return SendAll
		}
	}
	n := network(addr)
	at := &b.sets[maphash.Comparable(b.seed, n)%setCount]
	at.mu.Lock()
	defer at.mu.Unlock()
	a := at.find(n)
	t := max(int64(now.Sub(b.epoch)), 1)
	if a.last == 0 {
		*a = account{network: n, tokens: b.burst, busy: b.burst / BusyShare}
	} else if gone := float64(t-a.last) / float64(time.Second); gone > 0 {
		a.tokens = min(a.tokens+gone*b.rate, b.burst)
		a.busy = min(a.busy+gone*b.rate/BusyShare, b.burst/BusyShare)
	}
	a.last = t
	switch {
	case a.tokens >= cost:
		a.tokens -= cost
		return SendAll
	case a.busy >= float64(short):
		a.busy -= float64(short)
		return TellBusy
	}
	return Silence
}

// find returns the account of n, or the place for it.
func (s *set) find(n uint64) *account {
	place := &s.ways[0]
	for i := range s.ways {
		a := &s.ways[i]
		if a.last != 0 && a.network == n {
			return a
		}
		if a.last < place.last {
			place = a
		}
	}
	place.last = 0
	return place
}

// network is the /24 or /56 that addr lies in.
func network(addr netip.Addr) uint64 {
	if addr.Is4() {
		b := addr.As4()
		return 4<<56 | uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
	}
	b := addr.As16()
	n := uint64(6)
	for _, c := range b[:7] {
		n = n<<8 | uint64(c)
	}
	return n
}
