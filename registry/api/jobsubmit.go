package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/job"
)

const (
	// inlineRows is the most rows whose results an answer has that was waited for.
	inlineRows = 1000

	// longestWait bounds Prefer: wait.
	longestWait = time.Minute

	// uploadsPerEnterprise and uploadsAtOnce bound the inputs that are being received.
	uploadsPerEnterprise = 4
	uploadsAtOnce        = 32

	// fieldOctets and jobFields bound the options in a form.
	fieldOctets = 64 << 10
	jobFields   = 64
)

// jobFormats are the forms of inputs by media type; "" is told by what the input begins with.
var jobFormats = map[string]registry.JobFormat{
	"": "", "application/octet-stream": "", "text/plain": "", "application/gzip": "", "application/zstd": "", "application/x-www-form-urlencoded": "",
	"application/x-ndjson": registry.JobNDJSON, "application/ndjson": registry.JobNDJSON, "application/jsonl": registry.JobNDJSON,
	"application/x-jsonlines": registry.JobNDJSON, "application/json": registry.JobNDJSON,
	"text/csv": registry.JobCSV, "application/csv": registry.JobCSV, "text/tab-separated-values": registry.JobCSV, "application/vnd.ms-excel": "",
	xlsx: registry.JobXLSX,
}

// jobParameters are the options of a job, in the query or as fields of a form.
var jobParameters = []struct {
	name, doc string
	enum      []any
}{
	{"mode", "What to do with identifiers that exist; default create, or create-only: the row fails. dry-run and atomic are create with dryRun or atomic", []any{"create", "create-only", "upsert", "skip-existing", "dry-run", "atomic"}},
	{"dryRun", "true: hold the rows to all checks, also against one another, and register none", nil},
	{"atomic", "true: all rows or none, at most as many as the limit atomicRows", nil},
	{"allocate", "true, of operators: allocate unknown namespaces under the node to its own enterprise", nil},
	{"scheme", "Of the identifiers; default: detected, with a prefix handle", []any{"handle", "oid", "ecode", "gs1"}},
	{"prefix", "Of the template or the rule", nil},
	{"template", "The data template by whose fields the columns of a table are named", nil},
	{"columns", "A JSON object: the field of the template for columns that are named otherwise, by the name in the file; @id is the identifier", nil},
	{"column", "The same, NAME=FIELD each; repeatable", nil},
	{"rule", "Makes the identifiers, under the prefix, see /v1/identifiers:mint; rows then have none", nil},
	{"name", "The client's name for the job, such as that of the file", nil},
	{"format", "Default: by Content-Type, else by what the input begins with", []any{"ndjson", "csv", "xlsx"}},
	{"enterprise", "Operators: whose job it is; default their own enterprise", nil},
}

// submitJobs serves POST /v1/jobs.
func (s *server) submitJobs(one *huma.Schema) {
	s.mux.HandleFunc("POST "+jobsPath, s.submitJob)
	op := s.describe(operation{
		id: "submitJob", method: http.MethodPost, path: jobsPath, tag: "jobs", summary: "Submit a bulk registration",
		description: "The input is received whole and durable before the answer; then its rows are registered in the background, each exactly once whatever happens to the node. " +
			"NDJSON, a record a line; CSV with the columns id, index, type, data, ttl and perms, a value a line; CSV or a sheet by the fields of a template; also in gzip or zstd. CSV may be in UTF-8 or GB18030. " +
			"The same input with the same options is one job: sent again after a lost answer it is found, with status 200. " +
			"With Prefer: wait=N, N seconds up to 60, an answer that can be given by then is 200 with the job that has ended; of at most 1000 rows with their results.",
		answers: map[int]*huma.Schema{200: one, 202: one}, errors: []int{404, 409, 413, 415, 422, 429, 507},
	})
	for _, p := range jobParameters {
		op.Parameters = append(op.Parameters, &huma.Param{Name: p.name, In: "query", Description: p.doc, Schema: &huma.Schema{Type: huma.TypeString, Enum: p.enum}})
	}
	str := &huma.Schema{Type: huma.TypeString}
	op.Parameters = append(op.Parameters,
		&huma.Param{Name: "Content-Encoding", In: "header", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"gzip", "zstd"}}},
		&huma.Param{Name: "Prefer", In: "header", Schema: str, Description: "wait=N (RFC 7240)"},
		&huma.Param{Name: "Idempotency-Key", In: "header", Schema: str})
	binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/x-ndjson": {Schema: schemaOf[recordDoc](s)}, "text/csv": {Schema: str}, xlsx: {Schema: binary},
		"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": binary}, Required: []string{"file"}}},
	}}
	header := &huma.Param{Schema: str}
	for _, status := range []string{"200", "202"} {
		op.Responses[status].Headers = map[string]*huma.Param{"Location": header, "RateLimit": header, "RateLimit-Policy": header}
	}
	s.huma.OpenAPI().AddOperation(&op)
}

