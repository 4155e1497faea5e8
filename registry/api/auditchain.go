package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/auditchain"
	"github.com/idnode/idnode/registry/audit"
)

const auditExportPath = "/v1/audit:export"

type noInput struct{}

// auditChain registers what auditors hold the node to: head, export and verification of the hash chain.
func (s *server) auditChain() {
	add(s, operation{
		id: "readAuditHead", method: http.MethodGet, path: "/v1/audit/head", tag: "audit", summary: "The newest entry of the audit log's hash chain",
		description: "Who keeps heads elsewhere can prove later that the log still begins with what it was then. It is signed with the node's key (Ed25519).",
		answers:     map[int]*huma.Schema{200: schemaOf[auditchain.Head](s)},
	}, s.readAuditHead)
	add(s, operation{
		id: "verifyAudit", method: http.MethodGet, path: "/v1/audit:verify", tag: "audit", summary: "Verify the audit log on the node",
		description: "Goes through the whole log: whether each entry is what was chained, and whether there are entries that were put in beside the chain. That takes some seconds for each million.",
		answers:     map[int]*huma.Schema{200: schemaOf[audit.Findings](s)},
	}, s.verifyAudit)

	s.mux.HandleFunc("GET "+auditExportPath, s.exportAudit)
	text := &huma.Schema{Type: huma.TypeString}
	op := s.describe(operation{
		id: "exportAudit", method: http.MethodGet, path: auditExportPath, tag: "audit", summary: "Export the audit log, or a part of it, with its hashes",
		description: "NDJSON: the anchor, a line for each entry as it is stored, and at the end the head; without that line the export was cut short. " +
			"It is verified with SHA-256 alone: idctl audit verify does so.",
	})
	op.Parameters = []*huma.Param{
		{Name: "from", In: "query", Schema: text, Description: "From this number, or this time, on"},
		{Name: "to", In: "query", Schema: text, Description: "Up to this number, or before this time"},
		{Name: "format", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"ndjson"}}},
	}
	op.Responses["200"] = &huma.Response{Description: "The lines", Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: text}}}
	s.huma.OpenAPI().AddOperation(&op)
}

func (s *server) readAuditHead(ctx context.Context, _ *noInput) (*reply, error) {
	head, err := s.chain.Head(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, head)
}

func (s *server) verifyAudit(ctx context.Context, _ *noInput) (*reply, error) {
	report, err := s.chain.Verify(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, report)
}

func (s *server) exportAudit(w http.ResponseWriter, r *http.Request) {
	part, err := auditPart(r)
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	rc := http.NewResponseController(w)
	defer rc.SetWriteDeadline(time.Time{}) // or it would end later answers on the connection
	out := &results{w: w, rc: rc}
	var gone error
	err = s.chain.Export(r.Context(), part, actorOf(r.Context()), func(lines []byte) error {
		if r.Method == http.MethodHead {
			gone = http.ErrBodyNotAllowed
		} else {
			out.buf.Write(lines)
			gone = out.flush() // a client that takes nothing for importIdle is given up
		}
		return gone
	})
	if err == nil || gone != nil {
		return
	}
	p := s.problem(r.Context(), err)
	if !out.begun() {
		writeProblem(w, p)
		return
	}
	out.buf.Write(auditchain.AppendError(nil, p.Code, p.Detail))
	_ = out.flush()
}

func auditPart(r *http.Request) (part audit.Part, err error) {
	q := r.URL.Query()
	for name, bound := range map[string]*audit.Bound{"from": &part.From, "to": &part.To} {
		var ok bool
		if *bound, ok = audit.ParseBound(q.Get(name)); !ok {
			return part, invalid(name, "a number, or a time in RFC 3339, is expected")
		}
	}
	if f := q.Get("format"); f != "" && f != "ndjson" {
		return part, invalid("format", "the format is ndjson")
	}
	return part, nil
}
