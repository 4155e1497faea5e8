package registry

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/netip"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// JobState is where a bulk job stands.
type JobState string

const (
	JobQueued    JobState = "queued"    // it waits for its turn
	JobRunning   JobState = "running"   // its rows are being registered
	JobDone      JobState = "done"      // every row has its result; some may have failed
	JobCancelled JobState = "cancelled" // it was told to stop: what was stored stays
	JobFailed    JobState = "failed"    // it cannot go on: its input is broken; what was stored stays
)

// Ended reports whether a job in the state s does nothing any more.
func (s JobState) Ended() bool { return s == JobDone || s == JobCancelled || s == JobFailed }

// JobFormat is what a job's input is written in.
type JobFormat string

const (
	JobNDJSON JobFormat = "ndjson"
	JobCSV    JobFormat = "csv"
	JobXLSX   JobFormat = "xlsx"
)

// JobOptions say what a job does with its rows.
type JobOptions struct {
	Mode     ImportMode `json:"mode"`               // what to do with identifiers that exist
	DryRun   bool       `json:"dryRun,omitempty"`   // store nothing
	Atomic   bool       `json:"atomic,omitempty"`   // all rows or none, as far as Limits.AtomicRows
	Allocate bool       `json:"allocate,omitempty"` // operators: allocate unknown namespaces to Self
	// Scheme, Prefix and Template name the data template by which the columns of CSV and XLSX are read.
	Scheme   identifier.Scheme `json:"scheme,omitempty"`
	Prefix   string            `json:"prefix,omitempty"`
	Template string            `json:"template,omitempty"`
	// Columns are the fields of the columns that are named otherwise, by the name in the file.
	Columns map[string]string `json:"columns,omitempty"`
	// Rule makes the identifiers, under Prefix: rows have none of their own. See package mint.
	Rule string `json:"rule,omitempty"`
}

// Job is a bulk registration.
type Job struct {
	ID         string      `json:"id"`
	Enterprise string      `json:"enterprise"`     // whose job it is
	Name       string      `json:"name,omitempty"` // the client's, such as of the file
	State      JobState    `json:"state"`
	Format     JobFormat   `json:"format"`
	Options    JobOptions  `json:"options"`
	Digest     string      `json:"digest"`           // SHA-256 of the input, in hexadecimal
	Octets     int64       `json:"octets"`           // of the input as it is kept
	Lines      int         `json:"lines,omitempty"`  // of an input that is text
	Parent     string      `json:"parent,omitempty"` // the job whose failed rows these are
	By         string      `json:"by"`               // the credential
	Language   Language    `json:"language"`         // of what is said of its rows
	Created    time.Time   `json:"created"`
	Started    time.Time   `json:"started,omitzero"` // the first time
	Finished   time.Time   `json:"finished,omitzero"`
	Summary    Summary     `json:"summary"`              // of an ended job
	Found      *Comparison `json:"comparison,omitempty"` // of a dry run that has ended
	Error      *JobError   `json:"error,omitempty"`

	Version uint64 `json:"-"` // the store's

	actor Actor
}

// JobError is why a job failed, in both languages.
type JobError struct {
	Code     string `json:"code"`
	Detail   string `json:"detail"`
	DetailZH string `json:"detailZh"`
}

// In is the sentence in a language.
func (e *JobError) In(l Language) string {
	if l == Chinese && e.DetailZH != "" {
		return e.DetailZH
	}
	return e.Detail
}

// storedJob is a job in the store: with the rights that it has.
type storedJob struct {
	*Job
	Actor storedActor `json:"actor"`
}

// storedActor is who submitted a job. What the credential may do was settled then; the rows are held to what the
// namespaces and the enterprise allow when they are stored.
type storedActor struct {
	Enterprise string           `json:"enterprise"`
	KeyID      string           `json:"key,omitempty"`
	Account    string           `json:"account,omitempty"`
	Role       Role             `json:"role"`
	Roles      []Role           `json:"roles,omitempty"`
	Prefixes   []identifier.Key `json:"prefixes,omitempty"`
	Scopes     []Scope          `json:"scopes,omitempty"`
	Addr       netip.Addr       `json:"addr,omitzero"`
}

// ReadDigest reads the digest of j's input into sum.
func (j *Job) ReadDigest(sum *[32]byte) error {
	if n, err := hex.Decode(sum[:], []byte(j.Digest)); err != nil || n != len(sum) {
		return fmt.Errorf("job %s: digest %q", j.ID, j.Digest)
	}
	return nil
}

