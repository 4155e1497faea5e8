package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// pageRows is how many records are asked for at once.
const pageRows = 1000

// page is a page of any list of the node.
type page struct {
	Items []json.RawMessage `json:"items"`
	Next  string            `json:"next"`
}

// each calls f for the items of a list, page by page, until f returns false or the list ends. A
// limit above 0 bounds the items.
func (a *app) each(ctx context.Context, path string, q url.Values, limit int, f func(item json.RawMessage) error) error {
	if q == nil {
		q = url.Values{}
	}
	for seen := 0; ; {
		rows := pageRows
		if limit > 0 {
			rows = min(rows, limit-seen)
		}
		q.Set("limit", strconv.Itoa(rows))
		var p page
		if _, err := a.callInto(ctx, request{method: http.MethodGet, path: path, query: q}, &p); err != nil {
			return err
		}
		for _, item := range p.Items {
			if err := f(item); err != nil {
				return err
			}
			if seen++; seen == limit {
				return nil
			}
		}
		if p.Next == "" {
			return nil
		}
		if p.Next == q.Get("cursor") {
			return failf("list %s: the server gave the same page twice", path)
		}
		q.Set("cursor", p.Next)
	}
}

// selection are the flags that choose records.
type selection struct {
	prefix, scheme string
}

func (s *selection) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.prefix, "prefix", "", "only identifiers that begin with `TEXT`, such as 88.1021.150/BRG- or 1.3.6.1.4.1")
	cmd.Flags().StringVar(&s.scheme, "scheme", "", "only identifiers of `SCHEME`: handle, oid, ecode or gs1")
}

func (s *selection) query() url.Values {
	q := url.Values{}
	if s.prefix != "" {
		q.Set("prefix", s.prefix)
	}
	if s.scheme != "" {
		q.Set("scheme", s.scheme)
	}
	return q
}

func (a *app) listCommand() *cobra.Command {
	var s selection
	var template, where string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List identifiers, or search them by a field of their template",
		Long:  "List identifiers in the order of their canonical forms. With -o json one record a line.",
		Example: `  idctl list --prefix 88.1021.150/BRG-
  idctl list --template bearing --where model=6204
  idctl list --template bearing --where 'made=2026-03*'`,
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			if limit < 0 {
				return usagef("--limit is 0 or more")
			}
			q := s.query()
			if template != "" {
				q.Set("template", template)
			}
			if where != "" {
				field, value, ok := strings.Cut(where, "=")
				if !ok || field == "" || template == "" {
					return usagef("--where is FIELD=VALUE of a --template, VALUE* for what begins so")
				}
				q.Set("field", field)
				if begins, ok := strings.CutSuffix(value, "*"); ok {
					value = begins
					q.Set("match", "prefix")
				}
				q.Set("value", value)
			}
			if a.output == "json" {
				return a.each(ctx, "/v1/identifiers", q, limit, func(item json.RawMessage) error {
					_, err := fmt.Fprintf(a.Out, "%s\n", item)
					return err
				})
			}
			t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
			n := 0
			err := a.each(ctx, "/v1/identifiers", q, limit, func(item json.RawMessage) error {
				var r record
				if err := json.Unmarshal(item, &r); err != nil {
					return failf("answer of %s is not what idctl knows: %v", a.server, err)
				}
				n++
				first := ""
				if len(r.Values) > 0 {
					first = r.Values[0].Type + " " + r.Values[0].text()
				}
				fmt.Fprintf(t, "%s\tv%d\t%s\t%d values\t%s\n", clean(r.ID), r.Version, r.State, len(r.Values), clean(first))
				if n%pageRows == 0 {
					return t.Flush()
				}
				return nil
			})
			if ferr := t.Flush(); err == nil {
				err = ferr
			}
			if err == nil && limit > 0 && n == limit {
				fmt.Fprintf(a.Err, "idctl: the first %d; --limit 0 lists all\n", n)
			}
			return err
		}),
	}
	s.add(cmd)
	cmd.Flags().StringVar(&template, "template", "", "only identifiers that follow this `TEMPLATE`")
	cmd.Flags().StringVar(&where, "where", "", "only those with `FIELD=VALUE`, a searchable field of the template; VALUE* for what begins so")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most `N` identifiers, 0 for all")
	return cmd
}
