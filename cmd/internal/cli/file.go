package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"
)

var fileFields = []string{"id", "name", "mediaType", "size", "sha256", "enterprise", "purpose", "public", "created"}

func (a *app) fileCommand() *cobra.Command {
	var enterprise string
	list := &cobra.Command{
		Use: "list [--enterprise ID]", Short: "List files", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q := url.Values{}
			if enterprise != "" {
				q.Set("enterprise", enterprise)
			}
			return a.listAll(ctx, "/v1/files", q, []string{"id", "mediaType", "size", "enterprise", "purpose", "created", "name"})
		}),
	}
	list.Flags().StringVar(&enterprise, "enterprise", "", "only files of the enterprise with this `ID`")
	show := &cobra.Command{
		Use: "show ID", Short: "Show what is known of a file", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.show(ctx, "/v1/files/"+url.PathEscape(args[0]), nil, fileFields)
		}),
	}
	remove := &cobra.Command{
		Use: "delete ID", Short: "Delete a file that no form names", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.send(ctx, request{method: http.MethodDelete, path: "/v1/files/" + url.PathEscape(args[0])},
				func(map[string]any) string { return "deleted file " + args[0] })
		}),
	}
	return group("file", "Upload and fetch files: scans, contracts, and what records name", a.fileUpload(), show, a.fileDownload(), list, remove)
}

func (a *app) fileUpload() *cobra.Command {
	var name, purpose, enterprise string
	var public bool
	cmd := &cobra.Command{
		Use:     "upload FILE",
		Short:   "Upload a file; its id goes into a form or a record",
		Example: "  idctl file upload licence.pdf\n  idctl file upload pump.webp --purpose record --public",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			raw, err := a.readFile(args[0])
			if err != nil {
				return err
			}
			q := url.Values{"purpose": {purpose}, "name": {orDefault(name, filepath.Base(args[0]))}}
			if public {
				q.Set("public", strconv.FormatBool(public))
			}
			if enterprise != "" {
				q.Set("enterprise", enterprise)
			}
			r := request{method: http.MethodPost, path: "/v1/files", query: q, body: raw, header: http.Header{"Content-Type": {"application/octet-stream"}}}
			return a.send(ctx, r, func(f map[string]any) string {
				return "file " + cell(f, "id") + " " + cell(f, "mediaType") + " " + cell(f, "size") + " octets"
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "`NAME` of the file; default as it is called here")
	f.StringVar(&purpose, "purpose", "attachment", "what it is for: attachment (of a form) or record")
	f.BoolVar(&public, "public", false, "everyone may read it; only for purpose record")
	f.StringVar(&enterprise, "enterprise", "", "for operators: `ID` of the enterprise whose file it is")
	return cmd
}

func (a *app) fileDownload() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "download ID [-O FILE]", Short: "Fetch a file", Args: cobra.ExactArgs(1),
		Long: "Fetch a file, and check it against its digest. Without -O it gets the name that it was uploaded\nunder, in the present directory; -O - writes to standard output. No file is overwritten.",
		RunE: a.run(func(ctx context.Context, args []string) error {
			ctx, cancel := context.WithTimeout(ctx, a.timeout)
			defer cancel()
			resp, err := a.do(ctx, request{method: http.MethodGet, path: "/v1/files/" + url.PathEscape(args[0]) + "/content"})
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			body, err := readAnswer(resp)
			if err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				return parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)
			}
			digest := sha256.Sum256(body)
			if tag := resp.Header.Get("ETag"); tag != `"`+hex.EncodeToString(digest[:])+`"` {
				return failf("file %s came damaged: its digest is not %s", args[0], tag)
			}
			if out == "-" {
				_, err := a.Out.Write(body)
				return err
			}
			name := out
			if name == "" {
				_, params, _ := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
				if name = filepath.Base(params["filename"]); name == "." || name == ".." || name == string(filepath.Separator) {
					name = args[0]
				}
			}
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			if _, err = f.Write(body); err == nil {
				err = f.Close()
			}
			if err != nil {
				return failf("write %s: %v", name, err)
			}
			_, err = io.WriteString(a.Out, fmt.Sprintf("%s: %d octets\n", clean(name), len(body)))
			return err
		}),
	}
	cmd.Flags().StringVarP(&out, "out", "O", "", "`FILE` to write to, - for standard output")
	return cmd
}
