package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) auditCommand() *cobra.Command {
	return group("audit", "Read who changed what, and when, and verify it", a.auditList(), a.auditVerify(), a.auditExport(), a.auditHead())
}

func (a *app) auditList() *cobra.Command {
	var since, until, id, enterprise, op string
	var newest bool
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List entries of the audit log",
		Long:    "List entries of the audit log in the order of time. With -o json one entry a line.",
		Example: "  idctl audit list --enterprise e1 --newest --limit 20\n  idctl audit list --op enterprise. --since 2026-01-01",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q := url.Values{}
			for name, text := range map[string]string{"since": since, "until": until} {
				if text != "" {
					t, err := parseTime(text, time.Now())
					if err != nil {
						return err
					}
					q.Set(name, t.Format(time.RFC3339))
				}
			}
			for name, text := range map[string]string{"id": id, "enterprise": enterprise, "op": op} {
				if text != "" {
					q.Set(name, text)
				}
			}
			if newest {
				q.Set("order", "desc")
			}
			t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
			err := a.each(ctx, "/v1/audit", q, limit, func(item json.RawMessage) error {
				if a.output == "json" {
					_, err := fmt.Fprintf(a.Out, "%s\n", item)
					return err
				}
				e := map[string]any{}
				if err := json.Unmarshal(item, &e); err != nil {
					return failf("answer of %s is not what idctl knows: %v", a.server, err)
				}
				who := orDefault(cell(e, "key"), cell(e, "identity"))
				step := ""
				if cell(e, "from")+cell(e, "to") != "" {
					step = orDefault(cell(e, "from"), "-") + " → " + cell(e, "to")
				}
				_, err := fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", clean(cell(e, "time")), clean(orDefault(cell(e, "enterprise"), "-")), clean(orDefault(who, "-")),
					clean(cell(e, "op")), clean(orDefault(cell(e, "id"), "-")), clean(orDefault(step, "-")), clean(cell(e, "reason")))
				return err
			})
			if ferr := t.Flush(); err == nil {
				err = ferr
			}
			return err
		}),
	}
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "from this `TIME` on (RFC 3339, or a date)")
	f.StringVar(&until, "until", "", "before this `TIME`")
	f.StringVar(&id, "id", "", "only of this identifier, prefix, enterprise, key or file `ID`")
	f.StringVar(&enterprise, "enterprise", "", "only what the enterprise with this `ID` did, and what was done to it")
	f.StringVar(&op, "op", "", "only this `OPERATION`, such as enterprise.approve; with a dot at the end all that begin so")
	f.BoolVar(&newest, "newest", false, "newest first")
	f.IntVar(&limit, "limit", 0, "at most `N` entries, 0 for all")
	return cmd
}
