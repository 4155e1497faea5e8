package resolver

import "github.com/idnode/idnode/proto/identifier"

// Cache holds records by key, and the knowledge that there is none. It is filled by package
// resolver/cache. All methods are safe for concurrent use.
type Cache interface {
	// Get returns what is known of k: a record, or nil for "there is none"; ok is false on a miss.
	// The record is shared and must not be modified.
	Get(k identifier.Key) (rec *identifier.Record, ok bool)

	// Ticket is to be taken before the store is read for a fill.
	Ticket(k identifier.Key) Ticket

	// Fill keeps rec (nil: there is none), unless k was forgotten after t was taken: a slow read
	// never overwrites news. size is about the octets that rec occupies.
	Fill(k identifier.Key, t Ticket, rec *identifier.Record, size int)

	// Forget drops k, and the fills for it that are under way.
	Forget(k identifier.Key)

	// Clear drops everything, and all fills that are under way.
	Clear()
}

// Ticket stands for a moment in a cache.
type Ticket uint64
