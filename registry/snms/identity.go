package snms

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/auth"
)

// Statuses of answers (section 4.1). HTTP says 200 with all of them.
const (
	statusDone        = 1
	statusFailed      = -2 // see the message
	statusServerError = -4
)

// Messages of answers, in the words of the original (section 4.4).
const (
	messageDone     = "success"
	messageLogin    = "用户名/密码错误！"
	messageTrouble  = "系统繁忙"
	messageMissing  = "缺少必要的请求参数: "
	messageMethod   = "请求方法不支持"
	messageNotFound = "接口不存在"
)

// maxBody bounds the body of a login in octets: it is read from anybody.
const maxBody = 16 << 10

// answer is the envelope of every answer (section 4.1).
type answer struct {
	Message string `json:"message"`
	Status  int    `json:"status"`
	Data    any    `json:"data"`
}

// Logins are the ways to log in. *auth.Verifier is one. Refusals are *registry.Error.
type Logins interface {
	// Login checks a password, or the secret of an API key under its id.
	Login(ctx context.Context, username, password string, addr netip.Addr) (auth.Token, error)
	// LoginDayHash checks a hash over the hash of a password and the day.
	LoginDayHash(ctx context.Context, username, hash string, addr netip.Addr) (auth.Token, error)
}

// Options are the parts of the surface.
type Options struct {
	Logins Logins       // required
	Logger *slog.Logger // takes failures of ours; default slog.Default()
}

// New returns the handler of the paths below /identity/.
func New(o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &server{o}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /identity/token", s.token(o.Logins.Login))
	mux.HandleFunc("POST /identity/token/v1", s.token(o.Logins.LoginDayHash))
	mux.HandleFunc("/identity/token", func(w http.ResponseWriter, _ *http.Request) { s.refuseMethod(w) })
	mux.HandleFunc("/identity/token/v1", func(w http.ResponseWriter, _ *http.Request) { s.refuseMethod(w) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusNotFound, answer{messageNotFound, statusFailed, nil})
	})
	return mux
}

type server struct{ Options }

func (s *server) refuseMethod(w http.ResponseWriter) {
	w.Header().Set("Allow", http.MethodPost)
	write(w, http.StatusMethodNotAllowed, answer{messageMethod, statusFailed, nil})
}

// token answers a login (section 4.2): of a person or with the AK and SK of an API key.
func (s *server) token(login func(ctx context.Context, username, password string, addr netip.Addr) (auth.Token, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Username string `json:"username"`
			UserName string `json:"userName"` // as the samples of other calls spell it
			Password string `json:"password"`
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			write(w, http.StatusOK, answer{"请求体不是合法的 JSON", statusFailed, nil})
			return
		}
		if in.Username == "" {
			in.Username = in.UserName
		}
		switch "" {
		case in.Username:
			write(w, http.StatusOK, answer{messageMissing + "username", statusFailed, nil})
			return
		case in.Password:
			write(w, http.StatusOK, answer{messageMissing + "password", statusFailed, nil})
			return
		}
		addr, _ := netip.ParseAddrPort(r.RemoteAddr)
		t, err := login(r.Context(), in.Username, in.Password, addr.Addr().Unmap())
		if err != nil {
			s.refuse(w, err)
			return
		}
		write(w, http.StatusOK, answer{messageDone, statusDone, map[string]string{"token": t.Token}})
	}
}

// refuse tells a refused login: what is wrong with name or password is not told apart.
func (s *server) refuse(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*registry.Error](err)
	switch {
	case ok && e.Code == registry.CodeUnauthenticated:
		write(w, http.StatusOK, answer{messageLogin, statusFailed, nil})
	case ok && e.Code != registry.CodeInternal && e.Code != registry.CodeUnavailable && e.Code != registry.CodeNoSpace:
		write(w, http.StatusOK, answer{e.In(registry.Chinese), statusFailed, nil})
	default:
		s.Logger.Error("login failed", "err", err)
		write(w, http.StatusOK, answer{messageTrouble, statusServerError, nil})
	}
}

func write(w http.ResponseWriter, status int, a answer) {
	body, err := json.Marshal(a)
	if err != nil {
		panic("snms: answer without JSON form: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
