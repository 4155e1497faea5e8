package cache

import (
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// near keeps in this process what other nodes said, by slot.
type near struct {
	shards [shards]nearShard
	m      *sharedMetrics
}

type nearShard struct {
	mu       sync.Mutex
	ticket   resolver.Ticket // grows when something is forgotten: fills with an older one are dropped
	positive list[[]kept]
	negative list[[]kept] // identifiers of which nothing is known but that there is none
	_        [64]byte     // a cache line of its own
}

// slot is the place of an answer: what was asked for, and whom. It is kept under the identifier with its case
// folded, so that to forget that is to forget all its spellings; among them it is found by the rest.
type slot struct {
	key    identifier.Key
	suffix string             // of a Handle, as written: its service may tell cases apart
	from   identifier.Service // zero for the top-level node
}

func slotOf(id identifier.ID, from *identifier.Service) slot {
	s := slot{key: id.Key(false)}
	if !id.IsPrefixRecord() {
		s.suffix = id.Suffix()
	}
	if from != nil {
		s.from = *from
	}
	return s
}

// kept is an answer in its slot.
type kept struct {
	slot
	foreign *resolver.Foreign // its Tier is TierLRU; nil: none
	since   time.Time         // when it was put here
	retry   time.Time         // before that it is not asked for again, as nobody could be asked just now
}

// spellings bounds the answers under one identifier: who asks for it in ever more ways drives out their own.
const spellings = 16

const keptSize = int64(unsafe.Sizeof(kept{}) + unsafe.Sizeof(resolver.Foreign{}) + unsafe.Sizeof(identifier.Record{}))

func newNear(octets int64, m *sharedMetrics) (*near, error) {
	n := &near{m: m}
	for i := range n.shards {
		s := &n.shards[i]
		negative := octets / negativeShare / shards
		if err := s.negative.init(negative); err != nil {
			return nil, err
		}
		if err := s.positive.init(octets/shards - negative); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (n *near) shard(k identifier.Key) *nearShard {
	return &n.shards[(xxhash.Sum64String(k.Name)+uint64(k.Scheme))%shards]
}

// of is all that is kept under k.
func (s *nearShard) of(k identifier.Key) []kept {
	it, ok := s.positive.lru.Get(k)
	if !ok {
		it, _ = s.negative.lru.Get(k)
	}
	return it.v
}

func (s *nearShard) remove(k identifier.Key) {
	s.positive.lru.Remove(k)
	s.negative.lru.Remove(k)
}

// get returns what is kept in at, if anything is, and the ticket for a fill.
func (n *near) get(at *slot) (kept, resolver.Ticket) {
	s := n.shard(at.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, all := 0, s.of(at.key); i < len(all); i++ {
		if all[i].suffix == at.suffix && all[i].from == at.from {
			return all[i], s.ticket
		}
	}
	return kept{}, s.ticket
}

// supersede has fills that are under way for k dropped, and returns the ticket for a newer one.
func (n *near) supersede(k identifier.Key) resolver.Ticket {
	s := n.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticket++
	return s.ticket
}

// hold notes that what is kept in at is not to be asked for before until.
func (n *near) hold(at *slot, until time.Time) {
	s := n.shard(at.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, all := 0, s.of(at.key); i < len(all); i++ {
		if all[i].suffix == at.suffix && all[i].from == at.from {
			all[i].retry = until
		}
	}
}

// put keeps v in its slot, unless something was forgotten since t was taken: then it reports false.
func (n *near) put(t resolver.Ticket, v kept) bool {
	s := n.shard(v.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ticket != t {
		n.m.dropped.Inc()
		return false
	}
	old := s.of(v.key)
	s.remove(v.key)
	all := append(make([]kept, 0, len(old)+1), v)
	for _, o := range old {
		if len(all) < spellings && (o.suffix != v.suffix || o.from != v.from) {
			all = append(all, o)
		}
	}
	size := int64(len(v.key.Name) + entryOverhead)
	l := &s.negative
	for i := range all {
		size += foreignSize(all[i].foreign) + int64(len(all[i].suffix))
		if !negative(all[i].foreign.Status) {
			l = &s.positive
		}
	}
	n.m.evictions.Add(float64(l.add(v.key, all, size)))
	return true
}

// forget drops k, and the fills for it that are under way.
func (n *near) forget(k identifier.Key) {
	s := n.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticket++
	s.remove(k)
}

// forgetUnder drops what lies in the namespace ns, and all fills that are under way.
func (n *near) forgetUnder(ns identifier.Key) {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		s.ticket++
		for _, keys := range [][]identifier.Key{s.positive.lru.Keys(), s.negative.lru.Keys()} {
			for _, k := range keys {
				if within(k, ns) {
					s.remove(k)
				}
			}
		}
		s.mu.Unlock()
	}
}

// within reports whether k lies in the namespace ns, or in one under that; a k that cannot be read any more does.
func within(k, ns identifier.Key) bool {
	if k.Scheme != ns.Scheme {
		return false
	}
	if k.Name == ns.Name {
		return true
	}
	id, err := k.Scheme.Parse(k.Name)
	if err != nil {
		return true
	}
	for name := range id.Namespaces() {
		if k.Scheme.Contains(ns.Name, name) {
			return true
		}
	}
	return false
}

// clear drops everything, and all fills that are under way.
func (n *near) clear() {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		s.ticket++
		s.positive.lru.Purge()
		s.negative.lru.Purge()
		s.mu.Unlock()
	}
}

func (n *near) usage() (positive, negative int, octets int64) {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		positive += s.positive.lru.Len()
		negative += s.negative.lru.Len()
		octets += s.positive.bytes + s.negative.bytes
		s.mu.Unlock()
	}
	return positive, negative, octets
}

// negative reports whether s says that there is nothing to tell. Such answers live shorter, and never past their end.
func negative(s resolver.Status) bool {
	return slices.Contains([]resolver.Status{resolver.NotFound, resolver.Suspended, resolver.NotResponsible}, s)
}

// foreignSize is about the octets that f occupies where it is kept.
func foreignSize(f *resolver.Foreign) int64 {
	size := keptSize + int64(len(f.Reason))
	if r := f.Record; r != nil {
		size += int64(len(r.ID)+len(r.Template)+len(r.Reason)+len(r.Successor)) + int64(len(r.Values))*valueSize
		for i := range r.Values {
			v := &r.Values[i]
			size += int64(len(v.Type) + len(v.Data))
			for j := range v.Refs {
				size += int64(len(v.Refs[j].Handle)) + int64(unsafe.Sizeof(v.Refs[j]))
			}
		}
	}
	return size
}
