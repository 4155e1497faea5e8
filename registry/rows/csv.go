package rows

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/recordcsv"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/sheet"
)

// Columns are those of CSV with a line a value, see package recordcsv; those from ttl on may be missing. The lines of an
// identifier follow one another.
var Columns = recordcsv.Columns

// Table says how the rows of a table are read.
type Table struct {
	Scheme   identifier.Scheme // of identifiers; 0: detected
	Template string            // name of the data template whose fields the columns are; "": the columns are Columns
	Content  *template.Content // of the template
	sheet.Options
	After     int64 // rows that end there or before are passed over
	MaxOctets int   // of a record
}

// RecordColumn is the column of a table with a record in the interchange form a line, and nothing else.
const RecordColumn = "record"

// ErrorColumns are what a list of rejected rows has more. They are passed over, so that the list is mended and sent again
// as it is.
var ErrorColumns = []string{"error_line", "error_code", "error_detail"}

// cells are the lines of a table.
type cells interface {
	read() ([]string, error) // valid until the next call; io.EOF
	line() int               // of the cells that were read last
	offset() int64           // where the input goes on behind them
	wrong() error            // what is wrong with them though they can be read
}

// CSV reads rows of CSV in UTF-8 (RFC 4180; the separator is comma, semicolon or tab, whichever the first line has most of).
type CSV struct {
	o     Table
	in    cells
	table *sheet.Table         // of a template
	place [recordcsv.Width]int // of Columns, else; -1: there is none
	whole int                  // of RecordColumn; -1: there is none

	cells []string // the line that was read last, if held
	line  int
	start int64 // where it begins
	held  bool
}

// NewCSV reads the first line. What is wrong with it is a *registry.Error.
func NewCSV(r io.Reader, o Table) (*CSV, error) { return newTable(newCSVCells(r, o.MaxOctets), o) }

func newTable(in cells, o Table) (*CSV, error) {
	c := &CSV{o: o, in: in, whole: -1}
	names, err := c.read()
	if errors.Is(err, io.EOF) {
		return nil, registry.Refuse(registry.CodeInvalidRequest, "", "the file has no first line with the names of the columns")
	}
	if err != nil {
		return nil, err
	}
	if c.whole = recordColumn(names); c.whole >= 0 {
		return c, nil
	}
	if o.Template == "" {
		return c, c.header(names)
	}
	c.o.Options.Ignore = ErrorColumns
	if c.table, err = sheet.NewTable(slices.Clone(names), o.Content, c.o.Options); err != nil {
		return nil, tableError(err)
	}
	return c, nil
}

// recordColumn is the place of RecordColumn if there is nothing else but ErrorColumns, else -1.
func recordColumn(names []string) int {
	place := -1
	for i, name := range names {
		switch name = identifier.FoldASCII(strings.TrimSpace(name)); {
		case name == RecordColumn && place < 0:
			place = i
		case name != "" && !slices.Contains(ErrorColumns, name):
			return -1
		}
	}
	return place
}

// tableError is an error of package sheet in terms of the registry.
func tableError(err error) error {
	if e, ok := errors.AsType[*sheet.Error](err); ok {
		refusal := registry.RefuseProblems(registry.CodeInvalidFile, e.Problems)
		refusal.Err = e.Err
		return refusal
	}
	return err
}

// header finds the columns of a file with a line a value.
func (c *CSV) header(names []string) error {
	for i := range c.place {
		c.place[i] = -1
	}
	for i, name := range names {
		folded := identifier.FoldASCII(strings.TrimSpace(name))
		k := slices.Index(Columns, folded)
		switch {
		case slices.Contains(ErrorColumns, folded):
			continue
		case k < 0:
			return registry.Refuse(registry.CodeInvalidFile, "", "the column %s is not known; there are %s, or with a template those of its fields", strconv.Quote(name), strings.Join(Columns, ","))
		case c.place[k] >= 0:
			return registry.Refuse(registry.CodeInvalidFile, "", "the column %s is there twice", strconv.Quote(name))
		}
		c.place[k] = i
	}
	for k, name := range Columns[:recordcsv.TTL] {
		if c.place[k] < 0 && !(k == recordcsv.ID && c.o.NoID) {
			return registry.Refuse(registry.CodeInvalidFile, "", "the column %s is missing", strconv.Quote(name))
		}
	}
	if c.o.NoID {
		return registry.Refuse(registry.CodeInvalidFile, "", "CSV whose identifiers are made by a rule needs a template: without identifiers it cannot be told which lines belong together")
	}
	return nil
}

