package registry

import (
	"context"
	"encoding/json"
	"errors"
	"hash"
	"time"

	"github.com/idnode/idnode/proto/standardwebhooks"
	"github.com/idnode/idnode/storage"
)

// WebhooksPerEnterprise is the most webhooks of an enterprise.
const WebhooksPerEnterprise = 20

// WebhookRequest asks for a webhook.
type WebhookRequest struct {
	Enterprise string // "": the actor's
	Form       WebhookForm
	Secret     string // "whsec_…"; "": a new one
}

// CreateWebhook makes a webhook and returns it with its secret, which is shown this once. It tells what
// changes from now on. Operators make those of every enterprise, an admin those of its own while it is
// active. Making is not idempotent: the secret could not be shown again. Refusals: CodeForbidden,
// CodeNotFound and CodeEnterpriseSuspended (the enterprise), CodeInvalidRequest, CodeInvalidState (there
// are enough).
func (r *Registrar) CreateWebhook(ctx context.Context, q WebhookRequest, w Write) (*Webhook, string, error) {
	enterprise := q.Enterprise
	if enterprise == "" {
		enterprise = w.Actor.Enterprise
	}
	if err := r.checkWebhookWriter(ctx, enterprise, w.Actor); err != nil {
		return nil, "", AsError(err)
	}
	all := r.checkWebhookForm(&q.Form, WebhookForm{}, enterprise, w.Actor)
	secret, v := webhookSecret(q.Secret)
	if v != nil {
		all = append(all, *v)
	}
	if e := refuseAll(CodeInvalidRequest, all); e != nil {
		return nil, "", e
	}
	r.creatingWebhook.Lock() // or two could both be the last one
	defer r.creatingWebhook.Unlock()
	if err := r.checkWebhookNumber(ctx, enterprise); err != nil {
		return nil, "", AsError(err)
	}
	h := &Webhook{ID: newID("w"), Enterprise: enterprise, WebhookForm: q.Form}
	h.secret = r.webhooks.Seal.Seal(h.sealContext(), secret)
	_, err := once(ctx, r, Write{Actor: w.Actor}, nil, func(b *storage.Batch, now time.Time) (*Webhook, error) {
		h.Created, h.Updated, h.Fresh, h.Version = now, now, now, 0
		last, err := r.store.Last(ctx)
		if err != nil {
			return nil, err
		}
		if h.resume = last; h.State == WebhookActive {
			b.Put(storage.CursorKey(WebhookCursor(h.ID)), storage.EncodeCursor(last), 0)
		}
		return h, r.putWebhook(b, h, storage.OpCreate, now, w.Actor, AuditEntry{Op: "webhook.create"})
	})
	if err != nil {
		return nil, "", err
	}
	r.log.Info("webhook made", "webhook", h.ID, "enterprise", h.Enterprise, "by", w.Actor.by())
	return h, secret.Text(), nil
}

// webhookSecret is the secret that is asked for, or a new one.
func webhookSecret(text string) (standardwebhooks.Secret, *Violation) {
	if text == "" {
		return standardwebhooks.NewSecret(), nil
	}
	secret, err := standardwebhooks.ParseSecret(text)
	if err != nil {
		v := violation("/secret", "a secret is whsec_ and the base64 of 24 to 64 octets")
		return nil, &v
	}
	return secret, nil
}

// checkWebhookNumber refuses more webhooks than an enterprise may have.
func (r *Registrar) checkWebhookNumber(ctx context.Context, enterprise string) error {
	n := 0
	err := r.store.Scan(ctx, storage.TableRange(storage.TableWebhook), func(_ []byte, item storage.Item) error {
		h, err := DecodeWebhook(item)
		if err == nil && h.Enterprise == enterprise {
			n++
		}
		return err
	})
	if err != nil {
		return err
	}
	if n >= WebhooksPerEnterprise {
		return refuse(CodeInvalidState, "", "enterprise %s has %d webhooks, as many as there may be: delete one first", enterprise, n)
	}
	return nil
}

// PatchWebhook merges patch (RFC 7396) into a webhook's form. Disabling it keeps its place in the change
// log, enabling goes on from there as far as the log still reaches. Refusals: those of CreateWebhook,
// CodeVersionMismatch.
func (r *Registrar) PatchWebhook(ctx context.Context, id string, patch []byte, w Write) (*Webhook, error) {
	fingerprint := func(h hash.Hash) { hashJSON(h, "webhook.update", []any{id, json.RawMessage(patch)}) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Webhook, error) {
		h, err := r.webhookToWrite(ctx, id, w)
		if err != nil {
			return nil, err
		}
		form, err := mergeInto(h.WebhookForm, patch)
		if err != nil {
			return nil, err
		}
		if e := refuseAll(CodeInvalidRequest, r.checkWebhookForm(&form, h.WebhookForm, h.Enterprise, w.Actor)); e != nil {
			return nil, e
		}
		old := h.WebhookForm
		h.WebhookForm, h.Updated = form, now
		if form.URL != old.URL {
			h.Fresh = now
		}
		if form.State != old.State {
			if err := r.switchWebhook(ctx, b, h, now); err != nil {
				return nil, err
			}
		}
		return h, r.putWebhook(b, h, storage.OpUpdate, now, w.Actor, AuditEntry{Op: "webhook.update"})
	})
}