func (s *server) submitJob(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	j, made, err := s.receiveJob(w, r)
	if err != nil {
		e := registry.AsError(err)
		if e.Code == registry.CodeTooManyRequests {
			s.tellAllowance(ctx, w, enterpriseOf(r))
		}
		writeProblem(w, s.problem(ctx, err))
		return
	}
	s.tellAllowance(ctx, w, j.Enterprise)
	h := w.Header()
	h.Set("Location", jobLocation(j))
	status := http.StatusAccepted
	if !made {
		status = http.StatusOK
	}
	v := s.jobView(ctx, j)
	if wait := preferredWait(r.Header); wait > 0 {
		h.Set("Preference-Applied", "wait="+strconv.Itoa(int(wait/time.Second)))
		if v, err = s.awaitJob(ctx, j, wait); err != nil {
			writeProblem(w, s.problem(ctx, err))
			return
		}
		if v.State.Ended() {
			status = http.StatusOK
		}
	}
	body, err := json.Marshal(v)
	if err != nil {
		writeProblem(w, s.problem(ctx, fmt.Errorf("encode job: %w", err)))
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(body)
}

// enterpriseOf is whose job a request is about as far as the query tells.
func enterpriseOf(r *http.Request) string {
	if e := r.URL.Query().Get("enterprise"); e != "" && actorOf(r.Context()).IsOperator() {
		return e
	}
	return actorOf(r.Context()).Enterprise
}

// receiveJob reads the request and queues its job; made is false if it was there already.
func (s *server) receiveJob(w http.ResponseWriter, r *http.Request) (j *registry.Job, made bool, err error) {
	actor := actorOf(r.Context())
	done, err := s.uploads.begin(actor.Enterprise)
	if err != nil {
		return nil, false, err
	}
	defer done()
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return nil, false, registry.Refuse(codeUnsupportedMediaType, "Content-Type", "the media type cannot be read")
	}
	rc := http.NewResponseController(w)
	body := &patientReader{r: r.Body, rc: rc}
	defer rc.SetReadDeadline(time.Time{})
	var in job.Input
	options := r.URL.Query()
	if kind == "multipart/form-data" {
		in, err = s.receiveForm(r.Context(), multipart.NewReader(body, params["boundary"]), options)
	} else {
		format, known := jobFormats[kind]
		if !known {
			return nil, false, registry.Refuse(codeUnsupportedMediaType, "Content-Type", "an input is application/x-ndjson, text/csv, a workbook (XLSX) or a form with such a file")
		}
		in, err = s.receiveInput(r.Context(), body, options, format, r.Header.Get("Content-Encoding"))
	}
	if err != nil {
		body.hurry(abortPatience)
		return nil, false, err
	}
	q, err := jobRequest(options, actor, languageOf(r.Context()))
	if err == nil {
		if given := registry.JobFormat(options.Get("format")); given != "" && given != in.Format {
			err = invalid("format", "the input is %s", string(in.Format))
		}
	}
	if err != nil {
		s.jobs.Discard(in.ID)
		return nil, false, err
	}
	write := registry.Write{Actor: actor, IdempotencyKey: r.Header.Get("Idempotency-Key"), Operation: "POST " + jobsPath}
	if j, err = s.jobs.Submit(r.Context(), in, *q, write); err != nil {
		return nil, false, err
	}
	return j, j.ID == in.ID, nil
}

