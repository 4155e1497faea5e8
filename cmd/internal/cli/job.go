package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"
)

const jobsPath = "/v1/jobs"

// bulkJob is a job as the node tells it.
type bulkJob struct {
	ID         string        `json:"id"`
	Enterprise string        `json:"enterprise"`
	Name       string        `json:"name"`
	State      string        `json:"state"`
	Format     string        `json:"format"`
	Octets     int64         `json:"octets"`
	Lines      int           `json:"lines"`
	Parent     string        `json:"parent"`
	Created    time.Time     `json:"created"`
	Started    time.Time     `json:"started"`
	Finished   time.Time     `json:"finished"`
	Summary    importSummary `json:"summary"`
	Comparison *struct {
		New, Same, Different int
	} `json:"comparison"`
	Error *struct {
		Code, Detail string
	} `json:"error"`
	Progress *struct {
		Done             float64
		RowsPerSecond    float64
		RemainingSeconds int64
	} `json:"progress"`

	raw []byte // as told
}

func (j *bulkJob) ended() bool { return j.State != "queued" && j.State != "running" }

// parseJob reads a job.
func parseJob(body []byte) (*bulkJob, error) {
	j := &bulkJob{raw: body}
	if err := json.Unmarshal(body, j); err != nil || j.ID == "" {
		return nil, failf("answer of the node is not what idctl knows: %v", err)
	}
	return j, nil
}

func (a *app) jobCommand() *cobra.Command {
	return group("job", "Bulk registrations that the node runs in the background",
		a.jobSubmitCommand(), a.jobWatchCommand(), a.jobStatusCommand(), a.jobListCommand(), a.jobRowsCommand(), a.jobErrorsCommand(),
		a.jobRetryCommand(), a.jobCancelCommand(), a.jobDeleteCommand())
}

func (a *app) jobSubmitCommand() *cobra.Command {
	var mode, scheme, prefix, template, rule, name, format, enterprise string
	var dry, atomic, allocate, watch bool
	var columns []string
	cmd := &cobra.Command{
		Use:   "submit FILE|-",
		Short: "Send a file whose records the node registers in the background",
		Long: `Send a file whose records the node registers in the background, each exactly once. It has NDJSON, a
record a line; CSV with the columns id,index,type,data,ttl,perms, a value a line; or, with --template, CSV or
a workbook (XLSX) by the fields of a data template. CSV may be in UTF-8 or GB18030; gzip and zstd are unpacked.

The same file with the same options is the same job: after a lost answer it may be sent again.`,
		Example: `  idctl job submit --watch night.ndjson
  idctl job submit --dry-run --template bearing --prefix 88.1021.150 --column 型号=model bearings.csv
  idctl job submit --prefix 88.1021.150 --rule 'SN-{serial:8}{check}' --template bearing --watch new.xlsx`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q := url.Values{}
			for key, value := range map[string]string{"mode": mode, "scheme": scheme, "prefix": prefix, "template": template, "rule": rule, "format": format, "enterprise": enterprise} {
				if value != "" {
					q.Set(key, value)
				}
			}
			for key, value := range map[string]bool{"dryRun": dry, "atomic": atomic, "allocate": allocate} {
				if value {
					q.Set(key, "true")
				}
			}
			q["column"] = columns
			if name == "" && args[0] != "-" {
				name = filepath.Base(args[0])
			}
			if name != "" {
				q.Set("name", name)
			}
			if _, err := a.key(); err != nil {
				return err // before anything is read
			}
			j, err := a.submitFile(ctx, args[0], q)
			if err != nil {
				return err
			}
			if !watch {
				if a.output == "json" {
					return a.printBody(j.raw)
				}
				_, err := fmt.Fprintln(a.Out, j.ID)
				return err
			}
			return a.watchToEnd(ctx, j)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&mode, "mode", "create", "what to do with identifiers that exist: create (they fail), upsert (replace them) or skip-existing")
	f.BoolVar(&dry, "dry-run", false, "hold the rows to all checks and register none")
	f.BoolVar(&atomic, "atomic", false, "register all rows or none; for at most 10000")
	f.BoolVar(&allocate, "allocate", false, "allocate unknown namespaces under the node to itself (operators only)")
	f.StringVar(&template, "template", "", "data `TEMPLATE` by whose fields the columns are named; needs --prefix")
	f.StringVar(&prefix, "prefix", "", "`PREFIX` of the template or the rule")
	f.StringVar(&scheme, "scheme", "", "`SCHEME` of the prefix, or of identifiers that do not show it")
	f.StringArrayVar(&columns, "column", nil, "`NAME=FIELD` of a column that is named otherwise than its field; @id is the identifier; repeatable")
	f.StringVar(&rule, "rule", "", "`RULE` that makes the identifiers, see idctl mint; rows have none then")
	f.StringVar(&format, "format", "", "`FORMAT`: ndjson, csv or xlsx (default: told by the content)")
	f.StringVar(&name, "name", "", "the job's name (default: the file's)")
	f.StringVar(&enterprise, "enterprise", "", "`ID` of the enterprise whose job it is (operators only)")
	f.BoolVarP(&watch, "watch", "w", false, "wait for the end, and show how far it is")
	return cmd
}

