package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

const mintPath = "/v1/identifiers:mint"

// mintBody is the body of a request to mint.
type mintBody struct {
	Scheme string            `json:"scheme"`
	Prefix string            `json:"prefix"`
	Rule   string            `json:"rule"`
	Start  uint64            `json:"start"`
	Count  int               `json:"count"`
	Record json.RawMessage   `json:"record"`
	Items  []json.RawMessage `json:"items"`
	Reason string            `json:"reason"`
	DryRun bool              `json:"dryRun"`
}

type mintDoc struct {
	Scheme string          `json:"scheme,omitempty" enum:"handle,oid" default:"handle"`
	Prefix string          `json:"prefix" doc:"The namespace under which the identifiers are made"`
	Rule   string          `json:"rule" maxLength:"255" example:"SN-{yyyy}{MM}-{serial:6}{check}" doc:"Text with places: {serial:W} counts with W digits, {random:N} and {random:N:check} are Crockford's base32, {yyyy} {yy} {MM} {dd} {DDD} {GGGG} {ww} {HH} dates, {check} ISO/IEC 7064 MOD 37,36, {check:luhn} ISO/IEC 7812-1"`
	Start  uint64          `json:"start,omitempty" doc:"The least serial number to use"`
	Count  int             `json:"count,omitempty" minimum:"1" doc:"How many; each has the record of record"`
	Record *mintRecordDoc  `json:"record,omitempty" doc:"With count: what each of the identifiers stands for"`
	Items  []mintRecordDoc `json:"items,omitempty" doc:"In place of count and record: what the identifiers stand for, one by one"`
	Reason string          `json:"reason,omitempty" doc:"Why, for the history"`
	DryRun bool            `json:"dryRun,omitempty" doc:"Check all and tell the identifiers, but register none"`
}

type mintRecordDoc struct {
	Template string     `json:"template,omitempty"`
	Fields   any        `json:"fields,omitempty" doc:"As of a record"`
	Values   []valueDoc `json:"values,omitempty"`
}

// mintedDoc is the answer.
type mintedDoc struct {
	Items []mintedItem `json:"items" doc:"In the order of the request"`
}

type mintedItem struct {
	ID      string `json:"id"`
	Version uint64 `json:"version"`
}

type mintInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"The request's name: repeated within 24 hours it gets the first answer"`
	RawBody        []byte `contentType:"application/json"`
}

func (s *server) mints() {
	add(s, operation{
		id: "mintIdentifiers", method: http.MethodPost, path: mintPath, tag: "identifiers", summary: "Register under new identifiers that a rule makes",
		description: fmt.Sprintf("At most %d, all or none. A number is used up with the registration and never given out again; what is refused, or lost by a crash, uses none up. "+
			"Numbers count for each prefix and rule, anew when a date in the rule changes. Identifiers that are registered already are passed over.", s.limits.BatchRows),
		body: schemaOf[mintDoc](s), answers: map[int]*huma.Schema{200: schemaOf[mintedDoc](s), 201: schemaOf[mintedDoc](s)}, errors: []int{409, 413, 415, 422, 429, 507},
	}, s.mint)
}

func (s *server) mint(ctx context.Context, in *mintInput) (*reply, error) {
	var body mintBody
	if err := decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	q := registry.MintRequest{Rule: body.Rule, Start: body.Start, DryRun: body.DryRun}
	var err error
	if q.Namespace, err = parsePrefix(body.Scheme, body.Prefix, "/prefix"); err != nil {
		return nil, err
	}
	switch {
	case body.Items != nil && (body.Count != 0 || body.Record != nil):
		return nil, invalid("/items", "give items, or count and record")
	case body.Items == nil && body.Count > s.limits.BatchRows, len(body.Items) > s.limits.BatchRows:
		return nil, registry.Refuse(registry.CodeTooLarge, "/count", "%d identifiers; at most %d", max(body.Count, len(body.Items)), s.limits.BatchRows)
	}
	for i, raw := range body.Items {
		if err := addMinted(&q, raw, fmt.Sprintf("/items/%d", i)); err != nil {
			return nil, err
		}
	}
	if body.Items == nil && body.Count > 0 {
		if err := addMinted(&q, body.Record, "/record"); err != nil {
			return nil, err
		}
		for range body.Count - 1 {
			q.Records, q.Fields = append(q.Records, q.Records[0]), append(q.Fields, q.Fields[0])
		}
	}
	results, err := s.reg.Mint(ctx, q, registry.Write{Actor: actorOf(ctx), Reason: body.Reason, IdempotencyKey: in.IdempotencyKey, Operation: "POST " + mintPath})
	if err != nil {
		return nil, err
	}
	out := mintedDoc{Items: make([]mintedItem, len(results))}
	for i, res := range results {
		out.Items[i] = mintedItem{res.ID, res.Version}
	}
	if body.DryRun {
		return jsonReply(http.StatusOK, out)
	}
	return jsonReply(http.StatusCreated, out)
}

// addMinted reads what an identifier to be made stands for; at is where that stands in the request.
func addMinted(q *registry.MintRequest, raw []byte, at string) error {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	rec, fields, err := identifier.ParseMintJSON(raw)
	if err != nil {
		return registry.JSONError(err, at)
	}
	q.Records, q.Fields = append(q.Records, rec), append(q.Fields, fields)
	return nil
}
