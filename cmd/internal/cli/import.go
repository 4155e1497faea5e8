package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// A file goes to the node in parts, one request each. The answer to a part confirms it, so that
// after a failure it is known how far the import came; the next part is read meanwhile.
const (
	partRows   = 20_000
	partOctets = 8 << 20
)

// partTimeout is how long the node may take for one part.
const partTimeout = 10 * time.Minute

// importer is one run of idctl import.
type importer struct {
	app      *app
	query    url.Values
	compress bool
	bar      *progress

	sum      importSummary
	lastLine int // of the file, confirmed
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
	var allocate, compress, quiet bool
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Register the records of a file, NDJSON or CSV",
		Long: `Register the records of a file. It is read and sent in parts and may be of any size; it may be
compressed with gzip.

NDJSON has one record a line:
  {"id":"88.1021.150/SN-001","values":[{"index":1,"type":"URL","data":"https://…","ttl":86400}]}

CSV has one value a line under a header of the columns id,index,type,data and, optional,
ttl,perms,timestamp,refs,scheme,template, in any order. The lines of one identifier follow each
other. Data that is not text is written as {"format":"base64","value":"…"}, references as
[{"handle":"…","index":300}]; a TTL that is a time is absolute; an apostrophe before =, +, - or @ at
the start of a cell is removed.

If FILE.manifest.json of an export lies beside the file, the file is held to it first.

Rows that fail do not stop the others. They are written to the file of --errors, one JSON object
a line, and idctl then exits with 1. An import that broke off may be run again with
--mode skip-existing.`,
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
			im := &importer{app: a, query: url.Values{"mode": {mode}}, compress: compress, failed: failures{name: orDefault(errorsName, base+".errors.ndjson")}}
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
			defer src.Close()
			if !quiet {
				im.bar = newProgress(a.Err, name, src.size)
			}
			return im.run(ctx, src)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&mode, "mode", "create", "what to do with identifiers that exist: create (they fail), upsert (replace them) or skip-existing")
	f.BoolVar(&allocate, "allocate", false, "allocate unknown namespaces under the node to itself (operators only)")
	f.StringVar(&format, "format", "", "`FORMAT`: ndjson or csv (default: by the file's name; ndjson for -)")
	f.StringVar(&encoding, "encoding", "utf-8", "encoding of the file: utf-8 or gb18030")
	f.StringVar(&errorsName, "errors", "", "`FILE` for the rows that fail, written only if any do (default: FILE.errors.ndjson)")
	f.BoolVar(&compress, "gzip", false, "compress what is sent")
	f.BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	return cmd
}

// part is a piece of a file: what is sent in one request.
type part struct {
	body     []byte
	lines    []int // of the file, for each line of body
	failures []failure
	read     int64 // octets of the file read up to its end
	err      error // why the file could not be read further; io.EOF at its end
}

// fill reads the next part of src.
func fill(src *source) *part {
	p := &part{}
	for len(p.lines) < partRows && len(p.body) < partOctets {
		r, err := src.next()
		if err != nil {
			p.err = err
			break
		}
		if r.failure != nil {
			p.failures = append(p.failures, *r.failure)
			continue
		}
		p.lines = append(p.lines, r.line)
		p.body = append(append(p.body, r.json...), '\n')
	}
	p.read = src.read
	return p
}

// run sends src and prints the summary.
func (im *importer) run(ctx context.Context, src *source) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin := time.Now()
	parts := make(chan *part)
	go func() {
		for {
			p := fill(src)
			select {
			case parts <- p:
			case <-ctx.Done():
				return
			}
			if p.err != nil {
				return
			}
		}
	}()
	err := im.consume(ctx, parts)
	cancel()
	im.bar.finish()
	if cerr := im.failed.close(); err == nil {
		err = cerr
	}
	return im.conclude(src.name, time.Since(begin), err)
}

// consume sends the parts in their order.
func (im *importer) consume(ctx context.Context, parts <-chan *part) error {
	for {
		var p *part
		select {
		case <-ctx.Done(): // also while standard input stalls
			return ctx.Err()
		case p = <-parts:
		}
		if len(p.lines) > 0 {
			if err := im.send(ctx, p); err != nil {
				return err
			}
			im.lastLine = p.lines[len(p.lines)-1]
		}
		for i := range p.failures {
			im.sum.Total++
			im.sum.Failed++
			row := p.failures[i]
			if row.why != nil {
				row.Detail = tell(im.app.language(), row.why)
			}
			if err := im.failed.add(row); err != nil {
				return err
			}
		}
		im.bar.advance(p.read, im.sum.Total)
		if errors.Is(p.err, io.EOF) {
			return nil
		}
		if p.err != nil {
			return failf("read input: %v", p.err)
		}
	}
}

// send sends one part and reads its results.
func (im *importer) send(ctx context.Context, p *part) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	r := request{method: http.MethodPost, path: "/v1/identifiers:import", query: im.query, body: p.body,
		header: http.Header{"Content-Type": {"application/x-ndjson"}, "Accept": {"application/x-ndjson, application/problem+json"}}}
	if im.compress {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(p.body) // to memory
		_ = z.Close()
		r.body = b.Bytes()
		r.header.Set("Content-Encoding", "gzip")
	}
	resp, err := im.app.do(ctx, r)
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
	return im.results(resp.Body, p)
}

// results reads the node's answer to p: the rows that failed, then the summary. Without a summary
// the part is not confirmed, whatever came before.
func (im *importer) results(in io.Reader, p *part) error {
	dec := json.NewDecoder(in)
	for {
		var line struct {
			failure
			Total *int `json:"total"`
			importSummary
		}
		if err := dec.Decode(&line); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return failf("the node's answer broke off: %v", err)
		}
		switch {
		case line.Total != nil:
			sum := line.importSummary
			sum.Total = *line.Total
			if sum.Total != len(p.lines) {
				return failf("the node counted %d rows of the %d that were sent", sum.Total, len(p.lines))
			}
			im.sum.add(sum)
			return nil
		case line.Line < 1 || line.Line > len(p.lines): // of no row: the import ended early, and this much is stored
			sum := line.importSummary
			sum.Total = sum.Stored + sum.Skipped + sum.Failed
			im.sum.add(sum)
			return failf("the node ended the import: %s: %s", line.Code, line.Detail)
		}
		line.failure.Line = p.lines[line.Line-1]
		if err := im.failed.add(line.failure); err != nil {
			return err
		}
	}
}

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

// stopped says how far an import came that could not go on.
func (im *importer) stopped(err error) error {
	confirmed := failf("no row is confirmed")
	if im.lastLine > 0 {
		confirmed = failf("rows up to line %d are confirmed", im.lastLine)
	}
	if p, ok := errors.AsType[*problem](err); ok && p.Status < 500 {
		return failf("import stopped: %v; %s, later ones are not stored", err, confirmed)
	}
	return failf("import stopped: %v; %s, later ones may be stored too; to go on, run it again with --mode skip-existing, which is safe", err, confirmed)
}
