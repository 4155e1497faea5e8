package dnsserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// ZoneOptions says what is served and how its zones present themselves. Names are fully qualified,
// with or without the last dot.
type ZoneOptions struct {
	// Apexes are the zones; the first is the primary one, whose names point at services. Required.
	Apexes []string

	// ORSSuffixes are the suffixes of the OID resolution system (ITU-T X.672). One outside all apexes
	// is an apex of its own. Default: "oid." in front of each apex.
	ORSSuffixes []string

	// Nameservers are told in NS records. Those within the zones have the addresses Addrs. Default:
	// ns1 below each apex.
	Nameservers []string

	// Hostmaster is the mailbox in SOA records, as "hostmaster@example.cn" or as a domain name.
	// Default: hostmaster below each apex.
	Hostmaster string

	// Addrs are the addresses of this node as a nameserver.
	Addrs []netip.Addr

	MaxTTL      time.Duration // of any resource record. Default 24 h
	NegativeTTL time.Duration // of answers that something is not there (RFC 2308). Default 60 s

	// Serial returns the serial number of the SOA records. Default: always 1.
	Serial func() uint32

	// SuspendedServfail answers names of suspended namespaces with SERVFAIL in place of NXDOMAIN.
	SuspendedServfail bool
}

// response is what answer decides of a reply. Sizes, truncation, EDNS and cookies are the
// server's.
type response struct {
	rcode         int
	authoritative bool
	answer        []dns.RR
	authority     []dns.RR
	extra         []dns.RR
	ede           []dns.EDNS0_EDE

	// For metrics and the log: what the name was, how its resolution ended, where it was answered
	// from, and the kind of question.
	scheme identifier.Scheme
	status resolver.Status
	tier   resolver.Tier
	op     string

	stamp resolver.Stamp // of a reply that may be kept
}

// zones answers questions for the names of some apexes.
type zones struct {
	resolver *resolver.Resolver
	now      func() time.Time

	apexes      []apex
	suffixes    []suffix // of the OID resolution system, the longest first
	hosts       []owner  // nameservers within the zones, which have addrs
	addrs       []netip.Addr
	maxTTL      uint32 // seconds
	negativeTTL uint32 // seconds
	serial      func() uint32
	servfail    bool
}

// Check says what is wrong with o.
func (o ZoneOptions) Check() error {
	_, err := newZones(o)
	return err
}

// newZones returns the zones that o describes. The resolver is set by the caller.
func newZones(o ZoneOptions) (*zones, error) {
	z := &zones{now: time.Now, serial: o.Serial, addrs: o.Addrs, servfail: o.SuspendedServfail}
	if z.serial == nil {
		z.serial = func() uint32 { return 1 }
	}
	var err error
	if z.maxTTL, err = seconds("max ttl", o.MaxTTL, 24*time.Hour); err != nil {
		return nil, err
	}
	if z.negativeTTL, err = seconds("negative ttl", o.NegativeTTL, time.Minute); err != nil {
		return nil, err
	}
	names, err := canonicalNames("apex", o.Apexes)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("dns needs an apex")
	}
	suffixes, err := canonicalNames("ors suffix", o.ORSSuffixes)
	if err != nil {
		return nil, err
	}
	if len(suffixes) == 0 {
		for _, name := range names {
			suffixes = append(suffixes, "oid."+name)
		}
	}
	zoned := len(names)
	for _, suffix := range suffixes {
		if !slices.ContainsFunc(names, func(name string) bool { return dns.IsSubDomain(name, suffix) }) {
			names = append(names, suffix)
		}
	}
	nameservers, err := canonicalNames("nameserver", o.Nameservers)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		a := apex{owner: newOwner(name), nameservers: nameservers, ors: i >= zoned}
		if len(nameservers) == 0 {
			a.nameservers = []string{"ns1." + name}
		}
		if a.hostmaster, err = mailbox(o.Hostmaster, name); err != nil {
			return nil, err
		}
		z.apexes = append(z.apexes, a)
	}
	for _, text := range suffixes {
		o := newOwner(text)
		z.suffixes = append(z.suffixes, suffix{owner: o, apex: z.find(o).apex})
	}
	slices.SortStableFunc(z.suffixes, func(a, b suffix) int { return len(b.labels) - len(a.labels) })
	for i := range z.apexes {
		for _, name := range z.apexes[i].nameservers {
			if host := newOwner(name); z.find(host).apex != nil && !z.isHost(name) {
				z.hosts = append(z.hosts, host)
			}
		}
	}
	return z, nil
}

func seconds(what string, d, otherwise time.Duration) (uint32, error) {
	if d == 0 {
		d = otherwise
	}
	if d < time.Second || d > (1<<31-1)*time.Second { // RFC 2181, section 8
		return 0, fmt.Errorf("dns %s %v is not within 1 s and 68 years", what, d)
	}
	return uint32(d / time.Second), nil
}

// canonicalNames are names in lower case with the last dot, each once.
func canonicalNames(what string, names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		c := dns.CanonicalName(name)
		if _, ok := dns.IsDomainName(c); !ok || c == "." {
			return nil, fmt.Errorf("dns %s %q is not a domain name", what, name)
		}
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all, nil
}

// mailbox is the domain name of a mail address in an SOA record (RFC 1035, section 8): dots left of
// the @ are escaped.
func mailbox(text, apex string) (string, error) {
	if text == "" {
		return "hostmaster." + apex, nil
	}
	name := text
	if local, host, ok := strings.Cut(text, "@"); ok {
		name = strings.ReplaceAll(local, ".", `\.`) + "." + host
	}
	name = dns.Fqdn(name)
	if _, ok := dns.IsDomainName(name); !ok {
		return "", fmt.Errorf("dns hostmaster %q is not a mailbox", text)
	}
	return name, nil
}
