package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// accountFields are what is shown of an account.
var accountFields = []string{"username", "kind", "name", "enterprise", "roles", "email", "mobile", "oidc", "prefixes", "scopes", "disabled",
	"lockedUntil", "passwordSet", "lastUsed", "created", "updated"}

func (a *app) accountCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List accounts", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.listAll(ctx, "/v1/accounts", nil, []string{"username", "enterprise", "roles", "disabled", "lockedUntil", "lastUsed", "name"})
		}),
	}
	show := &cobra.Command{
		Use: "show NAME", Short: "Show an account", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.show(ctx, accountPath(args[0]), nil, accountFields)
		}),
	}
	remove := &cobra.Command{
		Use: "delete NAME", Short: "Delete an account and end its tokens, effective at once", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.send(ctx, request{method: http.MethodDelete, path: accountPath(args[0])},
				func(map[string]any) string { return "deleted account " + args[0] })
		}),
	}
	subs := []*cobra.Command{a.accountCreate(), list, show, a.accountUpdate(), a.accountPassword(), remove}
	for _, step := range []struct{ name, done, short string }{
		{"disable", "disabled", "Disable an account and end its tokens"},
		{"enable", "enabled", "Enable an account"},
		{"unlock", "unlocked", "Lift a lock after failed logins"},
	} {
		subs = append(subs, &cobra.Command{
			Use: step.name + " NAME", Short: step.short, Args: cobra.ExactArgs(1),
			RunE: a.run(func(ctx context.Context, args []string) error {
				return a.send(ctx, request{method: http.MethodPost, path: accountPath(args[0]) + ":" + step.name},
					func(map[string]any) string { return step.done + " account " + args[0] })
			}),
		})
	}
	return group("account", "Make and manage accounts of people", subs...)
}

func accountPath(name string) string { return "/v1/accounts/" + url.PathEscape(name) }

// accountFlags are the members of an account that are given as flags.
type accountFlags struct {
	roles                     []string
	email, mobile, name, oidc string
}

func (f *accountFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringSliceVar(&f.roles, "role", nil, "`ROLE` (repeatable): admin, writer or reader of an enterprise; operator, reviewer or auditor of the node")
	fs.StringVar(&f.email, "email", "", "mail `ADDRESS`, of no other account")
	fs.StringVar(&f.mobile, "mobile", "", "mobile `NUMBER`, of no other account")
	fs.StringVar(&f.name, "name", "", "the person's `NAME`")
	fs.StringVar(&f.oidc, "oidc", "", "the `SUBJECT`, or user name, at the OpenID provider")
}

// body are the flags that were given, as members of a request.
func (f *accountFlags) body(cmd *cobra.Command) map[string]any {
	body := map[string]any{}
	if len(f.roles) > 0 {
		body["roles"] = f.roles
	}
	for flag, value := range map[string]string{"email": f.email, "mobile": f.mobile, "name": f.name, "oidc": f.oidc} {
		if cmd.Flags().Changed(flag) {
			body[flag] = value
		}
	}
	return body
}

func (a *app) accountCreate() *cobra.Command {
	var f accountFlags
	var enterprise, file string
	var without bool
	cmd := &cobra.Command{
		Use:   "create NAME --enterprise ID --role ROLE",
		Short: "Make an account for a person",
		Long:  "Make an account for a person. The password is read from the terminal, from a line of standard input, or from\nthe file of --password-file; it has 8 to 128 characters.",
		Example: `  idctl account create li.wei --enterprise e1 --role admin --email li@example.com
  idctl account create li.wei --enterprise e1 --role admin --password-file first.txt`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		body := f.body(cmd)
		body["username"], body["enterprise"] = args[0], enterprise
		if !without {
			password, err := a.password("password", file)
			if err != nil {
				return err
			}
			body["password"] = password
		}
		return a.send(ctx, request{method: http.MethodPost, path: "/v1/accounts", body: body},
			func(map[string]any) string { return "account " + args[0] })
	})
	f.add(cmd)
	cmd.Flags().StringVar(&enterprise, "enterprise", "", "`ID` of the enterprise")
	cmd.Flags().StringVar(&file, "password-file", "", "`FILE` with the password, - for standard input")
	cmd.Flags().BoolVar(&without, "no-password", false, "the person logs in at the OpenID provider only")
	_ = cmd.MarkFlagRequired("enterprise")
	_ = cmd.MarkFlagRequired("role")
	cmd.MarkFlagsMutuallyExclusive("password-file", "no-password")
	return cmd
}

func (a *app) accountUpdate() *cobra.Command {
	var f accountFlags
	cmd := &cobra.Command{
		Use: "update NAME", Short: "Change an account; what is not named stays as it is", Args: cobra.ExactArgs(1),
		Example: "  idctl account update li.wei --role admin --role writer --mobile ''",
	}
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		return a.send(ctx, request{method: http.MethodPatch, path: accountPath(args[0]), body: f.body(cmd)},
			func(map[string]any) string { return "changed account " + args[0] })
	})
	f.add(cmd)
	cmd.MarkFlagsOneRequired("role", "email", "mobile", "name", "oidc")
	return cmd
}

func (a *app) accountPassword() *cobra.Command {
	var file, oldFile string
	var own bool
	cmd := &cobra.Command{
		Use:   "password NAME",
		Short: "Set the password of an account and end its tokens",
		Long:  "Set the password of an account and end its tokens. With --own it is the account that you are logged in with, and\nthe present password is asked for first. Passwords are read as account create reads them.",
		Args:  cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			body := map[string]any{}
			if own {
				old, err := a.password("present password", oldFile)
				if err != nil {
					return err
				}
				body["old"] = old
			}
			password, err := a.password("new password", file)
			if err != nil {
				return err
			}
			body["password"] = password
			return a.send(ctx, request{method: http.MethodPost, path: accountPath(args[0]) + ":password", body: body},
				func(map[string]any) string { return "changed the password of " + args[0] })
		}),
	}
	cmd.Flags().StringVar(&file, "password-file", "", "`FILE` with the new password, - for standard input")
	cmd.Flags().StringVar(&oldFile, "old-password-file", "", "`FILE` with the present password, - for standard input")
	cmd.Flags().BoolVar(&own, "own", false, "it is your own account")
	return cmd
}
