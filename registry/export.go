package registry

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

const (
	// maxExports bounds the exports that are under way at a time: each pins a state of the store, and
	// takes two parts of an archive of memory.
	maxExports = 2

	// exportRetry is when an export that found no room should be tried again.
	exportRetry = 30 * time.Second
)

// ExportRequest asks for an archive of everything that an enterprise owns, of one namespace, or, with
// neither, of all enterprises.
type ExportRequest struct {
	Enterprise string
	Prefix     identifier.Key
	// After, of a namespace, leaves out records that were not changed after this place in the change log.
	After storage.Seq
}

// Export is one state of the store that is being exported. It has to be closed.
type Export struct {
	r          *Registrar
	q          ExportRequest
	actor      Actor
	snap       storage.Snapshot
	seq        storage.Seq
	time       time.Time
	namespaces *storage.Namespaces // of the snapshot
}

// exportScopes are the scopes that an export of an enterprise needs: it shows what each of them lets see.
var exportScopes = []Scope{ScopeEnterpriseRead, ScopeIdentifiersRead, ScopePrefixesRead, ScopeTemplatesRead, ScopeAccountsWrite, ScopeKeysWrite, ScopeAuditRead}

// BeginExport pins the present state for an export, and notes in the audit log who took it. An
// enterprise's archive is for its admin, operators and auditors, whatever state it is in; a namespace's
// for the same, of its enterprise; that of all enterprises for operators. The archive holds what was
// changed up to a place in the change log, and may hold a few changes after it. Refusals: CodeForbidden,
// CodeNotFound, CodeNotYourNamespace, CodeTooManyRequests, CodeInvalidCursor (After is no longer in the log).
func (r *Registrar) BeginExport(ctx context.Context, q ExportRequest, a Actor) (*Export, error) {
	if e := r.checkExport(ctx, q, a); e != nil {
		return nil, e
	}
	if r.exporting.Add(1) > maxExports {
		r.exporting.Add(-1)
		e := refuse(CodeTooManyRequests, "", "%d exports are under way, as many as may be at a time", maxExports)
		e.RetryAfter = exportRetry
		return nil, e
	}
	x := &Export{r: r, q: q, actor: a, time: r.now()}
	if err := x.begin(ctx); err != nil {
		x.Close()
		return nil, AsError(fmt.Errorf("export: %w", err))
	}
	return x, nil
}

func (r *Registrar) checkExport(ctx context.Context, q ExportRequest, a Actor) error {
	scopes := exportScopes
	switch {
	case q.Prefix.Scheme != 0:
		ns, err := r.readNamespace(ctx, q.Prefix)
		if err != nil {
			return err
		}
		if !a.readsAll() && !a.owns(ns) {
			return refuse(CodeNotYourNamespace, "prefix", "namespace %s is not yours", ns.Prefix)
		}
		if !a.readsAll() && !a.Has(RoleAdmin) {
			return refuse(CodeForbidden, "", "role %s does not export prefixes", a.Role)
		}
		scopes = []Scope{ScopeIdentifiersRead, ScopePrefixesRead, ScopeTemplatesRead}
	case q.Enterprise != "":
		if !a.readsAll() && !(a.Has(RoleAdmin) && a.Enterprise == q.Enterprise && len(a.Prefixes) == 0) {
			return refuse(CodeForbidden, "id", "role %s does not export enterprise %s", a.Role, q.Enterprise)
		}
		_, err := r.readEnterprise(ctx, q.Enterprise)
		if errors.Is(err, storage.ErrNotFound) {
			return refuse(CodeNotFound, "id", "no enterprise %s", q.Enterprise)
		}
		if err != nil {
			return AsError(err)
		}
	case !a.IsOperator():
		return refuse(CodeForbidden, "", "role %s does not export the node", a.Role)
	}
	for _, s := range scopes {
		if !a.Allows(s) {
			return refuse(CodeForbidden, "", "an export shows what scope %s is for, which your credential lacks", s)
		}
	}
	return nil
}

