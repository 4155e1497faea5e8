package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

type historyInput struct {
	ID string `query:"id" required:"true" doc:"The identifier"`
	PageInput
}

type diffInput struct {
	ID   string `query:"id" required:"true" doc:"The identifier"`
	From string `query:"from" doc:"The older version; absent: the one before to"`
	To   string `query:"to" doc:"The newer version; absent: the newest"`
}

type referencesInput struct {
	ID        string `query:"id" required:"true" doc:"The identifier, registered or not"`
	Direction string `query:"direction" enum:"from,to" default:"from" doc:"from: what the record refers to; to: the records that refer to it"`
	PageInput
}

// diffView is a registry.Diff as it is told.
type diffView struct {
	ID        string          `json:"id"`
	From      uint64          `json:"from" doc:"Version"`
	To        uint64          `json:"to" doc:"Version"`
	State     *textDiff       `json:"state,omitempty"`
	Template  *textDiff       `json:"template,omitempty"`
	Reason    *textDiff       `json:"reason,omitempty"`
	Successor *textDiff       `json:"successor,omitempty"`
	Values    []valueDiffView `json:"values" doc:"In the order of indexes; timestamps alone are no difference"`
}

type textDiff struct {
	Before string `json:"before"`
	After  string `json:"after"`
}

type valueDiffView struct {
	Index   uint32          `json:"index"`
	Op      string          `json:"op" enum:"added,removed,changed"`
	Changed []string        `json:"changed,omitempty" doc:"Of a changed value: type, data, ttl, perms, refs"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
}

// diffDoc and valueDiffDoc describe them.
type diffDoc struct {
	ID        string         `json:"id"`
	From      uint64         `json:"from" doc:"Version"`
	To        uint64         `json:"to" doc:"Version"`
	State     *textDiff      `json:"state,omitempty"`
	Template  *textDiff      `json:"template,omitempty"`
	Reason    *textDiff      `json:"reason,omitempty"`
	Successor *textDiff      `json:"successor,omitempty"`
	Values    []valueDiffDoc `json:"values" doc:"In the order of indexes; timestamps alone are no difference"`
}

type valueDiffDoc struct {
	Index   uint32    `json:"index"`
	Op      string    `json:"op" enum:"added,removed,changed"`
	Changed []string  `json:"changed,omitempty" doc:"Of a changed value: type, data, ttl, perms, refs"`
	Before  *valueDoc `json:"before,omitempty"`
	After   *valueDoc `json:"after,omitempty"`
}

func (s *server) histories() {
	add(s, operation{
		id: "readHistory", method: http.MethodGet, path: "/v1/identifiers:history", tag: "identifiers", summary: "The versions of an identifier: what, when, by whom and why",
		description: "The newest first. For those who may read the prefix's private values.",
		answers:     map[int]*huma.Schema{200: schemaOf[pageOf[registry.Revision]](s)}, errors: []int{404},
	}, s.history)
	add(s, operation{
		id: "diffIdentifier", method: http.MethodGet, path: "/v1/identifiers:diff", tag: "identifiers", summary: "What differs between two versions of an identifier",
		answers: map[int]*huma.Schema{200: schemaOf[diffDoc](s)}, errors: []int{404},
	}, s.diff)
	add(s, operation{
		id: "readReferences", method: http.MethodGet, path: "/v1/identifiers:references", tag: "identifiers", summary: "What an identifier refers to, or what refers to it",
		description: "References of values, template fields of type reference, and successors of revoked identifiers. Those of private values are shown to those who may read them.",
		answers:     map[int]*huma.Schema{200: schemaOf[pageOf[registry.Reference]](s)}, errors: []int{404},
	}, s.references)
}

func (s *server) history(ctx context.Context, in *historyInput) (*reply, error) {
	id, err := s.parseID(in.ID)
	if err != nil {
		return nil, err
	}
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	items, next, err := s.reg.History(ctx, id, actorOf(ctx), p)
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.Revision]{items, next})
}

func (s *server) references(ctx context.Context, in *referencesInput) (*reply, error) {
	id, err := s.parseID(in.ID)
	if err != nil {
		return nil, err
	}
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	var items []*registry.Reference
	var next string
	switch in.Direction {
	case "", "from":
		items, err = s.reg.ReferencesFrom(ctx, id, actorOf(ctx))
	case "to":
		items, next, err = s.reg.ReferencesTo(ctx, id, actorOf(ctx), p)
	default:
		return nil, invalid("direction", "from or to is expected")
	}
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.Reference]{items, next})
}

func (s *server) diff(ctx context.Context, in *diffInput) (*reply, error) {
	id, err := s.parseID(in.ID)
	if err != nil {
		return nil, err
	}
	from, err := parseNumber("from", in.From)
	if err != nil {
		return nil, err
	}
	to, err := parseNumber("to", in.To)
	if err != nil {
		return nil, err
	}
	d, err := s.reg.Diff(ctx, id, from, to, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	out := diffView{
		ID: d.To.ID, From: d.From.Version, To: d.To.Version, Values: make([]valueDiffView, len(d.Values)),
		State:    diffText(d.From.State.String(), d.To.State.String()),
		Template: diffText(d.From.Template, d.To.Template), Reason: diffText(d.From.Reason, d.To.Reason),
		Successor: diffText(d.From.Successor, d.To.Successor),
	}
	for i, v := range d.Values {
		out.Values[i] = valueDiff(&v)
	}
	return jsonReply(http.StatusOK, out)
}

func diffText(before, after string) *textDiff {
	if before == after {
		return nil
	}
	return &textDiff{before, after}
}

func valueDiff(v *registry.ValueDiff) valueDiffView {
	out := valueDiffView{Index: v.Index, Op: "changed"}
	if v.Before != nil {
		out.Before = identifier.AppendValueJSON(nil, v.Before)
	} else {
		out.Op = "added"
	}
	if v.After != nil {
		out.After = identifier.AppendValueJSON(nil, v.After)
	} else {
		out.Op = "removed"
	}
	for _, f := range []struct {
		field registry.Fields
		name  string
	}{
		{registry.FieldType, "type"}, {registry.FieldData, "data"}, {registry.FieldTTL, "ttl"}, {registry.FieldPerms, "perms"}, {registry.FieldRefs, "refs"},
	} {
		if v.Changed&f.field != 0 {
			out.Changed = append(out.Changed, f.name)
		}
	}
	return out
}
