package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

type enterpriseInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"The request's name: repeated within 24 hours it gets the first answer"`
	RawBody        []byte `contentType:"application/json"`
}

// PageInput asks for a page; exported for huma, as Conditions is.
type PageInput struct {
	Limit  string `query:"limit" doc:"Most items of a page"`
	Cursor string `query:"cursor" doc:"next of the page before"`
}

func (in *PageInput) paging() (registry.Paging, error) {
	limit, err := parseNumber("limit", in.Limit)
	return registry.Paging{Limit: int(min(limit, 1<<31-1)), Cursor: in.Cursor}, err
}

// pageOf is a page of a list.
type pageOf[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent at the end"`
}

type idInput struct {
	ID string `path:"id"`
}

type enterprisePatchInput struct {
	ID             string `path:"id"`
	IfMatch        string `header:"If-Match" doc:"The ETag that the enterprise must have"`
	IdempotencyKey string `header:"Idempotency-Key"`
	RawBody        []byte `contentType:"application/merge-patch+json"`
}

// stepBody is the body of a step.
type stepBody struct {
	Reason       string            `json:"reason,omitempty" doc:"Required to return"`
	Verification *verificationBody `json:"verification,omitempty" doc:"Of approve: how it was checked who the enterprise is"`
}

type verificationBody struct {
	Method string `json:"method,omitempty" doc:"How it was checked"`
	Source string `json:"source,omitempty" doc:"Against which data"`
	Result string `json:"result,omitempty" enum:"passed"`
	Note   string `json:"note,omitempty"`
}

// maxApplication bounds the body of an application, which comes from anyone, in octets.
const maxApplication = 256 << 10

// applicationBody is an application of an enterprise that has no credential yet.
type applicationBody struct {
	Enterprise registry.EnterpriseForm `json:"enterprise"`
	Prefix     *registry.PrefixWish    `json:"prefix,omitempty" doc:"The prefix that it would like: makes an application for it, too"`
}

// applied answers an application.
type applied struct {
	ID                string                   `json:"id"`
	State             registry.EnterpriseState `json:"state"`
	PrefixApplication string                   `json:"prefixApplication,omitempty" doc:"Id of the application for the prefix, see /v1/prefix-applications"`
	Key               string                   `json:"key" doc:"API key of the enterprise's admin: shown this one time"`
}

type applicationInput struct {
	RawBody []byte `contentType:"application/json"`
}

type stepInput struct {
	IDAction       string `path:"idaction"`
	IdempotencyKey string `header:"Idempotency-Key"`
	RawBody        []byte `contentType:"application/json"`
}

// applicationsPath is where enterprises apply that have no credential yet.
const applicationsPath = "/v1/applications"

// enterpriseSteps are the steps of an enterprise, for the document.
var enterpriseSteps = []registry.Action{
	registry.ActionApprove, registry.ActionReturn, registry.ActionReject, registry.ActionSubmit, registry.ActionSuspend, registry.ActionWithdraw, registry.ActionActivate,
}

func (s *server) enterprises() {
	enterprise := schemaOf[registry.Enterprise](s)
	add(s, operation{
		id: "createEnterprise", method: http.MethodPost, path: "/v1/enterprises", tag: "enterprises", summary: "Enter an enterprise",
		description: "Made by an operator it is active, by a reviewer pending.",
		body:        schemaOf[registry.EnterpriseForm](s), answers: map[int]*huma.Schema{201: enterprise}, errors: []int{409, 413, 415, 422, 507},
	}, s.createEnterprise)
	add(s, operation{
		id: "listEnterprises", method: http.MethodGet, path: "/v1/enterprises", tag: "enterprises", summary: "List enterprises",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[registry.Enterprise]](s)},
	}, s.listEnterprises)
	add(s, operation{
		id: "readEnterprise", method: http.MethodGet, path: "/v1/enterprises/{id}", tag: "enterprises", summary: "Read an enterprise",
		answers: map[int]*huma.Schema{200: enterprise}, errors: []int{404},
	}, s.readEnterprise)
	add(s, operation{
		id: "updateEnterprise", method: http.MethodPatch, path: "/v1/enterprises/{id}", tag: "enterprises", summary: "Change an enterprise's form",
		description: "A merge patch (RFC 7396). By its admin while it is pending or returned, by operators always. Of an active enterprise what its admin changes beyond contact, website and description is a proposed change, which a reviewer approves, returns or rejects.",
		body:        schemaOf[registry.EnterpriseForm](s), answers: map[int]*huma.Schema{200: enterprise}, errors: []int{404, 409, 412, 413, 415, 422, 507},
	}, s.patchEnterprise)
	add(s, operation{
		id: "applyEnterprise", method: http.MethodPost, path: applicationsPath, tag: "enterprises", summary: "Apply as an enterprise",
		description: "Needs no credential. The key in the answer is of the enterprise's admin: with it the applicant reads and amends the form and uploads files. Not idempotent.",
		body:        schemaOf[applicationBody](s), bodyOctets: maxApplication, answers: map[int]*huma.Schema{201: schemaOf[applied](s)}, errors: []int{409, 413, 415, 429, 507},
	}, s.applyEnterprise)

	addSteps(s, operation{
		id: "Enterprise", path: "/v1/enterprises", tag: "enterprises", summary: "an enterprise", body: schemaOf[stepBody](s),
		answers: map[int]*huma.Schema{200: enterprise}, errors: []int{404, 409, 415, 422, 507},
	}, enterpriseSteps, s.stepEnterprise)
}

