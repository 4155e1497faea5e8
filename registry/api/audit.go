package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

type auditInput struct {
	Since      string `query:"since" doc:"From this time on"`
	Until      string `query:"until" doc:"Before this time"`
	ID         string `query:"id" doc:"What was changed: an identifier, a prefix, the id of an enterprise, key or file"`
	Enterprise string `query:"enterprise" doc:"What this enterprise did, and what was done to it"`
	Op         string `query:"op" doc:"enterprise.approve; with a dot at the end all that begin so"`
	Order      string `query:"order" doc:"asc (default) or desc: newest first"`
	PageInput
}

func (s *server) audit() {
	add(s, operation{
		id: "listAudit", method: http.MethodGet, path: "/v1/audit", tag: "audit", summary: "Who changed what, and when",
		description: "Operators and auditors see everything, an enterprise's admin its own. A page may be short, or empty, and still have a next one: go on until there is none.",
		answers:     map[int]*huma.Schema{200: schemaOf[pageOf[registry.AuditEntry]](s)},
	}, s.listAudit)
	if s.chain != nil {
		s.auditChain()
	}
}

func (s *server) listAudit(ctx context.Context, in *auditInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	q := registry.AuditQuery{ID: in.ID, Enterprise: in.Enterprise, Op: in.Op, Paging: p}
	if q.Since, err = parseTime("since", in.Since); err != nil {
		return nil, err
	}
	if q.Until, err = parseTime("until", in.Until); err != nil {
		return nil, err
	}
	switch in.Order {
	case "", "asc":
	case "desc":
		q.Descending = true
	default:
		return nil, invalid("order", "asc or desc is expected")
	}
	entries, next, err := s.reg.ListAudit(ctx, q, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, pageOf[*registry.AuditEntry]{entries, next})
}
