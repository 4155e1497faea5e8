package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// recordDoc and valueDoc describe the JSON form of a record, which package identifier reads and
// writes, for the OpenAPI document.
type recordDoc struct {
	ID        string     `json:"id" doc:"In any spelling of its scheme, bare or as scheme:canonical"`
	Scheme    string     `json:"scheme,omitempty" enum:"handle,oid,ecode,gs1" doc:"Default: detected; of several that in which the node has a namespace for the id"`
	Template  string     `json:"template,omitempty" doc:"Name of the data template that the record follows; where the prefix has no templates, any word"`
	Fields    any        `json:"fields,omitempty" doc:"An object of what the template says of it, by field: see /v1/templates:schema. Beside values or in their place when written; when read, only if asked for"`
	Values    []valueDoc `json:"values,omitempty"`
	Version   uint64     `json:"version,omitempty" readOnly:"true" doc:"Counts the record's changes from 1"`
	State     string     `json:"state,omitempty" enum:"active,revoked" readOnly:"true"`
	Reason    string     `json:"reason,omitempty" readOnly:"true" doc:"Of a tombstone: why"`
	Successor string     `json:"successor,omitempty" readOnly:"true" doc:"Of a tombstone: the identifier to ask instead"`
	Created   time.Time  `json:"created,omitempty" readOnly:"true"`
	Updated   time.Time  `json:"updated,omitempty" readOnly:"true"`
}

type valueDoc struct {
	Index     uint32     `json:"index" minimum:"1" maximum:"2147483647" doc:"Unique in the record"`
	Type      string     `json:"type" minLength:"1" maxLength:"255" example:"URL"`
	Data      dataDoc    `json:"data"`
	TTL       int32      `json:"ttl,omitempty" minimum:"0" default:"86400" doc:"Seconds, or seconds since 1970 if ttlType is absolute"`
	TTLType   string     `json:"ttlType,omitempty" enum:"relative,absolute" default:"relative"`
	Perms     string     `json:"perms,omitempty" pattern:"^[01]{4}$" default:"1110" doc:"Admin read, admin write, public read, public write"`
	Timestamp *time.Time `json:"timestamp,omitempty" doc:"Last change; set by the node except on import"`
	Refs      []refDoc   `json:"refs,omitempty"`
}

type refDoc struct {
	Handle string `json:"handle"`
	Index  uint32 `json:"index"`
}

// dataDoc is a value's data: text, or octets in base64 or hex.
type dataDoc struct{}

// Schema implements huma.SchemaProvider.
func (dataDoc) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeString},
		{Type: huma.TypeObject, Required: []string{"format", "value"}, AdditionalProperties: false, Properties: map[string]*huma.Schema{
			"format": {Type: huma.TypeString, Enum: []any{"string", "base64", "hex"}},
			"value":  {Type: huma.TypeString},
		}},
	}}
}

// patchDoc describes the body of a PATCH.
type patchDoc struct {
	ID       string          `json:"id,omitempty" doc:"If given, the identifier of the query"`
	Template *string         `json:"template,omitempty"`
	Values   []patchValueDoc `json:"values,omitempty"`
}

type patchValueDoc struct {
	Index   uint32   `json:"index" minimum:"1" maximum:"2147483647"`
	Delete  bool     `json:"delete,omitempty" doc:"Remove the value; no other member may be given"`
	Type    string   `json:"type,omitempty" doc:"Required for a new index"`
	Data    *dataDoc `json:"data,omitempty" doc:"Required for a new index"`
	TTL     int32    `json:"ttl,omitempty"`
	TTLType string   `json:"ttlType,omitempty" enum:"relative,absolute"`
	Perms   string   `json:"perms,omitempty"`
	Refs    []refDoc `json:"refs,omitempty"`
}

// listDoc describes a page.
type listDoc struct {
	Items []recordDoc `json:"items"`
	Next  string      `json:"next,omitempty" doc:"Cursor of the next page; absent at the end"`
}

// Conditions are the headers of a write. The name is exported because huma binds only those
// embedded structs that are.
type Conditions struct {
	IfMatch        string `header:"If-Match" doc:"The ETag that the record must have; otherwise 412"`
	IfNoneMatch    string `header:"If-None-Match" doc:"*: only if the identifier does not exist"`
	IdempotencyKey string `header:"Idempotency-Key" doc:"The request's name: repeated within 24 hours it gets the first answer"`
}

