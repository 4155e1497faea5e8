package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// formsPath begins the paths of forms, which applicants read before they have a credential.
const formsPath = "/v1/forms/"

type operatorPatchInput struct {
	IfMatch        string `header:"If-Match" doc:"The ETag that the form must have"`
	IdempotencyKey string `header:"Idempotency-Key"`
	RawBody        []byte `contentType:"application/merge-patch+json"`
}

type reportInput struct {
	Table      string `path:"table" enum:"T1,T5,T6,T10"`
	Enterprise string `query:"enterprise" doc:"Of T6 and T10: one enterprise; default all"`
	PageInput
}

type formInput struct {
	Table string `path:"table" enum:"T1,T5,T6,T10"`
}

func (s *server) reports() {
	enterprise := schemaOf[registry.Enterprise](s)
	add(s, operation{
		id: "readOperator", method: http.MethodGet, path: "/v1/operator", tag: "reports", summary: "The node's own form",
		answers: map[int]*huma.Schema{200: enterprise},
	}, s.readOperator)
	add(s, operation{
		id: "updateOperator", method: http.MethodPatch, path: "/v1/operator", tag: "reports", summary: "Change the node's own form",
		description: "A merge patch (RFC 7396).", body: schemaOf[registry.EnterpriseForm](s),
		answers: map[int]*huma.Schema{200: enterprise}, errors: []int{409, 412, 413, 415, 422, 507},
	}, s.patchOperator)
	add(s, operation{
		id: "readReport", method: http.MethodGet, path: "/v1/reports/{table}", tag: "reports", summary: "A table of the national data dictionary, filled",
		description: "T1 is the node, T6 its enterprises, T5 the node's applications, T10 its enterprises'. What is required and not known is marked.",
		answers:     map[int]*huma.Schema{200: schemaOf[registry.Report](s)}, errors: []int{404},
	}, s.readReport)
	add(s, operation{
		id: "readForm", method: http.MethodGet, path: formsPath + "{table}", tag: "reports", summary: "The JSON Schema of a form",
		description: "JSON Schema 2020-12 with titles in Chinese and English. Needs no key.",
		answers:     map[int]*huma.Schema{200: {Type: huma.TypeObject}}, errors: []int{404},
	}, s.readForm)
}

func (s *server) readOperator(ctx context.Context, _ *struct{}) (*reply, error) {
	return s.readEnterprise(ctx, &idInput{ID: registry.Self})
}

func (s *server) patchOperator(ctx context.Context, in *operatorPatchInput) (*reply, error) {
	return s.patchEnterprise(ctx, &enterprisePatchInput{ID: registry.Self, IfMatch: in.IfMatch, IdempotencyKey: in.IdempotencyKey, RawBody: in.RawBody})
}

func (s *server) readReport(ctx context.Context, in *reportInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	report, err := s.reg.Report(ctx, registry.ReportQuery{Table: in.Table, Enterprise: in.Enterprise, Paging: p}, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, report)
}

func (s *server) readForm(_ context.Context, in *formInput) (*reply, error) {
	schema, err := registry.FormSchema(in.Table)
	if err != nil {
		return nil, err
	}
	out, err := jsonReply(http.StatusOK, schema)
	if err == nil {
		out.ContentType = "application/schema+json"
	}
	return out, err
}
