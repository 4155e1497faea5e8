package dnsserver

import (
	"slices"

	"github.com/miekg/dns"
)

// apex is the top of a zone.
type apex struct {
	owner       // canonical, with the last dot
	nameservers []string
	hostmaster  string
	ors         bool // a suffix of the OID resolution system outside the zones asked for
}

// The times of an SOA record that only secondary servers heed, of which there are none: zones are
// not transferred.
const (
	soaRefresh = 7200
	soaRetry   = 900
	soaExpire  = 1209600
)

// soa makes the SOA record of a's zone for name, which is a's in whichever letters. Its own TTL is the
// negative one, which bounds what negative answers are kept for (RFC 2308, section 5).
func (z *zones) soa(a *apex, name string) dns.RR {
	return &dns.SOA{Hdr: header(name, dns.TypeSOA, z.negativeTTL), Ns: a.nameservers[0], Mbox: a.hostmaster,
		Serial: z.serial(), Refresh: soaRefresh, Retry: soaRetry, Expire: soaExpire, Minttl: z.negativeTTL}
}

// top is the node at a itself, which may be a nameserver, too.
func (z *zones) top(a *apex) node {
	host := z.isHost(a.text)
	return node{exists: true, stamp: z.resolver.Stamp(), rrs: func(typ uint16, name string) (set, extra []dns.RR) {
		switch typ {
		case dns.TypeSOA:
			return []dns.RR{z.soa(a, name)}, nil
		case dns.TypeNS:
			for _, ns := range a.nameservers {
				set = append(set, &dns.NS{Hdr: header(name, dns.TypeNS, z.maxTTL), Ns: ns})
				if z.isHost(ns) {
					extra = append(extra, bothAddresses(ns, z.maxTTL, z.addrs...)...)
				}
			}
			return set, extra
		}
		if host {
			set = addresses(typ, name, z.maxTTL, z.addrs...)
		}
		return set, nil
	}}
}

// nameserver is the node of a nameserver within the zones.
func (z *zones) nameserver() node {
	return node{exists: true, stamp: z.resolver.Stamp(), rrs: func(typ uint16, name string) (set, extra []dns.RR) {
		return addresses(typ, name, z.maxTTL, z.addrs...), nil
	}}
}

// isAboveFixed reports whether a suffix or a nameserver is at o or below.
func (z *zones) isAboveFixed(o owner) bool {
	return slices.ContainsFunc(z.suffixes, func(s suffix) bool { return s.within(o) }) ||
		slices.ContainsFunc(z.hosts, func(host owner) bool { return host.within(o) })
}

// isHost reports whether the canonical name is a nameserver within the zones.
func (z *zones) isHost(name string) bool {
	return slices.ContainsFunc(z.hosts, func(host owner) bool { return host.text == name })
}

// zonesName is asked, in class CHAOS, for what the server serves: one TXT string for each apex, "ors="
// and the name for each suffix of the OID resolution system. It is idnode's own.
const zonesName = "zones.idnode."

// describe answers questions of class CHAOS.
func (z *zones) describe(q dns.Question) response {
	r := response{rcode: dns.RcodeRefused, op: "chaos", ede: extended(dns.ExtendedErrorCodeNotAuthoritative, "")}
	if dns.CanonicalName(q.Name) != zonesName {
		return r
	}
	r = response{authoritative: true, op: "chaos"}
	if q.Qtype != dns.TypeTXT && q.Qtype != dns.TypeANY {
		return r
	}
	add := func(text string) {
		hdr := dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS}
		r.answer = append(r.answer, &dns.TXT{Hdr: hdr, Txt: []string{escapeText(text)}})
	}
	for i := range z.apexes {
		if !z.apexes[i].ors {
			add(z.apexes[i].text)
		}
	}
	for i := range z.suffixes {
		add("ors=" + z.suffixes[i].text)
	}
	return r
}
