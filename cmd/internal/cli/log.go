package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// loggedQuery is a request in the log of resolution requests.
type loggedQuery struct {
	Time       string `json:"time"`
	Transport  string `json:"transport"`
	Client     string `json:"client"`
	ID         string `json:"id"`
	Asked      string `json:"asked"`
	Outcome    string `json:"outcome"`
	Source     string `json:"source"`
	TookMicros int64  `json:"tookMicros"`
}

func (a *app) logCommand() *cobra.Command {
	return group("log", "Read the log of resolution requests", a.logResolutionCommand(), a.logExportCommand())
}

// logFlags are what of the log is asked for.
type logFlags struct{ from, to, id, prefix, scheme, client, outcome, transport string }

func (lf *logFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&lf.from, "from", "", "from this `TIME` on, such as 2026-01-31 or 2026-01-31T08:00:00+08:00")
	f.StringVar(&lf.to, "to", "", "before this `TIME`")
	f.StringVar(&lf.id, "id", "", "requests for this identifier")
	f.StringVar(&lf.prefix, "prefix", "", "requests for identifiers under this prefix")
	f.StringVar(&lf.scheme, "scheme", "", "scheme of the prefix (default handle)")
	f.StringVar(&lf.client, "client", "", "requests of this address or network")
	f.StringVar(&lf.outcome, "outcome", "", "requests that were found, not_found, …")
	f.StringVar(&lf.transport, "transport", "", "requests over dns_udp, dns_tcp, handle_udp, handle_tcp, grpc or http")
}

func (lf *logFlags) query() (url.Values, error) {
	q := url.Values{}
	for name, text := range map[string]string{"from": lf.from, "to": lf.to} {
		if text != "" {
			t, err := parseTime(text, time.Now())
			if err != nil {
				return nil, err
			}
			q.Set(name, t.Format(time.RFC3339))
		}
	}
	for name, value := range map[string]string{"id": lf.id, "prefix": lf.prefix, "scheme": lf.scheme, "client": lf.client, "outcome": lf.outcome, "transport": lf.transport} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q, nil
}

func (a *app) logResolutionCommand() *cobra.Command {
	var lf logFlags
	var limit int
	cmd := &cobra.Command{
		Use:   "resolution",
		Short: "Show who asked for what, in the order of time",
		Long: `Show who asked for what over any transport, in the order of time; without --from, of the last day. With -o json one a line.

Operators and auditors see everything, an enterprise's admin what was asked of its prefixes, with networks in place
of addresses.`,
		Example: `  idctl log resolution --id 88.1021.150/SN-001
  idctl log resolution --prefix 88.1021.150 --outcome not_found --from 2026-01-01`,
		Args: cobra.NoArgs,
	}
	lf.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "at most `N` requests, 0 for all")
	cmd.RunE = a.run(func(ctx context.Context, _ []string) error {
		q, err := lf.query()
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
		err = a.each(ctx, "/v1/logs/resolution", q, limit, func(item json.RawMessage) error {
			if a.output == "json" {
				_, err := fmt.Fprintf(a.Out, "%s\n", item)
				return err
			}
			var one loggedQuery
			if err := json.Unmarshal(item, &one); err != nil {
				return failf("answer of %s is not what idctl knows: %v", a.server, err)
			}
			_, err := fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", clean(one.Time), clean(one.Transport), clean(orDefault(one.Client, "-")), clean(one.Outcome),
				clean(one.Source), clean(orDefault(one.ID, one.Asked)))
			return err
		})
		if ferr := t.Flush(); err == nil {
			err = ferr
		}
		return err
	})
	return cmd
}

func (a *app) logExportCommand() *cobra.Command {
	var lf logFlags
	var out string
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write the log of resolution requests to a file, NDJSON with a request a line",
		Example: `  idctl log export --from 2026-01-01 --to 2026-02-01 -O january.ndjson`,
		Args:    cobra.NoArgs,
	}
	lf.add(cmd)
	cmd.Flags().StringVarP(&out, "output-file", "O", "-", "`FILE` to write, - for standard output")
	cmd.RunE = a.run(func(ctx context.Context, _ []string) error {
		q, err := lf.query()
		if err != nil {
			return err
		}
		body, err := a.stream(ctx, request{method: http.MethodGet, path: "/v1/logs/resolution:export", query: q})
		if err != nil {
			return err
		}
		defer body.Close()
		if out == "-" {
			return wholeLog(a.Out, body)
		}
		return writeWhole(out, func(w io.Writer) error { return wholeLog(w, body) })
	})
	return cmd
}

// wholeLog copies an exported log, and fails if its end is missing.
func wholeLog(w io.Writer, r io.Reader) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	whole := false
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			whole = bytes.HasPrefix(line, []byte(`{"end":true,`))
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if !whole {
		return failf("the export is cut short")
	}
	return nil
}
