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

	"github.com/idnode/idnode/proto/handle/dump"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/jsonstream"
	"github.com/idnode/idnode/proto/snmsjson"
)

// migrated is one piece of what is migrated: a template, a record, or why it is neither.
type migrated struct {
	file      string
	line      int
	template  *snmsjson.Template
	record    *identifier.Record
	notPublic int // values of record that SNMS does not mark as readable by everybody
	failure   *failure
}

// fail makes m a piece that cannot be migrated.
func (m *migrated) fail(id, code string, err error) {
	m.template, m.record = nil, nil
	m.failure = &failure{File: m.file, Line: m.line, ID: id, Status: "failed", Code: code, Detail: err.Error(), why: err}
}

// pieces gives what is migrated, in the order of the files; io.EOF ends it.
type pieces interface {
	next() (*migrated, error)
	close()
}

// opener begins to read what is migrated, from the start.
type opener func() pieces

// fileReader is a file that is unpacked and decoded.
type fileReader struct {
	io.Reader
	file *os.File
}

func (f *fileReader) close() { f.file.Close() }

// openText opens a file, unpacks it if it is in gzip, and decodes it.
func openText(name, encoding string) (*fileReader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewReaderSize(f, 256<<10)
	out := &fileReader{buf, f}
	if magic, _ := buf.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(buf)
		if err != nil {
			f.Close()
			return nil, failf("read %s: %v", name, err)
		}
		out.Reader = z
	}
	if encoding == "gb18030" {
		out.Reader = simplifiedchinese.GB18030.NewDecoder().Reader(out.Reader)
	}
	return out, nil
}

// fileSet gives the pieces of some files, one after the other.
type fileSet struct {
	names    []string
	encoding string
	begin    func(name string, in io.Reader) func() ([]*migrated, error)

	open   *fileReader
	more   func() ([]*migrated, error)
	queued []*migrated
}

func (s *fileSet) close() {
	if s.open != nil {
		s.open.close()
		s.open = nil
	}
}

func (s *fileSet) next() (*migrated, error) {
	for {
		if len(s.queued) > 0 {
			m := s.queued[0]
			s.queued = s.queued[1:]
			return m, nil
		}
		if s.open == nil {
			if len(s.names) == 0 {
				return nil, io.EOF
			}
			var err error
			if s.open, err = openText(s.names[0], s.encoding); err != nil {
				return nil, err
			}
			s.more = s.begin(s.names[0], s.open)
		}
		var err error
		if s.queued, err = s.more(); err == nil {
			for _, m := range s.queued {
				m.file = s.names[0]
				if m.failure != nil {
					m.failure.File = s.names[0]
				}
			}
			continue
		}
		if !errors.Is(err, io.EOF) {
			return nil, failf("read %s: %v", s.names[0], err)
		}
		s.close()
		s.names = s.names[1:]
	}
}

// handleFiles reads dumps of Handle.Net software. dir has the files that values of batch text name, "" for none.
func handleFiles(names []string, encoding, dir string) opener {
	o := dump.Options{}
	if dir != "" {
		o.File = func(path string) ([]byte, error) { return valueFile(dir, path) }
	}
	return func() pieces {
		return &fileSet{names: names, encoding: encoding, begin: func(_ string, in io.Reader) func() ([]*migrated, error) {
			r := dump.NewReader(in, o)
			return func() ([]*migrated, error) {
				rec, err := r.Next()
				if e, ok := errors.AsType[*dump.Error](err); ok {
					m := &migrated{line: e.Line}
					m.fail(e.Handle, "invalid_request", e)
					return []*migrated{m}, nil
				}
				if err != nil {
					return nil, err
				}
				return []*migrated{{line: rec.Line, record: &identifier.Record{Scheme: identifier.Handle, ID: rec.Handle, Template: rec.Template, Values: rec.Values}}}, nil
			}
		}}
	}
}

// maxValueFile bounds a file that a value names, in octets.
const maxValueFile = 1 << 20

// valueFile reads a file that a value of batch text names: the one of that name in dir, wherever it was when the text
// was made. Nothing outside dir is read, so that a dump cannot publish what it likes of this machine.
func valueFile(dir, path string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(filepath.Base(strings.ReplaceAll(path, `\`, "/")))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	octets, err := io.ReadAll(io.LimitReader(f, maxValueFile+1))
	if err == nil && len(octets) > maxValueFile {
		err = failf("%s is longer than %d octets", path, maxValueFile)
	}
	return octets, err
}

// snmsFiles reads saved calls of SNMS.
func snmsFiles(names []string, encoding string) opener {
	return func() pieces {
		return &fileSet{names: names, encoding: encoding, begin: func(_ string, in io.Reader) func() ([]*migrated, error) {
			r := jsonstream.NewReader(in)
			return func() ([]*migrated, error) {
				object, line, err := r.Next()
				if e, ok := errors.AsType[*jsonstream.Error](err); ok {
					m := &migrated{line: e.Line}
					m.fail("", "invalid_request", errors.New(e.Reason))
					return []*migrated{m}, nil
				}
				if err != nil {
					return nil, err
				}
				var all []*migrated
				for _, one := range snmsjson.Parse(object) {
					m := &migrated{line: line}
					switch one := one.(type) {
					case *snmsjson.Template:
						m.template = one
					case *snmsjson.Handle:
						m.record, m.notPublic = one.Record, one.NotPublic
					case *snmsjson.Error:
						m.fail(one.ID, "invalid_request", one)
					}
					all = append(all, m)
				}
				return all, nil
			}
		}}
	}
}
