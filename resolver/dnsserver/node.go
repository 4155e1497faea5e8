package dnsserver

import (
	"context"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// node finds what there is at o, which lies at p.
func (z *zones) node(ctx context.Context, o owner, p place) node {
	if o.is(p.apex.owner) {
		return z.top(p.apex)
	}
	if slices.ContainsFunc(z.hosts, o.is) {
		return z.nameserver()
	}
	inner := func(labels int) (owner, place) {
		q := p
		q.n -= labels
		return o.above(labels), q
	}
	var n node
	switch {
	case p.n > 2 && o.has(0, labelIDIS, labelTCP):
		io, ip := inner(2)
		n = onlyURI(z.node(ctx, io, ip), true)
	case p.n > 1 && o.has(0, labelTCP):
		io, ip := inner(1)
		n = onlyURI(z.node(ctx, io, ip), false)
	default:
		n = z.named(ctx, o, p)
	}
	if !n.exists && n.rcode == 0 && n.service == nil && n.dname == nil && z.isAboveFixed(o) {
		n.exists = true
	}
	return n
}

// onlyURI is the node at _idis._tcp below n, or above that, which is there if n has URLs.
func onlyURI(n node, here bool) node {
	if n.service != nil && n.service.DNS != 0 {
		n.skip += 1
		if here {
			n.skip++
		}
		return n
	}
	if n.dname != nil && n.dname.skip > 0 {
		shifted := *n.dname
		shifted.skip++
		if here {
			shifted.skip++
		}
		n.dname = &shifted
		return n
	}
	rrs := n.rrs
	n.exists, n.rrs, n.cname, n.dname, n.service = false, nil, nil, nil, nil
	if n.record == nil {
		return n
	}
	n.record.urls(func(int, *identifier.Value) { n.exists = true })
	if here {
		n.rrs = func(typ uint16, name string) (set, extra []dns.RR) {
			if typ == dns.TypeURI {
				return rrs(typ, name)
			}
			return nil, nil
		}
	}
	return n
}

// named finds what there is at the name of an identifier, or of what stands above identifiers.
func (z *zones) named(ctx context.Context, o owner, p place) node {
	if to, ok := p.alias(o); ok {
		n := node{dname: &to, exists: true}
		if to.skip == 0 {
			n = z.secondary(ctx, to)
		}
		return n
	}
	switch {
	case p.ors != nil && p.n > 1 && o.has(0, labelUp):
		return z.superior(ctx, p.parse(o, 1))
	case p.n > 2 && o.has(1, labelService):
		return z.serviceHost(ctx, o)
	case p.n > 1 && o.has(0, labelService):
		name := p.parse(o, 1)
		return node{exists: z.holdsNamespaces(name), scheme: name.Scheme}
	}
	name := p.parse(o, 0)
	n := node{scheme: name.Scheme}
	if name.Scheme == 0 {
		n.status, n.stamp = resolver.Invalid, z.resolver.Stamp()
		return n
	}
	id := name.ID
	if id.IsZero() {
		id = name.Key
	}
	if id.IsZero() {
		n.status, n.stamp = resolver.NotFound, z.resolver.Stamp()
		return z.orAbove(ctx, n, name)
	}
	a := z.resolver.Resolve(ctx, resolver.Query{ID: id, Scratch: p.scratch})
	n.status, n.tier, n.stamp = a.Status, a.Tier, a.Stamp
	if ns := a.Namespace; ns != nil && ns.State == identifier.NamespaceActive && ns.Mode == identifier.Delegated && ns.Service != nil {
		n.service, n.skip = ns.Service, p.n-name.Depth(ns.Prefix)
	} else if ns == nil && (a.Status == resolver.NotFound || a.Status == resolver.NotResponsible) {
		n.service, n.skip = z.cutAbove(ctx, name, p)
	}
	if name.ID.IsZero() && n.service == nil && a.Status != resolver.Suspended && rcodeOf(a.Status) != dns.RcodeServerFailure {
		n.status, n.tier = resolver.NotFound, resolver.TierNone
		return z.orAbove(ctx, n, name)
	}
	if n.service != nil && (name.ID.IsZero() || a.Namespace == nil) { // the other node may know better
		n.status = resolver.Referral
	}
	n.rcode = rcodeOf(n.status)
	n.ede = explain(&a)
	switch n.status {
	case resolver.Found, resolver.NoValues:
		n.exists = true
		r := &record{id: name.ID, values: public(&a), ors: p.ors != nil}
		n.record, n.cname = r, z.alias(ctx, p, r)
		if slices.ContainsFunc(r.values, func(v *identifier.Value) bool { return v.TTLType == identifier.Absolute }) {
			n.stamp = resolver.Stamp{}
		}
	case resolver.Referral:
		n.exists = true
		if n.skip > 0 && n.service != nil && n.service.DNS == 0 {
			n.ede = extended(dns.ExtendedErrorCodeOther, "delegated: ask the service at "+n.service.IP.String())
		}
	case resolver.Suspended:
		if slices.ContainsFunc(name.Namespaces, func(b string) bool { return z.resolver.HasNamespaceBeneath(name.Scheme, b) }) {
			n.exists = true
		} else if z.servfail {
			n.rcode = dns.RcodeServerFailure
		}
	case resolver.Overloaded, resolver.Failed:
		return n
	default:
		return z.orAbove(ctx, n, name)
	}
	n.rrs = z.rrsOf(n, o)
	return n
}

// cutAbove finds the nearest delegation to a nameserver above a Handle prefix that is not allocated
// here: all names below a zone cut are the other node's (RFC 1034, section 4.2.1), though a prefix below
// another is a namespace of its own. Names of other schemes lie in the namespace that is delegated.
func (z *zones) cutAbove(ctx context.Context, name dnsname.Name, p place) (service *identifier.Service, skip int) {
	if name.Scheme != identifier.Handle {
		return nil, 0
	}
	_, prefix, _ := strings.Cut(name.Key.Canonical(), "/")
	for skip = p.n - name.KeyLabels + 1; ; skip++ {
		end := strings.LastIndexByte(prefix, '.')
		if end < 0 {
			return nil, 0
		}
		prefix = prefix[:end]
		id, err := identifier.Handle.Parse(prefix)
		if err != nil {
			return nil, 0
		}
		ns := z.resolver.Resolve(ctx, resolver.Query{ID: id}).Namespace
		if ns != nil && ns.State == identifier.NamespaceActive && ns.Mode == identifier.Delegated && ns.Service != nil && ns.Service.DNS != 0 {
			return ns.Service, skip
		}
	}
}

// rrsOf makes the records of a node with values, or with a service, or both.
func (z *zones) rrsOf(n node, o owner) func(uint16, string) (set, extra []dns.RR) {
	return func(typ uint16, name string) (set, extra []dns.RR) {
		if n.service != nil && n.skip == 0 {
			switch typ {
			case dns.TypeSRV, dns.TypeSVCB, dns.TypeHTTPS:
				target, ttl := serviceTarget(o), z.serviceTTL()
				if set = serviceRRs(typ, name, target, ttl, n.service); len(set) > 0 {
					extra = bothAddresses(target, ttl, n.service.IP)
				}
				return set, extra
			}
		}
		if n.record == nil {
			return nil, nil
		}
		switch typ {
		case dns.TypeNAPTR:
			set = z.naptr(name, n.record)
		case dns.TypeURI:
			set = z.uri(name, n.record)
		case dns.TypeTXT:
			set = z.txt(name, n.record)
		}
		return set, nil
	}
}

// orAbove completes n, at which there is nothing, with whether there is something below.
func (z *zones) orAbove(ctx context.Context, n node, name dnsname.Name) node {
	var err error
	n.rcode = 0
	n.stamp = n.stamp.Wide()
	if n.exists, err = z.holds(ctx, name); err != nil {
		n.status = resolver.Failed
		if ctx.Err() != nil {
			n.status = resolver.Overloaded
		}
		n.rcode = rcodeOf(n.status)
		n.ede = explain(&resolver.Answer{Status: n.status})
	}
	if n.exists {
		n.ede = nil
	}
	return n
}

// holds reports whether there are names below name (RFC 8020).
func (z *zones) holds(ctx context.Context, name dnsname.Name) (bool, error) {
	if z.holdsNamespaces(name) {
		return true, nil
	}
	for _, beginning := range name.Beginnings {
		if ok, err := z.resolver.HasBeneath(ctx, name.Scheme, beginning); ok || err != nil {
			return ok, err
		}
	}
	if name.Long == "" {
		return false, nil
	}
	for _, long := range append([]string{name.Long}, name.FoldedLong()...) {
		if ok, err := z.resolver.HasLongName(ctx, long); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (z *zones) holdsNamespaces(name dnsname.Name) bool {
	return slices.ContainsFunc(name.Namespaces, func(b string) bool { return z.resolver.HasNamespaceBeneath(name.Scheme, b) })
}

// public are the values of a that everyone may read.
func public(a *resolver.Answer) []*identifier.Value {
	var all []*identifier.Value
	a.Values(&resolver.Query{}, func(v *identifier.Value) bool {
		all = append(all, v)
		return true
	})
	return all
}

// secondary is the node of a label that is a name, with what the number's has. It is there for the names
// below it even if the number's is not.
func (z *zones) secondary(ctx context.Context, to oidAlias) node {
	o := newOwner(to.target)
	n := z.named(ctx, o, z.find(o))
	rrs := n.rrs
	n.dname, n.cname, n.exists, n.ede = &to, nil, n.rcode != dns.RcodeServerFailure, nil
	if n.rcode != dns.RcodeServerFailure {
		n.rcode = 0
	}
	n.rrs = func(typ uint16, name string) (set, extra []dns.RR) {
		switch {
		case typ == dns.TypeDNAME:
			return []dns.RR{&dns.DNAME{Hdr: header(name, typ, z.maxTTL), Target: to.target}}, nil
		case rrs != nil:
			return rrs(typ, name)
		}
		return nil, nil
	}
	return n
}

// superior is the node at _up below an OID: the record of the OID itself or of the nearest ancestor that has one.
func (z *zones) superior(ctx context.Context, name dnsname.Name) node {
	n := node{scheme: identifier.OID, status: resolver.NotFound}
	if name.ID.IsZero() {
		return n
	}
	id := name.ID
	a := z.resolver.Resolve(ctx, resolver.Query{ID: id, Fallback: true})
	for a.Status == resolver.Revoked {
		broader := id.Broader()
		if len(broader) == 0 {
			break
		}
		id = broader[0]
		a = z.resolver.Resolve(ctx, resolver.Query{ID: id, Fallback: true})
	}
	n.status, n.tier, n.ede = a.Status, a.Tier, explain(&a)
	if c := rcodeOf(a.Status); c == dns.RcodeServerFailure || a.Status == resolver.Suspended && z.servfail {
		n.rcode = dns.RcodeServerFailure
		return n
	}
	if a.Status != resolver.Found && a.Status != resolver.NoValues {
		return n
	}
	if !a.Broader.IsZero() {
		id = a.Broader
	}
	r := &record{id: id, values: public(&a), ors: true, broad: true}
	n.exists = true
	n.rrs = func(typ uint16, name string) (set, extra []dns.RR) {
		if typ == dns.TypeTXT {
			return z.txt(name, r), nil
		}
		return nil, nil
	}
	return n
}

// serviceHost is the node of a delegated namespace's service, <label>._svc.<rest> for the namespace
// <label>.<rest>.
func (z *zones) serviceHost(ctx context.Context, o owner) node {
	at := newOwner(o.text[:o.starts[1]] + o.above(2).text)
	n := z.named(ctx, at, z.find(at))
	service := n.service
	n.exists = service != nil && n.skip == 0
	n.rrs, n.service, n.record, n.cname, n.dname, n.ede = nil, nil, nil, nil, nil, nil
	if n.exists {
		n.rrs = func(typ uint16, name string) (set, extra []dns.RR) {
			return addresses(typ, name, z.serviceTTL(), service.IP), nil
		}
	}
	return n
}

// serviceTarget is the name of the service that the namespace at o is delegated to. It stands
// beside o, not below: what is below may be the other node's.
func serviceTarget(o owner) string {
	if len(o.starts) < 2 {
		return o.text
	}
	return o.text[:o.starts[1]] + labelService + "." + o.above(1).text
}

func (z *zones) serviceTTL() uint32 { return min(z.maxTTL, identifier.DefaultTTL) }

// alias returns what the record's HS_ALIAS says if it is all that the record says and its target has
// a name in the zones; nil otherwise.
func (z *zones) alias(ctx context.Context, p place, r *record) *alias {
	var only *identifier.Value
	for _, v := range r.values {
		if identifier.EqualFoldASCII(v.Type, "HS_ADMIN") {
			continue
		}
		if only != nil || !identifier.EqualFoldASCII(v.Type, "HS_ALIAS") {
			return nil
		}
		only = v
	}
	if only == nil {
		return nil
	}
	id, err := identifier.Parse(string(only.Data))
	if err != nil || !id.Scheme().Served() || id.Canonical() == r.id.Canonical() {
		return nil
	}
	a := z.resolver.Resolve(ctx, resolver.Query{ID: id})
	if a.Status == resolver.NotResponsible || a.Status == resolver.Invalid {
		return nil
	}
	target, err := dnsname.In(id, a.Namespace != nil && a.Namespace.CaseSensitive, z.zoneFor(p), z.suffixFor(p))
	if err != nil {
		return nil
	}
	return &alias{target: target, ttl: z.ttl(only)}
}

// zoneFor is the zone in which names beside those of OIDs are told to who asks at p.
func (z *zones) zoneFor(p place) string {
	if p.apex.ors {
		return z.apexes[0].text
	}
	return p.apex.text
}

// suffixFor is the suffix of the OID resolution system that is told to who asks at p.
func (z *zones) suffixFor(p place) string {
	if p.ors != nil {
		return p.ors.text
	}
	for i := range z.suffixes {
		if z.suffixes[i].apex == p.apex {
			return z.suffixes[i].text
		}
	}
	return z.suffixes[0].text
}
