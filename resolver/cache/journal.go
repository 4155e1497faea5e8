package cache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/proto/identifier"
)

// journal remembers what is to be forgotten in Redis: until it was, and for a while after, since a Redis that takes
// over from another may have missed it.
type journal struct {
	mu    sync.Mutex
	n     uint64 // grows with each that is noted
	of    map[identifier.Key]*forgotten
	all   forgotten    // everything
	owing atomic.Int64 // how many were not done, everything being one
}

type forgotten struct {
	at   time.Time
	n    uint64 // of the journal, when it was noted
	owed bool
}

const (
	journalMost = 10000 // more than that is everything
	journalFor  = time.Minute
)

func newJournal() *journal { return &journal{of: make(map[identifier.Key]*forgotten)} }

func (j *journal) owe(e *forgotten) {
	if !e.owed {
		j.owing.Add(1)
	}
	j.n++
	e.at, e.n, e.owed = time.Now(), j.n, true
}

func (j *journal) paid(e *forgotten) {
	if e.owed {
		j.owing.Add(-1)
	}
	e.owed = false
}

// add notes that keys are to be forgotten, or everything, and returns what that comes to.
func (j *journal) add(keys []identifier.Key, everything bool) settlement {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.of)+len(keys) > journalMost {
		j.trim(0)
	}
	if everything || len(j.of)+len(keys) > journalMost {
		for _, e := range j.of {
			j.paid(e)
		}
		clear(j.of)
		j.owe(&j.all)
		return settlement{everything: true, number: j.all.n}
	}
	s := settlement{keys: keys, numbers: make([]uint64, len(keys))}
	for i, k := range keys {
		e := j.of[k]
		if e == nil {
			e = new(forgotten)
			j.of[k] = e
		}
		j.owe(e)
		s.numbers[i] = e.n
	}
	return s
}

// trim drops what was done longer ago than that.
func (j *journal) trim(longer time.Duration) {
	for k, e := range j.of {
		if !e.owed && time.Since(e.at) >= longer {
			delete(j.of, k)
		}
	}
}

// has reports whether k is to be forgotten in Redis, and was not; with recently, also whether it may have come back.
func (j *journal) has(k identifier.Key, recently bool) bool {
	if j.owing.Load() == 0 && !recently {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.of[k]
	return j.all.due(recently) || e != nil && e.due(recently)
}

func (e *forgotten) due(recently bool) bool {
	return e.owed || recently && !e.at.IsZero() && time.Since(e.at) < journalFor
}

// settlement is what is to be done, and what of the journal that settles.
type settlement struct {
	keys       []identifier.Key
	numbers    []uint64
	everything bool
	number     uint64
}

// due returns what was not done; with recently, also what may have been undone.
func (j *journal) due(recently bool) settlement {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trim(journalFor)
	s := settlement{everything: j.all.due(recently), number: j.all.n}
	for k, e := range j.of {
		if e.due(recently) {
			s.keys, s.numbers = append(s.keys, k), append(s.numbers, e.n)
		}
	}
	return s
}

// settle notes that s was done.
func (j *journal) settle(s settlement) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.everything && j.all.n == s.number {
		j.paid(&j.all)
	}
	for i, k := range s.keys {
		if e := j.of[k]; e != nil && e.n == s.numbers[i] {
			j.paid(e)
		}
	}
}
