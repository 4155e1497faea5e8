package snms

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/auth"
)

// maxLogin bounds the body of a login in octets: it is read from anybody.
const maxLogin = 16 << 10

// identity serves the paths of section 4.2.
func (s *server) identity() {
	s.mux.HandleFunc("POST /identity/token", s.token(s.Logins.Login))
	s.mux.HandleFunc("POST /identity/token/v1", s.token(s.Logins.LoginDayHash))
}

// token answers a login (section 4.2): of a person or with the AK and SK of an API key.
func (s *server) token(login func(ctx context.Context, username, password string, addr netip.Addr) (auth.Token, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, err := s.login(w, r, login)
		if err != nil {
			if e := registry.AsError(err); e.Code == registry.CodeUnauthenticated { // what of the two is wrong is not told
				err = refuse(messageLogin)
			}
			s.answer(w, r, nil, err)
			return
		}
		s.answer(w, r, map[string]string{"token": t.Token}, nil)
	}
}

func (s *server) login(w http.ResponseWriter, r *http.Request, login func(ctx context.Context, username, password string, addr netip.Addr) (auth.Token, error)) (auth.Token, error) {
	var in struct {
		Username string `json:"username"`
		UserName string `json:"userName"` // as the samples of other calls spell it
		Password string `json:"password"`
	}
	if err := decode(http.MaxBytesReader(w, r.Body, maxLogin), &in); err != nil {
		return auth.Token{}, err
	}
	if in.Username == "" {
		in.Username = in.UserName
	}
	switch "" {
	case in.Username:
		return auth.Token{}, missing("username")
	case in.Password:
		return auth.Token{}, missing("password")
	}
	return login(r.Context(), in.Username, in.Password, remoteAddr(r))
}