// read reads a line.
func (c *CSV) read() ([]string, error) {
	cells, err := c.in.read()
	c.line = c.in.line()
	return cells, err
}

// Next returns the next row, or io.EOF. Broken CSV is an error, since where the next line begins would be a guess.
func (c *CSV) Next() (registry.Row, error) {
	for {
		row, err := c.next()
		if err != nil || row.End > c.o.After {
			return row, err
		}
	}
}

func (c *CSV) next() (registry.Row, error) {
	switch {
	case c.whole >= 0:
		return c.record()
	case c.table != nil:
		return c.fields()
	}
	return c.values()
}

// record reads a row that is a record in the interchange form.
func (c *CSV) record() (registry.Row, error) {
	for {
		cells, err := c.read()
		if err != nil {
			return registry.Row{}, err
		}
		if c.whole >= len(cells) || strings.TrimSpace(cells[c.whole]) == "" {
			continue
		}
		parse := identifier.ParseWriteJSON
		if c.o.NoID {
			parse = identifier.ParseMintJSON
		}
		row := registry.Row{Line: c.line, End: c.in.offset(), Err: c.in.wrong()}
		if row.Err != nil {
			return row, nil
		}
		if row.Record, row.Fields, err = parse([]byte(cells[c.whole])); err != nil {
			row.Record, row.Fields, row.Err = nil, nil, registry.JSONError(err, "")
		}
		return row, nil
	}
}

// fields reads a row of a template.
func (c *CSV) fields() (registry.Row, error) {
	for {
		cells, err := c.read()
		if err != nil {
			return registry.Row{}, err
		}
		in, any := c.table.Row(c.line, cells)
		if !any {
			continue
		}
		return rowOf(in, &c.o, c.in.offset()), nil
	}
}

// rowOf is a row of a template's table.
func rowOf(in sheet.Row, o *Table, end int64) registry.Row {
	row := registry.Row{Line: in.Line, Fields: in.Fields, Record: &identifier.Record{Scheme: o.Scheme, ID: in.ID, Template: o.Template}, End: end}
	if len(in.Problems) > 0 {
		row.Err = registry.RefuseProblems(registry.CodeTemplateMismatch, in.Problems)
	}
	return row
}

// hold has the next line at hand.
func (c *CSV) hold() error {
	if c.held {
		return nil
	}
	c.start = c.in.offset()
	cells, err := c.read()
	if err != nil {
		return err
	}
	c.cells, c.held = cells, true
	return nil
}

func (c *CSV) cell(k int) string {
	if i := c.place[k]; i >= 0 && i < len(c.cells) {
		return c.cells[i]
	}
	return ""
}

// values joins the lines of one identifier. A mistake in any of them fails the row: half of it is not what the file says.
func (c *CSV) values() (registry.Row, error) {
	if err := c.hold(); err != nil {
		return registry.Row{}, err
	}
	id := strings.Clone(c.cell(recordcsv.ID))
	row := registry.Row{Line: c.line, Record: &identifier.Record{Scheme: c.o.Scheme, ID: unescape(id)}}
	if id == "" {
		row.Err = registry.Refuse(registry.CodeInvalidRequest, "/id", "the identifier is missing")
	}
	if err := c.ofRecord(row.Record); err != nil && row.Err == nil {
		row.Err = err
	}
	for size := 0; ; {
		v, err := c.value(len(row.Record.Values))
		if e := c.in.wrong(); e != nil {
			err = e
		}
		if size += len(v.Data) + len(v.Type) + 64; err == nil && size > c.o.MaxOctets {
			err = registry.Refuse(registry.CodeTooLarge, "", "the record is longer than %d octets", c.o.MaxOctets)
		}
		if row.Err == nil && err != nil {
			row.Err = err
		}
		if row.Err == nil {
			row.Record.Values = append(row.Record.Values, v)
		}
		c.held = false
		row.End = c.in.offset()
		if err := c.hold(); errors.Is(err, io.EOF) {
			return row, nil
		} else if err != nil {
			return registry.Row{}, err
		}
		if c.cell(recordcsv.ID) != id {
			row.End = c.start
			return row, nil
		}
	}
}

