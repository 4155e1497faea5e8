package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry/auth"
)

// maxLogin bounds the body of a login in octets: it is read from anybody.
const maxLogin = 16 << 10

// loginBody is a login.
type loginBody struct {
	Username string `json:"username" doc:"Of an account, or the id of an API key"`
	Password string `json:"password" doc:"Of the account, or the secret of the API key"`
}

type loginInput struct {
	RawBody []byte `contentType:"application/json"`
}

func (s *server) tokens() {
	token := schemaOf[auth.Token](s)
	add(s, operation{
		id: "login", method: http.MethodPost, path: "/v1/tokens", tag: "tokens", summary: "Log in",
		description: "Answers a token for Authorization: Bearer. Needs no credential. After five failures within 15 minutes an account is locked for a time.",
		body:        schemaOf[loginBody](s), answers: map[int]*huma.Schema{200: token}, errors: []int{413, 415, 429, 507}, maxBody: maxLogin,
	}, s.login)
	add(s, operation{
		id: "logout", method: http.MethodDelete, path: "/v1/tokens", tag: "tokens", summary: "Log out: the token that calls ends at once",
		answers: map[int]*huma.Schema{204: nil}, errors: []int{507},
	}, s.logout)
}

func (s *server) login(ctx context.Context, in *loginInput) (*reply, error) {
	var b loginBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	if b.Username == "" || b.Password == "" {
		return nil, invalid("", "username and password are required")
	}
	t, err := s.logins.Login(ctx, b.Username, b.Password, actorOf(ctx).Addr)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, t)
}

func (s *server) logout(ctx context.Context, _ *struct{}) (*reply, error) {
	if err := s.reg.RevokeToken(ctx, actorOf(ctx)); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}
