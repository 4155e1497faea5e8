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
	"time"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/proto/auditchain"
)

func (a *app) auditHead() *cobra.Command {
	return &cobra.Command{
		Use:   "head",
		Short: "Show the newest entry of the audit log's hash chain",
		Long: `Show the number and hash of the newest entry of the audit log: keep it where the node's people
cannot change it, and audit verify --head proves later that the log still begins with what it was.
With -o json the signature of the node stands beside it; such answers, one after the other in a
file, are what --head-file reads.`,
		Example: "  idctl audit head\n  idctl audit head -o json >> heads.json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			var h auditchain.Head
			body, err := a.callInto(ctx, request{method: http.MethodGet, path: "/v1/audit/head"}, &h)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printBody(body)
			}
			_, err = fmt.Fprintf(a.Out, "%d:%s  %s\n", h.N, h.Hash, h.Time.Format(time.RFC3339))
			return err
		}),
	}
}

func (a *app) auditExport() *cobra.Command {
	var from, to, out string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the audit log, or a part of it, with its hashes",
		Long: `Write the audit log as NDJSON, to standard output or to a file: first what stands before the first
entry, then the entries as they are stored with number and hash, and at the end the head. A file
appears whole under its name or not at all, and is verified while it is written; if the log is not
what was chained the file is written all the same, and the exit code is 1.`,
		Example: "  idctl audit export -O audit.ndjson\n  idctl audit export --from 2026-01-01 --to 2026-02-01 -O january.ndjson\n  idctl audit export --from 120001 -O more.ndjson",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q := url.Values{}
			for name, text := range map[string]string{"from": from, "to": to} {
				bound, err := auditBound(text)
				if err != nil {
					return err
				}
				if bound != "" {
					q.Set(name, bound)
				}
			}
			var last auditchain.Head
			var entries uint64
			var damage error
			write := func(w io.Writer) (err error) {
				buf := bufio.NewWriterSize(w, 64<<10)
				last, entries, damage, err = a.copyAudit(ctx, q, buf)
				return errors.Join(err, buf.Flush())
			}
			var err error
			if out == "" || out == "-" {
				err = write(a.Out)
			} else {
				err = writeWhole(out, write)
			}
			if err != nil {
				return err
			}
			if damage == nil {
				fmt.Fprintf(a.Err, "idctl: exported %d entries, up to %d:%s\n", entries, last.N, last.Hash)
			}
			return damage
		}),
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "from this `NUMBER` or time on")
	f.StringVar(&to, "to", "", "up to this `NUMBER`, or before this time")
	f.StringVarP(&out, "out", "O", "", "`FILE` to write (default: standard output)")
	return cmd
}

// auditBound is where a part begins or ends, as the server reads it.
func auditBound(text string) (string, error) {
	digits := text != ""
	for _, c := range text {
		digits = digits && '0' <= c && c <= '9'
	}
	if text == "" || digits {
		return text, nil
	}
	t, err := parseTime(text, time.Now())
	if err != nil {
		return "", err
	}
	return t.Format(time.RFC3339), nil
}

