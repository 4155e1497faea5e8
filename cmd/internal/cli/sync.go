package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// syncStatus is how far the reports to the top-level node are.
type syncStatus struct {
	Day              string
	Loading          bool
	GatherLagSeconds float64
	Targets          []struct {
		Name, Kind  string
		BreakerOpen bool
		Tables      []struct {
			Table, State                                           string
			Acknowledged, Released, Last, Oldest, LagRows, Refused uint64
			LagSeconds                                             float64
			Failing                                                *struct {
				Since, Next time.Time
				Attempts    int
				Error       string
			}
		}
	}
	Withheld []struct {
		Table  string
		Things int
	}
	Things []struct {
		Table, Key string
		Faults     []syncFault
	}
	Refused []struct {
		Target, Table, Key, By, Detail string
		Seq                            uint64
		Faults                         []syncFault
	}
}

type syncFault struct{ Field, Detail string }

func (a *app) syncCommand() *cobra.Command {
	var target, table string
	status := &cobra.Command{
		Use:   "status",
		Short: "Show how far each table is at each target, and what cannot be reported",
		Long: `Show for each target and table up to which row it is acknowledged, how many rows wait and how long the
oldest has waited, and why nothing gets through. With --table also the things that cannot be reported
as they are, and the rows that were refused.`,
		Example: "  idctl sync status\n  idctl sync status --target top --table T6",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q := url.Values{}
			for name, text := range map[string]string{"target": target, "table": table} {
				if text != "" {
					q.Set(name, text)
				}
			}
			return a.printSync(ctx, request{method: http.MethodGet, path: "/v1/sync", query: q})
		}),
	}
	status.Flags().StringVar(&target, "target", "", "only the target with this `NAME`")
	status.Flags().StringVar(&table, "table", "", "only this `TABLE`, with what could not be reported")
	return group("sync", "Show and order the reports to the top-level node", status,
		a.syncOrder("pause", "Hold rows back; they are gathered all the same", false),
		a.syncOrder("resume", "Let rows leave again, and try at once", false),
		a.syncOrder("replay", "Send rows again that were acknowledged", true), a.syncAbnormal(), a.syncNormal())
}

// syncOrder is a command that orders something.
func (a *app) syncOrder(action, short string, from bool) *cobra.Command {
	var target, table, reason string
	var first uint64
	cmd := &cobra.Command{Use: action, Short: short, Args: cobra.NoArgs}
	if from {
		cmd.Long = "Send rows again, the oldest that is kept first, or with --from those from a number on. A target that has\nthem knows them by their numbers, and takes none twice."
		cmd.Example = "  idctl sync replay --target top\n  idctl sync replay --target top --table T9 --from 120001 --reason 'lost after their restore'"
	}
	cmd.RunE = a.run(func(ctx context.Context, _ []string) error {
		if first > 0 && table == "" {
			return usagef("--from needs --table: each table has its own numbers")
		}
		body := map[string]any{}
		for name, text := range map[string]string{"target": target, "table": table, "reason": reason} {
			if text != "" {
				body[name] = text
			}
		}
		if first > 0 {
			body["from"] = first
		}
		return a.printSync(ctx, request{method: http.MethodPost, path: "/v1/sync:" + action, body: body})
	})
	f := cmd.Flags()
	f.StringVar(&target, "target", "", "only the target with this `NAME`")
	f.StringVar(&table, "table", "", "only this `TABLE`")
	f.StringVar(&reason, "reason", "", "why, for the audit log, in `WORDS`")
	if from {
		f.Uint64Var(&first, "from", 0, "from the row with this `NUMBER` on")
	}
	return cmd
}

func (a *app) syncAbnormal() *cobra.Command {
	var category, cause string
	cmd := &cobra.Command{
		Use:     "abnormal --category network|system|attack|other",
		Short:   "Report an abnormal event; its number is shown",
		Example: "  idctl sync abnormal --category attack --cause 'a flood of requests from one network'",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = a.run(func(ctx context.Context, _ []string) error {
		code := slices.Index([]string{"network", "system", "attack", "other"}, category) + 1
		if code == 0 {
			return usagef("--category is network, system, attack or other")
		}
		return a.send(ctx, request{method: http.MethodPost, path: "/v1/sync:abnormal", body: map[string]any{"category": strconv.Itoa(code), "cause": cause}},
			func(e map[string]any) string { return fmt.Sprintf("event %v", e["number"]) })
	})
	cmd.Flags().StringVar(&category, "category", "", "`KIND` of event")
	cmd.Flags().StringVar(&cause, "cause", "", "what happened, in `WORDS`")
	_ = cmd.MarkFlagRequired("category")
	return cmd
}

func (a *app) syncNormal() *cobra.Command {
	var cause, solution string
	cmd := &cobra.Command{
		Use:     "normal NUMBER",
		Short:   "Report that an abnormal event is over",
		Example: "  idctl sync normal 20261123150405-7 --cause 'one network' --solution 'it was shut out'",
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		return a.send(ctx, request{method: http.MethodPost, path: "/v1/sync:normal", body: map[string]any{"number": args[0], "cause": cause, "solution": solution}},
			func(e map[string]any) string { return fmt.Sprintf("event %v is over", e["number"]) })
	})
	cmd.Flags().StringVar(&cause, "cause", "", "why it had happened, in `WORDS`")
	cmd.Flags().StringVar(&solution, "solution", "", "what was done about it, in `WORDS`")
	return cmd
}

// printSync makes a request and prints the status that it answers.
func (a *app) printSync(ctx context.Context, r request) error {
	var s syncStatus
	body, err := a.callInto(ctx, r, &s)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.printBody(body)
	}
	return s.print(a)
}

func (s *syncStatus) print(a *app) error {
	if s.Loading {
		fmt.Fprintln(a.Out, "the node is going through what it holds")
	}
	t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "target\ttable\tstate\tacknowledged\tlast\twaiting\tlag\trefused\tnote")
	for _, target := range s.Targets {
		for _, table := range target.Tables {
			note := ""
			if f := table.Failing; f != nil {
				note = fmt.Sprintf("%d times since %s: %s", f.Attempts, f.Since.Format(time.RFC3339), f.Error)
			}
			if target.BreakerOpen && table.State == "waiting" {
				note = "waits for what becomes of other tables"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%d\t%s\n", clean(target.Name), clean(table.Table), clean(table.State), table.Acknowledged, table.Last,
				table.LagRows, (time.Duration(table.LagSeconds) * time.Second).String(), table.Refused, clean(note))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, w := range s.Withheld {
		fmt.Fprintf(a.Out, "%s: %d cannot be reported as they are\n", clean(w.Table), w.Things)
	}
	for _, thing := range s.Things {
		fmt.Fprintf(a.Out, "%s %s: %s\n", clean(thing.Table), clean(thing.Key), faultsOf(thing.Faults))
	}
	for _, r := range s.Refused {
		why := clean(r.Detail)
		if len(r.Faults) > 0 {
			why = faultsOf(r.Faults)
		}
		fmt.Fprintf(a.Out, "%s %s row %d (%s), refused by the %s: %s\n", clean(r.Target), clean(r.Table), r.Seq, clean(r.Key), clean(r.By), why)
	}
	return nil
}

func faultsOf(all []syncFault) string {
	texts := make([]string, len(all))
	for i, f := range all {
		texts[i] = clean(f.Field + " " + f.Detail)
	}
	return strings.Join(texts, "; ")
}
