package api

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/idnode/idnode/registry"
)

// actorKey is where a request's context keeps its registry.Actor.
type actorKey struct{}

// actorOf is who makes the request of ctx.
func actorOf(ctx context.Context) registry.Actor {
	a, _ := ctx.Value(actorKey{}).(registry.Actor)
	return a
}

// languageKey is where a request's context keeps the registry.Language of its answer.
type languageKey struct{}

// languageOf is the language in which errors of the request of ctx are told.
func languageOf(ctx context.Context) registry.Language {
	if l, ok := ctx.Value(languageKey{}).(registry.Language); ok {
		return l
	}
	return registry.English
}

// ServeHTTP judges a request before its body is read: who calls, and whether the body is of a type
// that the endpoint reads. Then the mux has it.
func (s *server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start := time.Now()
	if accept := r.Header.Get("Accept-Language"); accept != "" {
		r = r.WithContext(context.WithValue(r.Context(), languageKey{}, registry.LanguageOf(accept)))
	}
	w := &recorder{ResponseWriter: rw}
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.log.Error("request panicked", "route", route(r), "panic", fmt.Sprint(p))
			if s.panicked != nil {
				s.panicked()
			}
			if w.status == 0 {
				writeProblem(w, newProblem(registry.Refuse(registry.CodeInternal, "", "the node failed; nothing about the request is wrong"), languageOf(r.Context())))
			}
		}
		s.metrics.observe(route(r), r.Method, w.status, time.Since(start))
	}()
	if public(r) || open(r) && bearer(r) == "" {
		r = r.WithContext(context.WithValue(r.Context(), actorKey{}, registry.Actor{Addr: remoteAddr(r)}))
	} else {
		actor, err := s.auth.Verify(r.Context(), bearer(r), remoteAddr(r))
		if err != nil {
			writeProblem(w, s.problem(r.Context(), err))
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), actorKey{}, actor))
		if e := s.checkScope(r, actor); e != nil {
			writeProblem(w, newProblem(e, languageOf(r.Context())))
			return
		}
	}
	if public(r) {
		r = r.WithContext(context.WithValue(r.Context(), actorKey{}, registry.Actor{Addr: remoteAddr(r)})) // nobody, from somewhere
	}
	w.request = r
	if e := checkMediaType(r); e != nil {
		writeProblem(w, newProblem(e, languageOf(r.Context())))
		return
	}
	if s.serveExport(w, r) {
		return
	}
	s.mux.ServeHTTP(w, r)
}

// public reports whether r needs no credential.
func public(r *http.Request) bool {
	switch r.Method + " " + r.URL.Path {
	case "GET /openapi.json", "GET /v1/limits", "POST /v1/tokens", "POST /v1/tokens:challenge", "GET " + oidcPath, "GET " + callbackPath:
		return true
	}
	return false
}

// open reports whether r may do without a credential: what it gets then is what everyone may see.
func open(r *http.Request) bool {
	if r.Method == http.MethodPost && r.URL.Path == applicationsPath {
		return true
	}
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		(strings.HasPrefix(r.URL.Path, filesPath+"/") || strings.HasPrefix(r.URL.Path, formsPath))
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
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// importTypes are media types of NDJSON: it has no registered one.
var importTypes = []string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json", "application/octet-stream", xlsx}

// checkMediaType refuses a body of a type that is not read here. A body without a type is taken for
// what it should be.
func checkMediaType(r *http.Request) *registry.Error {
	given := r.Header.Get("Content-Type")
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 || given == "" {
		return nil
	}
	wanted := []string{"application/json"}
	switch {
	case r.URL.Path == filesPath, r.URL.Path == jobsPath && r.Method == http.MethodPost:
		return nil // files and inputs are judged by their content
	case r.URL.Path == importPath:
		wanted = importTypes
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, reportsPath):
		wanted = importTypes
	case r.URL.Path == loadPath:
		wanted = archiveTypes
	case r.Method == http.MethodPatch:
		wanted = append(wanted, "application/merge-patch+json")
	}
	kind, params, err := mime.ParseMediaType(given)
	if charset := params["charset"]; err == nil && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		for _, w := range wanted {
			if kind == w {
				return nil
			}
		}
	}
	return registry.Refuse(codeUnsupportedMediaType, "Content-Type", "the body must be %s in UTF-8", wanted[0])
}

// route is the path pattern that r matched, "none" if there is none: a closed set, for metrics.
func route(r *http.Request) string {
	_, path, ok := strings.Cut(r.Pattern, " ")
	if !ok {
		return "none"
	}
	return path
}

// recorder keeps the status of an answer, and turns the mux's own refusals into problems.
type recorder struct {
	http.ResponseWriter
	request *http.Request
	status  int
	mute    bool // the body that follows is the mux's text
}

// Unwrap gives http.ResponseController the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status != 0 || w.mute {
		return
	}
	if w.request != nil && w.request.Pattern == "" && !w.mute {
		switch status {
		case http.StatusNotFound:
			w.refuse(registry.Refuse(registry.CodeNotFound, "", "there is no such resource"))
			return
		case http.StatusMethodNotAllowed:
			w.refuse(registry.Refuse(codeMethodNotAllowed, "", "the resource does not know this method"))
			return
		}
	}
	if status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) refuse(e *registry.Error) {
	l := languageOf(w.request.Context())
	w.request = nil
	writeProblem(w, newProblem(e, l))
	w.mute = true
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (int, error) {
	if w.mute {
		return len(b), nil
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}