// copyAudit writes an export of the server to w and verifies it. damage is what is wrong with the log; with
// err the export is not whole.
func (a *app) copyAudit(ctx context.Context, q url.Values, w io.Writer) (last auditchain.Head, entries uint64, damage, err error) {
	body, err := a.stream(ctx, request{method: http.MethodGet, path: "/v1/audit:export", query: q})
	if err != nil {
		return last, 0, nil, err
	}
	defer body.Close()
	ends := &lastLine{w: w}
	in := io.TeeReader(body, ends)
	from, last, err := auditchain.Verify(in)
	problem, ok := errors.AsType[*auditchain.Problem](err)
	switch {
	case err == nil:
		return last, last.N - from.N, nil, nil
	case !ok || problem.Kind == auditchain.Cut || problem.Kind == auditchain.Aborted || problem.Kind == auditchain.Malformed:
		return last, 0, nil, auditError(err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return last, 0, nil, err
	}
	if !ends.end() {
		return last, 0, nil, auditError(&auditchain.Problem{Kind: auditchain.Cut, Line: ends.lines})
	}
	return last, 0, auditError(problem), nil
}

// lastLine passes lines on, and knows the beginning of the last one.
type lastLine struct {
	w     io.Writer
	lines int
	begun []byte // of the line under way
	last  string // beginning of the one before
}

func (l *lastLine) Write(p []byte) (int, error) {
	for _, c := range p {
		switch {
		case c == '\n':
			l.last, l.begun = string(l.begun), l.begun[:0]
			l.lines++
		case len(l.begun) < len(endLine):
			l.begun = append(l.begun, c)
		}
	}
	return l.w.Write(p)
}

// endLine begins the last line of an export.
const endLine = `{"end":`

func (l *lastLine) end() bool { return len(l.begun) == 0 && l.last == endLine }

// auditVerification is what audit verify says with -o json.
type auditVerification struct {
	Verified  bool               `json:"verified"`
	From      *auditchain.Anchor `json:"from,omitempty"` // what the log begins behind
	Head      *auditchain.Head   `json:"head,omitempty"` // its last entry
	Entries   uint64             `json:"entries"`
	Pending   uint64             `json:"pending"`
	Problem   *auditProblem      `json:"problem,omitempty"`
	Unchained uint64             `json:"unchained"`
	Strangers json.RawMessage    `json:"strangers,omitempty"` // the first of the unchained
}

type auditProblem struct {
	Kind   string `json:"kind"`
	N      uint64 `json:"n"`
	Detail string `json:"detail"`
}

func (a *app) auditVerify() *cobra.Command {
	var file, headFile string
	var headTexts []string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that nothing in the audit log was changed, removed, inserted or moved",
		Long: `Fetch the audit log and verify its hash chain here; the node is also asked whether it has entries
beside the chain. With -f an export is verified, without asking anybody.

Who can write the node's data could make a whole new log. Against that help heads that were kept
elsewhere: --head and --head-file prove that the log still begins with what it was then, and that
its end was not cut off.

Exit code 0: verified. 1: not, and the first entry that is wrong is named.`,
		Example: "  idctl audit verify\n  idctl audit verify --head-file heads.json\n  idctl audit verify -f audit.ndjson --head 120000:5c1f…",
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			heads, err := a.auditHeads(headTexts, headFile)
			if err != nil {
				return err
			}
			var v auditVerification
			if file != "" {
				err = a.verifyFile(file, heads, &v)
			} else {
				err = a.verifyOnline(ctx, heads, &v)
			}
			return a.reportAudit(&v, err)
		}),
	}
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", "verify the export in `FILE`, - for standard input, instead of the node's log")
	f.StringArrayVar(&headTexts, "head", nil, "a head that was kept, `N:HASH`; may be given several times")
	f.StringVar(&headFile, "head-file", "", "`FILE` with heads as audit head -o json prints them")
	return cmd
}

// auditHeads reads the heads that were kept. One that is signed must be signed well.
func (a *app) auditHeads(texts []string, file string) ([]auditchain.Head, error) {
	var heads []auditchain.Head
	for _, text := range texts {
		h, err := auditchain.ParseHead(text)
		if err != nil {
			return nil, usagef("--head is N:HASH, a number and 64 hexadecimal digits, not %q", text)
		}
		heads = append(heads, h)
	}
	if file == "" {
		return heads, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var h auditchain.Head
		switch err := d.Decode(&h); {
		case err == io.EOF:
			return heads, nil
		case err != nil:
			return nil, failf("read %s: %v", file, err)
		case h.Signature != nil && !h.Signed():
			return nil, failf("%s: the signature of head %d is not that of its key", file, h.N)
		}
		heads = append(heads, h)
	}
}

func (a *app) verifyFile(name string, heads []auditchain.Head, v *auditVerification) error {
	in := a.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	return v.read(in, heads)
}

// read verifies an export.
func (v *auditVerification) read(in io.Reader, heads []auditchain.Head) error {
	from, last, err := auditchain.Verify(in, heads...)
	if _, ok := errors.AsType[*auditchain.Problem](err); err == nil || ok {
		v.From, v.Head, v.Entries = &from, &last, last.N-min(from.N, last.N)
	}
	return err
}

