package registry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

const (
	chunkRows   = 1000    // rows of a chunk: one storage batch, one sync, one audit entry
	chunkOctets = 4 << 20 // a chunk ends earlier when its data reach this size
	chunksAhead = 3       // chunks that are stored while the next is read

	atomicOctets = 64 << 20 // data of an atomic import: one storage batch
)

// ImportMode says what an import does with identifiers that exist.
type ImportMode string

const (
	ImportCreate       ImportMode = "create"        // the row fails
	ImportUpsert       ImportMode = "upsert"        // the record is replaced; with the same content it is skipped
	ImportSkipExisting ImportMode = "skip-existing" // the row is skipped, also over a tombstone
)

// ImportOptions are the terms of an import.
type ImportOptions struct {
	Actor    Actor
	Mode     ImportMode  // default ImportCreate
	Language Language    // of the failures' details; default English
	Allocate bool        // unknown namespaces under the node are allocated to Self; operators only
	DryRun   *Comparison // not nil: the rows are held to all checks and counted there, and no record is stored
	Job      string      // of a dry run: the job that remembers its rows, so that each is held against those before it, too
	Atomic   int         // 0, or: store all rows as one, at most so many, and only if none of them fails
	Keeper   ChunkKeeper
	// Turn, if it is there, makes the import work on one chunk at a time, and is called before each with its first row: it waits
	// until the import may go on. What it returns is called when the chunk is stored. Its error ends the import.
	Turn func(ctx context.Context) (done func(), err error)
	From int64 // where the source begins, for the Keeper
}

// ChunkKeeper keeps account of the chunks of an import in the very batches that store them, so that an import
// that was broken off goes on with what is missing. Its methods are called from several goroutines.
type ChunkKeeper interface {
	// Kept tells what the chunk that begins with that line came to, if it is stored already.
	Kept(line int) (Kept, bool)
	// Keep adds to b, which stores the chunk, what is to be kept of it. It is called anew when the batch is made
	// anew. Of a chunk that stores no record there is a batch too.
	Keep(b *storage.Batch, c *ChunkResult) error
	// Advance tells that all rows up to the place end of the source have their results, sum those behind the place before.
	Advance(sum Summary, end int64)
}

// Kept is what a chunk came to that was stored by an earlier run.
type Kept struct {
	Summary Summary
	Found   Comparison // of a dry run
}

// ChunkResult is what a chunk comes to.
type ChunkResult struct {
	Rows     []RowOutcome // in their order
	Failures []RowResult  // of those that failed
	Found    Comparison   // of a dry run
	Begin    int64        // Row.End of the row before
	End      int64        // Row.End of the last
	Summary  Summary
}

// RowOutcome is what a row comes to.
type RowOutcome struct {
	Line   int
	Status RowStatus
	ID     string // as the row spelled it
}

// RowStatus tells rows apart.
type RowStatus byte

const (
	RowStored  RowStatus = 's'
	RowSkipped RowStatus = 'k' // it is there already
	RowFailed  RowStatus = 'f'
	RowHeld    RowStatus = 'h' // good, but not stored, because others of an atomic import failed
)

// Row is one record of an import.
type Row struct {
	Line   int // for reports; from 1
	Record *identifier.Record
	Fields []byte // as Write.Fields
	Err    error  // a row that could not be read: it is its result
	End    int64  // where the source goes on after the row, for a ChunkKeeper; 0: not known
}

// RowResult says why a row was not stored.
type RowResult struct {
	Line   int    `json:"line"`
	ID     string `json:"id,omitempty"`
	Status string `json:"status"` // "failed"
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	// Errors is all that is wrong, where that is more than one thing.
	Errors []RowError `json:"errors,omitempty"`
}

// RowError is what is wrong at one place of a row.
type RowError struct {
	Message  string `json:"message"`
	Location string `json:"location"` // a JSON Pointer into the row
}

// Summary counts the rows of an import.
type Summary struct {
	Total   int `json:"total"`
	Stored  int `json:"stored"`
	Skipped int `json:"skipped"`
	Failed  int `json:"failed"`
}

// Add adds the rows of another part.
func (s *Summary) Add(o Summary) {
	s.Total, s.Stored, s.Skipped, s.Failed = s.Total+o.Total, s.Stored+o.Stored, s.Skipped+o.Skipped, s.Failed+o.Failed
}

