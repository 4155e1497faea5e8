package cli

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/client"
	"github.com/idnode/idnode/proto/handle/handlejson"
)

func (a *app) prefixSiteInfo() *cobra.Command {
	var addr, out string
	cmd := &cobra.Command{
		Use:   "site-info",
		Short: "Print what a parent registry needs to refer to a node: its HS_SITE",
		Long: `Ask a server of the Handle protocol for its site, and print it: addresses, ports and public key for a form
to fill in, and the whole HS_SITE in base64. With -o json it is the siteinfo.json of the Handle.Net tools;
with -O their siteinfo.bin, the value as a registry stores it, goes to a file.`,
		Example: "  idctl prefix site-info\n  idctl prefix site-info --addr 192.0.2.7:2641 -O siteinfo.bin",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			ctx, cancel := context.WithTimeout(ctx, a.timeout)
			defer cancel()
			at := orDefault(addr, a.defaultAddr("2641"))
			r, err := client.GetSiteInfo(ctx, "tcp", at)
			switch {
			case errors.Is(err, client.ErrBadAnswer):
				return err
			case err != nil:
				return &unreachable{at, err}
			case r.Code != handle.RcodeSuccess:
				return handleFailure(at, &client.Error{Code: r.Code, Text: r.Message})
			}
			data := handle.AppendSite(nil, r.Site)
			if out != "" {
				if err := os.WriteFile(out, data, 0o644); err != nil {
					return failf("write site: %v", err)
				}
			}
			if a.output == "json" {
				return a.printJSON(handlejson.FromSite(r.Site))
			}
			return a.printSite(r.Site, data)
		}),
	}
	cmd.Flags().StringVar(&addr, "addr", "", "`HOST:PORT` of the Handle server (default: the server's host, port 2641)")
	cmd.Flags().StringVarP(&out, "out", "O", "", "write the HS_SITE to `FILE`, as siteinfo.bin")
	return cmd
}

// printSite prints a site for people who fill in a form.
func (a *app) printSite(s *handle.Site, data []byte) error {
	var lines []string
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	kind := "mirror"
	if s.Flags&handle.SitePrimary != 0 {
		kind = "primary"
	}
	line("site        serial %d, protocol %d.%d, %s", s.Serial, s.Protocol.Major, s.Protocol.Minor, kind)
	for _, attr := range s.Attributes {
		line("%-11s %s", clean(attr.Name), clean(attr.Value))
	}
	for _, server := range s.Servers {
		line("server %-4d %s", server.ID, server.Addr.Unmap())
		for _, i := range server.Interfaces {
			uses := map[handle.InterfaceType]string{handle.InterfaceAdmin: "administration", handle.InterfaceQuery: "queries",
				handle.InterfaceBoth: "queries and administration"}[i.Type]
			line("  %-9s %d  %s", orDefault(transportNames[i.Protocol], "?"), i.Port, orDefault(uses, "off"))
		}
		if len(server.PublicKey) > 0 {
			line("  key       %s", describeKey(server.PublicKey))
		}
	}
	line("HS_SITE     %s", base64.StdEncoding.EncodeToString(data))
	_, err := fmt.Fprintln(a.Out, strings.Join(lines, "\n"))
	return err
}

// describeKey is a public key in words, with its digest for comparing.
func describeKey(data []byte) string {
	words := "?"
	if k, err := handle.ParsePublicKey(data); err == nil {
		words, _, _ = strings.Cut(string(k.Algorithm), "_")
		if n := len(strings.TrimLeft(string(k.N), "\x00")); n > 0 {
			words += fmt.Sprintf(" %d bits", 8*n)
		}
	}
	return fmt.Sprintf("%s, SHA-256 %x", words, sha256.Sum256(data))
}
