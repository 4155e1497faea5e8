package dnsserver

import (
	"context"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// maxHops bounds how many aliases are followed within the zones for one question.
const maxHops = 12

const maxWire = 255 // octets of a name in a message (RFC 1035, section 2.3.4)

// answer decides the reply to q.
func (z *zones) answer(ctx context.Context, q dns.Question, scratch *resolver.Scratch) response {
	if q.Qclass == dns.ClassCHAOS {
		return z.describe(q)
	}
	r := response{op: opOf(q.Qtype)}
	if q.Qclass != dns.ClassINET || q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
		r.rcode = dns.RcodeRefused
		r.ede = extended(dns.ExtendedErrorCodeProhibited, "")
		return r
	}
	name := q.Name
	for hop := range maxHops {
		o := newOwner(name)
		p := z.find(o)
		p.scratch = scratch
		if p.apex == nil {
			if hop == 0 {
				r.rcode, r.status = dns.RcodeRefused, resolver.NotResponsible
				r.ede = extended(dns.ExtendedErrorCodeNotAuthoritative, "")
			}
			return r
		}
		if hop == 0 {
			r.authoritative = true
		}
		n := z.node(ctx, o, p)
		r.scheme, r.status, r.tier, r.ede = n.scheme, n.status, n.tier, n.ede
		next, set := n.redirect(z, o, q.Qtype)
		if next == "" {
			z.finish(&r, n, o, p, q.Qtype, hop)
			if hop == 0 {
				r.stamp = n.stamp
			}
			return r
		}
		r.answer = append(r.answer, set...)
		if _, ok := dns.IsDomainName(next); !ok || newOwner(next).wireLength() > maxWire {
			r.answer = r.answer[:len(r.answer)-1] // the CNAME that cannot be
			r.rcode = dns.RcodeYXDomain           // RFC 6672, section 2.2
			return r
		}
		if q.Qtype == dns.TypeCNAME || q.Qtype == dns.TypeANY || isTarget(r.answer, next) {
			return r
		}
		name = next
	}
	return r
}

// isTarget reports whether a record of set is that of name: following it would go in a circle.
func isTarget(set []dns.RR, name string) bool {
	return slices.ContainsFunc(set, func(rr dns.RR) bool {
		return rr.Header().Rrtype == dns.TypeCNAME && strings.EqualFold(rr.Header().Name, name)
	})
}

// finish answers with what is at n itself.
func (z *zones) finish(r *response, n node, o owner, p place, typ uint16, hop int) {
	switch {
	case n.rcode == dns.RcodeServerFailure:
		*r = response{rcode: n.rcode, ede: r.ede, scheme: r.scheme, status: r.status, tier: r.tier, op: r.op}
		return
	case n.refers(typ):
		if hop == 0 {
			r.authoritative = false
		}
		cut := o.above(n.skip)
		target := serviceTarget(cut)
		ttl := z.serviceTTL()
		r.authority = append(r.authority, &dns.NS{Hdr: header(cut.text, dns.TypeNS, ttl), Ns: target})
		r.extra = append(r.extra, bothAddresses(target, ttl, n.service.IP)...)
		return
	}
	var set, extra []dns.RR
	switch {
	case n.exists && typ == dns.TypeANY:
		set = []dns.RR{hinfo(o.text, z.maxTTL)}
	case n.exists && n.rrs != nil:
		set, extra = n.rrs(typ, o.text)
	}
	r.answer, r.extra = append(r.answer, set...), append(r.extra, extra...)
	if len(set) > 0 {
		return
	}
	if !n.exists {
		r.rcode = dns.RcodeNameError
	}
	r.authority = append(r.authority, z.soa(p.apex, o.above(len(o.labels)-len(p.apex.labels)).text))
}

// opOf names the kind of a question in metrics.
func opOf(typ uint16) string {
	switch typ {
	case dns.TypeNAPTR:
		return "naptr"
	case dns.TypeURI:
		return "uri"
	case dns.TypeTXT:
		return "txt"
	case dns.TypeSVCB, dns.TypeHTTPS, dns.TypeSRV, dns.TypeCNAME, dns.TypeDNAME,
		dns.TypeSOA, dns.TypeNS, dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeAXFR, dns.TypeIXFR:
		return strings.ToLower(dns.TypeToString[typ])
	}
	return "other"
}

// node is what there is at a name.
type node struct {
	exists bool // or a name below it does
	rcode  int  // SERVFAIL if it cannot be told
	ede    []dns.EDNS0_EDE
	scheme identifier.Scheme
	status resolver.Status
	tier   resolver.Tier

	// rrs makes the records of a type for the name, and what to add to them.
	rrs func(typ uint16, name string) (set, extra []dns.RR)

	cname *alias    // instead of all records
	dname *oidAlias // for the name, if it skips no label, or for one above it

	// service is where the names from the one on that skips skip labels are answered.
	service *identifier.Service
	skip    int

	record *record // the values, if it is the name of an identifier

	stamp resolver.Stamp // of what is at the name, if that does not change by itself
}

// alias is what an HS_ALIAS value says.
type alias struct {
	target string
	ttl    uint32
}

// refers reports whether a question of type typ is for the nameserver of a delegation. At the cut
// itself the DS record is the parent's (RFC 4035, section 3.1.4.1), which has none, and so are the
// records that tell the service: who has been sent here for a namespace learns its address at once.
func (n *node) refers(typ uint16) bool {
	if n.service == nil || n.service.DNS == 0 {
		return false
	}
	switch typ {
	case dns.TypeDS, dns.TypeSRV, dns.TypeSVCB, dns.TypeHTTPS:
		return n.skip > 0
	}
	return true
}

// redirect returns the name that n leads to and the records that say so.
func (n *node) redirect(z *zones, o owner, typ uint16) (next string, set []dns.RR) {
	switch {
	case n.dname != nil && n.dname.skip > 0:
		from := o.above(n.dname.skip)
		next = o.text[:o.starts[n.dname.skip]] + n.dname.target
		set = []dns.RR{&dns.DNAME{Hdr: header(from.text, dns.TypeDNAME, z.maxTTL), Target: n.dname.target},
			&dns.CNAME{Hdr: header(o.text, dns.TypeCNAME, z.maxTTL), Target: next}}
	case n.cname != nil && n.dname == nil:
		next = n.cname.target
		set = []dns.RR{&dns.CNAME{Hdr: header(o.text, dns.TypeCNAME, n.cname.ttl), Target: next}}
	}
	return next, set
}
