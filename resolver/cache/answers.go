package cache

import (
	"errors"
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/hashicorp/golang-lru/v2/simplelru"
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

// Answer is a finished answer. It is shared: nobody may change it.
type Answer struct {
	Octets  []byte
	Facts   uint32 // the front end's own
	Outcome resolver.Outcome
	Stamp   resolver.Stamp // taken before the answer was made
}

type answerShard struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[string, *Answer]
	bytes int64
	max   int64

	hits, misses, stale, evictions uint64

	_ [64]byte // a cache line of its own
}

// AnswersOptions says how large Answers may grow and what makes them old.
type AnswersOptions struct {
	// Bytes bounds what the answers occupy, keys and bookkeeping included. Default 32 MiB.
	Bytes int64

	// Current says whether what had this stamp is as it was, see [resolver.Resolver.Current]. Required.
	Current func(resolver.Stamp) bool

	// Registerer takes the metrics. Default: none.
	Registerer prometheus.Registerer
}

// answerOverhead is the octets of map slot, list element, key header and answer, measured.
const answerOverhead = 240

// NewAnswers returns an empty cache.
func NewAnswers(o AnswersOptions) (*Answers, error) {
	if o.Current == nil {
		return nil, errors.New("cache of answers needs to know which are current")
	}
	if o.Bytes == 0 {
		o.Bytes = 32 << 20
	}
	if o.Bytes < shards*2048 {
		return nil, errors.New("cache of answers of less than 128 KiB")
	}
	// About as many as answers that fit: a question that comes again before as many others is worth a place.
	places := 1 << bits.Len64(uint64(o.Bytes/512))
	a := &Answers{current: o.Current, seed: maphash.MakeSeed(), seen: make([]atomic.Uint32, places)}
	for i := range a.shards {
		s := &a.shards[i]
		s.max = o.Bytes / shards
		var err error
		// The bound in entries is never reached; the one in octets is ours.
		s.lru, err = simplelru.NewLRU(math.MaxInt, func(key string, old *Answer) { s.bytes -= answerSize(key, old) })
		if err != nil {
			return nil, err
		}
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func answerSize(key string, a *Answer) int64 { return int64(len(key) + len(a.Octets) + answerOverhead) }

// Get returns the answer kept for key, or nil if there is none or it is not current any more.
func (a *Answers) Get(key []byte) *Answer {
	if a == nil || len(key) == 0 {
		return nil
	}
	s := a.shard(maphash.Bytes(a.seed, key))
	view := unsafe.String(&key[0], len(key)) // the list keeps no key that it is asked for
	s.mu.Lock()
	got, ok := s.lru.Get(view)
	if ok && !a.current(got.Stamp) {
		s.lru.Remove(view)
		s.stale++
		ok = false
	}
	if ok {
		s.hits++
	} else {
		s.misses++
	}
	s.mu.Unlock()
	if !ok {
		return nil
	}
	return got
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
	room := s.bytes+answerOverhead+int64(len(key)) < s.max*7/8
	s.mu.Unlock()
	mark := uint32(h>>32) | 1
	return a.seen[h/shards%uint64(len(a.seen))].Swap(mark) == mark || room
}

// Put keeps an answer to key. The answer's octets are kept, not copied; key is copied.
func (a *Answers) Put(key []byte, answer *Answer) {
	if a == nil || len(key) == 0 {
		return
	}
	s := a.shard(maphash.Bytes(a.seed, key))
	k := string(key)
	size := answerSize(k, answer)
	if size > s.max {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Remove(k)
	s.lru.Add(k, answer)
	for s.bytes += size; s.bytes > s.max; s.evictions++ {
		s.lru.RemoveOldest()
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
	var entries, bytes int64
	var hits, misses, stale, evictions uint64
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		entries, bytes = entries+int64(s.lru.Len()), bytes+s.bytes
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
	gauge(answersBytesDesc, bytes)
	counter(answersHitsDesc, hits)
	counter(answersMissDesc, misses)
	counter(answersStaleDesc, stale)
	counter(answersEvictDesc, evictions)
}
