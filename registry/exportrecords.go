package registry

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/recordcsv"
	"github.com/idnode/idnode/storage"
)

const (
	// maxRecordExports bounds the exports of records that are under way at a time, each of which pins a state of
	// the store, and maxOwnExports those of one enterprise.
	maxRecordExports = 8
	maxOwnExports    = 2

	// recordPiece is how many octets of records are read before they are written: what is read from waits for no client.
	recordPiece = 256 << 10
)

// RecordsRequest asks for records as they are at one moment.
type RecordsRequest struct {
	Form       archive.RecordForm // NDJSON or CSV
	Enterprise string             // only those in its namespaces; "": all that the actor lists
	Scheme     identifier.Scheme  // 0: that of Prefix, or all
	Prefix     string             // as List.Prefix
	Times      bool               // of NDJSON: with when records were created and updated, which an import sets anew
}

// RecordsExport is one state of the store whose records are being exported. It has to be closed.
type RecordsExport struct {
	Time time.Time   // of the state
	Seq  storage.Seq // all that was changed up to this place in the change log is in the state

	r          *Registrar
	q          RecordsRequest
	actor      Actor
	snap       storage.Snapshot
	namespaces *storage.Namespaces // of the snapshot; nil: all records are exported
	spans      []storage.Range
	prefix     string // what canonical names begin with
	place      string // whose place it takes, see exportPlaces
}

// RecordsSummary is what an export of records held.
type RecordsSummary struct {
	Records int64
	Values  int64
	Revoked int64 // tombstones, which were left out
	Octets  int64 // that were written
	// SHA256 is over what was written.
	SHA256 [sha256.Size]byte
	// Content is the SHA-256 of the same export in NDJSON without times, whatever its form: it is the same at a node
	// into which the export was imported.
	Content [sha256.Size]byte
}

// BeginRecords pins the present state for an export of records, and notes in the audit log who took it. Who exports what is
// as in List; an enterprise may be named by who lists all, and by itself. Tombstones are left out. Refusals: CodeForbidden,
// CodeInvalidRequest, CodeNotFound, CodeTooManyRequests.
func (r *Registrar) BeginRecords(ctx context.Context, q RecordsRequest, a Actor) (*RecordsExport, error) {
	if !a.Has(RoleOperator, RoleAuditor, RoleAdmin, RoleWriter, RoleReader) {
		return nil, refuse(CodeForbidden, "", "role %s does not list identifiers", a.Role)
	}
	if e := a.RequireScope(ScopeIdentifiersRead); e != nil {
		return nil, e
	}
	switch {
	case q.Form != archive.NDJSON && q.Form != archive.CSV:
		return nil, refuse(CodeInvalidRequest, "format", "records are exported as %s or %s", archive.NDJSON, archive.CSV)
	case q.Times && q.Form != archive.NDJSON:
		return nil, refuse(CodeInvalidRequest, "times", "only %s has the times of records", archive.NDJSON)
	}
	if e := r.checkRecordsOf(ctx, q.Enterprise, a); e != nil {
		return nil, e
	}
	x := &RecordsExport{r: r, q: q, actor: a, Time: r.now()}
	var refusal *Error
	if q.Scheme, x.prefix, refusal = r.listPrefix(List{Scheme: q.Scheme, Prefix: q.Prefix}); refusal != nil {
		return nil, refusal
	}
	if !a.readsAll() {
		x.place = a.Enterprise
	}
	if e := r.recordExports.take(x.place); e != nil {
		return nil, e
	}
	if err := x.begin(ctx, q.Scheme); err != nil {
		x.Close()
		return nil, AsError(fmt.Errorf("export records: %w", err))
	}
	return x, nil
}

func (r *Registrar) checkRecordsOf(ctx context.Context, enterprise string, a Actor) error {
	switch {
	case enterprise == "", enterprise == a.Enterprise:
		return nil
	case !a.readsAll():
		return refuse(CodeForbidden, "enterprise", "role %s does not export enterprise %s", a.Role, enterprise)
	case enterprise == Self:
		return nil
	}
	_, err := r.readEnterprise(ctx, enterprise)
	if errors.Is(err, storage.ErrNotFound) {
		return refuse(CodeNotFound, "enterprise", "no enterprise %s", enterprise)
	}
	if err != nil {
		return AsError(err)
	}
	return nil
}

// begin notes the export, takes the snapshot, and finds in it where the records are. As of an archive, the place in the
// change log is asked for first.
func (x *RecordsExport) begin(ctx context.Context, scheme identifier.Scheme) error {
	var b storage.Batch
	entry := AuditEntry{Op: "identifier.export", ID: cmp.Or(x.q.Prefix, x.Enterprise())}
	if err := x.r.audit(&b, x.Time, x.actor, entry); err != nil {
		return err
	}
	if _, err := x.r.store.Apply(ctx, &b); err != nil {
		return err
	}
	var err error
	if x.Seq, err = x.r.store.Last(ctx); err != nil {
		return err
	}
	if x.snap, err = x.r.store.Snapshot(ctx); err != nil {
		return err
	}
	all := storage.TableRange(storage.TableRecord)
	if scheme != 0 {
		all = storage.PrefixRange(storage.RecordKey(identifier.Key{Scheme: scheme, Name: x.prefix}))
	}
	if x.Enterprise() == "" {
		x.spans = []storage.Range{all}
		return nil
	}
	if x.namespaces, err = storage.LoadNamespaces(ctx, x.snap); err != nil {
		return err
	}
	x.spans, err = spansOf(ctx, x.snap, scheme, all, x.has)
	return err
}

