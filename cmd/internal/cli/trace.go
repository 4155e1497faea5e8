package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// step is one step of a resolution.
type step struct {
	Stage  string  `json:"stage"`
	Name   string  `json:"name,omitempty"`
	Status string  `json:"status,omitempty"`
	Tier   string  `json:"tier,omitempty"`
	Micros float64 `json:"micros"`
	Detail string  `json:"detail,omitempty"`
}

// took is how long s took, in as many digits as are read at a glance.
func (s *step) took() time.Duration {
	d := time.Duration(s.Micros * 1000)
	if d >= time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(10 * time.Nanosecond)
}

func (a *app) traceCommand() *cobra.Command {
	q := question{trace: true}
	var via string
	var indexes []uint
	cmd := &cobra.Command{
		Use:   "trace ID",
		Short: "Show step by step how an identifier is resolved",
		Long: `Show step by step how a node resolves an identifier: how it is read, which namespace holds it,
where its record was looked for, which pattern or broader identifier answers for it.`,
		Example: `  idctl trace 6901234567892
  idctl trace '(01)06901234567892(10)LOT1(21)A1' --fallback
  idctl trace urn:oid:1.2.156.10001.7 --via grpc -o json`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q.id = args[0]
			if via != "http" && via != "grpc" {
				return usagef("--via is http or grpc, not %q: no other transport tells its steps", via)
			}
			ans, took, err := a.ask(ctx, &q, via, indexes)
			if err != nil {
				return a.printSlips(err)
			}
			return a.printTrace(ans, via, took)
		}),
	}
	a.questionFlags(cmd, &q, &indexes)
	cmd.Flags().StringVar(&via, "via", "http", "`TRANSPORT`: http or grpc")
	_ = cmd.RegisterFlagCompletionFunc("via", cobra.FixedCompletions([]string{"grpc", "http"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// printTrace prints the steps of an answer, and then the answer.
func (a *app) printTrace(ans *answer, via string, took time.Duration) error {
	if a.output == "json" {
		return a.printAnswer(ans, via, took)
	}
	t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "STEP\tOF\tOUTCOME\tTIER\tTIME\tDETAIL")
	for _, s := range ans.Steps {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", clean(s.Stage), dash(s.Name), dash(s.Status), dash(s.Tier),
			s.took(), clean(s.Detail))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(ans.Candidates) > 1 {
		if err := a.printCandidates(ans.Candidates); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(a.Out); err != nil {
		return err
	}
	shown := *ans
	shown.Candidates = nil // they are printed already
	return a.printAnswer(&shown, via, took)
}

// printSlips prints the readings of a text that is no identifier, and returns err, which says so.
func (a *app) printSlips(err error) error {
	p, ok := errors.AsType[*problem](err)
	if !ok || a.output == "json" || len(p.Candidates) == 0 {
		return err
	}
	if err := a.printCandidates(p.Candidates); err != nil {
		return err
	}
	return err
}

// printCandidates prints the readings of a text as a table.
func (a *app) printCandidates(all []candidate) error {
	t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "CANDIDATE\tREADS\tBECAUSE\tSLIP\tMEANT")
	for _, c := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", clean(c.Scheme), dash(c.Canonical), dash(c.Reason), dash(c.Error), dash(c.Meant))
	}
	return t.Flush()
}

// dash is s made safe for a terminal, or a dash in place of nothing.
func dash(s string) string { return orDefault(clean(s), "-") }
