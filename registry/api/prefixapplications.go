package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// prefixApplicationBody applies for a prefix.
type prefixApplicationBody struct {
	Enterprise    string              `json:"enterprise,omitempty" doc:"Id of the enterprise; absent: the credential's"`
	Scheme        string              `json:"scheme,omitempty" enum:"handle,oid,ecode,gs1" default:"handle"`
	Prefix        string              `json:"prefix,omitempty" doc:"Absent: the next free number (handle and oid)"`
	Mode          identifier.Mode     `json:"mode,omitempty" enum:"hosted,delegated" default:"hosted"`
	CaseSensitive *bool               `json:"caseSensitive,omitempty"`
	Service       *identifier.Service `json:"service,omitempty" doc:"Of a delegated prefix: whom to ask"`
	Quota         *identifier.Quota   `json:"quota,omitempty" doc:"What is needed; reviewers may grant less"`
	Purpose       string              `json:"purpose,omitempty" maxLength:"1024"`
}

// prefixApplicationPatchBody amends an application.
type prefixApplicationPatchBody struct {
	Prefix        *string             `json:"prefix,omitempty"`
	Mode          *identifier.Mode    `json:"mode,omitempty" enum:"hosted,delegated"`
	CaseSensitive *bool               `json:"caseSensitive,omitempty"`
	Service       *identifier.Service `json:"service,omitempty"`
	Quota         *identifier.Quota   `json:"quota,omitempty"`
	Purpose       *string             `json:"purpose,omitempty" maxLength:"1024"`
}

type prefixApplicationInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"The request's name: repeated within 24 hours it gets the first answer"`
	RawBody        []byte `contentType:"application/json"`
}

type prefixApplicationListInput struct {
	Enterprise string `query:"enterprise" doc:"List applications of an enterprise"`
	State      string `query:"state" enum:"pending,returned,approved,rejected,cancelled"`
	PageInput
}

type prefixApplicationPatchInput struct {
	ID             string `path:"id"`
	IfMatch        string `header:"If-Match" doc:"The ETag that the application must have; otherwise 412"`
	IdempotencyKey string `header:"Idempotency-Key"`
	RawBody        []byte `contentType:"application/json"`
}

// reasonBody is the body of a step.
type reasonBody struct {
	Reason string `json:"reason,omitempty"`
}

// applicationSteps are the steps of an application, for the document.
var applicationSteps = []registry.Action{
	registry.ActionApprove, registry.ActionReturn, registry.ActionReject, registry.ActionSubmit, registry.ActionCancel,
}

const prefixApplicationsPath = "/v1/prefix-applications"

func (s *server) applications() {
	application := schemaOf[registry.Application](s)
	add(s, operation{
		id: "applyForPrefix", method: http.MethodPost, path: prefixApplicationsPath, tag: "prefix applications", summary: "Apply for a prefix",
		description: "An enterprise's admin applies, also while the enterprise is under review. The prefix is allocated when the application is approved.",
		body:        schemaOf[prefixApplicationBody](s), answers: map[int]*huma.Schema{201: application}, errors: []int{404, 409, 413, 415, 422, 507},
	}, s.apply)
	add(s, operation{
		id: "listPrefixApplications", method: http.MethodGet, path: prefixApplicationsPath, tag: "prefix applications", summary: "List applications for prefixes",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[registry.Application]](s)},
	}, s.listApplications)
	add(s, operation{
		id: "readPrefixApplication", method: http.MethodGet, path: prefixApplicationsPath + "/{id}", tag: "prefix applications", summary: "Read an application for a prefix",
		answers: map[int]*huma.Schema{200: application}, errors: []int{404},
	}, s.readApplication)
	add(s, operation{
		id: "amendPrefixApplication", method: http.MethodPatch, path: prefixApplicationsPath + "/{id}", tag: "prefix applications", summary: "Amend an application that is not decided on",
		body: schemaOf[prefixApplicationPatchBody](s), answers: map[int]*huma.Schema{200: application}, errors: []int{404, 409, 412, 413, 415, 422, 507},
	}, s.amendApplication)
	addSteps(s, operation{
		id: "PrefixApplication", path: prefixApplicationsPath, tag: "prefix applications", summary: "an application for a prefix", body: schemaOf[reasonBody](s),
		answers: map[int]*huma.Schema{200: application}, errors: []int{404, 409, 415, 422, 507},
	}, applicationSteps, s.stepApplication)
}

// addSteps registers the steps of a resource: POST {path}/{id}:{step}. The mux matches whole segments,
// so one route takes them all; the document has them apart.
func addSteps(s *server, o operation, steps []registry.Action, handle func(ctx context.Context, in *stepInput) (*reply, error)) {
	name, what, path := o.id, o.summary, o.path
	o.method, o.optional = http.MethodPost, true
	o.id, o.path, o.hidden = "step"+name, path+"/{idaction}", true
	add(s, o, handle)
	for _, step := range steps {
		one := o
		one.id, one.path, one.hidden = string(step)+name, path+"/{id}:"+string(step), false
		one.summary = strings.ToUpper(string(step[:1])) + string(step[1:]) + " " + what
		op := s.describe(one)
		op.Parameters = []*huma.Param{
			{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}},
			{Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: huma.TypeString}},
		}
		s.huma.OpenAPI().AddOperation(&op)
	}
}

// step reads a step: whose, which, and the reason.
func (in *stepInput) step(path string) (id string, action registry.Action, reason string, err error) {
	id, name, ok := strings.Cut(in.IDAction, ":")
	if !ok {
		return "", "", "", registry.Refuse(registry.CodeNotFound, "", "a step is %s/%s:<step>", path, id)
	}
	var b reasonBody
	if len(in.RawBody) > 0 {
		if err := decode(in.RawBody, &b); err != nil {
			return "", "", "", err
		}
	}
	return id, registry.Action(name), b.Reason, nil
}

func (s *server) apply(ctx context.Context, in *prefixApplicationInput) (*reply, error) {
	var b prefixApplicationBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	a := registry.Application{
		Enterprise: b.Enterprise, Scheme: identifier.Handle, Mode: b.Mode, CaseSensitive: b.CaseSensitive, Service: b.Service,
		Quota: b.Quota, Purpose: b.Purpose,
	}
	if a.Enterprise == "" {
		a.Enterprise = actorOf(ctx).Enterprise
	}
	if b.Prefix != "" {
		k, err := parsePrefix(b.Scheme, b.Prefix, "/prefix")
		if err != nil {
			return nil, err
		}
		a.Scheme, a.Prefix = k.Scheme, k.Name
	} else if b.Scheme != "" {
		var err error
		if a.Scheme, err = identifier.ParseScheme(b.Scheme); err != nil {
			return nil, registry.Refuse(registry.CodeInvalidPrefix, "/scheme", "%s", err)
		}
	}
	out, err := s.reg.ApplyForPrefix(ctx, a, registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST " + prefixApplicationsPath})
	if err != nil {
		return nil, err
	}
	return applicationReply(http.StatusCreated, out)
}

func (s *server) listApplications(ctx context.Context, in *prefixApplicationListInput) (*reply, error) {
	l := registry.ApplicationList{Actor: actorOf(ctx), Enterprise: in.Enterprise, State: registry.ApplicationState(in.State)}
	var err error
	if l.Paging, err = in.paging(); err != nil {
		return nil, err
	}
	items, next, err := s.reg.ListApplications(ctx, l)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.Application]{items, next})
}

func (s *server) readApplication(ctx context.Context, in *idInput) (*reply, error) {
	a, err := s.reg.Application(ctx, in.ID, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return applicationReply(http.StatusOK, a)
}

func (s *server) amendApplication(ctx context.Context, in *prefixApplicationPatchInput) (*reply, error) {
	var b prefixApplicationPatchBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "PATCH " + prefixApplicationsPath + "/{id}"}
	var err error
	if w.IfMatch, err = parseIfMatch(in.IfMatch, true); err != nil {
		return nil, err
	}
	p := registry.ApplicationPatch{Prefix: b.Prefix, Mode: b.Mode, CaseSensitive: b.CaseSensitive, Service: b.Service, Quota: b.Quota, Purpose: b.Purpose}
	a, err := s.reg.AmendApplication(ctx, in.ID, p, w)
	if err != nil {
		return nil, err
	}
	return applicationReply(http.StatusOK, a)
}

func (s *server) stepApplication(ctx context.Context, in *stepInput) (*reply, error) {
	id, action, reason, err := in.step(prefixApplicationsPath)
	if err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST " + prefixApplicationsPath + "/{id}:" + string(action)}
	a, err := s.reg.DecideApplication(ctx, id, action, reason, w)
	if err != nil {
		return nil, err
	}
	return applicationReply(http.StatusOK, a)
}

func applicationReply(status int, a *registry.Application) (*reply, error) {
	out, err := jsonReply(status, a)
	if err == nil {
		if a.Version > 0 { // not known of a repeated answer
			out.ETag = entityTag(a.Version)
		}
		if status == http.StatusCreated {
			out.Location = prefixApplicationsPath + "/" + a.ID
		}
	}
	return out, err
}
