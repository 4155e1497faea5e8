package snms

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
	// DefaultBatchRows is how many identifiers a batch call takes (section 4.4).
	DefaultBatchRows = 2000
	bodyTimeout      = 30 * time.Second // for a body to arrive
	rowOctets        = 16 << 10         // what a batch may take for each of its rows
)

// Logins are the ways to log in. *auth.Verifier is one. Refusals are *registry.Error.
type Logins interface {
	// Login checks a password, or the secret of an API key under its id.
	Login(ctx context.Context, username, password string, addr netip.Addr) (auth.Token, error)
	// LoginDayHash checks a hash over the hash of a password and the day.
	LoginDayHash(ctx context.Context, username, hash string, addr netip.Addr) (auth.Token, error)
	// Verify tells whose the token of a request is.
	Verify(ctx context.Context, bearer string, addr netip.Addr) (registry.Actor, error)
}

// Options are the parts of the surface.
type Options struct {
	Registrar *registry.Registrar // required
	Logins    Logins              // required
	BatchRows int                 // identifiers that a batch call takes; default DefaultBatchRows
	Location  *time.Location      // of the dates in requests and answers; default UTC+8
	Logger    *slog.Logger        // takes failures of ours; default slog.Default()
	Panicked  func()              // is told of panics recovered from; default: nobody is
}

// Paths are where the surface's calls begin.
func Paths() []string { return []string{"/identity/", "/identityv2/", "/snms/api/"} }

// server is the handler that New returns.
type server struct {
	Options
	mux *http.ServeMux
}

// New returns the handler of the Paths.
func New(o Options) http.Handler {
	o.BatchRows = cmp.Or(o.BatchRows, DefaultBatchRows)
	if o.Location == nil {
		o.Location = time.FixedZone("UTC+8", 8*60*60)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &server{Options: o, mux: http.NewServeMux()}
	s.identity()
	s.users()
	s.enterprises()
	s.prefixes()
	s.files()
	s.templates()
	s.identifiers()
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
			write(w, http.StatusOK, answer{messageTrouble, StatusServerError, nil})
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
		write(w, http.StatusMethodNotAllowed, answer{messageMethod, StatusFailed, nil})
		return
	}
	write(w, http.StatusNotFound, answer{messageNotFound, StatusFailed, nil})
}

// statusProbe takes the answer that the mux has for what no pattern fits: not found, or another method is wanted.
type statusProbe struct {
	header http.Header
	status int
}

func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *statusProbe) WriteHeader(status int)      { p.status = status }

// request is a call of somebody who is logged in.
type request struct {
	*http.Request
	w       http.ResponseWriter
	actor   registry.Actor
	maxBody int64
}

// call serves one path: data is that of the answer. An error is a *refusal, or what the registrar refused.
type call func(r *request) (data any, err error)

// handle serves a pattern, "GET /identityv2/data/detail", to those who are logged in with a credential that is good for the
// scope. Bodies of more than maxBody octets are refused.
func (s *server) handle(pattern string, scope registry.Scope, maxBody int64, serve call) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		actor, err := s.Logins.Verify(r.Context(), bearer(r), remoteAddr(r))
		if err == nil {
			if e := actor.RequireScope(scope); e != nil {
				err = e
			}
		}
		var data any
		if err == nil {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			data, err = serve(&request{r, w, actor, maxBody})
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		}
		s.answer(w, r, data, err)
	})
}

// answer sends the outcome of a call.
func (s *server) answer(w http.ResponseWriter, r *http.Request, data any, err error) {
	if err == nil {
		write(w, http.StatusOK, answer{messageDone, StatusDone, data})
		return
	}
	status, message := s.told(r, err)
	write(w, http.StatusOK, answer{message, status, nil})
}

// told is what the client is told of err. What is our own fault is logged here.
func (s *server) told(r *http.Request, err error) (Status, string) {
	if e, ok := errors.AsType[*refusal](err); ok {
		return e.status, e.message
	}
	e := registry.AsError(err)
	status, message := statusOf(e)
	if status == StatusServerError && r.Context().Err() == nil {
		s.Logger.Error("request failed", "path", r.URL.Path, "code", e.Code, "err", err)
	}
	return status, message
}

// read decodes the body into v. Members that are not known are ignored, as by the original.
func (r *request) read(v any) error { return decode(r.Body, v) }

// decode reads one JSON value and nothing behind it.
func decode(body io.Reader, v any) error {
	d := json.NewDecoder(body)
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		err = cmp.Or(err, errors.New("something follows the JSON value"))
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(fmt.Sprintf("请求体不能超过 %d 字节", e.Limit))
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return refuse("请求参数类型错误: " + strings.TrimPrefix(e.Field, "entForm."))
	}
	return refuse(messageJSON)
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
