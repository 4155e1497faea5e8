package querylog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Place is where the log goes on: a segment, and an octet of it.
type Place struct {
	Segment string
	Offset  int64
}

// String is the place as ParsePlace reads it.
func (p Place) String() string {
	if p.Segment == "" {
		return ""
	}
	return p.Segment + "@" + strconv.FormatInt(p.Offset, 10)
}

// ParsePlace reads a place. "" is the beginning.
func ParsePlace(text string) (Place, error) {
	if text == "" {
		return Place{}, nil
	}
	name, number, ok := strings.Cut(text, "@")
	offset, err := strconv.ParseInt(number, 10, 64)
	if _, nameErr := time.Parse(nameLayout, strings.TrimSuffix(name, suffix)); !ok || err != nil || offset < 0 || nameErr != nil || !strings.HasSuffix(name, suffix) {
		return Place{}, errors.New("not a place of the query log")
	}
	return Place{name, offset}, nil
}

// Block is entries that were written together.
type Block struct {
	Entries []Entry
	Place   Place // where the block begins
	Next    Place // where the log goes on behind it
}

// Read calls visit with the blocks from the place on that have entries of the time from (included) to to (excluded; zero:
// no bound), in the order in which they were written, which is that of their times but for half a second. A block is good until
// visit returns; an error of visit ends the reading and is returned. A segment that is gone begins with the next one.
func (l *Log) Read(ctx context.Context, after Place, from, to time.Time, visit func(*Block) error) error {
	all, err := l.segments()
	if err != nil {
		return fmt.Errorf("read query log: %w", err)
	}
	r := &reader{from: from.UnixMilli(), to: 1<<63 - 1}
	if from.IsZero() {
		r.from = -1 << 63
	}
	if !to.IsZero() {
		r.to = to.UnixMilli() + 1
	}
	if r.unpack, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<20)); err != nil {
		return err
	}
	defer r.unpack.Close()
	for i, s := range all {
		if s.name < after.Segment || !to.IsZero() && s.begun.Add(-flushEvery).After(to) {
			continue
		}
		if i+1 < len(all) && !from.IsZero() && all[i+1].begun.Add(flushEvery).Before(from) {
			continue
		}
		offset := int64(0)
		if s.name == after.Segment {
			offset = after.Offset
		}
		if err := r.segment(ctx, l.o.Dir, s.name, offset, visit); err != nil {
			return err
		}
	}
	return nil
}

// reader reads segments.
type reader struct {
	from, to int64 // milliseconds
	unpack   *zstd.Decoder
	packed   []byte
	data     []byte
	block    Block
}

// segment reads a segment as far as it is whole.
func (r *reader) segment(ctx context.Context, dir, name string, offset int64, visit func(*Block) error) error {
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was just removed
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var head [blockHead]byte
	if _, err := io.ReadFull(f, head[:len(magic)]); err != nil || string(head[:len(magic)]) != magic {
		return nil
	}
	offset = max(offset, int64(len(magic)))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := f.ReadAt(head[:], offset); err != nil || string(head[:4]) != blockMagic {
			return ignoreEnd(err)
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		if size > 2*chunkOctets {
			return nil
		}
		next := offset + blockHead + size
		least, most := int64(binary.LittleEndian.Uint64(head[20:])), int64(binary.LittleEndian.Uint64(head[28:]))
		if most >= r.from && least < r.to {
			if cap(r.packed) < int(size) {
				r.packed = make([]byte, size)
			}
			r.packed = r.packed[:size]
			if _, err := f.ReadAt(r.packed, offset+blockHead); err != nil {
				return ignoreEnd(err)
			}
			if crc32.Checksum(r.packed, castagnoli) != binary.LittleEndian.Uint32(head[12:]) {
				return nil
			}
			if r.data, err = r.unpack.DecodeAll(r.packed, r.data[:0]); err != nil {
				return nil
			}
			r.block.Entries = r.block.Entries[:0]
			for rest := r.data; len(rest) > 0; {
				var e Entry
				if e, rest, err = parseEntry(rest); err != nil {
					return nil
				}
				r.block.Entries = append(r.block.Entries, e)
			}
			r.block.Place, r.block.Next = Place{name, offset}, Place{name, next}
			if err := visit(&r.block); err != nil {
				return err
			}
		}
		offset = next
	}
}

// ignoreEnd is nil where a file ends.
func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
