package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// NewEnterprise as LoadOptions.Enterprise asks for a fresh id.
const NewEnterprise = "new"

// LoadOptions are the terms on which an archive is loaded.
type LoadOptions struct {
	Actor  Actor
	DryRun bool // find out what would be loaded, and load nothing
	// Enterprise is the id under which the enterprise of the archive is here, [NewEnterprise] for a fresh
	// one. Default: the one in the archive, and of the archive of a prefix who holds the prefix here, else [Self].
	Enterprise string
	// Update also takes newer versions of records that are here in an older one.
	Update   bool
	Language Language // of details; default English
}

// LoadResult says why a line of an archive was not loaded.
type LoadResult struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	ID     string `json:"id,omitempty"`
	Status string `json:"status"` // "conflict": there is another such thing here; "failed"
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
}

// LoadSummary counts what is in an archive: lines, and files as one each.
type LoadSummary struct {
	Total      int    `json:"total"`
	Stored     int    `json:"stored"`
	Skipped    int    `json:"skipped"` // was here and equal
	Conflicts  int    `json:"conflicts"`
	Failed     int    `json:"failed"`
	Left       int    `json:"left"` // is never loaded: API keys and the audit log
	Enterprise string `json:"enterprise,omitempty"`
}

// Load makes what an archive holds: enterprises, prefixes, templates and records with their versions,
// times and history, tombstones, files, applications, and accounts, which are disabled and have no
// password. What is here and equal is skipped; what is here and different is reported and stays; so a
// load that broke off is repeated. Each chunk is one batch, durable before it counts, with its changes
// and an audit entry. Quotas and templates do not bind it, nor does a freeze. Operators only.
//
// report is called for what was not loaded, progress after each chunk. An error of theirs, of in or of
// the store ends the load: the summary counts what was done. Refusals: CodeForbidden, CodeInvalidRequest
// (also: no archive, damaged or cut off).
func (r *Registrar) Load(ctx context.Context, in io.Reader, o LoadOptions, report func(LoadResult) error, progress func(LoadSummary) error) (LoadSummary, error) {
	if !o.Actor.IsOperator() {
		return LoadSummary{}, refuse(CodeForbidden, "", "role %s does not load archives", o.Actor.Role)
	}
	for _, s := range []Scope{ScopeEnterpriseWrite, ScopePrefixesWrite, ScopeTemplatesWrite, ScopeIdentifiersWrite, ScopeAccountsWrite} {
		if !o.Actor.Allows(s) {
			return LoadSummary{}, refuse(CodeForbidden, "", "an archive brings what scope %s is for, which your credential lacks", s)
		}
	}
	if o.Enterprise == NewEnterprise {
		o.Enterprise = newID("e")
	}
	if len(o.Enterprise) > 64 || !printable(o.Enterprise) {
		return LoadSummary{}, refuse(CodeInvalidRequest, "enterpriseId", "an id of at most %d printable octets is expected", 64)
	}
	l := &loader{r: r, o: o, report: report, progress: progress, own: make(map[identifier.Key]*identifier.Namespace)}
	err := l.run(ctx, in)
	if errors.Is(err, archive.ErrCut) || errors.Is(err, archive.ErrDamaged) {
		err = refuse(CodeInvalidRequest, "", "%s", err)
	}
	return l.sum, err
}

// loader is one load of an archive.
type loader struct {
	r        *Registrar
	o        LoadOptions
	report   func(LoadResult) error
	progress func(LoadSummary) error
	sum      LoadSummary

	whole bool // the archive has enterprises: it is of more than a prefix
	own   map[identifier.Key]*identifier.Namespace
	file  *File // whose octets come next
}

func (l *loader) run(ctx context.Context, in io.Reader) error {
	a := archive.NewReader(in)
	for {
		m, err := a.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		body, err := m.Bytes()
		if err != nil {
			return err
		}
		switch kind := archive.KindOf(m.Name); kind {
		case archive.Files:
			err = l.fileMember(ctx, m.Name, body)
		case archive.Keys, archive.Audit:
			n := bytes.Count(body, []byte{'\n'})
			l.sum.Total += n
			l.sum.Left += n
		default:
			err = l.list(ctx, kind, m.Name, body)
		}
		if err != nil {
			return err
		}
	}
}

