// Package storage says what the node needs of a store: consistent reads, atomic batches with
// expected versions, ordered scans, snapshots, and a change log that everything else follows.
//
// The interfaces fit an embedded engine (package pebblestore) and a distributed transactional one
// alike: a read names what it wants, a batch is one optimistic transaction, a place in the change
// log is an opaque token. Every engine passes package storetest. The layout of keys is in keys.go
// and DESIGN.md.
package storage
