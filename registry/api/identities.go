package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// identityBody asks for an application's identity.
type identityBody struct {
	Identity   string        `json:"identity" doc:"Index and handle of its public key, such as 300:88.1021.150/APP_mes"`
	Enterprise string        `json:"enterprise"`
	Role       registry.Role `json:"role" enum:"operator,reviewer,auditor,admin,writer,reader"`
	Prefixes   []string      `json:"prefixes,omitempty" doc:"What it is limited to, a Handle prefix or scheme:prefix each; absent: all of the enterprise's"`
	Name       string        `json:"name,omitempty"`
	PublicKey  string        `json:"publicKey,omitempty" doc:"In PEM; it is registered under the handle. Absent: it stands there"`
}

type identityInput struct {
	Identity string `query:"identity"`
}

type identityListInput struct {
	Identity string `query:"identity" doc:"One identity; without it all are listed"`
	accountListInput
}

func (s *server) identities() {
	account := schemaOf[registry.Account](s)
	add(s, operation{
		id: "createIdentity", method: http.MethodPost, path: "/v1/identities", tag: "identities", summary: "Make an identity for an application",
		description: "An account (应用标识身份) that logs in by signing a challenge with the private half of the key at an index of a handle.",
		body:        schemaOf[identityBody](s), answers: map[int]*huma.Schema{201: account}, errors: []int{404, 409, 412, 413, 415, 422, 507},
	}, s.createIdentity)
	add(s, operation{
		id: "readIdentities", method: http.MethodGet, path: "/v1/identities", tag: "identities", summary: "Read an identity, or list identities",
		answers: map[int]*huma.Schema{200: {OneOf: []*huma.Schema{account, schemaOf[pageOf[registry.Account]](s)}}}, errors: []int{404},
	}, s.readIdentities)
	add(s, operation{
		id: "deleteIdentity", method: http.MethodDelete, path: "/v1/identities", tag: "identities", summary: "Delete an identity and end its tokens, at once; the handle stays",
		answers: map[int]*huma.Schema{204: nil}, errors: []int{404, 409, 507},
	}, s.deleteIdentity)
}

func (s *server) createIdentity(ctx context.Context, in *enterpriseInput) (*reply, error) {
	var b identityBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	q := registry.IdentityRequest{Identity: b.Identity, Enterprise: b.Enterprise, Role: b.Role, Name: b.Name, PublicKey: []byte(b.PublicKey)}
	for i, text := range b.Prefixes {
		k, err := parsePrefix("", text, fmt.Sprintf("/prefixes/%d", i))
		if err != nil {
			return nil, err
		}
		q.Prefixes = append(q.Prefixes, k)
	}
	a, err := s.reg.CreateIdentity(ctx, q, registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST /v1/identities"})
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusCreated, a)
}

func (s *server) readIdentities(ctx context.Context, in *identityListInput) (*reply, error) {
	if in.Identity == "" {
		return s.listAccountsOf(ctx, registry.ApplicationAccount, &in.accountListInput)
	}
	a, err := s.reg.Account(ctx, in.Identity, actorOf(ctx))
	if err == nil && a.Kind != registry.ApplicationAccount {
		err = registry.Refuse(registry.CodeNotFound, "identity", "no identity %s", in.Identity)
	}
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, a)
}

func (s *server) deleteIdentity(ctx context.Context, in *identityInput) (*reply, error) {
	if err := s.reg.DeleteIdentity(ctx, in.Identity, registry.Write{Actor: actorOf(ctx), Operation: "DELETE /v1/identities"}); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}
