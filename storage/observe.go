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

// Bracket is Observe with a beginning: begin is called before each Apply of a batch with changes, which
// from then on may be seen by those who read the store, and end after it, before Apply returns. applied
// is false if the engine has refused the batch. What is known of the batch's keys from somewhere else
// than the store must not be told in between, or somebody reads news and then what was before.
func Bracket(s Store, begin func([]Change), end func(changes []Change, applied bool)) Store {
	return &bracketed{s, begin, end}
}

type bracketed struct {
	Store
	begin func([]Change)
	end   func([]Change, bool)
}

func (o *bracketed) Apply(ctx context.Context, b *Batch) (Seq, error) {
	changes := b.Changes()
	if len(changes) == 0 {
		return o.Store.Apply(ctx, b)
	}
	o.begin(changes)
	applied := true // or may have been
	defer func() { o.end(changes, applied) }()
	seq, err := o.Store.Apply(ctx, b)
	applied = !refused(err)
	return seq, err
}

// refused reports whether err says that nothing of a batch was applied.
func refused(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrNoSpace) || errors.Is(err, ErrClosed)
}

func (o *observed) Apply(ctx context.Context, b *Batch) (Seq, error) {
	seq, err := o.Store.Apply(ctx, b)
	if !refused(err) && len(b.Changes()) > 0 {
		o.fn(b.Changes())
	}
	return seq, err
}
