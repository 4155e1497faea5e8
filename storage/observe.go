package storage

import (
	"context"
	"errors"
)

// Observe returns s with fn called after each Apply of a batch with changes that was, or may have
// been, applied, and before Apply returns: what fn invalidates is gone before anybody is told of
// the write. Changes made by other nodes do not come this way; those who must know of them follow
// the Feed. fn must not keep the slice.
func Observe(s Store, fn func([]Change)) Store { return &observed{s, fn} }

type observed struct {
	Store
	fn func([]Change)
}

func (o *observed) Apply(ctx context.Context, b *Batch) (Seq, error) {
	seq, err := o.Store.Apply(ctx, b)
	refused := errors.Is(err, ErrConflict) || errors.Is(err, ErrNoSpace) || errors.Is(err, ErrClosed)
	if !refused && len(b.Changes()) > 0 {
		o.fn(b.Changes())
	}
	return seq, err
}