// Import registers the rows that src gives until io.EOF, and calls report for each row that failed,
// in their order and from the calling goroutine. Rows are stored in chunks, each durable before it
// counts; some chunks are under way at once, but never two with the same identifier, so that rows for
// one identifier take effect in their order. The values' timestamps are kept where they are given.
//
// An error of src, of report or of the store ends the import: the summary then counts the chunks that
// were stored. Refusals: CodeInvalidRequest, CodeForbidden.
func (r *Registrar) Import(ctx context.Context, src func() (Row, error), o ImportOptions, report func(RowResult) error) (Summary, error) {
	switch o.Mode {
	case "":
		o.Mode = ImportCreate
	case ImportCreate, ImportUpsert, ImportSkipExisting:
	default:
		return Summary{}, refuse(CodeInvalidRequest, "mode", "a mode is create, upsert or skip-existing")
	}
	if o.Allocate && !o.Actor.IsOperator() {
		return Summary{}, refuse(CodeForbidden, "allocate", "role %s does not allocate prefixes", o.Actor.Role)
	}
	if o.Allocate && !o.Actor.Allows(ScopePrefixesWrite) {
		return Summary{}, refuse(CodeForbidden, "allocate", "the credential is limited to %s: scope %s is missing", joinScopes(o.Actor.Scopes), ScopePrefixesWrite)
	}
	im := &importer{r: r, o: o, report: report, end: o.From}
	err := im.run(ctx, src)
	for len(im.ahead) > 0 {
		// After an error: what is under way ends, and counts if it is stored. The first error stands.
		_ = im.collect(true)
	}
	return im.sum, err
}

// importer is one import. All its fields belong to the goroutine that called Import; a chunk belongs
// to the goroutine that stores it until done is closed.
type importer struct {
	r      *Registrar
	o      ImportOptions
	report func(RowResult) error
	sum    Summary
	ahead  []*chunk // being stored, oldest first
	size   int      // octets of data in the chunk being filled
	end    int64    // of the row read last
	done   func()   // ends the turn; nil: the import does not have it
}

// chunk is rows that are stored together: no two of one identifier.
type chunk struct {
	rows []importRow
	ids  map[string]struct{} // qualified identifiers
	done chan struct{}

	begin, end int64 // in the source

	sum      Summary
	found    Comparison // of a dry run
	failures []RowResult
	err      error // nothing was stored, or it is not known
}

type importRow struct {
	line    int
	text    string // the identifier as given
	request request
	refusal *Error
	status  RowStatus

	unallocated bool // of a dry run: the namespace would be allocated first
}

func newChunk() *chunk {
	return &chunk{rows: make([]importRow, 0, chunkRows), ids: make(map[string]struct{}, chunkRows), done: make(chan struct{})}
}

func (im *importer) run(ctx context.Context, src func() (Row, error)) error {
	c := newChunk()
	defer im.yield()
	for {
		if err := im.takeTurn(ctx); err != nil {
			return err
		}
		in, err := src()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		row, name := im.row(ctx, in)
		_, twice := c.ids[name]
		switch {
		case im.o.Atomic > 0:
			if len(c.rows) == im.o.Atomic || im.size > atomicOctets {
				return refuse(CodeTooLarge, "", "an atomic import has at most %d rows and %d octets of data", im.o.Atomic, atomicOctets)
			}
			if twice {
				row.refusal = refuse(CodeDuplicate, "/id", "another row of the import is for %s", name)
			}
		case twice || len(c.rows) == chunkRows || im.size > chunkOctets:
			if err := im.start(ctx, c); err != nil {
				return err
			}
			c = newChunk()
		}
		if len(c.rows) == 0 {
			c.begin = im.end
		}
		im.end, c.end = in.End, in.End
		c.rows = append(c.rows, row)
		if name != "" {
			c.ids[name] = struct{}{}
		}
		if row.refusal == nil {
			for i := range in.Record.Values {
				im.size += len(in.Record.Values[i].Data)
			}
		}
		if err := im.collect(false); err != nil {
			return err
		}
	}
	if err := im.start(ctx, c); err != nil {
		return err
	}
	for len(im.ahead) > 0 {
		if err := im.collect(true); err != nil {
			return err
		}
	}
	return nil
}

