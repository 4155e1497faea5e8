package api

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// keyBody asks for an API key.
type keyBody struct {
	Enterprise string        `json:"enterprise"`
	Role       registry.Role `json:"role" enum:"operator,reviewer,auditor,admin,writer,reader"`
	Prefixes   []string      `json:"prefixes,omitempty" doc:"What it is limited to, a Handle prefix or scheme:prefix each; absent: all of the enterprise's"`
	Expires    time.Time     `json:"expires,omitzero" doc:"Absent: never"`
	IPs        []string      `json:"ips,omitempty" doc:"Addresses or networks (192.0.2.0/24) that it may be used from; absent: any"`
	Name       string        `json:"name,omitempty" doc:"What it is for, in words"`

	Scopes []registry.Scope `json:"scopes,omitempty" doc:"What of its role it is limited to: identifiers:read and so on; absent: all, or the scopes of the credential that asks"`
}

// keyView is an API key without its secret.
type keyView struct {
	ID         string         `json:"id"`
	Enterprise string         `json:"enterprise"`
	Role       registry.Role  `json:"role"`
	Prefixes   []string       `json:"prefixes,omitempty"`
	IPs        []netip.Prefix `json:"ips,omitempty"`
	Expires    time.Time      `json:"expires,omitzero"`
	Created    time.Time      `json:"created"`
	Name       string         `json:"name,omitempty"`
	LastUsed   time.Time      `json:"lastUsed,omitzero" doc:"Up to two minutes old; absent: never"`

	Scopes        []registry.Scope `json:"scopes,omitempty"`
	PreviousUntil time.Time        `json:"previousUntil,omitzero" doc:"How long the secret before the last rotation is good"`
}

// rotateBody is how a key is rotated.
type rotateBody struct {
	Grace *string `json:"grace,omitempty" doc:"How long the secret before stays good, such as 24h (the default); 0s for not at all, at most 720h"`
}

// rotatedKey is a key's new secret, shown this one time.
type rotatedKey struct {
	ID            string    `json:"id"`
	Key           string    `json:"key" doc:"idn_<id>_<secret>: shown this one time"`
	PreviousUntil time.Time `json:"previousUntil" doc:"How long the secret before is good"`
}

// issuedKey is a new API key, with its secret this one time.
type issuedKey struct {
	keyView
	Key string `json:"key" doc:"idn_<id>_<secret>: shown this one time"`
}

func viewOf(k *registry.Key) keyView {
	v := keyView{ID: k.ID, Enterprise: k.Enterprise, Role: k.Role, IPs: k.IPs, Expires: k.Expires, Created: k.Created,
		Name: k.Name, LastUsed: k.LastUsed, Scopes: k.Scopes, PreviousUntil: k.PreviousUntil}
	for _, p := range k.Prefixes {
		v.Prefixes = append(v.Prefixes, p.Scheme.String()+":"+p.Name)
	}
	return v
}

type keyInput struct {
	RawBody []byte `contentType:"application/json"`
}

type keyListInput struct {
	Enterprise string `query:"enterprise" doc:"Keys of an enterprise"`
	PageInput
}

