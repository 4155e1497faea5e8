package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// batchBody is the body of a batch.
type batchBody struct {
	Operations []json.RawMessage `json:"operations"`
}

// batchOp is a row: record for create and replace, the rest for the others.
type batchOp struct {
	Op          registry.OpKind   `json:"op"`
	Record      json.RawMessage   `json:"record"`
	ID          string            `json:"id"`
	Template    *string           `json:"template"`
	Fields      json.RawMessage   `json:"fields"`
	Values      []json.RawMessage `json:"values"`
	Reason      string            `json:"reason"`
	Successor   string            `json:"successor"`
	IfMatch     uint64            `json:"ifMatch"`
	IfNoneMatch bool              `json:"ifNoneMatch"`
}

type batchDoc struct {
	Operations []batchOpDoc `json:"operations" minItems:"1"`
}

type batchOpDoc struct {
	Op          string          `json:"op" enum:"create,replace,merge,revoke,restore"`
	Record      *recordDoc      `json:"record,omitempty" doc:"Of create and replace"`
	ID          string          `json:"id,omitempty" doc:"Of merge, revoke and restore"`
	Template    *string         `json:"template,omitempty" doc:"Of merge"`
	Fields      map[string]any  `json:"fields,omitempty" doc:"Of merge: what the record's template says of it; null removes a field"`
	Values      []patchValueDoc `json:"values,omitempty" doc:"Of merge"`
	Reason      string          `json:"reason,omitempty" doc:"Why, for the history; of revoke it is shown with the tombstone"`
	Successor   string          `json:"successor,omitempty" doc:"Of revoke"`
	IfMatch     uint64          `json:"ifMatch,omitempty" doc:"The version that the record must have"`
	IfNoneMatch bool            `json:"ifNoneMatch,omitempty" doc:"Only if the identifier does not exist"`
}

// batchResult is the outcome of a row; status is that of the same request alone.
type batchResult struct {
	ID       string  `json:"id,omitempty"`
	Status   int     `json:"status" doc:"HTTP status of the same request alone"`
	Version  uint64  `json:"version,omitempty"`
	Code     string  `json:"code,omitempty"`
	Location string  `json:"location,omitempty" doc:"What is wrong: a JSON Pointer into the row's record, or a member"`
	Detail   string  `json:"detail,omitempty"`
	Current  *uint64 `json:"current,omitempty"`
	Expected *uint64 `json:"expected,omitempty"`

	Errors []ProblemError `json:"errors,omitempty" doc:"All that is wrong with the row, where that is more than one thing"`
}

type batchResults struct {
	Results []batchResult `json:"results" doc:"One for each operation, in their order"`
}

type batchInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"The request's name: repeated within 24 hours it gets the first answer"`
	RawBody        []byte `contentType:"application/json"`
}

func (s *server) batches() {
	add(s, operation{
		id: "batchIdentifiers", method: http.MethodPost, path: "/v1/identifiers:batch", tag: "identifiers", summary: "Write many identifiers at once",
		description: fmt.Sprintf("At most %d operations on different identifiers. Each has its result; what is not refused is stored together.", s.limits.BatchRows),
		body:        schemaOf[batchDoc](s), answers: map[int]*huma.Schema{200: schemaOf[batchResults](s)}, errors: []int{409, 413, 415, 422, 507},
	}, s.batch)
}

func (s *server) batch(ctx context.Context, in *batchInput) (*reply, error) {
	var body batchBody
	if err := decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	ops := make([]registry.Operation, len(body.Operations))
	for i, raw := range body.Operations {
		if ops[i].Err = s.readOperation(raw, &ops[i]); ops[i].Err != nil && len(ops) > s.limits.BatchRows {
			break // the registrar refuses so many rows whatever they hold
		}
	}
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST /v1/identifiers:batch"}
	results, err := s.reg.Batch(ctx, ops, w)
	if err != nil {
		return nil, err
	}
	out := batchResults{Results: make([]batchResult, len(results))}
	for i, res := range results {
		row := &out.Results[i]
		row.ID, row.Version, row.Status = res.ID, res.Version, http.StatusOK
		if res.Created {
			row.Status = http.StatusCreated
		}
		if e := res.Err; e != nil {
			p := newProblem(e, languageOf(ctx))
			row.Status, row.Code, row.Location, row.Detail, row.Current, row.Expected = p.Status, p.Code, e.Field, p.Detail, p.Current, p.Expected
			if len(p.Errors) > 1 {
				row.Errors = p.Errors
			}
		}
	}
	return jsonReply(http.StatusOK, out)
}

// readOperation reads a row.
func (s *server) readOperation(raw []byte, op *registry.Operation) error {
	var row batchOp
	if err := decode(raw, &row); err != nil {
		return err
	}
	op.Kind, op.Reason, op.Successor, op.IfMatch, op.IfNoneMatch = row.Op, row.Reason, row.Successor, row.IfMatch, row.IfNoneMatch
	merges := row.Op == registry.OpMerge
	switch {
	case !merges && (row.Values != nil || row.Template != nil || row.Fields != nil):
		return invalid("/values", "values and template are of merge; create and replace have a record")
	case row.Op != registry.OpRevoke && row.Successor != "":
		return invalid("/successor", "a successor is of revoke")
	}
	var err error
	switch row.Op {
	case registry.OpCreate, registry.OpReplace:
		if row.Record == nil {
			return invalid("/record", "a record is required")
		}
		op.Record, op.Fields, err = parseRecord(row.Record, row.ID)
		return err
	case registry.OpMerge, registry.OpRevoke, registry.OpRestore:
		if row.Record != nil {
			return invalid("/record", "a record is of create and replace")
		}
		if op.ID, err = s.parseID(row.ID); err != nil || !merges {
			return err
		}
		body := patchBody{Template: row.Template, Fields: row.Fields, Values: row.Values}
		op.Patch, err = body.patch()
		return err
	}
	return invalid("/op", "create, replace, merge, revoke or restore is expected")
}
