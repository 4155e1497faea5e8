package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

const (
	queriesPath       = "/v1/logs/resolution"
	queriesExportPath = queriesPath + ":export"

	// mostQueries is how many entries of the log one page looks at.
	mostQueries = 1_000_000
)

// QueryLog is the log of resolution requests.
type QueryLog interface {
	// Queries calls visit with the requests of the time from (included) to to (excluded; zero: no bound), in blocks in the
	// order in which they were written: from the place after on, "" for the beginning. A block is good until visit returns;
	// an error of visit ends the reading and is returned. [ErrPlace]: after is no place.
	Queries(ctx context.Context, after string, from, to time.Time, visit func(place string, block []LoggedQuery) error) error
}

// ErrPlace refuses a place that the log did not give.
var ErrPlace = errors.New("not a place of the log")

// LoggedQuery is a resolution request.
type LoggedQuery struct {
	Time      time.Time
	Took      time.Duration // 0: less than it takes to look
	Transport string        // "handle_udp", …
	Client    netip.Addr
	Asked     string        // what was asked, for people
	ID        identifier.ID // what that was read as; zero: nothing
	Outcome   string        // "found", …
	Source    string        // "l1", "store", …
}

// queryDoc is a request as it is told.
type queryDoc struct {
	Time      time.Time `json:"time"`
	Transport string    `json:"transport" enum:"dns_udp,dns_tcp,handle_udp,handle_tcp,grpc,http"`
	Client    string    `json:"client,omitempty" doc:"Address; to enterprises the network, /24 or /48"`
	ID        string    `json:"id,omitempty" doc:"The identifier, as scheme:canonical"`
	Asked     string    `json:"asked,omitempty" doc:"What was asked, where that is something else"`
	Outcome   string    `json:"outcome" doc:"found, no_values, not_found, revoked, referral, suspended, not_responsible, invalid, overloaded or failed"`
	Source    string    `json:"source" doc:"Where the answer came from"`
	TookMicro int64     `json:"tookMicros,omitempty" doc:"Microseconds until the answer, if it was not at hand"`
}

type queriesInput struct {
	From      string `query:"from" doc:"From this time on; default a day before to"`
	To        string `query:"to" doc:"Before this time; default now"`
	ID        string `query:"id" doc:"Requests for this identifier"`
	Prefix    string `query:"prefix" doc:"Requests for identifiers under this prefix"`
	Scheme    string `query:"scheme" enum:"handle,oid,ecode,gs1" doc:"Of the prefix; default handle"`
	Client    string `query:"client" doc:"Requests of this address or network"`
	Outcome   string `query:"outcome" doc:"Requests with this outcome"`
	Transport string `query:"transport" doc:"Requests over this transport"`
	PageInput
}

// queryFilter is what is asked for of the log.
type queryFilter struct {
	actor     registry.Actor
	from, to  time.Time
	id        identifier.ID
	prefix    identifier.Key
	client    netip.Prefix
	outcome   string
	transport string
}

func (s *server) queryLog() {
	if s.queries == nil {
		return
	}
	add(s, operation{
		id: "listQueries", method: http.MethodGet, path: queriesPath, tag: "audit", summary: "Who asked for what",
		description: "The log of resolution requests over all transports, in the order of time. Operators and auditors see everything, an enterprise's admin what was asked of its prefixes, with " +
			"networks in place of addresses. A page may be short, or empty, and still have a next one: go on until there is none. Requests show up after half a second.",
		answers: map[int]*huma.Schema{200: schemaOf[pageOf[queryDoc]](s)},
	}, s.listQueries)
	op := s.describe(operation{
		id: "exportQueries", method: http.MethodGet, path: queriesExportPath, tag: "audit", summary: "Export who asked for what",
		description: "NDJSON, a request a line, filtered as the list is; without from the whole log. The last line is {\"end\":true,\"entries\":N}: without it the export was cut short.",
	})
	for _, name := range []string{"from", "to", "id", "prefix", "scheme", "client", "outcome", "transport"} {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Schema: &huma.Schema{Type: huma.TypeString}})
	}
	op.Responses["200"] = &huma.Response{Description: "The log", Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: schemaOf[queryDoc](s)}}}
	s.huma.OpenAPI().AddOperation(&op)
	s.mux.HandleFunc("GET "+queriesExportPath, s.exportQueries)
}

// queryFilterOf reads what is asked for.
func (s *server) queryFilterOf(ctx context.Context, in *queriesInput) (*queryFilter, error) {
	f := &queryFilter{actor: actorOf(ctx), outcome: in.Outcome, transport: in.Transport}
	if !f.actor.ReadsAllQueries() && !f.actor.Has(registry.RoleAdmin) {
		return nil, registry.Refuse(registry.CodeForbidden, "", "role %s does not read the log of requests", f.actor.Role)
	}
	var err error
	if f.from, err = parseTime("from", in.From); err != nil {
		return nil, err
	}
	if f.to, err = parseTime("to", in.To); err != nil {
		return nil, err
	}
	if in.ID != "" {
		if f.id, err = s.parseID(in.ID); err != nil {
			return nil, err
		}
	}
	if in.Prefix != "" {
		if f.prefix, err = parsePrefix(in.Scheme, in.Prefix, "prefix"); err != nil {
			return nil, err
		}
	}
	if in.Client != "" {
		if f.client, err = netip.ParsePrefix(in.Client); err != nil {
			addr, err := netip.ParseAddr(in.Client)
			if err != nil {
				return nil, invalid("client", "an address or a network is expected, such as 192.0.2.7 or 192.0.2.0/24")
			}
			f.client = netip.PrefixFrom(addr, addr.BitLen())
		}
	}
	return f, nil
}