func (s *server) apikeys() {
	add(s, operation{
		id: "createAPIKey", method: http.MethodPost, path: "/v1/apikeys", tag: "apikeys", summary: "Issue an API key",
		description: "The key is in this answer only. Issuing is not idempotent: after a lost answer delete the key that the list shows, and issue another.",
		body:        schemaOf[keyBody](s), answers: map[int]*huma.Schema{201: schemaOf[issuedKey](s)}, errors: []int{404, 413, 415, 507},
	}, s.createKey)
	add(s, operation{
		id: "listAPIKeys", method: http.MethodGet, path: "/v1/apikeys", tag: "apikeys", summary: "List API keys",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[keyView]](s)},
	}, s.listKeys)
	add(s, operation{
		id: "readAPIKey", method: http.MethodGet, path: "/v1/apikeys/{id}", tag: "apikeys", summary: "Read an API key, without its secret",
		answers: map[int]*huma.Schema{200: schemaOf[keyView](s)}, errors: []int{404},
	}, s.readKey)
	addStep(s, operation{
		id: "rotateAPIKey", method: http.MethodPost, path: "/v1/apikeys/{id}:rotate", tag: "apikeys", summary: "Give an API key a new secret",
		description: "The secret before stays good for a time. A key has at most two good secrets. Rotating is not idempotent: after a lost answer the key before is good until previousUntil.",
		body:        schemaOf[rotateBody](s), optional: true, answers: map[int]*huma.Schema{200: schemaOf[rotatedKey](s)}, errors: []int{404, 409, 413, 415, 507},
	})
	add(s, operation{
		id: "stepAPIKey", method: http.MethodPost, path: "/v1/apikeys/{idaction}", tag: "apikeys", hidden: true, optional: true,
		body: schemaOf[rotateBody](s), answers: map[int]*huma.Schema{200: schemaOf[rotatedKey](s)},
	}, s.stepKey)
	add(s, operation{
		id: "deleteAPIKey", method: http.MethodDelete, path: "/v1/apikeys/{id}", tag: "apikeys", summary: "Delete an API key, at once",
		answers: map[int]*huma.Schema{204: nil}, errors: []int{404, 409, 507},
	}, s.deleteKey)
}

func (s *server) createKey(ctx context.Context, in *keyInput) (*reply, error) {
	var b keyBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	q := registry.KeyRequest{Enterprise: b.Enterprise, Role: b.Role, Expires: b.Expires, Name: b.Name, Scopes: b.Scopes}
	for i, text := range b.Prefixes {
		k, err := parsePrefix("", text, fmt.Sprintf("/prefixes/%d", i))
		if err != nil {
			return nil, err
		}
		q.Prefixes = append(q.Prefixes, k)
	}
	for i, text := range b.IPs {
		n, err := parseNetwork(text)
		if err != nil {
			return nil, registry.Refuse(registry.CodeInvalidKey, fmt.Sprintf("/ips/%d", i), "an address or a network is expected")
		}
		q.IPs = append(q.IPs, n)
	}
	k, secret, err := s.reg.IssueKey(ctx, q, registry.Write{Actor: actorOf(ctx), Operation: "POST /v1/apikeys"})
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusCreated, issuedKey{viewOf(k), secret})
}

// parseNetwork reads a network, or an address as the network of it alone.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return a.Prefix(a.BitLen())
	}
	n, err := netip.ParsePrefix(text)
	return n.Masked(), err
}

func (s *server) listKeys(ctx context.Context, in *keyListInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	keys, next, err := s.reg.ListKeys(ctx, actorOf(ctx), in.Enterprise, p)
	if err != nil {
		return nil, err
	}
	items := make([]keyView, len(keys))
	for i, k := range keys {
		items[i] = viewOf(k)
	}
	return jsonReply(http.StatusOK, pageOf[keyView]{items, next})
}

func (s *server) readKey(ctx context.Context, in *idInput) (*reply, error) {
	k, err := s.reg.APIKey(ctx, in.ID, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, viewOf(k))
}

func (s *server) stepKey(ctx context.Context, in *stepInput) (*reply, error) {
	id, action := splitStep(in.IDAction)
	if action != "rotate" {
		return nil, registry.Refuse(registry.CodeNotFound, "", "there is no step %q here", action)
	}
	var b rotateBody
	if len(in.RawBody) > 0 {
		if err := decode(in.RawBody, &b); err != nil {
			return nil, err
		}
	}
	grace := registry.DefaultGrace
	if b.Grace != nil {
		var err error
		if grace, err = time.ParseDuration(*b.Grace); err != nil {
			return nil, registry.Refuse(registry.CodeInvalidKey, "/grace", "a time such as 24h or 30m is expected")
		}
	}
	k, secret, err := s.reg.RotateKey(ctx, id, grace, registry.Write{Actor: actorOf(ctx), Operation: "POST /v1/apikeys/{id}:rotate"})
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, rotatedKey{k.ID, secret, k.PreviousUntil})
}

func (s *server) deleteKey(ctx context.Context, in *idInput) (*reply, error) {
	if err := s.reg.RevokeKey(ctx, in.ID, registry.Write{Actor: actorOf(ctx), Operation: "DELETE /v1/apikeys/{id}"}); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}
