package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// webhooksPath is where webhooks are managed.
const webhooksPath = "/v1/webhooks"

// webhookBody asks for a webhook.
type webhookBody struct {
	Enterprise string `json:"enterprise,omitempty" doc:"Default: that of the credential"`
	webhookForm
	Secret string `json:"secret,omitempty" doc:"whsec_ and the base64 of 24 to 64 octets; default: a new one"`
}

// webhookForm is what can be changed of one.
type webhookForm struct {
	URL         string                  `json:"url" doc:"https://…, to which messages are posted"`
	Events      []registry.WebhookEvent `json:"events,omitempty" enum:"identifier.created,identifier.updated,identifier.revoked,identifier.restored,prefix.changed,template.changed,enterprise.changed" doc:"What is told; absent: everything"`
	Namespaces  []string                `json:"namespaces,omitempty" doc:"Only what is in these, a Handle prefix or scheme:prefix each; absent: all of the enterprise's, or those of the credential"`
	Description string                  `json:"description,omitempty"`
	State       registry.WebhookState   `json:"state,omitempty" enum:"active,disabled" doc:"Default active"`
}

// madeWebhook is a webhook with its secret, shown this one time.
type madeWebhook struct {
	registry.Webhook
	Secret string `json:"secret" doc:"whsec_…: shown this one time"`
}

// rotateWebhookBody is how a webhook's secret is changed.
type rotateWebhookBody struct {
	Grace  *string `json:"grace,omitempty" doc:"How long messages are signed with the secret before, too, such as 24h (the default); 0s for not at all, at most 720h"`
	Secret string  `json:"secret,omitempty" doc:"whsec_…; default: a new one"`
}

// replayBody says what is sent again.
type replayBody struct {
	Since   *time.Time `json:"since,omitempty" doc:"All that has changed since, in its turn, as far as the change log reaches"`
	Message string     `json:"message,omitempty" doc:"A webhook-id of the deliveries: this message alone, now"`
}

// replayed is what was done.
type replayed struct {
	From     time.Time                 `json:"from,omitzero" doc:"Of since: when the first change was made that is told again; absent: there is none"`
	Delivery *registry.WebhookDelivery `json:"delivery,omitempty" doc:"Of message: what came back"`
}

type webhookListInput struct {
	Enterprise string `query:"enterprise" doc:"Webhooks of an enterprise"`
	PageInput
}

type webhookPageInput struct {
	ID string `path:"id"`
	PageInput
}

func (s *server) webhooks() {
	one := schemaOf[registry.Webhook](s)
	add(s, operation{
		id: "createWebhook", method: http.MethodPost, path: webhooksPath, tag: "webhooks", summary: "Have changes told",
		description: "Messages are those of Standard Webhooks. The secret is in this answer only; making is not idempotent: after a lost answer delete the webhook that the list shows.",
		body:        schemaOf[webhookBody](s), answers: map[int]*huma.Schema{201: schemaOf[madeWebhook](s)}, errors: []int{404, 409, 413, 415, 507},
	}, s.createWebhook)
	add(s, operation{
		id: "listWebhooks", method: http.MethodGet, path: webhooksPath, tag: "webhooks", summary: "List webhooks",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[registry.Webhook]](s)},
	}, s.listWebhooks)
	add(s, operation{
		id: "readWebhook", method: http.MethodGet, path: webhooksPath + "/{id}", tag: "webhooks", summary: "Read a webhook, without its secret",
		answers: map[int]*huma.Schema{200: one}, errors: []int{404},
	}, s.readWebhook)
	add(s, operation{
		id: "updateWebhook", method: http.MethodPatch, path: webhooksPath + "/{id}", tag: "webhooks", summary: "Change, enable or disable a webhook",
		description: "A merge patch (RFC 7396). Disabling keeps the place: enabled again, it goes on from there as far as the change log still reaches.",
		body:        schemaOf[webhookForm](s), answers: map[int]*huma.Schema{200: one}, errors: []int{404, 409, 412, 413, 415, 422, 507},
	}, s.patchWebhook)
	add(s, operation{
		id: "deleteWebhook", method: http.MethodDelete, path: webhooksPath + "/{id}", tag: "webhooks", summary: "Delete a webhook and its deliveries",
		answers: map[int]*huma.Schema{204: nil}, errors: []int{404, 409, 412, 422, 507},
	}, s.deleteWebhook)
	add(s, operation{
		id: "listDeliveries", method: http.MethodGet, path: webhooksPath + "/{id}/deliveries", tag: "webhooks", summary: "The newest attempts, the newest first",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[registry.WebhookDelivery]](s)}, errors: []int{404},
	}, s.listDeliveries)
	addStep(s, operation{
		id: "rotateWebhook", method: http.MethodPost, path: webhooksPath + "/{id}:rotate", tag: "webhooks", summary: "Give a webhook another secret",
		description: "For a time messages have two signatures. Not idempotent.", body: schemaOf[rotateWebhookBody](s), optional: true,
		answers: map[int]*huma.Schema{200: schemaOf[madeWebhook](s)}, errors: []int{404, 409, 413, 415, 507},
	})
	addStep(s, operation{
		id: "testWebhook", method: http.MethodPost, path: webhooksPath + "/{id}:test", tag: "webhooks", summary: "Send a message of type webhook.test now",
		description: "The answer tells what came back, a failure too.", answers: map[int]*huma.Schema{200: schemaOf[registry.WebhookDelivery](s)}, errors: []int{404, 409, 507},
	})
	addStep(s, operation{
		id: "replayWebhook", method: http.MethodPost, path: webhooksPath + "/{id}:replay", tag: "webhooks", summary: "Send messages again",
		description: "With the ids that they had, so that a receiver which keeps them takes none twice.", body: schemaOf[replayBody](s),
		answers: map[int]*huma.Schema{200: schemaOf[replayed](s)}, errors: []int{404, 409, 413, 415, 422, 507},
	})
	add(s, operation{
		id: "stepWebhook", method: http.MethodPost, path: webhooksPath + "/{idaction}", tag: "webhooks", hidden: true, optional: true,
		body: schemaOf[replayBody](s), answers: map[int]*huma.Schema{200: one},
	}, s.stepWebhook)
}

