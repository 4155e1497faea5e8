package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/sheet"
)

const templatesPath = "/v1/templates"

// xlsx is the media type of the fill-in sheet.
const xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// templateBody names a template and says what it is.
type templateBody struct {
	Scheme  string            `json:"scheme,omitempty" enum:"handle,oid,ecode,gs1" default:"handle"`
	Prefix  string            `json:"prefix" doc:"The prefix whose records follow it, and those below of the same enterprise"`
	Name    string            `json:"name" maxLength:"128" example:"bearing-6204" doc:"What records name in their member template; SNMS calls it the version"`
	Content *template.Content `json:"content"`
}

// templateStepBody is a step of a template.
type templateStepBody struct {
	Scheme string `json:"scheme,omitempty" enum:"handle,oid,ecode,gs1" default:"handle"`
	Prefix string `json:"prefix"`
	Name   string `json:"name"`
	Reason string `json:"reason,omitempty"`
}

// templateCheck is what CheckTemplate says.
type templateCheck struct {
	Valid        bool           `json:"valid"`
	Compatible   bool           `json:"compatible" doc:"Records that follow the published revision would follow this one"`
	Errors       []ProblemError `json:"errors" doc:"What is wrong with the content"`
	Incompatible []ProblemError `json:"incompatible" doc:"Why stored records might not follow it"`
}

type templateInput struct {
	IfMatch        string `header:"If-Match" doc:"The ETag that the template must have; otherwise 412"`
	IdempotencyKey string `header:"Idempotency-Key" doc:"The request's name: repeated within 24 hours it gets the first answer"`
	RawBody        []byte `contentType:"application/json"`
}

type templateReadInput struct {
	Scheme   string `query:"scheme" enum:"handle,oid,ecode,gs1"`
	Prefix   string `query:"prefix" doc:"The prefix of the template, or whose templates are listed"`
	Name     string `query:"name" doc:"The template to read; without it templates are listed"`
	Revision string `query:"revision" doc:"A past revision"`
	PageInput
}

type templateNameInput struct {
	Scheme         string `query:"scheme" enum:"handle,oid,ecode,gs1"`
	Prefix         string `query:"prefix" required:"true"`
	Name           string `query:"name" required:"true"`
	Revision       string `query:"revision" doc:"A past revision; absent: the published one, else the draft"`
	Lang           string `query:"lang" enum:"zh,en" doc:"Of the sheet; absent: as Accept-Language asks"`
	IfMatch        string `header:"If-Match"`
	IdempotencyKey string `header:"Idempotency-Key"`
}

func (s *server) dataTemplates() {
	view := schemaOf[registry.Template](s)
	add(s, operation{
		id: "createTemplate", method: http.MethodPost, path: templatesPath, tag: "templates", summary: "Enter a data template, as a draft",
		description: "All that is wrong with its content is told at once.",
		body:        schemaOf[templateBody](s), answers: map[int]*huma.Schema{201: view}, errors: []int{404, 409, 413, 415, 422, 507},
	}, s.createTemplate)
	add(s, operation{
		id: "readTemplates", method: http.MethodGet, path: templatesPath, tag: "templates", summary: "Read a data template, or list templates",
		answers: map[int]*huma.Schema{200: {OneOf: []*huma.Schema{view, schemaOf[pageOf[registry.Template]](s)}}}, errors: []int{404},
	}, s.readTemplates)
	add(s, operation{
		id: "editTemplate", method: http.MethodPut, path: templatesPath, tag: "templates", summary: "Replace the draft of a template",
		description: "Of a published template it is the next revision; what is published stays in force until the draft is.",
		body:        schemaOf[templateBody](s), answers: map[int]*huma.Schema{200: view}, errors: []int{404, 409, 412, 413, 415, 422, 507},
	}, s.editTemplate)
	add(s, operation{
		id: "deleteTemplate", method: http.MethodDelete, path: templatesPath, tag: "templates", summary: "Delete a template that no record follows",
		answers: map[int]*huma.Schema{204: nil}, errors: []int{404, 409, 412, 422, 507},
	}, s.deleteTemplate)
	for _, step := range []struct {
		action      registry.Action
		description string
	}{
		{registry.ActionPublish, "Records can follow it from now on. A draft that stored records might not follow is refused, 409 incompatible, with all the reasons. A withdrawn template without a draft is published again."},
		{registry.ActionWithdraw, "New records are refused; those that follow it stay."},
	} {
		path := templatesPath + ":" + string(step.action)
		add(s, operation{
			id: string(step.action) + "Template", method: http.MethodPost, path: path, tag: "templates", summary: string(step.action) + " a template",
			description: step.description, body: schemaOf[templateStepBody](s), answers: map[int]*huma.Schema{200: view}, errors: []int{404, 409, 412, 413, 415, 422, 507},
		}, func(ctx context.Context, in *templateInput) (*reply, error) {
			return s.stepTemplate(ctx, in, step.action, path)
		})
	}
	add(s, operation{
		id: "checkTemplate", method: http.MethodPost, path: templatesPath + ":check", tag: "templates", summary: "Say what is wrong with a content, and whether stored records would follow it",
		body: schemaOf[templateBody](s), answers: map[int]*huma.Schema{200: schemaOf[templateCheck](s)}, errors: []int{404, 413, 415},
	}, s.checkTemplate)
	add(s, operation{
		id: "readTemplateSchema", method: http.MethodGet, path: templatesPath + ":schema", tag: "templates", summary: "The JSON Schema of the fields of a template's records",
		answers: map[int]*huma.Schema{200: {Type: huma.TypeObject}}, errors: []int{404},
	}, s.templateSchema)
	add(s, operation{
		id: "readTemplateSheet", method: http.MethodGet, path: templatesPath + ":sheet", tag: "templates", summary: "The XLSX sheet to fill in records of a template",
		answers: map[int]*huma.Schema{200: {Type: huma.TypeString, Format: "binary"}}, errors: []int{404},
	}, s.templateSheet)
}

