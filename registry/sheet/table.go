package sheet

import (
	"github.com/idnode/idnode/proto/template"
)

// Table reads the rows of a table of a template that is none of a workbook, such as CSV: all its cells are texts.
type Table struct{ rows filled }

// NewTable returns the reader of a table whose columns have these names. What is wrong with them is an *[Error].
func NewTable(names []string, c *template.Content, o Options) (*Table, error) {
	cells := textCells(names)
	if !isHeader(cells, c, &o) && !o.NoID {
		return nil, refuse(nil, problem("", "the first line has no column %s for the identifiers", IDColumn))
	}
	columns, wrong := columnsOf(cells, c, &o)
	if len(wrong) > 0 {
		return nil, refuse(nil, wrong...)
	}
	return &Table{filled{columns: columns, noID: o.NoID}}, nil
}

// Row makes a row of its cells; any is false if there is nothing in them.
func (t *Table) Row(line int, texts []string) (row Row, any bool) {
	return t.rows.row(line, textCells(texts))
}

func textCells(texts []string) []cell {
	cells := make([]cell, len(texts))
	for i, text := range texts {
		cells[i] = cell{column: i + 1, text: text}
	}
	return cells
}