// row makes the request of a row. Its name is that under which chunks keep it apart from others; it
// folds more than a case-sensitive namespace does, which costs such rows a chunk of their own.
func (im *importer) row(ctx context.Context, in Row) (row importRow, name string) {
	row.line = in.Line
	if in.Err != nil {
		row.refusal = rowError(in.Err)
		return row, ""
	}
	row.text = in.Record.ID
	id, refusal := im.r.parseID(in.Record.Scheme, in.Record.ID, "/id")
	if refusal == nil && im.o.Allocate && im.r.namespaces.Find(id) == nil {
		refusal = im.r.validateID(id, "/id")
		switch {
		case refusal != nil:
		case im.o.DryRun != nil:
			_, refusal = im.r.allocatable(id)
			row.unallocated = true
		default:
			refusal = im.r.allocateFor(ctx, id, im.o.Actor)
		}
	}
	if refusal != nil {
		row.refusal = refusal
		return row, ""
	}
	kind := OpCreate
	if im.o.Mode == ImportUpsert {
		kind = OpReplace
	}
	row.request = request{kind: kind, id: id, in: in.Record, fields: in.Fields, keep: true}
	return row, id.Qualified()
}

// start stores c in the background, once there is room and no chunk ahead has one of its identifiers.
func (im *importer) start(ctx context.Context, c *chunk) error {
	im.size = 0
	if len(c.rows) == 0 {
		return nil
	}
	if im.o.Keeper != nil {
		if kept, ok := im.o.Keeper.Kept(c.rows[0].line); ok {
			c.sum, c.found = kept.Summary, kept.Found
			close(c.done)
			im.ahead = append(im.ahead, c)
			return nil
		}
	}
	for len(im.ahead) >= chunksAhead || im.meets(c) {
		if err := im.collect(true); err != nil {
			return err
		}
	}
	im.ahead = append(im.ahead, c)
	if im.o.Turn != nil {
		im.r.storeChunk(ctx, c, im.o)
		close(c.done)
		im.yield()
		return nil
	}
	go func() {
		defer close(c.done)
		im.r.storeChunk(ctx, c, im.o)
	}()
	return nil
}

// takeTurn waits for the import's turn, unless it has it.
func (im *importer) takeTurn(ctx context.Context) (err error) {
	if im.o.Turn != nil && im.done == nil {
		im.done, err = im.o.Turn(ctx)
	}
	return err
}

// yield lets others have their turn.
func (im *importer) yield() {
	if im.done != nil {
		im.done()
		im.done = nil
	}
}

func (im *importer) meets(c *chunk) bool {
	for _, other := range im.ahead {
		for id := range c.ids {
			if _, ok := other.ids[id]; ok {
				return true
			}
		}
	}
	return false
}

// collect counts and reports the oldest chunk if it is stored; wait waits until it is.
func (im *importer) collect(wait bool) error {
	if len(im.ahead) == 0 {
		return nil
	}
	c := im.ahead[0]
	if !wait {
		select {
		case <-c.done:
		default:
			return nil
		}
	}
	<-c.done
	im.ahead = im.ahead[1:]
	if c.err != nil {
		return c.err
	}
	im.sum.Add(c.sum)
	if im.o.DryRun != nil {
		im.o.DryRun.Add(c.found)
	}
	if im.o.Keeper != nil {
		im.o.Keeper.Advance(c.sum, c.end)
	}
	for _, f := range c.failures {
		if err := im.report(f); err != nil {
			return fmt.Errorf("report line %d: %w", f.Line, err)
		}
	}
	return nil
}

// storeChunk stores the rows of c that are not refused as one batch.
func (r *Registrar) storeChunk(ctx context.Context, c *chunk, o ImportOptions) {
	r.gate.RLock()
	defer r.gate.RUnlock()
	auth := r.authority(o.Actor)
	for i := range c.rows {
		switch row := &c.rows[i]; {
		case row.refusal != nil:
		case row.unallocated:
			row.refusal = r.checkUnallocated(&row.request)
		default:
			row.refusal = r.check(ctx, &row.request, auth)
		}
	}
	for range attempts {
		err := r.tryChunk(ctx, c, o)
		if !errors.Is(err, storage.ErrConflict) {
			if err != nil {
				c.err = AsError(fmt.Errorf("import lines %d to %d: %w", c.rows[0].line, c.rows[len(c.rows)-1].line, err))
			}
			return
		}
		if err := r.backOff(ctx); err != nil {
			c.err = AsError(err)
			return
		}
	}
	c.err = refuse(CodeConflict, "", "others changed identifiers of lines %d to %d at the same time", c.rows[0].line, c.rows[len(c.rows)-1].line)
}

