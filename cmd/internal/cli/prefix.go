package cli

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/identifier"
)

// namespace splits "oid:1.2.156" into scheme and prefix; without a scheme it is Handle's, or the one
// of the flag.
func namespace(arg, scheme string) (string, string, error) {
	if name, rest, ok := strings.Cut(arg, ":"); ok {
		if _, err := identifier.ParseScheme(name); err == nil {
			if scheme != "" && scheme != name {
				return "", "", usagef("%s is not of the scheme %s", arg, scheme)
			}
			return name, rest, nil
		}
	}
	return orDefault(scheme, identifier.Handle.String()), arg, nil
}

func (a *app) prefixCommand() *cobra.Command {
	return group("prefix", "Allocate prefixes and other namespaces to enterprises",
		append([]*cobra.Command{a.prefixCreate(), a.prefixList(), a.prefixShow()}, a.prefixSteps()...)...)
}

func (a *app) prefixCreate() *cobra.Command {
	var scheme, enterprise, mode, ip string
	var caseSensitive bool
	var ports struct{ udp, tcp, http, dns uint16 }
	cmd := &cobra.Command{
		Use:   "create [PREFIX] --enterprise ID",
		Short: "Allocate a prefix; without one, the next free",
		Example: `  idctl prefix create 88.1021.150 --enterprise self
  idctl prefix create oid:1.2.156.10001.7 --enterprise e1
  idctl prefix create 88.1021.151 --enterprise e1 --mode delegated --ip 192.0.2.7 --tcp 2641 --udp 2641`,
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
			body := map[string]any{"scheme": scheme, "enterprise": enterprise, "mode": mode}
			if prefix != "" {
				body["prefix"] = prefix
			}
			if caseSensitive {
				body["caseSensitive"] = true
			}
			switch {
			case mode != "hosted" && mode != "delegated":
				return usagef("--mode is hosted or delegated, not %q", mode)
			case mode == "delegated":
				if _, err := netip.ParseAddr(ip); err != nil {
					return usagef("a delegated prefix needs --ip, the address of the enterprise's node: %v", err)
				}
				service := map[string]any{"ip": ip}
				for name, port := range map[string]uint16{"udp": ports.udp, "tcp": ports.tcp, "http": ports.http, "dns": ports.dns} {
					if port > 0 {
						service[name] = port
					}
				}
				if len(service) == 1 {
					return usagef("a delegated prefix needs a port: --udp, --tcp, --http or --dns")
				}
				body["service"] = service
			case ip != "":
				return usagef("--ip is for --mode delegated")
			}
			return a.send(ctx, request{method: http.MethodPost, path: "/v1/prefixes", body: body}, prefixLine)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&scheme, "scheme", "", "coding scheme: handle, oid, ecode or gs1 (default: handle)")
	f.StringVar(&enterprise, "enterprise", "", "`ID` of the enterprise; the node's own is self")
	f.StringVar(&mode, "mode", "hosted", "hosted: this node answers; delegated: the enterprise's node does")
	f.BoolVar(&caseSensitive, "case-sensitive", false, "take the case of letters in suffixes as it is")
	f.StringVar(&ip, "ip", "", "address of the enterprise's node")
	f.Uint16Var(&ports.udp, "udp", 0, "its `PORT` for Handle over UDP")
	f.Uint16Var(&ports.tcp, "tcp", 0, "its `PORT` for Handle over TCP")
	f.Uint16Var(&ports.http, "http", 0, "its `PORT` for HTTP")
	f.Uint16Var(&ports.dns, "dns", 0, "its `PORT` for DNS")
	_ = cmd.MarkFlagRequired("enterprise")
	return cmd
}

func prefixLine(p map[string]any) string {
	return cell(p, "scheme") + " prefix " + cell(p, "prefix") + " " + cell(p, "state")
}

func (a *app) prefixList() *cobra.Command {
	var scheme, enterprise string
	cmd := &cobra.Command{
		Use: "list", Short: "List prefixes", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q := url.Values{}
			if scheme != "" {
				q.Set("scheme", scheme)
			}
			if enterprise != "" {
				q.Set("enterprise", enterprise)
			}
			return a.listAll(ctx, "/v1/prefixes", q, []string{"scheme", "prefix", "enterprise", "state", "mode", "service.ip"})
		}),
	}
	cmd.Flags().StringVar(&scheme, "scheme", "", "only of `SCHEME`")
	cmd.Flags().StringVar(&enterprise, "enterprise", "", "only of the enterprise with this `ID`")
	return cmd
}

func (a *app) prefixShow() *cobra.Command {
	var scheme string
	cmd := &cobra.Command{
		Use: "show PREFIX", Short: "Show a prefix", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			scheme, prefix, err := namespace(args[0], scheme)
			if err != nil {
				return err
			}
			return a.show(ctx, "/v1/prefixes", url.Values{"scheme": {scheme}, "prefix": {prefix}}, []string{"scheme", "prefix", "enterprise", "state",
				"reason", "mode", "caseSensitive", "service.ip", "service.udp", "service.tcp", "service.http", "service.dns", "created", "updated"})
		}),
	}
	cmd.Flags().StringVar(&scheme, "scheme", "", "coding scheme (default: handle)")
	return cmd
}

func (a *app) prefixSteps() []*cobra.Command {
	var cmds []*cobra.Command
	for _, step := range []struct{ name, short string }{
		{"suspend", "Suspend a prefix: it answers so, and nothing is written under it"},
		{"activate", "Activate a suspended prefix"},
		{"withdraw", "Withdraw a prefix for good"},
		{"transfer", "Give a prefix to another enterprise"},
	} {
		var scheme, reason, to string
		cmd := &cobra.Command{
			Use: step.name + " PREFIX", Short: step.short, Args: cobra.ExactArgs(1),
			RunE: a.run(func(ctx context.Context, args []string) error {
				scheme, prefix, err := namespace(args[0], scheme)
				if err != nil {
					return err
				}
				body := reasonBody(reason)
				body["scheme"], body["prefix"] = scheme, prefix
				if to != "" {
					body["to"] = to
				}
				return a.send(ctx, request{method: http.MethodPost, path: "/v1/prefixes:" + step.name, body: body}, prefixLine)
			}),
		}
		cmd.Flags().StringVar(&scheme, "scheme", "", "coding scheme (default: handle)")
		cmd.Flags().StringVar(&reason, "reason", "", "why")
		if step.name == "transfer" {
			cmd.Flags().StringVar(&to, "to", "", "`ID` of the enterprise that gets it")
			_ = cmd.MarkFlagRequired("to")
		}
		cmds = append(cmds, cmd)
	}
	return cmds
}
