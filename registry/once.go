package registry

import (
	"context"
	"encoding/json"
	"errors"
	"hash"
	"time"

	"github.com/idnode/idnode/storage"
)

// once makes a write of something other than records: eval fills a batch from the newest state, and
// is called again if another writer was faster. The answer is kept under the idempotency key.
func once[T any](ctx context.Context, r *Registrar, w Write, fingerprint func(hash.Hash), eval func(b *storage.Batch, now time.Time) (*T, error)) (*T, error) {
	c, refusal := r.claim(w, fingerprint)
	if refusal != nil {
		return nil, refusal
	}
	defer c.release()
	for range attempts {
		v, err := tryOnce(ctx, r, &c, eval)
		if !errors.Is(err, storage.ErrConflict) {
			if err != nil {
				return nil, AsError(err)
			}
			return v, nil
		}
		if err := r.backOff(ctx); err != nil {
			return nil, AsError(err)
		}
	}
	return nil, refuse(CodeConflict, "", "others changed it at the same time, %d times; try again", attempts)
}

func tryOnce[T any](ctx context.Context, r *Registrar, c *claim, eval func(b *storage.Batch, now time.Time) (*T, error)) (*T, error) {
	now := r.now()
	first, err := c.settle(ctx, now)
	if err != nil {
		return nil, err
	}
	if first != nil {
		v := new(T)
		r.metrics.replays.Inc()
		return v, json.Unmarshal(first.body, v)
	}
	var b storage.Batch
	v, err := eval(&b, now)
	if err != nil {
		return nil, err
	}
	if c.r != nil {
		body, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		c.keep(&b, now, false, 0, body)
	}
	_, err = r.store.Apply(ctx, &b)
	if errors.Is(err, storage.ErrUnavailable) {
		if first, settleErr := c.settle(ctx, now); first != nil && settleErr == nil {
			return v, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// hashJSON adds an operation and its input to h.
func hashJSON(h hash.Hash, op string, v any) {
	hashString(h, op)
	b, err := json.Marshal(v)
	if err != nil {
		panic("registry: request without JSON form: " + err.Error())
	}
	h.Write(b)
}
