package webhook

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// testEvent is the type of messages that Test sends.
const testEvent = "webhook.test"

// Test sends a message of type webhook.test now, whatever the webhook's state, and returns what came
// back. If it was taken, and other messages wait for their next try, that comes at once. Refusals:
// those of registry.ManagedWebhook.
func (s *Sender) Test(ctx context.Context, id string, a registry.Actor) (*registry.WebhookDelivery, error) {
	h, err := s.o.Registrar.ManagedWebhook(ctx, id, a)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(envelope{testEvent, time.Now().UTC().Truncate(time.Millisecond), map[string]string{"webhook": h.ID, "enterprise": h.Enterprise}})
	if err != nil {
		return nil, registry.AsError(err)
	}
	d := &registry.WebhookDelivery{Message: "msg_test_" + rand.Text(), Event: testEvent, Kind: registry.DeliveryTest}
	return s.sendNow(ctx, h, body, d)
}

// Replay sends a message again that is among the webhook's deliveries, out of its order, and returns what
// came back. Refusals: those of registry.DeliveryOf, CodeInvalidState (it can no longer be made as it was).
func (s *Sender) Replay(ctx context.Context, id, name string, a registry.Actor) (*registry.WebhookDelivery, error) {
	h, old, err := s.o.Registrar.DeliveryOf(ctx, id, name, a)
	if err != nil {
		return nil, err
	}
	m, _, _, err := s.gather(ctx, &reader{filter: newFilter(h), place: old.Place})
	if err != nil && !errors.Is(err, storage.ErrTrimmed) {
		return nil, registry.AsError(err)
	}
	if m == nil || m.id(h.ID) != name {
		return nil, registry.Refuse(registry.CodeInvalidState, "/message", "message %q cannot be made again: the change log no longer has it, or the webhook asks for something else now", name)
	}
	body, err := s.body(ctx, m)
	if err != nil {
		return nil, registry.AsError(err)
	}
	return s.sendNow(ctx, h, body, &registry.WebhookDelivery{Message: name, Event: string(m.event), Items: len(m.items),
		Kind: registry.DeliveryReplay, Place: m.place})
}

// sendNow sends a message that somebody waits for, beside what is under way.
func (s *Sender) sendNow(ctx context.Context, h *registry.Webhook, body []byte, d *registry.WebhookDelivery) (*registry.WebhookDelivery, error) {
	release, err := s.take(ctx, true)
	if err != nil {
		return nil, registry.AsError(err)
	}
	s.send(ctx, h, d.Message, body, d)
	release()
	if err := s.note(context.WithoutCancel(ctx), h, d); err != nil {
		return nil, registry.AsError(err)
	}
	if d.Result == registry.DeliveryDelivered {
		s.mu.Lock()
		if sub := s.active[h.ID]; sub != nil {
			sub.retry = true
			sub.signal()
		}
		s.mu.Unlock()
	}
	return d, nil
}
