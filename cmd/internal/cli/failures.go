package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
)

// failure is a row that was not stored, in the form in which the node reports it.
type failure struct {
	File   string `json:"file,omitempty"` // of an archive
	Line   int    `json:"line"`
	ID     string `json:"id,omitempty"`
	Status string `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`

	why error // what Detail says of a row that idctl did not send
}

// failures are the rows of an import that were not stored: a file with one JSON object a line, which
// is made for the first of them.
type failures struct {
	name  string
	first []failure // to be shown
	file  *os.File  // nil while there is none
	buf   *bufio.Writer
}

// shownFailures is how many failures are shown at the end of an import.
const shownFailures = 5

func (f *failures) add(row failure) error {
	if len(f.first) < shownFailures {
		f.first = append(f.first, row)
	}
	if f.file == nil {
		file, err := os.Create(f.name)
		if err != nil {
			return failf("write errors: %v", err)
		}
		f.file, f.buf = file, bufio.NewWriter(file)
	}
	enc := json.NewEncoder(f.buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(row); err != nil {
		return failf("write errors: %v", err)
	}
	return nil
}

// restart forgets what was added.
func (f *failures) restart() error {
	if f.file == nil {
		return nil
	}
	f.file.Close()
	f.first, f.file, f.buf = nil, nil, nil
	if err := os.Remove(f.name); err != nil {
		return failf("write errors: %v", err)
	}
	return nil
}

// close completes the file, if there is one.
func (f *failures) close() error {
	if f.file == nil {
		return nil
	}
	err := f.buf.Flush()
	if cerr := f.file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return failf("write errors: %v", err)
	}
	return nil
}

// written is the file's name, or "" if there were no failures.
func (f *failures) written() string {
	if f.file == nil {
		return ""
	}
	return f.name
}

// resume goes on with the file of an earlier run, of which so many octets count.
func (f *failures) resume(size int64) error {
	if size == 0 {
		if err := os.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failf("write errors: %v", err)
		}
		return nil
	}
	file, err := os.OpenFile(f.name, os.O_RDWR, 0)
	if err != nil {
		return failf("write errors: %v", err)
	}
	if err = file.Truncate(size); err == nil {
		_, err = file.Seek(0, io.SeekEnd)
	}
	if err != nil {
		file.Close()
		return failf("write errors: %v", err)
	}
	f.file, f.buf = file, bufio.NewWriter(file)
	return nil
}

// size is the length of the file, with all that was added, in octets.
func (f *failures) size() (int64, error) {
	if f.file == nil {
		return 0, nil
	}
	if err := f.buf.Flush(); err != nil {
		return 0, failf("write errors: %v", err)
	}
	info, err := f.file.Stat()
	if err != nil {
		return 0, failf("write errors: %v", err)
	}
	return info.Size(), nil
}
