package registry

import (
	"context"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Comparison counts what the rows of a dry run that are not refused out of hand are beside what is stored, whatever the
// mode says of it. Rows of one identifier are each held against what is stored, not against one another.
type Comparison struct {
	New       int `json:"new"`
	Same      int `json:"same"`      // the import would change nothing
	Different int `json:"different"` // also a tombstone, and what its template refuses
}

func (c *Comparison) add(o Comparison) {
	c.New += o.New
	c.Same += o.Same
	c.Different += o.Different
}

// compare counts row, which has passed the checks that need no record, beside the stored item.
func (r *Registrar) compare(ctx context.Context, found *Comparison, row *importRow, item storage.Item, now time.Time) {
	if item.Value == nil {
		found.New++
		return
	}
	q := row.request
	q.kind = OpReplace
	// What is refused here is different too: a tombstone, or what does not follow its template. The mode has the say.
	if out, e := r.outcomeOf(ctx, &q, item, now); e == nil && out.op == 0 {
		found.Same++
		return
	}
	found.Different++
}

// checkUnallocated holds q, for whose namespace a dry run allocates none, to what can be said without it: there can be
// neither a record nor a template.
func (r *Registrar) checkUnallocated(q *request) *Error {
	q.key = q.id.Key(r.exact)
	if q.in.State == identifier.Revoked {
		return refuse(CodeInvalidRequest, "/state", "a tombstone is made by revoking")
	}
	if e := r.checkText(CodeInvalidValue, "/template", q.in.Template); e != nil {
		return e
	}
	return r.checkValues(q.in.Values)
}
