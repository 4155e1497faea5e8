// Package corpus makes the identifiers, records and choices that benchmarks and load generators
// work with. All of it follows from its arguments: one seed gives the same octets on every machine.
package corpus

import (
	"io"
	"strconv"

	"github.com/idnode/idnode/proto/identifier"
)

// Names are the identifiers of one namespace, numbered from 0.
type Names struct {
	scheme identifier.Scheme
	head   string
	digits int
}

// Serials are Handles that end in a serial number of ten digits, or more where ten do not hold it:
// "88.1021.150/SN-0000000042".
func Serials(prefix string) Names {
	return Names{scheme: identifier.Handle, head: prefix + "/SN-", digits: 10}
}

// Arcs are the OIDs below an arc: "1.2.156.10001.7.42".
func Arcs(arc string) Names {
	return Names{scheme: identifier.OID, head: arc + "."}
}

// Append appends name i to dst.
func (n Names) Append(dst []byte, i uint64) []byte {
	dst = append(dst, n.head...)
	var digits [20]byte
	number := strconv.AppendUint(digits[:0], i, 10)
	for range n.digits - len(number) {
		dst = append(dst, '0')
	}
	return append(dst, number...)
}

// At is name i.
func (n Names) At(i uint64) string {
	var buf [64]byte
	return string(n.Append(buf[:0], i))
}

// Corpus is an endless row of records, numbered as its names are. A record has three values, as
// one piece of a product has: where to read of it, its model, its batch. With a Handle's name it is
// answered in one datagram.
type Corpus struct {
	Names Names
	Seed  uint64
}

// Record is record i, without state, times and version: those are the node's to set.
func (c Corpus) Record(i uint64) *identifier.Record {
	name := c.Names.At(i)
	h := mix(c.Seed ^ mix(i))
	model := strconv.AppendUint([]byte("VTX-"), 1000+h%64, 10)
	batch := strconv.AppendUint([]byte("2026-W"), 10+h>>8%40, 10)
	batch = strconv.AppendUint(append(batch, '-'), h>>16%1_000_000, 10)
	return &identifier.Record{Scheme: c.Names.scheme, ID: name, Values: []identifier.Value{
		value(1, "URL", append([]byte("https://trace.example.com/"), name...)),
		value(2, "MODEL", model),
		value(3, "BATCH", batch),
	}}
}

func value(index uint32, typ string, data []byte) identifier.Value {
	return identifier.Value{Index: index, Type: typ, Data: data, TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
}

// AppendJSON appends record i in its interchange form, without a line's end.
func (c Corpus) AppendJSON(dst []byte, i uint64) []byte {
	return identifier.AppendRecordJSON(dst, c.Record(i))
}

// NDJSON reads as count records from first on, one a line. It makes them as they are read.
func (c Corpus) NDJSON(first, count uint64) io.Reader {
	return &lines{c: c, next: first, end: first + count}
}

// WriteNDJSON writes count records from first on to w, one a line.
func (c Corpus) WriteNDJSON(w io.Writer, first, count uint64) error {
	_, err := io.Copy(w, c.NDJSON(first, count))
	return err
}

// lines makes NDJSON in pieces of chunk octets.
type lines struct {
	c         Corpus
	next, end uint64
	buf       []byte
	rest      []byte // of buf, to be read
}

const chunk = 64 << 10

// Read implements io.Reader.
func (l *lines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		l.buf = l.buf[:0]
		for l.next < l.end && len(l.buf) < chunk {
			l.buf = append(l.c.AppendJSON(l.buf, l.next), '\n')
			l.next++
		}
		if l.rest = l.buf; len(l.rest) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// mix spreads the bits of x (splitmix64's finalizer).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
