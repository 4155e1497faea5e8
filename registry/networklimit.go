package registry

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// maxNetworks bounds the memory of a networkLimit: some 10 MiB.
const maxNetworks = 1 << 16

// networkLimit lets each network do something a number of times within a time. It forgets with the process.
type networkLimit struct {
	most int
	per  time.Duration

	mu   sync.Mutex
	done map[netip.Prefix][]time.Time // when it was done, oldest first
}

// take counts one for the network of addr; back undoes that. The refusal is CodeTooManyRequests with the
// time after which the next one goes.
func (l *networkLimit) take(addr netip.Addr, now time.Time) (back func(), refusal *Error) {
	n := networkOf(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(map[netip.Prefix][]time.Time)
	}
	times := l.recent(n, now)
	if len(times) >= l.most {
		e := refuse(CodeTooManyRequests, "", "at most %d requests within %s from one network: try again later", l.most, l.per)
		e.RetryAfter = times[0].Add(l.per).Sub(now)
		return nil, e
	}
	if len(l.done) >= maxNetworks {
		for other := range l.done {
			l.recent(other, now)
		}
		if len(l.done) >= maxNetworks {
			e := refuse(CodeTooManyRequests, "", "too many requests from too many networks: try again later")
			e.RetryAfter = time.Minute
			return nil, e
		}
	}
	l.done[n] = append(times, now)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if i := slices.Index(l.done[n], now); i >= 0 {
			l.done[n] = slices.Delete(l.done[n], i, i+1)
		}
		l.recent(n, now)
	}, nil
}

// recent drops what is past of a network, and the network if nothing is left.
func (l *networkLimit) recent(n netip.Prefix, now time.Time) []time.Time {
	times := slices.DeleteFunc(l.done[n], func(t time.Time) bool { return !now.Before(t.Add(l.per)) })
	if len(times) == 0 {
		delete(l.done, n)
		return nil
	}
	l.done[n] = times
	return times
}