// submitFile sends a file as the input of a job. A file that can be read again is sent again when no answer comes.
func (a *app) submitFile(ctx context.Context, name string, q url.Values) (*bulkJob, error) {
	if name == "-" {
		return a.submit(ctx, q, func() (io.ReadCloser, error) { return io.NopCloser(a.In), nil }, false)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	return a.submit(ctx, q, func() (io.ReadCloser, error) { return os.Open(name) }, info.Mode().IsRegular())
}

// submitAttempts is how often an input is sent before it is given up.
const submitAttempts = 6

// submit sends an input, which open gives anew each time it is called, again and again if that is possible.
func (a *app) submit(ctx context.Context, q url.Values, open func() (io.ReadCloser, error), again bool) (*bulkJob, error) {
	for attempt, pause := 1, time.Second; ; attempt, pause = attempt+1, min(2*pause, 15*time.Second) {
		in, err := open()
		if err != nil {
			return nil, err
		}
		j, err := a.sendInput(ctx, q, in)
		in.Close()
		if err == nil || !again || attempt == submitAttempts || ctx.Err() != nil || !passing(err) {
			return j, err
		}
		fmt.Fprintln(a.Err, "idctl:", clean(tell(a.language(), failf("%v; sent again in %v, which is safe", err, pause))))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// passing reports whether an error may be gone in a moment.
func passing(err error) bool {
	if _, ok := errors.AsType[*unreachable](err); ok {
		return true
	}
	p, ok := errors.AsType[*problem](err)
	return ok && (p.Status == http.StatusTooManyRequests && p.Code == "too_many_requests" || p.Status == http.StatusServiceUnavailable || p.Status == http.StatusBadGateway || p.Status == http.StatusGatewayTimeout)
}

// sendInput sends an input once, packed with zstd if it is not packed already.
func (a *app) sendInput(ctx context.Context, q url.Values, in io.Reader) (*bulkJob, error) {
	head := make([]byte, 4)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, failf("read input: %v", err)
	}
	head = head[:n]
	header := http.Header{"Content-Type": {"application/octet-stream"}, "Prefer": {"wait=2"}}
	body := io.MultiReader(strings.NewReader(string(head)), in)
	if packed := n >= 2 && head[0] == 0x1f && head[1] == 0x8b || string(head) == "\x28\xb5\x2f\xfd" || string(head) == "PK\x03\x04"; !packed {
		p := pack(body)
		defer p.close()
		body = p
		header.Set("Content-Encoding", "zstd")
	}
	resp, err := a.do(ctx, request{method: http.MethodPost, path: jobsPath, query: q, body: body, header: header})
	if err != nil {
		if p, ok := body.(*packer); ok {
			if perr := p.close(); perr != nil {
				return nil, perr
			}
		}
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), answer)
	}
	return parseJob(answer)
}

// packer packs what it reads with zstd.
type packer struct {
	*io.PipeReader
	done chan struct{} // closed when nothing is read any more
	err  error         // of reading, once done is closed
}

