package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/standardwebhooks"
	"github.com/idnode/idnode/registry/egress"
	"github.com/idnode/idnode/registry/seal"
	"github.com/idnode/idnode/storage"
)

// WebhookRules are what webhooks need beside the store.
type WebhookRules struct {
	Seal   *seal.Key      // seals their secrets; required
	Egress *egress.Policy // judges their addresses; required
}

// WebhookEvent is what is told, by the type of its message.
type WebhookEvent string

const (
	EventIdentifierCreated  WebhookEvent = "identifier.created"
	EventIdentifierUpdated  WebhookEvent = "identifier.updated"
	EventIdentifierRevoked  WebhookEvent = "identifier.revoked"
	EventIdentifierRestored WebhookEvent = "identifier.restored"
	EventPrefixChanged      WebhookEvent = "prefix.changed"
	EventTemplateChanged    WebhookEvent = "template.changed"
	EventEnterpriseChanged  WebhookEvent = "enterprise.changed" // of no namespace
)

// WebhookEvents lists all events.
func WebhookEvents() []WebhookEvent {
	return []WebhookEvent{EventIdentifierCreated, EventIdentifierUpdated, EventIdentifierRevoked, EventIdentifierRestored,
		EventPrefixChanged, EventTemplateChanged, EventEnterpriseChanged}
}

// WebhookState says whether messages are sent.
type WebhookState string

const (
	WebhookActive   WebhookState = "active"
	WebhookDisabled WebhookState = "disabled"
)

// WebhookForm is what the owner says of a webhook.
type WebhookForm struct {
	URL         string         `json:"url"`
	Events      []WebhookEvent `json:"events,omitempty"`     // what is told; empty: everything
	Namespaces  []string       `json:"namespaces,omitempty"` // "scheme:prefix": only what is in these; empty: all of the enterprise's
	Description string         `json:"description,omitempty"`
	State       WebhookState   `json:"state"`
}

// Webhook is a subscription of an enterprise to what changes of its own.
type Webhook struct {
	ID         string `json:"id"`
	Enterprise string `json:"enterprise"`
	WebhookForm
	Reason        string    `json:"reason,omitempty"`       // why the node disabled it
	PreviousUntil time.Time `json:"previousUntil,omitzero"` // how long messages are signed with the secret before, too
	Created       time.Time `json:"created"`
	Updated       time.Time `json:"updated"`

	Version uint64 `json:"-"` // the store's

	// Fresh is when the subscription last got a reason to succeed: another address or secret, being
	// enabled, a replay. Failures before it do not count.
	Fresh time.Time `json:"-"`

	secret, previous []byte      // sealed
	resume           storage.Seq // of a disabled one: where its cursor was
}

// storedWebhook is the JSON form of a Webhook in the store.
type storedWebhook struct {
	Webhook
	Fresh    time.Time   `json:"fresh,omitzero"`
	Resume   storage.Seq `json:"resume,omitempty"`
	Secret   []byte      `json:"secret"`
	Previous []byte      `json:"previous,omitempty"`
}

// Tells reports whether h asks for event.
func (h *Webhook) Tells(event WebhookEvent) bool {
	return len(h.Events) == 0 || slices.Contains(h.Events, event)
}

// NamespaceKeys are the namespaces that h is limited to; none: all of the enterprise's.
func (h *Webhook) NamespaceKeys() []identifier.Key {
	keys := make([]identifier.Key, 0, len(h.Namespaces))
	for _, text := range h.Namespaces {
		if k, err := parseNamespace(text); err == nil { // they were checked before they were stored
			keys = append(keys, k)
		}
	}
	return keys
}

// WebhookCursor names the follower of the change log that sends h's messages, as [storage.CursorKey]
// takes it.
func WebhookCursor(id string) string { return "webhook/" + id }

// sealContext ties a sealed secret to its webhook.
func (h *Webhook) sealContext() string { return "webhook " + h.ID }

