package storage

import "context"

// Checkpointer is a Store on this machine's disk that can put a copy of itself beside it while it is
// written to.
type Checkpointer interface {
	// Checkpoint makes dir, which must not exist and has to be on the store's file system, a store of its
	// own: this one as it was at a moment during the call. Every batch is in it whose Apply had returned
	// when Checkpoint was called; of those that came meanwhile the first ones may be. It returns the place
	// that the change log had reached before the call. What is not written again later is shared with
	// the store by hard links, so that it takes a moment and little room. An error leaves nothing behind.
	Checkpoint(ctx context.Context, dir string) (Seq, error)
}