// Actor is who submitted j, with the rights of then.
func (j *Job) Actor() Actor { return j.actor }

func decodeJob(item storage.Item) (*Job, error) {
	s := storedJob{Job: new(Job)}
	if err := json.Unmarshal(item.Value, &s); err != nil {
		return nil, fmt.Errorf("decode job: %w", err)
	}
	s.Job.Version = item.Version
	a := &s.Actor
	s.Job.actor = Actor{Enterprise: a.Enterprise, KeyID: a.KeyID, Account: a.Account, Role: a.Role, Roles: a.Roles, Prefixes: a.Prefixes, Scopes: a.Scopes, Addr: a.Addr}
	return s.Job, nil
}

// putJob adds j to b in place of its present version, and moves it to the next.
func putJob(b *storage.Batch, j *Job) error {
	a := &j.actor
	value, err := json.Marshal(storedJob{j, storedActor{a.Enterprise, a.KeyID, a.Account, a.Role, a.Roles, a.Prefixes, a.Scopes, a.Addr}})
	if err != nil {
		return fmt.Errorf("encode job: %w", err)
	}
	b.Put(storage.JobKey(j.ID), value, j.Version)
	j.Version++
	return nil
}

// NewJobID returns an id for a job to come.
//
// The newest are first in the order of ids.
func NewJobID() string {
	return fmt.Sprintf("j%011x%s", 1<<44-time.Now().UnixMilli(), rand.Text()[:6])
}

// JobRequest asks for a job whose input has been received.
type JobRequest struct {
	ID         string // of [NewJobID]: the input is kept under it
	Enterprise string // default: the actor's
	Name       string
	Format     JobFormat
	Options    JobOptions
	Digest     [32]byte // SHA-256 of the input
	Octets     int64
	Lines      int
	Parent     *Job // the job whose failed rows are to be tried again
	Language   Language
}

// CheckJob holds the options of a job to what can be said before its input is received. Refusals: CodeInvalidRequest,
// CodeForbidden.
func (r *Registrar) CheckJob(q *JobRequest, a Actor) error {
	if q.Enterprise == "" {
		q.Enterprise = a.Enterprise
	}
	o := &q.Options
	switch o.Mode {
	case "":
		o.Mode = ImportCreate
	case ImportCreate, ImportUpsert, ImportSkipExisting:
	default:
		return refuse(CodeInvalidRequest, "mode", "a mode is create, upsert or skip-existing")
	}
	switch {
	case q.Enterprise != a.Enterprise && !a.IsOperator():
		return refuse(CodeForbidden, "enterprise", "jobs of other enterprises are submitted by operators")
	case !a.Has(RoleOperator, RoleAdmin, RoleWriter):
		return refuse(CodeForbidden, "", "role %s does not register", a.Role)
	case o.Allocate && !a.IsOperator():
		return refuse(CodeForbidden, "allocate", "role %s does not allocate prefixes", a.Role)
	case o.Allocate && !a.Allows(ScopePrefixesWrite):
		return refuse(CodeForbidden, "allocate", "the credential is limited to %s: scope %s is missing", joinScopes(a.Scopes), ScopePrefixesWrite)
	case (o.Template != "" || o.Rule != "") && o.Prefix == "":
		return refuse(CodeInvalidRequest, "prefix", "a template or a rule goes with the prefix that it is of")
	case len(o.Columns) > 0 && o.Template == "":
		return refuse(CodeInvalidRequest, "columns", "columns are named for the fields of a template")
	}
	if e := r.checkText(CodeInvalidRequest, "name", q.Name); e != nil {
		return e
	}
	if o.Prefix != "" && o.Scheme == 0 {
		o.Scheme = identifier.Handle
	}
	return nil
}

