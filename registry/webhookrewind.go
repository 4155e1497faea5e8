package registry

import (
	"context"
	"errors"
	"hash"
	"time"

	"github.com/idnode/idnode/storage"
)

// Rewound is how far a webhook was put back.
type Rewound struct {
	Webhook *Webhook  `json:"webhook"`
	From    time.Time `json:"from,omitzero"` // of the first change that is told again; zero: there is none
}

// RewindWebhook makes an active webhook tell again what has changed since a time, as far as the change
// log still reaches; what changes meanwhile follows in its turn. The time counts by whole seconds, as
// messages do. Refusals: CodeForbidden, CodeNotFound, CodeInvalidState, CodeInvalidRequest.
func (r *Registrar) RewindWebhook(ctx context.Context, id string, since time.Time, w Write) (*Rewound, error) {
	since = since.UTC().Truncate(time.Second)
	fingerprint := func(h hash.Hash) { hashJSON(h, "webhook.replay", []any{id, since}) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Rewound, error) {
		h, err := r.webhookToWrite(ctx, id, w)
		if err != nil {
			return nil, err
		}
		if h.State != WebhookActive {
			return nil, refuse(CodeInvalidState, "id", "webhook %s is %s: enable it first", id, string(h.State))
		}
		if since.After(now) {
			return nil, refuse(CodeInvalidRequest, "/since", "the time has not come yet")
		}
		key := storage.CursorKey(WebhookCursor(id))
		item, err := r.store.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		present, err := storage.DecodeCursor(item.Value)
		if err != nil {
			return nil, err
		}
		place, err := PlaceBefore(ctx, r.store, since)
		if err != nil {
			return nil, err
		}
		place = min(place, present)
		b.Put(key, storage.EncodeCursor(place), item.Version)
		h.Updated, h.Fresh = now, now
		if err := r.putWebhook(b, h, storage.OpUpdate, now, w.Actor, AuditEntry{Op: "webhook.replay"}); err != nil {
			return nil, err
		}
		out := &Rewound{Webhook: h}
		next, err := r.store.Read(ctx, place, 1)
		if len(next) > 0 {
			out.From = next[0].Time
		}
		return out, err
	})
}

// PlaceBefore is the place in the change log after which the entries from a time on stand; if they no
// longer do, or the time is zero, the oldest that can be read after.
func PlaceBefore(ctx context.Context, feed storage.Feed, t time.Time) (storage.Seq, error) {
	high, err := feed.Last(ctx)
	if err != nil {
		return 0, err
	}
	low := storage.Seq(0) // all entries up to it are older, or trimmed
	for low < high {
		mid := low + (high-low)/2
		next, err := feed.Read(ctx, mid, 1)
		switch {
		case errors.Is(err, storage.ErrTrimmed):
			low = mid + 1
		case err != nil:
			return 0, err
		case len(next) == 1 && next[0].Time.Before(t):
			low = min(next[0].Seq, high)
		default:
			high = mid
		}
	}
	return low, nil
}