func pack(in io.Reader) *packer {
	r, w := io.Pipe()
	p := &packer{PipeReader: r, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err == nil {
			buf := make([]byte, 64<<10)
			for err == nil {
				var n int
				n, err = in.Read(buf)
				if err != nil && err != io.EOF {
					p.err = err
				}
				if n > 0 {
					if _, werr := z.Write(buf[:n]); werr != nil {
						err = werr
					}
				}
			}
			if cerr := z.Close(); err == io.EOF {
				err = cerr
			}
		}
		w.CloseWithError(err)
	}()
	return p
}

// close ends the reading, unless it waits for standard input, and returns what was wrong with it.
func (p *packer) close() error {
	p.PipeReader.Close()
	select {
	case <-p.done:
		return p.err
	case <-time.After(time.Second):
		return nil
	}
}

func (a *app) jobWatchCommand() *cobra.Command {
	return &cobra.Command{
		Use: "watch ID", Short: "Show how far a job is, until it has ended", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			j, err := a.readJob(ctx, args[0])
			if err != nil {
				return err
			}
			return a.watchToEnd(ctx, j)
		}),
	}
}

func (a *app) readJob(ctx context.Context, id string) (*bulkJob, error) {
	body, err := a.call(ctx, request{method: http.MethodGet, path: jobPath(id)})
	if err != nil {
		return nil, err
	}
	return parseJob(body)
}

func jobPath(id string) string { return jobsPath + "/" + url.PathEscape(id) }

func (a *app) jobStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status ID", Short: "Show how far a job is", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			j, err := a.readJob(ctx, args[0])
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printBody(j.raw)
			}
			return a.printJob(j)
		}),
	}
}

// printJob prints a job for people.
func (a *app) printJob(j *bulkJob) error {
	t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, clean(fmt.Sprintf(format, args...)))
	}
	line("job", "%s", j.ID)
	if j.Name != "" {
		line("name", "%s", j.Name)
	}
	if j.Parent != "" {
		line("again of", "%s", j.Parent)
	}
	line("state", "%s", j.State)
	line("rows", "%d: %d stored, %d skipped, %d failed", j.Summary.Total, j.Summary.Stored, j.Summary.Skipped, j.Summary.Failed)
	if c := j.Comparison; c != nil {
		line("dry run", "%d new, %d the same, %d different", c.New, c.Same, c.Different)
	}
	if p := j.Progress; p != nil {
		left := ""
		if p.RemainingSeconds > 0 {
			left = ", " + (time.Duration(p.RemainingSeconds) * time.Second).String() + " left"
		}
		line("progress", "%.0f %%, %.0f rows/s%s", 100*p.Done, p.RowsPerSecond, left)
	}
	line("submitted", "%s", j.Created.Local().Format(time.DateTime))
	if !j.Finished.IsZero() {
		line("took", "%s", j.Finished.Sub(j.Started).Round(time.Millisecond))
	}
	if j.Error != nil {
		line("error", "%s: %s", j.Error.Code, j.Error.Detail)
	}
	return t.Flush()
}

func (a *app) jobListCommand() *cobra.Command {
	var enterprise, state string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List jobs, the newest first", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q := url.Values{}
			if enterprise != "" {
				q.Set("enterprise", enterprise)
			}
			if state != "" {
				q.Set("state", state)
			}
			t := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
			err := a.each(ctx, jobsPath, q, limit, func(item json.RawMessage) error {
				if a.output == "json" {
					_, err := fmt.Fprintf(a.Out, "%s\n", item)
					return err
				}
				j, err := parseJob(item)
				if err != nil {
					return err
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%d rows\t%d stored\t%d failed\t%s\n", j.ID, j.Created.Local().Format(time.DateTime), j.State, j.Summary.Total, j.Summary.Stored, j.Summary.Failed, clean(j.Name))
				return nil
			})
			if ferr := t.Flush(); err == nil {
				err = ferr
			}
			return err
		}),
	}
	cmd.Flags().StringVar(&enterprise, "enterprise", "", "only those of the enterprise `ID`")
	cmd.Flags().StringVar(&state, "state", "", "only those in `STATE`: queued, running, done, cancelled or failed")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most `N` jobs, 0 for all")
	return cmd
}

