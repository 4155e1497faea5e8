package topsync

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Times between attempts.
const (
	firstWait    = 5 * time.Second
	longestWait  = 10 * time.Minute
	hopelessWait = time.Hour
)

// breakAfter is how many failures in a row of all tables of a target make all of them wait.
const breakAfter = 5

// backoff is how long to wait after so many failed attempts: twice as long each time, a fifth more or less.
func backoff(attempts int) time.Duration {
	wait := longestWait
	if attempts < 8 {
		wait = min(firstWait<<max(0, attempts-1), longestWait)
	}
	return wait - wait/5 + rand.N(wait*2/5)
}

// breaker keeps the tables of a target that does not work from asking it each for itself: after some failures one
// asks, and the others wait for what becomes of it.
type breaker struct {
	mu       sync.Mutex
	failures int // in a row
	open     bool
	until    time.Time // nobody asks before
	probing  bool      // one asks
}

// wait is how long nobody may ask, 0 if one may.
func (b *breaker) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left(now)
}

func (b *breaker) left(now time.Time) time.Duration {
	switch {
	case !b.open:
		return 0
	case now.Before(b.until):
		return b.until.Sub(now)
	case b.probing:
		return time.Second
	}
	return 0
}

// admit is wait; if that is 0 the caller asks, and calls settle or release.
func (b *breaker) admit(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := b.left(now)
	b.probing = b.probing || b.open && wait == 0
	return wait
}

// settle notes what came of asking, and reports whether the breaker has closed by it.
func (b *breaker) settle(ok bool, now time.Time) (closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	if ok {
		closed = b.open
		b.failures, b.open = 0, false
		return closed
	}
	if b.failures++; b.failures >= breakAfter {
		b.open, b.until = true, now.Add(backoff(b.failures-breakAfter+1))
	}
	return false
}

// release gives up asking without a result.
func (b *breaker) release() {
	b.mu.Lock()
	b.probing = false
	b.mu.Unlock()
}

// reset lets everybody ask at once.
func (b *breaker) reset() {
	b.mu.Lock()
	b.until = time.Time{}
	b.mu.Unlock()
}

func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}
