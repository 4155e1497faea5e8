package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/archive"
)

// archiveIdle is how long nothing of an archive may come or be taken before its transfer is given up.
const archiveIdle = 3 * time.Minute

func (a *app) archiveCommand() *cobra.Command {
	var out string
	export := &cobra.Command{
		Use: "export -O FILE", Short: "Export the data of all enterprises", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.saveArchive(ctx, "/v1/export", url.Values{}, out)
		}),
	}
	addArchiveOut(export, &out)
	verify := &cobra.Command{
		Use: "verify FILE|-", Short: "Check that an archive is whole and undamaged; asks no node", Args: cobra.ExactArgs(1),
		RunE: a.run(func(_ context.Context, args []string) error {
			in := a.In
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			m, err := archive.Verify(in)
			if err != nil {
				return failf("%s: %v", args[0], err)
			}
			return a.printManifest(args[0], m)
		}),
	}
	return group("archive", "Archives of everything that an enterprise owns", export, verify, a.archiveLoad())
}

// enterpriseExport writes an archive of an enterprise.
func (a *app) enterpriseExport() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "export ID -O FILE",
		Short: "Export everything that an enterprise owns",
		Long: `Write an archive of everything that an enterprise owns: prefixes, templates, records with their history,
files, accounts without passwords, keys without secrets, what was done. It is a tar file of NDJSON,
packed as its name tells: .tar, .tar.gz or .tar.zst. It is checked while it is written, and appears whole
under its name or not at all.`,
		Example: "  idctl enterprise export e1abc -O e1abc.tar.zst\n  idctl archive verify e1abc.tar.zst",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.saveArchive(ctx, "/v1/enterprises/"+url.PathEscape(args[0])+":export", url.Values{}, out)
		}),
	}
	addArchiveOut(cmd, &out)
	return cmd
}

func addArchiveOut(cmd *cobra.Command, out *string) {
	cmd.Flags().StringVarP(out, "out", "O", "", "`FILE` to write, - for standard output")
	_ = cmd.MarkFlagRequired("out")
}

// packingOf is the packing that a file's name tells.
func packingOf(name string) string {
	switch {
	case strings.HasSuffix(name, ".zst"):
		return "zstd"
	case strings.HasSuffix(name, ".gz"), strings.HasSuffix(name, ".tgz"):
		return "gzip"
	}
	return "none"
}

// saveArchive writes the archive at path to a file.
func (a *app) saveArchive(ctx context.Context, path string, query url.Values, out string) error {
	query.Set("compression", packingOf(out))
	var m *archive.Manifest
	write := func(w io.Writer) (err error) {
		m, err = a.fetchArchive(ctx, path, query, w)
		return err
	}
	if out == "-" {
		return write(a.Out)
	}
	if err := writeWhole(out, write); err != nil {
		return err
	}
	return a.printManifest(out, m)
}

// fetchArchive copies the archive at path to w, and checks it on the way.
func (a *app) fetchArchive(ctx context.Context, path string, query url.Values, w io.Writer) (*archive.Manifest, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := time.AfterFunc(archiveIdle, cancel)
	defer watch.Stop()
	resp, err := a.do(ctx, request{method: http.MethodGet, path: path, query: query, header: http.Header{"Accept": {"*/*"}}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := readAnswer(resp)
		if err != nil {
			return nil, err
		}
		return nil, parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	in := io.TeeReader(readerFunc(func(p []byte) (int, error) {
		n, err := resp.Body.Read(p)
		watch.Reset(archiveIdle)
		return n, err
	}), w)
	m, err := archive.Verify(in)
	if err == nil {
		_, err = io.Copy(io.Discard, in) // what stands behind the end of a tar file
	}
	if err != nil {
		return nil, failf("the archive did not come whole: %v", err)
	}
	return m, nil
}

// printManifest prints what an archive holds.
func (a *app) printManifest(name string, m *archive.Manifest) error {
	if a.output == "json" {
		return a.printJSON(m)
	}
	what := string(m.Scope)
	for _, s := range []string{m.Enterprise, m.Prefix} {
		if s != "" {
			what += " " + s
		}
	}
	_, err := fmt.Fprintf(a.Out, "%s: %s at %s: %d prefixes, %d templates, %d records, %d past versions, %d accounts; whole\n", clean(name), clean(what),
		m.Time.Format(time.RFC3339), m.Lines(archive.Namespaces), m.Lines(archive.Templates), m.Lines(archive.Records), m.Lines(archive.History), m.Lines(archive.Accounts))
	return err
}

// loadSummary is how a load ended.
type loadSummary struct {
	Total      int    `json:"total"`
	Stored     int    `json:"stored"`
	Skipped    int    `json:"skipped"`
	Conflicts  int    `json:"conflicts"`
	Failed     int    `json:"failed"`
	Left       int    `json:"left"`
	Enterprise string `json:"enterprise,omitempty"`
}

func (a *app) archiveLoad() *cobra.Command {
	var dryRun, update, quiet bool
	var enterprise, errorsName string
	cmd := &cobra.Command{
		Use:   "load FILE",
		Short: "Load an archive into the node",
		Long: `Make what an archive holds: enterprise, prefixes, templates, records with versions, times and history,
tombstones, files, applications, and accounts. Accounts come without a password and disabled: set one and
enable them. API keys do not come: issue new ones. Prefixes must lie under those of the node.

What is here already and equal is skipped. What is here and different is reported and stays as it is; idctl
then exits with 1. A load that broke off is repeated and goes on. The archive is checked before it is sent.`,
		Example: "  idctl archive load e1abc.tar.zst --dry-run\n  idctl archive load e1abc.tar.zst --enterprise-id new",
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			if _, err := archive.Verify(f); err != nil {
				return failf("%s: %v", args[0], err)
			}
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return err
			}
			query := url.Values{}
			for name, on := range map[string]bool{"dryRun": dryRun, "update": update} {
				if on {
					query.Set(name, "true")
				}
			}
			if enterprise != "" {
				query.Set("enterpriseId", enterprise)
			}
			ld := &load{app: a, query: query, failed: failures{name: orDefault(errorsName, args[0]+".errors.ndjson")}}
			if info, err := f.Stat(); err == nil && !quiet {
				ld.bar = newProgress(a.Err, args[0], info.Size())
			}
			err = ld.send(ctx, f)
			ld.bar.finish()
			return ld.conclude(args[0], dryRun, err)
		}),
	}
	f := cmd.Flags()
	f.BoolVar(&dryRun, "dry-run", false, "find out what would be loaded, and load nothing")
	f.BoolVar(&update, "update", false, "also take newer versions of records that are here in an older one")
	f.StringVar(&enterprise, "enterprise-id", "", "load the enterprise under this `ID`; new for a fresh one (default: the one in the archive)")
	f.StringVar(&errorsName, "errors", "", "`FILE` for what is not loaded, written only if anything is (default: FILE.errors.ndjson)")
	f.BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	return cmd
}

