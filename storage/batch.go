package storage

// Batch is a set of writes that are applied together. Keys are distinct. The zero Batch is empty
// and ready for use. It keeps the slices it is given.
type Batch struct {
	ops     []Write
	changes []Change
	size    int
}

// Write is one element of a batch.
type Write struct {
	Kind   WriteKind
	Key    []byte
	Value  []byte
	Expect uint64 // the version that must be current for Put, Delete and Check; 0 is absent
	As     uint64 // the version that a Put makes; 0: Expect+1
}

// Becomes is the version that a Put makes.
func (w Write) Becomes() uint64 {
	if w.As != 0 {
		return w.As
	}
	return w.Expect + 1
}

// WriteKind is what a Write does.
type WriteKind uint8

const (
	WritePut    WriteKind = 1 // replace the value, version Expect to Becomes()
	WriteSet    WriteKind = 2 // write without looking; version 0
	WriteDelete WriteKind = 3 // remove the key, if it is at Expect
	WriteCheck  WriteKind = 4 // change nothing, but refuse the batch unless the key is at Expect
)

// Put replaces the value of key, which must be at version expect (0: absent); it becomes expect+1.
func (b *Batch) Put(key, value []byte, expect uint64) {
	b.add(Write{Kind: WritePut, Key: key, Value: value, Expect: expect})
}

// PutAs is Put, but the key becomes version as, which is greater than expect: for what was written
// at another place and keeps the version that it had there.
func (b *Batch) PutAs(key, value []byte, expect, as uint64) {
	b.add(Write{Kind: WritePut, Key: key, Value: value, Expect: expect, As: as})
}

// Set writes value under key without looking at what is there, for keys that are unique by
// construction: history, audit and idempotency entries.
func (b *Batch) Set(key, value []byte) { b.add(Write{Kind: WriteSet, Key: key, Value: value}) }

// Delete removes key, which must be at version expect.
func (b *Batch) Delete(key []byte, expect uint64) {
	b.add(Write{Kind: WriteDelete, Key: key, Expect: expect})
}

// Check refuses the batch unless key is at version expect.
func (b *Batch) Check(key []byte, expect uint64) {
	b.add(Write{Kind: WriteCheck, Key: key, Expect: expect})
}

// Log adds a change to the batch's entry in the change log. A batch without changes has no entry.
func (b *Batch) Log(c Change) {
	if b.changes == nil {
		b.changes = make([]Change, 0, 2) // most batches change one thing, and have an audit entry
	}
	b.changes = append(b.changes, c)
	b.size += len(c.Key) + 16
}

func (b *Batch) add(w Write) {
	b.ops = append(b.ops, w)
	b.size += len(w.Key) + len(w.Value) + 16
}

// Writes returns the batch's writes, for engines.
func (b *Batch) Writes() []Write { return b.ops }

// Changes returns the batch's changes, for engines and observers.
func (b *Batch) Changes() []Change { return b.changes }

// Size is about the octets that the batch will take.
func (b *Batch) Size() int { return b.size }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.ops)
	clear(b.changes)
	b.ops, b.changes, b.size = b.ops[:0], b.changes[:0], 0
}
