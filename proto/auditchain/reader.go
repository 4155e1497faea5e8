package auditchain

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line of an export in octets: an entry is of the order of a request's body.
const maxLine = 64 << 20

// Reader reads an export. Each line must be, octet by octet, what the Append functions make of what it
// says, so that a line has one meaning only. Its errors are *Problem, or those of reading.
type Reader struct {
	in    *bufio.Reader
	lines int
	buf   []byte
	again []byte
	end   *Head
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, 64<<10)} }

// Anchor reads the first line.
func (r *Reader) Anchor() (Anchor, error) {
	l, err := r.line()
	if err != nil {
		return Anchor{}, err
	}
	if l.Format != Format || l.Store == nil || l.Hash == nil {
		return Anchor{}, r.malformed("the first line of an export begins with {\"format\":\"" + Format + "\"")
	}
	a := Anchor{*l.Store, l.N, *l.Hash}
	return a, r.same(AppendAnchor(r.again[:0], a))
}

// Next reads the next entry, which is valid until the next call; io.EOF behind the last line.
func (r *Reader) Next() (Entry, error) {
	l, err := r.line()
	if err != nil {
		return Entry{}, err
	}
	switch {
	case l.Error != nil:
		return Entry{}, &Problem{Kind: Aborted, Line: r.lines, Text: l.Error.Code + ": " + l.Error.Detail}
	case l.End != nil && l.End.Hash != nil:
		r.end = &Head{N: l.End.N, Hash: *l.End.Hash, Time: l.End.Time}
		if err := r.same(AppendEnd(r.again[:0], *r.end)); err != nil {
			return Entry{}, err
		}
		if _, err := r.in.ReadByte(); err != io.EOF {
			r.lines++
			return Entry{}, r.malformed("nothing follows the end")
		}
		return Entry{}, io.EOF
	case l.Hash == nil:
		return Entry{}, r.malformed("there is no hash")
	}
	e := Entry{N: l.N, Hash: *l.Hash}
	if e.Key, err = base64.RawURLEncoding.DecodeString(l.Key); err != nil || len(e.Key) != KeySize {
		return Entry{}, r.malformed(fmt.Sprintf("a key is %d octets in base64url", KeySize))
	}
	switch {
	case l.Raw != nil:
		if e.Value, err = base64.RawURLEncoding.DecodeString(*l.Raw); err != nil {
			return Entry{}, r.malformed("the value is not in base64url")
		}
	case l.Missing:
	case l.Entry == nil:
		return Entry{}, r.malformed("there is no entry")
	default:
		e.Value = l.Entry
	}
	if err := r.same(AppendEntry(r.again[:0], e)); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// End is what the last line says, once Next has returned io.EOF.
func (r *Reader) End() Head { return *r.end }

// line reads a line.
func (r *Reader) line() (line, error) {
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.buf = append(r.buf, part...)
		switch {
		case err == io.EOF:
			if len(r.buf) > 0 {
				r.lines++
			}
			return line{}, &Problem{Kind: Cut, Line: r.lines}
		case len(r.buf) > maxLine:
			r.lines++
			return line{}, r.malformed(fmt.Sprintf("it is longer than %d octets", maxLine))
		case err == nil:
			r.lines++
			var l line
			if err := json.Unmarshal(r.buf, &l); err != nil {
				return line{}, r.malformed(err.Error())
			}
			return l, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line{}, err
		}
	}
}

// same holds the line that was read to its form.
func (r *Reader) same(again []byte) error {
	r.again = again
	if !bytes.Equal(again, r.buf) {
		return r.malformed("it is not as a node writes it")
	}
	return nil
}

func (r *Reader) malformed(text string) error {
	return &Problem{Kind: Malformed, Line: r.lines, Text: text}
}

// Verify reads an export to its end, verifies it and holds it to the heads. It returns where the export
// begins and what its last entry is; with an error, how far it was good.
func Verify(r io.Reader, heads ...Head) (from Anchor, last Head, err error) {
	in := NewReader(r)
	if from, err = in.Anchor(); err != nil {
		return from, Head{}, err
	}
	v, err := NewVerifier(from, heads...)
	for err == nil {
		var e Entry
		if e, err = in.Next(); err == nil {
			err = v.Add(e)
		}
	}
	if v != nil {
		last = Head{Store: from.Store, N: v.At().N, Hash: v.At().Hash}
	}
	if err == io.EOF {
		last.Time = in.End().Time
		err = v.End(in.End().N, in.End().Hash)
	}
	return from, last, err
}
