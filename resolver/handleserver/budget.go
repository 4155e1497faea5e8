package handleserver

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	budgetSets  = 4096 // times budgetWays networks are remembered
	budgetWays  = 8
	busyShare   = 16 // a network's share for being told that we are too busy: this part of its budget
	amplifyFree = 3  // octets sent for each received that cost nothing, as in QUIC (RFC 9000, section 8.1)
)

// verdict says what may be sent.
type verdict uint8

const (
	silence verdict = iota
	tellBusy
	sendAll
)

// budget bounds what networks are sent over UDP, where nobody knows who really asks. Its memory is
// fixed: a network that is new takes the place of the one in its set that has been quiet longest.
type budget struct {
	rate, burst float64 // octets a second, octets
	exempt      []netip.Prefix
	epoch       time.Time
	seed        maphash.Seed
	sets        []budgetSet
}

type budgetSet struct {
	mu   sync.Mutex
	ways [budgetWays]account
}

type account struct {
	network uint64
	last    int64 // nanoseconds from the epoch; 0 is a free place
	tokens  float64
	busy    float64
}

func newBudget(rate, burst int, exempt []netip.Prefix) *budget {
	return &budget{
		rate: float64(rate), burst: float64(burst), exempt: exempt, epoch: time.Now().Add(-time.Second),
		seed: maphash.MakeSeed(), sets: make([]budgetSet, budgetSets),
	}
}

// take says whether an answer of out octets may go to addr, which sent in octets; if not, whether
// a short one may.
func (b *budget) take(now time.Time, addr netip.Addr, in, out, short int) verdict {
	cost := float64(out - amplifyFree*in)
	if cost <= 0 {
		return sendAll
	}
	addr = addr.Unmap()
	for _, p := range b.exempt {
		if p.Contains(addr) {
			return sendAll
		}
	}
	n := network(addr)
	set := &b.sets[maphash.Comparable(b.seed, n)%budgetSets]
	set.mu.Lock()
	defer set.mu.Unlock()
	a := set.find(n)
	t := max(int64(now.Sub(b.epoch)), 1)
	if a.last == 0 {
		*a = account{network: n, tokens: b.burst, busy: b.burst / busyShare}
	} else if gone := float64(t-a.last) / float64(time.Second); gone > 0 {
		a.tokens = min(a.tokens+gone*b.rate, b.burst)
		a.busy = min(a.busy+gone*b.rate/busyShare, b.burst/busyShare)
	}
	a.last = t
	switch {
	case a.tokens >= cost:
		a.tokens -= cost
		return sendAll
	case a.busy >= float64(short):
		a.busy -= float64(short)
		return tellBusy
	}
	return silence
}

// find returns the account of n, or the place for it.
func (s *budgetSet) find(n uint64) *account {
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
