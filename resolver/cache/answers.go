package cache

import (
	"bytes"
	"errors"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/resolver"
)

// Answers keeps finished answers in the form in which front ends send them, by the octets of the
// question. An answer is told as long as nothing has changed of what it was made from. All front
// ends may share one: the first octet of a key is its front end's. A nil *Answers keeps nothing. All
// methods are safe for concurrent use.
type Answers struct {
	current func(resolver.Stamp) bool
	seed    maphash.Seed
	shards  [shards]answerShard
	seen    []atomic.Uint32 // by hash, the other half of the hash of a key that was missed last
}

// Answer is a finished answer.
type Answer struct {
	Octets  []byte // from Get: shared, nobody may change them
	Outcome resolver.Outcome
	Stamp   resolver.Stamp // taken before the answer was made
}

// answerShard keeps the answers to a part of the keys in chunks, of which the oldest gives way. There are no
// pointers among millions of answers: the collector need not follow them.
type answerShard struct {
	mu     sync.Mutex
	index  map[uint64]place // by the hash of the key
	chunks []chunk          // a ring
	last   int              // of chunks, the one that is being filled
	size   int              // octets of a chunk, entries included
	most   int              // chunks

	hits, misses, stale, evictions uint64

	_ [64]byte // a cache line of its own
}

// chunk is filled once and never used again, so octets that were told stay what they were.
type chunk struct {
	octets  []byte // of each entry, the key and the answer
	entries []entry
}

type entry struct {
	hash        uint64
	begin       uint32 // in the octets of the chunk
	key, answer uint32 // octets
	outcome     resolver.Outcome
	used        bool // since it was put where it is
	stamp       resolver.Stamp
}

type place struct{ chunk, entry uint32 }

// entrySize is the octets of an entry and its place in the index, as often as that is full.
const entrySize = int(unsafe.Sizeof(entry{})) + 28

// A chunk is a sixteenth of its shard, within bounds: evictions are as fine as that.
const (
	chunkLeast = 1 << 10
	chunkMost  = 1 << 20
)

// AnswersOptions says how large Answers may grow and what makes them old.
type AnswersOptions struct {
	// Bytes bounds what the answers occupy, keys and bookkeeping included. An answer is kept if it takes no
	// more than about a 1400th of it. Default 32 MiB, at least 128 KiB.
	Bytes int64

	// Current says whether what had this stamp is as it was, see [resolver.Resolver.Current]. Required.
	Current func(resolver.Stamp) bool

	// Registerer takes the metrics. Default: none.
	Registerer prometheus.Registerer
}

