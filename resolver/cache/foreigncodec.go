package cache

import (
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// The form of an answer in Redis, format 1. A text is its length as uvarint and its octets; a time is milliseconds since 1970
// as varint.
//
//	3 octets "iF" and 1, the format
//	8 octets xxhash of the slot it is for and of all that follows, big-endian
//	text     the epoch in which it was asked for
//	time     when it was said
//	time     when it is to be asked for again
//	octet    status, one of statusLetters
//	text     reason
//	uvarint  1 + version of the record; 0 and nothing more if there is no record
//	the rest is the binary form of the record, see identifier.AppendRecord
const (
	foreignMagic  = "iF\x01"
	foreignHeader = len(foreignMagic) + 8
	foreignMost   = 1 << 20 // octets; what is larger is not shared
)

// statusLetters stand for the statuses that may be kept.
var statusLetters = map[resolver.Status]byte{
	resolver.Found: 'f', resolver.Revoked: 'r', resolver.NotFound: 'n', resolver.Suspended: 's', resolver.NotResponsible: 'x',
}

// errGarbage says that what is in Redis is no answer for that slot that this version of the program can read.
var errGarbage = errors.New("garbage in the shared cache")

// appendForeign appends f in its form for at to dst.
func appendForeign(dst []byte, at *slot, epoch string, f *resolver.Foreign) []byte {
	begin := len(dst)
	dst = append(dst, foreignMagic...)
	dst = append(dst, make([]byte, 8)...)
	dst = appendText(dst, epoch)
	dst = binary.AppendVarint(dst, f.Fetched.UnixMilli())
	dst = binary.AppendVarint(dst, f.Expires.UnixMilli())
	dst = append(dst, statusLetters[f.Status])
	dst = appendText(dst, f.Reason)
	if f.Record == nil {
		dst = append(dst, 0)
	} else {
		dst = binary.AppendUvarint(dst, f.Record.Version+1)
		dst = identifier.AppendRecord(dst, f.Record)
	}
	sum := checksum(at, dst[begin+foreignHeader:])
	binary.BigEndian.PutUint64(dst[begin+len(foreignMagic):], sum)
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// checksum binds what is in Redis to the slot it was written for.
func checksum(at *slot, payload []byte) uint64 {
	var b [256]byte
	d := xxhash.New()
	d.Write(append(appendText(append(b[:0], byte(at.key.Scheme)), at.key.Name), at.suffix...))
	d.Write(appendService(b[:0], &at.from))
	d.Write(payload)
	return d.Sum64()
}

func appendService(dst []byte, s *identifier.Service) []byte {
	dst = append(dst, 0)
	if s.IP.IsValid() {
		dst = s.IP.AppendTo(dst)
	}
	for _, port := range []uint16{s.UDP, s.TCP, s.HTTP, s.DNS} {
		dst = strconv.AppendUint(append(dst, ','), uint64(port), 10)
	}
	return dst
}

// parseForeign reads what appendForeign wrote for at. The answer consists of parts of src, which must never
// change. The error is errGarbage.
func parseForeign(src []byte, at *slot) (f *resolver.Foreign, epoch string, err error) {
	if len(src) < foreignHeader || string(src[:len(foreignMagic)]) != foreignMagic {
		return nil, "", errGarbage
	}
	rest := src[foreignHeader:]
	if binary.BigEndian.Uint64(src[len(foreignMagic):]) != checksum(at, rest) {
		return nil, "", errGarbage
	}
	text := func() string {
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			rest, err = nil, errGarbage
			return ""
		}
		s := string(rest[used : used+int(n)])
		rest = rest[used+int(n):]
		return s
	}
	moment := func() time.Time {
		ms, used := binary.Varint(rest)
		if used <= 0 {
			rest, err = nil, errGarbage
			return time.Time{}
		}
		rest = rest[used:]
		return time.UnixMilli(ms)
	}
	f = new(resolver.Foreign)
	epoch, f.Fetched, f.Expires = text(), moment(), moment()
	if len(rest) == 0 {
		return nil, "", errGarbage
	}
	for status, letter := range statusLetters {
		if letter == rest[0] {
			f.Status = status
		}
	}
	rest = rest[1:]
	f.Reason = text()
	version, used := binary.Uvarint(rest)
	if err != nil || used <= 0 || f.Status == 0 {
		return nil, "", errGarbage
	}
	rest = rest[used:]
	if version == 0 {
		if len(rest) > 0 || f.Status == resolver.Found {
			return nil, "", errGarbage
		}
		return f, epoch, nil
	}
	if f.Record, err = identifier.DecodeRecord(rest); err != nil {
		return nil, "", errGarbage
	}
	f.Record.Version = version - 1
	return f, epoch, nil
}