// Enterprise is whose records are exported; "": those of all.
func (x *RecordsExport) Enterprise() string {
	if x.actor.readsAll() {
		return x.q.Enterprise
	}
	return x.actor.Enterprise
}

// Node is the prefixes of the node, such as "handle:88.1021".
func (x *RecordsExport) Node() []string {
	node := make([]string, len(x.r.prefixes))
	for i, k := range x.r.prefixes {
		node[i] = qualified(k)
	}
	return node
}

// has reports whether the records of ns are exported.
func (x *RecordsExport) has(ns *identifier.Namespace) bool {
	if x.actor.readsAll() {
		return ns.Enterprise == x.q.Enterprise
	}
	return x.actor.owns(ns)
}

// holds reports whether the record at k, which lies in the spans, is exported. Namespaces of schemes other than Handle
// are parts of one another, and so are their spans.
func (x *RecordsExport) holds(k identifier.Key) bool {
	if !atBoundary(k, x.prefix) {
		return false
	}
	if x.namespaces == nil || k.Scheme == identifier.Handle {
		return true
	}
	id, err := k.Scheme.Parse(k.Name)
	if err != nil {
		return false
	}
	ns := x.namespaces.Find(id)
	return ns != nil && x.has(ns)
}

// Close releases the state.
func (x *RecordsExport) Close() error {
	x.r.recordExports.leave(x.place)
	if x.snap == nil {
		return nil
	}
	return x.snap.Close()
}

// Write writes the records in the order of schemes and canonical names. It takes the memory of about two records. After
// an error w has a part of them.
func (x *RecordsExport) Write(ctx context.Context, w io.Writer) (RecordsSummary, error) {
	out := &recordWriter{x: x, w: w, whole: sha256.New()}
	out.content = out.whole
	if x.q.Times || x.q.Form == archive.CSV {
		out.content = sha256.New()
	}
	if x.q.Form == archive.CSV {
		out.buf = recordcsv.AppendHeader(out.buf)
	}
	for _, span := range x.spans {
		for more := true; more; {
			var err error
			if more, err = out.read(ctx, &span); err == nil {
				err = out.flush()
			}
			if err != nil {
				return RecordsSummary{}, fmt.Errorf("export records: %w", err)
			}
		}
	}
	if err := out.flush(); err != nil {
		return RecordsSummary{}, fmt.Errorf("export records: %w", err)
	}
	out.whole.Sum(out.sum.SHA256[:0])
	out.content.Sum(out.sum.Content[:0])
	return out.sum, nil
}

// recordWriter is records that are being written.
type recordWriter struct {
	x       *RecordsExport
	w       io.Writer
	whole   hash.Hash
	content hash.Hash // the same as whole, where that is what is written
	rec     identifier.Record
	buf     []byte // read, and not yet written
	line    []byte // what counts for content
	sum     RecordsSummary
}

// read reads the next records of span, which it moves on. more: there may be others.
func (o *recordWriter) read(ctx context.Context, span *storage.Range) (more bool, err error) {
	err = o.x.snap.Scan(ctx, *span, func(key []byte, item storage.Item) error {
		k, ok := storage.ParseRecordKey(key)
		if !ok {
			return fmt.Errorf("key %x of a record is damaged", key)
		}
		if !o.x.holds(k) {
			return nil
		}
		if err := o.add(item); err != nil {
			return fmt.Errorf("record %s: %w", k.Name, err)
		}
		if len(o.buf) < recordPiece {
			return nil
		}
		more = true
		span.Start = append(bytes.Clone(key), 0)
		return storage.Stop
	})
	return more, err
}

func (o *recordWriter) add(item storage.Item) error {
	if err := identifier.DecodeRecordInto(item.Value, &o.rec); err != nil {
		return err
	}
	if o.rec.State == identifier.Revoked {
		o.sum.Revoked++
		return nil
	}
	o.sum.Records++
	o.sum.Values += int64(len(o.rec.Values))
	bare := identifier.Record{Scheme: o.rec.Scheme, ID: o.rec.ID, Template: o.rec.Template, Values: o.rec.Values}
	switch {
	case o.x.q.Form == archive.CSV:
		o.buf = recordcsv.Append(o.buf, &bare)
	case o.x.q.Times:
		timed := bare
		timed.Created, timed.Updated = o.rec.Created, o.rec.Updated
		o.buf = append(identifier.AppendRecordJSON(o.buf, &timed), '\n')
	default:
		o.buf = append(identifier.AppendRecordJSON(o.buf, &bare), '\n')
		return nil
	}
	o.line = append(identifier.AppendRecordJSON(o.line[:0], &bare), '\n')
	o.content.Write(o.line)
	return nil
}

func (o *recordWriter) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	o.whole.Write(o.buf)
	o.sum.Octets += int64(len(o.buf))
	_, err := o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// exportPlaces bounds the exports of records at a time.
type exportPlaces struct {
	mu    sync.Mutex
	taken int
	own   map[string]int // by enterprise; of those who list all under ""
}

// take takes a place for an enterprise, "" for who lists all.
func (p *exportPlaces) take(enterprise string) *Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := maxRecordExports
	if enterprise != "" && p.own[enterprise] >= maxOwnExports {
		most = maxOwnExports
	} else if p.taken < maxRecordExports {
		if p.own == nil {
			p.own = make(map[string]int)
		}
		p.own[enterprise]++
		p.taken++
		return nil
	}
	e := refuse(CodeTooManyRequests, "", "%d exports are under way, as many as may be at a time", most)
	e.RetryAfter = exportRetry
	return e
}

// leave gives the place back.
func (p *exportPlaces) leave(enterprise string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.own[enterprise]--; p.own[enterprise] == 0 {
		delete(p.own, enterprise)
	}
}
