package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *app) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "history ID", Short: "The versions of an identifier: what was done, when, by whom and why", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.listAll(ctx, "/v1/identifiers:history", url.Values{"id": {args[0]}},
				[]string{"version", "op", "time", "by.enterprise", "by.key", "by.identity", "by.role", "by.via", "reason"})
		}),
	}
}

func (a *app) referencesCommand() *cobra.Command {
	var to bool
	cmd := &cobra.Command{
		Use: "references ID", Short: "What an identifier refers to; with --to, what refers to it", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q := url.Values{"id": {args[0]}, "direction": {"from"}}
			if to {
				q.Set("direction", "to")
			}
			return a.listAll(ctx, "/v1/identifiers:references", q, []string{"id", "kind", "index", "type", "state"})
		}),
	}
	cmd.Flags().BoolVar(&to, "to", false, "the records that refer to the identifier")
	return cmd
}

func (a *app) diffCommand() *cobra.Command {
	var from, to uint64
	cmd := &cobra.Command{
		Use: "diff ID", Short: "What differs between two versions of an identifier", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q := url.Values{"id": {args[0]}}
			if from > 0 {
				q.Set("from", fmt.Sprint(from))
			}
			if to > 0 {
				q.Set("to", fmt.Sprint(to))
			}
			type change struct{ Before, After string }
			var d struct {
				ID                                 string
				From, To                           uint64
				State, Template, Reason, Successor *change
				Values                             []struct {
					Index         uint32
					Before, After *value
				}
			}
			body, err := a.callInto(ctx, request{method: http.MethodGet, path: "/v1/identifiers:diff", query: q}, &d)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printBody(body)
			}
			fmt.Fprintf(a.Out, "%s  version %d to %d\n", clean(d.ID), d.From, d.To)
			for _, c := range []struct {
				name string
				*change
			}{{"state", d.State}, {"template", d.Template}, {"reason", d.Reason}, {"successor", d.Successor}} {
				if c.change != nil {
					fmt.Fprintf(a.Out, "- %s %s\n+ %s %s\n", c.name, clean(c.Before), c.name, clean(c.After))
				}
			}
			for _, v := range d.Values {
				printChange(a, "-", v.Before)
				printChange(a, "+", v.After)
			}
			return nil
		}),
	}
	cmd.Flags().Uint64Var(&from, "from", 0, "the older `VERSION` (default: the one before --to)")
	cmd.Flags().Uint64Var(&to, "to", 0, "the newer `VERSION` (default: the newest)")
	return cmd
}

// printChange prints one side of a changed value, if there is one.
func printChange(a *app, sign string, v *value) {
	if v == nil {
		return
	}
	perms := ""
	var text string
	if json.Unmarshal(v.Perms, &text) == nil && text != "" {
		perms = "  perms " + text
	}
	fmt.Fprintf(a.Out, "%s %d  %s  %s%s\n", sign, v.Index, clean(v.Type), clean(v.text()), clean(perms))
}