// write reads the headers of a write through route.
func (c *Conditions) write(ctx context.Context, route string, replaces bool) (registry.Write, error) {
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: c.IdempotencyKey, Operation: route, IfNoneMatch: c.IfNoneMatch == "*"}
	if c.IfNoneMatch != "" && c.IfNoneMatch != "*" {
		return w, invalid("If-None-Match", "a write knows * only")
	}
	var err error
	w.IfMatch, err = parseIfMatch(c.IfMatch, !replaces)
	return w, err
}

type createInput struct {
	Reason string `query:"reason" doc:"Why, for the history"`
	Conditions
	RawBody []byte `contentType:"application/json"`
}

type replaceInput struct {
	ID     string `query:"id" required:"true" doc:"The identifier"`
	Reason string `query:"reason" doc:"Why, for the history"`
	Conditions
	RawBody []byte `contentType:"application/json"`
}

type mergeInput struct {
	ID     string `query:"id" required:"true" doc:"The identifier"`
	Reason string `query:"reason" doc:"Why, for the history"`
	Conditions
	RawBody []byte `contentType:"application/json"`
}

type revokeInput struct {
	ID        string `query:"id" required:"true" doc:"The identifier"`
	Reason    string `query:"reason" doc:"Why, shown with the tombstone"`
	Successor string `query:"successor" doc:"The identifier to ask instead"`
	Conditions
}

type restoreInput struct {
	ID     string `query:"id" doc:"The identifier, unless the body has it"`
	Reason string `query:"reason" doc:"Why, for the history; may stand in the body"`
	Conditions
	RawBody []byte `contentType:"application/json"`
}

type restoreBody struct {
	ID     string `json:"id,omitempty" doc:"The identifier"`
	Reason string `json:"reason,omitempty" doc:"Why, for the history"`
}

type readInput struct {
	ID          string `query:"id" doc:"The identifier to read; without it identifiers are listed"`
	Fields      string `query:"fields" enum:"true,false" doc:"true: tell the record's fields by the names of its template, too"`
	Version     string `query:"version" doc:"Read a past version"`
	At          string `query:"at" doc:"Read the record as it was at a moment (RFC 3339)"`
	Scheme      string `query:"scheme" enum:"handle,oid,ecode,gs1" doc:"List identifiers of a scheme"`
	Template    string `query:"template" doc:"List identifiers that follow a template"`
	Field       string `query:"field" doc:"With template: those that have value in this searchable field"`
	Value       string `query:"value" doc:"With field: what it says; texts are compared by their first 128 octets"`
	Match       string `query:"match" enum:"exact,prefix" doc:"With field: prefix for values that begin so; absent: exact"`
	Prefix      string `query:"prefix" doc:"List identifiers that begin so; a number of a prefix is never cut in two"`
	Limit       string `query:"limit" doc:"Most items of a page"`
	Cursor      string `query:"cursor" doc:"next of the page before"`
	IfNoneMatch string `header:"If-None-Match" doc:"304 if the record has this ETag"`
}

func (s *server) identifiers() {
	record := schemaOf[recordDoc](s)
	add(s, operation{
		id: "createIdentifier", method: http.MethodPost, path: "/v1/identifiers", tag: "identifiers", summary: "Register an identifier",
		description: "400 ambiguous_identifier if the id is one of several schemes in which the node has namespaces for it: the detail lists them, name one.",
		body:        record, answers: map[int]*huma.Schema{201: record}, errors: []int{409, 413, 415, 422, 507},
	}, s.create)
	add(s, operation{
		id: "replaceIdentifier", method: http.MethodPut, path: "/v1/identifiers", tag: "identifiers", summary: "Replace or register an identifier",
		description: "The same content again changes nothing. The body need not repeat the id.",
		body:        record, answers: map[int]*huma.Schema{200: record, 201: record}, errors: []int{409, 412, 413, 415, 422, 507},
	}, s.replace)
	add(s, operation{
		id: "mergeIdentifier", method: http.MethodPatch, path: "/v1/identifiers", tag: "identifiers", summary: "Change values by their indexes",
		body: schemaOf[patchDoc](s), answers: map[int]*huma.Schema{200: record}, errors: []int{404, 409, 412, 413, 415, 422, 507},
	}, s.merge)
	add(s, operation{
		id: "revokeIdentifier", method: http.MethodDelete, path: "/v1/identifiers", tag: "identifiers", summary: "Revoke an identifier",
		description: "Leaves a tombstone, which is the answer. Only restoring brings the identifier back.",
		answers:     map[int]*huma.Schema{200: record}, errors: []int{404, 409, 412, 422, 507},
	}, s.revoke)
	add(s, operation{
		id: "restoreIdentifier", method: http.MethodPost, path: "/v1/identifiers:restore", tag: "identifiers", summary: "Bring a revoked identifier back",
		body: schemaOf[restoreBody](s), optional: true,
		answers: map[int]*huma.Schema{200: record}, errors: []int{404, 409, 412, 415, 422, 507},
	}, s.restore)
	add(s, operation{
		id: "readIdentifiers", method: http.MethodGet, path: "/v1/identifiers", tag: "identifiers", summary: "Read an identifier, or list identifiers",
		description: "With id the answer is a record, 410 with the tombstone's members if it is revoked; keys of other enterprises see public values only. " +
			"Without id the answer is a page of what the key's enterprise holds, for operators of everything.",
		answers: map[int]*huma.Schema{200: {OneOf: []*huma.Schema{record, schemaOf[listDoc](s)}}, 304: nil}, errors: []int{404, 410},
	}, s.read)
}

