package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// importer is one run of idctl import.
type importer struct {
	app   *app
	query url.Values
	bar   *progress

	sum      importSummary
	lastLine int  // of the file, that was read
	sent     bool // the node has all of it
	failed   failures
}

// importSummary is the last line of the node's answer, and what is printed at the end.
type importSummary struct {
	Total   int `json:"total"`
	Stored  int `json:"stored"`
	Skipped int `json:"skipped"`
	Failed  int `json:"failed"`
}

func (s *importSummary) add(o importSummary) {
	s.Total += o.Total
	s.Stored += o.Stored
	s.Skipped += o.Skipped
	s.Failed += o.Failed
}

func (a *app) importCommand() *cobra.Command {
	var mode, format, encoding, errorsName string
	var allocate, quiet bool
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Register the records of a file, NDJSON or CSV",
		Long: `Register the records of a file, which may be of any size and compressed with gzip. It is sent whole, and
the node registers it as a job (see idctl job), each row exactly once; idctl waits for the end.

NDJSON has one record a line:
  {"id":"88.1021.150/SN-001","values":[{"index":1,"type":"URL","data":"https://…","ttl":86400}]}

CSV has one value a line under a header of the columns id,index,type,data and, optional,
ttl,perms,timestamp,refs,scheme,template, in any order. The lines of one identifier follow each
other. Data that is not text is written as {"format":"base64","value":"…"}, references as
[{"handle":"…","index":300}]; a TTL that is a time is absolute; an apostrophe before =, +, - or @ at
the start of a cell is removed.

If FILE.manifest.json of an export lies beside the file, the file is held to it first.

Rows that fail do not stop the others. They are written to the file of --errors, one JSON object
a line, and idctl then exits with 1. An import that broke off may be run again as it is: the same file
with the same options is the same job.`,
		Example: `  idctl import --allocate enterprises.ndjson
  idctl import --mode skip-existing --encoding gb18030 products.csv
  zcat records.ndjson.gz | idctl import -`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			name := args[0]
			if !slices.Contains([]string{"create", "upsert", "skip-existing"}, mode) {
				return usagef("--mode is create, upsert or skip-existing, not %q", mode)
			}
			if !slices.Contains([]string{"utf-8", "gb18030"}, encoding) {
				return usagef("--encoding is utf-8 or gb18030, not %q", encoding)
			}
			if format == "" {
				if format = formatOf(name); name == "-" {
					format = "ndjson"
				}
			}
			if format != "ndjson" && format != "csv" {
				return usagef("--format ndjson or csv is needed: the name %s does not tell", name)
			}
			base := orDefault(strings.TrimPrefix(name, "-"), "import")
			im := &importer{app: a, query: url.Values{"mode": {mode}, "format": {"ndjson"}, "name": {filepath.Base(name)}}, failed: failures{name: orDefault(errorsName, base+".errors.ndjson")}}
			if allocate {
				im.query.Set("allocate", "true")
			}
			if errorsName == "" {
				// The failures of an earlier run would be taken for those of this one.
				if err := os.Remove(im.failed.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return failf("remove old errors: %v", err)
				}
			}
			if _, err := a.key(); err != nil {
				return err // before anything is read
			}
			if err := a.checkManifest(name, format, encoding); err != nil {
				return err
			}
			src, err := a.open(name, format, encoding)
			if err != nil {
				return err
			}
			if !quiet {
				im.bar = newProgress(a.Err, name, src.size)
			}
			return im.run(ctx, name, func() (*source, error) {
				if first := src; first != nil {
					src = nil
					return first, nil
				}
				return a.open(name, format, encoding)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&mode, "mode", "create", "what to do with identifiers that exist: create (they fail), upsert (replace them) or skip-existing")
	f.BoolVar(&allocate, "allocate", false, "allocate unknown namespaces under the node to itself (operators only)")
	f.StringVar(&format, "format", "", "`FORMAT`: ndjson or csv (default: by the file's name; ndjson for -)")
	f.StringVar(&encoding, "encoding", "utf-8", "encoding of the file: utf-8 or gb18030")
	f.StringVar(&errorsName, "errors", "", "`FILE` for the rows that fail, written only if any do (default: FILE.errors.ndjson)")
	f.BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	return cmd
}

// run has the file, which open opens anew each time, registered by a job, and prints the summary.
func (im *importer) run(ctx context.Context, name string, open func() (*source, error)) error {
	begin := time.Now()
	err := im.work(ctx, name, open)
	im.bar.finish()
	if cerr := im.failed.close(); err == nil {
		err = cerr
	}
	return im.conclude(name, time.Since(begin), err)
}

func (im *importer) work(ctx context.Context, name string, open func() (*source, error)) error {
	a := im.app
	var local importSummary // of rows that were not sent
	j, err := a.submit(ctx, im.query, func() (io.ReadCloser, error) {
		local, im.lastLine = importSummary{}, 0
		if err := im.failed.restart(); err != nil {
			return nil, err
		}
		src, err := open()
		if err != nil {
			return nil, err
		}
		return &records{im: im, src: src, local: &local}, nil
	}, name != "-")
	if err != nil {
		return err
	}
	im.sent = true
	if j, err = a.follow(ctx, j, im.bar, false); err != nil {
		return err
	}
	im.sum = j.Summary
	im.sum.add(local)
	if j.Summary.Failed > 0 {
		err := a.each(ctx, jobPath(j.ID)+"/rows", url.Values{"status": {"failed"}}, 0, func(item json.RawMessage) error {
			var row failure
			if err := json.Unmarshal(item, &row); err != nil {
				return failf("answer of %s is not what idctl knows: %v", a.server, err)
			}
			return im.failed.add(row)
		})
		if err != nil {
			return err
		}
	}
	if j.State != "done" {
		im.sent = false // more will not come of it
		if j.Error != nil {
			return failf("the node ended the import: %s: %s", j.Error.Code, j.Error.Detail)
		}
		return failf("the job %s was cancelled", j.ID)
	}
	return nil
}

// records are the good rows of a file as NDJSON, each on the line on which it stands in the file.
type records struct {
	im      *importer
	src     *source
	local   *importSummary
	line    int // of what is pending, the last
	pending []byte
	err     error
}

func (r *records) Read(p []byte) (int, error) {
	for len(r.pending) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.pending = r.pending[:0]
		for r.err == nil && len(r.pending) < 64<<10 {
			r.err = r.next()
		}
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	return n, nil
}

// next has the next row at hand.
func (r *records) next() error {
	row, err := r.src.next()
	r.im.bar.advance(r.src.read, r.im.lastLine)
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err != nil {
		return failf("read input: %v", err)
	}
	if f := row.failure; f != nil {
		r.local.Total++
		r.local.Failed++
		if f.why != nil {
			f.Detail = tell(r.im.app.language(), f.why)
		}
		return r.im.failed.add(*f)
	}
	for ; r.line < row.line-1; r.line++ {
		r.pending = append(r.pending, '\n')
	}
	r.pending = append(append(r.pending, row.json...), '\n')
	r.line, r.im.lastLine = row.line, row.line
	return nil
}

// Close closes the file.
func (r *records) Close() error { return r.src.Close() }

// conclude prints what was done and returns the command's error.
func (im *importer) conclude(name string, took time.Duration, err error) error {
	a := im.app
	errorsName := im.failed.written()
	if a.output == "json" {
		if perr := a.printJSON(struct {
			importSummary
			LastLine int     `json:"lastLine"`
			Seconds  float64 `json:"seconds"`
			Errors   string  `json:"errors,omitempty"`
		}{im.sum, im.lastLine, float64(took.Milliseconds()) / 1000, errorsName}); perr != nil {
			return perr
		}
	} else {
		rate := float64(im.sum.Total) / max(took.Seconds(), 1e-3)
		fmt.Fprintf(a.Out, "%s: %d rows: %d stored, %d skipped, %d failed in %.1f s (%.0f rows/s)\n",
			name, im.sum.Total, im.sum.Stored, im.sum.Skipped, im.sum.Failed, took.Seconds(), rate)
		for _, f := range im.failed.first {
			where := fmt.Sprintf("line %d", f.Line)
			if f.ID != "" {
				where += ", " + f.ID
			}
			fmt.Fprintln(a.Err, "  "+clean(where+": "+f.Code+": "+f.Detail))
		}
		if errorsName != "" {
			fmt.Fprintf(a.Err, "all failures are in %s\n", errorsName)
		}
	}
	if err != nil {
		return im.stopped(err)
	}
	if im.sum.Failed > 0 {
		return &outcome{code: exitFailed, name: "rows_failed", text: fmt.Sprintf("%d of %d rows failed", im.sum.Failed, im.sum.Total), printed: a.output != "json"}
	}
	return nil
}

// stopped says where an import stands that could not go on.
func (im *importer) stopped(err error) error {
	p, refused := errors.AsType[*problem](err)
	switch {
	case im.sent:
		return err // the job goes on, or has ended
	case refused && p.Status < 500:
		return failf("import stopped: %v; nothing is registered", err)
	}
	return failf("import stopped: %v; to go on, run it again, which is safe", err)
}
