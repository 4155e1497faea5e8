package dnsserver

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

const (
	headerSize    = 12
	maxLabel      = 63
	pointer       = 0xc0 // the two bits that mark a compression pointer
	fixedRR       = 10   // octets of a record between its name and its data
	fixedQuestion = 4    // octets of a question behind its name
)

// Bits of the header's flags (RFC 1035, section 4.1.1; RFC 4035, section 3.1.6 for CD).
const (
	flagQR = 1 << 15
	flagAA = 1 << 10
	flagTC = 1 << 9
	flagRD = 1 << 8
	flagCD = 1 << 4

	opcodeShift = 11
	opcodeMask  = 0xf << opcodeShift
)

// query is what is read of a message. Its slices are the message's.
type query struct {
	id    uint16
	flags uint16

	question []byte // as it came, or nil: told back to the octet
	q        dns.Question
	opt      opt
	tsig     int // where a TSIG record begins, or 0
}

func (q *query) opcode() int { return int(q.flags & opcodeMask >> opcodeShift) }

// parse reads msg, which has a whole header, into q. It returns FORMERR or BADVERS for what is not to be
// answered; q has what was read up to there. Of records other than OPT only the bounds are read.
func (q *query) parse(msg []byte) (rcode int) {
	*q = query{id: binary.BigEndian.Uint16(msg), flags: binary.BigEndian.Uint16(msg[2:])}
	questions := binary.BigEndian.Uint16(msg[4:])
	off := headerSize
	switch questions {
	case 0:
	case 1:
		end := questionName(msg)
		if end < 0 || end+fixedQuestion > len(msg) {
			return dns.RcodeFormatError
		}
		name, _, err := dns.UnpackDomainName(msg, headerSize)
		if err != nil {
			return dns.RcodeFormatError
		}
		off = end + fixedQuestion
		q.question = msg[headerSize:off]
		q.q = dns.Question{Name: name, Qtype: binary.BigEndian.Uint16(msg[end:]), Qclass: binary.BigEndian.Uint16(msg[end+2:])}
	default:
		return dns.RcodeFormatError
	}
	for section := 6; section < headerSize; section += 2 {
		n := int(binary.BigEndian.Uint16(msg[section:]))
		for i := range n {
			if off = q.record(msg, off, section == 10, i == n-1); off < 0 {
				return dns.RcodeFormatError
			}
		}
	}
	switch {
	case off != len(msg):
		return dns.RcodeFormatError
	case q.opt.present && q.opt.version > 0:
		return dns.RcodeBadVers
	case q.opt.broken:
		return dns.RcodeFormatError
	case questions == 0 && q.opcode() == dns.OpcodeQuery && q.opt.client == nil:
		return dns.RcodeFormatError // RFC 7873, section 5.4 allows it for the sake of a cookie alone
	}
	return dns.RcodeSuccess
}

// record reads the record at off and returns where it ends, or -1.
func (q *query) record(msg []byte, off int, additional, last bool) int {
	at := skipName(msg, off)
	if at < 0 || at+fixedRR > len(msg) {
		return -1
	}
	end := at + fixedRR + int(binary.BigEndian.Uint16(msg[at+8:]))
	if end > len(msg) {
		return -1
	}
	switch binary.BigEndian.Uint16(msg[at:]) {
	case dns.TypeOPT:
		if !additional || q.opt.present || at != off+1 {
			return -1 // RFC 6891, section 6.1.1
		}
		q.opt.parse(msg[at:end])
	case dns.TypeTSIG:
		if !additional || !last {
			return -1 // RFC 8945, section 5.1
		}
		q.tsig = off
	}
	return end
}

// questionName returns where the name of the first question ends, or -1. There is nothing before
// it that it could point to.
func questionName(msg []byte) int {
	for off := headerSize; off < len(msg); off += 1 + int(msg[off]) {
		switch {
		case msg[off] == 0:
			if off+1-headerSize > maxWire {
				return -1
			}
			return off + 1
		case msg[off] > maxLabel:
			return -1
		}
	}
	return -1
}

// skipName returns where the name at off ends in place, or -1 if it is none: each pointer has to
// lead to before the labels that it ends.
func skipName(msg []byte, off int) int {
	end, begin, length := -1, off, 1
	for off < len(msg) {
		switch c := int(msg[off]); {
		case c == 0:
			if end < 0 {
				end = off + 1
			}
			return end
		case c <= maxLabel:
			off += 1 + c
			if length += 1 + c; length > maxWire {
				return -1
			}
		case c >= pointer && off+1 < len(msg):
			if end < 0 {
				end = off + 2
			}
			off = (c&^pointer)<<8 | int(msg[off+1])
			if off < headerSize || off >= begin {
				return -1
			}
			begin = off
		default:
			return -1
		}
	}
	return -1
}
