package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry"
)

// jobsPath is where bulk registrations are submitted and watched.
const jobsPath = "/v1/jobs"

// jobView is a job as it is told.
type jobView struct {
	*registry.Job
	Summary  registry.Summary  `json:"summary" doc:"Of the rows that are done"`
	Error    *jobError         `json:"error,omitempty" doc:"Why it failed"`
	Progress *jobProgress      `json:"progress,omitempty" doc:"Until it has ended"`
	Rows     []registry.JobRow `json:"rows,omitempty" doc:"What each row came to, where the answer was waited for and they are at most 1000"`
}

type jobError struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// jobProgress is how far a job has come.
type jobProgress struct {
	Done          float64    `json:"done" doc:"Of the input, from 0 to 1"`
	RowsPerSecond float64    `json:"rowsPerSecond" doc:"Since it was begun or taken up again"`
	Remaining     *int64     `json:"remainingSeconds,omitempty" doc:"At this rate"`
	OldestPending jobPending `json:"oldestPending" doc:"The oldest row that is not done"`
}

type jobPending struct {
	Since time.Time `json:"since" doc:"When it was submitted"`
}

type jobListInput struct {
	Enterprise string `query:"enterprise" doc:"Jobs of an enterprise"`
	State      string `query:"state" enum:"queued,running,done,cancelled,failed" doc:"Jobs in a state"`
	PageInput
}

type jobRowsInput struct {
	ID     string `path:"id"`
	Status string `query:"status" doc:"Rows with one of these: stored, skipped, failed, held; separated by commas"`
	PageInput
}

func (s *server) bulkJobs() {
	one := schemaOf[jobView](s)
	s.submitJobs(one)
	add(s, operation{
		id: "listJobs", method: http.MethodGet, path: jobsPath, tag: "jobs", summary: "List jobs, the newest first",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[jobView]](s)},
	}, s.listJobs)
	add(s, operation{
		id: "readJob", method: http.MethodGet, path: jobsPath + "/{id}", tag: "jobs", summary: "Read how far a job is",
		answers: map[int]*huma.Schema{200: one}, errors: []int{404},
	}, s.readJob)
	add(s, operation{
		id: "listJobRows", method: http.MethodGet, path: jobsPath + "/{id}/rows", tag: "jobs", summary: "What the rows of a job came to, by line",
		description: "Rows that are not done yet are not there. Held rows are good, but others of an atomic job failed.",
		answers:     map[int]*huma.Schema{200: schemaOf[pageOf[registry.JobRow]](s)}, errors: []int{404},
	}, s.listJobRows)
	add(s, operation{
		id: "deleteJob", method: http.MethodDelete, path: jobsPath + "/{id}", tag: "jobs", summary: "Forget a job that has ended, its input and its rows' results",
		description: "What it registered stays.", answers: map[int]*huma.Schema{204: nil}, errors: []int{404, 409, 422, 507},
	}, s.deleteJob)
	addStep(s, operation{
		id: "cancelJob", method: http.MethodPost, path: jobsPath + "/{id}:cancel", tag: "jobs", summary: "Stop a job",
		description: "What it registered stays.", answers: map[int]*huma.Schema{200: one}, errors: []int{404, 409, 422, 507},
	})
	addStep(s, operation{
		id: "retryJob", method: http.MethodPost, path: jobsPath + "/{id}:retry", tag: "jobs", summary: "Submit the rows of a job again that failed, were held back or never came to their turn",
		description: "They are a new job, at Location, with the options of the old one.", answers: map[int]*huma.Schema{202: one}, errors: []int{404, 409, 422, 429, 507},
	})
	add(s, operation{
		id: "stepJob", method: http.MethodPost, path: jobsPath + "/{idaction}", tag: "jobs", hidden: true, optional: true,
		body: &huma.Schema{Type: huma.TypeObject}, answers: map[int]*huma.Schema{200: one},
	}, s.stepJob)
	s.jobEvents()
	s.jobErrors()
}

// view is j for who reads the language of ctx.
func (s *server) jobView(ctx context.Context, j *registry.Job) *jobView {
	v := &jobView{Job: j, Summary: j.Summary}
	if j.Error != nil {
		v.Error = &jobError{j.Error.Code, j.Error.In(languageOf(ctx))}
	}
	if j.State.Ended() {
		return v
	}
	v.Progress = &jobProgress{OldestPending: jobPending{j.Created}}
	if p, ok := s.jobs.Progress(j.ID); ok {
		v.Summary, v.Progress.Done, v.Progress.RowsPerSecond = p.Summary, p.Done, p.RowsPerSecond
		if p.Remaining > 0 {
			seconds := int64((p.Remaining + time.Second - 1) / time.Second)
			v.Progress.Remaining = &seconds
		}
	}
	return v
}

func (s *server) listJobs(ctx context.Context, in *jobListInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	switch state := registry.JobState(in.State); state {
	case "", registry.JobQueued, registry.JobRunning, registry.JobDone, registry.JobCancelled, registry.JobFailed:
	default:
		return nil, invalid("state", "a state is queued, running, done, cancelled or failed")
	}
	items, next, err := s.reg.ListJobs(ctx, actorOf(ctx), in.Enterprise, registry.JobState(in.State), p)
	if err != nil {
		return nil, err
	}
	out := pageOf[*jobView]{Items: make([]*jobView, len(items)), Next: next}
	for i, j := range items {
		out.Items[i] = s.jobView(ctx, j)
	}
	return jsonReply(http.StatusOK, out)
}

func (s *server) readJob(ctx context.Context, in *idInput) (*reply, error) {
	j, err := s.reg.Job(ctx, in.ID, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, s.jobView(ctx, j))
}