// tryChunk evaluates c against the newest state and applies it. storage.ErrConflict: try again.
func (r *Registrar) tryChunk(ctx context.Context, c *chunk, o ImportOptions) error {
	c.sum, c.failures, c.found = Summary{Total: len(c.rows)}, nil, Comparison{}
	now := r.now()
	keys := make([][]byte, 0, len(c.rows))
	var names, records []byte // the batch's keys and values stand one after the other
	for i := range c.rows {
		if row := &c.rows[i]; row.refusal == nil {
			start := len(names)
			names = storage.AppendRecordKey(names, row.request.key)
			keys = append(keys, names[start:len(names):len(names)])
		}
	}
	items, err := r.store.MultiGet(ctx, keys)
	if err != nil {
		return err
	}
	twins, err := r.rowsBefore(ctx, c, o)
	if err != nil {
		return err
	}
	var b storage.Batch
	var long longNames
	entry := AuditEntry{Op: "import"}
	d := demand{r: r}
	next := 0
	for i := range c.rows {
		row := &c.rows[i]
		if row.refusal != nil {
			c.fail(row, row.refusal, o.Language)
			continue
		}
		key, item := keys[next], items[next]
		before := twins.of(next)
		next++
		if o.DryRun != nil {
			r.compare(ctx, &c.found, row, item, now)
		}
		if item.Value != nil && o.Mode == ImportSkipExisting {
			c.sum.Skipped++
			row.status = RowSkipped
			continue
		}
		if before > 0 && o.Mode == ImportSkipExisting {
			c.sum.Skipped++
			row.status = RowSkipped
			continue
		}
		out, refusal := r.outcomeOf(ctx, &row.request, item, now)
		if refusal == nil && before > 0 && o.Mode == ImportCreate {
			refusal = refuse(CodeDuplicate, "/id", "line %d of the import is for the same identifier", before)
		}
		if refusal == nil && out.op != 0 {
			refusal = d.note(ctx, row.request.ns, out.op, now)
		}
		switch {
		case refusal != nil:
			c.fail(row, refusal, o.Language)
		case out.op == 0:
			c.sum.Skipped++
			row.status = RowSkipped
		default:
			start := len(records)
			records = identifier.AppendRecord(records, out.record)
			r.addRecord(&b, &long, &row.request, key, item, out, records[start:len(records):len(records)])
			c.sum.Stored++
			row.status = RowStored
			if entry.ID == "" {
				entry.ID = row.request.id.Qualified()
			}
			entry.Last = row.text
		}
	}
	if o.Atomic > 0 && c.sum.Failed > 0 && c.sum.Stored > 0 {
		for i := range c.rows {
			if c.rows[i].status == RowStored {
				c.rows[i].status = RowHeld
			}
		}
		c.sum.Stored = 0
		b.Reset()
	}
	if o.DryRun != nil {
		b.Reset()
		twins.remember(&b, c)
	}
	stores := len(b.Writes()) > 0 && o.DryRun == nil
	if stores {
		entry.Rows = c.sum.Stored
		if err := r.audit(&b, now, o.Actor, entry); err != nil {
			return err
		}
	}
	if o.Keeper != nil {
		if err := o.Keeper.Keep(&b, c.result()); err != nil {
			return err
		}
	}
	if len(b.Writes()) == 0 {
		return nil
	}
	if stores {
		if err := d.take(&b, now); err != nil {
			return err
		}
	}
	_, err = r.store.Apply(ctx, &b)
	if stores {
		d.settle(err)
	}
	return err
}

// result is c for its keeper.
func (c *chunk) result() *ChunkResult {
	out := &ChunkResult{Rows: make([]RowOutcome, len(c.rows)), Failures: c.failures, Begin: c.begin, End: c.end, Summary: c.sum, Found: c.found}
	for i := range c.rows {
		out.Rows[i] = RowOutcome{c.rows[i].line, c.rows[i].status, c.rows[i].text}
	}
	return out
}

func (c *chunk) fail(row *importRow, e *Error, l Language) {
	detail := e.In(l)
	if e.Field != "" && e.Field != "/id" {
		detail = e.Field + ": " + detail
	}
	f := RowResult{Line: row.line, ID: row.text, Status: "failed", Code: e.Code, Detail: detail}
	for i := 0; i < len(e.Violations) && len(e.Violations) > 1; i++ {
		f.Errors = append(f.Errors, RowError{e.Violations[i].In(l), e.Violations[i].Field})
	}
	c.failures = append(c.failures, f)
	c.sum.Failed++
	row.status = RowFailed
}
