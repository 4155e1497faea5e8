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

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/recordcsv"
)

// csvRows turns CSV with a line a value into records. Memory does not grow with the file but for
// eight octets or so an identifier, by which one that comes back after others is noticed: its
// second part would else replace the first, or be lost.
type csvRows struct {
	csv    *csv.Reader
	budget *budget
	column [recordcsv.Width]int // place of recordcsv.Columns[i] in the file, or -1
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
		return nil, failf("no header: the first line names the columns %s", strings.Join(recordcsv.Columns, ","))
	}
	if err != nil {
		return nil, failf("read header: %v", err)
	}
	for i := range c.column {
		c.column[i] = -1
	}
	for i, name := range head {
		k := slices.Index(recordcsv.Columns, strings.TrimSpace(name))
		if k < 0 {
			return nil, failf("unknown column %q: the columns are %s", name, strings.Join(recordcsv.Columns, ","))
		}
		if c.column[k] >= 0 {
			return nil, failf("column %q is there twice", name)
		}
		c.column[k] = i
	}
	for k, name := range recordcsv.Columns[:recordcsv.TTL] {
		if c.column[k] < 0 {
			return nil, failf("column %q is missing: the columns are %s, those from ttl on optional", name, strings.Join(recordcsv.Columns, ","))
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
	id := strings.Clone(c.cell(recordcsv.ID))
	out := row{line: c.line}
	r := newRecord{ID: unescapeFormula(id), Scheme: strings.Clone(strings.TrimSpace(c.cell(recordcsv.Scheme))), Template: strings.Clone(unescapeFormula(c.cell(recordcsv.Template)))}
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
		if size += len(v.Type) + len(c.cell(recordcsv.Data)) + 64; size > maxRecord {
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
		if c.cell(recordcsv.ID) != id {
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
	if c.cell(recordcsv.ID) == "" {
		return newValue{}, failf("id is empty")
	}
	index, err := strconv.ParseUint(strings.TrimSpace(c.cell(recordcsv.Index)), 10, 32)
	if err != nil || index < 1 || index > maxIndex {
		return newValue{}, failf("index %q is no number from 1 to 2147483647", c.cell(recordcsv.Index))
	}
	v := newValue{Index: uint32(index), Type: strings.Clone(unescapeFormula(c.cell(recordcsv.Type)))}
	if v.Type == "" {
		return newValue{}, failf("type is empty")
	}
	data := strings.Clone(unescapeFormula(c.cell(recordcsv.Data)))
	if isDataForm(data) {
		v.Data = json.RawMessage(data)
	} else {
		v.Data = data
	}
	if s := c.cell(recordcsv.TTL); strings.TrimSpace(s) != "" {
		kind, ttl, err := recordcsv.ParseTTL(s)
		if err != nil {
			return newValue{}, failf("ttl %q is neither a number of seconds nor a time such as 2030-01-01T00:00:00Z", s)
		}
		v.TTL = &ttl
		if kind == identifier.Absolute {
			v.TTLType = "absolute"
		}
	}
	if s := strings.TrimSpace(c.cell(recordcsv.Perms)); s != "" {
		if len(s) != 4 || strings.Trim(s, "01") != "" {
			return newValue{}, failf("perms %q are not four characters 0 or 1 such as 1110", s)
		}
		v.Perms = strings.Clone(s)
	}
	if s := c.cell(recordcsv.Timestamp); strings.TrimSpace(s) != "" {
		if _, err := recordcsv.ParseTimestamp(s); err != nil {
			return newValue{}, failf("timestamp %q is not a time such as 2026-01-02T03:04:05Z", s)
		}
		v.Timestamp = strings.Clone(strings.TrimSpace(s))
	}
	if s := c.cell(recordcsv.Refs); strings.TrimSpace(s) != "" {
		if _, err := recordcsv.ParseRefs(s); err != nil {
			return newValue{}, failf("refs %q are not references such as %s", s, `[{"handle":"88.1/x","index":300}]`)
		}
		v.Refs = json.RawMessage(strings.TrimSpace(s))
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