func (a *app) verifyOnline(ctx context.Context, heads []auditchain.Head, v *auditVerification) error {
	var now auditchain.Head
	if _, err := a.callInto(ctx, request{method: http.MethodGet, path: "/v1/audit/head"}, &now); err != nil {
		return err
	}
	if now.Signature != nil && !now.Signed() {
		return failf("%s: the signature of head %d is not that of its key", a.server, now.N)
	}
	body, err := a.stream(ctx, request{method: http.MethodGet, path: "/v1/audit:export"})
	if err != nil {
		return err
	}
	defer body.Close()
	if err := v.read(body, append(heads, now)); err != nil {
		return err
	}
	var found struct {
		Pending   uint64          `json:"pending"`
		Problem   *auditProblem   `json:"problem"`
		Unchained uint64          `json:"unchained"`
		Strangers json.RawMessage `json:"strangers"`
	}
	resp, err := a.do(ctx, request{method: http.MethodGet, path: "/v1/audit:verify"}) // takes as long as the log is long
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := readAnswer(resp)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), answer)
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return failf("answer of %s is not what idctl knows: %v", a.server, err)
	}
	v.Pending, v.Unchained, v.Strangers = found.Pending, found.Unchained, found.Strangers
	if p := found.Problem; p != nil {
		return &auditchain.Problem{Kind: p.Kind, N: p.N, Text: p.Detail}
	}
	return nil
}

// reportAudit prints what was found. err is what is wrong with the log, or why it could not be verified.
func (a *app) reportAudit(v *auditVerification, err error) error {
	problem, ok := errors.AsType[*auditchain.Problem](err)
	if err != nil && !ok {
		return err
	}
	v.Verified = problem == nil && v.Unchained == 0
	if problem != nil {
		v.Problem = &auditProblem{problem.Kind, problem.N, problem.Error()}
	}
	if a.output == "json" {
		if err := a.printJSON(v); err != nil {
			return err
		}
		if v.Verified {
			return nil
		}
		return &outcome{code: exitFailed, name: "not_verified", printed: true}
	}
	switch {
	case problem != nil:
		return auditError(problem)
	case v.Unchained > 0:
		return failf("not verified: %d entries of the audit log are not in its chain: somebody put them there; -o json names them", v.Unchained)
	}
	first := v.From.N + 1
	line := fmt.Sprintf("verified: %d entries", v.Entries)
	if v.Entries > 0 {
		line += fmt.Sprintf(", %d to %d", first, v.Head.N)
	}
	if v.Pending > 0 {
		line += fmt.Sprintf("; %d newer ones are not in the chain yet", v.Pending)
	}
	_, err = fmt.Fprintf(a.Out, "%s\nhead: %d:%s\n", line, v.Head.N, v.Head.Hash)
	return err
}

// auditError is err in idctl's words, if it is what is wrong with a log.
func auditError(err error) error {
	p, ok := errors.AsType[*auditchain.Problem](err)
	if !ok {
		return err
	}
	switch p.Kind {
	case auditchain.Changed:
		return failf("not verified: entry %d is not what was chained: it, or an entry before it, was changed, inserted or moved", p.N)
	case auditchain.Removed:
		return failf("not verified: entry %d was removed", p.N)
	case auditchain.Disorder:
		return failf("not verified: entry %d is not in its place", p.N)
	case auditchain.NoValue:
		return failf("not verified: entry %d is in the chain, but the entry itself was removed", p.N)
	case auditchain.Foreign:
		return failf("not verified: the log begins with a hash that is not its own, or is another log than that of the head")
	case auditchain.Truncated:
		return failf("not verified: the log ends before entry %d: its end was removed", p.N)
	case auditchain.Unlike:
		return failf("not verified: entry %d has another hash than the head that was kept: the log was made anew", p.N)
	case auditchain.Trimmed:
		return failf("not verified: the log begins after entry %d, and so cannot prove the head", p.N)
	case auditchain.Cut:
		return failf("not verified: the export ends at line %d without its last line: it was cut short", p.Line)
	case auditchain.Aborted:
		return failf("not verified: the node ended the export at line %d: %s", p.Line, p.Text)
	}
	return failf("not verified: line %d is not that of an export: %s", p.Line, p.Text)
}
