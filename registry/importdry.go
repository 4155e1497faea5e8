package registry

import (
	"context"
	"encoding/binary"
	"fmt"
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

// Add adds what another part of the rows is.
func (c *Comparison) Add(o Comparison) {
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

// twins are the lines before a chunk that a dry run would store the chunk's identifiers by.
type twins struct {
	keys  [][]byte // of IndexJobRow; none if earlier rows are not remembered
	lines []int    // 0: none
}

// rowsBefore reads which rows of c that passed their checks have a twin in an earlier chunk.
func (r *Registrar) rowsBefore(ctx context.Context, c *chunk, o ImportOptions) (t twins, err error) {
	if o.DryRun == nil || o.Job == "" {
		return t, nil
	}
	for i := range c.rows {
		if row := &c.rows[i]; row.refusal == nil {
			t.keys = append(t.keys, storage.IndexKey(storage.IndexJobRow, []string{o.Job}, storage.RecordKey(row.request.key)))
		}
	}
	items, err := r.store.MultiGet(ctx, t.keys)
	if err != nil {
		return t, err
	}
	t.lines = make([]int, len(items))
	for i, item := range items {
		if item.Value == nil {
			continue
		}
		line, n := binary.Uvarint(item.Value)
		if n != len(item.Value) {
			return t, fmt.Errorf("key %x: line %x", t.keys[i], item.Value)
		}
		t.lines[i] = int(line)
	}
	return t, nil
}

// of is the line of the twin of the nth row that passed its checks, 0 if there is none.
func (t *twins) of(n int) int {
	if n < len(t.lines) {
		return t.lines[n]
	}
	return 0
}

// remember adds to b what later chunks are held against.
func (t *twins) remember(b *storage.Batch, c *chunk) {
	next := 0
	for i := range c.rows {
		row := &c.rows[i]
		if row.refusal != nil || next == len(t.keys) {
			continue
		}
		if row.status == RowStored && t.lines[next] == 0 {
			b.Put(t.keys[next], binary.AppendUvarint(nil, uint64(row.line)), 0)
		}
		next++
	}
}

// forgetRows drops what a dry run remembered.
func (r *Registrar) forgetRows(ctx context.Context, job string) error {
	span := storage.PrefixRange(storage.IndexKey(storage.IndexJobRow, []string{job}, nil))
	if err := r.store.DeleteRange(ctx, span.Start, span.End); err != nil {
		return AsError(fmt.Errorf("drop rows of job %s: %w", job, err))
	}
	return nil
}