// WebhookSecrets are those that messages of h are signed with at the time now: one, or two after a
// rotation. Error: seal.ErrDamaged, if they were sealed with another secret key.
func (r *Registrar) WebhookSecrets(h *Webhook, now time.Time) ([]standardwebhooks.Secret, error) {
	sealed := [][]byte{h.secret}
	if now.Before(h.PreviousUntil) {
		sealed = append(sealed, h.previous)
	}
	var secrets []standardwebhooks.Secret
	for _, s := range sealed {
		secret, err := r.webhooks.Seal.Open(h.sealContext(), s)
		if err != nil {
			return nil, fmt.Errorf("open secret of webhook %s: %w", h.ID, err)
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

// DecodeWebhook reads a stored webhook.
func DecodeWebhook(item storage.Item) (*Webhook, error) {
	var s storedWebhook
	if err := json.Unmarshal(item.Value, &s); err != nil {
		return nil, fmt.Errorf("decode webhook: %w", err)
	}
	h := s.Webhook
	h.Version, h.Fresh, h.resume, h.secret, h.previous = item.Version, s.Fresh, s.Resume, s.Secret, s.Previous
	return &h, nil
}

// putWebhook adds h to b in place of its present version, with its change and audit entry.
func (r *Registrar) putWebhook(b *storage.Batch, h *Webhook, op storage.Op, now time.Time, a Actor, entry AuditEntry) error {
	value, err := json.Marshal(storedWebhook{Webhook: *h, Fresh: h.Fresh, Resume: h.resume, Secret: h.secret, Previous: h.previous})
	if err != nil {
		return fmt.Errorf("encode webhook: %w", err)
	}
	key := storage.WebhookKey(h.ID)
	b.Put(key, value, h.Version)
	h.Version++
	b.Log(storage.Change{Op: op, Key: key, Version: h.Version})
	entry.ID, entry.Version = h.ID, h.Version
	return r.audit(b, now, a, entry)
}

// Webhook returns a webhook without its secret. Operators and auditors see all, an enterprise's admin
// those of the enterprise, within what the credential is limited to. Refusals: CodeForbidden, CodeNotFound.
func (r *Registrar) Webhook(ctx context.Context, id string, a Actor) (*Webhook, error) {
	h, err := r.readWebhook(ctx, id, a)
	if err != nil {
		return nil, AsError(err)
	}
	return h, nil
}

// ManagedWebhook is Webhook for who wants to do something with it: auditors are refused.
func (r *Registrar) ManagedWebhook(ctx context.Context, id string, a Actor) (*Webhook, error) {
	h, err := r.readWebhook(ctx, id, a)
	if err == nil {
		err = r.checkWebhookWriter(ctx, h.Enterprise, a)
	}
	if err != nil {
		return nil, AsError(err)
	}
	return h, nil
}

// ListWebhooks returns a page of webhooks, and the cursor of the next; enterprise, unless "", narrows
// the list. Who may read a webhook sees it. Refusal: CodeForbidden.
func (r *Registrar) ListWebhooks(ctx context.Context, a Actor, enterprise string, p Paging) ([]*Webhook, string, error) {
	if err := a.checkWebhookReader(); err != nil {
		return nil, "", err
	}
	return page(ctx, r, storage.TableRange(storage.TableWebhook), p, func(_ []byte, item storage.Item) (*Webhook, error) {
		h, err := DecodeWebhook(item)
		if err != nil || enterprise != "" && h.Enterprise != enterprise || !a.seesWebhook(h) {
			return nil, err
		}
		return h, nil
	})
}

func (a Actor) checkWebhookReader() error {
	if !a.readsAll() && !a.Has(RoleAdmin) {
		return refuse(CodeForbidden, "", "role %s does not see webhooks", a.Role)
	}
	return nil
}

// seesWebhook reports whether h is one of a's enterprise, and tells nothing that a's credential is not good for.
func (a Actor) seesWebhook(h *Webhook) bool {
	return a.readsAll() || a.Enterprise == h.Enterprise && a.coversPrefixes(h.NamespaceKeys())
}

// readWebhook returns a webhook that a may see, else a refusal.
func (r *Registrar) readWebhook(ctx context.Context, id string, a Actor) (*Webhook, error) {
	if err := a.checkWebhookReader(); err != nil {
		return nil, err
	}
	item, err := r.store.Get(ctx, storage.WebhookKey(id))
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("read webhook %s: %w", id, err)
	}
	if err == nil {
		h, err := DecodeWebhook(item)
		if err != nil || a.seesWebhook(h) {
			return h, err
		}
	}
	return nil, refuse(CodeNotFound, "id", "no webhook %s", id)
}

// checkWebhookWriter refuses whom the webhooks of the enterprise are none of their business.
func (r *Registrar) checkWebhookWriter(ctx context.Context, enterprise string, a Actor) error {
	if r.webhooks.Seal == nil {
		return refuse(CodeInvalidState, "", "this node sends no webhooks")
	}
	if !a.IsOperator() && !(a.Has(RoleAdmin) && a.Enterprise == enterprise) {
		return refuse(CodeForbidden, "", "role %s does not change webhooks of enterprise %s", a.Role, enterprise)
	}
	e := r.checkActive(ctx, enterprise, "/enterprise")
	if e == nil || e.Code == CodeEnterpriseSuspended && a.IsOperator() {
		return nil
	}
	return e
}