// load is an archive on its way to the node.
type load struct {
	app    *app
	query  url.Values
	bar    *progress
	sum    loadSummary
	failed failures
}

// send sends the archive in in and reads what the node says of it.
func (l *load) send(ctx context.Context, in io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := time.AfterFunc(archiveIdle, cancel)
	defer watch.Stop()
	var sent int64
	body := readerFunc(func(p []byte) (int, error) {
		n, err := in.Read(p)
		sent += int64(n)
		watch.Reset(archiveIdle)
		l.bar.advance(sent, 0)
		return n, err
	})
	resp, err := l.app.do(ctx, request{method: http.MethodPost, path: "/v1/archives:load", query: l.query, body: io.Reader(body),
		header: http.Header{"Content-Type": {"application/octet-stream"}, "Accept": {"application/x-ndjson, application/problem+json"}}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		body, err := readAnswer(resp)
		if err != nil {
			return err
		}
		return parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	lines := json.NewDecoder(bufio.NewReader(resp.Body))
	for {
		var line struct {
			failure
			loadSummary
		}
		if err := lines.Decode(&line); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return failf("the node's answer broke off: %v", err)
		}
		watch.Reset(archiveIdle)
		switch line.Status {
		case "done", "progress", "aborted":
			l.sum = line.loadSummary
		default:
			if err := l.failed.add(line.failure); err != nil {
				return err
			}
		}
		if line.Status == "done" {
			return nil
		}
		if line.Status == "aborted" {
			return failf("the node ended the load: %s: %s", line.Code, line.Detail)
		}
	}
}

// conclude prints what was loaded and returns the command's error.
func (l *load) conclude(name string, dryRun bool, err error) error {
	a := l.app
	if cerr := l.failed.close(); err == nil {
		err = cerr
	}
	s := l.sum
	if a.output == "json" {
		if perr := a.printJSON(struct {
			loadSummary
			DryRun bool   `json:"dryRun,omitempty"`
			Errors string `json:"errors,omitempty"`
		}{s, dryRun, l.failed.written()}); perr != nil {
			return perr
		}
	} else {
		verb := "stored"
		if dryRun {
			verb = "would be stored"
		}
		fmt.Fprintf(a.Out, "%s: %d %s, %d skipped, %d in conflict, %d failed; %d keys and audit entries stay in the archive\n", clean(name), s.Stored, verb, s.Skipped, s.Conflicts, s.Failed, s.Left)
		if s.Enterprise != "" {
			fmt.Fprintf(a.Out, "enterprise %s; accounts are disabled until a password is set and they are enabled, API keys have to be issued\n", clean(s.Enterprise))
		}
		for _, f := range l.failed.first {
			fmt.Fprintln(a.Err, "  "+clean(fmt.Sprintf("%s, line %d, %s: %s: %s", f.File, f.Line, f.ID, f.Code, f.Detail)))
		}
		if written := l.failed.written(); written != "" {
			fmt.Fprintf(a.Err, "all that was not loaded is in %s\n", written)
		}
	}
	if err != nil {
		return failf("load stopped: %v; to go on, run it again, which is safe", err)
	}
	if n := s.Conflicts + s.Failed; n > 0 {
		return &outcome{code: exitFailed, name: "not_loaded", text: fmt.Sprintf("%d of %d were not loaded", n, s.Total), printed: a.output != "json"}
	}
	return nil
}
