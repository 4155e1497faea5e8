package rows

import (
	"io"
	"iter"
	"os"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/sheet"
)

// sheetRows is the most rows that a sheet can have.
const sheetRows = 1 << 20

// XLSX reads the rows of the first sheet of a workbook: a filled sheet of a template, or without one what CSV has. Row.End is
// the row's number.
type XLSX struct {
	o    Table
	next func() (registry.Row, error)
	stop func()
}

// NewXLSX looks through the workbook. What is wrong with it is a *registry.Error, and so is a workbook of more than
// sheet.MaxUnzipped octets unpacked.
func NewXLSX(f *os.File, o Table) (*XLSX, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	lines, err := newSheetCells(f, info.Size())
	if err != nil {
		return nil, err
	}
	if names, err := lines.read(); o.Template == "" || err == nil && recordColumn(names) >= 0 {
		lines.held = err == nil
		t, err := newTable(lines, o)
		if err != nil {
			lines.stop()
			return nil, err
		}
		return &XLSX{o, t.Next, lines.stop}, nil
	}
	lines.stop()
	o.Limit, o.Ignore = sheetRows, ErrorColumns
	all, err := sheet.Read(f, info.Size(), o.Content, o.Options)
	if err != nil {
		return nil, tableError(err)
	}
	row, stop := iter.Pull(all)
	return &XLSX{o, func() (registry.Row, error) {
		in, ok := row()
		if !ok {
			return registry.Row{}, io.EOF
		}
		return rowOf(in, &o, int64(in.Line)), nil
	}, stop}, nil
}

// Next returns the next row, or io.EOF.
func (x *XLSX) Next() (registry.Row, error) {
	for {
		row, err := x.next()
		if err != nil || row.End > x.o.After {
			return row, err
		}
	}
}

// Close ends the reading.
func (x *XLSX) Close() { x.stop() }

// sheetCells are the lines of a sheet.
type sheetCells struct {
	next func() (sheet.Line, bool)
	stop func()
	now  sheet.Line
	held bool // read gives now once more
}

func newSheetCells(f *os.File, size int64) (*sheetCells, error) {
	lines, err := sheet.Lines(f, size, sheetRows)
	if err != nil {
		return nil, tableError(err)
	}
	c := &sheetCells{}
	c.next, c.stop = iter.Pull(lines)
	return c, nil
}

func (c *sheetCells) line() int     { return c.now.Number }
func (c *sheetCells) offset() int64 { return int64(c.now.Number) }

func (c *sheetCells) wrong() error {
	if len(c.now.Problems) == 0 {
		return nil
	}
	return registry.RefuseProblems(registry.CodeInvalidValue, c.now.Problems)
}

func (c *sheetCells) read() ([]string, error) {
	if c.held {
		c.held = false
		return c.now.Cells, nil
	}
	line, ok := c.next()
	if !ok {
		return nil, io.EOF
	}
	c.now = line
	return line.Cells, nil
}