// loaded is what became of a line.
type loaded int

const (
	loadedSkipped loaded = iota
	loadedStored
)

// loadLine is a line that has been read. put adds what it says to a batch, in view of what is under
// its key; it is called again if another writer was faster.
type loadLine struct {
	line    int
	id      string
	key     []byte
	put     func(ctx context.Context, b *storage.Batch, now storage.Item) (loaded, error)
	refusal *Error
}

// read reads a line of a list.
func (l *loader) read(ctx context.Context, kind string, text []byte) loadLine {
	var line loadLine
	var err error
	switch kind {
	case archive.Enterprises:
		line, err = l.enterprise(text)
	case archive.Namespaces:
		line, err = l.namespace(ctx, text)
	case archive.Templates:
		line, err = l.template(text)
	case archive.Records:
		line, err = l.record(ctx, text, false)
	case archive.History:
		line, err = l.record(ctx, text, true)
	case archive.Accounts:
		line, err = l.account(text)
	case archive.Apps:
		line, err = l.app(text)
	case archive.Applications:
		line, err = l.application(text)
	}
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			line.refusal = e
		} else {
			line.refusal = refuse(CodeInvalidRequest, "", "the line cannot be read: %s", err)
		}
	}
	return line
}

// list loads the lines of a member in chunks.
func (l *loader) list(ctx context.Context, kind, name string, body []byte) error {
	var chunk []loadLine
	keys := make(map[string]struct{})
	size, number := 0, 0
	flush := func() error {
		err := l.store(ctx, kind, name, chunk)
		chunk, size = chunk[:0], 0
		clear(keys)
		return err
	}
	for text := range bytes.Lines(body) {
		number++
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if kind == archive.Enterprises || kind == archive.Namespaces || kind == archive.Accounts {
			// Each may need what the one before has made, and claims names beside its own row.
			if err := flush(); err != nil {
				return err
			}
		}
		line := l.read(ctx, kind, text)
		line.line = number
		if _, twice := keys[string(line.key)]; twice && line.refusal == nil || len(chunk) == chunkRows || size > chunkOctets {
			if err := flush(); err != nil {
				return err
			}
		}
		if line.refusal == nil {
			keys[string(line.key)] = struct{}{}
		}
		chunk, size = append(chunk, line), size+len(text)
	}
	return flush()
}