// switchWebhook adds to b what follows from h's new state: an active webhook has a cursor, which holds
// the change log, a disabled one remembers it.
func (r *Registrar) switchWebhook(ctx context.Context, b *storage.Batch, h *Webhook, now time.Time) error {
	key := storage.CursorKey(WebhookCursor(h.ID))
	if h.State == WebhookActive {
		h.Fresh, h.Reason = now, ""
		b.Put(key, storage.EncodeCursor(h.resume), 0)
		return nil
	}
	item, err := r.store.Get(ctx, key)
	if err != nil {
		return err
	}
	b.Delete(key, item.Version)
	h.resume, err = storage.DecodeCursor(item.Value)
	return err
}

// DeleteWebhook removes a webhook and what is kept of its deliveries. Refusals: CodeForbidden, CodeNotFound,
// CodeVersionMismatch.
func (r *Registrar) DeleteWebhook(ctx context.Context, id string, w Write) error {
	fingerprint := func(h hash.Hash) { hashJSON(h, "webhook.delete", id) }
	_, err := once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Webhook, error) {
		h, err := r.webhookToWrite(ctx, id, w)
		if err != nil {
			return nil, err
		}
		key, cursor := storage.WebhookKey(id), storage.CursorKey(WebhookCursor(id))
		b.Delete(key, h.Version)
		if item, err := r.store.Get(ctx, cursor); err == nil {
			b.Delete(cursor, item.Version)
		} else if !errors.Is(err, storage.ErrNotFound) {
			return nil, err
		}
		err = r.store.Scan(ctx, storage.PrefixRange(storage.DeliveriesPrefix(id)), func(row []byte, item storage.Item) error {
			b.Delete(append([]byte(nil), row...), item.Version)
			return nil
		})
		if err != nil {
			return nil, err
		}
		b.Log(storage.Change{Op: storage.OpRevoke, Key: key, Version: h.Version + 1})
		return h, r.audit(b, now, w.Actor, AuditEntry{Op: "webhook.delete", ID: id})
	})
	return err
}

// RotateWebhook gives a webhook another secret and returns it with the secret, which is shown this once;
// text is the secret, "" for a new one. For the time grace, from 0 to 30 days, messages are signed with
// the secret before, too. Refusals: CodeForbidden, CodeNotFound, CodeInvalidRequest, CodeInvalidState (there
// are two secrets already).
func (r *Registrar) RotateWebhook(ctx context.Context, id string, grace time.Duration, text string, w Write) (*Webhook, string, error) {
	if grace < 0 || grace > maxGrace {
		return nil, "", refuse(CodeInvalidRequest, "/grace", "a time from 0s to %s is expected", maxGrace)
	}
	secret, v := webhookSecret(text)
	if v != nil {
		return nil, "", refuseAll(CodeInvalidRequest, []Violation{*v})
	}
	h, err := once(ctx, r, Write{Actor: w.Actor}, nil, func(b *storage.Batch, now time.Time) (*Webhook, error) {
		h, err := r.webhookToWrite(ctx, id, w)
		if err != nil {
			return nil, err
		}
		if now.Before(h.PreviousUntil) {
			return nil, refuse(CodeInvalidState, "id", "webhook %s has two secrets until %s; rotate it after that", id, h.PreviousUntil.Format(time.RFC3339))
		}
		h.previous, h.PreviousUntil = h.secret, now.Add(grace)
		if grace == 0 {
			h.previous, h.PreviousUntil = nil, time.Time{}
		}
		h.secret = r.webhooks.Seal.Seal(h.sealContext(), secret)
		h.Updated, h.Fresh = now, now
		return h, r.putWebhook(b, h, storage.OpUpdate, now, w.Actor, AuditEntry{Op: "webhook.rotate"})
	})
	if err != nil {
		return nil, "", err
	}
	return h, secret.Text(), nil
}

// webhookToWrite is the webhook of that id if w may change it in its present version.
func (r *Registrar) webhookToWrite(ctx context.Context, id string, w Write) (*Webhook, error) {
	h, err := r.readWebhook(ctx, id, w.Actor)
	if err != nil {
		return nil, err
	}
	if err := r.checkWebhookWriter(ctx, h.Enterprise, w.Actor); err != nil {
		return nil, err
	}
	if w.IfMatch != 0 && w.IfMatch != h.Version {
		return nil, versionMismatch(h.Version, w.IfMatch)
	}
	return h, nil
}

// StopWebhook disables a webhook on the node's own account, for reason, unless it is at another version.
// more, which may be nil, adds to the batch. Error: storage.ErrConflict (it has changed).
func (r *Registrar) StopWebhook(ctx context.Context, h Webhook, reason string, more func(*storage.Batch) error) error {
	now := r.now()
	h.State, h.Reason, h.Updated = WebhookDisabled, reason, now
	var b storage.Batch
	if err := r.switchWebhook(ctx, &b, &h, now); err != nil {
		return err
	}
	node := Actor{Enterprise: Self, KeyID: "webhook"}
	if err := r.putWebhook(&b, &h, storage.OpUpdate, now, node, AuditEntry{Op: "webhook.disable", Reason: reason}); err != nil {
		return err
	}
	if more != nil {
		if err := more(&b); err != nil {
			return err
		}
	}
	if _, err := r.store.Apply(ctx, &b); err != nil {
		return err
	}
	r.log.Warn("webhook disabled", "webhook", h.ID, "enterprise", h.Enterprise, "reason", reason)
	return nil
}
