package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/registry"
)

const (
	loadPath = "/v1/archives:load"

	// progressEvery is how often a load says how far it is.
	progressEvery = time.Second
)

// loadProgress is a line that comes while a load goes on, or its end, if that came early: the counts are
// of what was done, and loading again goes on.
type loadProgress struct {
	Status string `json:"status" enum:"progress,aborted"`
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
	registry.LoadSummary
}

// loadEnd is the last line of a load that came to the end of the archive.
type loadEnd struct {
	Status string `json:"status" enum:"done"`
	registry.LoadSummary
}

// archiveTypes are media types of archives.
var archiveTypes = []string{"application/x-tar", "application/gzip", "application/zstd", "application/octet-stream"}

func (s *server) loads() {
	s.mux.HandleFunc("POST "+loadPath, s.load)
	op := s.describe(operation{
		id: "loadArchive", method: http.MethodPost, path: loadPath, tag: "archives", summary: "Load an archive",
		description: "For operators. The body is an archive of an export, as it is or packed with gzip or zstd. What is here and equal is skipped, what is here and different is reported and stays, " +
			"so that a load that broke off is repeated. Accounts come without a password and disabled; API keys do not come. The answer is NDJSON while the load goes on: " +
			"what was not loaded, from time to time a line of status progress, at the end one of status done or aborted.",
		errors: []int{413, 415},
	})
	boolean := &huma.Schema{Type: huma.TypeBoolean}
	op.Parameters = []*huma.Param{
		{Name: "dryRun", In: "query", Schema: boolean, Description: "Find out what would be loaded, and load nothing"},
		{Name: "update", In: "query", Schema: boolean, Description: "Also take newer versions of records that are here in an older one"},
		{Name: "enterpriseId", In: "query", Schema: &huma.Schema{Type: huma.TypeString}, Description: "The id of the enterprise here, new for a fresh one; default: that of the archive"},
	}
	binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/x-tar": {Schema: binary}, "application/gzip": {Schema: binary}, "application/zstd": {Schema: binary}}}
	op.Responses["200"] = &huma.Response{
		Description: "What was not loaded, then the counts",
		Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{
			OneOf: []*huma.Schema{schemaOf[registry.LoadResult](s), schemaOf[loadProgress](s), schemaOf[loadEnd](s)},
		}}},
	}
	s.huma.OpenAPI().AddOperation(&op)
}

func (s *server) load(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	q := r.URL.Query()
	o := registry.LoadOptions{Actor: actorOf(ctx), Enterprise: q.Get("enterpriseId"), Language: languageOf(ctx)}
	var err error
	if o.DryRun, err = parseBool("dryRun", q.Get("dryRun")); err == nil {
		o.Update, err = parseBool("update", q.Get("update"))
	}
	if err == nil && !o.Actor.IsOperator() {
		err = registry.Refuse(registry.CodeForbidden, "", "role %s does not load archives", o.Actor.Role)
	}
	if err != nil {
		writeProblem(w, s.problem(ctx, err))
		return
	}
	rc := http.NewResponseController(w)
	defer rc.SetWriteDeadline(time.Time{}) // or it would end later answers on the connection
	raw := &patientReader{r: r.Body, rc: rc}
	out := &results{w: w, rc: rc}
	sum, err := s.loadBody(ctx, raw, o, out)
	if err == nil {
		out.write(loadEnd{"done", sum})
		out.flush()
		return
	}
	p := s.problem(r.Context(), err)
	raw.hurry(abortPatience)
	if !out.begun() && sum.Total == 0 {
		writeProblem(w, p)
		return
	}
	out.write(loadProgress{"aborted", p.Code, p.Detail, sum})
	out.flush()
	discard(r.Body)
}

func (s *server) loadBody(ctx context.Context, raw io.Reader, o registry.LoadOptions, out *results) (registry.LoadSummary, error) {
	body, err := archive.Unpack(readable{raw})
	if err != nil {
		return registry.LoadSummary{}, unreadable(err)
	}
	defer body.Close()
	said := time.Now()
	report := func(res registry.LoadResult) error { return out.write(res) }
	sum, err := s.reg.Load(ctx, body, o, report, func(sum registry.LoadSummary) error {
		if time.Since(said) < progressEvery {
			return out.flushStale()
		}
		said = time.Now()
		if err := out.write(loadProgress{Status: "progress", LoadSummary: sum}); err != nil {
			return err
		}
		return out.flush()
	})
	if err == nil {
		_, err = io.Copy(io.Discard, body) // what packing adds at the end is checked too
	}
	return sum, unreadable(err)
}

// unreadable is err, told to the client if its archive is the reason.
func unreadable(err error) error {
	if errors.Is(err, archive.ErrCut) || errors.Is(err, archive.ErrDamaged) {
		return registry.Refuse(registry.CodeInvalidRequest, "", "%s", err)
	}
	return err
}

// readable is a body whose errors are the client's.
type readable struct{ io.Reader }

func (r readable) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = invalid("", "the body cannot be read: %s", err)
	}
	return n, err
}
