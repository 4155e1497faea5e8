package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// prefixBody asks for a prefix.
type prefixBody struct {
	Scheme        string              `json:"scheme,omitempty" enum:"handle,oid,ecode,gs1" default:"handle"`
	Prefix        string              `json:"prefix,omitempty" doc:"Absent: the next free number (handle and oid)"`
	Enterprise    string              `json:"enterprise" doc:"Id of the enterprise; the node's own is self"`
	Mode          identifier.Mode     `json:"mode,omitempty" enum:"hosted,delegated" default:"hosted"`
	CaseSensitive *bool               `json:"caseSensitive,omitempty"`
	Service       *identifier.Service `json:"service,omitempty" doc:"Of a delegated prefix: whom to ask"`
	Quota         *identifier.Quota   `json:"quota,omitempty" doc:"Bounds of its use; absent: none"`
	Patterns      []patternBody       `json:"patterns,omitempty" maxItems:"16" doc:"Of a hosted prefix: rules for identifiers without a record; the first that applies answers"`
}

// prefixPatchBody changes a prefix.
type prefixPatchBody struct {
	Mode          *identifier.Mode    `json:"mode,omitempty" enum:"hosted,delegated"`
	CaseSensitive *bool               `json:"caseSensitive,omitempty" doc:"Fixed once there are records"`
	Service       *identifier.Service `json:"service,omitempty"`
	Quota         *identifier.Quota   `json:"quota,omitempty" doc:"In place of the present one; {} removes it"`
	Patterns      *[]patternBody      `json:"patterns,omitempty" maxItems:"16" doc:"In place of all that there are; an empty list removes them"`
}

// patternBody is an identifier.Pattern, described.
type patternBody struct {
	Match string `json:"match,omitempty" maxLength:"512" example:"SN-([0-9]+)" doc:"RE2 that the whole identifier within the prefix has to match: of a Handle the suffix, of an OID the further arcs, of an Ecode the further characters, of a GS1 key the whole element string. Absent: any. It is blind to letter case where the prefix is"`
	URL   string `json:"url" minLength:"1" maxLength:"2048" example:"https://example.com/items/{suffix}" doc:"Template of an absolute URI. {id} {canonical} {scheme} {prefix} {suffix}, {01} {21} … of a GS1 key, and {1} {2} {name} of match's groups are replaced, percent-encoded"`
	Type  string `json:"type,omitempty" maxLength:"255" default:"URL" doc:"Of the value that is computed"`
	Index uint32 `json:"index,omitempty" maximum:"2147483647" default:"1" doc:"Of the value that is computed"`
	TTL   int32  `json:"ttl,omitempty" minimum:"0" default:"3600" doc:"Of the value that is computed, in seconds"`
}

func patterns(bodies []patternBody) []identifier.Pattern {
	var out []identifier.Pattern
	for _, b := range bodies {
		out = append(out, identifier.Pattern{Match: b.Match, URL: b.URL, Type: b.Type, Index: b.Index, TTL: b.TTL})
	}
	return out
}

// prefixStepBody is a step of a prefix.
type prefixStepBody struct {
	Scheme string `json:"scheme,omitempty" enum:"handle,oid,ecode,gs1" default:"handle"`
	Prefix string `json:"prefix"`
	Reason string `json:"reason,omitempty"`
	To     string `json:"to,omitempty" doc:"Of a transfer: id of the enterprise that gets it"`
}

type prefixInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"The request's name: repeated within 24 hours it gets the first answer"`
	RawBody        []byte `contentType:"application/json"`
}

type usageInput struct {
	Scheme string `query:"scheme" enum:"handle,oid,ecode,gs1"`
	Prefix string `query:"prefix" required:"true"`
}

type prefixReadInput struct {
	Scheme     string `query:"scheme" enum:"handle,oid,ecode,gs1"`
	Prefix     string `query:"prefix" doc:"The prefix to read; without it prefixes are listed"`
	Enterprise string `query:"enterprise" doc:"List prefixes of an enterprise"`
	PageInput
}

type prefixPatchInput struct {
	Scheme         string `query:"scheme" enum:"handle,oid,ecode,gs1"`
	Prefix         string `query:"prefix" required:"true"`
	IdempotencyKey string `header:"Idempotency-Key"`
	RawBody        []byte `contentType:"application/json"`
}

func (s *server) prefixes() {
	prefix := schemaOf[identifier.Namespace](s)
	add(s, operation{
		id: "createPrefix", method: http.MethodPost, path: "/v1/prefixes", tag: "prefixes", summary: "Allocate a prefix to an enterprise",
		body: schemaOf[prefixBody](s), answers: map[int]*huma.Schema{201: prefix}, errors: []int{404, 409, 413, 415, 422, 507},
	}, s.createPrefix)
	add(s, operation{
		id: "readPrefixes", method: http.MethodGet, path: "/v1/prefixes", tag: "prefixes", summary: "Read a prefix, or list prefixes",
		answers: map[int]*huma.Schema{200: {OneOf: []*huma.Schema{prefix, schemaOf[pageOf[identifier.Namespace]](s)}}}, errors: []int{404},
	}, s.readPrefixes)
	add(s, operation{
		id: "readPrefixUsage", method: http.MethodGet, path: "/v1/prefixes:usage", tag: "prefixes", summary: "How much of a prefix is used",
		description: "The identifiers that are registered, revoked ones included, and the writes of today (Beijing time), which are counted where the prefix has a quota.",
		answers:     map[int]*huma.Schema{200: schemaOf[registry.Usage](s)}, errors: []int{404},
	}, s.readUsage)
	add(s, operation{
		id: "updatePrefix", method: http.MethodPatch, path: "/v1/prefixes", tag: "prefixes", summary: "Change how a prefix is served",
		body: schemaOf[prefixPatchBody](s), answers: map[int]*huma.Schema{200: prefix}, errors: []int{404, 409, 413, 415, 422, 507},
	}, s.updatePrefix)
	for _, action := range []registry.Action{registry.ActionSuspend, registry.ActionActivate, registry.ActionWithdraw, registry.ActionTransfer} {
		path := "/v1/prefixes:" + string(action)
		add(s, operation{
			id: string(action) + "Prefix", method: http.MethodPost, path: path, tag: "prefixes",
			summary: strings.ToUpper(string(action[:1])) + string(action[1:]) + " a prefix",
			body:    schemaOf[prefixStepBody](s), answers: map[int]*huma.Schema{200: prefix}, errors: []int{404, 409, 413, 415, 422, 507},
		}, func(ctx context.Context, in *prefixInput) (*reply, error) { return s.stepPrefix(ctx, in, action, path) })
	}
}

func (s *server) createPrefix(ctx context.Context, in *prefixInput) (*reply, error) {
	var b prefixBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	q := registry.PrefixRequest{
		Scheme: identifier.Handle, Enterprise: b.Enterprise, Mode: b.Mode, CaseSensitive: b.CaseSensitive, Service: b.Service, Quota: b.Quota,
		Patterns: patterns(b.Patterns),
	}
	if b.Prefix != "" {
		k, err := parsePrefix(b.Scheme, b.Prefix, "/prefix")
		if err != nil {
			return nil, err
		}
		q.Scheme, q.Prefix = k.Scheme, k.Name
	} else if b.Scheme != "" {
		var err error
		if q.Scheme, err = identifier.ParseScheme(b.Scheme); err != nil {
			return nil, registry.Refuse(registry.CodeInvalidPrefix, "/scheme", "%s", err)
		}
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST /v1/prefixes"}
	ns, err := s.reg.AllocatePrefix(ctx, q, w)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusCreated, ns)
}

func (s *server) readPrefixes(ctx context.Context, in *prefixReadInput) (*reply, error) {
	if in.Prefix != "" {
		k, err := parsePrefix(in.Scheme, in.Prefix, "prefix")
		if err != nil {
			return nil, err
		}
		ns, err := s.reg.Prefix(ctx, k, actorOf(ctx))
		if err != nil {
			return nil, err
		}
		return jsonReply(http.StatusOK, ns)
	}
	l := registry.PrefixList{Actor: actorOf(ctx), Enterprise: in.Enterprise}
	var err error
	if l.Paging, err = in.paging(); err != nil {
		return nil, err
	}
	if in.Scheme != "" {
		if l.Scheme, err = identifier.ParseScheme(in.Scheme); err != nil {
			return nil, invalid("scheme", "%s", err)
		}
	}
	items, next, err := s.reg.ListPrefixes(ctx, l)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*identifier.Namespace]{items, next})
}

func (s *server) readUsage(ctx context.Context, in *usageInput) (*reply, error) {
	k, err := parsePrefix(in.Scheme, in.Prefix, "prefix")
	if err != nil {
		return nil, err
	}
	u, err := s.reg.PrefixUsage(ctx, k, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, u)
}

func (s *server) updatePrefix(ctx context.Context, in *prefixPatchInput) (*reply, error) {
	k, err := parsePrefix(in.Scheme, in.Prefix, "prefix")
	if err != nil {
		return nil, err
	}
	var b prefixPatchBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "PATCH /v1/prefixes"}
	p := registry.PrefixPatch{Mode: b.Mode, CaseSensitive: b.CaseSensitive, Service: b.Service, Quota: b.Quota}
	if b.Patterns != nil {
		all := patterns(*b.Patterns)
		p.Patterns = &all
	}
	ns, err := s.reg.UpdatePrefix(ctx, k, p, w)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, ns)
}

func (s *server) stepPrefix(ctx context.Context, in *prefixInput, action registry.Action, path string) (*reply, error) {
	var b prefixStepBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	k, err := parsePrefix(b.Scheme, b.Prefix, "/prefix")
	if err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST " + path}
	ns, err := s.reg.PrefixAction(ctx, k, action, b.Reason, b.To, w)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, ns)
}
