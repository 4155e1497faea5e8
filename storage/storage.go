package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotFound says that a key has no value.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a key was not at its expected version: nothing of the batch was
	// applied. The error chain holds a *ConflictError.
	ErrConflict = errors.New("version conflict")
	// ErrNoSpace says that the disk is too full to write. Reads go on; nothing of the batch was applied.
	ErrNoSpace = errors.New("no space left for writes")
	// ErrUnavailable says that the engine cannot serve now. A write may or may not have been
	// applied: read back its idempotency entry.
	ErrUnavailable = errors.New("store unavailable")
	// ErrClosed says that the store has been closed. Nothing of the batch was applied.
	ErrClosed = errors.New("store closed")
	// ErrTrimmed says that the change log no longer reaches back to the place asked for.
	ErrTrimmed = errors.New("change log trimmed")
)

// ConflictError names the keys of a refused batch that were not at their expected versions.
type ConflictError struct {
	Keys [][]byte
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("version conflict on %d key(s)", len(e.Keys))
}

// Is makes errors.Is(err, ErrConflict) hold.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Item is a stored value and the number of times that its key has been put since it was last
// absent: 1 after the first Put. Keys that were put by [Batch.PutAs] have the version that was given,
// and count on from there. Blindly Set keys have version 0.
type Item struct {
	Version uint64
	Value   []byte
}

// Reader reads. A Store reads the newest applied state, a Snapshot the state of one moment.
type Reader interface {
	// Get returns the value of key, or ErrNotFound. The caller owns the item's bytes.
	Get(ctx context.Context, key []byte) (Item, error)

	// GetInto is Get with the value appended to dst, which may be nil, and nothing allocated if that
	// has room: the item's Value is dst and the value behind it.
	GetInto(ctx context.Context, key, dst []byte) (Item, error)

	// MultiGet returns the values of keys in their order; an absent key gives an item with a
	// nil Value. The caller owns the bytes. All are read at one moment.
	MultiGet(ctx context.Context, keys [][]byte) ([]Item, error)

	// Scan calls fn for each key in r, in order. The key and the item are valid only during the
	// call. Scan stops at fn's first error and returns it, or nil if that was [Stop].
	Scan(ctx context.Context, r Range, fn func(key []byte, item Item) error) error
}

// Stop ends a scan early and without error when its function returns it.
//
//lint:ignore ST1012 it is an order and no error, as fs.SkipAll is
var Stop = errors.New("stop")

// Range is the keys from Start (included) to End (excluded).
type Range struct {
	Start, End []byte
	Reverse    bool // from the last key to the first
	Limit      int  // at most so many keys; 0 is all
}

// Snapshot is a consistent view of one moment. Close releases what it pins.
type Snapshot interface {
	Reader
	Close() error
}

// Writer writes.
type Writer interface {
	// Apply applies b whole or not at all, and returns its place in the change log once it is
	// durable: after Apply returns nil no crash loses it. Reads that start later see it.
	// The batch is not modified and may be changed after Apply returns.
	//
	// Errors: ErrConflict, ErrNoSpace, ErrClosed, or ctx's error: nothing was applied. ctx bounds the
	// wait before the batch is taken up, not the commit. ErrUnavailable: unknown.
	Apply(ctx context.Context, b *Batch) (Seq, error)

	// DeleteRange removes all keys in [start, end). It is neither atomic nor logged, for ranges
	// that nobody writes any more, such as expired entries.
	DeleteRange(ctx context.Context, start, end []byte) error
}

// Seq is a place in the change log. Later batches have greater ones; nothing else may be concluded
// from its value. 0 is before the first.
type Seq uint64

// Feed is the change log, for followers that keep a cursor. It holds only what is durable.
type Feed interface {
	// Read returns at most max entries after the given place, in order and without gaps.
	// An empty result means that there is nothing newer yet. ErrTrimmed: the entries directly
	// after the place have been trimmed.
	Read(ctx context.Context, after Seq, max int) ([]Entry, error)

	// Wait returns when an entry after the given place can be read, or with ctx's error.
	Wait(ctx context.Context, after Seq) error

	// Last returns the place of the newest entry, 0 if there has never been one.
	Last(ctx context.Context) (Seq, error)

	// Trim forgets the entries up to and including the given place.
	Trim(ctx context.Context, upTo Seq) error
}

// Entry is the changes of one batch.
type Entry struct {
	Seq     Seq
	Time    time.Time // when it was applied, to the millisecond, by the clock of the node that did
	Changes []Change
}

// Change says that the value under a key has changed, in the terms of those who follow: caches,
// the top-level sync, webhooks, statistics.
type Change struct {
	Op      Op
	Key     []byte // as in keys.go
	Version uint64 // the item's after the change
}

// Op is the kind of a change.
type Op uint8

const (
	OpCreate  Op = 1
	OpUpdate  Op = 2
	OpRevoke  Op = 3
	OpRestore Op = 4 // a create over a tombstone
	OpEntomb  Op = 5 // a create of a tombstone: what was created and revoked at another node
)

// Store is an engine.
type Store interface {
	Reader
	Writer
	Feed
	// Snapshot pins the newest applied state.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Health reports why the store cannot take writes now, or nil.
	Health() error
	// Close waits for writes under way and releases the store.
	Close() error
}