// begin notes the export and takes the snapshot. The place in the change log is asked for first: what
// is changed between the two is in the archive, and comes again after the place.
func (x *Export) begin(ctx context.Context) error {
	var b storage.Batch
	entry := AuditEntry{Op: "export", ID: x.q.Enterprise}
	if x.q.Prefix.Scheme != 0 {
		entry.ID = qualified(x.q.Prefix)
	}
	if err := x.r.audit(&b, x.time, x.actor, entry); err != nil {
		return err
	}
	if _, err := x.r.store.Apply(ctx, &b); err != nil {
		return err
	}
	var err error
	if x.seq, err = x.r.store.Last(ctx); err != nil {
		return err
	}
	if x.q.After != 0 {
		if _, err := x.r.store.Read(ctx, x.q.After, 1); errors.Is(err, storage.ErrTrimmed) {
			return refuse(CodeInvalidCursor, "after", "the change log no longer reaches back to %d: export everything", uint64(x.q.After))
		} else if err != nil {
			return err
		}
	}
	if x.snap, err = x.r.store.Snapshot(ctx); err != nil {
		return err
	}
	x.namespaces, err = storage.LoadNamespaces(ctx, x.snap)
	return err
}

// Close releases the state.
func (x *Export) Close() error {
	x.r.exporting.Add(-1)
	if x.snap == nil {
		return nil
	}
	return x.snap.Close()
}

// Scope is what the archive is of.
func (x *Export) Scope() archive.Scope {
	switch {
	case x.q.Prefix.Scheme != 0:
		return archive.ScopePrefix
	case x.q.Enterprise != "":
		return archive.ScopeEnterprise
	}
	return archive.ScopeNode
}

// Write writes the archive, and takes no more memory than two of its parts. After an error w has a
// part of it, without a manifest.
func (x *Export) Write(ctx context.Context, w io.Writer) error {
	return x.write(ctx, archive.NewWriter(w, x.time))
}

func (x *Export) write(ctx context.Context, w *archive.Writer) error {
	steps := []func(context.Context, *archive.Writer) error{x.writeNamespaces, x.writeTemplates, x.writeRecords}
	if x.Scope() != archive.ScopePrefix {
		steps = []func(context.Context, *archive.Writer) error{x.writeEnterprises, x.writeFiles, x.writeNamespaces, x.writeTemplates, x.writeRecords,
			x.writeAccounts, x.writeKeys, x.writeApps, x.writeApplications, x.writeAudit}
	}
	for _, step := range steps {
		if err := step(ctx, w); err != nil {
			return fmt.Errorf("export: %w", err)
		}
	}
	m := archive.Manifest{Scope: x.Scope(), Enterprise: x.q.Enterprise, Time: x.time, Seq: uint64(x.seq), After: uint64(x.q.After)}
	if x.q.Prefix.Scheme != 0 {
		m.Prefix = qualified(x.q.Prefix)
		if ns := x.namespaces.Get(x.q.Prefix); ns != nil {
			m.Enterprise = ns.Enterprise
		}
	}
	for _, k := range x.r.prefixes {
		m.Node = append(m.Node, qualified(k))
	}
	return w.Close(m)
}

// of reports whether what belongs to the enterprise is exported.
func (x *Export) of(enterprise string) bool {
	return x.q.Enterprise == "" || x.q.Enterprise == enterprise
}

// seesNumbers reports whether numbers of identity documents are exported as they are.
func (x *Export) seesNumbers() bool {
	return x.actor.IsOperator() || x.actor.Has(RoleAdmin) && x.actor.Enterprise == x.q.Enterprise
}

// withVersion is v in JSON with the version that the store has of it.
func withVersion(v any, version uint64) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(text[:len(text)-1], `,"version":%d}`, version), nil
}

func (x *Export) writeEnterprises(ctx context.Context, w *archive.Writer) error {
	line := func(item storage.Item) (json.RawMessage, error) {
		e, err := decodeEnterprise(item)
		if err != nil {
			return nil, err
		}
		if !x.seesNumbers() {
			e = e.shownTo(x.actor)
			e.Province, e.City, e.County, e.Missing = "", "", "", nil
		}
		return withVersion(e, item.Version)
	}
	if x.q.Enterprise != "" {
		item, err := x.snap.Get(ctx, storage.EnterpriseKey(x.q.Enterprise))
		if err != nil {
			return err
		}
		text, err := line(item)
		if err != nil {
			return err
		}
		return w.Member("enterprise.json", append(text, '\n'))
	}
	return x.list(ctx, w, archive.Enterprises, storage.TableRange(storage.TableEnterprise), func(_ []byte, item storage.Item) (any, error) { return line(item) })
}

