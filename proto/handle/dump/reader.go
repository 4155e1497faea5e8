package dump

import (
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/jsonstream"
)

// Record is a Handle with all its values.
type Record struct {
	Line     int // where it begins, from 1
	Handle   string
	Template string // data template, known to our own files only
	Values   []identifier.Value
}

// Options say how files are read.
type Options struct {
	// File returns the content of a file that a value of the form FILE names. Default: such values are refused.
	File func(path string) ([]byte, error)
}

// Reader reads the records of a file.
type Reader struct {
	in   *jsonstream.Reader
	o    Options
	next func() (*Record, error)

	held     []byte // a line of batch text that was read too early
	heldLine int
	note     *note // of the record that follows
}

// NewReader reads r, whose form is told by how it begins.
func NewReader(r io.Reader, o Options) *Reader {
	d := &Reader{in: jsonstream.NewReader(r), o: o}
	start := d.in.Peek(16)
	word, _, _ := strings.Cut(string(start), " ")
	word, _, _ = strings.Cut(word, "\n")
	switch {
	case len(start) > 0 && (start[0] == '{' || start[0] == '['):
		d.next = d.json
	case strings.HasPrefix(word, "#") || slices.Contains(commands, strings.ToUpper(strings.TrimSpace(word))):
		d.next = d.batch
	default:
		d.next = d.listed
	}
	return d
}

// Next returns the next record. An error is an *[Error] of one record, io.EOF at the end, or that of the file.
func (d *Reader) Next() (*Record, error) { return d.next() }

// fail is an error of one problem.
func fail(line int, handle, path, reason string) *Error {
	return &Error{Line: line, Handle: handle, Problems: []Problem{{line, path, reason}}}
}

// listed reads a record of hdl-dblist -v.
func (d *Reader) listed() (*Record, error) {
	text, line, err := d.in.Line()
	if err != nil {
		return nil, err
	}
	name := string(text)
	if !utf8.ValidString(name) {
		return nil, fail(line, "", "", "the name is not UTF-8")
	}
	array, at, err := d.in.Array()
	if errors.Is(err, io.EOF) {
		return nil, fail(line, name, "", "no values follow the handle; a list with values is that of hdl-dblist -v")
	}
	if e, ok := errors.AsType[*jsonstream.Error](err); ok {
		return nil, &Error{Line: line, Handle: name, Problems: []Problem{{at, "", e.Reason}}}
	}
	if err != nil {
		return nil, err
	}
	rec := &Record{Line: line, Handle: name}
	return rec, rec.values(array)
}
