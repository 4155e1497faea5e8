package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/topsync"
)

const (
	syncPath    = "/v1/sync"
	reportsPath = "/v1/reports/"

	// mostReported bounds the rows of one report.
	mostReported = 10_000
)

type syncInput struct {
	Target string `query:"target" doc:"One target; default all"`
	Table  string `query:"table" doc:"One table, with its things and rows that could not be reported; default all"`
}

// orderBody is what a step of the sync is about.
type orderBody struct {
	Target string `json:"target,omitempty" doc:"Default: all"`
	Table  string `json:"table,omitempty" doc:"T1 to T11, M1, M2 or R1; default: all"`
	From   uint64 `json:"from,omitempty" doc:"Of replay, with a table: the first row; default: the oldest that is kept"`
	Reason string `json:"reason,omitempty"`
}

// eventBody is what is reported of an event.
type eventBody struct {
	Category topsync.Category `json:"category,omitempty" enum:"1,2,3,4" doc:"Of an abnormal event: 1 network, 2 system, 3 attack, 4 other"`
	At       time.Time        `json:"at,omitzero" doc:"Default: now"`
	Cause    string           `json:"cause,omitempty" doc:"What happened, and why if that is known"`
	Number   string           `json:"number,omitempty" doc:"Of the event that is over"`
	Solution string           `json:"solution,omitempty" doc:"What was done about it"`
}

type orderInput struct {
	RawBody []byte
}

type receiveInput struct {
	Table    string `path:"table" enum:"T8,T9,T10,T11,M1,M2"`
	Encoding string `header:"Content-Encoding" enum:"gzip,zstd"`
	RawBody  []byte `contentType:"application/x-ndjson"`
}

type monthlyInput struct {
	Month  string `query:"month" doc:"2026-11; default: the present month, as far as it is"`
	Format string `query:"format" enum:"json,html" doc:"Default json; html is a page to be printed, in the language of Accept-Language"`
}

func (s *server) topSync() {
	status := schemaOf[topsync.Status](s)
	add(s, operation{
		id: "readSync", method: http.MethodGet, path: syncPath, tag: "reports", summary: "How far the reports to the top-level node are",
		description: "For people of the node. Rows that wait, how long the oldest has waited, failures, and what cannot be reported as it is.",
		answers:     map[int]*huma.Schema{200: status}, errors: []int{404},
	}, s.readSync)
	for action, summary := range map[topsync.Action]string{
		topsync.Pause: "Hold back rows; they are gathered all the same", topsync.Resume: "Let rows leave again, and try at once", topsync.Replay: "Send rows again that were acknowledged",
	} {
		add(s, operation{
			id: string(action) + "Sync", method: http.MethodPost, path: syncPath + ":" + string(action), tag: "reports", summary: summary,
			description: "For operators; audited. Repeating it does no harm.", body: schemaOf[orderBody](s), optional: true,
			answers: map[int]*huma.Schema{200: status}, errors: []int{404, 413, 415, 507},
		}, func(ctx context.Context, in *orderInput) (*reply, error) { return s.orderSync(ctx, action, in.RawBody) })
	}
	for path, summary := range map[string]string{"abnormal": "Report an abnormal event", "normal": "Report that an abnormal event is over"} {
		add(s, operation{
			id: "report" + strings.ToUpper(path[:1]) + path[1:], method: http.MethodPost, path: syncPath + ":" + path, tag: "reports", summary: summary,
			description: "For operators; audited. In real time to the top-level node, and in the monthly report.", body: schemaOf[eventBody](s),
			answers: map[int]*huma.Schema{200: schemaOf[topsync.Event](s)}, errors: []int{404, 409, 413, 415, 507},
		}, func(ctx context.Context, in *orderInput) (*reply, error) {
			return s.reportEvent(ctx, path == "normal", in.RawBody)
		})
	}
	op := operation{
		id: "sendReport", method: http.MethodPost, path: reportsPath + "{table}", tag: "reports", summary: "Report rows of an enterprise's own node",
		description: "NDJSON, a row a line, also with Content-Encoding gzip or zstd; at most 10000 rows. Enterprises report of the prefixes that are delegated to them. " +
			"The answer says of each row what became of it; a row whose number was taken before is a duplicate and changes nothing, a refused one may come again under its number.",
		body: schemaOf[topreport.Row](s), answers: map[int]*huma.Schema{200: schemaOf[topsync.Received](s)}, errors: []int{404, 409, 413, 415, 507},
	}
	add(s, op, s.receiveReport)
	if path := s.huma.OpenAPI().Paths[reportsPath+"{table}"]; path != nil && path.Post != nil {
		path.Post.RequestBody.Content = map[string]*huma.MediaType{"application/x-ndjson": {Schema: schemaOf[topreport.Row](s)}}
	}
	add(s, operation{
		id: "readMonthlyReport", method: http.MethodGet, path: reportsPath + "monthly", tag: "reports", summary: "The monthly report to the top-level node",
		description: "Annex 3 of the docking agreement: of a month that is over as it was reported, of the present one how far it is.",
		answers:     map[int]*huma.Schema{200: schemaOf[topsync.MonthlyReport](s)}, errors: []int{404},
	}, s.readMonthly)
}