func (a *app) jobRowsCommand() *cobra.Command {
	var status []string
	var limit int
	cmd := &cobra.Command{
		Use: "rows ID", Short: "List what the rows of a job came to", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q := url.Values{}
			if len(status) > 0 {
				q.Set("status", strings.Join(status, ","))
			}
			return a.each(ctx, jobPath(args[0])+"/rows", q, limit, func(item json.RawMessage) error {
				if a.output == "json" {
					_, err := fmt.Fprintf(a.Out, "%s\n", item)
					return err
				}
				var r failure
				if err := json.Unmarshal(item, &r); err != nil {
					return failf("answer of %s is not what idctl knows: %v", a.server, err)
				}
				text := strconv.Itoa(r.Line) + "\t" + r.Status
				if r.ID != "" {
					text += "\t" + clean(r.ID)
				}
				if r.Code != "" {
					text += "\t" + clean(r.Code+": "+r.Detail)
				}
				_, err := fmt.Fprintln(a.Out, text)
				return err
			})
		}),
	}
	cmd.Flags().StringSliceVar(&status, "status", nil, "only rows with these: stored, skipped, failed, held")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most `N` rows, 0 for all")
	return cmd
}

func (a *app) jobErrorsCommand() *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use:   "errors ID",
		Short: "Write the rejected rows of a job as they were sent, with what is wrong beside them",
		Long: `Write the rejected rows of a job as they were sent, with what is wrong beside them. Mended, the file is submitted
again as it is: the columns error_line, error_code and error_detail, or the member "error", are passed over.`,
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			if format == "" {
				format = strings.TrimPrefix(filepath.Ext(out), ".")
			}
			if format == "" {
				j, err := a.readJob(ctx, args[0])
				if err != nil {
					return err
				}
				format = j.Format
			}
			switch format {
			case "csv", "xlsx", "ndjson":
			default:
				return usagef("--format is csv, xlsx or ndjson, not %q", format)
			}
			resp, err := a.do(ctx, request{method: http.MethodGet, path: jobPath(args[0]) + "/errors." + format})
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
			if out == "" {
				_, err = io.Copy(a.Out, resp.Body)
			} else {
				err = writeWhole(out, func(w io.Writer) error { _, err := io.Copy(w, resp.Body); return err })
			}
			if err != nil {
				return failf("write errors: %v", err)
			}
			return nil
		}),
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "`FORMAT`: csv, xlsx or ndjson (default: by the file's name, else that of the job's input)")
	cmd.Flags().StringVarP(&out, "out", "O", "", "`FILE` to write (default: standard output)")
	return cmd
}

func (a *app) jobRetryCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "retry ID",
		Short: "Submit the rows of a job again that failed, were held back or never came to their turn",
		Args:  cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			j, err := a.jobStep(ctx, args[0], "retry")
			switch {
			case err != nil:
				return err
			case watch:
				return a.watchToEnd(ctx, j)
			case a.output == "json":
				return a.printBody(j.raw)
			}
			_, err = fmt.Fprintln(a.Out, j.ID)
			return err
		}),
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "wait for the end, and show how far it is")
	return cmd
}

func (a *app) jobCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel ID", Short: "Stop a job; what it registered stays", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			j, err := a.jobStep(ctx, args[0], "cancel")
			switch {
			case err != nil:
				return err
			case a.output == "json":
				return a.printBody(j.raw)
			}
			return a.printJob(j)
		}),
	}
}

func (a *app) jobStep(ctx context.Context, id, step string) (*bulkJob, error) {
	body, err := a.call(ctx, request{method: http.MethodPost, path: jobPath(id) + ":" + step})
	if err != nil {
		return nil, err
	}
	return parseJob(body)
}

func (a *app) jobDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID", Short: "Forget a job that has ended; what it registered stays", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			_, err := a.call(ctx, request{method: http.MethodDelete, path: jobPath(args[0])})
			return err
		}),
	}
}