func (s *server) listJobRows(ctx context.Context, in *jobRowsInput) (*reply, error) {
	limit, err := parseNumber("limit", in.Limit)
	if err != nil {
		return nil, err
	}
	after, err := parseNumber("cursor", in.Cursor)
	if err != nil {
		return nil, err
	}
	var statuses []string
	for status := range strings.SplitSeq(in.Status, ",") {
		switch status {
		case "":
		case "stored", "skipped", "failed", "held":
			statuses = append(statuses, status)
		default:
			return nil, invalid("status", "a status is stored, skipped, failed or held")
		}
	}
	rows, next, err := s.reg.JobRows(ctx, in.ID, actorOf(ctx), statuses, int(min(after, 1<<31-1)), int(min(limit, 1<<31-1)))
	if err != nil {
		return nil, err
	}
	out := pageOf[registry.JobRow]{Items: rows}
	if out.Items == nil {
		out.Items = []registry.JobRow{}
	}
	if next > 0 {
		out.Next = strconv.Itoa(next)
	}
	return jsonReply(http.StatusOK, out)
}

func (s *server) deleteJob(ctx context.Context, in *appDeleteInput) (*reply, error) {
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "DELETE " + jobsPath + "/{id}"}
	if err := s.jobs.Delete(ctx, in.ID, w); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusNoContent}, nil
}

func (s *server) stepJob(ctx context.Context, in *stepInput) (*reply, error) {
	id, action := splitStep(in.IDAction)
	w := registry.Write{Actor: actorOf(ctx), IdempotencyKey: in.IdempotencyKey, Operation: "POST " + jobsPath + "/{id}:" + action}
	switch action {
	case "cancel":
		j, err := s.jobs.Cancel(ctx, id, w)
		if err != nil {
			return nil, err
		}
		return jsonReply(http.StatusOK, s.jobView(ctx, j))
	case "retry":
		j, err := s.jobs.Retry(ctx, id, w)
		if err != nil {
			return nil, err
		}
		out, err := jsonReply(http.StatusAccepted, s.jobView(ctx, j))
		if err == nil {
			out.Location = jobLocation(j)
		}
		return out, err
	}
	return nil, registry.Refuse(registry.CodeNotFound, "", "a step is %s/%s:<step>", jobsPath, id)
}

func jobLocation(j *registry.Job) string { return jobsPath + "/" + url.PathEscape(j.ID) }

// jobErrors serves the rejected rows of a job as they were sent.
func (s *server) jobErrors() {
	op := s.describe(operation{
		id: "downloadJobErrors", method: http.MethodGet, path: jobsPath + "/{id}/{errors}", tag: "jobs", summary: "The rejected rows of a job as they were sent, with what is wrong beside them",
		description: "Named errors.csv, errors.xlsx or errors.ndjson. Tables get the columns error_line, error_code and error_detail, NDJSON a first member \"error\"; a job passes them over, so that the file is mended and sent again. " +
			"Of NDJSON a table has the column record with the line. The last element of the path of an answer that is cut off is not told: CSV and NDJSON then end early, and so does the connection.",
		errors: []int{404, 409, 413},
	})
	text := &huma.Schema{Type: huma.TypeString}
	op.Parameters = []*huma.Param{{Name: "id", In: "path", Required: true, Schema: text},
		{Name: "errors", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"errors.csv", "errors.xlsx", "errors.ndjson"}}}}
	op.Responses["200"] = &huma.Response{Description: "The rows", Content: map[string]*huma.MediaType{"text/csv": {}, xlsx: {}, "application/x-ndjson": {}}}
	s.huma.OpenAPI().AddOperation(&op)
	s.mux.HandleFunc("GET "+jobsPath+"/{id}/{errors}", s.downloadJobErrors)
}

// errorForms are the forms of the rejected rows, by name.
var errorForms = map[string]struct {
	form  registry.JobFormat
	media string
}{
	"errors.csv":    {registry.JobCSV, "text/csv; charset=utf-8"},
	"errors.xlsx":   {registry.JobXLSX, xlsx},
	"errors.ndjson": {registry.JobNDJSON, "application/x-ndjson"},
}

func (s *server) downloadJobErrors(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("errors")
	form, ok := errorForms[name]
	if !ok {
		writeProblem(w, s.problem(r.Context(), registry.Refuse(registry.CodeNotFound, "", "of a job there are rows, events, errors.csv, errors.xlsx and errors.ndjson")))
		return
	}
	rc := http.NewResponseController(w)
	defer rc.SetWriteDeadline(time.Time{}) // or it would end later answers on the connection
	out := &download{w: w, patient: &patientWriter{w, rc}, media: form.media, name: r.PathValue("id") + "-" + name}
	err := s.jobs.WriteErrors(r.Context(), out, r.PathValue("id"), form.form, actorOf(r.Context()))
	switch {
	case err == nil:
		out.begin()
	case !out.begun:
		writeProblem(w, s.problem(r.Context(), err))
	default:
		s.log.Warn("rejected rows of a job cut off", "job", r.PathValue("id"), "err", err)
		panic(http.ErrAbortHandler) // so that the client sees it
	}
}

// download is an answer whose head goes out with its first octet.
type download struct {
	w           http.ResponseWriter
	patient     *patientWriter
	media, name string
	begun       bool
}

func (d *download) begin() {
	if d.begun {
		return
	}
	d.begun = true
	h := d.w.Header()
	h.Set("Content-Type", d.media)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	d.w.WriteHeader(http.StatusOK)
}

func (d *download) Write(p []byte) (int, error) {
	d.begin()
	return d.patient.Write(p)
}
