package job

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/rows"
	"github.com/idnode/idnode/registry/sheet"
	"github.com/idnode/idnode/storage"
)

// source opens the rows of j's input behind those that k has.
func (s *Runner) source(ctx context.Context, j *registry.Job, f *os.File, k *keeper) (source, error) {
	var src source
	switch j.Format {
	case registry.JobNDJSON:
		if _, err := f.Seek(k.end, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read input of job: %w", err)
		}
		parse := rows.Parse(identifier.ParseWriteJSON)
		if j.Options.Rule != "" {
			parse = identifier.ParseMintJSON
		}
		again := func(line []byte) (*identifier.Record, []byte, error) { return parse(withoutError(line)) }
		src = &lines{rows.ReadLinesInTurn(ctx, f, k.line+1, k.end, s.o.Registrar.Limits().LineOctets, again)}
	case registry.JobCSV:
		o, err := s.table(ctx, j, k)
		if err != nil {
			return nil, err
		}
		c, err := rows.NewCSV(f, o)
		if err != nil {
			return nil, err
		}
		src = &table{c.Next, func() {}}
	case registry.JobXLSX:
		o, err := s.table(ctx, j, k)
		if err != nil {
			return nil, err
		}
		x, err := rows.NewXLSX(f, o)
		if err != nil {
			return nil, err
		}
		src = &table{x.Next, x.Close}
	default:
		return nil, fmt.Errorf("job %s: unknown form %q", j.ID, j.Format)
	}
	if j.Parent != "" {
		src = &chosen{source: src, s: s, parent: j.Parent, ctx: ctx}
	}
	if j.Options.Rule != "" {
		src = &minted{source: src, s: s, job: j, ctx: ctx}
	}
	return src, nil
}

// lines are the rows of NDJSON.
type lines struct{ *rows.Lines }

func (l *lines) next() (registry.Row, error) { return l.Next() }

// close waits until the file is let go of. The context of the reader has been cancelled.
func (l *lines) close() { <-l.Done() }

// table are the rows of CSV and XLSX.
type table struct {
	row  func() (registry.Row, error)
	stop func()
}

func (t *table) next() (registry.Row, error) { return t.row() }
func (t *table) close()                      { t.stop() }

// table says how the columns of j's input are read.
func (s *Runner) table(ctx context.Context, j *registry.Job, k *keeper) (rows.Table, error) {
	o := rows.Table{
		Scheme: j.Options.Scheme, Template: j.Options.Template, After: k.end, MaxOctets: s.o.Registrar.Limits().LineOctets,
		Options: sheet.Options{Columns: j.Options.Columns, NoID: j.Options.Rule != ""},
	}
	if o.Template == "" {
		return o, nil
	}
	t, err := s.o.Registrar.Template(ctx, identifier.Key{Scheme: j.Options.Scheme, Name: j.Options.Prefix}, o.Template, 0, j.Actor())
	if err != nil {
		return o, err
	}
	if o.Content = t.Content; o.Content == nil {
		return o, registry.Refuse(registry.CodeInvalidState, "template", "the template %s is not published", o.Template)
	}
	return o, nil
}

// chosen are the rows of an input that failed, or were held back, in another job, and those that it never came to.
type chosen struct {
	source
	s      *Runner
	parent string
	ctx    context.Context

	runs []registry.JobRun // what is known of the parent's rows from here on
	from int               // the line from which on more may be known
	end  bool              // there is no more
}

func (c *chosen) next() (registry.Row, error) {
	for {
		row, err := c.source.next()
		if err != nil {
			return row, err
		}
		again, err := c.again(row.Line)
		if err != nil || again {
			return row, err
		}
	}
}

// again reports whether the row on that line is to be tried again.
func (c *chosen) again(line int) (bool, error) {
	for {
		for len(c.runs) > 0 && c.runs[0].Line+c.runs[0].Rows <= line {
			c.runs = c.runs[1:]
		}
		if len(c.runs) > 0 {
			r := c.runs[0]
			return line < r.Line || r.Status == "failed" || r.Status == "held", nil
		}
		if c.end {
			return true, nil
		}
		if err := c.read(); err != nil {
			return false, err
		}
	}
}

// chunksAtOnce is how many chunks of the parent are read at a time.
const chunksAtOnce = 100

func (c *chosen) read() error {
	n := 0
	c.end = true
	return c.s.o.Registrar.JobChunks(c.ctx, c.parent, c.from, func(first int, k *registry.JobChunk) error {
		if n++; n > chunksAtOnce {
			c.end = false
			return storage.Stop
		}
		c.runs = append(c.runs, k.Runs...)
		c.from = first + 1
		return nil
	})
}

// minted are rows that get new identifiers.
type minted struct {
	source
	s   *Runner
	job *registry.Job
	ctx context.Context
	ids []string
	ask int    // how many were reserved last
	dry uint64 // of a dry run, the number to go on with
}

// Identifiers are reserved in growing numbers: those that are left at the end of the job are a gap.
const (
	leastAhead = 16
	mostAhead  = 1000
)

func (m *minted) next() (registry.Row, error) {
	row, err := m.source.next()
	if err != nil || row.Err != nil {
		return row, err
	}
	if row.Record.ID != "" {
		row.Err = registry.Refuse(registry.CodeInvalidIdentifier, "/id", "the job makes the identifiers by its rule: the row must not have one")
		return row, nil
	}
	if len(m.ids) == 0 {
		o := &m.job.Options
		m.ask = min(max(2*m.ask, leastAhead), mostAhead)
		var next uint64
		m.ids, next, err = m.s.o.Registrar.ReserveIDs(m.ctx, registry.Reservation{
			Namespace: identifier.Key{Scheme: o.Scheme, Name: o.Prefix}, Rule: o.Rule, Start: m.dry, Count: m.ask, DryRun: o.DryRun,
		}, m.job.Actor())
		if err != nil {
			return row, err
		}
		if o.DryRun {
			m.dry = next
		}
	}
	row.Record.ID, row.Record.Scheme, m.ids = m.ids[0], m.job.Options.Scheme, m.ids[1:]
	return row, nil
}
