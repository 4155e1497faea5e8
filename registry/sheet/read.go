package sheet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
)

// DefaultRows is the most rows of a sheet where Read is not told.
const DefaultRows = 100_000

// maxNameRow is the last row in which the names of the columns may stand: a person may have put a
// heading above them.
const maxNameRow = 10

// Row is one filled row of a sheet.
type Row struct {
	Line   int    // in the sheet, from 1
	ID     string // the identifier
	Fields []byte // a JSON object for [template.Validator.FromJSON], without the cells that have problems
	// Problems are those of the cells. Paths are "/id" and "/fields/<name>".
	Problems []template.Problem
}

// Error says why a file as a whole cannot be read.
type Error struct {
	Problems []template.Problem // at least one; paths are "", or "/columns/C" for a column of that letter
	Err      error              // the cause, for the log; may be nil
}

func (e *Error) Error() string {
	s := "read sheet: " + e.Problems[0].String()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func problem(path, format string, args ...any) template.Problem {
	return template.Problem{Path: path, Format: format, Args: args}
}

func refuse(err error, problems ...template.Problem) error {
	return &Error{Problems: problems, Err: err}
}

// Options say how a table is read.
type Options struct {
	// Columns are the fields of columns that are named otherwise, by their names in the file; IDColumn stands for the
	// identifier.
	Columns map[string]string
	// Ignore names columns that are passed over, in lower case.
	Ignore []string
	// NoID is for rows that get their identifiers later: they have no column for them.
	NoID bool
	// Limit is the most rows; 0: DefaultRows. Of tables that come row by row there is no limit.
	Limit int
}

// column is what a column of the sheet holds.
type column struct {
	field *template.Field // nil: the identifier
}

// filled is a sheet that can be read.
type filled struct {
	book    *book // nil: the table is none of a workbook
	columns map[int]column
	first   int // line of data
	noID    bool
}

// Read reads a filled sheet of the template, an XLSX file of size octets that holds at most limit rows
// (0: DefaultRows) and MaxUnzipped octets when it is unpacked. The whole file is looked through at once,
// so that one that is damaged, too long or of another template is refused as a whole, with an *[Error];
// then the rows come one by one, as often as they are asked for, while r can be read. Rows without anything
// in them are left out.
//
// Columns are found by the names in the second header row, in any order; a name that is no field of the
// template is an error, a field without a column has no value. Cells should be texts. A cell that is a
// number nevertheless is taken as its 15 digits, which is what spreadsheet programs keep, and is a problem
// if it has more; a text in scientific notation, such as 1.23457E+17, is a problem too. Of a number, zeros
// that stood before it are gone, and nobody can tell: only the format Text keeps them. A number in a column
// of dates is the spreadsheet's count of days.
//
// Where neither the names nor o.Columns have it, a column is also known by the title of its field in either language.
func Read(r io.ReaderAt, size int64, c *template.Content, o Options) (iter.Seq[Row], error) {
	limit := o.Limit
	if limit <= 0 {
		limit = DefaultRows
	}
	b, err := openSheet(r, size)
	if err != nil {
		return nil, err
	}
	s := &filled{book: b, noID: o.NoID}
	count := 0
	var wrong []template.Problem
	err = b.rows(func(line int, cells []cell) bool {
		switch {
		case s.columns != nil:
			count++
			return count <= limit
		case line > maxNameRow:
			return false
		case isHeader(cells, c, &o):
			s.first = line + 1
			s.columns, wrong = columnsOf(cells, c, &o)
			return len(wrong) == 0
		}
		return true
	})
	switch {
	case err != nil:
		return nil, refuse(err, problem("", "not a workbook of the form XLSX, or a damaged one; save the sheet again as XLSX"))
	case s.columns == nil:
		return nil, refuse(nil, problem("", "no row of the first sheet has the names of the columns, %s and those of the fields; fill in a sheet that was made from the template", IDColumn))
	case len(wrong) > 0:
		return nil, refuse(nil, wrong...)
	case count > limit:
		return nil, refuse(nil, problem("", "more than %d rows; split the sheet", limit))
	}
	return s.rows, nil
}

// openSheet opens a workbook. Its errors are those of Read.
func openSheet(r io.ReaderAt, size int64) (*book, error) {
	b, err := openBook(r, size)
	if err == errTooLarge {
		return nil, refuse(err, problem("", "the file holds more than %d octets when it is unpacked; split it", MaxUnzipped))
	}
	if err != nil {
		return nil, refuse(err, problem("", "not a workbook of the form XLSX, or a damaged one; save the sheet again as XLSX"))
	}
	return b, nil
}

// IsHeader reports whether a row has the names of the columns of a filled sheet of the template.
func IsHeader(names []string, c *template.Content, o Options) bool {
	return isHeader(textCells(names), c, &o)
}

// isHeader reports whether a row has the names of the columns: that of the identifiers, or, where rows have none, those of
// fields only.
func isHeader(cells []cell, c *template.Content, o *Options) bool {
	fields, others := 0, 0
	for _, k := range cells {
		switch name := clean(k.text); {
		case name == "", o.ignores(name):
		case o.meant(name) == IDColumn:
			return !o.NoID
		case fieldOf(c, o.meant(name)) >= 0:
			fields++
		default:
			others++
		}
	}
	return o.NoID && fields > 0 && others == 0
}

// meant is the name that a name of the file stands for.
func (o *Options) meant(name string) string {
	for given, field := range o.Columns {
		if identifier.FoldASCII(clean(given)) == identifier.FoldASCII(name) {
			return field
		}
	}
	return name
}

func (o *Options) ignores(name string) bool {
	return slices.Contains(o.Ignore, identifier.FoldASCII(name))
}

// fieldOf is the place of a field in the template, -1 if it has none of that name or title.
func fieldOf(c *template.Content, name string) int {
	folded := identifier.FoldASCII(name)
	if i := slices.IndexFunc(c.Fields, func(f template.Field) bool { return identifier.FoldASCII(f.Name) == folded }); i >= 0 {
		return i
	}
	return slices.IndexFunc(c.Fields, func(f template.Field) bool {
		return f.Title.ZH != "" && f.Title.ZH == name || f.Title.EN != "" && identifier.FoldASCII(f.Title.EN) == folded
	})
}

// columnsOf reads the row of names.
func columnsOf(cells []cell, c *template.Content, o *Options) (map[int]column, []template.Problem) {
	columns := make(map[int]column, len(cells))
	seen := map[string]int{}
	var wrong []template.Problem
	for _, k := range cells {
		name := clean(k.text)
		path := "/columns/" + lettersOf(k.column)
		folded := identifier.FoldASCII(name)
		if name == "" || o.ignores(name) {
			continue
		}
		if other, ok := seen[folded]; ok {
			wrong = append(wrong, problem(path, "the column %s is there already, at %s", short(name), lettersOf(other)))
			continue
		}
		seen[folded] = k.column
		name = o.meant(name)
		if name == IDColumn {
			if o.NoID {
				wrong = append(wrong, problem(path, "the identifiers are made by a rule: remove the column %s", IDColumn))
			}
			columns[k.column] = column{}
			continue
		}
		i := fieldOf(c, name)
		if i < 0 {
			wrong = append(wrong, problem(path, "the template has no field %s; remove the column or correct its name", short(name)))
			continue
		}
		for _, other := range columns {
			if other.field == &c.Fields[i] {
				wrong = append(wrong, problem(path, "two columns are of the field %s", other.field.Name))
			}
		}
		columns[k.column] = column{&c.Fields[i]}
	}
	return columns, wrong
}

// rows yields the rows of data.
func (s *filled) rows(yield func(Row) bool) {
	last := 0
	err := s.book.rows(func(line int, cells []cell) bool {
		last = line
		if line < s.first {
			return true
		}
		row, any := s.row(line, cells)
		return !any || yield(row)
	})
	if err != nil { // it could be read before
		yield(Row{Line: last + 1, Fields: []byte("{}"), Problems: []template.Problem{problem("", "the file cannot be read further: %s", err.Error())}})
	}
}

// row makes a row of its cells; any is false if there is nothing in it.
func (s *filled) row(line int, cells []cell) (row Row, any bool) {
	row.Line = line
	row.Fields = append(row.Fields, '{')
	identified := false
	seen := map[int]bool{}
	for _, k := range cells {
		c, ok := s.columns[k.column]
		if !ok || seen[k.column] || clean(k.text) == "" {
			continue
		}
		seen[k.column], any = true, true
		if c.field == nil {
			identified = true
			text, wrong := s.text(k, "/id", IDColumn)
			row.ID, row.Problems = text, append(row.Problems, wrong...)
			continue
		}
		member, wrong := s.member(k, c.field)
		row.Problems = append(row.Problems, wrong...)
		if len(wrong) > 0 {
			continue
		}
		if len(row.Fields) > 1 {
			row.Fields = append(row.Fields, ',')
		}
		row.Fields = fmt.Appendf(row.Fields, "%q:%s", c.field.Name, member) // a name has nothing to escape
	}
	row.Fields = append(row.Fields, '}')
	if any && !identified && !s.noID {
		row.Problems = append(row.Problems, problem("/id", "the identifier, in the column %s, is missing", IDColumn))
	}
	return row, any
}

// member makes JSON of a cell of the field.
func (s *filled) member(k cell, f *template.Field) ([]byte, []template.Problem) {
	path := "/fields/" + f.Name
	if f.Type == template.Date && k.kind == numberCell && s.book != nil {
		day, ok := s.book.day(k.text)
		if !ok {
			return nil, []template.Problem{problem(path, "the cell %s is a number that is no day; format it as Text and write the date as 2026-01-02", f.Name)}
		}
		return []byte(`"` + day + `"`), nil
	}
	text, wrong := s.text(k, path, f.Name)
	if len(wrong) > 0 {
		return nil, wrong
	}
	if f.Type == template.String && f.MinLength != nil && len(text) < *f.MinLength && isDigits(text) {
		return nil, []template.Problem{problem(path, "the cell %s is the number %s and too short: the zeros before it may be lost; format it as Text and write it again", f.Name, text)}
	}
	switch f.Type {
	case template.Number:
		if !isNumber(text) {
			return nil, []template.Problem{problem(path, "%s is not a number for the field %s; write it as -12.5, without exponent, blanks and thousands separators", short(text), f.Name)}
		}
		return []byte(text), nil
	case template.Boolean:
		switch text = strings.ToLower(text); text {
		case "true", "false":
			return []byte(text), nil
		}
		return nil, []template.Problem{problem(path, "%s is not a value for the field %s; write true or false", short(text), f.Name)}
	}
	member, err := json.Marshal(text)
	if err != nil {
		panic("sheet: " + err.Error()) // a text is always JSON
	}
	return member, nil
}

// text is the text of a cell, if it is still what was written into it.
func (s *filled) text(k cell, path, name string) (string, []template.Problem) {
	switch k.kind {
	case errorCell:
		return "", []template.Problem{problem(path, "the cell %s holds the error %s", name, short(k.text))}
	case booleanCell:
		if isTrue(k.text) {
			return "true", nil
		}
		return "false", nil
	case numberCell:
		text, err := plain(k.text)
		if err == errDigits {
			return "", []template.Problem{problem(path, "the cell %s is a number of more than 15 digits, %s, and has lost the others; format it as Text and write it again", name, short(k.text))}
		}
		if err != nil {
			return "", []template.Problem{problem(path, "the cell %s cannot be read: %s", name, short(k.text))}
		}
		return text, nil
	}
	text := clean(k.text)
	if scientific.MatchString(text) {
		return "", []template.Problem{problem(path, "the cell %s is in scientific notation, %s, and has lost digits; format it as Text and write it again", name, short(text))}
	}
	return text, nil
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// clean is a text without blanks around it, nor what does not belong into text.
func clean(text string) string { return strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")) }

// short keeps a sentence short whatever stands in a cell.
func short(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	n := most
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

var errDigits = errors.New("digits are lost")