// list writes a list of what pick makes of a range; what it makes nil of is left out.
func (x *Export) list(ctx context.Context, w *archive.Writer, kind string, span storage.Range, pick func(key []byte, item storage.Item) (any, error)) error {
	l := w.List(kind)
	if err := x.scanInto(ctx, l, span, pick); err != nil {
		return err
	}
	return l.Close()
}

func (x *Export) scanInto(ctx context.Context, l *archive.List, span storage.Range, pick func(key []byte, item storage.Item) (any, error)) error {
	return x.snap.Scan(ctx, span, func(key []byte, item storage.Item) error {
		v, err := pick(key, item)
		if err != nil {
			return fmt.Errorf("key %x: %w", key, err)
		}
		if v == nil {
			return nil
		}
		return l.AddJSON(v)
	})
}

func (x *Export) writeFiles(ctx context.Context, w *archive.Writer) error {
	var parts []string
	if x.q.Enterprise != "" {
		parts = []string{x.q.Enterprise}
	}
	return x.snap.Scan(ctx, storage.PrefixRange(storage.IndexKey(storage.IndexFile, parts, nil)), func(key []byte, item storage.Item) error {
		if _, _, id, ok := storage.ParseIndexKey(key, 1); !ok || len(id) == 0 {
			return nil // what the enterprise's files take
		}
		f := new(File)
		if err := json.Unmarshal(item.Value, f); err != nil {
			return fmt.Errorf("decode file: %w", err)
		}
		if err := w.Member(archive.Files+"/"+f.ID+".json", append(append([]byte(nil), item.Value...), '\n')); err != nil {
			return err
		}
		return w.Stream(archive.Files+"/"+f.ID, int64(f.Size), func(to io.Writer) error { return writeFile(ctx, x.snap, f, to) })
	})
}

func (x *Export) writeNamespaces(ctx context.Context, w *archive.Writer) error {
	return x.list(ctx, w, archive.Namespaces, storage.TableRange(storage.TableNamespace), func(key []byte, item storage.Item) (any, error) {
		ns, err := storage.DecodeNamespace(item)
		if err != nil || !x.has(ns) {
			return nil, err
		}
		return withVersion(ns, item.Version)
	})
}

// has reports whether ns is exported.
func (x *Export) has(ns *identifier.Namespace) bool {
	if x.q.Prefix.Scheme != 0 {
		return ns.Key() == x.q.Prefix
	}
	return x.of(ns.Enterprise)
}

// archivedTemplate is a line of templates: a template, or a past revision of one, which is content alone.
type archivedTemplate struct {
	Template
	Past    bool   `json:"past,omitempty"`
	Version uint64 `json:"version,omitempty"`
}

func (x *Export) writeTemplates(ctx context.Context, w *archive.Writer) error {
	return x.list(ctx, w, archive.Templates, storage.TableRange(storage.TableTemplate), func(key []byte, item storage.Item) (any, error) {
		k, name, revision, ok := storage.ParseTemplateKey(key)
		if !ok {
			return nil, errors.New("key of a template is damaged")
		}
		if ns := x.namespaces.Get(k); ns == nil || !x.has(ns) {
			return nil, nil
		}
		if revision == 0 {
			t, err := decodeTemplate(item)
			if err != nil {
				return nil, err
			}
			return archivedTemplate{Template: *t, Version: item.Version}, nil
		}
		past := archivedTemplate{Template: Template{Scheme: k.Scheme, Prefix: k.Name, Name: name, Revision: revision}, Past: true}
		return past, json.Unmarshal(item.Value, &past.Content)
	})
}

// records are the lists of records and of their past versions, which are written side by side.
type records struct {
	now, past *archive.List
}

