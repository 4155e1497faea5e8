package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

// mintRequest is the body of POST /v1/identifiers:mint.
type mintRequest struct {
	Scheme string            `json:"scheme,omitempty"`
	Prefix string            `json:"prefix"`
	Rule   string            `json:"rule"`
	Start  uint64            `json:"start,omitempty"`
	Count  int               `json:"count,omitempty"`
	Record json.RawMessage   `json:"record,omitempty"`
	Items  []json.RawMessage `json:"items,omitempty"`
	Reason string            `json:"reason,omitempty"`
	DryRun bool              `json:"dryRun,omitempty"`
}

func (a *app) mintCommand() *cobra.Command {
	var rf recordFlags
	var q mintRequest
	cmd := &cobra.Command{
		Use:   "mint PREFIX RULE [--count N] --value INDEX:TYPE=DATA… | -f FILE",
		Short: "Register under new identifiers that a rule makes",
		Long: `Register under new identifiers that a rule makes, and print them, one a line.

The rule is text with places: {serial:6} counts with six digits, {random:8} is random,
{random:8:check} has a check symbol; {yyyy} {yy} {MM} {dd} {DDD} {GGGG} {ww} {HH} are dates, {check}
and {check:luhn} check characters. A number is given out once and never again. All are registered or none.

FILE has what each of them stands for, a JSON object with values or fields a line, without ids.`,
		Example: `  idctl mint 88.1021.150 'SN-{yyyy}{MM}-{serial:6}{check}' --count 100 --template bearing --field grade=P5
  idctl mint 88.1021.150 'B{random:10:check}' -f items.ndjson --dry-run`,
		Args: cobra.ExactArgs(2),
	}
	rf.add(cmd)
	f := cmd.Flags()
	f.StringVar(&q.Scheme, "scheme", "", "scheme of the prefix, handle or oid (default handle)")
	f.IntVar(&q.Count, "count", 1, "how `MANY`, each with the values given")
	f.Uint64Var(&q.Start, "start", 0, "the least serial `NUMBER` to use")
	f.BoolVar(&q.DryRun, "dry-run", false, "check, and show the identifiers, but register none")
	cmd.MarkFlagsMutuallyExclusive("count", "file")
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		q.Prefix, q.Rule, q.Reason = args[0], args[1], rf.reason
		if rf.file != "" {
			q.Count = 0
			raw, err := a.readFile(rf.file)
			if err != nil {
				return err
			}
			if q.Items, err = objects(raw); err != nil {
				return failf("read %s: %v", rf.file, err)
			}
		} else {
			_, body, err := a.body(&rf, []string{"-"}, cmd.Flags().Changed("ttl"))
			if err != nil {
				return err
			}
			var record map[string]json.RawMessage
			if err := json.Unmarshal(body, &record); err != nil {
				return err
			}
			delete(record, "id") // it is made by the node
			if q.Record, err = json.Marshal(record); err != nil {
				return err
			}
		}
		var out struct{ Items []struct{ ID string } }
		body, err := a.callInto(ctx, request{method: http.MethodPost, path: "/v1/identifiers:mint", body: q, header: conditions(rf.idemKey, 0)}, &out)
		if err != nil {
			return err
		}
		if a.output == "json" {
			return a.printBody(body)
		}
		for _, item := range out.Items {
			if _, err := fmt.Fprintln(a.Out, clean(item.ID)); err != nil {
				return err
			}
		}
		return nil
	})
	return cmd
}

// objects are the JSON values that follow each other in raw.
func objects(raw []byte) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for d := json.NewDecoder(bytes.NewReader(raw)); ; {
		var one json.RawMessage
		err := d.Decode(&one)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
}
