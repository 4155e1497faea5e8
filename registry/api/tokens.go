package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry/auth"
)

// maxLogin bounds the body of a login in octets: it is read from anybody.
const maxLogin = 16 << 10

// loginBody is a login: of a person, or of an application.
type loginBody struct {
	Username  string `json:"username,omitempty" doc:"Of an account, or the id of an API key"`
	Password  string `json:"password,omitempty" doc:"Of the account, or the secret of the API key"`
	Identity  string `json:"identity,omitempty" doc:"Of an application, such as 300:88.1021.150/APP_mes"`
	Nonce     string `json:"nonce,omitempty" doc:"Of POST /v1/tokens:challenge"`
	Signature string `json:"signature,omitempty" doc:"Base64 of the signature over the nonce's characters: RSA PKCS #1 v1.5 or ECDSA with SHA-256, Ed25519, SM2 with SM3"`
}

// challengeBody asks for a challenge.
type challengeBody struct {
	Identity string `json:"identity"`
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
		id: "challenge", method: http.MethodPost, path: "/v1/tokens:challenge", tag: "tokens", summary: "Ask for what an application signs to log in",
		description: "Needs no credential. A nonce is good once and for a minute.",
		body:        schemaOf[challengeBody](s), answers: map[int]*huma.Schema{200: schemaOf[auth.Challenge](s)}, errors: []int{413, 415}, maxBody: maxLogin,
	}, s.challenge)
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
	addr := actorOf(ctx).Addr
	var t auth.Token
	var err error
	switch person, application := b.Username != "" && b.Password != "", b.Identity != "" && b.Nonce != "" && b.Signature != ""; {
	case person && !application:
		t, err = s.logins.Login(ctx, b.Username, b.Password, addr)
	case application && !person:
		t, err = s.logins.LoginSigned(ctx, b.Identity, b.Nonce, b.Signature, addr)
	default:
		err = invalid("", "username and password are required, or identity, nonce and signature")
	}
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, t)
}

func (s *server) challenge(_ context.Context, in *loginInput) (*reply, error) {
	var b challengeBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	c, err := s.logins.Challenge(b.Identity)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, c)
}

func (s *server) logout(ctx context.Context, _ *struct{}) (*reply, error) {
	if err := s.reg.RevokeToken(ctx, actorOf(ctx)); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}