func (x *Export) writeRecords(ctx context.Context, w *archive.Writer) error {
	l := records{w.List(archive.Records), w.List(archive.History)}
	var err error
	switch x.Scope() {
	case archive.ScopeNode:
		err = x.scanRecords(ctx, &l, storage.TableRange(storage.TableRecord), nil)
	case archive.ScopePrefix:
		ns := x.namespaces.Get(x.q.Prefix)
		if ns != nil && x.q.After != 0 {
			err = x.changedRecords(ctx, &l, ns)
		} else if ns != nil {
			err = x.recordsOf(ctx, &l, ns)
		}
	default:
		err = x.snap.Scan(ctx, storage.TableRange(storage.TableNamespace), func(_ []byte, item storage.Item) error {
			ns, err := storage.DecodeNamespace(item)
			if err != nil || !x.has(ns) {
				return err
			}
			if err := x.recordsOf(ctx, &l, ns); err != nil {
				return err
			}
			return x.prefixRecord(ctx, &l, ns)
		})
	}
	if err != nil {
		return err
	}
	if err := l.now.Close(); err != nil {
		return err
	}
	return l.past.Close()
}

// recordsOf writes the records that lie in ns itself, and in no namespace further down.
func (x *Export) recordsOf(ctx context.Context, l *records, ns *identifier.Namespace) error {
	for _, span := range recordRanges(ns.Key()) {
		if err := x.scanRecords(ctx, l, span, ns); err != nil {
			return err
		}
	}
	return nil
}

func (x *Export) scanRecords(ctx context.Context, l *records, span storage.Range, in *identifier.Namespace) error {
	return x.snap.Scan(ctx, span, func(key []byte, item storage.Item) error {
		k, ok := storage.ParseRecordKey(key)
		if !ok {
			return fmt.Errorf("key %x of a record is damaged", key)
		}
		if in != nil && !liesIn(x.namespaces, k, in) {
			return nil
		}
		return x.addRecord(ctx, l, k, item)
	})
}

// liesIn reports whether the record at k lies in ns itself. Handles cannot lie in a namespace further
// down; of other schemes namespaces are parts of one another.
func liesIn(all *storage.Namespaces, k identifier.Key, ns *identifier.Namespace) bool {
	if ns.Scheme == identifier.Handle {
		return true
	}
	id, err := k.Scheme.Parse(k.Name)
	if err != nil {
		return false
	}
	at := all.Find(id)
	return at != nil && at.Prefix == ns.Prefix
}

// prefixRecord writes the record of a Handle prefix, if one is stored.
func (x *Export) prefixRecord(ctx context.Context, l *records, ns *identifier.Namespace) error {
	k, ok := prefixRecordKey(ns)
	if !ok {
		return nil
	}
	item, err := x.snap.Get(ctx, storage.RecordKey(k))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return x.addRecord(ctx, l, k, item)
}

// prefixRecordKey is where the record of a Handle prefix is kept.
func prefixRecordKey(ns *identifier.Namespace) (identifier.Key, bool) {
	if ns.Scheme != identifier.Handle {
		return identifier.Key{}, false
	}
	id, err := identifier.Handle.Parse(prefixRecords + ns.Prefix)
	return id.Key(false), err == nil
}

// addRecord writes a record and its past versions.
func (x *Export) addRecord(ctx context.Context, l *records, k identifier.Key, item storage.Item) error {
	rec, err := decodeItem(item)
	if err != nil {
		return fmt.Errorf("record %s: %w", k.Name, err)
	}
	if err := l.now.Add(func(dst []byte) []byte { return identifier.AppendRecordJSON(dst, rec) }); err != nil {
		return err
	}
	if item.Version <= 1 {
		return nil
	}
	return x.snap.Scan(ctx, storage.PrefixRange(storage.HistoryPrefix(k)), func(key []byte, item storage.Item) error {
		past, err := identifier.DecodeRecord(item.Value)
		if err != nil {
			return fmt.Errorf("past version of %s: %w", k.Name, err)
		}
		past.Version = binary.BigEndian.Uint64(key[len(key)-8:])
		return l.past.Add(func(dst []byte) []byte { return identifier.AppendRecordJSON(dst, past) })
	})
}

