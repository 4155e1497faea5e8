package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// csvRows turns CSV with a line a value into records. Memory does not grow with the file but for
// eight octets or so an identifier, by which one that comes back after others is noticed: its
// second part would else replace the first, or be lost.
type csvRows struct {
	csv    *csv.Reader
	budget *budget
	column [6]int // place of csvColumns[i] in the file, or -1
	width  int

	cells []string // the line read last, if held
	line  int
	held  bool

	seed maphash.Seed
	seen map[uint64]struct{}
}

// maxRecord bounds one record in a file, in octets.
const maxRecord = 16 << 20

// newCSVRows reads the header. A column that is unknown, twice there or missing is an error: a
// value in the wrong place would be registered for good.
func newCSVRows(in io.Reader) (*csvRows, error) {
	b := &budget{in: in, left: maxRecord}
	c := &csvRows{csv: csv.NewReader(b), budget: b, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
	c.csv.FieldsPerRecord = -1
	c.csv.ReuseRecord = true
	head, err := c.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, failf("no header: the first line names the columns %s", strings.Join(csvColumns, ","))
	}
	if err != nil {
		return nil, failf("read header: %v", err)
	}
	for i := range c.column {
		c.column[i] = -1
	}
	for i, name := range head {
		k := slices.Index(csvColumns, strings.TrimSpace(name))
		if k < 0 {
			return nil, failf("unknown column %q: the columns are %s", name, strings.Join(csvColumns, ","))
		}
		if c.column[k] >= 0 {
			return nil, failf("column %q is there twice", name)
		}
		c.column[k] = i
	}
	for k, name := range csvColumns[:4] {
		if c.column[k] < 0 {
			return nil, failf("column %q is missing: the columns are %s, the last two optional", name, strings.Join(csvColumns, ","))
		}
	}
	c.width = len(head)
	return c, nil
}

// budget ends a line of CSV that does not end: a quote that is never closed would else pull the
// whole rest of the file into memory.
type budget struct {
	in   io.Reader
	left int
}

var errLongLine = failf("line is longer than %d octets: is a quote not closed?", maxRecord)

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongLine
	}
	n, err := b.in.Read(p)
	b.left -= n
	return n, err
}

// read holds the next line.
func (c *csvRows) read() error {
	if c.held {
		return nil
	}
	c.budget.left = maxRecord
	cells, err := c.csv.Read()
	if err != nil {
		return err
	}
	c.line, _ = c.csv.FieldPos(0)
	c.cells, c.held = cells, true
	return nil
}

func (c *csvRows) cell(k int) string {
	if i := c.column[k]; i >= 0 && i < len(c.cells) {
		return c.cells[i]
	}
	return ""
}

// next joins the adjacent lines of one identifier. A mistake in any of them fails the record: half
// of it is not what the file says. Broken CSV ends the import, since where the next line begins is
// then a guess.
func (c *csvRows) next() (row, error) {
	if err := c.read(); err != nil {
		return row{}, err
	}
	id := strings.Clone(c.cell(0))
	out := row{line: c.line}
	r := newRecord{ID: unescapeFormula(id)}
	fail := func(code string, why error) {
		if out.failure == nil {
			out.failure = &failure{Line: c.line, ID: r.ID, Status: "failed", Code: code, Detail: why.Error(), why: why}
		}
	}
	hash := maphash.String(c.seed, id)
	if _, again := c.seen[hash]; again {
		fail("repeated_identifier", failf("lines of one identifier must follow each other; others of this one came before"))
	}
	c.seen[hash] = struct{}{}

	for size := 0; ; {
		v, err := c.value()
		if err != nil {
			fail("invalid_value", err)
		}
		if size += len(v.Type) + len(c.cell(3)) + 64; size > maxRecord {
			fail("too_large", failf("record is longer than %d octets", maxRecord))
		}
		if out.failure == nil {
			r.Values = append(r.Values, v)
		}
		c.held = false
		if err := c.read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return row{}, err
		}
		if c.cell(0) != id {
			break
		}
	}
	if out.failure != nil {
		return out, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return row{}, failf("line %d: %v", out.line, err)
	}
	out.json = bytes.TrimRight(b.Bytes(), "\n")
	return out, nil
}

// value reads the value of the line that is held.
func (c *csvRows) value() (newValue, error) {
	if len(c.cells) != c.width {
		return newValue{}, failf("line has %d cells, the header %d", len(c.cells), c.width)
	}
	for _, s := range c.cells {
		if !utf8.ValidString(s) {
			return newValue{}, failf("not UTF-8; if a spreadsheet in China wrote the file, try --encoding gb18030")
		}
	}
	if c.cell(0) == "" {
		return newValue{}, failf("id is empty")
	}
	index, err := strconv.ParseUint(strings.TrimSpace(c.cell(1)), 10, 32)
	if err != nil || index < 1 || index > maxIndex {
		return newValue{}, failf("index %q is no number from 1 to 2147483647", c.cell(1))
	}
	v := newValue{Index: uint32(index), Type: strings.Clone(unescapeFormula(c.cell(2)))}
	if v.Type == "" {
		return newValue{}, failf("type is empty")
	}
	data := strings.Clone(unescapeFormula(c.cell(3)))
	if isDataForm(data) {
		v.Data = json.RawMessage(data)
	} else {
		v.Data = data
	}
	if s := strings.TrimSpace(c.cell(4)); s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || n < 0 {
			return newValue{}, failf("ttl %q is no number of seconds", s)
		}
		ttl := int32(n)
		v.TTL = &ttl
	}
	if s := strings.TrimSpace(c.cell(5)); s != "" {
		if len(s) != 4 || strings.Trim(s, "01") != "" {
			return newValue{}, failf("perms %q are not four characters 0 or 1 such as 1110", s)
		}
		v.Perms = strings.Clone(s)
	}
	return v, nil
}

// A spreadsheet takes a cell that begins so for a formula, and would run it for whoever opens the
// file. Such cells are written with an apostrophe before them, which spreadsheets hide.
const formulaStart = "=+-@\t\r"

func escapeFormula(s string) string {
	if s != "" && strings.IndexByte(formulaStart+"'", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

func unescapeFormula(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.IndexByte(formulaStart+"'", s[1]) >= 0 {
		return s[1:]
	}
	return s
}

// isDataForm reports whether a cell is data in the form that JSON has for what is not text.
func isDataForm(s string) bool {
	if !strings.HasPrefix(s, `{"format":`) {
		return false
	}
	var form struct{ Format, Value *string }
	dec := json.NewDecoder(strings.NewReader(s))
	dec.DisallowUnknownFields()
	if dec.Decode(&form) != nil || dec.More() || form.Format == nil || form.Value == nil {
		return false
	}
	return slices.Contains([]string{"string", "base64", "hex"}, *form.Format)
}

// dataForm is v's data as a cell that isDataForm recognises.
func dataForm(v *value) (string, error) {
	if !bytes.HasPrefix(v.Data, []byte(`"`)) {
		var b bytes.Buffer
		if err := json.Compact(&b, v.Data); err != nil {
			return "", err
		}
		if !isDataForm(b.String()) {
			return "", failf("data in a form that idctl does not know: %s", b.Bytes())
		}
		return b.String(), nil
	}
	return `{"format":"string","value":` + string(v.Data) + `}`, nil
}