// CreateJob queues a job. The same input with the same options as a job of the enterprise that is waiting, under way or done is
// that job: it is returned, and known by its id. Refusals: those of CheckJob, CodeTooManyRequests and CodeTooLarge beyond what
// the enterprise may submit.
func (r *Registrar) CreateJob(ctx context.Context, q JobRequest, w Write) (*Job, error) {
	if err := r.CheckJob(&q, w.Actor); err != nil {
		return nil, err
	}
	options, err := json.Marshal(&q.Options)
	if err != nil {
		return nil, AsError(err)
	}
	parent := ""
	if q.Parent != nil {
		parent = q.Parent.ID
	}
	h := sha256.New()
	for _, part := range []string{q.Enterprise, string(q.Format), string(options), parent, string(q.Digest[:])} {
		hashString(h, part)
	}
	index := storage.IndexKey(storage.IndexJob, nil, h.Sum(nil))
	return once(ctx, r, w, func(h hash.Hash) { h.Write(index) }, func(b *storage.Batch, now time.Time) (*Job, error) {
		known, err := r.store.Get(ctx, index)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return nil, err
		}
		if known.Value != nil {
			j, err := r.readJob(ctx, string(known.Value))
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return nil, err
			}
			if j != nil && j.State != JobCancelled && j.State != JobFailed && parent == "" {
				return j, nil
			}
		}
		if err := r.allowJob(ctx, &q); err != nil {
			return nil, err
		}
		j := &Job{
			ID: q.ID, Enterprise: q.Enterprise, Name: q.Name, State: JobQueued, Format: q.Format, Options: q.Options, Parent: parent,
			Digest: fmt.Sprintf("%x", q.Digest), Octets: q.Octets, Lines: q.Lines, By: w.Actor.by(), Language: cmp.Or(q.Language, English), Created: now, actor: w.Actor,
		}
		j.actor.Token, j.actor.TokenExpires = "", time.Time{}
		b.Put(index, []byte(j.ID), known.Version)
		if err := putJob(b, j); err != nil {
			return nil, err
		}
		return j, r.audit(b, now, w.Actor, AuditEntry{Op: "job.create", ID: j.ID, Reason: w.Reason})
	})
}

func (r *Registrar) readJob(ctx context.Context, id string) (*Job, error) {
	item, err := r.store.Get(ctx, storage.JobKey(id))
	if err != nil {
		return nil, err
	}
	return decodeJob(item)
}

// EachJob calls visit with every job, by id.
func (r *Registrar) EachJob(ctx context.Context, visit func(*Job) error) error {
	return r.store.Scan(ctx, storage.TableRange(storage.TableJob), func(_ []byte, item storage.Item) error {
		j, err := decodeJob(item)
		if err != nil {
			return err
		}
		return visit(j)
	})
}

// seesJob reports whether a may know of j.
func (a Actor) seesJob(j *Job) bool {
	return a.Has(RoleOperator, RoleAuditor) || a.Enterprise == j.Enterprise && (len(a.Prefixes) == 0 || j.By == a.by())
}

// Job returns a job. Refusals: CodeNotFound, also for what a may not know of.
func (r *Registrar) Job(ctx context.Context, id string, a Actor) (*Job, error) {
	j, err := r.readJob(ctx, id)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !a.seesJob(j) {
		return nil, refuse(CodeNotFound, "id", "no job %s", id)
	}
	if err != nil {
		return nil, AsError(err)
	}
	return j, nil
}

// ListJobs returns a page of the jobs that a may know of, the newest first; enterprise and state choose among them.
func (r *Registrar) ListJobs(ctx context.Context, a Actor, enterprise string, state JobState, p Paging) ([]*Job, string, error) {
	return page(ctx, r, storage.TableRange(storage.TableJob), p, func(_ []byte, item storage.Item) (*Job, error) {
		j, err := decodeJob(item)
		if err != nil || !a.seesJob(j) || enterprise != "" && j.Enterprise != enterprise || state != "" && j.State != state {
			return nil, err
		}
		return j, nil
	})
}

// changeJob changes a job that has not ended.
func (r *Registrar) changeJob(ctx context.Context, id string, w Write, op string, change func(j *Job, now time.Time) error) (*Job, error) {
	return once(ctx, r, w, func(h hash.Hash) { hashString(h, op+" "+id) }, func(b *storage.Batch, now time.Time) (*Job, error) {
		j, err := r.Job(ctx, id, w.Actor)
		if err != nil {
			return nil, err
		}
		if err := change(j, now); err != nil {
			return nil, err
		}
		if err := putJob(b, j); err != nil {
			return nil, err
		}
		if op == "" {
			return j, nil
		}
		return j, r.audit(b, now, w.Actor, AuditEntry{Op: op, ID: id, Rows: j.Summary.Stored, Reason: w.Reason})
	})
}

