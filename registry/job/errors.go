package job

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/rows"
	"github.com/idnode/idnode/registry/sheet"
)

// rejected is what is said of a row in a list of errors.
type rejected struct {
	Line   int                 `json:"line"`
	Code   string              `json:"code"`
	Detail string              `json:"detail"`
	Errors []registry.RowError `json:"errors,omitempty"`
	Text   string              `json:"text,omitempty"` // the line itself, where it is no JSON
}

// WriteErrors writes the rows of a job that failed, as they stand in its input, with what is wrong with them beside: a table
// as CSV or XLSX with rows.ErrorColumns, NDJSON as such with a first member "error", or as a table with the column
// rows.RecordColumn. Sent again, these additions are passed over. Nothing has been written when a *registry.Error is returned:
// CodeNotFound, CodeInvalidState when the input is gone or the job has not ended, CodeInvalidRequest when the form does not
// go with the input, CodeTooLarge when a cell of a workbook would be too long.
func (s *Runner) WriteErrors(ctx context.Context, w io.Writer, id string, form registry.JobFormat, a registry.Actor) error {
	j, err := s.o.Registrar.Job(ctx, id, a)
	if err != nil {
		return err
	}
	switch {
	case !j.State.Ended():
		return registry.Refuse(registry.CodeInvalidState, "", "the job is %s: its rows are not all done yet", string(j.State))
	case form == registry.JobNDJSON && j.Format != registry.JobNDJSON:
		return registry.Refuse(registry.CodeInvalidRequest, "", "the input is a table: take its rejected rows as csv or xlsx")
	}
	f, err := os.Open(s.path(j.ID) + inputSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return registry.Refuse(registry.CodeInvalidState, "", "the job's input is not kept any more")
	}
	if err != nil {
		return fmt.Errorf("open input of job: %w", err)
	}
	defer f.Close()
	failed := &failures{s: s, ctx: ctx, id: id, actor: a}
	if form == registry.JobNDJSON {
		return failed.lines(f, w)
	}
	in, names, closeIn, err := s.rejectedRows(ctx, j, f, failed)
	if err != nil {
		return err
	}
	defer closeIn()
	names = append(names, rows.ErrorColumns...)
	if form == registry.JobXLSX {
		err := sheet.WriteTable(w, names, in)
		if e, ok := errors.AsType[*sheet.Error](err); ok {
			return registry.RefuseProblems(registry.CodeTooLarge, e.Problems)
		}
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true // as spreadsheet programs write it
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	if err := out.Write(names); err != nil {
		return err
	}
	for {
		cells, err := in()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// rejectedRows gives the rejected rows of a job one by one as cells, until io.EOF.
func (s *Runner) rejectedRows(ctx context.Context, j *registry.Job, f *os.File, failed *failures) (next func() ([]string, error), names []string, stop func(), err error) {
	if j.Format == registry.JobNDJSON {
		in := bufio.NewReaderSize(f, 64<<10)
		line := 0
		return func() ([]string, error) {
			for {
				text, err := in.ReadBytes('\n')
				if line++; len(text) == 0 {
					return nil, err
				}
				text = bytes.TrimPrefix(text, []byte("\ufeff"))
				row, err := failed.at(line)
				if err != nil {
					return nil, err
				}
				if row != nil {
					return append([]string{string(withoutError(bytes.TrimSpace(text)))}, errorCells(row)...), nil
				}
			}
		}, []string{rows.RecordColumn}, func() {}, nil
	}
	o, err := s.table(ctx, j, &keeper{})
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := rows.NewRaw(f, j.Format == registry.JobXLSX, o)
	if err != nil {
		return nil, nil, nil, err
	}
	belongs, taking := "", false // lines of one identifier follow one another, and the first has the result
	return func() ([]string, error) {
		for {
			line, cells, err := t.Next()
			if err != nil {
				return nil, err
			}
			row, err := failed.at(line)
			if err != nil {
				return nil, err
			}
			switch {
			case row != nil:
				taking = t.ID >= 0
				if taking {
					belongs = cells[t.ID]
				}
				return append(cells, errorCells(row)...), nil
			case taking && cells[t.ID] == belongs:
				return append(cells, errorCells(nil)...), nil
			}
			taking = false
		}
	}, t.Names, t.Close, nil
}

func errorCells(row *registry.JobRow) []string {
	if row == nil {
		return make([]string, len(rows.ErrorColumns))
	}
	return []string{strconv.Itoa(row.Line), row.Code, row.Detail}
}

// failures are the rows of a job that failed, in the order of lines.
type failures struct {
	s     *Runner
	ctx   context.Context
	id    string
	actor registry.Actor
	rows  []registry.JobRow
	after int // the line after which the next page begins
	end   bool
}

// at returns the failed row of a line, nil if it has not failed. Lines are asked for in their order.
func (f *failures) at(line int) (*registry.JobRow, error) {
	for {
		for len(f.rows) > 0 && f.rows[0].Line < line {
			f.rows = f.rows[1:]
		}
		if len(f.rows) > 0 {
			if row := &f.rows[0]; row.Line == line {
				return row, nil
			}
			return nil, nil
		}
		if f.end {
			return nil, nil
		}
		page, next, err := f.s.o.Registrar.JobRows(f.ctx, f.id, f.actor, []string{registry.RowFailed.String()}, f.after, 0)
		if err != nil {
			return nil, err
		}
		f.rows, f.after, f.end = page, next, next == 0
	}
}

// lines writes the rejected lines of NDJSON.
func (f *failures) lines(in io.Reader, w io.Writer) error {
	buffered, out := bufio.NewReaderSize(in, 64<<10), bufio.NewWriter(w)
	for line := 1; ; line++ {
		text, err := buffered.ReadBytes('\n')
		if len(text) == 0 {
			if err != io.EOF {
				return err
			}
			return out.Flush()
		}
		row, err := f.at(line)
		if err != nil {
			return err
		}
		if row == nil {
			continue
		}
		text = withoutError(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff"))))
		e := rejected{row.Line, row.Code, row.Detail, row.Errors, ""}
		rest, isObject := bytes.CutPrefix(text, []byte("{"))
		if !isObject || !json.Valid(text) {
			e.Text, rest = string(text), []byte("}")
		}
		head, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode line: %w", err)
		}
		out.WriteString(errorMember)
		out.Write(head)
		if rest = bytes.TrimSpace(rest); !bytes.Equal(rest, []byte("}")) {
			out.WriteByte(',')
		}
		out.Write(rest)
		out.WriteByte('\n') // the first error stays, and Flush tells it
	}
}

// errorMember begins a line of a list of rejected rows.
const errorMember = `{"error":`

// withoutError is a line without the member that lines wrote before it, if there is one.
func withoutError(line []byte) []byte {
	rest, ok := bytes.CutPrefix(line, []byte(errorMember))
	if !ok {
		return line
	}
	d := json.NewDecoder(bytes.NewReader(rest))
	var e struct{ Line int }
	if d.Decode(&e) != nil {
		return line
	}
	rest = bytes.TrimLeft(rest[d.InputOffset():], " \t,")
	return append([]byte{'{'}, rest...)
}
