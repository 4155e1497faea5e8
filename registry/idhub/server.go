package idhub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/auth"
)

// Bounds of requests.
const (
	bodyTimeout = 30 * time.Second // for a body to arrive
	maxNames    = 64 << 10         // octets of a body that names things
	maxContent  = 1 << 20          // and of one with a record or metadata
)

// Logins are how applications log in. *auth.Verifier is one. Refusals are *registry.Error.
type Logins interface {
	// ChallengeDigits gives what an identity has to sign.
	ChallengeDigits(identity string) (auth.Challenge, error)
	// LoginAnswered checks the signature.
	LoginAnswered(ctx context.Context, identity, signature string, addr netip.Addr) (auth.Token, error)
	// Verify tells whose the token of a request is.
	Verify(ctx context.Context, bearer string, addr netip.Addr) (registry.Actor, error)
}

// Options are the parts of the surface.
type Options struct {
	Registrar *registry.Registrar // required
	Logins    Logins              // required
	Location  *time.Location      // of the times in requests and answers; default UTC+8
	Logger    *slog.Logger        // takes failures of ours; default slog.Default()
	Panicked  func()              // is told of panics recovered from; default: nobody is
}

// Paths are where the surface's calls begin.
func Paths() []string { return []string{"/api/v1/doip", "/api/v1/open/", "/api/v1/single-handle/"} }

// server is the handler that New returns.
type server struct {
	Options
	mux *http.ServeMux
}

// New returns the handler of the Paths.
func New(o Options) http.Handler {
	if o.Location == nil {
		o.Location = time.FixedZone("UTC+8", 8*60*60)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &server{Options: o, mux: http.NewServeMux()}
	s.challenges()
	s.operations()
	s.metadata()
	s.grants()
	s.files()
	s.refused()
	return s
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.Logger.Error("request panicked", "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			if s.Panicked != nil {
				s.Panicked()
			}
			write(w, http.StatusOK, answer{Code: CodeTrouble, Message: messageTrouble})
		}
	}()
	h, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	probe := statusProbe{header: make(http.Header)}
	h.ServeHTTP(&probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		write(w, http.StatusMethodNotAllowed, answer{Code: CodeNotServed, Message: messageMethod})
		return
	}
	write(w, http.StatusNotFound, answer{Code: CodeNotServed, Message: messagePath})
}

// statusProbe takes the answer that the mux has for what no pattern fits: not found, or another method is wanted.
type statusProbe struct {
	header http.Header
	status int
}

func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *statusProbe) WriteHeader(status int)      { p.status = status }

// request is a call, of somebody who is logged in unless actor is zero.
type request struct {
	*http.Request
	w     http.ResponseWriter
	actor registry.Actor
}

// call serves one path: data is that of the answer. An error is a *refusal, or what the registrar refused.
type call func(r *request) (data any, err error)

// handle serves a pattern, "GET /api/v1/open/meta/info", to those who are logged in with a credential that is good
// for the scopes. Bodies of more than maxBody octets are refused.
func (s *server) handle(pattern string, maxBody int64, as done, serve call, scopes ...registry.Scope) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var data any
		actor, err := s.caller(r, scopes...)
		if err == nil {
			data, err = s.serve(w, r, actor, maxBody, serve)
		}
		s.answer(w, r, as, data, err)
	})
}

// caller is who sent r, with a credential that is good for the scopes.
func (s *server) caller(r *http.Request, scopes ...registry.Scope) (registry.Actor, error) {
	actor, err := s.Logins.Verify(r.Context(), bearer(r), remoteAddr(r))
	if err != nil {
		return registry.Actor{}, err
	}
	for _, scope := range scopes {
		if e := actor.RequireScope(scope); e != nil {
			return registry.Actor{}, e
		}
	}
	return actor, nil
}

// serve runs a call with bounds on its body.
func (s *server) serve(w http.ResponseWriter, r *http.Request, actor registry.Actor, maxBody int64, serve call) (any, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // where there are none the server's own limits hold
	defer control.SetReadDeadline(time.Time{})               // or it would end later requests on the connection
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	return serve(&request{r, w, actor})
}

// answered is the data of a call that has sent its answer itself.
type answered struct{}

// answer sends the outcome of a call. What is our own fault is logged here, once.
func (s *server) answer(w http.ResponseWriter, r *http.Request, as done, data any, err error) {
	if _, sent := data.(answered); sent && err == nil {
		return
	}
	if err == nil {
		write(w, http.StatusOK, answer{as.code, as.message, data})
		return
	}
	if e, ok := errors.AsType[*refusal](err); ok {
		write(w, http.StatusOK, answer{e.code, e.message, e.data})
		return
	}
	e := registry.AsError(err)
	code, message := told(e)
	if faults[e.Code] && r.Context().Err() == nil {
		s.Logger.Error("request failed", "path", r.URL.Path, "code", e.Code, "err", err)
	}
	write(w, http.StatusOK, answer{Code: code, Message: message})
}

// read decodes the body, one JSON value and nothing behind it, into v. Members that are not known are ignored, as by
// the original.
func (r *request) read(v any) error {
	d := json.NewDecoder(r.Body)
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		err = cmp.Or(err, errors.New("something follows the JSON value"))
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return wrongParameter(fmt.Sprintf("请求体不能超过 %d 字节", e.Limit))
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		var wrong bind
		wrong.add(e.Field, "参数类型错误")
		return wrong.refuse()
	}
	return wrongParameter(messageJSON)
}

// bearer is the credential of r, "" if there is none or it is of another kind.
func bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func remoteAddr(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap()
}