// store stores a chunk as one batch, and counts and reports it.
func (l *loader) store(ctx context.Context, kind, name string, chunk []loadLine) error {
	if len(chunk) == 0 {
		return nil
	}
	unlock := l.hold(kind)
	sum, results, err := l.attempt(ctx, name, chunk)
	unlock()
	if err != nil {
		return AsError(fmt.Errorf("load %s, lines %d to %d: %w", name, chunk[0].line, chunk[len(chunk)-1].line, err))
	}
	l.sum.Total += sum.Total
	l.sum.Stored += sum.Stored
	l.sum.Skipped += sum.Skipped
	l.sum.Conflicts += sum.Conflicts
	l.sum.Failed += sum.Failed
	for _, res := range results {
		if err := l.report(res); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return l.progress(l.sum)
}

// hold takes the registrar's gate: records are written side by side with others', what they depend on
// alone.
func (l *loader) hold(kind string) (release func()) {
	if kind == archive.Records || kind == archive.History || kind == archive.Files {
		l.r.gate.RLock()
		return l.r.gate.RUnlock
	}
	l.r.gate.Lock()
	return l.r.gate.Unlock
}

func (l *loader) attempt(ctx context.Context, name string, chunk []loadLine) (LoadSummary, []LoadResult, error) {
	for range attempts {
		sum, results, err := l.try(ctx, name, chunk)
		if !errors.Is(err, storage.ErrConflict) {
			return sum, results, err
		}
		if err := l.r.backOff(ctx); err != nil {
			return sum, nil, err
		}
	}
	return LoadSummary{}, nil, refuse(CodeConflict, "", "others changed it at the same time, %d times; try again", attempts)
}

// try evaluates a chunk on the newest state and applies it.
func (l *loader) try(ctx context.Context, name string, chunk []loadLine) (sum LoadSummary, results []LoadResult, err error) {
	var keys [][]byte
	for i := range chunk {
		if chunk[i].refusal == nil {
			keys = append(keys, chunk[i].key)
		}
	}
	items, err := l.r.store.MultiGet(ctx, keys)
	if err != nil {
		return sum, nil, err
	}
	now := l.r.now()
	var b storage.Batch
	entry := AuditEntry{Op: "archive.load", Reason: name}
	next := 0
	for i := range chunk {
		c := &chunk[i]
		sum.Total++
		refusal := c.refusal
		if refusal == nil {
			got, err := c.put(ctx, &b, items[next])
			next++
			if e, ok := errors.AsType[*Error](err); ok && e.Code != CodeInternal {
				refusal = e
			} else if err != nil {
				return sum, nil, err
			}
			switch {
			case refusal != nil:
			case got == loadedSkipped:
				sum.Skipped++
			default:
				sum.Stored++
				if entry.ID == "" {
					entry.ID = c.id
				}
				entry.Last = c.id
			}
		}
		if refusal != nil {
			results = append(results, l.refused(&sum, name, c, refusal))
		}
	}
	if sum.Stored == 0 || l.o.DryRun {
		return sum, results, nil
	}
	entry.Rows = sum.Stored
	if err := l.r.audit(&b, now, l.o.Actor, entry); err != nil {
		return sum, nil, err
	}
	_, err = l.r.store.Apply(ctx, &b)
	return sum, results, err
}

func (l *loader) refused(sum *LoadSummary, name string, c *loadLine, e *Error) LoadResult {
	res := LoadResult{File: name, Line: c.line, ID: c.id, Status: "failed", Code: e.Code, Detail: e.In(l.o.Language)}
	if e.Code == CodeAlreadyExists {
		res.Status = "conflict"
		sum.Conflicts++
	} else {
		sum.Failed++
	}
	return res
}

// differs is the refusal of what is here and not as in the archive.
func differs(what string, here, there uint64) *Error {
	return refuse(CodeAlreadyExists, "", "%s is here and different: version %d here, %d in the archive", what, here, there)
}

// putThing adds a thing that is kept as JSON to b, at the version that it has in the archive. canonical
// is the stored form again of what is here, as this version of the node would write it.
func putThing(b *storage.Batch, line *loadLine, value []byte, version uint64, item storage.Item, canonical func(storage.Item) ([]byte, error)) (loaded, error) {
	if item.Value == nil {
		b.PutAs(line.key, value, 0, version)
		b.Log(storage.Change{Op: storage.OpCreate, Key: line.key, Version: version})
		return loadedStored, nil
	}
	here, err := canonical(item)
	if err != nil {
		return 0, err
	}
	if item.Version != version || !bytes.Equal(here, value) {
		return 0, differs(line.id, item.Version, version)
	}
	return loadedSkipped, nil
}

// findOwn returns the namespace of id, if it is one of those that the archive is of and that the load may
// write in. It knows those that a dry run would have made.
func (l *loader) findOwn(id identifier.ID) (*identifier.Namespace, *Error) {
	for name := range id.Namespaces() {
		k := identifier.Key{Scheme: id.Scheme(), Name: name}
		if ns := l.own[k]; ns != nil {
			if now := l.r.namespaces.Get(k); now != nil {
				ns = now
			}
			return ns, nil
		}
		if l.r.namespaces.Get(k) != nil {
			break // of somebody else
		}
	}
	return nil, refuse(CodeNotYourNamespace, "/id", "%s is in none of the prefixes that the archive brings", id)
}

// record reads a record, or a past version of one.
func (l *loader) record(ctx context.Context, text []byte, past bool) (loadLine, error) {
	rec, err := identifier.ParseRecordJSON(text)
	if err != nil {
		return loadLine{}, err
	}
	line := loadLine{id: rec.ID}
	id, err := rec.Parse()
	if err != nil {
		return line, refuse(CodeInvalidIdentifier, "/id", "%s", err)
	}
	line.id = id.Qualified()
	ns, refusal := l.findOwn(id)
	if refusal != nil {
		return line, refusal
	}
	if rec.Version == 0 || rec.State == 0 || rec.Created.IsZero() || rec.Updated.IsZero() {
		return line, refuse(CodeInvalidRequest, "", "a record of an archive has a version, a state, and the times created and updated")
	}
	if e := l.r.validateID(id, "/id"); e != nil && !id.IsPrefixRecord() {
		return line, e
	}
	if len(rec.Values) > 0 || rec.State == identifier.Active {
		if e := l.r.checkValues(rec.Values); e != nil {
			return line, e
		}
	}
	rec.Scheme = id.Scheme()
	k := id.Key(ns.CaseSensitive && !id.IsPrefixRecord())
	value := identifier.AppendRecord(nil, rec)
	if past {
		line.key = storage.HistoryKey(k, rec.Version)
		line.put = func(_ context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
			switch {
			case item.Value == nil:
				b.Set(line.key, value)
				return loadedStored, nil
			case !bytes.Equal(item.Value, value):
				return 0, differs(line.id, rec.Version, rec.Version)
			}
			return loadedSkipped, nil
		}
		return line, nil
	}
	line.key = storage.RecordKey(k)
	line.put = func(ctx context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
		return l.putRecord(ctx, b, ns, &request{id: id, key: k}, rec, line.key, value, item)
	}
	return line, nil
}

func (l *loader) putRecord(ctx context.Context, b *storage.Batch, ns *identifier.Namespace, q *request, rec *identifier.Record, key, value []byte, item storage.Item) (loaded, error) {
	before, err := decodeItem(item)
	if err != nil {
		return 0, fmt.Errorf("record %s: %w", q.id, err)
	}
	out := outcome{record: rec, before: before, op: storage.OpCreate}
	switch {
	case before == nil:
	case bytes.Equal(item.Value, value) && item.Version == rec.Version:
		return loadedSkipped, nil
	case !l.o.Update || rec.Version <= item.Version:
		return 0, differs(q.id.Qualified(), item.Version, rec.Version)
	case before.State == identifier.Revoked && rec.State == identifier.Active:
		out.op = storage.OpRestore
	default:
		out.op = storage.OpUpdate
	}
	switch {
	case rec.State != identifier.Revoked:
	case before == nil:
		out.op = storage.OpEntomb
	case before.State == identifier.Active:
		out.op = storage.OpRevoke
	default:
		out.op = storage.OpUpdate
	}
	if l.o.DryRun {
		return loadedStored, nil
	}
	if !q.id.IsPrefixRecord() {
		if rec.Template != "" {
			if out.follows, err = l.r.templateFor(ctx, q.id, ns, rec.Template, nil); err != nil {
				return 0, err
			}
		}
		if before != nil && before.Template != "" {
			if out.followed, err = l.r.templateFor(ctx, q.id, ns, before.Template, nil); err != nil {
				return 0, err
			}
		}
	}
	b.PutAs(key, value, item.Version, rec.Version)
	if before != nil {
		b.Set(storage.HistoryKey(q.key, item.Version), item.Value)
	} else {
		var long longNames
		long.add(b, q)
	}
	b.Log(storage.Change{Op: out.op, Key: key, Version: rec.Version})
	l.r.reindex(b, q.key, out)
	l.r.quotas.forget(ns.Key())
	return loadedStored, nil
}

// since is when what has no such time was made.
func since(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}
