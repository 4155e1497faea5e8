package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// digestRecord is the pax record that holds the SHA-256 of a member that was in memory when it was written.
const digestRecord = "IDNODE.sha256"

// Writer writes an archive. It belongs to one goroutine.
type Writer struct {
	tar   *tar.Writer
	time  time.Time
	part  int // octets
	files []MemberInfo
}

// NewWriter returns a Writer on w, whose members have the time t.
func NewWriter(w io.Writer, t time.Time) *Writer {
	return &Writer{tar: tar.NewWriter(w), time: t.Truncate(time.Second), part: PartOctets}
}

// SetPartOctets sets the size of parts, for who has less memory than [PartOctets] takes.
func (w *Writer) SetPartOctets(n int) { w.part = n }

// Member writes a member that is in memory.
func (w *Writer) Member(name string, data []byte) error {
	digest := sha256.Sum256(data)
	sum := hex.EncodeToString(digest[:])
	h := w.header(name, int64(len(data)))
	h.PAXRecords = map[string]string{digestRecord: sum}
	if err := w.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := w.tar.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	w.files = append(w.files, MemberInfo{Name: name, Lines: int64(bytes.Count(data, []byte{'\n'})), Octets: int64(len(data)), SHA256: sum})
	return nil
}

// Stream writes a member of a known size whose octets write brings.
func (w *Writer) Stream(name string, size int64, write func(io.Writer) error) error {
	if err := w.tar.WriteHeader(w.header(name, size)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	hash := sha256.New()
	if err := write(io.MultiWriter(w.tar, hash)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	w.files = append(w.files, MemberInfo{Name: name, Octets: size, SHA256: hex.EncodeToString(hash.Sum(nil))})
	return nil
}

func (w *Writer) header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.time, Format: tar.FormatPAX}
}

// Close writes the manifest, of which it fills in the format and the files, and ends the archive.
func (w *Writer) Close(m Manifest) error {
	m.Format, m.Version, m.Files = Format, Version, w.files
	if m.Files == nil {
		m.Files = []MemberInfo{}
	}
	body, err := json.MarshalIndent(&m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if err := w.Member(ManifestName, append(body, '\n')); err != nil {
		return err
	}
	return w.tar.Close()
}

// List is a list that is being written, in parts. The lists of a Writer may be written at the same time.
type List struct {
	w     *Writer
	kind  string
	parts int
	buf   []byte
}

// List begins the list of a kind.
func (w *Writer) List(kind string) *List { return &List{w: w, kind: kind} }

// Add adds what add appends, as a line.
func (l *List) Add(add func(dst []byte) []byte) error {
	l.buf = append(add(l.buf), '\n')
	if len(l.buf) < l.w.part {
		return nil
	}
	return l.flush()
}

// AddJSON adds v as a line.
func (l *List) AddJSON(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a line of %s: %w", l.kind, err)
	}
	return l.Add(func(dst []byte) []byte { return append(dst, line...) })
}

// Close writes what is left. A list without lines is an empty member.
func (l *List) Close() error {
	if len(l.buf) == 0 && l.parts > 0 {
		return nil
	}
	return l.flush()
}

func (l *List) flush() error {
	l.parts++
	err := l.w.Member(partName(l.kind, l.parts), l.buf)
	l.buf = l.buf[:0]
	return err
}
