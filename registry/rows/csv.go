package rows

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/registry/sheet"
)

// Columns are those of CSV with a line a value, of which ttl and perms may be missing. The lines of an identifier follow one
// another.
var Columns = []string{"id", "index", "type", "data", "ttl", "perms"}

// Places of the columns.
const (
	columnID = iota
	columnIndex
	columnType
	columnData
	columnTTL
	columnPerms
)

// Table says how the rows of a table are read.
type Table struct {
	Scheme   identifier.Scheme // of identifiers; 0: detected
	Template string            // name of the data template whose fields the columns are; "": the columns are Columns
	Content  *template.Content // of the template
	sheet.Options
	After     int64 // rows that end there or before are passed over
	MaxOctets int   // of a record
}

// CSV reads rows of CSV in UTF-8 (RFC 4180; the separator is comma, semicolon or tab, whichever the first line has most of).
type CSV struct {
	o     Table
	in    *limited
	csv   *csv.Reader
	table *sheet.Table // of a template
	place [6]int       // of Columns, else; -1: there is none

	cells []string // the line that was read last, if held
	line  int
	start int64 // where it begins
	held  bool
	mark  int64 // octets of a byte order mark before it all
}

// NewCSV reads the first line. What is wrong with it is a *registry.Error.
func NewCSV(r io.Reader, o Table) (*CSV, error) {
	c := &CSV{o: o, in: &limited{in: r, most: o.MaxOctets}}
	buffered := bufio.NewReaderSize(c.in, 64<<10)
	head, err := buffered.Peek(3)
	if err == nil && string(head) == "\ufeff" {
		_, _ = buffered.Discard(3) // they are there
		c.mark = 3
	}
	first, _ := buffered.Peek(4096)
	c.csv = csv.NewReader(buffered)
	c.csv.Comma = separator(first)
	c.csv.FieldsPerRecord = -1
	c.csv.ReuseRecord = true
	names, err := c.read()
	if errors.Is(err, io.EOF) {
		return nil, registry.Refuse(registry.CodeInvalidRequest, "", "the file has no first line with the names of the columns")
	}
	if err != nil {
		return nil, err
	}
	if o.Template == "" {
		return c, c.header(names)
	}
	if c.table, err = sheet.NewTable(slices.Clone(names), o.Content, o.Options); err != nil {
		return nil, tableError(err)
	}
	return c, nil
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

// separator is what the first line has most of.
func separator(head []byte) rune {
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	best := ','
	for _, c := range ";\t" {
		if bytes.Count(line, []byte(string(c))) > bytes.Count(line, []byte(string(best))) {
			best = c
		}
	}
	return best
}

// header finds the columns of a file with a line a value.
func (c *CSV) header(names []string) error {
	for i := range c.place {
		c.place[i] = -1
	}
	for i, name := range names {
		k := slices.Index(Columns, identifier.FoldASCII(strings.TrimSpace(name)))
		switch {
		case k < 0:
			return registry.Refuse(registry.CodeInvalidFile, "", "the column %s is not known; there are %s, or with a template those of its fields", strconv.Quote(name), strings.Join(Columns, ","))
		case c.place[k] >= 0:
			return registry.Refuse(registry.CodeInvalidFile, "", "the column %s is there twice", strconv.Quote(name))
		}
		c.place[k] = i
	}
	for k, name := range Columns[:columnTTL] {
		if c.place[k] < 0 && !(k == columnID && c.o.NoID) {
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
	c.in.left = c.o.MaxOctets
	cells, err := c.csv.Read()
	if err == nil {
		c.line, _ = c.csv.FieldPos(0)
		return cells, nil
	}
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		if refusal, ok := errors.AsType[*registry.Error](e.Err); ok {
			return nil, refusal
		}
		return nil, registry.Refuse(registry.CodeInvalidFile, "", "line %d is not CSV: %s", e.Line, e.Err)
	}
	return nil, err
}

// offset is where the input goes on behind what was read last.
func (c *CSV) offset() int64 { return c.mark + c.csv.InputOffset() }

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
	if c.table != nil {
		return c.fields()
	}
	return c.values()
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
		return rowOf(in, &c.o, c.offset()), nil
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
	c.start = c.offset()
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
	id := strings.Clone(c.cell(columnID))
	row := registry.Row{Line: c.line, Record: &identifier.Record{Scheme: c.o.Scheme, ID: unescape(id)}}
	if id == "" {
		row.Err = registry.Refuse(registry.CodeInvalidRequest, "/id", "the identifier is missing")
	}
	for size := 0; ; {
		v, err := c.value(len(row.Record.Values))
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
		row.End = c.offset()
		if err := c.hold(); errors.Is(err, io.EOF) {
			return row, nil
		} else if err != nil {
			return registry.Row{}, err
		}
		if c.cell(columnID) != id {
			row.End = c.start
			return row, nil
		}
	}
}

// value reads the value of the line that is held, the nth of its record.
func (c *CSV) value(n int) (identifier.Value, error) {
	v := identifier.Value{TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms, Type: strings.Clone(unescape(c.cell(columnType)))}
	at := func(member string) string { return fmt.Sprintf("/values/%d/%s", n, member) }
	index, err := strconv.ParseUint(strings.TrimSpace(c.cell(columnIndex)), 10, 32)
	if err != nil {
		return v, registry.Refuse(registry.CodeInvalidValue, at("index"), "%s is no index, a number from 1 to 2147483647", strconv.Quote(c.cell(columnIndex)))
	}
	v.Index = uint32(index)
	data := unescape(c.cell(columnData))
	if v.Data, err = dataOf(data); err != nil {
		return v, registry.JSONError(err, at("data"))
	}
	if s := strings.TrimSpace(c.cell(columnTTL)); s != "" {
		ttl, err := strconv.ParseInt(s, 10, 32)
		if err != nil || ttl < 0 {
			return v, registry.Refuse(registry.CodeInvalidValue, at("ttl"), "%s is no number of seconds", strconv.Quote(s))
		}
		v.TTL = int32(ttl)
	}
	if s := strings.TrimSpace(c.cell(columnPerms)); s != "" {
		if v.Perms, err = identifier.ParsePerms(s); err != nil {
			return v, registry.Refuse(registry.CodeInvalidValue, at("perms"), "%s are not four characters 0 or 1, such as 1110", strconv.Quote(s))
		}
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

// limited ends a line that does not end: a quote that is never closed would else pull the whole rest of the file into memory.
type limited struct {
	in         io.Reader
	most, left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < -(64 << 10) { // what is read ahead does not count
		return 0, registry.Refuse(registry.CodeTooLarge, "", "a line is longer than %d octets: is a quote not closed?", l.most)
	}
	n, err := l.in.Read(p)
	l.left -= n
	return n, err
}
