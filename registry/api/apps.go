package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

const appsPath = "/v1/apps"

// appBody is an application that uses identifiers.
type appBody struct {
	Enterprise string `json:"enterprise,omitempty" doc:"Whose it is; default your own. The node's are of self. It does not change"`
	registry.AppForm
}

type appListInput struct {
	Enterprise string `query:"enterprise" doc:"Applications of an enterprise; default all that you may see"`
	PageInput
}

type appPatchInput struct {
	ID             string `path:"id"`
	IfMatch        string `header:"If-Match" doc:"The ETag that the application must have"`
	IdempotencyKey string `header:"Idempotency-Key"`
	RawBody        []byte `contentType:"application/merge-patch+json"`
}

type appDeleteInput struct {
	ID             string `path:"id"`
	IfMatch        string `header:"If-Match"`
	IdempotencyKey string `header:"Idempotency-Key"`
}

func (s *server) apps() {
	app := schemaOf[registry.App](s)
	add(s, operation{
		id: "createApp", method: http.MethodPost, path: appsPath, tag: "apps", summary: "Enter an application that uses identifiers",
		body: schemaOf[appBody](s), answers: map[int]*huma.Schema{201: app}, errors: []int{404, 409, 413, 415, 422, 507},
	}, s.createApp)
	add(s, operation{
		id: "listApps", method: http.MethodGet, path: appsPath, tag: "apps", summary: "List applications that use identifiers",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[registry.App]](s)},
	}, s.listApps)
	add(s, operation{
		id: "readApp", method: http.MethodGet, path: appsPath + "/{id}", tag: "apps", summary: "Read an application",
		answers: map[int]*huma.Schema{200: app}, errors: []int{404},
	}, s.readApp)
	add(s, operation{
		id: "updateApp", method: http.MethodPatch, path: appsPath + "/{id}", tag: "apps", summary: "Change an application",
		description: "A merge patch (RFC 7396).", body: schemaOf[registry.AppForm](s),
		answers: map[int]*huma.Schema{200: app}, errors: []int{404, 409, 412, 413, 415, 422, 507},
	}, s.patchApp)
	add(s, operation{
		id: "deleteApp", method: http.MethodDelete, path: appsPath + "/{id}", tag: "apps", summary: "Delete an application",
		answers: map[int]*huma.Schema{204: nil}, errors: []int{404, 409, 412, 507},
	}, s.deleteApp)
}

func appReply(status int, app *registry.App) (*reply, error) {
	out, err := jsonReply(status, app)
	if err == nil && app.Version > 0 {
		out.ETag = entityTag(app.Version)
	}
	return out, err
}

func (s *server) createApp(ctx context.Context, in *enterpriseInput) (*reply, error) {
	var b appBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST " + appsPath}
	app, err := s.reg.CreateApp(ctx, b.Enterprise, b.AppForm, w)
	if err != nil {
		return nil, err
	}
	out, err := appReply(http.StatusCreated, app)
	if err == nil {
		out.Location = appsPath + "/" + app.ID
	}
	return out, err
}

func (s *server) listApps(ctx context.Context, in *appListInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	items, next, err := s.reg.ListApps(ctx, actorOf(ctx), in.Enterprise, p)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.App]{items, next})
}

func (s *server) readApp(ctx context.Context, in *idInput) (*reply, error) {
	app, err := s.reg.App(ctx, in.ID, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return appReply(http.StatusOK, app)
}

func (s *server) patchApp(ctx context.Context, in *appPatchInput) (*reply, error) {
	version, err := parseIfMatch(in.IfMatch, true)
	if err != nil {
		return nil, err
	}
	if err := decode(in.RawBody, new(registry.AppForm)); err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IfMatch: version, IdempotencyKey: in.IdempotencyKey, Operation: "PATCH " + appsPath + "/{id}"}
	app, err := s.reg.PatchApp(ctx, in.ID, json.RawMessage(in.RawBody), w)
	if err != nil {
		return nil, err
	}
	return appReply(http.StatusOK, app)
}

func (s *server) deleteApp(ctx context.Context, in *appDeleteInput) (*reply, error) {
	version, err := parseIfMatch(in.IfMatch, true)
	if err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IfMatch: version, IdempotencyKey: in.IdempotencyKey, Operation: "DELETE " + appsPath + "/{id}"}
	if err := s.reg.DeleteApp(ctx, in.ID, w); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}
