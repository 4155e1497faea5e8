package registry

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/idnode/idnode/storage"
)

// DeliveriesKept is how many of the newest attempts are kept of each webhook.
const DeliveriesKept = 500

// DeliveryKind is why something was sent.
type DeliveryKind string

const (
	DeliveryChange DeliveryKind = "change" // something changed
	DeliveryReplay DeliveryKind = "replay" // a message was asked for again
	DeliveryTest   DeliveryKind = "test"
)

// DeliveryResult is what became of it.
type DeliveryResult string

const (
	DeliveryDelivered DeliveryResult = "delivered" // the receiver answered 2xx
	DeliveryFailed    DeliveryResult = "failed"
	DeliverySkipped   DeliveryResult = "skipped" // it will not be sent: the change log no longer has it
)

// WebhookDelivery is an attempt to deliver a message.
type WebhookDelivery struct {
	Serial   uint64         `json:"serial"`            // counts what is kept of the webhook
	Message  string         `json:"message,omitempty"` // webhook-id
	Event    string         `json:"event,omitempty"`
	Items    int            `json:"items,omitempty"`
	Kind     DeliveryKind   `json:"kind"`
	Attempt  int            `json:"attempt,omitempty"` // of the message, from 1
	Time     time.Time      `json:"time"`
	Result   DeliveryResult `json:"result"`
	Status   int            `json:"status,omitempty"` // of HTTP; 0: no answer came
	Error    string         `json:"error,omitempty"`
	Duration int64          `json:"durationMs"`
	Next     time.Time      `json:"nextTry,omitzero"`

	Place WebhookPlace `json:"-"` // of the message's first change
}

// WebhookPlace is a place between two changes in the change log: the first Told changes of the entry
// after After lie before it.
type WebhookPlace struct {
	After storage.Seq `json:"after"`
	Told  int         `json:"told,omitempty"`
}

// storedDelivery is the JSON form of a WebhookDelivery in the store.
type storedDelivery struct {
	WebhookDelivery
	Place WebhookPlace `json:"place,omitzero"`
}

// AddDelivery adds d to b, in the place of the oldest if there are enough.
func AddDelivery(b *storage.Batch, webhook string, d *WebhookDelivery) error {
	value, err := json.Marshal(storedDelivery{*d, d.Place})
	if err != nil {
		return fmt.Errorf("encode delivery: %w", err)
	}
	b.Set(storage.DeliveryKey(webhook, uint32(d.Serial%DeliveriesKept)), value)
	return nil
}

// deliveries are those kept of a webhook, the newest first.
func (r *Registrar) deliveries(ctx context.Context, webhook string) ([]*WebhookDelivery, error) {
	var all []*WebhookDelivery
	span := storage.Range{Start: storage.DeliveryKey(webhook, 0), End: storage.DeliveryKey(webhook, DeliveriesKept)}
	err := r.store.Scan(ctx, span, func(_ []byte, item storage.Item) error {
		var s storedDelivery
		if err := json.Unmarshal(item.Value, &s); err != nil {
			return fmt.Errorf("decode delivery: %w", err)
		}
		d := s.WebhookDelivery
		d.Place = s.Place
		all = append(all, &d)
		return nil
	})
	slices.SortFunc(all, func(a, b *WebhookDelivery) int { return cmp.Compare(b.Serial, a.Serial) })
	return all, err
}

// WebhookDeliveries returns a page of a webhook's newest attempts, the newest first, and the cursor of
// the next page. Refusals: CodeForbidden, CodeNotFound, CodeInvalidCursor.
func (r *Registrar) WebhookDeliveries(ctx context.Context, id string, a Actor, p Paging) ([]*WebhookDelivery, string, error) {
	if _, err := r.Webhook(ctx, id, a); err != nil {
		return nil, "", err
	}
	rows, refusal := r.pageRows(p.Limit)
	if refusal != nil {
		return nil, "", refusal
	}
	after, refusal := startAfter(p.Cursor, storage.TableDelivery)
	if refusal != nil {
		return nil, "", refusal
	}
	all, err := r.deliveries(ctx, id)
	if err != nil {
		return nil, "", AsError(err)
	}
	beginning := storage.DeliveriesPrefix(id)
	if after != nil {
		if len(after) != len(beginning)+9 || string(after[:len(beginning)]) != string(beginning) {
			return nil, "", refuse(CodeInvalidCursor, "cursor", "not a cursor that a list gave")
		}
		last := binary.BigEndian.Uint64(after[len(beginning):])
		all = slices.DeleteFunc(all, func(d *WebhookDelivery) bool { return d.Serial >= last })
	}
	next := ""
	if len(all) > rows {
		all = all[:rows]
		next = cursorOf(binary.BigEndian.AppendUint64(beginning, all[rows-1].Serial))
	}
	return slices.Clip(append([]*WebhookDelivery{}, all...)), next, nil
}

// DeliveryOf is the newest attempt to deliver a message of a webhook, from which it can be made again.
// Refusals: those of ManagedWebhook, CodeNotFound (the message is of a test, or older than what is kept).
func (r *Registrar) DeliveryOf(ctx context.Context, id, message string, a Actor) (*Webhook, *WebhookDelivery, error) {
	h, err := r.ManagedWebhook(ctx, id, a)
	if err != nil {
		return nil, nil, err
	}
	all, err := r.deliveries(ctx, id)
	if err != nil {
		return nil, nil, AsError(err)
	}
	for _, d := range all {
		if d.Message == message && d.Kind != DeliveryTest {
			return h, d, nil
		}
	}
	return nil, nil, refuse(CodeNotFound, "/message", "message %q is not among the deliveries that are kept; since sends more again", message)
}
