package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// report is a filled table of the national data dictionary.
type report struct {
	Table    string `json:"table"`
	Complete bool   `json:"complete"`
	Next     string `json:"next"`
	Rows     []struct {
		Enterprise string `json:"enterprise"`
		App        string `json:"app"`
		Complete   bool   `json:"complete"`
		Items      []struct {
			Number  int                     `json:"number"`
			Name    struct{ ZH, EN string } `json:"name"`
			Value   json.RawMessage         `json:"value"`
			Missing bool                    `json:"missing"`
		} `json:"items"`
	} `json:"rows"`
}

func (a *app) reportCommand() *cobra.Command {
	var enterprise string
	show := &cobra.Command{
		Use:       "show T1|T5|T6|T10 [--enterprise ID]",
		Short:     "Show a table of the national data dictionary, and what it still lacks",
		Long:      "Show a table of the national data dictionary as the node can fill it: T1 the node itself, T6 its\nenterprises, T5 the node's applications that use identifiers, T10 its enterprises'.",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"T1", "T5", "T6", "T10"},
		RunE: a.run(func(ctx context.Context, args []string) error {
			q := url.Values{"limit": {"1000"}}
			if enterprise != "" {
				q.Set("enterprise", enterprise)
			}
			for {
				var r report
				body, err := a.callInto(ctx, request{method: http.MethodGet, path: "/v1/reports/" + url.PathEscape(args[0]), query: q}, &r)
				if err != nil {
					return err
				}
				if a.output == "json" {
					err = a.printBody(body)
				} else {
					err = a.printReport(&r)
				}
				if err != nil || r.Next == "" {
					return err
				}
				q.Set("cursor", r.Next)
			}
		}),
	}
	show.Flags().StringVar(&enterprise, "enterprise", "", "of T6 and T10: only the enterprise with this `ID`")
	return group("report", "Show what is reported to the top-level node", show, a.reportMonthly())
}

// reportMonthly is the monthly report, as data or as a page.
func (a *app) reportMonthly() *cobra.Command {
	var month, out string
	cmd := &cobra.Command{
		Use:     "monthly [--month 2026-11] [-O FILE]",
		Short:   "Show the monthly report to the top-level node, or write it as a page to be printed",
		Long:    "Show the monthly report: of a month that is over as it was reported, else how far it is. With -O FILE a page in\nHTML is written, in the language of the environment.",
		Example: "  idctl report monthly\n  idctl report monthly --month 2026-10 -O 2026-10.html",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = a.run(func(ctx context.Context, _ []string) error {
		q := url.Values{}
		if month != "" {
			q.Set("month", month)
		}
		if out == "" {
			return a.show(ctx, "/v1/reports/monthly", q, []string{"month", "complete", "operator", "hours", "availability", "availabilityBefore", "availabilityMonths",
				"registerMean", "resolveMean", "effectiveHours", "stops", "emergencies"})
		}
		q.Set("format", "html")
		page, err := a.call(ctx, request{method: http.MethodGet, path: "/v1/reports/monthly", query: q})
		if err != nil {
			return err
		}
		if out == "-" {
			_, err := a.Out.Write(page)
			return err
		}
		return writeWhole(out, func(w io.Writer) error {
			_, err := w.Write(page)
			return err
		})
	})
	cmd.Flags().StringVar(&month, "month", "", "the `MONTH`, such as 2026-11 (default: the present one)")
	cmd.Flags().StringVarP(&out, "out", "O", "", "`FILE` to write as a page in HTML; - is standard output")
	return cmd
}

func (a *app) printReport(r *report) error {
	for _, row := range r.Rows {
		state := "complete"
		if !row.Complete {
			state = "incomplete"
		}
		subject := "enterprise " + clean(row.Enterprise)
		if row.App != "" {
			subject += ", application " + clean(row.App)
		}
		fmt.Fprintf(a.Out, "%s  %s  %s\n", clean(r.Table), subject, state)
		t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
		for _, item := range row.Items {
			value := cellOf(item.Value)
			if item.Missing {
				value = "MISSING"
			}
			fmt.Fprintf(t, "  %d\t%s\t%s\t%s\n", item.Number, clean(item.Name.ZH), clean(item.Name.EN), clean(orDefault(value, "-")))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// cellOf is a value in JSON as one cell of a table: a choice by its code and name.
func cellOf(raw json.RawMessage) string {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return ""
	}
	var choice struct{ Code, ZH string }
	if json.Unmarshal(raw, &choice) == nil && choice.Code != "" {
		return choice.Code + " " + choice.ZH
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}
