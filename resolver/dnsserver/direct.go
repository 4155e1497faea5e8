package dnsserver

import (
	"context"
	"encoding/binary"
	"unsafe"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// Most questions that no reply is kept for are for the NAPTR, URI or TXT records of a Handle or an OID
// that has them. Those are answered here, without allocating anything, in the octets that answer would
// write; all others are left to answer.

// maxDirect is how many records of a set are written here.
const maxDirect = 16

// direct appends the reply to the query that plain has read to dst, or reports false.
func (x *exchange) direct(ctx context.Context, dst []byte) (out []byte, ok bool) {
	if len(x.key) == 0 {
		return dst, false
	}
	end := len(x.key) - fixedQuestion
	typ, class := binary.BigEndian.Uint16(x.key[end:]), binary.BigEndian.Uint16(x.key[end+2:])
	if class != dns.ClassINET || typ != dns.TypeNAPTR && typ != dns.TypeURI && typ != dns.TypeTXT {
		return dst, false
	}
	z := x.s.zones
	id, ors, ok := x.identify(x.key[1:end])
	if !ok {
		return dst, false
	}
	a := z.resolver.Resolve(ctx, resolver.Query{ID: id, Scratch: &x.scratch})
	if a.Status != resolver.Found || a.Namespace == nil || a.Namespace.Mode == identifier.Delegated || !x.publish(&a) {
		return dst, false
	}
	begin := len(dst)
	dst = append(dst, make([]byte, headerSize)...)
	dst = append(dst, x.query.question...)
	r := record{id: id, values: x.values, ors: ors}
	dst, n, ok := z.appendSet(dst, typ, &r, &x.text)
	if !ok || n == 0 {
		return dst[:begin], false
	}
	x.r = response{scheme: id.Scheme(), status: a.Status, tier: a.Tier, op: opOf(typ), stamp: a.Stamp, authoritative: true}
	x.outcome = x.count()
	head := dst[begin:]
	binary.BigEndian.PutUint16(head, x.query.id)
	binary.BigEndian.PutUint16(head[2:], flagQR|flagAA|x.query.flags&(flagRD|flagCD))
	binary.BigEndian.PutUint16(head[4:], 1)
	binary.BigEndian.PutUint16(head[6:], uint16(n))
	full := len(head)
	if x.query.opt.present {
		binary.BigEndian.PutUint16(head[10:], 1)
		x.opt = x.options()
		if full+x.opt.size() > x.limit() {
			return dst[:begin], false
		}
		dst = x.opt.append(dst)
	} else if full > x.limit() {
		return dst[:begin], false
	}
	x.keep(dst[begin : begin+full])
	return dst, true
}

// identify reads the identifier that wire, a name in lower case without its last octet, stands for.
// It is good until the next.
func (x *exchange) identify(wire []byte) (id identifier.ID, ors, ok bool) {
	labels := x.labels[:0]
	for len(wire) > 0 {
		n := int(wire[0])
		labels = append(labels, unsafe.String(&wire[1], n)) // of keyRoom, which stays as it is until the next
		wire = wire[1+n:]
	}
	x.labels = labels
	z := x.s.zones
	o := owner{labels: labels}
	p := z.find(o)
	if p.apex == nil || p.n == 0 || labels[0][0] == '_' {
		return id, false, false
	}
	for i := range z.hosts {
		if o.is(z.hosts[i]) {
			return id, false, false
		}
	}
	scheme := identifier.Handle
	if p.ors != nil {
		scheme = identifier.OID
		x.name, ok = dnsname.AppendOID(x.name[:0], labels[:p.n])
	} else {
		x.name, ok = dnsname.AppendHandle(x.name[:0], labels[:p.n])
	}
	if !ok {
		return id, false, false
	}
	id, ok = dnsname.ParseText(scheme, unsafe.String(&x.name[0], len(x.name)))
	return id, p.ors != nil, ok
}

// publish sets x.values to the values of a that everyone may read. It reports false if one may lead
// elsewhere, and sees to it that nothing is kept that changes with time.
func (x *exchange) publish(a *resolver.Answer) bool {
	x.values = x.values[:0]
	for i := range a.Record.Values {
		v := &a.Record.Values[i]
		if !v.Public() {
			continue
		}
		if identifier.EqualFoldASCII(v.Type, "HS_ALIAS") {
			return false
		}
		if v.TTLType == identifier.Absolute {
			a.Stamp = resolver.Stamp{}
		}
		x.values = append(x.values, v)
	}
	return true
}

// appendSet appends the records of r of type typ, whose name is the question's, and returns how many
// there are. text is memory for what is made of a value. It reports false if there are too many.
func (z *zones) appendSet(dst []byte, typ uint16, r *record, text *[]byte) (_ []byte, n int, ok bool) {
	var ends [maxDirect]int // of each record's TTL
	least := z.maxTTL
	begin := func() bool {
		if n == maxDirect {
			return false
		}
		dst = append(dst, pointer, headerSize)
		dst = binary.BigEndian.AppendUint16(dst, typ)
		dst = append(dst, 0, dns.ClassINET, 0, 0, 0, 0)
		ends[n] = len(dst)
		dst = append(dst, 0, 0) // the data's length
		return true
	}
	finish := func(ttl uint32) {
		at := ends[n]
		binary.BigEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
		least = min(least, ttl)
		n++
	}
	ok = true
	switch typ {
	case dns.TypeNAPTR:
		last := 0
		add := func(position int, ttl uint32, v *identifier.Value) {
			last = position
			start := len(dst)
			if ok = ok && begin(); !ok {
				return
			}
			dst = binary.BigEndian.AppendUint16(dst, naptrOrder)
			dst = binary.BigEndian.AppendUint16(dst, preference(position))
			dst = append(append(dst, byte(len(naptrFlags))), naptrFlags...)
			at := len(dst)
			if dst = append(dst, 0); v != nil {
				dst = r.appendService(dst, v)
			} else {
				dst = append(dst, naptrCOID...)
			}
			dst[at] = byte(len(dst) - at - 1)
			at = len(dst)
			var fits bool
			if dst, fits = appendSubstitution(append(dst, 0), *text); !fits {
				dst = dst[:start] // it is told in no NAPTR record
				return
			}
			dst[at] = byte(len(dst) - at - 1)
			dst = append(dst, 0) // no replacement
			finish(ttl)
		}
		r.urls(func(position int, v *identifier.Value) {
			*text = appendURI((*text)[:0], v.Data)
			add(position, z.ttl(v), v)
		})
		if r.ors {
			*text = append((*text)[:0], r.id.URN()...)
			add(last+1, min(z.maxTTL, identifier.DefaultTTL), nil)
		}
	case dns.TypeURI:
		r.urls(func(position int, v *identifier.Value) {
			if ok = ok && begin(); !ok {
				return
			}
			dst = binary.BigEndian.AppendUint16(dst, preference(position))
			dst = binary.BigEndian.AppendUint16(dst, uriWeight)
			dst = appendURI(dst, v.Data)
			finish(z.ttl(v))
		})
	case dns.TypeTXT:
		for _, v := range r.values {
			var is bool
			if *text, is = appendText((*text)[:0], v); !is {
				continue
			}
			if ok = ok && begin(); !ok {
				break
			}
			for rest := *text; ; {
				k := min(len(rest), maxString)
				dst = append(append(dst, byte(k)), rest[:k]...)
				if rest = rest[k:]; len(rest) == 0 {
					break
				}
			}
			finish(z.ttl(v))
		}
	}
	for _, at := range ends[:n] {
		binary.BigEndian.PutUint32(dst[at-4:], least)
	}
	return dst, n, ok && len(dst) <= maxMessage
}
