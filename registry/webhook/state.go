package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// progress is how far the deliveries of a webhook are, beside its cursor.
type progress struct {
	Serial  uint64    `json:"serial"`           // of the newest attempt
	Cursor  uint64    `json:"cursor,omitempty"` // the version of the cursor that Told is of: another was put elsewhere
	Told    int       `json:"told,omitempty"`   // changes of the entry after the cursor that have been told
	Time    time.Time `json:"time,omitzero"`    // of the newest change that has been told
	Failing *failing  `json:"failing,omitempty"`
}

// failing is since when the next message fails.
type failing struct {
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`
}

// state is what is stored of a webhook's deliveries, and at which versions.
type state struct {
	place    registry.WebhookPlace
	cursor   uint64 // version
	progress progress
	version  uint64 // of progress
}

// readState returns how far a webhook's deliveries are, or storage.ErrNotFound if it has no cursor.
func (s *Sender) readState(ctx context.Context, id string) (*state, error) {
	items, err := s.o.Store.MultiGet(ctx, [][]byte{cursorKey(id), storage.ProgressKey(id)})
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if items[0].Value == nil {
		return nil, storage.ErrNotFound
	}
	st := &state{cursor: items[0].Version}
	if st.place.After, err = storage.DecodeCursor(items[0].Value); err != nil {
		return nil, err
	}
	if err := st.progress.decode(items[1]); err != nil {
		return nil, err
	}
	st.version = items[1].Version
	if st.progress.Cursor == st.cursor {
		st.place.Told = st.progress.Told
	}
	return st, nil
}

func cursorKey(id string) []byte { return storage.CursorKey(registry.WebhookCursor(id)) }

func (p *progress) decode(item storage.Item) error {
	if item.Value == nil {
		return nil
	}
	if err := json.Unmarshal(item.Value, p); err != nil {
		return fmt.Errorf("decode progress: %w", err)
	}
	return nil
}

// put adds p to b in place of its present version, with an attempt of the next serial number.
func (p *progress) put(b *storage.Batch, id string, version uint64, attempt *registry.WebhookDelivery) error {
	p.Serial++
	attempt.Serial = p.Serial
	value, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode progress: %w", err)
	}
	b.Put(storage.ProgressKey(id), value, version)
	return registry.AddDelivery(b, id, attempt)
}

// advanceTo stores that all before end has been dealt with, the newest change at time at.
func (s *Sender) advanceTo(ctx context.Context, d *delivery, end registry.WebhookPlace, at time.Time, attempt *registry.WebhookDelivery) error {
	err := s.apply(ctx, d, attempt, func(b *storage.Batch, p *progress) {
		b.Put(cursorKey(d.hook.ID), storage.EncodeCursor(end.After), d.cursor)
		p.Cursor, p.Told, p.Failing = d.cursor+1, end.Told, nil
		if at.After(p.Time) {
			p.Time = at
		}
	})
	if err == nil {
		d.place, d.reader.place, d.saved = end, end, time.Now()
		d.cursor++
	}
	return err
}

// fail stores that a message failed.
func (s *Sender) fail(ctx context.Context, d *delivery, f *failing, attempt *registry.WebhookDelivery) error {
	return s.apply(ctx, d, attempt, func(b *storage.Batch, p *progress) {
		b.Check(cursorKey(d.hook.ID), d.cursor)
		p.Failing = f
	})
}

// apply stores an attempt and what follows from it. Error: errMoved, if the webhook's cursor is not
// where d has it.
func (s *Sender) apply(ctx context.Context, d *delivery, attempt *registry.WebhookDelivery, change func(*storage.Batch, *progress)) error {
	for {
		p := d.progress
		var b storage.Batch
		change(&b, &p)
		if err := p.put(&b, d.hook.ID, d.version, attempt); err != nil {
			return err
		}
		_, err := s.o.Store.Apply(ctx, &b)
		if err == nil {
			d.progress = p
			d.version++
			return nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			return fmt.Errorf("store attempt: %w", err)
		}
		now, err := s.readState(ctx, d.hook.ID)
		if errors.Is(err, storage.ErrNotFound) || err == nil && now.cursor != d.cursor {
			return errMoved
		}
		if err != nil {
			return err
		}
		d.progress.Serial, d.version = now.progress.Serial, now.version // a test or a replay was noted meanwhile
	}
}

// moveOn stores a place up to which nothing concerned the webhook.
func (s *Sender) moveOn(ctx context.Context, d *delivery, after storage.Seq) error {
	var b storage.Batch
	b.Put(cursorKey(d.hook.ID), storage.EncodeCursor(after), d.cursor)
	_, err := s.o.Store.Apply(ctx, &b)
	if errors.Is(err, storage.ErrConflict) {
		return errMoved
	}
	if err != nil {
		return fmt.Errorf("store cursor: %w", err)
	}
	d.place, d.saved = registry.WebhookPlace{After: after}, time.Now()
	d.cursor++
	return nil
}

// stop disables the webhook, and notes its last attempt.
func (s *Sender) stop(ctx context.Context, d *delivery, reason string, attempt *registry.WebhookDelivery) error {
	p := d.progress
	p.Failing = nil
	err := s.o.Registrar.StopWebhook(ctx, d.hook, reason, func(b *storage.Batch) error {
		return p.put(b, d.hook.ID, d.version, attempt)
	})
	if err == nil || errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrNotFound) {
		return errMoved
	}
	return err
}

// note stores an attempt outside of the order: a test or a replay.
func (s *Sender) note(ctx context.Context, h *registry.Webhook, attempt *registry.WebhookDelivery) error {
	for {
		items, err := s.o.Store.MultiGet(ctx, [][]byte{storage.ProgressKey(h.ID), storage.WebhookKey(h.ID)})
		if err != nil {
			return fmt.Errorf("read state: %w", err)
		}
		if items[1].Value == nil {
			return nil // deleted meanwhile
		}
		var p progress
		if err := p.decode(items[0]); err != nil {
			return err
		}
		var b storage.Batch
		b.Check(storage.WebhookKey(h.ID), items[1].Version)
		if err := p.put(&b, h.ID, items[0].Version, attempt); err != nil {
			return err
		}
		_, err = s.o.Store.Apply(ctx, &b)
		if !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
}