// NewAnswers returns an empty cache.
func NewAnswers(o AnswersOptions) (*Answers, error) {
	if o.Current == nil {
		return nil, errors.New("cache of answers needs to know which are current")
	}
	if o.Bytes == 0 {
		o.Bytes = 32 << 20
	}
	if o.Bytes < shards*2*chunkLeast {
		return nil, errors.New("cache of answers of less than 128 KiB")
	}
	// About as many as answers that fit: a question that comes again before as many others is worth a place.
	places := 1 << bits.Len64(uint64(o.Bytes/512))
	a := &Answers{current: o.Current, seed: maphash.MakeSeed(), seen: make([]atomic.Uint32, places)}
	for i := range a.shards {
		s := &a.shards[i]
		room := int(o.Bytes / shards)
		s.size = min(max(room/16, chunkLeast), chunkMost)
		s.most = room / s.size
		s.index = make(map[uint64]place)
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// find returns the entry of the key that has this hash, nil if there is none.
func (s *answerShard) find(hash uint64, key []byte) (*chunk, *entry) {
	at, ok := s.index[hash]
	if !ok {
		return nil, nil
	}
	c := &s.chunks[at.chunk]
	e := &c.entries[at.entry]
	if !bytes.Equal(c.octets[e.begin:e.begin+e.key], key) {
		return nil, nil
	}
	return c, e
}

// Get returns the answer kept for key, if there is one and it is current.
func (a *Answers) Get(key []byte) (Answer, bool) {
	if a == nil || len(key) == 0 {
		return Answer{}, false
	}
	h := maphash.Bytes(a.seed, key)
	s := a.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	c, e := s.find(h, key)
	if e != nil && !a.current(e.stamp) {
		delete(s.index, h)
		s.stale++
		e = nil
	}
	if e == nil {
		s.misses++
		return Answer{}, false
	}
	s.hits++
	e.used = true
	begin, end := e.begin+e.key, e.begin+e.key+e.answer
	return Answer{Octets: c.octets[begin:end:end], Outcome: e.outcome, Stamp: e.stamp}, true
}

// Admit reports whether an answer to key would be kept if it was put now: if there is room, or key
// has been missed before, not long ago. Questions that come once do not drive out those that come often.
func (a *Answers) Admit(key []byte) bool {
	if a == nil || len(key) == 0 {
		return false
	}
	h := maphash.Bytes(a.seed, key)
	s := a.shard(h)
	s.mu.Lock()
	room := len(s.chunks) < s.most
	s.mu.Unlock()
	mark := uint32(h>>32) | 1
	return a.seen[h/shards%uint64(len(a.seen))].Swap(mark) == mark || room
}

// Put keeps an answer to key. Its octets and key are copied. One that is too large is not kept.
func (a *Answers) Put(key []byte, answer Answer) {
	if a == nil || len(key) == 0 {
		return
	}
	h := maphash.Bytes(a.seed, key)
	s := a.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.index, h)
	octets, entries := s.room()
	if len(key)+len(answer.Octets) > octets {
		return
	}
	if len(s.chunks) == 0 {
		s.chunks = append(s.chunks, s.newChunk())
	}
	for c := &s.chunks[s.last]; len(c.octets)+len(key)+len(answer.Octets) > octets || len(c.entries) == entries; c = &s.chunks[s.last] {
		a.turn(s)
	}
	s.add(entry{hash: h, outcome: answer.Outcome, stamp: answer.Stamp}, key, answer.Octets)
}

// room is how many octets and entries a chunk holds: three quarters of it are for octets.
func (s *answerShard) room() (octets, entries int) {
	return s.size - s.size/4, max(s.size/4/entrySize, 1)
}

func (s *answerShard) newChunk() chunk {
	octets, entries := s.room()
	return chunk{octets: make([]byte, 0, octets), entries: make([]entry, 0, entries)}
}

// add puts e into the last chunk, which has room for it.
func (s *answerShard) add(e entry, key, answer []byte) {
	c := &s.chunks[s.last]
	e.begin, e.key, e.answer = uint32(len(c.octets)), uint32(len(key)), uint32(len(answer))
	c.octets = append(append(c.octets, key...), answer...)
	s.index[e.hash] = place{chunk: uint32(s.last), entry: uint32(len(c.entries))}
	c.entries = append(c.entries, e)
}

// turn begins a new chunk of s, in place of the oldest if there are as many as may be. Of that, answers
// that were asked for come along, as long as they leave half of the new one free.
func (a *Answers) turn(s *answerShard) {
	if len(s.chunks) < s.most {
		s.chunks = append(s.chunks, s.newChunk())
		s.last = len(s.chunks) - 1
		return
	}
	s.last = (s.last + 1) % s.most
	old := s.chunks[s.last]
	s.chunks[s.last] = s.newChunk()
	octets, entries := s.room()
	for i := range old.entries {
		e := old.entries[i]
		if s.index[e.hash] != (place{chunk: uint32(s.last), entry: uint32(i)}) {
			continue // another has come in its place
		}
		delete(s.index, e.hash)
		c := &s.chunks[s.last]
		if !e.used || !a.current(e.stamp) || len(c.octets)+int(e.key+e.answer) > octets/2 || len(c.entries) >= entries/2 {
			s.evictions++
			continue
		}
		e.used = false
		key := old.octets[e.begin : e.begin+e.key]
		s.add(e, key, old.octets[e.begin+e.key:][:e.answer])
	}
}

func (a *Answers) shard(hash uint64) *answerShard { return &a.shards[hash%shards] }

var (
	answersDesc      = answersMetric("entries", "Finished answers in the cache.")
	answersBytesDesc = answersMetric("bytes", "Octets that the cache occupies.")
	answersHitsDesc  = answersMetric("hits_total", "Questions answered by the cache.")
	answersMissDesc  = answersMetric("misses_total", "Questions that the cache could not answer.")
	answersStaleDesc = answersMetric("stale_total", "Answers dropped because of a change since they were made.")
	answersEvictDesc = answersMetric("evictions_total", "Answers dropped to make room.")
)

func answersMetric(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("idnode_answer_cache_"+name, help, nil, nil)
}

// Describe implements [prometheus.Collector].
func (a *Answers) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{answersDesc, answersBytesDesc, answersHitsDesc, answersMissDesc, answersStaleDesc, answersEvictDesc} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (a *Answers) Collect(ch chan<- prometheus.Metric) {
	var entries, octets int64
	var hits, misses, stale, evictions uint64
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		entries, octets = entries+int64(len(s.index)), octets+int64(len(s.chunks)*s.size)
		hits, misses, stale, evictions = hits+s.hits, misses+s.misses, stale+s.stale, evictions+s.evictions
		s.mu.Unlock()
	}
	gauge := func(d *prometheus.Desc, n int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	counter := func(d *prometheus.Desc, n uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	gauge(answersDesc, entries)
	gauge(answersBytesDesc, octets)
	counter(answersHitsDesc, hits)
	counter(answersMissDesc, misses)
	counter(answersStaleDesc, stale)
	counter(answersEvictDesc, evictions)
}
