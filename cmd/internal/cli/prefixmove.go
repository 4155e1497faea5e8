package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/archive"
)

// prefixMoves are the single steps by which a prefix moves to another node and back.
func (a *app) prefixMoves() []*cobra.Command {
	var cmds []*cobra.Command
	for _, step := range []struct{ name, short string }{
		{"freeze", "Freeze a prefix: it is answered, and nothing is written under it"},
		{"unfreeze", "Unfreeze a prefix"},
	} {
		var scheme, reason string
		cmd := &cobra.Command{
			Use: step.name + " PREFIX", Short: step.short, Args: cobra.ExactArgs(1),
			RunE: a.run(func(ctx context.Context, args []string) error {
				scheme, prefix, err := namespace(args[0], scheme)
				if err != nil {
					return err
				}
				body := reasonBody(reason)
				body["scheme"], body["prefix"] = scheme, prefix
				return a.send(ctx, request{method: http.MethodPost, path: "/v1/prefixes:" + step.name, body: body}, func(p map[string]any) string {
					return prefixLine(p) + ", " + map[bool]string{true: "frozen", false: "not frozen"}[p["frozen"] != nil]
				})
			}),
		}
		cmd.Flags().StringVar(&scheme, "scheme", "", "coding scheme (default: handle)")
		cmd.Flags().StringVar(&reason, "reason", "", "why")
		cmds = append(cmds, cmd)
	}
	return append(cmds, a.prefixDigest(), a.prefixExport(), a.prefixHandover(), a.prefixTakeback())
}

// prefixDigest prints what two nodes compare.
func (a *app) prefixDigest() *cobra.Command {
	var scheme string
	cmd := &cobra.Command{
		Use: "digest PREFIX", Short: "Print the digest of all records of a prefix, to compare two nodes", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			scheme, prefix, err := namespace(args[0], scheme)
			if err != nil {
				return err
			}
			return a.show(ctx, "/v1/prefixes:digest", url.Values{"scheme": {scheme}, "prefix": {prefix}}, []string{"records", "revoked", "content", "sha256", "seq", "frozen"})
		}),
	}
	cmd.Flags().StringVar(&scheme, "scheme", "", "coding scheme (default: handle)")
	return cmd
}

func (a *app) prefixExport() *cobra.Command {
	var scheme, out, after string
	cmd := &cobra.Command{
		Use: "export PREFIX -O FILE", Short: "Export a prefix: templates, records and their history", Args: cobra.ExactArgs(1),
		Long: "Write an archive of a prefix, as enterprise export does of an enterprise. archive load allocates the prefix\nto the node itself, unless it is allocated there.",
		RunE: a.run(func(ctx context.Context, args []string) error {
			scheme, prefix, err := namespace(args[0], scheme)
			if err != nil {
				return err
			}
			query := url.Values{"scheme": {scheme}, "prefix": {prefix}}
			if after != "" {
				query.Set("after", after)
			}
			return a.saveArchive(ctx, "/v1/prefixes:export", query, out)
		}),
	}
	cmd.Flags().StringVar(&scheme, "scheme", "", "coding scheme (default: handle)")
	cmd.Flags().StringVar(&after, "after", "", "only records that were changed after this `SEQ`, of an earlier archive's manifest")
	addArchiveOut(cmd, &out)
	return cmd
}

// prefixDoc is a prefix as the node tells it.
type prefixDoc struct {
	Scheme, Prefix, Enterprise, State, Mode string
	CaseSensitive                           bool
	Service                                 *service
	Frozen                                  *struct{ Reason string }
	Handover                                *struct{ Digest string }
}

// service is where a delegated prefix is answered.
type service struct {
	IP   string `json:"ip"`
	UDP  uint16 `json:"udp,omitempty"`
	TCP  uint16 `json:"tcp,omitempty"`
	HTTP uint16 `json:"http,omitempty"`
	DNS  uint16 `json:"dns,omitempty"`
}

// digestDoc is the digest of a prefix.
type digestDoc struct {
	Records int    `json:"records"`
	Revoked int    `json:"revoked"`
	Content string `json:"content"`
	SHA256  string `json:"sha256"`
}

// place is a prefix at a node.
type place struct {
	*app
	scheme, prefix string
}

func (p place) query() url.Values { return url.Values{"scheme": {p.scheme}, "prefix": {p.prefix}} }

// read returns the prefix, nil if it is not allocated there.
func (p place) read(ctx context.Context) (*prefixDoc, error) {
	doc := new(prefixDoc)
	_, err := p.callInto(ctx, request{method: http.MethodGet, path: "/v1/prefixes", query: p.query()}, doc)
	if e, ok := errors.AsType[*problem](err); ok && e.Status == http.StatusNotFound {
		return nil, nil
	}
	return doc, err
}

// step takes a step of a move.
func (p place) step(ctx context.Context, name, reason string, s *service, digest string) error {
	body := reasonBody(reason)
	body["scheme"], body["prefix"] = p.scheme, p.prefix
	if s != nil {
		body["service"] = s
	}
	if digest != "" {
		body["digest"] = digest
	}
	slow := *p.app
	slow.timeout = max(slow.timeout, partTimeout) // a digest is made of all records
	_, err := slow.call(ctx, request{method: http.MethodPost, path: "/v1/prefixes:" + name, body: body})
	return err
}

func (p place) digest(ctx context.Context) (*digestDoc, error) {
	d := new(digestDoc)
	slow := *p.app
	slow.timeout = max(slow.timeout, partTimeout)
	_, err := slow.callInto(ctx, request{method: http.MethodGet, path: "/v1/prefixes:digest", query: p.query()}, d)
	return d, err
}

// copyTo brings the prefix to another node: all of it, or what was changed after a place in the change
// log. It returns how far the change log was, and what was stored there.
func (p place) copyTo(ctx context.Context, to place, after uint64, dryRun bool) (*archive.Manifest, loadSummary, error) {
	query := p.query()
	query.Set("compression", "none")
	if after != 0 {
		query.Set("after", uintText(after))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	var m *archive.Manifest
	fetched := make(chan error, 1)
	go func() {
		var err error
		m, err = p.fetchArchive(ctx, "/v1/prefixes:export", query, w)
		w.CloseWithError(err)
		fetched <- err
	}()
	ld := &load{app: to.app, query: url.Values{"update": {"true"}}, failed: failures{name: strings.ReplaceAll(p.prefix, "/", "_") + ".handover-errors.ndjson"}}
	if dryRun {
		ld.query.Set("dryRun", "true")
	}
	err := ld.send(ctx, r)
	r.CloseWithError(io.ErrClosedPipe)
	ferr := <-fetched
	if cerr := ld.failed.close(); err == nil {
		err = cerr
	}
	if ferr != nil && !errors.Is(ferr, io.ErrClosedPipe) {
		return nil, ld.sum, ferr
	}
	if err != nil {
		return nil, ld.sum, err
	}
	if n := ld.sum.Conflicts + ld.sum.Failed; n > 0 {
		first := ld.failed.first[0]
		return nil, ld.sum, failf("%d of %d were not taken by %s, which are in %s; the first is %s: %s: %s", n, ld.sum.Total, to.server, ld.failed.written(), first.ID, first.Code, first.Detail)
	}
	return m, ld.sum, nil
}
