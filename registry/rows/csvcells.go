package rows

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"

	"github.com/idnode/idnode/registry"
)

// csvCells are the lines of CSV.
type csvCells struct {
	in   *limited
	most int // octets of a line
	csv  *csv.Reader
	at   int
	mark int64 // octets of a byte order mark before it all
}

func newCSVCells(r io.Reader, most int) *csvCells {
	c := &csvCells{in: &limited{in: r, most: most, left: most}, most: most}
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
	return c
}

func (c *csvCells) line() int     { return c.at }
func (c *csvCells) wrong() error  { return nil }
func (c *csvCells) offset() int64 { return c.mark + c.csv.InputOffset() }

func (c *csvCells) read() ([]string, error) {
	c.in.left = c.most
	cells, err := c.csv.Read()
	if err == nil {
		c.at, _ = c.csv.FieldPos(0)
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
