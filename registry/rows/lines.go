package rows

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// blockOctets is about the size of the blocks of lines that are parsed at once.
const blockOctets = 128 << 10

// Lines reads rows of NDJSON, a record in the interchange form a line: one goroutine cuts the input into blocks of whole
// lines, some parse them, and Next hands the rows out in their order. What is in flight is a few blocks.
type Lines struct {
	blocks chan *block // in the order of the input
	done   chan struct{}
	ended  error        // why there is no further block, once blocks is closed
	parse  func(*block) // nil: they are parsed already
	cur    *block
	pos    int
}

// block is lines and, once parsed is closed, their rows.
type block struct {
	text   []byte
	line   int   // number of the first
	start  int64 // where it stands in the input
	end    int64 // where the input goes on
	tooBig bool  // text is the beginning of one line beyond the limit
	err    error // after the rows
	rows   []registry.Row
	parsed chan struct{}
}

// Parse reads a line: [identifier.ParseWriteJSON] or [identifier.ParseMintJSON].
type Parse func(line []byte) (rec *identifier.Record, fields []byte, err error)

// ReadLines reads r in the background until it or ctx ends. The first line has the number line, and stands at the octet
// start of the whole input; both are 1 and 0 unless an earlier reader got as far. A line of more than maxLine octets
// is a row with an error. Where r fails, the row that is then asked for is its error.
func ReadLines(ctx context.Context, r io.Reader, line int, start int64, maxLine int, parse Parse) *Lines {
	return readLines(ctx, r, line, start, maxLine, parse, max(1, runtime.NumCPU()/2)) // lookups and the store have the rest
}

// ReadLinesInTurn is ReadLines for who has to leave processors to others: lines are parsed by who calls Next.
func ReadLinesInTurn(ctx context.Context, r io.Reader, line int, start int64, maxLine int, parse Parse) *Lines {
	return readLines(ctx, r, line, start, maxLine, parse, 0)
}

func readLines(ctx context.Context, r io.Reader, line int, start int64, maxLine int, parse Parse, workers int) *Lines {
	l := &Lines{blocks: make(chan *block, workers+1), done: make(chan struct{})}
	if workers == 0 {
		l.parse = func(b *block) { b.parse(maxLine, parse) }
	}
	work := make(chan *block, workers+1)
	finished := make(chan struct{}, workers)
	for range workers {
		go func() {
			for b := range work {
				b.parse(maxLine, parse)
				close(b.parsed)
			}
			finished <- struct{}{}
		}()
	}
	go func() {
		defer close(l.done)
		defer func() {
			close(work)
			for range workers {
				<-finished
			}
		}()
		defer close(l.blocks)
		l.ended = io.EOF
		cut(r, line, start, maxLine, func(b *block) bool {
			select {
			case l.blocks <- b:
			case <-ctx.Done():
				l.ended = ctx.Err()
				return false
			}
			if workers > 0 {
				work <- b // its workers never wait for anything
			}
			return true
		})
	}()
	return l
}

// Done is closed when nothing reads the input any more.
func (l *Lines) Done() <-chan struct{} { return l.done }

// Next returns the next row, or io.EOF.
func (l *Lines) Next() (registry.Row, error) {
	for {
		if l.cur != nil {
			if l.pos < len(l.cur.rows) {
				row := l.cur.rows[l.pos]
				l.pos++
				return row, nil
			}
			if l.cur.err != nil {
				return registry.Row{}, l.cur.err
			}
		}
		b, ok := <-l.blocks
		if !ok {
			return registry.Row{}, l.ended
		}
		if l.parse != nil {
			l.parse(b)
		} else {
			<-b.parsed
		}
		l.cur, l.pos = b, 0
	}
}

// cut reads r to its end and gives blocks of whole lines to emit, until that returns false. A line
// longer than maxLine is a block of its own that holds its beginning.
func cut(r io.Reader, line int, start int64, maxLine int, emit func(*block) bool) {
	in := bufio.NewReaderSize(r, blockOctets)
	end := start // of what has been read
	if bom, _ := in.Peek(3); start == 0 && bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		in.Discard(3)
		start, end = 3, 3
	}
	var text []byte
	send := func(err error, tooBig bool) bool {
		if len(text) == 0 && err == nil {
			return true
		}
		b := &block{text: text, line: line, start: start, end: end, tooBig: tooBig, err: err, parsed: make(chan struct{})}
		line += bytes.Count(text, []byte{'\n'})
		text, start = nil, end
		return emit(b)
	}
	for {
		first, before := len(text), end // of the line that is read now
		var err error
		for {
			var part []byte
			part, err = in.ReadSlice('\n')
			end += int64(len(part))
			if len(text)-first <= maxLine {
				text = append(text, part...)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		if tooBig := len(bytes.TrimRight(text[first:], "\r\n")) > maxLine; tooBig {
			long, after := text[first:], end
			text, end = text[:first], before
			if !send(nil, false) {
				return
			}
			start, end = before, after
			text = append(long[:min(64, len(long)):min(64, len(long))], '\n')
			if !send(nil, true) {
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			} else {
				err = registry.Refuse(registry.CodeInvalidRequest, "", "the body cannot be read: %s", err)
			}
			send(err, false)
			return
		}
		if len(text) >= blockOctets && !send(nil, false) {
			return
		}
	}
}

func (b *block) parse(maxLine int, parse Parse) {
	if b.tooBig {
		e := registry.Refuse(registry.CodeTooLarge, "", "the line is longer than %d octets", maxLine)
		b.rows = []registry.Row{{Line: b.line, Err: e, End: b.end}}
		return
	}
	b.rows = make([]registry.Row, 0, bytes.Count(b.text, []byte{'\n'})+1)
	number, end := b.line, b.start
	for line := range bytes.Lines(b.text) {
		end += int64(len(line))
		if line = bytes.TrimSpace(line); len(line) > 0 {
			row := registry.Row{Line: number, End: end}
			rec, fields, err := parse(line)
			if err != nil {
				row.Err = registry.JSONError(err, "")
			} else {
				row.Record, row.Fields = rec, fields
			}
			b.rows = append(b.rows, row)
		}
		number++
	}
	b.text = nil
}