func (s *server) createEnterprise(ctx context.Context, in *enterpriseInput) (*reply, error) {
	var form registry.EnterpriseForm
	if err := decode(in.RawBody, &form); err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST /v1/enterprises"}
	var asked registry.Enterprise
	asked.SetForm(form)
	e, err := s.reg.CreateEnterprise(ctx, asked, w)
	if err != nil {
		return nil, err
	}
	out, err := enterpriseReply(http.StatusCreated, e)
	if err == nil {
		out.Location = "/v1/enterprises/" + e.ID
	}
	return out, err
}

func (s *server) listEnterprises(ctx context.Context, in *PageInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	items, next, err := s.reg.ListEnterprises(ctx, actorOf(ctx), p)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.Enterprise]{items, next})
}

func (s *server) readEnterprise(ctx context.Context, in *idInput) (*reply, error) {
	e, err := s.reg.Enterprise(ctx, in.ID, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return enterpriseReply(http.StatusOK, e)
}

// enterpriseReply answers with an enterprise and its version. An answer that is repeated has no version.
func enterpriseReply(status int, e *registry.Enterprise) (*reply, error) {
	out, err := jsonReply(status, e)
	if err == nil && e.Version > 0 {
		out.ETag = entityTag(e.Version)
	}
	return out, err
}

func (s *server) patchEnterprise(ctx context.Context, in *enterprisePatchInput) (*reply, error) {
	version, err := parseIfMatch(in.IfMatch, true)
	if err != nil {
		return nil, err
	}
	// Members and their types are judged here, with their places; the registrar merges.
	if err := decode(in.RawBody, new(registry.EnterpriseForm)); err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IfMatch: version, IdempotencyKey: in.IdempotencyKey, Operation: "PATCH /v1/enterprises/{id}"}
	e, err := s.reg.PatchEnterprise(ctx, in.ID, in.RawBody, w)
	if err != nil {
		return nil, err
	}
	return enterpriseReply(http.StatusOK, e)
}

func (s *server) applyEnterprise(ctx context.Context, in *applicationInput) (*reply, error) {
	var b applicationBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), Operation: "POST " + applicationsPath}
	e, key, err := s.reg.Apply(ctx, registry.EnterpriseApplication{Enterprise: b.Enterprise, Prefix: b.Prefix}, w)
	if err != nil {
		return nil, err
	}
	out, err := jsonReply(http.StatusCreated, applied{e.ID, e.State, e.Application, key})
	if err == nil {
		out.Location = "/v1/enterprises/" + e.ID
	}
	return out, err
}

func (s *server) stepEnterprise(ctx context.Context, in *stepInput) (*reply, error) {
	id, action, ok := strings.Cut(in.IDAction, ":")
	if !ok {
		return nil, registry.Refuse(registry.CodeNotFound, "", "a step is /v1/enterprises/%s:<step>", id)
	}
	var b stepBody
	if len(in.RawBody) > 0 {
		if err := decode(in.RawBody, &b); err != nil {
			return nil, err
		}
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST /v1/enterprises/{id}:" + action}
	q := registry.EnterpriseStep{Action: registry.Action(action), Reason: b.Reason}
	if v := b.Verification; v != nil {
		q.Verification = &registry.Verification{Method: v.Method, Source: v.Source, Result: v.Result, Note: v.Note}
	}
	e, err := s.reg.Step(ctx, id, q, w)
	if err != nil {
		return nil, err
	}
	return enterpriseReply(http.StatusOK, e)
}
