package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// enterpriseBody is what an enterprise says of itself.
type enterpriseBody struct {
	Name       string            `json:"name"`
	CreditCode string            `json:"creditCode,omitempty" doc:"Unified social credit code (GB 32100); its check character is checked"`
	Nature     string            `json:"nature,omitempty" doc:"Kind of organisation"`
	Industry   string            `json:"industry,omitempty"`
	Region     string            `json:"region,omitempty"`
	Address    string            `json:"address,omitempty"`
	Website    string            `json:"website,omitempty"`
	Contact    *registry.Contact `json:"contact,omitempty"`
}

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

// reasonBody is the body of a step.
type reasonBody struct {
	Reason string `json:"reason,omitempty"`
}

type stepInput struct {
	IDAction       string `path:"idaction"`
	IdempotencyKey string `header:"Idempotency-Key"`
	RawBody        []byte `contentType:"application/json"`
}

// enterpriseSteps are the steps of an enterprise, for the document.
var enterpriseSteps = []registry.Action{
	registry.ActionApprove, registry.ActionReturn, registry.ActionReject, registry.ActionSuspend, registry.ActionWithdraw, registry.ActionActivate,
}

func (s *server) enterprises() {
	enterprise := schemaOf[registry.Enterprise](s)
	add(s, operation{
		id: "createEnterprise", method: http.MethodPost, path: "/v1/enterprises", tag: "enterprises", summary: "Enter an enterprise",
		description: "Made by an operator it is active, by a reviewer pending.",
		body:        schemaOf[enterpriseBody](s), answers: map[int]*huma.Schema{201: enterprise}, errors: []int{409, 413, 415, 422, 507},
	}, s.createEnterprise)
	add(s, operation{
		id: "listEnterprises", method: http.MethodGet, path: "/v1/enterprises", tag: "enterprises", summary: "List enterprises",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[registry.Enterprise]](s)},
	}, s.listEnterprises)
	add(s, operation{
		id: "readEnterprise", method: http.MethodGet, path: "/v1/enterprises/{id}", tag: "enterprises", summary: "Read an enterprise",
		answers: map[int]*huma.Schema{200: enterprise}, errors: []int{404},
	}, s.readEnterprise)

	// The mux matches whole segments, so one route takes all steps; the document has them apart.
	step := operation{
		id: "stepEnterprise", method: http.MethodPost, path: "/v1/enterprises/{idaction}", tag: "enterprises", hidden: true,
		body: schemaOf[reasonBody](s), optional: true, answers: map[int]*huma.Schema{200: enterprise}, errors: []int{404, 409, 415, 422, 507},
	}
	add(s, step, s.stepEnterprise)
	for _, action := range enterpriseSteps {
		one := step
		one.id, one.path, one.hidden = string(action)+"Enterprise", "/v1/enterprises/{id}:"+string(action), false
		one.summary = strings.ToUpper(string(action[:1])) + string(action[1:]) + " an enterprise"
		op := s.describe(one)
		op.Parameters = []*huma.Param{
			{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}},
			{Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: huma.TypeString}},
		}
		s.huma.OpenAPI().AddOperation(&op)
	}
}

func (s *server) createEnterprise(ctx context.Context, in *enterpriseInput) (*reply, error) {
	var b enterpriseBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST /v1/enterprises"}
	e, err := s.reg.CreateEnterprise(ctx, registry.Enterprise{
		Name: b.Name, CreditCode: b.CreditCode, Nature: b.Nature, Industry: b.Industry, Region: b.Region, Address: b.Address,
		Website: b.Website, Contact: b.Contact,
	}, w)
	if err != nil {
		return nil, err
	}
	out, err := jsonReply(http.StatusCreated, e)
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
	return jsonReply(http.StatusOK, e)
}

func (s *server) stepEnterprise(ctx context.Context, in *stepInput) (*reply, error) {
	id, action, ok := strings.Cut(in.IDAction, ":")
	if !ok {
		return nil, registry.Refuse(registry.CodeNotFound, "", "a step is /v1/enterprises/%s:<step>", id)
	}
	var b reasonBody
	if len(in.RawBody) > 0 {
		if err := decode(in.RawBody, &b); err != nil {
			return nil, err
		}
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST /v1/enterprises/{id}:" + action}
	e, err := s.reg.Transition(ctx, id, registry.Action(action), b.Reason, w)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, e)
}
