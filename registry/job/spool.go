package job

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/idnode/idnode/registry"
)

// zstdWindow bounds the memory that a zstd frame may ask for.
const zstdWindow = 8 << 20

// Suffixes of files in the directory.
const (
	inputSuffix   = ".input"
	partialSuffix = ".partial" // being received
)

// Input is an input that has been received and is on disk.
type Input struct {
	ID     string // of the job to come
	Digest [32]byte
	Octets int64
	Lines  int // of text
	Format registry.JobFormat
}

// Upload is an input that is to be received.
type Upload struct {
	Body     io.Reader
	Encoding string             // "gzip" or "zstd"; "": told by what it begins with
	Format   registry.JobFormat // "": told by what it begins with
}

// Receive keeps an input: unpacked, text in UTF-8 (see ToUTF8). The file is durable when Receive returns. Errors that a client
// is told are *registry.Error: CodeInvalidRequest, CodeInvalidFile, CodeTooLarge beyond Limits.JobOctets, CodeNoSpace.
func (s *Runner) Receive(ctx context.Context, u Upload) (in Input, err error) {
	in.ID = s.newID()
	packed := bufio.NewReader(u.Body)
	if u.Encoding == "" {
		u.Encoding = packingOf(packed)
	}
	body, closeBody, err := unpack(packed, u.Encoding)
	if err != nil {
		return in, err
	}
	defer closeBody()
	buffered := bufio.NewReader(body)
	head, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return in, refuseBody(err)
	}
	body = buffered
	if in.Format = u.Format; in.Format == "" {
		in.Format = formatOf(head)
	}
	if in.Format != registry.JobXLSX {
		body = ToUTF8(body)
	}
	if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
		return in, registry.AsError(fmt.Errorf("create directory of jobs: %w", err))
	}
	f, err := os.OpenFile(s.path(in.ID)+partialSuffix, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return in, spoolError(err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	sum, lines := sha256.New(), new(lineCounter)
	most := s.o.Registrar.Limits().JobOctets
	if in.Octets, err = s.copy(ctx, io.MultiWriter(f, sum, lines), io.LimitReader(body, most+1)); err != nil {
		return in, err
	}
	if in.Octets > most {
		return in, registry.Refuse(registry.CodeTooLarge, "", "the input is longer than %d octets when it is unpacked; split it", most)
	}
	if in.Octets == 0 {
		return in, registry.Refuse(registry.CodeInvalidRequest, "", "the input is empty")
	}
	sum.Sum(in.Digest[:0])
	if in.Format != registry.JobXLSX {
		in.Lines = lines.count()
	}
	if err := f.Sync(); err != nil {
		return in, spoolError(err)
	}
	if err := f.Close(); err != nil {
		return in, spoolError(err)
	}
	if err := os.Rename(f.Name(), s.path(in.ID)+inputSuffix); err != nil {
		return in, spoolError(err)
	}
	return in, s.syncDir()
}

// lineCounter counts the lines written to it.
type lineCounter struct {
	ends int
	open bool // the last has no end
}

func (c *lineCounter) Write(p []byte) (int, error) {
	c.ends += bytes.Count(p, []byte{'\n'})
	if len(p) > 0 {
		c.open = p[len(p)-1] != '\n'
	}
	return len(p), nil
}

func (c *lineCounter) count() int {
	if c.open {
		return c.ends + 1
	}
	return c.ends
}

// copy copies until the end of src, ctx or the free space that the node keeps.
func (s *Runner) copy(ctx context.Context, dst io.Writer, src io.Reader) (n int64, err error) {
	buf := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if err := s.o.Free(); err != nil {
			return n, registry.AsError(err)
		}
		m, err := src.Read(buf)
		if m > 0 {
			if _, err := dst.Write(buf[:m]); err != nil {
				return n, spoolError(err)
			}
			n += int64(m)
		}
		switch {
		case err == nil:
		case err == io.EOF:
			return n, nil
		default:
			return n, refuseBody(err)
		}
	}
}

// Discard forgets an input that gets no job of its own.
func (s *Runner) Discard(id string) {
	if err := os.Remove(s.path(id) + inputSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.o.Logger.Error("remove input of a job", "job", id, "err", err)
	}
}

// share keeps the input of a job under the id of another.
func (s *Runner) share(from, to string) error {
	if err := os.Link(s.path(from)+inputSuffix, s.path(to)+inputSuffix); err != nil {
		return spoolError(err)
	}
	return s.syncDir()
}

func (s *Runner) path(id string) string { return filepath.Join(s.o.Dir, id) }

func (s *Runner) syncDir() error {
	d, err := os.Open(s.o.Dir)
	if err != nil {
		return spoolError(err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return spoolError(err)
	}
	return nil
}

// packingOf is the packing that an input shows by its first octets, which begin no text and no workbook.
func packingOf(r *bufio.Reader) string {
	head, _ := r.Peek(4) // what is wrong comes out when it is read
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}): // RFC 1952, section 2.3.1
		return "gzip"
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878, section 3.1.1
		return "zstd"
	}
	return ""
}

// unpack undoes a content encoding.
func unpack(r io.Reader, encoding string) (io.Reader, func(), error) {
	switch encoding {
	case "", "identity":
		return r, func() {}, nil
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, registry.Refuse(registry.CodeInvalidRequest, "", "the body is not in gzip: %s", err)
		}
		return z, func() { z.Close() }, nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, registry.Refuse(registry.CodeInvalidRequest, "", "the body is not in zstd: %s", err)
		}
		return z, z.Close, nil
	}
	return nil, nil, registry.Refuse(registry.CodeInvalidRequest, "Content-Encoding", "the encodings known here are gzip and zstd")
}

// formatOf tells the form of an input by its first octets.
func formatOf(head []byte) registry.JobFormat {
	text := strings.TrimLeft(strings.TrimPrefix(string(head), "\xef\xbb\xbf"), " \t\r\n")
	switch {
	case string(head) == "PK\x03\x04":
		return registry.JobXLSX
	case strings.HasPrefix(text, "{"):
		return registry.JobNDJSON
	}
	return registry.JobCSV
}

// refuseBody is an error of the client's body: what unpacking and decoding say is for the client.
func refuseBody(err error) error {
	if e, ok := errors.AsType[*registry.Error](err); ok {
		return e
	}
	return registry.Refuse(registry.CodeInvalidRequest, "", "the body cannot be read: %s", err)
}
