package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/audit"
	"github.com/idnode/idnode/registry/auth"
	"github.com/idnode/idnode/registry/job"
	"github.com/idnode/idnode/registry/statistics"
	"github.com/idnode/idnode/registry/topsync"
	"github.com/idnode/idnode/registry/webhook"
)

// bodyTimeout bounds the wait for a request's body, imports excepted.
const bodyTimeout = 30 * time.Second

// Authenticator tells who calls. *auth.Verifier is one. Its error is a *registry.Error, with
// registry.CodeUnauthenticated for a refusal.
type Authenticator interface {
	Verify(ctx context.Context, bearer string, addr netip.Addr) (registry.Actor, error)
}

// Options are the parts of the API.
type Options struct {
	Registrar  *registry.Registrar   // required
	Verifier   Authenticator         // required
	Logins     *auth.Verifier        // gives tokens; default: there are none
	Webhooks   *webhook.Sender       // sends webhooks; default: there are none
	Audit      *audit.Log            // exports and verifies the audit log; default: it is only listed
	Jobs       *job.Runner           // keeps and runs bulk registrations; default: there are none
	Queries    QueryLog              // the log of resolution requests; default: there is none
	Version    string                // the node's, for the OpenAPI document; default "dev"
	Logger     *slog.Logger          // takes failures of ours; default slog.Default()
	Registerer prometheus.Registerer // takes the metrics; default none
	Panicked   func()                // is told of panics recovered from; default: nobody is

	// Statistics answer GET /v1/statistics. Default: there are none.
	Statistics *statistics.Statistics
	// Sync reports to the top-level node. Default: nothing is reported.
	Sync *topsync.Syncer
}

// server is the handler that New returns.
type server struct {
	reg     *registry.Registrar
	auth    Authenticator
	logins  *auth.Verifier  // nil: no tokens
	hooks   *webhook.Sender // nil: no webhooks
	chain   *audit.Log      // nil: the audit log is only listed
	queries QueryLog        // nil: there is none
	jobs    *job.Runner     // nil: there are none
	uploads uploads
	limits  registry.Limits
	log     *slog.Logger
	metrics *metrics

	panicked func() // nil: nobody is told
	mux      *http.ServeMux
	huma     huma.API
	counts   *statistics.Statistics // nil: none
	sync     *topsync.Syncer        // nil: nothing is reported upward
}

// New returns the handler of /v1/… and /openapi.json.
func New(o Options) (http.Handler, error) {
	if o.Registrar == nil || o.Verifier == nil {
		return nil, errors.New("api: Registrar and Verifier are required")
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	s := &server{reg: o.Registrar, auth: o.Verifier, logins: o.Logins, hooks: o.Webhooks, chain: o.Audit, jobs: o.Jobs, queries: o.Queries, counts: o.Statistics, sync: o.Sync, limits: o.Registrar.Limits(), log: o.Logger, metrics: m, panicked: o.Panicked, mux: http.NewServeMux()}
	s.huma = humago.New(s.mux, config(o.Version))
	s.identifiers()
	s.histories()
	s.batches()
	s.imports()
	s.exports()
	s.loads()
	s.mints()
	s.enterprises()
	s.files()
	s.audit()
	s.queryLog()
	s.apps()
	s.reports()
	s.prefixes()
	s.prefixMoves()
	s.applications()
	s.dataTemplates()
	s.apikeys()
	s.accounts()
	s.identities()
	if s.hooks != nil {
		s.webhooks()
	}
	if s.jobs != nil {
		s.bulkJobs()
	}
	if s.counts != nil {
		s.statistics()
	}
	if s.sync != nil {
		s.topSync()
	}
	if s.logins != nil {
		s.tokens()
		if s.logins.HasOIDC() {
			s.oidc()
		}
	}
	s.describeLimits()
	s.describeParameters()
	document, err := json.Marshal(s.huma.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI document: %w", err)
	}
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		w.Write(document)
	})
	return s, nil
}

