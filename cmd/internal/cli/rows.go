package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// row is one record of a file, ready to be sent, or why it cannot be.
type row struct {
	line    int    // of the file, from 1
	json    []byte // one line; valid until the next row
	failure *failure
}

// rows yields the records of a file; io.EOF ends them.
type rows interface{ next() (row, error) }

// source is a file of records.
type source struct {
	rows
	name string
	size int64 // octets of the file, -1 if unknown
	read int64 // octets of them read so far; by the reading goroutine alone
	file *os.File
}

func (s *source) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// formatOf is the format that a file's name tells, or "". A .gz after it does not matter.
func formatOf(name string) string {
	switch filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz")) {
	case ".ndjson", ".jsonl", ".json":
		return "ndjson"
	case ".csv":
		return "csv"
	}
	return ""
}

// open opens a file of records, or standard input for "-". A file in gzip is unpacked.
func (a *app) open(name, format, encoding string) (*source, error) {
	s := &source{name: name, size: -1}
	in := a.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		s.file, in = f, f
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			s.size = info.Size()
		}
	}
	err := s.start(in, format, encoding)
	if err != nil {
		s.Close()
		return nil, failf("read %s: %v", name, err)
	}
	return s, nil
}

// start finds the records in in.
func (s *source) start(in io.Reader, format, encoding string) error {
	buf := bufio.NewReaderSize(readerFunc(func(p []byte) (int, error) {
		n, err := in.Read(p)
		s.read += int64(n)
		return n, err
	}), 256<<10)
	if magic, _ := buf.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(buf)
		if err != nil {
			return err
		}
		buf = bufio.NewReaderSize(z, 256<<10)
	}
	if encoding == "gb18030" {
		buf = bufio.NewReaderSize(simplifiedchinese.GB18030.NewDecoder().Reader(buf), 256<<10)
	}
	if bom, _ := buf.Peek(3); string(bom) == "\uFEFF" {
		_, _ = buf.Discard(3)
	}
	if format == "csv" {
		c, err := newCSVRows(buf)
		s.rows = c
		return err
	}
	s.rows = &ndjsonRows{in: buf}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// ndjsonRows yields the lines of a file. What is in them is the node's to judge.
type ndjsonRows struct {
	in   *bufio.Reader
	line int
	long []byte // a line longer than in's buffer
}

func (n *ndjsonRows) next() (row, error) {
	for {
		text, err := n.in.ReadSlice('\n')
		n.line++
		if errors.Is(err, bufio.ErrBufferFull) {
			text, err = n.rest(text)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return row{}, err
		}
		if len(text) == 0 && err != nil {
			return row{}, io.EOF
		}
		if len(text) > maxRecord {
			why := failf("line is longer than %d octets", maxRecord)
			return row{line: n.line, failure: &failure{Line: n.line, Status: "failed", Code: "too_large", Detail: why.Error(), why: why}}, nil
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return row{line: n.line, json: text}, nil
		}
		if err != nil {
			return row{}, io.EOF
		}
	}
}

// rest reads a long line to its end, keeping no more than just over maxRecord octets of it.
func (n *ndjsonRows) rest(start []byte) ([]byte, error) {
	n.long = append(n.long[:0], start...)
	for {
		text, err := n.in.ReadSlice('\n')
		if len(n.long) <= maxRecord {
			n.long = append(n.long, text...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return n.long, err
		}
	}
}
