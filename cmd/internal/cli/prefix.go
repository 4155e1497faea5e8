package cli

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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
	return group("prefix", "Prefixes and other namespaces: applications, allocation, quotas, state",
		slices.Concat([]*cobra.Command{a.prefixCreate(), a.prefixUpdate(), a.prefixList(), a.prefixShow(), a.prefixSiteInfo(), a.prefixApply()},
			a.prefixApplications(), a.prefixSteps(), a.prefixMoves())...)
}

// prefixFlags say how a prefix is served.
type prefixFlags struct {
	mode, ip            string
	udp, tcp, http, dns uint16
	caseSensitive       bool
	patterns, matches   []string
}

func (p *prefixFlags) add(cmd *cobra.Command, mode string) {
	p.addService(cmd, mode)
	f := cmd.Flags()
	f.StringArrayVar(&p.patterns, "pattern", nil, "answer for identifiers without a record with this `URL`, in which {suffix}, {id}, {01}, {1} … are replaced (repeatable)")
	f.StringArrayVar(&p.matches, "match", nil, "only if this `RE` matches the whole suffix: one for each --pattern, in their order; empty for any")
}

// addService adds the flags of who answers.
func (p *prefixFlags) addService(cmd *cobra.Command, mode string) {
	f := cmd.Flags()
	f.StringVar(&p.mode, "mode", mode, "hosted: this node answers; delegated: the enterprise's node does")
	f.BoolVar(&p.caseSensitive, "case-sensitive", false, "take the case of letters in suffixes as it is")
	f.StringVar(&p.ip, "ip", "", "address of the enterprise's node")
	f.Uint16Var(&p.udp, "udp", 0, "its `PORT` for Handle over UDP")
	f.Uint16Var(&p.tcp, "tcp", 0, "its `PORT` for Handle over TCP")
	f.Uint16Var(&p.http, "http", 0, "its `PORT` for HTTP")
	f.Uint16Var(&p.dns, "dns", 0, "its `PORT` for DNS")
	_ = cmd.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{"delegated", "hosted"}, cobra.ShellCompDirectiveNoFileComp))
}

// body puts what is set into a request's body.
func (p *prefixFlags) body(body map[string]any) error {
	switch p.mode {
	case "":
	case "hosted", "delegated":
		body["mode"] = p.mode
	default:
		return usagef("--mode is hosted or delegated, not %q", p.mode)
	}
	switch {
	case p.mode == "delegated":
		if _, err := netip.ParseAddr(p.ip); err != nil {
			return usagef("a delegated prefix needs --ip, the address of the enterprise's node: %v", err)
		}
		service := map[string]any{"ip": p.ip}
		for name, port := range map[string]uint16{"udp": p.udp, "tcp": p.tcp, "http": p.http, "dns": p.dns} {
			if port > 0 {
				service[name] = port
			}
		}
		if len(service) == 1 {
			return usagef("a delegated prefix needs a port: --udp, --tcp, --http or --dns")
		}
		body["service"] = service
	case p.ip != "":
		return usagef("--ip is for --mode delegated")
	}
	if len(p.matches) > 0 && len(p.matches) != len(p.patterns) {
		return usagef("--match is given %d times for %d --pattern: give one for each, empty for any", len(p.matches), len(p.patterns))
	}
	var patterns []map[string]any
	for i, url := range p.patterns {
		pattern := map[string]any{"url": url}
		if len(p.matches) > 0 && p.matches[i] != "" {
			pattern["match"] = p.matches[i]
		}
		patterns = append(patterns, pattern)
	}
	if patterns != nil {
		body["patterns"] = patterns
	}
	return nil
}

func (a *app) prefixCreate() *cobra.Command {
	var scheme, enterprise string
	var p prefixFlags
	var q quotaFlags
	cmd := &cobra.Command{
		Use:   "create [PREFIX] --enterprise ID",
		Short: "Allocate a prefix; without one, the next free",
		Example: `  idctl prefix create 88.1021.150 --enterprise self
  idctl prefix create oid:1.2.156.10001.7 --enterprise e1
  idctl prefix create 88.1021.151 --enterprise e1 --mode delegated --ip 192.0.2.7 --tcp 2641 --udp 2641
  idctl prefix create gs1:690123 --enterprise e1 --pattern 'https://example.com/p/{01}?sn={21}'`,
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
			body := map[string]any{"scheme": scheme, "enterprise": enterprise}
			if prefix != "" {
				body["prefix"] = prefix
			}
			if p.caseSensitive {
				body["caseSensitive"] = true
			}
			if err := p.body(body); err != nil {
				return err
			}
			q.body(body)
			return a.send(ctx, request{method: http.MethodPost, path: "/v1/prefixes", body: body}, prefixLine)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&scheme, "scheme", "", "coding scheme: handle, oid, ecode or gs1 (default: handle)")
	f.StringVar(&enterprise, "enterprise", "", "`ID` of the enterprise; the node's own is self")
	p.add(cmd, "hosted")
	q.add(cmd)
	_ = cmd.MarkFlagRequired("enterprise")
	return cmd
}

func (a *app) prefixUpdate() *cobra.Command {
	var scheme string
	var none bool
	var p prefixFlags
	var q quotaFlags
	cmd := &cobra.Command{
		Use:   "update PREFIX",
		Short: "Change how a prefix is served: its mode, its patterns, the case of its letters",
		Example: `  idctl prefix update 88.1021.150 --pattern 'https://example.com/items/{1}' --match 'SN-([0-9]+)'
  idctl prefix update 88.1021.150 --no-patterns
  idctl prefix update 88.1021.151 --mode delegated --ip 192.0.2.8 --tcp 2641`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		scheme, prefix, err := namespace(args[0], scheme)
		if err != nil {
			return err
		}
		body := map[string]any{}
		if cmd.Flags().Changed("case-sensitive") {
			body["caseSensitive"] = p.caseSensitive
		}
		if err := p.body(body); err != nil {
			return err
		}
		if none {
			if len(p.patterns) > 0 {
				return usagef("--no-patterns and --pattern exclude one another")
			}
			body["patterns"] = []any{}
		}
		q.body(body)
		if len(body) == 0 {
			return usagef("nothing to change: give --pattern, --no-patterns, --mode, --case-sensitive or a quota")
		}
		query := url.Values{"scheme": {scheme}, "prefix": {prefix}}
		return a.send(ctx, request{method: http.MethodPatch, path: "/v1/prefixes", query: query, body: body}, prefixLine)
	})
	f := cmd.Flags()
	f.StringVar(&scheme, "scheme", "", "coding scheme (default: handle)")
	f.BoolVar(&none, "no-patterns", false, "remove all patterns")
	f.BoolVar(&q.none, "no-quota", false, "remove the quota")
	p.add(cmd, "")
	q.add(cmd)
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
				"reason", "mode", "caseSensitive", "service.ip", "service.udp", "service.tcp", "service.http", "service.dns", "quota", "patterns", "created", "updated"})
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
