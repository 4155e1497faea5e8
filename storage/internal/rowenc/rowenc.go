// Package rowenc is the stored form of rows, the same on every engine: a value behind its version,
// and an entry of the change log.
package rowenc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/storage"
)

// ErrCorrupt says that a row is not what this package writes.
var ErrCorrupt = errors.New("corrupt row")

// ItemSize is the number of octets that PutItem writes.
func ItemSize(version uint64, value []byte) int { return uvarintLen(version) + len(value) }

// PutItem writes a value behind its version into dst, which is ItemSize long.
func PutItem(dst []byte, version uint64, value []byte) {
	copy(dst[binary.PutUvarint(dst, version):], value)
}

// AppendItem appends a value behind its version to dst.
func AppendItem(dst []byte, version uint64, value []byte) []byte {
	return append(binary.AppendUvarint(dst, version), value...)
}

// ParseItem reads a row. The value is a view into row.
func ParseItem(row []byte) (storage.Item, error) {
	version, n := binary.Uvarint(row)
	if n <= 0 {
		return storage.Item{}, ErrCorrupt
	}
	return storage.Item{Version: version, Value: row[n:]}, nil
}

// ChangeKey is where the entry of the change log at seq is stored.
func ChangeKey(seq storage.Seq) []byte {
	return binary.BigEndian.AppendUint64([]byte{byte(storage.TableChange)}, uint64(seq))
}

// ParseChangeKey is the inverse of ChangeKey.
func ParseChangeKey(key []byte) (storage.Seq, bool) {
	if len(key) != 9 || key[0] != byte(storage.TableChange) {
		return 0, false
	}
	return storage.Seq(binary.BigEndian.Uint64(key[1:])), true
}

// entryFormat begins the entries that this version writes.
const entryFormat = 1

// AppendEntry appends the row of an entry made at t to dst: version 0 as of every value that is
// written without looking, the format, milliseconds since 1970, and the changes behind their number.
func AppendEntry(dst []byte, t time.Time, changes []storage.Change) []byte {
	dst = append(dst, 0, entryFormat)
	dst = binary.AppendVarint(dst, t.UnixMilli())
	dst = binary.AppendUvarint(dst, uint64(len(changes)))
	for _, c := range changes {
		dst = append(dst, byte(c.Op))
		dst = binary.AppendUvarint(dst, c.Version)
		dst = binary.AppendUvarint(dst, uint64(len(c.Key)))
		dst = append(dst, c.Key...)
	}
	return dst
}

// ParseEntry reads a row of the change log. The entry keeps nothing of row.
func ParseEntry(seq storage.Seq, row []byte) (storage.Entry, error) {
	if len(row) < 2 || row[0] != 0 {
		return storage.Entry{}, ErrCorrupt
	}
	if row[1] != entryFormat {
		return storage.Entry{}, fmt.Errorf("entry of unknown format %d", row[1])
	}
	// One copy for all keys, which are views into it.
	src := append([]byte(nil), row[2:]...)
	ms, n := binary.Varint(src)
	if n <= 0 {
		return storage.Entry{}, ErrCorrupt
	}
	src = src[n:]
	count, n := binary.Uvarint(src)
	// A change takes three octets at least.
	if n <= 0 || count > uint64(len(src))/3 {
		return storage.Entry{}, ErrCorrupt
	}
	src = src[n:]
	e := storage.Entry{Seq: seq, Time: time.UnixMilli(ms).UTC(), Changes: make([]storage.Change, count)}
	for i := range e.Changes {
		c := &e.Changes[i]
		if len(src) == 0 {
			return storage.Entry{}, ErrCorrupt
		}
		c.Op, src = storage.Op(src[0]), src[1:]
		if c.Version, n = binary.Uvarint(src); n <= 0 {
			return storage.Entry{}, ErrCorrupt
		}
		src = src[n:]
		size, n := binary.Uvarint(src)
		if n <= 0 || size > uint64(len(src)-n) {
			return storage.Entry{}, ErrCorrupt
		}
		end := n + int(size)
		c.Key, src = src[n:end:end], src[end:]
	}
	if len(src) != 0 {
		return storage.Entry{}, ErrCorrupt
	}
	return e, nil
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
