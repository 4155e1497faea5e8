package resolver

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/idnode/idnode/proto/identifier"
)

// Stamp is a moment in the life of what an answer is made from: the record of one key, all
// namespaces and, if the stamp is wide, all records. Whoever keeps a finished answer takes the stamp
// before the answer is made, and asks [Resolver.Current] each time before it is told again.
type Stamp struct {
	slot   uint32
	record uint32
	all    uint64
	world  uint32
	wide   bool
	taken  bool
}

// Wide is the stamp of an answer that depends on which other records there are, such as one that
// says that there is nothing below a name.
func (s Stamp) Wide() Stamp {
	s.wide = true
	return s
}

// stampSlots is how many counters the keys of records share: 256 KiB of them. Keys that share one
// make one another's answers be made again, which costs a lookup and is never wrong.
const stampSlots = 1 << 16

// stamps count changes, and the changes that are being written: who asks while a change is under way may
// find it in the store before it is acknowledged, and so nobody who asks later may be told what was
// before. A change is counted after it can be read and before it is acknowledged, so an answer made
// from what was before cannot have the count that is found after.
//
// The low bits of the counters of records are the changes under way, the others the changes made. As one
// number, both take one load. So many changes under way that they run over are counted as one made, until they end.
type stamps struct {
	seed  maphash.Seed
	world atomic.Uint32 // changes of namespaces, and of everything at once
	all   atomic.Uint64 // changes of records
	slots [stampSlots]atomic.Uint32
}

// slot is the counter that k shares. The name decides: schemes share it.
func (s *stamps) slot(k identifier.Key) uint32 {
	return uint32(maphash.String(s.seed, k.Name)) % stampSlots
}

const (
	underWay = 1<<12 - 1 // the bits that count changes under way
	made     = underWay + 1

	allUnderWay = 1<<32 - 1 // as underWay, of all records: nights of a million changes must not come round
	allMade     = allUnderWay + 1
)

func (s *stamps) changed(k identifier.Key) {
	s.slots[s.slot(k)].Add(made)
	s.all.Add(allMade)
}

// begin and end count a change of k that is being written.
func (s *stamps) begin(k identifier.Key) {
	s.all.Add(1)
	s.slots[s.slot(k)].Add(1)
}

func (s *stamps) end(k identifier.Key) {
	s.slots[s.slot(k)].Add(^uint32(0))
	s.all.Add(^uint64(0))
}

// writing reports whether the record that s is of was being written: what is cached of it may be older
// than what others have read.
func (s Stamp) writing() bool { return s.record&underWay != 0 }

func (s *stamps) writing(k identifier.Key) bool { return s.slots[s.slot(k)].Load()&underWay != 0 }

// of is s for an answer that is made from the record of k, too, which has not been read yet.
func (s Stamp) of(r *Resolver, k identifier.Key) Stamp {
	s.slot = r.stamps.slot(k)
	s.record = r.stamps.slots[s.slot].Load()
	return s
}

// Stamp returns the present moment for answers that are made from namespaces alone. The stamp of an
// answer of [Resolver.Resolve] is in the answer.
func (r *Resolver) Stamp() Stamp {
	s := &r.stamps
	return Stamp{record: s.slots[0].Load(), all: s.all.Load(), world: s.world.Load(), taken: true}
}

// Current reports whether nothing has changed since s was taken of what its answer is made from. The
// zero Stamp is that of answers that nobody may keep.
func (r *Resolver) Current(s Stamp) bool {
	t := &r.stamps
	return s.taken && !s.writing() && t.slots[s.slot].Load() == s.record && t.world.Load() == s.world &&
		(!s.wide || s.all&allUnderWay == 0 && t.all.Load() == s.all)
}
