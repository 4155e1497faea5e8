package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// Codes of problems that only HTTP has.
const (
	codeUnsupportedMediaType = "unsupported_media_type"
	codeMethodNotAllowed     = "method_not_allowed"
	codeTimeout              = "timeout"
)

// statuses is the HTTP status of each code.
var statuses = map[string]int{
	registry.CodeInvalidRequest:      http.StatusBadRequest,
	registry.CodeInvalidIdentifier:   http.StatusBadRequest,
	registry.CodeAmbiguousIdentifier: http.StatusBadRequest,
	registry.CodeInvalidValue:        http.StatusBadRequest,
	registry.CodeInvalidEnterprise:   http.StatusBadRequest,
	registry.CodeInvalidPrefix:       http.StatusBadRequest,
	registry.CodeInvalidKey:          http.StatusBadRequest,
	registry.CodeInvalidCursor:       http.StatusBadRequest,
	registry.CodeTooLarge:            http.StatusRequestEntityTooLarge,
	registry.CodeUnauthenticated:     http.StatusUnauthorized,
	registry.CodeForbidden:           http.StatusForbidden,
	registry.CodeNotYourNamespace:    http.StatusForbidden,
	registry.CodeNamespaceSuspended:  http.StatusForbidden,
	registry.CodeEnterpriseSuspended: http.StatusForbidden,
	registry.CodeDelegated:           http.StatusForbidden,
	registry.CodeFrozen:              http.StatusConflict,
	registry.CodeNotFound:            http.StatusNotFound,
	registry.CodeAlreadyExists:       http.StatusConflict,
	registry.CodeRevoked:             http.StatusConflict,
	registry.CodeNotRevoked:          http.StatusConflict,
	registry.CodeConflict:            http.StatusConflict,
	registry.CodeInvalidState:        http.StatusConflict,
	registry.CodeHasRecords:          http.StatusConflict,
	registry.CodeDuplicate:           http.StatusConflict,
	registry.CodeIdempotencyRunning:  http.StatusConflict,
	registry.CodeIdempotencyMismatch: http.StatusUnprocessableEntity,
	registry.CodeVersionMismatch:     http.StatusPreconditionFailed,
	registry.CodeInvalidTemplate:     http.StatusBadRequest,
	registry.CodeIncompatible:        http.StatusConflict,
	registry.CodeTemplateMismatch:    http.StatusBadRequest,
	registry.CodeInvalidApplication:  http.StatusBadRequest,
	registry.CodeIncomplete:          http.StatusConflict,
	registry.CodeInvalidAccount:      http.StatusBadRequest,
	registry.CodeInvalidFile:         http.StatusBadRequest,
	registry.CodeLockedOut:           http.StatusTooManyRequests,
	registry.CodeTooManyRequests:     http.StatusTooManyRequests,
	registry.CodeQuotaRecords:        http.StatusForbidden,
	registry.CodeQuotaRequests:       http.StatusTooManyRequests,
	registry.CodeQuotaPrefixes:       http.StatusForbidden,
	registry.CodeNoSpace:             http.StatusInsufficientStorage,
	registry.CodeUnavailable:         http.StatusServiceUnavailable,
	registry.CodeInternal:            http.StatusInternalServerError,
	codeUnsupportedMediaType:         http.StatusUnsupportedMediaType,
	codeMethodNotAllowed:             http.StatusMethodNotAllowed,
	codeTimeout:                      http.StatusRequestTimeout,
}

