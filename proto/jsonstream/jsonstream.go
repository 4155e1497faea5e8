// Package jsonstream finds the objects of a file of JSON however it is laid out: one a line, printed over many lines,
// one after the other, or in arrays. A piece that is broken is told with its line, and what follows is found again.
package jsonstream

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// MaxObject bounds one object in octets.
const MaxObject = 16 << 20

// Error is a piece of a file that is no JSON object. Reading goes on behind it.
type Error struct {
	Line   int // where it begins, from 1
	Reason string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Reader finds objects. Between them blanks, commas and square brackets are passed over: it does not matter whether
// they stand in one array, in many or in none.
type Reader struct {
	in   *bufio.Reader
	back []byte // read; from at on to be read again before in
	at   int
	line int   // of the next octet
	col  int   // of the next octet, from 0
	end  error // of in
}

// NewReader reads r, of which a byte order mark is passed over.
func NewReader(r io.Reader) *Reader {
	in := bufio.NewReaderSize(r, 64<<10)
	if bom, _ := in.Peek(3); string(bom) == "\uFEFF" {
		_, _ = in.Discard(3)
	}
	return &Reader{in: in, line: 1}
}

// Next returns the next object as it is written and the line on which it begins. An error is an *[Error] of one piece,
// io.EOF at the end, or that of the file.
func (r *Reader) Next() (object []byte, line int, err error) {
	for {
		c, err := r.octet()
		if err != nil {
			return nil, r.line, err
		}
		switch c {
		case ' ', '\t', '\r', '\n', ',', '[', ']':
			continue
		}
		line, indent := r.line, r.col-1
		if c != '{' {
			r.skip(indent, nil)
			return nil, line, &Error{line, "neither an object nor a list of objects stands here"}
		}
		object, reason, err := r.value('{')
		if err != nil {
			return nil, line, err
		}
		if reason != "" {
			r.skip(indent, object)
			return nil, line, &Error{line, reason}
		}
		return object, line, nil
	}
}

// Array returns the array that comes next, blanks aside, as it is written, and the line on which it begins. An error
// is an *[Error] if there is something else or it is broken, of which nothing is passed over.
func (r *Reader) Array() (array []byte, line int, err error) {
	for {
		c, err := r.octet()
		if err != nil {
			return nil, r.line, err
		}
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			continue
		}
		line := r.line
		if c != '[' {
			r.unread(c)
			return nil, line, &Error{line, "a list of values is expected here"}
		}
		array, reason, err := r.value('[')
		if err == nil && reason != "" {
			r.push(array[1:], line, r.col)
			err = &Error{line, reason}
		}
		return array, line, err
	}
}

// Line returns the next line that is not blank, without blanks around it, and its number. It ends as Next does.
func (r *Reader) Line() (text []byte, line int, err error) {
	for {
		text, line, err = r.RawLine()
		if text = bytes.TrimSpace(text); len(text) > 0 || err != nil {
			return text, line, err
		}
	}
}

// RawLine returns the next line without its line feed, and its number; of a line longer than MaxObject only the
// beginning. At the end it is io.EOF.
func (r *Reader) RawLine() (text []byte, line int, err error) {
	line = r.line
	for {
		c, err := r.octet()
		if err != nil {
			if len(text) > 0 && errors.Is(err, io.EOF) {
				return text, line, nil
			}
			return nil, line, err
		}
		if c == '\n' {
			return text, line, nil
		}
		if len(text) < MaxObject {
			text = append(text, c)
		}
	}
}

// Peek returns the next octets that are no blanks, at most n, and passes the blanks over.
func (r *Reader) Peek(n int) []byte {
	for {
		c, err := r.octet()
		if err != nil {
			return nil
		}
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			continue
		}
		r.unread(c)
		back := r.back[r.at:]
		if len(back) >= n {
			return back[:n]
		}
		more, _ := r.in.Peek(n - len(back))
		return append(bytes.Clone(back), more...)
	}
}

// value reads an object or array whose bracket has been read. With a reason it is broken, and what was read of it is
// returned.
func (r *Reader) value(open byte) (text []byte, reason string, err error) {
	text = []byte{open}
	depth, quoted, escaped := 1, false, false
	for depth > 0 {
		c, err := r.octet()
		if errors.Is(err, io.EOF) {
			return text, "the JSON text ends too early", nil
		}
		if err != nil {
			return nil, "", err
		}
		if text = append(text, c); len(text) > MaxObject {
			return text, fmt.Sprintf("longer than %d octets, or a bracket or quote is missing", MaxObject), nil
		}
		switch {
		case quoted && c == '\n':
			return text, "a quote is missing: a string ends with its line", nil
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	switch {
	case !utf8.Valid(text):
		return text, "not UTF-8", nil
	case !json.Valid(text):
		var v json.RawMessage
		return text, "no JSON: " + json.Unmarshal(text, &v).Error(), nil
	}
	return text, "", nil
}

// skip passes over a broken piece that began at an indent, of which read is what was read: to the next line on which
// an object begins that is not indented more.
func (r *Reader) skip(indent int, read []byte) {
	if len(read) > 0 {
		line, col := r.line-bytes.Count(read, []byte{'\n'}), indent+1
		r.push(read[1:], line, col)
	}
	for {
		c, err := r.octet()
		if err != nil {
			return
		}
		if c != '\n' {
			continue
		}
		for {
			c, err := r.octet()
			if err != nil {
				return
			}
			if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
				continue
			}
			begins := (c == '{' || c == '[') && r.col-1 <= indent
			r.unread(c)
			if begins {
				return
			}
			break
		}
	}
}

// push puts octets back, the first of which stands at line and col.
func (r *Reader) push(octets []byte, line, col int) {
	if n := len(octets); n <= r.at && bytes.Equal(r.back[r.at-n:r.at], octets) {
		r.at -= n // they stand there still
	} else {
		r.back, r.at = append(bytes.Clone(octets), r.back[r.at:]...), 0
	}
	r.line, r.col = line, col
}

func (r *Reader) octet() (byte, error) {
	var c byte
	if r.at < len(r.back) {
		c = r.back[r.at]
		r.at++
	} else {
		r.back, r.at = r.back[:0], 0
		if r.end != nil {
			return 0, r.end
		}
		var err error
		if c, err = r.in.ReadByte(); err != nil {
			r.end = err
			return 0, err
		}
	}
	if r.col++; c == '\n' {
		r.line++
		r.col = 0
	}
	return c, nil
}

// unread puts back the octet that was read last, which is no line feed.
func (r *Reader) unread(c byte) {
	if r.at > 0 {
		r.at--
		r.back[r.at] = c
	} else {
		r.back = append([]byte{c}, r.back...)
	}
	r.col--
}
