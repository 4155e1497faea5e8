package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/idnode/idnode/registry/statistics"
)

type statisticsInput struct {
	Enterprise  string `query:"enterprise" doc:"One enterprise; default: all that the credential sees"`
	From        string `query:"from" doc:"The first month (2026-01) or day (2026-01-31); default: 11 months, or 30 days, before to"`
	To          string `query:"to" doc:"The last month or day; default: today"`
	Granularity string `query:"granularity" doc:"month (default) or day"`
	By          string `query:"by" doc:"prefix: each prefix apart"`
}

func (s *server) statistics() {
	add(s, operation{
		id: "readStatistics", method: http.MethodGet, path: "/v1/statistics", tag: "reports", summary: "Resolutions, registrations and records of enterprises, by month or day",
		description: "Operators and auditors get all enterprises and a total, others their own. Months and days are those of the node's time zone (China's). " +
			"Where all figures are 0 there is no item; records are null where it is not known how many there were. At most 120 months, 366 days of one enterprise, or 31 days of all.",
		answers: map[int]*huma.Schema{200: schemaOf[statistics.Answer](s)}, errors: []int{404},
	}, s.readStatistics)
}

func (s *server) readStatistics(ctx context.Context, in *statisticsInput) (*reply, error) {
	if in.By != "" && in.By != "prefix" {
		return nil, invalid("by", "figures are given apart by prefix only")
	}
	q := statistics.Query{Enterprise: in.Enterprise, From: in.From, To: in.To, Granularity: statistics.Granularity(in.Granularity), ByPrefix: in.By == "prefix"}
	answer, err := s.counts.Read(ctx, q, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, answer)
}