// parse reads a body that names a template.
func (b *templateBody) parse(raw []byte) (identifier.Key, error) {
	if err := decode(raw, b); err != nil {
		return identifier.Key{}, err
	}
	return parsePrefix(b.Scheme, b.Prefix, "/prefix")
}

// write are the conditions of a write through route.
func (in *templateInput) write(ctx context.Context, route string) (registry.Write, error) {
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: route}
	var err error
	w.IfMatch, err = parseIfMatch(in.IfMatch, true)
	return w, err
}

func (s *server) createTemplate(ctx context.Context, in *templateInput) (*reply, error) {
	var b templateBody
	k, err := b.parse(in.RawBody)
	if err != nil {
		return nil, err
	}
	w, err := in.write(ctx, "POST "+templatesPath)
	if err != nil {
		return nil, err
	}
	t, err := s.reg.CreateTemplate(ctx, k, b.Name, b.Content, w)
	if err != nil {
		return nil, err
	}
	return templateReply(http.StatusCreated, t)
}

func (s *server) editTemplate(ctx context.Context, in *templateInput) (*reply, error) {
	var b templateBody
	k, err := b.parse(in.RawBody)
	if err != nil {
		return nil, err
	}
	w, err := in.write(ctx, "PUT "+templatesPath)
	if err != nil {
		return nil, err
	}
	t, err := s.reg.EditTemplate(ctx, k, b.Name, b.Content, w)
	if err != nil {
		return nil, err
	}
	return templateReply(http.StatusOK, t)
}

func (s *server) stepTemplate(ctx context.Context, in *templateInput, action registry.Action, path string) (*reply, error) {
	var b templateStepBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	k, err := parsePrefix(b.Scheme, b.Prefix, "/prefix")
	if err != nil {
		return nil, err
	}
	w, err := in.write(ctx, "POST "+path)
	if err != nil {
		return nil, err
	}
	t, err := s.reg.TemplateAction(ctx, k, b.Name, action, b.Reason, w)
	if err != nil {
		return nil, err
	}
	return templateReply(http.StatusOK, t)
}

func (s *server) deleteTemplate(ctx context.Context, in *templateNameInput) (*reply, error) {
	k, err := parsePrefix(in.Scheme, in.Prefix, "prefix")
	if err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "DELETE " + templatesPath}
	if w.IfMatch, err = parseIfMatch(in.IfMatch, true); err != nil {
		return nil, err
	}
	if err := s.reg.DeleteTemplate(ctx, k, in.Name, w); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}