// ofRecord reads what is of the record from the line that is held, its first.
func (c *CSV) ofRecord(rec *identifier.Record) error {
	rec.Template = strings.Clone(unescape(c.cell(recordcsv.Template)))
	name := strings.TrimSpace(c.cell(recordcsv.Scheme))
	if name == "" {
		return nil
	}
	s, err := identifier.ParseScheme(name)
	if err != nil {
		return registry.Refuse(registry.CodeInvalidRequest, "/scheme", "%s", err)
	}
	rec.Scheme = s
	return nil
}

// value reads the value of the line that is held, the nth of its record.
func (c *CSV) value(n int) (identifier.Value, error) {
	v := identifier.Value{TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms, Type: strings.Clone(unescape(c.cell(recordcsv.Type)))}
	at := func(member string) string { return fmt.Sprintf("/values/%d/%s", n, member) }
	index, err := strconv.ParseUint(strings.TrimSpace(c.cell(recordcsv.Index)), 10, 32)
	if err != nil {
		return v, registry.Refuse(registry.CodeInvalidValue, at("index"), "%s is no index, a number from 1 to 2147483647", strconv.Quote(c.cell(recordcsv.Index)))
	}
	v.Index = uint32(index)
	data := unescape(c.cell(recordcsv.Data))
	if v.Data, err = dataOf(data); err != nil {
		return v, registry.JSONError(err, at("data"))
	}
	if v.TTLType, v.TTL, err = recordcsv.ParseTTL(c.cell(recordcsv.TTL)); err != nil {
		return v, registry.Refuse(registry.CodeInvalidValue, at("ttl"), "%s is neither a number of seconds nor a time such as 2030-01-01T00:00:00Z", strconv.Quote(c.cell(recordcsv.TTL)))
	}
	if s := strings.TrimSpace(c.cell(recordcsv.Perms)); s != "" {
		if v.Perms, err = identifier.ParsePerms(s); err != nil {
			return v, registry.Refuse(registry.CodeInvalidValue, at("perms"), "%s are not four characters 0 or 1, such as 1110", strconv.Quote(s))
		}
	}
	if v.Timestamp, err = recordcsv.ParseTimestamp(c.cell(recordcsv.Timestamp)); err != nil {
		return v, registry.Refuse(registry.CodeInvalidValue, at("timestamp"), "%s is not a time such as 2026-01-02T03:04:05Z", strconv.Quote(c.cell(recordcsv.Timestamp)))
	}
	if v.Refs, err = recordcsv.ParseRefs(c.cell(recordcsv.Refs)); err != nil {
		return v, registry.Refuse(registry.CodeInvalidValue, at("refs"), "%s are not references such as %s", strconv.Quote(c.cell(recordcsv.Refs)), `[{"handle":"88.1/x","index":300}]`)
	}
	return v, nil
}

// dataOf is the data of a cell: text, or in the form that JSON has for what is not text.
func dataOf(text string) ([]byte, error) {
	if strings.HasPrefix(text, `{"format":`) {
		var form struct{ Format, Value *string }
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if d.Decode(&form) == nil && !d.More() && form.Format != nil && form.Value != nil {
			var v identifier.Value
			err := json.Unmarshal([]byte(`{"index":1,"type":"T","data":`+text+`}`), &v)
			return v.Data, err
		}
	}
	if text == "" {
		return nil, nil
	}
	return []byte(text), nil
}

// formulaStart is what a spreadsheet takes for the beginning of a formula. Cells that begin so are written with an
// apostrophe before them.
const formulaStart = "=+-@\t\r'"

func unescape(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.IndexByte(formulaStart, s[1]) >= 0 {
		return s[1:]
	}
	return s
}