// receiveInput keeps an input, after what can be said of the options has been.
func (s *server) receiveInput(ctx context.Context, body io.Reader, options url.Values, format registry.JobFormat, encoding string) (job.Input, error) {
	q, err := jobRequest(options, actorOf(ctx), languageOf(ctx))
	if err != nil {
		return job.Input{}, err
	}
	if err := s.reg.CheckJob(q, actorOf(ctx)); err != nil {
		return job.Input{}, err
	}
	if given := registry.JobFormat(options.Get("format")); given != "" {
		format = given
	}
	return s.jobs.Receive(ctx, job.Upload{Body: body, Encoding: encoding, Format: format})
}

// receiveForm reads a form: the fields join the options, whether they come before the file or after it.
func (s *server) receiveForm(ctx context.Context, form *multipart.Reader, options url.Values) (in job.Input, err error) {
	defer func() {
		if err != nil && in.ID != "" {
			s.jobs.Discard(in.ID)
		}
	}()
	for n := 0; ; n++ {
		part, err := form.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && in.ID == "":
			return in, invalid("file", "the form has no part file")
		case errors.Is(err, io.EOF):
			return in, nil
		case err != nil:
			return in, invalid("", "the form cannot be read: %s", err)
		case n == jobFields:
			return in, registry.Refuse(registry.CodeTooLarge, "", "the form has more than %d parts", jobFields)
		}
		name := part.FormName()
		if name == "file" {
			if in.ID != "" {
				return in, invalid("file", "a job has one file")
			}
			if options.Get("name") == "" && part.FileName() != "" {
				options.Set("name", part.FileName())
			}
			kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
			format := jobFormats[kind]
			if format == "" {
				format = formatOfName(part.FileName())
			}
			if in, err = s.receiveInput(ctx, part, options, format, part.Header.Get("Content-Encoding")); err != nil {
				return job.Input{}, err
			}
			continue
		}
		if !isJobParameter(name) {
			return in, invalid(name, "the form has the unknown part %s", strconv.Quote(name))
		}
		text, err := io.ReadAll(io.LimitReader(part, fieldOctets+1))
		if err != nil {
			return in, invalid("", "the form cannot be read: %s", err)
		}
		if len(text) > fieldOctets {
			return in, registry.Refuse(registry.CodeTooLarge, name, "longer than %d octets", fieldOctets)
		}
		options.Add(name, string(text))
	}
}

// formatOfName is the form that a file's name tells, "" if it tells none.
func formatOfName(name string) registry.JobFormat {
	name = strings.ToLower(name)
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	switch path.Ext(name) {
	case ".ndjson", ".jsonl":
		return registry.JobNDJSON
	case ".csv", ".tsv":
		return registry.JobCSV
	case ".xlsx":
		return registry.JobXLSX
	}
	return ""
}

func isJobParameter(name string) bool {
	for _, p := range jobParameters {
		if p.name == name {
			return true
		}
	}
	return false
}

// jobRequest reads the options of a job.
func jobRequest(options url.Values, a registry.Actor, l registry.Language) (*registry.JobRequest, error) {
	q := &registry.JobRequest{Enterprise: options.Get("enterprise"), Name: options.Get("name"), Language: l}
	o := &q.Options
	o.Mode, o.Template, o.Rule = registry.ImportMode(options.Get("mode")), options.Get("template"), options.Get("rule")
	for name := range options {
		if !isJobParameter(name) {
			return nil, invalid(name, "unknown parameter")
		}
	}
	for name, to := range map[string]*bool{"dryRun": &o.DryRun, "atomic": &o.Atomic, "allocate": &o.Allocate} {
		var err error
		if *to, err = parseBool(name, options.Get(name)); err != nil {
			return nil, err
		}
	}
	switch o.Mode { // a mode by its longer name
	case "create-only":
		o.Mode = registry.ImportCreate
	case "dry-run":
		o.Mode, o.DryRun = "", true
	case "atomic":
		o.Mode, o.Atomic = "", true
	}
	switch f := registry.JobFormat(options.Get("format")); f {
	case "", registry.JobNDJSON, registry.JobCSV, registry.JobXLSX:
	default:
		return nil, invalid("format", "a format is ndjson, csv or xlsx")
	}
	if prefix := options.Get("prefix"); prefix != "" {
		k, err := parsePrefix(options.Get("scheme"), prefix, "prefix")
		if err != nil {
			return nil, err
		}
		o.Scheme, o.Prefix = k.Scheme, k.Name
	} else if scheme := options.Get("scheme"); scheme != "" {
		var err error
		if o.Scheme, err = identifier.ParseScheme(scheme); err != nil {
			return nil, registry.Refuse(registry.CodeInvalidRequest, "scheme", "%s", err)
		}
	}
	if text := options.Get("columns"); text != "" {
		if err := json.Unmarshal([]byte(text), &o.Columns); err != nil {
			return nil, invalid("columns", "a JSON object of names of fields by names of columns is expected")
		}
	}
	for _, pair := range options["column"] {
		i := strings.LastIndexByte(pair, '=')
		if i <= 0 {
			return nil, invalid("column", "NAME=FIELD is expected")
		}
		if o.Columns == nil {
			o.Columns = make(map[string]string)
		}
		o.Columns[pair[:i]] = pair[i+1:]
	}
	return q, nil
}