// config is huma's configuration. Its own document and documentation routes stay off: the document is
// encoded once, in New, and the documentation page would load scripts from elsewhere.
func config(version string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "idnode registration API",
				Version:     version,
				Description: "Enterprises, prefixes, API keys and identifiers of a secondary node. Errors are problems (RFC 9457) with a stable code.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"apikey": {Type: "http", Scheme: "bearer", BearerFormat: "idn_<keyid>_<secret>, or a token of POST /v1/tokens"}},
			},
			Security: []map[string][]string{{"apikey": {}}},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{asProblem},
	}
}

// reply is an answer: headers left empty are not sent.
type reply struct {
	Status       int
	ContentType  string `header:"Content-Type" doc:"application/json"`
	CacheControl string `header:"Cache-Control"`
	Vary         string `header:"Vary"`
	ETag         string `header:"ETag" doc:"The record's version in quotes"`
	Location     string `header:"Location"`
	Disposition  string `header:"Content-Disposition"`
	SetCookie    string `header:"Set-Cookie"`
	Replayed     string `header:"Idempotency-Replayed" doc:"true: the first answer to this Idempotency-Key"`
	Body         []byte
}

// jsonReply is an answer whose body is v in JSON.
func jsonReply(status int, v any) (*reply, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return &reply{Status: status, ContentType: "application/json", CacheControl: "no-store", Body: body}, nil
}

// operation is what huma is told of an endpoint beside its input type.
type operation struct {
	id, method, path, summary string
	tag                       string
	description               string
	body                      *huma.Schema         // of the request; nil: none
	bodyOctets                int                  // its largest body; 0: Limits.BodyOctets
	optional                  bool                 // the request may have no body
	answers                   map[int]*huma.Schema // by status; nil: no body
	errors                    []int                // statuses of problems, beside those that every operation has
	hidden                    bool                 // leave it out of the document
	maxBody                   int                  // octets; default Limits.BodyOctets
}

// describe is o for the document.
func (s *server) describe(o operation) huma.Operation {
	largest := cmp.Or(o.bodyOctets, s.limits.BodyOctets)
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Description: o.description, Tags: []string{o.tag},
		MaxBodyBytes:    int64(largest) + 1, // huma refuses what reaches its bound
		BodyReadTimeout: bodyTimeout, SkipValidateBody: true, SkipValidateParams: true, Hidden: o.hidden,
		Responses: make(map[string]*huma.Response),
	}
	if o.maxBody > 0 {
		op.MaxBodyBytes = int64(o.maxBody) + 1
	}
	if o.body != nil {
		op.RequestBody = &huma.RequestBody{Required: !o.optional, Content: map[string]*huma.MediaType{"application/json": {Schema: o.body}}}
	}
	for status, schema := range o.answers {
		if op.DefaultStatus == 0 || status < op.DefaultStatus {
			op.DefaultStatus = status
		}
		r := &huma.Response{Description: http.StatusText(status)}
		if schema != nil {
			r.Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
		}
		op.Responses[fmt.Sprint(status)] = r
	}
	for _, status := range append([]int{400, 401, 403, 500, 503}, o.errors...) {
		op.Responses[fmt.Sprint(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schemaOf[Problem](s)}},
		}
	}
	return op
}

// schemaOf is a reference to T's schema among the document's components.
func schemaOf[T any](s *server) *huma.Schema {
	return s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// add registers an endpoint.
func add[I any](s *server, o operation, handle func(ctx context.Context, in *I) (*reply, error)) {
	op := s.describe(o)
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*reply, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
	if o.optional {
		op.RequestBody.Required = false // huma makes every raw body required
	}
}

// describeParameters gives parameters their types in the document. The endpoints read them as text,
// so that what is wrong with one is told like any other error.
func (s *server) describeParameters() {
	one := 1.0
	number := &huma.Schema{Type: huma.TypeInteger, Minimum: &one}
	types := map[string]*huma.Schema{"limit": number, "version": number, "at": {Type: huma.TypeString, Format: "date-time"}}
	for _, item := range s.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				if schema := types[p.Name]; schema != nil && p.In == "query" {
					p.Schema = schema
				}
			}
		}
	}
}