// changedRecords writes the records of ns that were changed after a place in the change log. Each is
// written where the log tells of the version that the snapshot has, and so once.
func (x *Export) changedRecords(ctx context.Context, l *records, ns *identifier.Namespace) error {
	spans := recordRanges(ns.Key())
	for after := x.q.After; ; {
		entries, err := x.r.store.Read(ctx, after, 1000)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			after = e.Seq
			for _, c := range e.Changes {
				k, ok := storage.ParseRecordKey(c.Key)
				if !ok || !inRanges(spans, c.Key) || !liesIn(x.namespaces, k, ns) {
					continue
				}
				item, err := x.snap.Get(ctx, c.Key)
				switch {
				case errors.Is(err, storage.ErrNotFound), err == nil && item.Version != c.Version:
					continue
				case err != nil:
					return err
				}
				if err := x.addRecord(ctx, l, k, item); err != nil {
					return err
				}
			}
		}
	}
}

func (x *Export) writeApps(ctx context.Context, w *archive.Writer) error {
	return x.list(ctx, w, archive.Apps, storage.TableRange(storage.TableApp), func(_ []byte, item storage.Item) (any, error) {
		app, err := decodeApp(item)
		if err != nil || !x.of(app.Enterprise) {
			return nil, err
		}
		return withVersion(app, item.Version)
	})
}

func (x *Export) writeApplications(ctx context.Context, w *archive.Writer) error {
	return x.list(ctx, w, archive.Applications, storage.TableRange(storage.TableApplication), func(_ []byte, item storage.Item) (any, error) {
		a, err := decodeApplication(item)
		if err != nil || !x.of(a.Enterprise) {
			return nil, err
		}
		return withVersion(a, item.Version)
	})
}

// writeAccounts writes accounts without what is of this node alone: passwords, locks, times of use, and
// whether they are disabled, which they all are where they are loaded.
func (x *Export) writeAccounts(ctx context.Context, w *archive.Writer) error {
	return x.list(ctx, w, archive.Accounts, storage.TableRange(storage.TableAccount), func(_ []byte, item storage.Item) (any, error) {
		a, err := decodeAccount(item)
		if err != nil || !x.of(a.Enterprise) {
			return nil, err
		}
		return a.portable(), nil
	})
}

// portable is a without what is of this node alone.
func (a *Account) portable() *Account {
	p := *a
	p.Disabled, p.PasswordSet, p.LockedUntil, p.LastUsed = false, time.Time{}, time.Time{}, time.Time{}
	return &p
}

// writeKeys writes API keys without their secrets: a list of what there was, which is not loaded.
func (x *Export) writeKeys(ctx context.Context, w *archive.Writer) error {
	return x.list(ctx, w, archive.Keys, storage.TableRange(storage.TableCredential), func(_ []byte, item storage.Item) (any, error) {
		var k struct {
			storedKey
			SecretHash    struct{} `json:"secretHash,omitzero"` // hide the key's own
			PreviousHash  struct{} `json:"previousHash,omitzero"`
			PreviousUntil struct{} `json:"previousUntil,omitzero"`
		}
		if err := json.Unmarshal(item.Value, &k.storedKey); err != nil {
			return nil, fmt.Errorf("decode key: %w", err)
		}
		if !x.of(k.Enterprise) {
			return nil, nil
		}
		return &k, nil
	})
}

// writeAudit writes what the enterprise did and what was done to it; from where and with which key the
// node's people did it only those see who read the whole log.
func (x *Export) writeAudit(ctx context.Context, w *archive.Writer) error {
	q := AuditQuery{Enterprise: x.q.Enterprise}
	return x.list(ctx, w, archive.Audit, storage.TableRange(storage.TableAudit), func(_ []byte, item storage.Item) (any, error) {
		e := new(AuditEntry)
		if err := json.Unmarshal(item.Value, e); err != nil {
			return nil, fmt.Errorf("decode audit entry: %w", err)
		}
		if !q.matches(e) {
			return nil, nil
		}
		if !x.actor.readsAll() && e.Enterprise != x.actor.Enterprise {
			e.Key, e.Addr, e.Identity = "", "", ""
		}
		return e, nil
	})
}
