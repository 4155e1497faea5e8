package dnsserver

import (
	"encoding/binary"
	"fmt"

	"github.com/miekg/dns"
)

const (
	maxMessage = 1<<16 - 1                   // octets of a message over TCP
	replySize  = 2<<16 + 2*(maxWire+fixedRR) // holds a message with one more record of any length
)

// packer writes replies. What it returns is good until its next.
type packer struct {
	buf   [replySize]byte
	off   int
	names map[string]int // where names have been written, to be pointed to
	count [3]int         // records in each section
	full  int            // octets of the reply without its OPT record if that has all there is to say, or 0
}

// pack writes the reply to q within limit octets: the question as it came, the records of r, and o if
// the query had an OPT record; last goes behind that if there is one. What does not fit is left out in
// the order that costs least: the texts of extended errors, additional records, then all records, which
// TC tells (RFC 2181, section 9). Over TCP, whose askers have no better way, the records that fit stay.
func (p *packer) pack(q *query, r *response, o *options, last dns.RR, limit int, tcp bool) ([]byte, error) {
	size := 0
	if q.opt.present {
		size = o.size()
	}
	fits, err := p.records(q, r, limit-size)
	if err == nil && !fits && q.opt.present && len(o.ede) > 0 {
		o.terse = true
		size = o.size()
		fits, err = p.records(q, r, limit-size)
	}
	if err != nil {
		return nil, err
	}
	p.full = 0
	if !fits && !tcp {
		p.begin(q)
	} else if fits && last == nil && len(r.extra) == p.count[2] {
		p.full = p.off
	}
	if q.opt.present {
		p.off = len(o.append(p.buf[:p.off]))
		p.count[2]++
	}
	if last != nil {
		if end, err := dns.PackRR(last, p.buf[:], p.off, nil, false); err == nil && end <= limit {
			p.off = end
			p.count[2]++
		}
	}
	flags := flagQR | q.flags&(opcodeMask|flagRD|flagCD) | uint16(r.rcode&0xf)
	if r.authoritative {
		flags |= flagAA
	}
	if !fits {
		flags |= flagTC
	}
	binary.BigEndian.PutUint16(p.buf[:], q.id)
	binary.BigEndian.PutUint16(p.buf[2:], flags)
	for i, n := range p.count {
		binary.BigEndian.PutUint16(p.buf[6+2*i:], uint16(n))
	}
	return p.buf[:p.off], nil
}

// begin starts a reply with the question.
func (p *packer) begin(q *query) {
	if p.names == nil {
		p.names = make(map[string]int)
	}
	clear(p.names)
	clear(p.count[:])
	clear(p.buf[:headerSize])
	p.off = headerSize + copy(p.buf[headerSize:], q.question)
	if q.question == nil {
		return
	}
	p.buf[5] = 1 // questions
	name, at := q.q.Name, headerSize
	for start, end := 0, false; !end && p.buf[at] != 0; start, end = dns.NextLabel(name, start) {
		p.names[name[start:]] = at
		at += 1 + int(p.buf[at])
	}
}

// records writes the records of r up to room octets. It reports whether nothing is missing that TC
// must tell: of additional records only those of a referral count (RFC 9471).
func (p *packer) records(q *query, r *response, room int) (fits bool, err error) {
	p.begin(q)
	for i, set := range [...][]dns.RR{r.answer, r.authority} {
		for _, rr := range set {
			if ok, err := p.add(i, rr, room); !ok {
				return false, err
			}
		}
	}
	referral := !r.authoritative && len(r.answer) == 0 && len(r.authority) > 0
	var begin, count int // of the set that a record belongs to
	for i, rr := range r.extra {
		if i == 0 || !sameSet(rr, r.extra[i-1]) {
			begin, count = p.off, p.count[2]
		}
		if ok, err := p.add(2, rr, room); !ok {
			p.off, p.count[2] = begin, count
			return !referral, err
		}
	}
	return p.off <= room, nil
}

func (p *packer) add(section int, rr dns.RR, room int) (ok bool, err error) {
	end, err := dns.PackRR(rr, p.buf[:], p.off, p.names, true)
	if err != nil {
		return false, fmt.Errorf("pack %s record of %s: %w", dns.Type(rr.Header().Rrtype), rr.Header().Name, err)
	}
	if end > room {
		return false, nil
	}
	p.off = end
	p.count[section]++
	return true, nil
}

func sameSet(a, b dns.RR) bool {
	return a.Header().Rrtype == b.Header().Rrtype && a.Header().Name == b.Header().Name
}
