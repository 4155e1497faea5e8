package dnsserver

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// MaxNSID is the most octets of Options.NSID, so that an answer without records always fits 512.
const MaxNSID = 128

const (
	minUDP = 512  // octets that every client takes (RFC 1035, section 2.3.4)
	maxUDP = 1232 // octets of an answer that no path cuts into fragments: IPv6's least MTU less its headers

	optRR     = 1 + fixedRR // octets of an OPT record without options
	optHeader = 4           // octets of an option's code and length
	flagDO    = 1 << 15
)

// opt is the OPT record of a query (RFC 6891).
type opt struct {
	present bool
	broken  bool // its options cannot be read
	version uint8
	size    uint16
	do      bool

	nsid      bool
	keepalive bool
	client    []byte // the client's cookie, nil without one
	server    []byte // the server cookie that it holds
}

// parse reads rr, an OPT record from its type on. Unknown options are passed over; of one that comes
// again the first counts.
func (o *opt) parse(rr []byte) {
	*o = opt{present: true, size: binary.BigEndian.Uint16(rr[2:]), version: rr[5], do: binary.BigEndian.Uint16(rr[6:])&flagDO != 0}
	for data := rr[fixedRR:]; len(data) > 0; {
		if len(data) < optHeader {
			o.broken = true
			return
		}
		n := int(binary.BigEndian.Uint16(data[2:]))
		if len(data) < optHeader+n {
			o.broken = true
			return
		}
		value := data[optHeader : optHeader+n]
		switch binary.BigEndian.Uint16(data) {
		case dns.EDNS0NSID:
			o.nsid = true
		case dns.EDNS0TCPKEEPALIVE:
			o.keepalive = true
		case dns.EDNS0COOKIE:
			switch {
			case n != clientCookie && (n < clientCookie+minServer || n > clientCookie+maxServer):
				o.broken = true // RFC 7873, section 5.2.2
			case o.client == nil:
				o.client, o.server = value[:clientCookie], value[clientCookie:]
			}
		}
		data = data[optHeader+n:]
	}
}

// limit is how many octets an answer over UDP may have.
func (o *opt) limit() int {
	if !o.present {
		return minUDP
	}
	return min(max(int(o.size), minUDP), maxUDP)
}

// options is what is told in the OPT record of an answer.
type options struct {
	rcode     int // whose upper bits stand there
	do        bool
	nsid      string
	cookie    []byte
	keepalive uint16 // in units of 100 ms; 0: not told (RFC 7828)
	ede       []dns.EDNS0_EDE
	terse     bool // the texts of ede are left out
}

// size is the octets of the record.
func (o *options) size() int {
	n := optRR
	if o.nsid != "" {
		n += optHeader + len(o.nsid)
	}
	if o.cookie != nil {
		n += optHeader + len(o.cookie)
	}
	if o.keepalive > 0 {
		n += optHeader + 2
	}
	for _, e := range o.ede {
		n += optHeader + 2
		if !o.terse {
			n += len(e.ExtraText)
		}
	}
	return n
}

// append appends the record to dst.
func (o *options) append(dst []byte) []byte {
	dst = append(dst, 0)
	dst = binary.BigEndian.AppendUint16(dst, dns.TypeOPT)
	dst = binary.BigEndian.AppendUint16(dst, maxUDP)
	dst = append(dst, byte(o.rcode>>4), 0)
	var flags uint16
	if o.do {
		flags = flagDO
	}
	dst = binary.BigEndian.AppendUint16(dst, flags)
	dst = binary.BigEndian.AppendUint16(dst, uint16(o.size()-optRR))
	begin := func(code, n int) {
		dst = binary.BigEndian.AppendUint16(dst, uint16(code))
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	}
	if o.nsid != "" {
		begin(dns.EDNS0NSID, len(o.nsid))
		dst = append(dst, o.nsid...)
	}
	if o.cookie != nil {
		begin(dns.EDNS0COOKIE, len(o.cookie))
		dst = append(dst, o.cookie...)
	}
	if o.keepalive > 0 {
		begin(dns.EDNS0TCPKEEPALIVE, 2)
		dst = binary.BigEndian.AppendUint16(dst, o.keepalive)
	}
	for _, e := range o.ede {
		text := e.ExtraText
		if o.terse {
			text = ""
		}
		begin(dns.EDNS0EDE, 2+len(text))
		dst = binary.BigEndian.AppendUint16(dst, e.InfoCode)
		dst = append(dst, text...)
	}
	return dst
}