func (s *server) create(ctx context.Context, in *createInput) (*reply, error) {
	w, err := in.write(ctx, "POST /v1/identifiers", false)
	if err != nil {
		return nil, err
	}
	w.Reason = in.Reason
	if w.IfMatch != 0 {
		return nil, invalid("If-Match", "a new identifier has no version")
	}
	rec, fields, err := parseRecord(in.RawBody, "")
	if err != nil {
		return nil, err
	}
	w.Fields = fields
	res, err := s.reg.Create(ctx, rec, w)
	if err != nil {
		return nil, err
	}
	return recordReply(http.StatusCreated, res), nil
}

func (s *server) replace(ctx context.Context, in *replaceInput) (*reply, error) {
	w, err := in.write(ctx, "PUT /v1/identifiers", true)
	if err != nil {
		return nil, err
	}
	w.Reason = in.Reason
	_, refusal := s.parseID(in.ID)
	if refusal != nil && registry.AsError(refusal).Code != registry.CodeAmbiguousIdentifier {
		return nil, refusal
	}
	rec, fields, err := parseRecord(in.RawBody, in.ID)
	if err != nil {
		return nil, err
	}
	w.Fields = fields
	if refusal != nil && rec.Scheme == 0 {
		return nil, refusal
	}
	res, err := s.reg.Replace(ctx, rec, w)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if res.Created {
		status = http.StatusCreated
	}
	return recordReply(status, res), nil
}

func (s *server) merge(ctx context.Context, in *mergeInput) (*reply, error) {
	w, err := in.write(ctx, "PATCH /v1/identifiers", false)
	if err != nil {
		return nil, err
	}
	id, err := s.parseID(in.ID)
	if err != nil {
		return nil, err
	}
	w.Reason = in.Reason
	var body patchBody
	if err := decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	if body.ID != "" && !sameIdentifier(&identifier.Record{ID: body.ID}, in.ID) {
		return nil, invalid("/id", "the body is for another identifier than the query")
	}
	p, err := body.patch()
	if err != nil {
		return nil, err
	}
	res, err := s.reg.Merge(ctx, id, p, w)
	if err != nil {
		return nil, err
	}
	return recordReply(http.StatusOK, res), nil
}

func (s *server) revoke(ctx context.Context, in *revokeInput) (*reply, error) {
	w, err := in.write(ctx, "DELETE /v1/identifiers", false)
	if err != nil {
		return nil, err
	}
	id, err := s.parseID(in.ID)
	if err != nil {
		return nil, err
	}
	res, err := s.reg.Revoke(ctx, id, in.Reason, in.Successor, w)
	if err != nil {
		return nil, err
	}
	return recordReply(http.StatusOK, res), nil
}

func (s *server) restore(ctx context.Context, in *restoreInput) (*reply, error) {
	w, err := in.write(ctx, "POST /v1/identifiers:restore", false)
	if err != nil {
		return nil, err
	}
	if len(in.RawBody) > 0 {
		var body restoreBody
		if err := decode(in.RawBody, &body); err != nil {
			return nil, err
		}
		if in.ID != "" && body.ID != "" && in.ID != body.ID {
			return nil, invalid("/id", "the body is for another identifier than the query")
		}
		if body.ID != "" {
			in.ID = body.ID
		}
		if body.Reason != "" {
			in.Reason = body.Reason
		}
	}
	w.Reason = in.Reason
	id, err := s.parseID(in.ID)
	if err != nil {
		return nil, err
	}
	res, err := s.reg.Restore(ctx, id, w)
	if err != nil {
		return nil, err
	}
	return recordReply(http.StatusOK, res), nil
}

