package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

const applicationsPath = "/v1/prefix-applications"

// quotaFlags bound the use of a prefix.
type quotaFlags struct {
	records, requests uint64
	none              bool
}

func (q *quotaFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Uint64Var(&q.records, "max-records", 0, "at most `N` identifiers, revoked ones included")
	f.Uint64Var(&q.requests, "max-requests-per-day", 0, "at most `N` writes a day (Beijing time)")
}

// body puts what is set into a request's body.
func (q *quotaFlags) body(body map[string]any) {
	quota := map[string]any{}
	if q.records > 0 {
		quota["records"] = q.records
	}
	if q.requests > 0 {
		quota["requestsPerDay"] = q.requests
	}
	if len(quota) > 0 || q.none {
		body["quota"] = quota
	}
}

func (a *app) prefixApply() *cobra.Command {
	var scheme, enterprise, purpose string
	var p prefixFlags
	var q quotaFlags
	cmd := &cobra.Command{
		Use:   "apply [PREFIX]",
		Short: "Apply for a prefix; without one, for the next free",
		Long:  "Apply for a prefix. It is allocated when an operator or a reviewer approves the application.",
		Example: `  idctl --key-file enterprise.key prefix apply --purpose 轴承
  idctl --key-file enterprise.key prefix apply 88.1021.300 --mode delegated --ip 192.0.2.7 --tcp 2641`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			var prefix string
			if len(args) > 0 {
				prefix = args[0]
			}
			scheme, prefix, err := namespace(prefix, scheme)
			if err != nil {
				return err
			}
			body := map[string]any{"scheme": scheme}
			for name, text := range map[string]string{"prefix": prefix, "enterprise": enterprise, "purpose": purpose} {
				if text != "" {
					body[name] = text
				}
			}
			if p.caseSensitive {
				body["caseSensitive"] = true
			}
			if err := p.body(body); err != nil {
				return err
			}
			q.body(body)
			return a.send(ctx, request{method: http.MethodPost, path: applicationsPath, body: body}, applicationLine)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&scheme, "scheme", "", "coding scheme: handle, oid, ecode or gs1 (default: handle)")
	f.StringVar(&enterprise, "enterprise", "", "`ID` of the enterprise (default: that of the key)")
	f.StringVar(&purpose, "purpose", "", "what the prefix is for")
	p.addService(cmd, "hosted")
	q.add(cmd)
	return cmd
}

func applicationLine(a map[string]any) string {
	line := "application " + cell(a, "id") + " " + cell(a, "state")
	if prefix := cell(a, "allocated"); prefix != "" {
		line += ": " + cell(a, "scheme") + " prefix " + prefix
	}
	return line
}

func (a *app) prefixApplications() []*cobra.Command {
	var enterprise, state string
	list := &cobra.Command{
		Use: "applications", Short: "List applications for prefixes", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q := url.Values{}
			if enterprise != "" {
				q.Set("enterprise", enterprise)
			}
			if state != "" {
				q.Set("state", state)
			}
			return a.listAll(ctx, applicationsPath, q, []string{"id", "enterprise", "scheme", "prefix", "mode", "state", "allocated", "purpose"})
		}),
	}
	list.Flags().StringVar(&enterprise, "enterprise", "", "only of the enterprise with this `ID`")
	list.Flags().StringVar(&state, "state", "", "only in this `STATE`: pending, returned, approved, rejected or cancelled")
	show := &cobra.Command{
		Use: "application ID", Short: "Show an application for a prefix", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.show(ctx, applicationsPath+"/"+url.PathEscape(args[0]), nil, []string{"id", "enterprise", "scheme", "prefix", "mode", "service.ip",
				"quota", "purpose", "state", "reason", "decidedBy", "allocated", "created", "updated"})
		}),
	}
	cmds := []*cobra.Command{list, show}
	for _, step := range []struct{ name, short string }{
		{"approve", "Approve an application: the prefix is allocated"},
		{"return", "Send an application back to be amended"},
		{"reject", "Reject an application for good"},
		{"submit", "Submit an amended application again"},
		{"cancel", "Take an application back"},
	} {
		var reason string
		cmd := &cobra.Command{
			Use: step.name + " APPLICATION", Short: step.short, Args: cobra.ExactArgs(1),
			RunE: a.run(func(ctx context.Context, args []string) error {
				return a.send(ctx, request{method: http.MethodPost, path: applicationsPath + "/" + url.PathEscape(args[0]) + ":" + step.name,
					body: reasonBody(reason)}, applicationLine)
			}),
		}
		cmd.Flags().StringVar(&reason, "reason", "", "why")
		cmds = append(cmds, cmd)
	}
	return append(cmds, a.prefixAmend(), a.prefixUsage())
}

func (a *app) prefixAmend() *cobra.Command {
	var prefix, purpose string
	var p prefixFlags
	var q quotaFlags
	cmd := &cobra.Command{
		Use: "amend APPLICATION", Short: "Change an application that is not decided on", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			body := map[string]any{}
			if prefix != "" {
				body["prefix"] = prefix
			}
			if purpose != "" {
				body["purpose"] = purpose
			}
			if err := p.body(body); err != nil {
				return err
			}
			q.body(body)
			if len(body) == 0 {
				return usagef("nothing to change: give --prefix, --mode, --purpose or a quota")
			}
			return a.send(ctx, request{method: http.MethodPatch, path: applicationsPath + "/" + url.PathEscape(args[0]), body: body}, applicationLine)
		}),
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "the `PREFIX` wished for")
	cmd.Flags().StringVar(&purpose, "purpose", "", "what the prefix is for")
	p.addService(cmd, "")
	q.add(cmd)
	return cmd
}

func (a *app) prefixUsage() *cobra.Command {
	return &cobra.Command{
		Use: "usage PREFIX", Short: "How many identifiers a prefix has, and today's writes", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			scheme, prefix, err := namespace(args[0], "")
			if err != nil {
				return err
			}
			return a.show(ctx, "/v1/prefixes:usage", url.Values{"scheme": {scheme}, "prefix": {prefix}}, []string{"records", "requestsToday"})
		}),
	}
}