func webhookReply(status int, h *registry.Webhook) (*reply, error) {
	out, err := jsonReply(status, h)
	if err == nil && h.Version > 0 {
		out.ETag = entityTag(h.Version)
	}
	return out, err
}

func (s *server) createWebhook(ctx context.Context, in *keyInput) (*reply, error) {
	var b webhookBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	q := registry.WebhookRequest{Enterprise: b.Enterprise, Form: registry.WebhookForm(b.webhookForm), Secret: b.Secret}
	h, secret, err := s.reg.CreateWebhook(ctx, q, registry.Write{Actor: actorOf(ctx), Operation: "POST " + webhooksPath})
	if err != nil {
		return nil, err
	}
	out, err := jsonReply(http.StatusCreated, madeWebhook{*h, secret})
	if err == nil {
		out.ETag, out.Location = entityTag(h.Version), webhooksPath+"/"+h.ID
	}
	return out, err
}

func (s *server) listWebhooks(ctx context.Context, in *webhookListInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	items, next, err := s.reg.ListWebhooks(ctx, actorOf(ctx), in.Enterprise, p)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.Webhook]{items, next})
}

func (s *server) readWebhook(ctx context.Context, in *idInput) (*reply, error) {
	h, err := s.reg.Webhook(ctx, in.ID, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return webhookReply(http.StatusOK, h)
}

func (s *server) patchWebhook(ctx context.Context, in *enterprisePatchInput) (*reply, error) {
	version, err := parseIfMatch(in.IfMatch, true)
	if err != nil {
		return nil, err
	}
	if err := decode(in.RawBody, new(webhookForm)); err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IfMatch: version, IdempotencyKey: in.IdempotencyKey, Operation: "PATCH " + webhooksPath + "/{id}"}
	h, err := s.reg.PatchWebhook(ctx, in.ID, in.RawBody, w)
	if err != nil {
		return nil, err
	}
	return webhookReply(http.StatusOK, h)
}

func (s *server) deleteWebhook(ctx context.Context, in *appDeleteInput) (*reply, error) {
	version, err := parseIfMatch(in.IfMatch, true)
	if err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IfMatch: version, IdempotencyKey: in.IdempotencyKey, Operation: "DELETE " + webhooksPath + "/{id}"}
	if err := s.reg.DeleteWebhook(ctx, in.ID, w); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}

func (s *server) listDeliveries(ctx context.Context, in *webhookPageInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	items, next, err := s.reg.WebhookDeliveries(ctx, in.ID, actorOf(ctx), p)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.WebhookDelivery]{items, next})
}

func (s *server) stepWebhook(ctx context.Context, in *stepInput) (*reply, error) {
	id, action := splitStep(in.IDAction)
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST " + webhooksPath + "/{id}:" + action}
	switch action {
	case "rotate":
		return s.rotateWebhook(ctx, id, in.RawBody, w)
	case "test":
		d, err := s.hooks.Test(ctx, id, w.Actor)
		if err != nil {
			return nil, err
		}
		return jsonReply(http.StatusOK, d)
	case "replay":
		return s.replayWebhook(ctx, id, in.RawBody, w)
	}
	return nil, registry.Refuse(registry.CodeNotFound, "", "there is no step %q here", action)
}

func (s *server) rotateWebhook(ctx context.Context, id string, body []byte, w registry.Write) (*reply, error) {
	var b rotateWebhookBody
	if len(body) > 0 {
		if err := decode(body, &b); err != nil {
			return nil, err
		}
	}
	grace := registry.DefaultGrace
	if b.Grace != nil {
		var err error
		if grace, err = time.ParseDuration(*b.Grace); err != nil {
			return nil, invalid("/grace", "a time such as 24h or 30m is expected")
		}
	}
	h, secret, err := s.reg.RotateWebhook(ctx, id, grace, b.Secret, w)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, madeWebhook{*h, secret})
}

func (s *server) replayWebhook(ctx context.Context, id string, body []byte, w registry.Write) (*reply, error) {
	var b replayBody
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	if (b.Since == nil) == (b.Message == "") {
		return nil, invalid("", "either since or message is expected")
	}
	if b.Message != "" {
		d, err := s.hooks.Replay(ctx, id, b.Message, w.Actor)
		if err != nil {
			return nil, err
		}
		return jsonReply(http.StatusOK, replayed{Delivery: d})
	}
	done, err := s.reg.RewindWebhook(ctx, id, *b.Since, w)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, replayed{From: done.From})
}
