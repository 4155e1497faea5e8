package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/querylog"
)

// Options says what a Server answers from.
type Options struct {
	Resolver *resolver.Resolver // required
	Site     func() []byte      // the node's HS_SITE in wire form, for /api/site; default: none
	Next     http.Handler       // serves /v1/…, /openapi.json and what begins with NextPaths; default: 404

	// NextPaths are other beginnings of paths, escaped, that Next serves, such as /identity/. One that does not end in a
	// slash stands for itself and for what is below it. Default: none.
	NextPaths []string

	// Tunnel appends the answer to a binary message of the Handle protocol, envelope included. from is where
	// it came from, zero if that is not known.
	// Default: none, and such messages are a POST like any other.
	Tunnel func(ctx context.Context, dst, message []byte, from netip.Addr) []byte

	// Handles carries out what the REST interface is asked for beside what everybody may read, and knows who is who.
	// Default: none, and such requests are refused.
	Handles Handles

	// PublicURL is where browsers and scanners find this server, such as https://id.example. Default: what a request says.
	PublicURL string

	// RedirectSchemes are the schemes of URLs to which browsers are sent, in lower case. Those that run scripts are
	// left out. Default: http and https.
	RedirectSchemes []string

	Log     *querylog.Log     // takes what is asked; default: none
	Metrics *resolver.Metrics // default: none
	Logger  *slog.Logger      // default: slog.Default()
}

// Handles is a server of the Handle protocol, for those who come another way. Its refusals have a method Rcode()
// [handle.Rcode].
type Handles interface {
	// AppendAnswerFor appends the answers to a whole message, envelopes included. Nobody is challenged: code 402 says
	// that the asker has to prove who it is. Replaced reports that something which was created or added was there.
	AppendAnswerFor(ctx context.Context, dst, message []byte, asker resolver.Asker) (out []byte, replaced bool)

	// ListHandles calls yield with each handle of a prefix ("88.101.5"), in any order, until it returns an error, which
	// is returned.
	ListHandles(ctx context.Context, prefix string, asker resolver.Asker, yield func(name string) error) error

	// Prove returns the identity that gives a proof, with the index of the key that fits.
	Prove(ctx context.Context, p resolver.Proof) (identifier.Ref, error)
}

// Server is the HTTP handler in front of all others.
type Server struct {
	o        Options
	m        *resolver.FrontMetrics
	pen      *querylog.Pen
	sessions *sessions

	bodyTimeout time.Duration
}

// New returns a server.
func New(o Options) (*Server, error) {
	if o.Resolver == nil {
		return nil, errors.New("httpserver needs a resolver")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Site == nil {
		o.Site = func() []byte { return nil }
	}
	if o.Next == nil {
		o.Next = http.NotFoundHandler()
	}
	if o.RedirectSchemes == nil {
		o.RedirectSchemes = []string{"http", "https"}
	}
	o.RedirectSchemes = slices.DeleteFunc(slices.Clone(o.RedirectSchemes), func(scheme string) bool {
		return scheme == "javascript" || scheme == "data" || scheme == "vbscript"
	})
	return &Server{o: o, m: o.Metrics.Front("http"), pen: o.Log.Pen(querylog.HTTP), sessions: newSessions(), bodyTimeout: bodyTimeout}, nil
}

// ServeHTTP dispatches on the escaped path.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := req.URL.EscapedPath()
	switch {
	case s.o.Tunnel != nil && req.Method == http.MethodPost && req.Header.Get("Content-Type") == messageType:
		s.guard(w, req, s.tunnel)
	case path == "/resolve":
		s.read(w, req, s.resolve)
	case path == "/.well-known/gs1resolver":
		s.read(w, req, s.wellKnown)
	case strings.HasPrefix(path, "/v1/"), path == "/openapi.json", slices.ContainsFunc(s.o.NextPaths, func(p string) bool { return below(path, p) }):
		s.o.Next.ServeHTTP(w, req)
	case strings.HasPrefix(path, apiPath):
		s.rest(w, req)
	default:
		s.read(w, req, s.proxy)
	}
}

// below reports whether path begins with beginning, at a border of its segments.
func below(path, beginning string) bool {
	rest, ok := strings.CutPrefix(path, beginning)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(beginning, "/"))
}

// read runs fn for a GET or HEAD.
func (s *Server) read(w http.ResponseWriter, req *http.Request, fn http.HandlerFunc) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	switch req.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "only GET and HEAD are served here", http.StatusMethodNotAllowed)
		return
	}
	s.guard(w, req, fn)
}

// guard runs fn and recovers from what our own code did not foresee.
func (s *Server) guard(w http.ResponseWriter, req *http.Request, fn http.HandlerFunc) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			s.m.Panic()
			s.o.Logger.Error("panic answering a request", "panic", v, "stack", string(debug.Stack()))
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	}()
	fn(w, req)
}

// ask resolves q and counts the request.
func (s *Server) ask(req *http.Request, q resolver.Query, op string) resolver.Answer {
	var a resolver.Answer
	s.count(req, q.ID.String(), op, func() (identifier.Scheme, *resolver.Answer) {
		a = s.o.Resolver.Resolve(req.Context(), q)
		return q.ID.Scheme(), &a
	})
	return a
}

// count counts and logs the request for text that answer answers, also if it panics.
func (s *Server) count(req *http.Request, text, op string, answer func() (identifier.Scheme, *resolver.Answer)) {
	start := time.Now()
	scheme, a := identifier.Scheme(0), &resolver.Answer{Status: resolver.Failed}
	s.m.Begin()
	defer func() {
		s.m.Read(scheme, op)
		took := time.Since(start)
		s.m.Done(scheme, a.Status, a.Tier, took)
		if s.pen != nil {
			s.pen.Note(start, took, peer(req), []byte(text), resolver.Outcome{Scheme: scheme, Status: a.Status, Tier: a.Tier})
		}
	}()
	scheme, a = answer()
}

// flag reads a boolean query parameter: present without a value, "true" and "1" are true.
func flag(params url.Values, name string, missing bool) bool {
	v, ok := params[name]
	if !ok {
		return missing
	}
	switch strings.ToLower(v[len(v)-1]) {
	case "", "true", "1", "yes":
		return true
	}
	return false
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the asker is gone: nobody to tell
}

// marshal encodes v without escaping HTML characters: the reader is a program.
func marshal(v any) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("httpserver: encode answer: " + err.Error())
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
