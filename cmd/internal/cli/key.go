package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) keyCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List API keys, without their secrets", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.listAll(ctx, "/v1/apikeys", nil, []string{"id", "enterprise", "role", "prefixes", "ips", "expires", "created", "lastUsed", "name"})
		}),
	}
	show := &cobra.Command{
		Use: "show ID", Short: "Show an API key, without its secret", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.show(ctx, "/v1/apikeys/"+url.PathEscape(args[0]), nil, []string{"id", "name", "enterprise", "role", "scopes", "prefixes", "ips",
				"created", "lastUsed", "expires", "previousUntil"})
		}),
	}
	remove := &cobra.Command{
		Use: "delete ID", Short: "Delete an API key, effective at once", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.send(ctx, request{method: http.MethodDelete, path: "/v1/apikeys/" + url.PathEscape(args[0])},
				func(map[string]any) string { return "deleted key " + args[0] })
		}),
	}
	return group("key", "Issue, rotate and delete API keys", a.keyCreate(), list, show, a.keyRotate(), remove)
}

func (a *app) keyCreate() *cobra.Command {
	var enterprise, role, expires, name, out string
	var prefixes, ips, scopes []string
	cmd := &cobra.Command{
		Use:   "create --enterprise ID --role ROLE",
		Short: "Issue an API key; it is shown this once",
		Long:  "Issue an API key. The key alone goes to standard output, or with -O to a file that only you may\nread; the node keeps no copy from which it could be shown again.",
		Example: `  idctl key create --enterprise e1 --role writer --prefix 88.1021.150 -O mes.key
  idctl --key-file mes.key register 88.1021.150/SN-001 --value 1:URL=https://example.com`,
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			body := map[string]any{"enterprise": enterprise, "role": role}
			if len(prefixes) > 0 {
				body["prefixes"] = prefixes
			}
			if len(ips) > 0 {
				body["ips"] = ips
			}
			if len(scopes) > 0 {
				body["scopes"] = scopes
			}
			if name != "" {
				body["name"] = name
			}
			if expires != "" {
				t, err := parseExpiry(expires, time.Now())
				if err != nil {
					return err
				}
				body["expires"] = t.Format(time.RFC3339)
			}
			return a.newSecret(ctx, request{method: http.MethodPost, path: "/v1/apikeys", body: body}, out)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&enterprise, "enterprise", "", "`ID` of the enterprise")
	f.StringVar(&role, "role", "writer", "`ROLE`: admin, writer or reader of an enterprise; operator, reviewer or auditor of the node")
	f.StringSliceVar(&prefixes, "prefix", nil, "limit the key to this `PREFIX` (repeatable)")
	f.StringSliceVar(&ips, "ip", nil, "limit the key to this address or `NETWORK` (repeatable)")
	f.StringVar(&expires, "expires", "", "when it ends: a `TIME` (RFC 3339), a date, or a duration such as 720h")
	f.StringSliceVar(&scopes, "scope", nil, "limit the key to this `SCOPE` of what its role may do, such as identifiers:write (repeatable)")
	f.StringVar(&name, "name", "", "what the key is for, in `WORDS`")
	f.StringVarP(&out, "out", "O", "", "new `FILE` for the key")
	_ = cmd.MarkFlagRequired("enterprise")
	return cmd
}

func (a *app) keyRotate() *cobra.Command {
	var grace time.Duration
	var out string
	cmd := &cobra.Command{
		Use:     "rotate ID",
		Short:   "Give an API key a new secret; it is shown this once",
		Long:    "Give an API key a new secret. The one before stays good for the time of --grace, so that programs can be\nmoved to the new one without a pause. The key goes where key create puts it.",
		Example: "  idctl key rotate k5xw3yqd4ljn2 --grace 48h -O mes-new.key",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.newSecret(ctx, request{method: http.MethodPost, path: "/v1/apikeys/" + url.PathEscape(args[0]) + ":rotate",
				body: map[string]any{"grace": grace.String()}}, out)
		}),
	}
	f := cmd.Flags()
	f.DurationVar(&grace, "grace", 24*time.Hour, "how long the secret before stays good; 0 for not at all, at most 720h")
	f.StringVarP(&out, "out", "O", "", "new `FILE` for the key")
	return cmd
}

// newSecret makes a request that is answered with a key, or a webhook's secret, and keeps that in a new
// file, or prints it if out is "".
func (a *app) newSecret(ctx context.Context, r request, out string) error {
	var file *os.File
	if out != "" {
		// Made before the key is: a key that cannot be kept is a key too many.
		var err error
		if file, err = os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return err
		}
		defer file.Close()
	}
	var key struct{ ID, Key, Secret string }
	answer, err := a.callInto(ctx, r, &key)
	what := "key"
	if key.Secret != "" {
		what, key.Key = "secret of webhook", key.Secret
	}
	if err != nil {
		if file != nil {
			os.Remove(out)
		}
		return err
	}
	if file != nil {
		if _, err := fmt.Fprintln(file, key.Key); err != nil {
			return failf("key %s was made but not kept: %v", key.ID, err)
		}
		if err := file.Close(); err != nil {
			return failf("key %s was made but not kept: %v", key.ID, err)
		}
		_, err := fmt.Fprintf(a.Out, "%s %s in %s\n", what, clean(key.ID), out)
		return err
	}
	if a.output == "json" {
		return a.printBody(answer)
	}
	_, err = fmt.Fprintln(a.Out, clean(key.Key))
	return err
}

// parseExpiry reads a moment to come: RFC 3339, a date (its start, local time), or a time from now.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	t, err := parseTime(text, now)
	if d, derr := time.ParseDuration(text); derr == nil {
		t, err = now.Add(d), nil
	}
	if err == nil && !t.After(now) {
		return time.Time{}, usagef("--expires %s is not in the future", text)
	}
	return t, err
}
