package handle

import (
	"crypto/md5"
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// Site is the data of an HS_SITE, HS_SITE.6 or HS_SITE.PREFIX value, and the answer to get site
// info: one copy of a service, on one or several servers.
type Site struct {
	Format     uint16 // version of this layout: 1
	Protocol   Version
	Serial     uint16
	Flags      SiteFlags
	Hash       HashOption
	Filter     string // hash filter; empty
	Attributes []Attribute
	Servers    []Server
}

// SiteFlags say what a site may do.
type SiteFlags uint8

const (
	SitePrimary      SiteFlags = 0x80 // it takes changes
	SiteMultiPrimary SiteFlags = 0x40 // others do too
)

// HashOption says what part of a handle decides which server of a site is asked.
type HashOption uint8

const (
	HashPrefix HashOption = 0
	HashSuffix HashOption = 1
	HashAll    HashOption = 2
)

// Attribute says something of a site: "desc", "domain", "path", "alt_addr".
type Attribute struct {
	Name, Value string
}

// ServerFor returns the server of the site that keeps a handle, nil if the site has none: by the last four octets of the
// MD5 digest of what Hash says of the handle, in capitals (spec/handle-protocol.md, section 9).
func (s *Site) ServerFor(handle string) *Server {
	if len(s.Servers) < 2 {
		if len(s.Servers) == 0 {
			return nil
		}
		return &s.Servers[0]
	}
	prefix, suffix, _ := strings.Cut(handle, "/")
	part := handle
	switch s.Hash {
	case HashPrefix:
		part = prefix
	case HashSuffix:
		part = suffix
	}
	upper := []byte(part)
	for i, b := range upper {
		if 'a' <= b && b <= 'z' {
			upper[i] = b - 'a' + 'A'
		}
	}
	sum := md5.Sum(upper)
	n := int64(int32(binary.BigEndian.Uint32(sum[12:])))
	return &s.Servers[max(n, -n)%int64(len(s.Servers))]
}

// Server is one host of a site.
type Server struct {
	ID         uint32
	Addr       netip.Addr
	PublicKey  []byte // data of an HS_PUBKEY; empty if the server signs nothing
	Interfaces []Interface
}

// Interface is where and for what a server listens.
type Interface struct {
	Type     InterfaceType
	Protocol Transport
	Port     uint32
}

// InterfaceType says what an interface takes.
type InterfaceType uint8

const (
	InterfaceOff   InterfaceType = 0
	InterfaceAdmin InterfaceType = 1
	InterfaceQuery InterfaceType = 2
	InterfaceBoth  InterfaceType = 3
)

// Transport is what an interface speaks.
type Transport uint8

const (
	TransportUDP   Transport = 0
	TransportTCP   Transport = 1
	TransportHTTP  Transport = 2
	TransportHTTPS Transport = 3
)

const (
	minAttribute = 4 + 4
	minServer    = 4 + 16 + 4 + 4
	interfaceLen = 1 + 1 + 4
)

// AppendSite appends s in wire form.
func AppendSite(dst []byte, s *Site) []byte {
	dst = appendInt2(dst, s.Format)
	dst = append(dst, s.Protocol.Major, s.Protocol.Minor)
	dst = appendInt2(dst, s.Serial)
	dst = append(dst, uint8(s.Flags), uint8(s.Hash))
	dst = AppendBytes(dst, s.Filter)
	dst = appendInt4(dst, uint32(len(s.Attributes)))
	for _, a := range s.Attributes {
		dst = AppendBytes(AppendBytes(dst, a.Name), a.Value)
	}
	dst = appendInt4(dst, uint32(len(s.Servers)))
	for i := range s.Servers {
		v := &s.Servers[i]
		dst = appendInt4(dst, v.ID)
		dst = appendAddr(dst, v.Addr)
		dst = AppendBytes(dst, v.PublicKey)
		dst = appendInt4(dst, uint32(len(v.Interfaces)))
		for _, f := range v.Interfaces {
			dst = appendInt4(append(dst, uint8(f.Type), uint8(f.Protocol)), f.Port)
		}
	}
	return dst
}

// appendAddr appends 16 octets: an IPv4 address behind twelve zeros, not mapped into IPv6.
func appendAddr(dst []byte, a netip.Addr) []byte {
	var b [16]byte
	switch {
	case a.Is4():
		v4 := a.As4()
		copy(b[12:], v4[:])
	case a.IsValid():
		b = a.As16()
	}
	return append(dst, b[:]...)
}

// ParseSite reads a site. Public keys are views; octets behind the servers are ignored.
func ParseSite(src []byte) (*Site, error) {
	c := cursor{b: src}
	s := &Site{
		Format:   c.int2(),
		Protocol: Version{c.int1(), c.int1()},
		Serial:   c.int2(),
		Flags:    SiteFlags(c.int1()),
		Hash:     HashOption(c.int1()),
		Filter:   string(c.bytes()),
	}
	for range c.count(minAttribute) {
		s.Attributes = append(s.Attributes, Attribute{string(c.bytes()), string(c.bytes())})
	}
	for range c.count(minServer) {
		v := Server{ID: c.int4(), Addr: c.addr(), PublicKey: c.bytes()}
		for range c.count(interfaceLen) {
			v.Interfaces = append(v.Interfaces, Interface{InterfaceType(c.int1()), Transport(c.int1()), c.int4()})
		}
		if c.err != nil {
			break
		}
		s.Servers = append(s.Servers, v)
	}
	if c.err != nil {
		return nil, c.err
	}
	return s, nil
}

func (c *cursor) addr() netip.Addr {
	p := c.take(16)
	if p == nil {
		return netip.Addr{}
	}
	for _, b := range p[:12] {
		if b != 0 {
			return netip.AddrFrom16([16]byte(p))
		}
	}
	return netip.AddrFrom4([4]byte(p[12:]))
}

// ServiceSite is the site of a service that a namespace is delegated to: one server without key,
// TCP first, as clients that look no further than the first interface expect it.
func ServiceSite(s *identifier.Service) Site {
	server := Server{ID: 1, Addr: s.IP.Unmap()}
	add := func(t InterfaceType, p Transport, port uint16) {
		if port != 0 {
			server.Interfaces = append(server.Interfaces, Interface{t, p, uint32(port)})
		}
	}
	add(InterfaceBoth, TransportTCP, s.TCP)
	add(InterfaceQuery, TransportUDP, s.UDP)
	add(InterfaceBoth, TransportHTTP, s.HTTP)
	return Site{Format: 1, Protocol: Latest, Serial: 1, Flags: SitePrimary, Hash: HashAll, Servers: []Server{server}}
}
