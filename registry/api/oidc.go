package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/auth"
)

// Paths of the login at the OpenID provider, which are public.
const (
	oidcPath     = "/v1/login/oidc"
	callbackPath = oidcPath + "/callback"
)

// oidcCookie keeps a login in the browser that began it.
const oidcCookie = "idnode_oidc"

type callbackInput struct {
	State  string `query:"state"`
	Code   string `query:"code"`
	Error  string `query:"error"`
	Cookie string `cookie:"idnode_oidc"`
}

func (s *server) oidc() {
	add(s, operation{
		id: "startOIDC", method: http.MethodGet, path: oidcPath, tag: "tokens", summary: "Log in at the OpenID provider: go there",
		description: "For browsers; needs no credential.", answers: map[int]*huma.Schema{302: nil},
	}, s.startOIDC)
	add(s, operation{
		id: "finishOIDC", method: http.MethodGet, path: callbackPath, tag: "tokens", summary: "Log in at the OpenID provider: come back",
		description: "Answers as POST /v1/tokens. The account must name the subject, or the user name, that the provider tells.",
		answers:     map[int]*huma.Schema{200: schemaOf[auth.Token](s)}, errors: []int{429, 507},
	}, s.finishOIDC)
}

func (s *server) startOIDC(ctx context.Context, _ *struct{}) (*reply, error) {
	target, cookie, err := s.logins.StartOIDC(ctx)
	if err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusFound, Location: target, CacheControl: "no-store", SetCookie: s.oidcCookie(cookie, 600)}, nil
}

func (s *server) finishOIDC(ctx context.Context, in *callbackInput) (*reply, error) {
	if in.Error != "" {
		return nil, registry.Refuse(registry.CodeUnauthenticated, "", "the OpenID provider refused the login: %.100s", in.Error)
	}
	t, err := s.logins.FinishOIDC(ctx, in.State, in.Code, in.Cookie, actorOf(ctx).Addr)
	if err != nil {
		return nil, err
	}
	out, err := jsonReply(http.StatusOK, t)
	if err == nil {
		out.SetCookie = s.oidcCookie("", -1)
	}
	return out, err
}

// oidcCookie is a cookie for seconds; it comes back with the redirect from the provider (SameSite=Lax).
func (s *server) oidcCookie(value string, seconds int) string {
	c := http.Cookie{Name: oidcCookie, Value: value, Path: oidcPath, MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.logins.SecureOIDC()}
	return c.String()
}
