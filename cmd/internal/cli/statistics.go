package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// statistics is the node's answer.
type statistics struct {
	Items []struct {
		Enterprise, Name, Period, Scheme, Prefix string
		figures
	}
	Totals []struct {
		Period string
		figures
	}
	IncompleteSince *time.Time
	Counting        bool
}

type figures struct {
	Resolutions   struct{ Total, Found, NotFound, Other uint64 }
	Registrations struct{ Created, Updated, Revoked, Restored uint64 }
	Records       *struct{ Active, Revoked uint64 } // nil: not known
}

// figureColumns are the names of cells.
var figureColumns = []string{"resolutions", "found", "not_found", "other", "created", "updated", "revoked", "restored", "records", "tombstones"}

// cells are the figures as text; where it is not known how many records there are, as unknown.
func (f *figures) cells(unknown string) []string {
	var out []string
	for _, n := range []uint64{f.Resolutions.Total, f.Resolutions.Found, f.Resolutions.NotFound, f.Resolutions.Other,
		f.Registrations.Created, f.Registrations.Updated, f.Registrations.Revoked, f.Registrations.Restored} {
		out = append(out, strconv.FormatUint(n, 10))
	}
	if f.Records == nil {
		return append(out, unknown, unknown)
	}
	return append(out, strconv.FormatUint(f.Records.Active, 10), strconv.FormatUint(f.Records.Revoked, 10))
}

func (a *app) statisticsCommand() *cobra.Command {
	var enterprise, from, to, out string
	var byDay, byPrefix bool
	cmd := &cobra.Command{
		Use:   "statistics",
		Short: "Show what enterprises registered, and what was resolved of it, by month or day",
		Long: `Show for each enterprise and month how often its identifiers were asked for and with what outcome,
how many were registered, changed, revoked and restored, and how many records and tombstones there
were at the end of the month; of the current one, until now. Where all figures are 0 there is no line.

With -O FILE a table in CSV is written, without totals. It begins with a byte order mark, by which
spreadsheets know that it is UTF-8; cells that they would take for a formula begin with an apostrophe.`,
		Example: "  idctl statistics\n  idctl statistics --from 2026-01 --to 2026-12 -O 2026.csv\n  idctl statistics --enterprise e1 --from 2026-11 --by-day --by-prefix",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q := url.Values{}
			for name, text := range map[string]string{"enterprise": enterprise, "from": from, "to": to} {
				if text != "" {
					q.Set(name, text)
				}
			}
			if byDay {
				q.Set("granularity", "day")
			}
			if byPrefix {
				q.Set("by", "prefix")
			}
			var s statistics
			body, err := a.callInto(ctx, request{method: http.MethodGet, path: "/v1/statistics", query: q}, &s)
			if err != nil {
				return err
			}
			write := func(w io.Writer) error { return s.writeCSV(w, byPrefix) }
			if a.output == "json" {
				write = func(w io.Writer) error {
					_, err := w.Write(append(bytes.TrimSpace(body), '\n'))
					return err
				}
			}
			switch {
			case out == "-":
				err = write(a.Out)
			case out != "":
				err = writeWhole(out, write)
			case a.output == "json":
				return a.printBody(body)
			default:
				err = s.print(a.Out, byPrefix)
			}
			if s.IncompleteSince != nil {
				fmt.Fprintf(a.Err, "idctl: registrations may lack some from %s on\n", s.IncompleteSince.Format(time.RFC3339))
			}
			if s.Counting {
				fmt.Fprintln(a.Err, "idctl: the node is still counting its records: how many there are it does not know yet")
			}
			return err
		}),
	}
	f := cmd.Flags()
	f.StringVar(&enterprise, "enterprise", "", "only the enterprise with this `ID`")
	f.StringVar(&from, "from", "", "from this `MONTH` (2026-01) or day (2026-01-31) on (default: 11 months, or 30 days, before --to)")
	f.StringVar(&to, "to", "", "up to this `MONTH` or day (default: today)")
	f.BoolVar(&byDay, "by-day", false, "each day apart")
	f.BoolVar(&byPrefix, "by-prefix", false, "each prefix apart")
	f.StringVarP(&out, "out", "O", "", "`FILE` to write as CSV, or with -o json as JSON; - is standard output")
	return cmd
}

// print prints a table, the totals last.
func (s *statistics) print(w io.Writer, byPrefix bool) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(cells ...string) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, clean(orDefault(c, "-")))
		}
		fmt.Fprintln(t)
	}
	head := []string{"period", "enterprise"}
	if byPrefix {
		head = append(head, "prefix")
	}
	line(append(append(head, figureColumns...), "name")...)
	for i := range s.Items {
		item := &s.Items[i]
		cells := []string{item.Period, item.Enterprise}
		if byPrefix {
			cells = append(cells, item.Scheme+":"+orDefault(item.Prefix, "-"))
		}
		line(append(append(cells, item.cells("?")...), item.Name)...)
	}
	for i := range s.Totals {
		total := &s.Totals[i]
		cells := []string{total.Period, "total"}
		if byPrefix {
			cells = append(cells, "")
		}
		line(append(append(cells, total.cells("?")...), "")...)
	}
	return t.Flush()
}

// writeCSV writes the items as CSV.
func (s *statistics) writeCSV(w io.Writer, byPrefix bool) error {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	head := []string{"period", "enterprise", "name"}
	if byPrefix {
		head = append(head, "scheme", "prefix")
	}
	_ = out.Write(append(head, figureColumns...)) // an error stays and is returned in the end
	for i := range s.Items {
		item := &s.Items[i]
		cells := []string{item.Period, escapeFormula(item.Enterprise), escapeFormula(item.Name)}
		if byPrefix {
			cells = append(cells, item.Scheme, escapeFormula(item.Prefix))
		}
		_ = out.Write(append(cells, item.cells("")...))
	}
	out.Flush()
	return out.Error()
}