// CancelJob ends a job: rows that are being stored at this moment are, the rest is not. Refusals: CodeNotFound, CodeForbidden,
// CodeInvalidState if it has ended.
func (r *Registrar) CancelJob(ctx context.Context, id string, w Write) (*Job, error) {
	return r.changeJob(ctx, id, w, "job.cancel", func(j *Job, now time.Time) error {
		switch {
		case !w.Actor.Has(RoleOperator, RoleAdmin, RoleWriter):
			return refuse(CodeForbidden, "", "role %s does not cancel jobs", w.Actor.Role)
		case j.State.Ended():
			return refuse(CodeInvalidState, "", "the job is %s", string(j.State))
		}
		j.State, j.Finished = JobCancelled, now
		return nil
	})
}

// StartJob notes that a job is under way, for the package that runs jobs. Refusal: CodeInvalidState if it has ended.
func (r *Registrar) StartJob(ctx context.Context, id string) (*Job, error) {
	return r.changeJob(ctx, id, Write{Actor: NodeActor()}, "", func(j *Job, now time.Time) error {
		if j.State.Ended() {
			return refuse(CodeInvalidState, "", "the job is %s", string(j.State))
		}
		j.State = JobRunning
		if j.Started.IsZero() {
			j.Started = now
		}
		return nil
	})
}

// JobEnd is how a job ended.
type JobEnd struct {
	Summary Summary
	Found   *Comparison // of a dry run
	Cause   error       // why it failed
}

// EndJob notes how a job ended, for the package that runs jobs. A job that was cancelled
// meanwhile stays so, with its counts.
func (r *Registrar) EndJob(ctx context.Context, id string, end JobEnd) (*Job, error) {
	j, err := r.changeJob(ctx, id, Write{Actor: NodeActor()}, "job.end", func(j *Job, now time.Time) error {
		j.Summary, j.Found = end.Summary, end.Found
		if j.State.Ended() {
			return nil
		}
		j.State, j.Finished = JobDone, now
		if end.Cause != nil {
			e := AsError(end.Cause)
			j.State, j.Error = JobFailed, &JobError{e.Code, e.Detail, e.In(Chinese)}
		}
		return nil
	})
	if err == nil && j.Options.DryRun {
		err = r.forgetRows(ctx, id)
	}
	return j, err
}

// DropJob forgets a job that has ended, and what its rows came to.
func (r *Registrar) DropJob(ctx context.Context, id string, w Write) error {
	_, err := once(ctx, r, w, func(h hash.Hash) { hashString(h, "job.delete "+id) }, func(b *storage.Batch, now time.Time) (*Job, error) {
		j, err := r.Job(ctx, id, w.Actor)
		if err != nil {
			return nil, err
		}
		switch {
		case !w.Actor.Has(RoleOperator, RoleAdmin, RoleWriter):
			return nil, refuse(CodeForbidden, "", "role %s does not delete jobs", w.Actor.Role)
		case !j.State.Ended():
			return nil, refuse(CodeInvalidState, "", "the job is %s: cancel it first", string(j.State))
		}
		if err := r.keepRows(ctx, b, j, now); err != nil {
			return nil, err
		}
		b.Delete(storage.JobKey(id), j.Version)
		return j, r.audit(b, now, w.Actor, AuditEntry{Op: "job.delete", ID: id, Reason: w.Reason})
	})
	if err != nil {
		return err
	}
	span := storage.PrefixRange(storage.JobRowsPrefix(id))
	if err := r.store.DeleteRange(ctx, span.Start, span.End); err != nil {
		return AsError(fmt.Errorf("drop rows of job %s: %w", id, err))
	}
	return r.forgetRows(ctx, id)
}

// JobRow is what a row of a job came to.
type JobRow struct {
	Line   int        `json:"line"`
	Status string     `json:"status"` // "stored", "skipped", "failed" or "held"
	ID     string     `json:"id,omitempty"`
	Code   string     `json:"code,omitempty"`
	Detail string     `json:"detail,omitempty"`
	Errors []RowError `json:"errors,omitempty"`
}

// rowStatuses are the names of RowStatus.
var rowStatuses = map[RowStatus]string{RowStored: "stored", RowSkipped: "skipped", RowFailed: "failed", RowHeld: "held"}

// String is the name of a status in answers.
func (s RowStatus) String() string { return rowStatuses[s] }

// JobChunk is what is kept of a chunk of a job's rows.
type JobChunk struct {
	Runs     []JobRun    `json:"runs"` // in the order of lines
	Failures []RowResult `json:"failures,omitempty"`
	IDs      []string    `json:"ids,omitempty"` // of all rows, where the job made them
	Before   int64       `json:"before"`        // where the chunk begins in the input
	End      int64       `json:"end"`
	Summary  Summary     `json:"summary"`
	Found    Comparison  `json:"found,omitzero"` // of a dry run
}