// matches reports whether q is one of those that f asks for, and that its actor may see.
func (s *server) matches(f *queryFilter, q *LoggedQuery) bool {
	switch {
	case !f.from.IsZero() && q.Time.Before(f.from) || !f.to.IsZero() && !q.Time.Before(f.to),
		f.outcome != "" && f.outcome != q.Outcome, f.transport != "" && f.transport != q.Transport,
		f.client.IsValid() && !f.client.Contains(q.Client),
		!f.id.IsZero() && (q.ID.IsZero() || q.ID.Key(false) != f.id.Key(false)),
		f.prefix.Scheme != 0 && !under(q.ID, f.prefix):
		return false
	}
	return f.actor.ReadsAllQueries() || !q.ID.IsZero() && s.reg.ReadsQueries(f.actor, q.ID)
}

// under reports whether id lies under the prefix.
func under(id identifier.ID, prefix identifier.Key) bool {
	if id.Scheme() != prefix.Scheme {
		return false
	}
	for name := range id.Namespaces() {
		if name == prefix.Name {
			return true
		}
	}
	return false
}

// doc is q as f's actor sees it.
func (f *queryFilter) doc(q *LoggedQuery) queryDoc {
	d := queryDoc{Time: q.Time, Transport: q.Transport, Outcome: q.Outcome, Source: q.Source, TookMicro: q.Took.Microseconds(), Asked: q.Asked}
	if !q.ID.IsZero() {
		if d.ID = q.ID.Qualified(); q.Asked == q.ID.Canonical() {
			d.Asked = ""
		}
	}
	if q.Client.IsValid() {
		d.Client = q.Client.String()
		if !f.actor.ReadsAllQueries() {
			bits := 24
			if q.Client.Is6() {
				bits = 48
			}
			if network, err := q.Client.Prefix(bits); err == nil {
				d.Client = network.String()
			}
		}
	}
	return d
}

// errPage ends the reading for a page.
var errPage = errors.New("the page is full")

func (s *server) listQueries(ctx context.Context, in *queriesInput) (*reply, error) {
	p, err := in.paging()
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(p.Limit, s.limits.DefaultPageRows)
	if limit > s.limits.PageRows {
		return nil, invalid("limit", "from 1 to %d", s.limits.PageRows)
	}
	f, err := s.queryFilterOf(ctx, in)
	if err != nil {
		return nil, err
	}
	if f.to.IsZero() {
		f.to = time.Now()
	}
	if f.from.IsZero() {
		f.from = f.to.AddDate(0, 0, -1)
	}
	place, skip, err := parseQueryCursor(p.Cursor)
	if err != nil {
		return nil, err
	}
	items := []queryDoc{}
	next, looked := "", 0
	err = s.queries.Queries(ctx, place, f.from, f.to, func(place string, block []LoggedQuery) error {
		for i := range block {
			if skip > 0 {
				skip--
				continue
			}
			if looked++; len(items) == limit || looked > mostQueries {
				next = place + "~" + strconv.Itoa(i)
				return errPage
			}
			if s.matches(f, &block[i]) {
				items = append(items, f.doc(&block[i]))
			}
		}
		skip = 0
		return nil
	})
	switch {
	case errors.Is(err, ErrPlace):
		return nil, registry.Refuse(registry.CodeInvalidCursor, "cursor", "not a cursor that a list gave")
	case err != nil && !errors.Is(err, errPage):
		return nil, fmt.Errorf("read log of requests: %w", err)
	}
	return jsonReply(http.StatusOK, pageOf[queryDoc]{items, next})
}

// parseQueryCursor takes a cursor apart: where a block begins, and how many of its entries have been told.
func parseQueryCursor(text string) (place string, skip int, err error) {
	if text == "" {
		return "", 0, nil
	}
	place, number, ok := strings.Cut(text, "~")
	if skip, err = strconv.Atoi(number); !ok || err != nil || skip < 0 {
		return "", 0, registry.Refuse(registry.CodeInvalidCursor, "cursor", "not a cursor that a list gave")
	}
	return place, skip, nil
}

// exportQueries streams the log.
func (s *server) exportQueries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, err := s.queryFilterOf(r.Context(), &queriesInput{
		From: q.Get("from"), To: q.Get("to"), ID: q.Get("id"), Prefix: q.Get("prefix"), Scheme: q.Get("scheme"), Client: q.Get("client"),
		Outcome: q.Get("outcome"), Transport: q.Get("transport"),
	})
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	rc := http.NewResponseController(w)
	defer rc.SetWriteDeadline(time.Time{}) // or it would end later answers on the connection
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	entries := 0
	var buf []byte
	flush := func() error {
		_ = rc.SetWriteDeadline(time.Now().Add(importIdle)) // where there are no deadlines the server's own limits hold
		_, err := w.Write(buf)
		buf = buf[:0]
		return err
	}
	err = s.queries.Queries(r.Context(), "", f.from, f.to, func(_ string, block []LoggedQuery) error {
		for i := range block {
			if !s.matches(f, &block[i]) {
				continue
			}
			entries++
			line, err := json.Marshal(f.doc(&block[i]))
			if err != nil {
				return err
			}
			if buf = append(append(buf, line...), '\n'); len(buf) > exportPiece {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		if r.Context().Err() == nil {
			s.log.Error("export log of requests", "err", err)
		}
		panic(http.ErrAbortHandler) // the client must not take what it has for the whole
	}
	buf = fmt.Appendf(buf, "{\"end\":true,\"entries\":%d}\n", entries)
	_ = flush() // the client is gone: nobody to tell
}
