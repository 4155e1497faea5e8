package dnsserver

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
)

// Replies are kept whole, as they are sent but for what differs from one asker to another: the id, the
// flags that are repeated, the letters of the name asked for and the OPT record. All names that
// are the one asked for, or end it, are pointers to the question. Kept are replies that say all there
// is to say in any message that has room for it.

// keyDNS begins the keys of this front end in the cache of answers.
const keyDNS = 'd'

// maxKey is the octets of a key: the front end, the name, type and class.
const maxKey = 1 + maxWire + fixedQuestion

// plain reads msg, which has a whole header, into x.query if it is a query like most: one question
// and nothing else but an OPT record without what is wrong. It sets x.key to what replies to it are kept under.
// Names and questions are not taken apart: x.query.q is not set.
func (x *exchange) plain(msg []byte) bool {
	x.key = x.key[:0]
	q := &x.query
	q.id, q.flags = binary.BigEndian.Uint16(msg), binary.BigEndian.Uint16(msg[2:])
	if q.flags&(flagQR|opcodeMask) != 0 || binary.BigEndian.Uint64(msg[4:])&^1 != 1<<48 {
		return false
	}
	key := append(x.keyRoom[:0], keyDNS)
	off := headerSize
	for {
		if off >= len(msg) || msg[off] > maxLabel {
			return false
		}
		n := int(msg[off])
		end := off + 1 + n
		if end+fixedQuestion > len(msg) || end-headerSize > maxWire {
			return false
		}
		if n == 0 {
			off = end
			break
		}
		key = append(key, byte(n))
		for _, c := range msg[off+1 : end] {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			key = append(key, c)
		}
		off = end
	}
	key = append(key, msg[off:off+fixedQuestion]...)
	off += fixedQuestion
	q.question = msg[headerSize:off]
	q.opt = opt{}
	if msg[11] == 1 {
		rr := msg[off:]
		if len(rr) < optRR || rr[0] != 0 || binary.BigEndian.Uint16(rr[1:]) != dns.TypeOPT ||
			len(rr) != optRR+int(binary.BigEndian.Uint16(rr[9:])) {
			return false
		}
		q.opt.parse(rr[1:])
		if off = len(msg); q.opt.broken || q.opt.version > 0 {
			return false
		}
	}
	if off != len(msg) {
		return false
	}
	x.key = key
	return true
}

// kept appends the kept reply to msg to dst, if there is one that this asker can be given.
func (x *exchange) kept(dst, msg []byte, from netip.Addr) (out []byte, ok bool) {
	if !x.plain(msg) {
		return dst, false
	}
	x.bake(from)
	a, ok := x.s.o.Answers.Get(x.key)
	if !ok {
		return dst, false
	}
	size := len(a.Octets)
	if x.r = (response{}); x.query.opt.present {
		x.opt = x.options()
		size += x.opt.size()
	}
	if size > x.limit() {
		return dst, false
	}
	begin := len(dst)
	dst = append(dst, a.Octets...)
	reply := dst[begin:]
	binary.BigEndian.PutUint16(reply, x.query.id)
	flags := binary.BigEndian.Uint16(reply[2:]) | x.query.flags&(flagRD|flagCD)
	binary.BigEndian.PutUint16(reply[2:], flags)
	copy(reply[headerSize:], x.query.question)
	if x.query.opt.present {
		binary.BigEndian.PutUint16(reply[10:], binary.BigEndian.Uint16(reply[10:])+1)
		dst = x.opt.append(dst)
	}
	x.outcome = a.Outcome
	x.note(from, 0)
	return dst, true
}

// keep keeps full, the reply that x.r is without its OPT record, if it is one to keep.
func (x *exchange) keep(full []byte) {
	if len(x.key) == 0 || len(full) == 0 || x.r.ede != nil || x.r.rcode != dns.RcodeSuccess && x.r.rcode != dns.RcodeNameError ||
		!x.s.o.Resolver.Current(x.r.stamp) || !x.s.o.Answers.Admit(x.key) {
		return
	}
	octets := append(x.keepRoom[:0], full...)
	x.keepRoom = octets
	flags := binary.BigEndian.Uint16(octets[2:]) &^ (flagRD | flagCD)
	binary.BigEndian.PutUint16(octets[2:], flags)
	if x.query.opt.present {
		binary.BigEndian.PutUint16(octets[10:], binary.BigEndian.Uint16(octets[10:])-1)
	}
	outcome := x.outcome
	if outcome.Tier == resolver.TierStore {
		outcome.Tier = resolver.TierLRU
	}
	x.s.o.Answers.Put(x.key, cache.Answer{Octets: octets, Outcome: outcome, Stamp: x.r.stamp})
}

// keepalive is what TCP clients that ask are told of how long a connection may be idle, in units of 100 ms (RFC 7828).
func (o *Options) keepalive() uint16 {
	return uint16(min(o.IdleTimeout/(100*time.Millisecond), 1<<16-1))
}