// Problem is an error as RFC 9457 has it, with members of ours.
type Problem struct {
	Title  string         `json:"title" doc:"What the code means"`
	Status int            `json:"status" doc:"HTTP status"`
	Code   string         `json:"code" doc:"What went wrong, stable over versions"`
	Detail string         `json:"detail,omitempty" doc:"One sentence for people, in English or Chinese as Accept-Language asks"`
	Action string         `json:"action,omitempty" doc:"What to do about it"`
	Errors []ProblemError `json:"errors,omitempty" doc:"What is wrong with the request, place by place"`

	Current  *uint64 `json:"current,omitempty" doc:"version_mismatch: the record's version, 0 if there is none"`
	Expected *uint64 `json:"expected,omitempty" doc:"version_mismatch: the version asked for"`

	ID        string          `json:"id,omitempty" doc:"Of a tombstone: the identifier"`
	State     string          `json:"state,omitempty" doc:"Of a tombstone: revoked"`
	Version   uint64          `json:"version,omitempty" doc:"Of a tombstone: its version"`
	Reason    string          `json:"reason,omitempty" doc:"Of a tombstone: why the identifier was revoked"`
	Successor string          `json:"successor,omitempty" doc:"Of a tombstone: the identifier to ask instead"`
	Updated   json.RawMessage `json:"updated,omitempty" doc:"Of a tombstone: when the identifier was revoked"`

	headers http.Header
}

// ProblemError is what is wrong at one place of a request.
type ProblemError struct {
	Message  string `json:"message"`
	Location string `json:"location" doc:"A JSON Pointer into the body, or the name of a parameter or header"`
}

// Error is the problem's detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are headers to send with the problem, for huma.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType is the media type of problems, for huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem is err in terms of HTTP. What is our own fault is logged here, once.
func (s *server) problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	e := registry.AsError(err)
	if e.Code == registry.CodeInternal || e.Code == registry.CodeUnavailable && ctx.Err() == nil {
		s.log.Error("request failed", "code", e.Code, "err", err)
	}
	return newProblem(e, languageOf(ctx))
}

func newProblem(e *registry.Error, l registry.Language) *Problem {
	status, known := statuses[e.Code]
	if !known {
		status = http.StatusInternalServerError
	}
	p := &Problem{Title: registry.TitleOf(e.Code, l), Status: status, Code: e.Code, Detail: e.In(l), Action: registry.ActionOf(e.Code, l), headers: make(http.Header)}
	p.headers.Set("Content-Language", string(l))
	p.headers.Set("Vary", "Accept-Language")
	for i := range e.Violations {
		p.Errors = append(p.Errors, ProblemError{Message: e.Violations[i].In(l), Location: e.Violations[i].Field})
	}
	if e.Field != "" && p.Errors == nil {
		p.Errors = []ProblemError{{Message: p.Detail, Location: e.Field}}
	}
	if e.RetryAfter > 0 {
		p.headers.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	switch e.Code {
	case registry.CodeVersionMismatch:
		current, expected := e.Current, e.Expected
		p.Current, p.Expected = &current, &expected
	case registry.CodeUnauthenticated:
		p.headers.Set("WWW-Authenticate", `Bearer realm="idnode"`)
	case registry.CodeUnavailable:
		p.headers.Set("Retry-After", "1")
	case registry.CodeNoSpace:
		p.headers.Set("Retry-After", "60")
	}
	if t := e.Record; t != nil {
		p.ID, p.State, p.Version, p.Reason, p.Successor = t.ID, t.State.String(), t.Version, t.Reason, t.Successor
		p.Updated, _ = json.Marshal(t.Updated) // times of records are within what JSON has
	}
	return p
}

// asProblem gives errors that huma itself makes our form. It makes few: parameters are read as text.
func asProblem(c huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := registry.CodeInvalidRequest
	switch m.Status {
	case http.StatusRequestEntityTooLarge:
		code = registry.CodeTooLarge
	case http.StatusRequestTimeout:
		code = codeTimeout
	case http.StatusInternalServerError:
		code = registry.CodeInternal
	}
	l := languageOf(c.Context())
	return &Problem{Title: registry.TitleOf(code, l), Status: m.Status, Code: code, Detail: m.Detail, Action: registry.ActionOf(code, l)}, nil
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	body, err := json.Marshal(p)
	if err != nil {
		panic("api: problem without JSON form: " + err.Error())
	}
	w.Write(body)
}
