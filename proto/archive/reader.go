package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// ErrCut says that an archive ends before its manifest.
var ErrCut = errors.New("the archive is cut off: its manifest is missing")

// ErrDamaged says that an archive is not as it was written.
var ErrDamaged = errors.New("the archive is damaged")

// zstdWindow bounds the memory that packed archives may ask for, in octets.
const zstdWindow = 8 << 20

// Unpack undoes the packing that the beginning of r tells: gzip, zstd or none. Errors of r are returned as
// they are, others wrap [ErrDamaged] or [ErrCut].
func Unpack(r io.Reader) (io.ReadCloser, error) {
	from := &source{r: r}
	in := bufio.NewReaderSize(from, 64<<10)
	magic, err := in.Peek(4)
	switch {
	case len(magic) == 0 && err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, from.blame(err)
		}
		return &unpacking{z, from}, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, from.blame(err)
		}
		return &unpacking{z.IOReadCloser(), from}, nil
	}
	return io.NopCloser(in), nil
}

// source is what is unpacked, and remembers its own error.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// blame says whose fault an error of unpacking is.
func (s *source) blame(err error) error {
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", ErrCut, err)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// unpacking is packed octets that are being unpacked.
type unpacking struct {
	io.ReadCloser
	from *source
}

func (u *unpacking) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = u.from.blame(err)
	}
	return n, err
}

// Reader reads an archive member by member. It belongs to one goroutine.
type Reader struct {
	tar      *tar.Reader
	manifest *Manifest
	seen     []MemberInfo
	last     *Member
}

// Member is a member that is being read.
type Member struct {
	Name string
	Size int64

	r     *Reader
	hash  hash.Hash
	lines int64
	pax   string // the digest in its header, "" if there is none
}

// NewReader returns a Reader of the archive in r, which is not packed; see [Unpack].
func NewReader(r io.Reader) *Reader { return &Reader{tar: tar.NewReader(r)} }

// Next goes to the next member. What was not read of the one before is skipped, and counts for its
// digest. After the manifest, which it reads and checks itself, it returns io.EOF. Errors wrap
// [ErrCut] or [ErrDamaged], or are those of the underlying reader.
func (r *Reader) Next() (*Member, error) {
	if err := r.finish(); err != nil {
		return nil, err
	}
	h, err := r.tar.Next()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, ErrCut
	case err != nil:
		return nil, readError(err)
	case h.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("%w: member %q is no file", ErrDamaged, h.Name)
	case KindOf(h.Name) == "":
		return nil, fmt.Errorf("%w: member %q is none of an archive", ErrDamaged, h.Name)
	}
	m := &Member{Name: h.Name, Size: h.Size, r: r, hash: sha256.New(), pax: h.PAXRecords[digestRecord]}
	r.last = m
	if h.Name != ManifestName {
		return m, nil
	}
	if err := r.readManifest(m); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

// Manifest is the archive's, once Next has returned io.EOF.
func (r *Reader) Manifest() *Manifest { return r.manifest }

// finish reads the rest of the last member and keeps what it was.
func (r *Reader) finish() error {
	if r.last == nil {
		return nil
	}
	m := r.last
	if _, err := io.Copy(io.Discard, m); err != nil {
		return err
	}
	r.last = nil
	info := m.info()
	if m.pax != "" && m.pax != info.SHA256 {
		return fmt.Errorf("%w: %s has another digest than its header says", ErrDamaged, m.Name)
	}
	r.seen = append(r.seen, info)
	return nil
}

func (r *Reader) readManifest(m *Member) error {
	body, err := m.Bytes()
	if err != nil {
		return err
	}
	r.last = nil
	manifest := new(Manifest)
	if err := json.Unmarshal(body, manifest); err != nil {
		return fmt.Errorf("%w: manifest: %w", ErrDamaged, err)
	}
	switch {
	case manifest.Format != Format:
		return fmt.Errorf("%w: the manifest is of format %q", ErrDamaged, manifest.Format)
	case manifest.Version > Version:
		return fmt.Errorf("the archive is of version %d; known here is %d", manifest.Version, Version)
	case !slices.EqualFunc(manifest.Files, r.seen, func(a, b MemberInfo) bool {
		return a.Name == b.Name && a.Octets == b.Octets && a.SHA256 == b.SHA256 && (a.Lines == b.Lines || KindOf(a.Name) == Files)
	}):
		return fmt.Errorf("%w: its members are not those of the manifest", ErrDamaged)
	}
	r.manifest = manifest
	return nil
}

// Read reads octets of the member.
func (m *Member) Read(p []byte) (int, error) {
	n, err := m.r.tar.Read(p)
	m.hash.Write(p[:n])
	m.lines += int64(bytes.Count(p[:n], []byte{'\n'}))
	if err != nil && !errors.Is(err, io.EOF) {
		err = readError(err)
	}
	return n, err
}

// Bytes reads the member whole and holds it to the digest in its header. It must not be longer than [MaxPart].
func (m *Member) Bytes() ([]byte, error) {
	if m.Size > MaxPart {
		return nil, fmt.Errorf("%w: %s is longer than %d octets", ErrDamaged, m.Name, MaxPart)
	}
	var body bytes.Buffer // grows with what comes, not with what the header claims
	if _, err := body.ReadFrom(m); err != nil {
		return nil, err
	}
	if sum := m.info().SHA256; m.pax != "" && m.pax != sum {
		return nil, fmt.Errorf("%w: %s has another digest than its header says", ErrDamaged, m.Name)
	}
	return body.Bytes(), nil
}

func (m *Member) info() MemberInfo {
	return MemberInfo{Name: m.Name, Lines: m.lines, Octets: m.Size, SHA256: hex.EncodeToString(m.hash.Sum(nil))}
}

// readError is err of the reader below in terms of the archive.
func readError(err error) error {
	switch {
	case errors.Is(err, ErrCut), errors.Is(err, ErrDamaged):
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", ErrCut, err)
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// Verify reads an archive, packed or not, to its end and returns its manifest.
func Verify(r io.Reader) (*Manifest, error) {
	in, err := Unpack(r)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	a := NewReader(in)
	for {
		if _, err := a.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	// What packing adds at the end is checked too: gzip's own digest stands there.
	if _, err := io.Copy(io.Discard, in); err != nil {
		return nil, readError(err)
	}
	return a.Manifest(), nil
}
