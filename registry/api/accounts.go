package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// accountBody asks for an account.
type accountBody struct {
	Username     string          `json:"username" doc:"3 to 50 letters, digits and . _ - @; compared without case"`
	Password     string          `json:"password,omitempty" doc:"8 to 128 characters"`
	PasswordHash string          `json:"passwordHash,omitempty" doc:"Instead of password: its SHA-256 in hexadecimal digits"`
	Enterprise   string          `json:"enterprise"`
	Roles        []registry.Role `json:"roles" doc:"operator, reviewer and auditor for enterprise self; admin, writer and reader"`
	Email        string          `json:"email,omitempty"`
	Mobile       string          `json:"mobile,omitempty"`
	Name         string          `json:"name,omitempty"`
	OIDC         string          `json:"oidc,omitempty" doc:"The subject, or user name, at the OpenID provider"`
}

// passwordBody is a new password.
type passwordBody struct {
	Password     string `json:"password,omitempty"`
	PasswordHash string `json:"passwordHash,omitempty" doc:"Instead of password: its SHA-256 in hexadecimal digits"`
	Old          string `json:"old,omitempty" doc:"The present password, required for the own account"`
}

type accountListInput struct {
	Enterprise string `query:"enterprise" doc:"Accounts of an enterprise"`
	PageInput
}

type accountInput struct {
	ID             string `path:"id" doc:"The user name"`
	IdempotencyKey string `header:"Idempotency-Key"`
	RawBody        []byte `contentType:"application/json"`
}

func (s *server) accounts() {
	account := schemaOf[registry.Account](s)
	add(s, operation{
		id: "createAccount", method: http.MethodPost, path: "/v1/accounts", tag: "accounts", summary: "Make an account for a person",
		description: "Operators make every account, an enterprise's admin those of the enterprise. Answers never have a password.",
		body:        schemaOf[accountBody](s), answers: map[int]*huma.Schema{201: account}, errors: []int{409, 413, 415, 422, 507},
	}, s.createAccount)
	add(s, operation{
		id: "listAccounts", method: http.MethodGet, path: "/v1/accounts", tag: "accounts", summary: "List accounts",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[registry.Account]](s)},
	}, s.listAccounts)
	add(s, operation{
		id: "readAccount", method: http.MethodGet, path: "/v1/accounts/{id}", tag: "accounts", summary: "Read an account",
		answers: map[int]*huma.Schema{200: account}, errors: []int{404},
	}, s.readAccount)
	add(s, operation{
		id: "updateAccount", method: http.MethodPatch, path: "/v1/accounts/{id}", tag: "accounts", summary: "Change an account",
		description: "New roles count at once; disabling ends the account's tokens.",
		body:        schemaOf[registry.AccountPatch](s), answers: map[int]*huma.Schema{200: account}, errors: []int{404, 409, 413, 415, 422, 507},
	}, s.updateAccount)
	add(s, operation{
		id: "deleteAccount", method: http.MethodDelete, path: "/v1/accounts/{id}", tag: "accounts", summary: "Delete an account and end its tokens, at once",
		answers: map[int]*huma.Schema{204: nil}, errors: []int{404, 409, 507},
	}, s.deleteAccount)
	step := operation{
		id: "stepAccount", method: http.MethodPost, path: "/v1/accounts/{idaction}", tag: "accounts", hidden: true, optional: true,
		body: schemaOf[passwordBody](s), answers: map[int]*huma.Schema{200: account}, errors: []int{404, 409, 413, 415, 422, 507},
	}
	add(s, step, s.stepAccount)
	for _, o := range []operation{
		{id: "changePassword", path: "/v1/accounts/{id}:password", summary: "Set the password of an account and end its tokens",
			description: "For the own account with the present password; who manages the account resets it without. The answer has no body.",
			body:        step.body, answers: map[int]*huma.Schema{204: nil}},
		{id: "unlockAccount", path: "/v1/accounts/{id}:unlock", summary: "Lift a lock after failed logins", answers: step.answers},
		{id: "disableAccount", path: "/v1/accounts/{id}:disable", summary: "Disable an account and end its tokens", answers: step.answers},
		{id: "enableAccount", path: "/v1/accounts/{id}:enable", summary: "Enable an account", answers: step.answers},
	} {
		o.method, o.tag, o.errors = step.method, step.tag, step.errors
		addStep(s, o)
	}
}

func (s *server) createAccount(ctx context.Context, in *enterpriseInput) (*reply, error) {
	var b accountBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	a, err := s.reg.CreateAccount(ctx, registry.AccountRequest{
		Username: b.Username, Password: b.Password, FormHash: b.PasswordHash, Enterprise: b.Enterprise, Roles: b.Roles,
		Email: b.Email, Mobile: b.Mobile, Name: b.Name, OIDC: b.OIDC,
	}, registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST /v1/accounts"})
	if err != nil {
		return nil, err
	}
	out, err := jsonReply(http.StatusCreated, a)
	if err == nil {
		out.Location = "/v1/accounts/" + url.PathEscape(a.Username)
	}
	return out, err
}

func (s *server) listAccounts(ctx context.Context, in *accountListInput) (*reply, error) {
	return s.listAccountsOf(ctx, registry.PersonAccount, in)
}

func (s *server) listAccountsOf(ctx context.Context, kind registry.AccountKind, in *accountListInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	items, next, err := s.reg.ListAccounts(ctx, registry.AccountList{Actor: actorOf(ctx), Kind: kind, Enterprise: in.Enterprise, Paging: p})
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.Account]{items, next})
}

func (s *server) readAccount(ctx context.Context, in *idInput) (*reply, error) {
	a, err := s.reg.Account(ctx, in.ID, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, a)
}

func (s *server) updateAccount(ctx context.Context, in *accountInput) (*reply, error) {
	var p registry.AccountPatch
	if err := decode(in.RawBody, &p); err != nil {
		return nil, err
	}
	a, err := s.reg.UpdateAccount(ctx, in.ID, p, registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "PATCH /v1/accounts/{id}"})
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, a)
}

func (s *server) deleteAccount(ctx context.Context, in *idInput) (*reply, error) {
	if err := s.reg.DeleteAccount(ctx, in.ID, registry.Write{Actor: actorOf(ctx), Operation: "DELETE /v1/accounts/{id}"}); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}

func (s *server) stepAccount(ctx context.Context, in *stepInput) (*reply, error) {
	username, action := splitStep(in.IDAction)
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST /v1/accounts/{id}:" + action}
	if action == "password" {
		var b passwordBody
		if err := decode(in.RawBody, &b); err != nil {
			return nil, err
		}
		if err := s.reg.ChangePassword(ctx, username, registry.PasswordChange{Password: b.Password, FormHash: b.PasswordHash, Old: b.Old}, w); err != nil {
			return nil, err
		}
		return &reply{Status: http.StatusNoContent}, nil
	}
	if len(in.RawBody) > 0 {
		if err := decode(in.RawBody, &struct{}{}); err != nil {
			return nil, err
		}
	}
	var a *registry.Account
	var err error
	switch action {
	case "unlock":
		a, err = s.reg.UnlockAccount(ctx, username, w)
	case "disable", "enable":
		disabled := action == "disable"
		a, err = s.reg.UpdateAccount(ctx, username, registry.AccountPatch{Disabled: &disabled}, w)
	default:
		err = registry.Refuse(registry.CodeNotFound, "", "there is no step %q here", action)
	}
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, a)
}
