package pebblestore

import (
	"context"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/idnode/idnode/storage"
)

var _ storage.Checkpointer = (*Store)(nil)

// Checkpoint implements [storage.Checkpointer]. What Apply has acknowledged is in the log's file, which is
// copied last and after the tables have been pinned. A store that refuses writes can still be copied,
// unless it has failed.
func (s *Store) Checkpoint(ctx context.Context, dir string) (storage.Seq, error) {
	if !s.gate.enter() {
		return 0, storage.ErrClosed
	}
	defer s.gate.leave()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if s.failure.Load() != nil {
		return 0, s.failureErr() // it needs locks that Pebble may have left locked
	}
	at := storage.Seq(s.feed.durable.Load())
	if err := s.apart(func() error { return s.db.Checkpoint(dir) }); err != nil {
		return 0, fmt.Errorf("checkpoint store: %w", unavailable(err))
	}
	return at, nil
}

// unlocked is a file system on which locks are not taken, for stores that are only read: a lock would be
// a file in their directory, which may be on a medium that cannot be written to.
type unlocked struct{ vfs.FS }

// Lock implements [vfs.FS].
func (unlocked) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }
