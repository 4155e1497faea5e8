package auth

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// maxLimited bounds the keys that a limiter remembers; of more it forgets some.
const maxLimited = 1 << 14

// limiter counts failures by some key: when there were max of them within window, no more are taken
// from the key, until the oldest has left the window, or if lock is set for that time.
type limiter[K comparable] struct {
	max          int
	window, lock time.Duration

	mu   sync.Mutex
	keys map[K]*failures
}

type failures struct {
	times []time.Time // oldest first
	until time.Time   // locked
}

// take counts a failure in advance, and returns how long to wait instead if there were too many.
func (l *limiter[K]) take(key K, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.keys[key]
	if f == nil {
		f = l.add(key, now)
	}
	if d := f.until.Sub(now); d > 0 {
		return d
	}
	f.times = slices.DeleteFunc(f.times, func(t time.Time) bool { return now.Sub(t) >= l.window })
	if len(f.times) >= l.max {
		return f.times[0].Add(l.window).Sub(now)
	}
	f.times = append(f.times, now)
	if l.lock > 0 && len(f.times) >= l.max {
		f.times, f.until = nil, now.Add(l.lock)
	}
	return 0
}

// full returns how long to wait if there were too many failures, and counts nothing.
func (l *limiter[K]) full(key K, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.keys[key]
	if f == nil {
		return 0
	}
	f.times = slices.DeleteFunc(f.times, func(t time.Time) bool { return now.Sub(t) >= l.window })
	if len(f.times) >= l.max {
		return f.times[0].Add(l.window).Sub(now)
	}
	return max(0, f.until.Sub(now))
}

// giveBack undoes a take at the time then: it was no failure.
func (l *limiter[K]) giveBack(key K, then time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.keys[key]
	if f == nil {
		return
	}
	if i := slices.Index(f.times, then); i >= 0 {
		f.times = slices.Delete(f.times, i, i+1)
	}
	if len(f.times) == 0 && f.until.IsZero() {
		delete(l.keys, key)
	}
}

func (l *limiter[K]) add(key K, now time.Time) *failures {
	if l.keys == nil {
		l.keys = make(map[K]*failures)
	}
	if len(l.keys) >= maxLimited {
		l.forget(now)
	}
	f := new(failures)
	l.keys[key] = f
	return f
}

// forget makes room: what no longer counts goes, and if that is nothing one key that does.
func (l *limiter[K]) forget(now time.Time) {
	for key, f := range l.keys {
		if (len(f.times) == 0 || now.Sub(f.times[len(f.times)-1]) >= l.window) && !f.until.After(now) {
			delete(l.keys, key)
		}
	}
	for key := range l.keys {
		if len(l.keys) < maxLimited {
			return
		}
		delete(l.keys, key)
	}
}

// networkOf is what addresses are counted by: IPv4 /24, IPv6 /56.
func networkOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 56
	if addr.Is4() {
		bits = 24
	}
	p, _ := addr.Prefix(bits) // without an address the zero prefix, which all of them share
	return p
}