func (s *server) readTemplates(ctx context.Context, in *templateReadInput) (*reply, error) {
	if in.Name != "" {
		t, err := s.template(ctx, in.Scheme, in.Prefix, in.Name, in.Revision)
		if err != nil {
			return nil, err
		}
		return templateReply(http.StatusOK, t)
	}
	l := registry.TemplateList{Actor: actorOf(ctx)}
	var err error
	if l.Paging, err = in.paging(); err != nil {
		return nil, err
	}
	if in.Prefix != "" {
		if l.Prefix, err = parsePrefix(in.Scheme, in.Prefix, "prefix"); err != nil {
			return nil, err
		}
	}
	items, next, err := s.reg.ListTemplates(ctx, l)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.Template]{items, next})
}

func (s *server) template(ctx context.Context, scheme, prefix, name, revision string) (*registry.Template, error) {
	k, err := parsePrefix(scheme, prefix, "prefix")
	if err != nil {
		return nil, err
	}
	n, err := parseNumber("revision", revision)
	if err != nil {
		return nil, err
	}
	return s.reg.Template(ctx, k, name, uint32(min(n, 1<<32-1)), actorOf(ctx))
}

// contentOf is what a template says: as published, else as drafted.
func contentOf(t *registry.Template) *template.Content {
	if t.Content != nil {
		return t.Content
	}
	return t.Draft
}

func (s *server) checkTemplate(ctx context.Context, in *templateInput) (*reply, error) {
	var b templateBody
	k, err := b.parse(in.RawBody)
	if err != nil {
		return nil, err
	}
	wrong, incompatible, err := s.reg.CheckTemplate(ctx, k, b.Name, b.Content, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	out := templateCheck{Valid: len(wrong) == 0, Compatible: len(wrong) == 0 && len(incompatible) == 0, Errors: []ProblemError{}, Incompatible: []ProblemError{}}
	for i := range wrong {
		out.Errors = append(out.Errors, ProblemError{Message: wrong[i].In(languageOf(ctx)), Location: wrong[i].Field})
	}
	for i := range incompatible {
		out.Incompatible = append(out.Incompatible, ProblemError{Message: incompatible[i].In(languageOf(ctx)), Location: incompatible[i].Field})
	}
	return jsonReply(http.StatusOK, out)
}

func (s *server) templateSchema(ctx context.Context, in *templateNameInput) (*reply, error) {
	t, err := s.template(ctx, in.Scheme, in.Prefix, in.Name, in.Revision)
	if err != nil {
		return nil, err
	}
	q := url.Values{"scheme": {t.Scheme.String()}, "prefix": {t.Prefix}, "name": {t.Name}, "revision": {strconv.FormatUint(uint64(t.Revision), 10)}}
	id := "urn:idnode:template:" + url.PathEscape(q.Encode())
	return &reply{Status: http.StatusOK, ContentType: "application/schema+json", CacheControl: "private, no-cache", Body: contentOf(t).JSONSchema(id)}, nil
}

func (s *server) templateSheet(ctx context.Context, in *templateNameInput) (*reply, error) {
	t, err := s.template(ctx, in.Scheme, in.Prefix, in.Name, in.Revision)
	if err != nil {
		return nil, err
	}
	lang := in.Lang
	switch lang {
	case "zh", "en":
	case "":
		lang = string(languageOf(ctx))
	default:
		return nil, invalid("lang", "zh or en is expected")
	}
	var b bytes.Buffer
	if err := sheet.Write(&b, t.Name, t.Revision, contentOf(t), lang); err != nil {
		return nil, fmt.Errorf("write sheet of template %s: %w", t.Name, err)
	}
	return &reply{Status: http.StatusOK, ContentType: xlsx, CacheControl: "private, no-cache",
		Disposition: "attachment; filename*=UTF-8''" + url.PathEscape(t.Name) + ".xlsx", Body: b.Bytes()}, nil
}

func templateReply(status int, t *registry.Template) (*reply, error) {
	out, err := jsonReply(status, t)
	if err == nil {
		if t.Version > 0 {
			out.ETag = entityTag(t.Version)
		}
		if status == http.StatusCreated {
			out.Location = templatesPath + "?" + url.Values{"scheme": {t.Scheme.String()}, "prefix": {t.Prefix}, "name": {t.Name}}.Encode()
		}
	}
	return out, err
}
