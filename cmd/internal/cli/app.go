package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *app) appCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List applications that use identifiers", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.listAll(ctx, "/v1/apps", nil, []string{"id", "enterprise", "type", "users", "name"})
		}),
	}
	show := &cobra.Command{
		Use: "show ID", Short: "Show an application", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.show(ctx, "/v1/apps/"+url.PathEscape(args[0]), nil, []string{"id", "enterprise", "name", "type", "introduction", "users",
				"recursiveServer.ip", "recursiveServer.port", "developer", "created", "updated"})
		}),
	}
	remove := &cobra.Command{
		Use: "delete ID", Short: "Delete an application", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.send(ctx, request{method: http.MethodDelete, path: "/v1/apps/" + url.PathEscape(args[0])},
				func(map[string]any) string { return "deleted application " + args[0] })
		}),
	}
	return group("app", "Enter the applications that use identifiers, which the top-level node asks for", a.appCreate(), a.appUpdate(), list, show, remove)
}

func (a *app) appCreate() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "create -f FILE", Short: "Enter an application", Args: cobra.NoArgs,
		Long: "Enter an application: {\"enterprise\",\"name\",\"type\":\"app|mini_program|web|pc|other\",\"introduction\",\"users\",\n\"recursiveServer\":{\"ip\",\"port\"},\"developer\"}. Without an enterprise it is of the key's; the node's are of self.",
		RunE: a.run(func(ctx context.Context, _ []string) error {
			raw, err := a.readFile(file)
			if err != nil {
				return err
			}
			return a.send(ctx, request{method: http.MethodPost, path: "/v1/apps", body: raw}, func(e map[string]any) string {
				return "application " + cell(e, "id") + " of " + cell(e, "enterprise")
			})
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`FILE` with the application in JSON, - for standard input")
	_ = cmd.MarkFlagRequired("file")
	return cmd
}

func (a *app) appUpdate() *cobra.Command {
	return a.mergeCommand("update ID -f FILE", "Change members of an application", cobra.ExactArgs(1),
		func(args []string) string { return "/v1/apps/" + url.PathEscape(args[0]) },
		func(e map[string]any) string { return "application " + cell(e, "id") + " of " + cell(e, "enterprise") })
}

// mergeCommand is a command that sends a file of members to change to the path of its arguments.
func (a *app) mergeCommand(use, short string, positional cobra.PositionalArgs, path func(args []string) string, done func(map[string]any) string) *cobra.Command {
	var file string
	var version uint64
	cmd := &cobra.Command{
		Use: use, Short: short, Args: positional,
		Long: short + ": those in the file are replaced, null removes one.",
		RunE: a.run(func(ctx context.Context, args []string) error {
			raw, err := a.readFile(file)
			if err != nil {
				return err
			}
			h := conditions("", version)
			h.Set("Content-Type", "application/merge-patch+json")
			return a.send(ctx, request{method: http.MethodPatch, path: path(args), body: raw, header: h}, done)
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`FILE` with the members to change in JSON, - for standard input")
	cmd.Flags().Uint64Var(&version, "version", 0, "only if this is its version `N`")
	_ = cmd.MarkFlagRequired("file")
	return cmd
}

func (a *app) operatorCommand() *cobra.Command {
	show := &cobra.Command{
		Use: "show", Short: "Show what the node tells of itself", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.show(ctx, "/v1/operator", nil, []string{"name", "nameEn", "creditCode", "nature", "industry", "region", "address", "website",
				"contact", "legal", "systems", "build", "operate", "hosting", "serves", "realNameCheck", "namingCompliance", "dataTrustee", "serviceTrustee", "updated"})
		}),
	}
	update := a.mergeCommand("update -f FILE", "Change members of the node's own form", cobra.NoArgs,
		func([]string) string { return "/v1/operator" }, func(map[string]any) string { return "the node's form is changed" })
	return group("operator", "The node's own form, table T1 of the national data dictionary", show, update)
}
