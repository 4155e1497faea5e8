// Package dnsload asks a server of the DNS for the NAPTR records of a corpus's identifiers.
package dnsload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/bench/corpus"
	"github.com/idnode/idnode/bench/internal/drive"
	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/identifier"
)

// Zone is the zone asked in, which is a node's default.
const Zone = "id.example"

// Options say what is asked and what the answers must be.
type Options struct {
	Names   corpus.Names
	Unknown bool // the names are of no records: NXDOMAIN is the good answer
	EDNS    bool // queries have an OPT record (RFC 6891)
}

// Front is the front end at addr over network, "udp" or "tcp".
func (o Options) Front(network, addr string) drive.Front {
	return drive.Front{Name: "DNS " + strings.ToUpper(network), Network: network, Addr: addr, ShortIDs: true,
		Codec: func() drive.Codec { return &codec{Options: o, stream: network == "tcp"} }}
}

// Owner is the name of identifier i in the zone, with the last dot.
func Owner(names corpus.Names, i uint64) (string, error) {
	id, err := identifier.Parse(names.At(i))
	if err != nil {
		return "", err
	}
	return dnsname.In(id, false, Zone, "oid."+Zone)
}

// codec implements [drive.Codec].
type codec struct {
	Options
	stream bool // messages have their length in front (RFC 1035, section 4.2.2)
}

const (
	headerSize = 12 // RFC 1035, section 4.1.1
	typeNAPTR  = 35 // RFC 3403, section 4.1
	classIN    = 1
	ednsSize   = 1232 // octets of an answer; what resolvers tell since 2020
)

func (c *codec) Preface() []byte { return nil }

func (c *codec) Append(dst []byte, id uint32, pick corpus.Picker) []byte {
	name, err := Owner(c.Names, pick())
	if err != nil {
		panic(err) // all names of a corpus are identifiers
	}
	begin := len(dst)
	if c.stream {
		dst = append(dst, 0, 0)
	}
	arcount := byte(0)
	if c.EDNS {
		arcount = 1
	}
	dst = append(dst, byte(id>>8), byte(id), 0, 0, 0, 1, 0, 0, 0, 0, 0, arcount)
	for label := range strings.SplitSeq(name, ".") { // the last is the root's
		dst = append(append(dst, byte(len(label))), label...)
	}
	dst = append(dst, 0, typeNAPTR, 0, classIN)
	if c.EDNS {
		dst = append(dst, 0, 0, byte(dns.TypeOPT), ednsSize>>8, ednsSize&0xff, 0, 0, 0, 0, 0, 0)
	}
	if c.stream {
		binary.BigEndian.PutUint16(dst[begin:], uint16(len(dst)-begin-2))
	}
	return dst
}

func (c *codec) Frame(head []byte) (int, error) {
	if len(head) < 2 {
		return 0, nil
	}
	return 2 + int(binary.BigEndian.Uint16(head)), nil
}

var errNoAnswer = errors.New("no DNS answer")

// Answer looks at the header: id, QR, RCODE and ANCOUNT.
func (c *codec) Answer(message []byte) (id uint32, _ []byte, err error) {
	if c.stream {
		message = message[2:]
	}
	if len(message) < headerSize {
		return 0, nil, errNoAnswer
	}
	id = 1<<16 | uint32(binary.BigEndian.Uint16(message)) // never 0; see ShortIDs
	rcode, count := int(message[3]&0xf), binary.BigEndian.Uint16(message[6:])
	switch {
	case message[2]&0x80 == 0:
		err = errNoAnswer
	case c.Unknown && rcode != dns.RcodeNameError, !c.Unknown && (rcode != dns.RcodeSuccess || count == 0):
		err = fmt.Errorf("%s with %d records", dns.RcodeToString[rcode], count)
	}
	return id, nil, err
}

// Answers asks the server at addr once over UDP, for the NAPTR records of identifier i, and returns what it
// says in a form to compare, and how long the answer is on the wire.
func Answers(addr string, names corpus.Names, i uint64) (text string, length int, err error) {
	c := codec{Options: Options{Names: names}}
	conn, err := dns.DialTimeout("udp", addr, 5*time.Second)
	if err != nil {
		return "", 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", 0, err
	}
	if _, err := conn.Conn.Write(c.Append(nil, 1, func() uint64 { return i })); err != nil {
		return "", 0, err
	}
	packed := make([]byte, 4096)
	n, err := conn.Conn.Read(packed)
	if err != nil {
		return "", 0, err
	}
	var m dns.Msg
	if err := m.Unpack(packed[:n]); err != nil {
		return "", 0, err
	}
	text = dns.RcodeToString[m.Rcode]
	for _, rr := range m.Answer {
		text += "\n" + rr.String()
	}
	return text, n, nil
}