func (s *server) readSync(ctx context.Context, in *syncInput) (*reply, error) {
	st, err := s.sync.Status(ctx, topsync.StatusQuery{Target: in.Target, Table: in.Table}, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, st)
}

func (s *server) orderSync(ctx context.Context, action topsync.Action, body []byte) (*reply, error) {
	var b orderBody
	if len(body) > 0 {
		if err := decode(body, &b); err != nil {
			return nil, err
		}
	}
	st, err := s.sync.Do(ctx, topsync.Order{Action: action, Target: b.Target, Table: b.Table, From: b.From, Reason: b.Reason}, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, st)
}

func (s *server) reportEvent(ctx context.Context, over bool, body []byte) (*reply, error) {
	var b eventBody
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	if over == (b.Number == "") {
		return nil, invalid("/number", "the number is that of the event which is over")
	}
	e, err := s.sync.ReportEvent(ctx, topsync.Report(b), actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, e)
}

func (s *server) readMonthly(ctx context.Context, in *monthlyInput) (*reply, error) {
	if in.Format != "" && in.Format != "json" && in.Format != "html" {
		return nil, invalid("format", "json or html is expected")
	}
	r, err := s.sync.Monthly(ctx, in.Month, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	if in.Format != "html" {
		return jsonReply(http.StatusOK, r)
	}
	var page bytes.Buffer
	if err := r.WriteHTML(&page, string(languageOf(ctx)), nil); err != nil {
		return nil, err
	}
	return &reply{Status: http.StatusOK, ContentType: "text/html; charset=utf-8", CacheControl: "no-store", Vary: "Accept-Language", Body: page.Bytes()}, nil
}

func (s *server) receiveReport(ctx context.Context, in *receiveInput) (*reply, error) {
	rows, err := s.reportedRows(in)
	if err != nil {
		return nil, err
	}
	out, err := s.sync.Receive(ctx, in.Table, rows, languageOf(ctx), actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, out)
}

// reportedRows are the rows of a body.
func (s *server) reportedRows(in *receiveInput) ([]topreport.Row, error) {
	body, err := importBody(bytes.NewReader(in.RawBody), in.Encoding)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	most := int64(s.limits.BodyOctets)
	limited := &io.LimitedReader{R: body, N: most + 1}
	lines := bufio.NewReader(limited)
	var rows []topreport.Row
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, invalid("", "the body is not in %s: %s", in.Encoding, err)
		}
		if limited.N <= 0 {
			return nil, registry.Refuse(registry.CodeTooLarge, "", "the body is longer than %d octets unpacked", most)
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			var row topreport.Row
			if err := json.Unmarshal(text, &row); err != nil {
				return nil, invalid("", "line %d is no row: %s", number, strings.TrimPrefix(err.Error(), "json: "))
			}
			if rows = append(rows, row); len(rows) > mostReported {
				return nil, registry.Refuse(registry.CodeTooLarge, "", "more than %d rows", mostReported)
			}
		}
		if err != nil {
			return rows, nil
		}
	}
}
