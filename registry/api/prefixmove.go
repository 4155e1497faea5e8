package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// prefixMoveBody is a step by which a prefix moves to another node, or back.
type prefixMoveBody struct {
	Scheme  string              `json:"scheme,omitempty" enum:"handle,oid,ecode,gs1" default:"handle"`
	Prefix  string              `json:"prefix"`
	Reason  string              `json:"reason,omitempty"`
	Service *identifier.Service `json:"service,omitempty" doc:"The other node: required of a handover; a freeze tells it to writers"`
	Digest  string              `json:"digest,omitempty" doc:"Of a handover: content of the other node's /v1/prefixes:digest; the step is refused if the records here have another"`
}

func (s *server) prefixMoves() {
	for _, step := range []struct {
		action               registry.Action
		summary, description string
	}{
		{registry.ActionFreeze, "Freeze a prefix", "Reads and resolution go on; writes are refused with the code frozen. For its admin and operators."},
		{registry.ActionUnfreeze, "Unfreeze a prefix", "For its admin and operators."},
		{registry.ActionHandover, "Delegate a frozen prefix to the enterprise's own node", "Mode and service change and the freeze ends in one batch. The records stay stored and are no longer answered; so do patterns, and an HS_SITE in a stored record of the prefix becomes the new node's."},
		{registry.ActionTakeback, "Host a prefix again that was handed over", "The records that were left here are answered again, as they were."},
	} {
		path := "/v1/prefixes:" + string(step.action)
		add(s, operation{
			id: string(step.action) + "Prefix", method: http.MethodPost, path: path, tag: "prefixes", summary: step.summary, description: step.description,
			body: schemaOf[prefixMoveBody](s), answers: map[int]*huma.Schema{200: schemaOf[identifier.Namespace](s)}, errors: []int{404, 409, 413, 415, 422, 507},
		}, func(ctx context.Context, in *prefixInput) (*reply, error) {
			return s.movePrefix(ctx, in, step.action, path)
		})
	}
	add(s, operation{
		id: "readPrefixDigest", method: http.MethodGet, path: "/v1/prefixes:digest", tag: "prefixes", summary: "Digest of the records of a prefix",
		description: "Number and SHA-256 of the records' lines, to compare two nodes. It reads all of them.",
		answers:     map[int]*huma.Schema{200: schemaOf[registry.PrefixDigest](s)}, errors: []int{404, 429},
	}, s.readDigest)
}

func (s *server) movePrefix(ctx context.Context, in *prefixInput, action registry.Action, path string) (*reply, error) {
	var b prefixMoveBody
	if err := decode(in.RawBody, &b); err != nil {
		return nil, err
	}
	k, err := parsePrefix(b.Scheme, b.Prefix, "/prefix")
	if err != nil {
		return nil, err
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST " + path}
	ns, err := s.reg.MovePrefix(ctx, registry.PrefixMove{Prefix: k, Action: action, Reason: b.Reason, Service: b.Service, Digest: b.Digest}, w)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, ns)
}

func (s *server) readDigest(ctx context.Context, in *usageInput) (*reply, error) {
	k, err := parsePrefix(in.Scheme, in.Prefix, "prefix")
	if err != nil {
		return nil, err
	}
	d, err := s.reg.PrefixDigest(ctx, k, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, d)
}