// preferredWait is how long a client wants to wait for the end (RFC 7240, section 4.3).
func preferredWait(h http.Header) time.Duration {
	for _, line := range h.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
			if n, err := strconv.Atoi(strings.Trim(value, `"`)); strings.EqualFold(name, "wait") && err == nil && n > 0 {
				return min(time.Duration(min(n, 3600))*time.Second, longestWait)
			}
		}
	}
	return 0
}

// awaitJob returns a job once it has ended, or after wait as far as it is then; of few rows with their results.
func (s *server) awaitJob(ctx context.Context, j *registry.Job, wait time.Duration) (*jobView, error) {
	deadline, pause := time.Now().Add(wait), 2*time.Millisecond
	for !j.State.Ended() && time.Now().Before(deadline) {
		if err := s.restUntilEnd(ctx, min(pause, time.Until(deadline))); err != nil {
			break // the client is gone, or the node stops: it is told what there is
		}
		pause = min(2*pause, 100*time.Millisecond)
		now, err := s.reg.Job(ctx, j.ID, actorOf(ctx))
		if err != nil {
			return nil, err
		}
		j = now
	}
	v := s.jobView(ctx, j)
	if !j.State.Ended() || j.Summary.Total > inlineRows {
		return v, nil
	}
	for after := 0; ; {
		rows, next, err := s.reg.JobRows(ctx, j.ID, actorOf(ctx), nil, after, min(inlineRows, s.limits.PageRows))
		if err != nil {
			return nil, err
		}
		v.Rows = append(v.Rows, rows...)
		if after = next; next == 0 {
			return v, nil
		}
	}
}

// restUntilEnd rests; its error says that there is no more to wait for.
func (s *server) restUntilEnd(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.jobs.Stopping():
		return context.Canceled
	}
}

// tellAllowance says in the headers of the IETF draft draft-ietf-httpapi-ratelimit-headers-10 what an enterprise may still submit.
func (s *server) tellAllowance(ctx context.Context, w http.ResponseWriter, enterprise string) {
	a, err := s.reg.JobAllowance(ctx, enterprise)
	if err != nil {
		return // they are a service, the answer stands without them
	}
	policy, left := fmt.Sprintf(`"jobs";q=%d`, a.Jobs), fmt.Sprintf(`"jobs";r=%d`, a.JobsLeft)
	if a.Rows > 0 {
		policy += fmt.Sprintf(`, "rows";q=%d;w=86400`, a.Rows)
		left += fmt.Sprintf(`, "rows";r=%d;t=%d`, a.RowsLeft, int((a.Reset+time.Second-1)/time.Second))
	}
	w.Header().Set("RateLimit-Policy", policy)
	w.Header().Set("RateLimit", left)
}

// uploads counts the inputs that are being received.
type uploads struct {
	mu  sync.Mutex
	all int
	of  map[string]int // by enterprise
}

// begin counts one more until done is called.
func (u *uploads) begin(enterprise string) (done func(), err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all >= uploadsAtOnce || u.of[enterprise] >= uploadsPerEnterprise {
		e := registry.Refuse(registry.CodeTooManyRequests, "", "too many inputs are being received; at most %d of an enterprise", uploadsPerEnterprise)
		e.RetryAfter = 5 * time.Second
		return nil, e
	}
	if u.of == nil {
		u.of = make(map[string]int)
	}
	u.all++
	u.of[enterprise]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.all--
		if u.of[enterprise]--; u.of[enterprise] == 0 {
			delete(u.of, enterprise)
		}
	}, nil
}