// JobRun is rows on lines that follow one another, with one status.
type JobRun struct {
	Line   int    `json:"l"`
	Rows   int    `json:"n"`
	Status string `json:"s"`
}

// Last is the line of the chunk's last row.
func (c *JobChunk) Last() int {
	r := c.Runs[len(c.Runs)-1]
	return r.Line + r.Rows - 1
}

// KeepJobChunk adds to b what a chunk of the job's rows came to, with the identifiers if the job made them.
func KeepJobChunk(b *storage.Batch, id string, c *ChunkResult, ids bool) error {
	out := JobChunk{Failures: c.Failures, Before: c.Begin, End: c.End, Summary: c.Summary, Found: c.Found}
	for _, row := range c.Rows {
		if ids {
			out.IDs = append(out.IDs, row.ID)
		}
		if n := len(out.Runs); n > 0 {
			if r := &out.Runs[n-1]; r.Line+r.Rows == row.Line && r.Status == rowStatuses[row.Status] {
				r.Rows++
				continue
			}
		}
		out.Runs = append(out.Runs, JobRun{row.Line, 1, rowStatuses[row.Status]})
	}
	value, err := json.Marshal(&out)
	if err != nil {
		return fmt.Errorf("encode rows of job %s: %w", id, err)
	}
	b.Put(storage.JobRowsKey(id, uint64(c.Rows[0].Line)), value, 0)
	return nil
}

// JobChunks calls visit with what is kept of the job's rows, from the chunk that begins at or after the line on.
func (r *Registrar) JobChunks(ctx context.Context, id string, line int, visit func(first int, c *JobChunk) error) error {
	span := storage.PrefixRange(storage.JobRowsPrefix(id))
	span.Start = storage.JobRowsKey(id, uint64(line))
	return r.store.Scan(ctx, span, func(key []byte, item storage.Item) error {
		c := new(JobChunk)
		if err := json.Unmarshal(item.Value, c); err != nil {
			return fmt.Errorf("decode rows of job %s: %w", id, err)
		}
		_, first, _ := storage.ParseJobRowsKey(key)
		return visit(int(first), c)
	})
}

// JobRows returns a page of the rows of a job that have a result, by line: those with one of the statuses, all if there are
// none. after is the line after which the page begins, next that of the next page, 0 at the end.
func (r *Registrar) JobRows(ctx context.Context, id string, a Actor, statuses []string, after, limit int) (rows []JobRow, next int, err error) {
	if _, err := r.Job(ctx, id, a); err != nil {
		return nil, 0, err
	}
	most, refusal := r.pageRows(limit)
	if refusal != nil {
		return nil, 0, refusal
	}
	begin, err := r.jobChunkAt(ctx, id, after+1)
	if err != nil {
		return nil, 0, AsError(err)
	}
	err = r.JobChunks(ctx, id, begin, func(_ int, c *JobChunk) error {
		failures, n := c.Failures, 0
		for _, run := range c.Runs {
			for i := range run.Rows {
				row := JobRow{Line: run.Line + i, Status: run.Status}
				if n < len(c.IDs) {
					row.ID = c.IDs[n]
				}
				n++
				if run.Status == rowStatuses[RowFailed] && len(failures) > 0 {
					f := &failures[0]
					failures = failures[1:]
					row.ID, row.Code, row.Detail, row.Errors = f.ID, f.Code, f.Detail, f.Errors
				}
				if row.Line <= after || len(statuses) > 0 && !slices.Contains(statuses, row.Status) {
					continue
				}
				if len(rows) == most {
					next = rows[most-1].Line
					return storage.Stop
				}
				rows = append(rows, row)
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, AsError(err)
	}
	return rows, next, nil
}

// jobChunkAt is the first line of the chunk in which a line may be.
func (r *Registrar) jobChunkAt(ctx context.Context, id string, line int) (first int, err error) {
	span := storage.Range{Start: storage.JobRowsPrefix(id), End: storage.JobRowsKey(id, uint64(line)+1), Reverse: true, Limit: 1}
	err = r.store.Scan(ctx, span, func(key []byte, _ storage.Item) error {
		_, n, _ := storage.ParseJobRowsKey(key)
		first = int(n)
		return nil
	})
	return first, err
}