func (s *server) read(ctx context.Context, in *readInput) (*reply, error) {
	if in.ID == "" {
		return s.list(ctx, in)
	}
	id, err := s.parseID(in.ID)
	if err != nil {
		return nil, err
	}
	g := registry.Get{Actor: actorOf(ctx)}
	if g.Version, err = parseNumber("version", in.Version); err != nil {
		return nil, err
	}
	if g.At, err = parseTime("at", in.At); err != nil {
		return nil, err
	}
	rec, err := s.reg.Get(ctx, id, g)
	if err != nil {
		return nil, err
	}
	out := recordReply(http.StatusOK, registry.Result{Record: rec})
	out.Location = ""
	if withFields, err := parseBool("fields", in.Fields); err != nil {
		return nil, err
	} else if withFields {
		fields, err := s.reg.Fields(ctx, id, rec)
		if err != nil {
			return nil, err
		}
		if fields != nil { // the last member of the object
			out.Body = append(append(append(out.Body[:len(out.Body)-1], `,"fields":`...), fields...), '}')
		}
	}
	if rec.State == identifier.Revoked {
		e := registry.Refuse(registry.CodeRevoked, "", "%s is revoked", rec.ID)
		e.Record = rec
		p := newProblem(e, languageOf(ctx))
		p.Status = http.StatusGone
		p.headers.Set("ETag", out.ETag)
		return nil, p
	}
	if matches(in.IfNoneMatch, rec.Version) {
		out.Status, out.ContentType, out.Body = http.StatusNotModified, "", nil
	}
	return out, nil
}

func (s *server) list(ctx context.Context, in *readInput) (*reply, error) {
	if in.Version != "" || in.At != "" {
		return nil, invalid("id", "a past version is of one identifier")
	}
	limit, err := parseNumber("limit", in.Limit)
	if err != nil {
		return nil, err
	}
	if in.Template == "" && (in.Field != "" || in.Value != "" || in.Match != "") {
		return nil, invalid("template", "a field is one of a template: name it")
	}
	l := registry.List{Actor: actorOf(ctx), Prefix: in.Prefix, Limit: int(min(limit, 1<<31-1)), Cursor: in.Cursor}
	if in.Scheme != "" {
		if l.Scheme, err = identifier.ParseScheme(in.Scheme); err != nil {
			return nil, invalid("scheme", "%s", err)
		}
	}
	var page registry.Page
	if in.Template == "" {
		page, err = s.reg.List(ctx, l)
	} else {
		page, err = s.search(ctx, in, l)
	}
	if err != nil {
		return nil, err
	}
	body := []byte(`{"items":[`)
	for i, rec := range page.Records {
		if i > 0 {
			body = append(body, ',')
		}
		body = identifier.AppendRecordJSON(body, rec)
	}
	body = append(body, ']')
	if page.Next != "" {
		body = append(append(append(body, `,"next":"`...), page.Next...), '"') // base64: nothing to escape
	}
	return &reply{Status: http.StatusOK, ContentType: "application/json", CacheControl: "no-store", Body: append(body, '}')}, nil
}

// search lists the identifiers that follow a template.
func (s *server) search(ctx context.Context, in *readInput, l registry.List) (registry.Page, error) {
	q := registry.Search{Actor: l.Actor, Template: in.Template, Field: in.Field, Value: in.Value, Scheme: l.Scheme, Prefix: l.Prefix,
		Paging: registry.Paging{Limit: l.Limit, Cursor: l.Cursor}}
	switch in.Match {
	case "", "exact":
	case "prefix":
		q.Begins = true
	default:
		return registry.Page{}, invalid("match", "exact or prefix is expected")
	}
	if in.Field == "" && (in.Value != "" || in.Match != "") {
		return registry.Page{}, invalid("field", "a value is of a field: name it")
	}
	return s.reg.Search(ctx, q)
}

// recordReply is the answer to a write or read of one record.
func recordReply(status int, res registry.Result) *reply {
	out := &reply{
		Status: status, ContentType: "application/json", CacheControl: "private, no-cache", Vary: "Authorization",
		ETag: entityTag(res.Record.Version), Body: identifier.AppendRecordJSON(nil, res.Record),
	}
	if status == http.StatusCreated {
		out.Location = "/v1/identifiers?id=" + url.QueryEscape(res.Record.Scheme.String()+":"+res.Record.ID)
	}
	if res.Replayed {
		out.Replayed = "true"
	}
	return out
}
