// Package egress says where the node may be sent by others: an address that an enterprise names, as a
// webhook's, must not let it reach what only the node can reach.
package egress

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
)

// Errors of a Policy.
var (
	ErrURL     = errors.New("an address such as https://host/path is expected")
	ErrPlain   = errors.New("only https is allowed")
	ErrPrivate = errors.New("the address is private, reserved or the node's own")
)

// maxURL is the longest URL in octets.
const maxURL = 2048

// special are the networks that are not of the public Internet: the IANA special-purpose address
// registries (RFC 6890 and its updates), and multicast. What holds an IPv4 address in an IPv6 one is
// judged by that, see embedded.
var special = func() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
		"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}()

// nat64 is the prefix under which gateways reach IPv4 (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Policy is what is allowed beyond the public Internet over HTTPS. The zero Policy allows nothing
// else. It must not be changed once it is used.
type Policy struct {
	// AllowPrivate are networks that may be reached though they are not public, over HTTP too.
	AllowPrivate []netip.Prefix
	// AllowHTTP allows HTTP without TLS everywhere.
	AllowHTTP bool
	// Own returns the addresses at which the node itself listens; an unspecified address is all of the
	// machine's. Default: none.
	Own func() []netip.AddrPort
}

// CheckURL judges what can be said before the name is looked up. Errors: ErrURL, ErrPlain, ErrPrivate.
// Who calls the URL still needs Control.
func (p *Policy) CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" ||
		strings.HasSuffix(u.Host, ":") || u.Scheme != "http" && u.Scheme != "https" {
		return ErrURL
	}
	plain := u.Scheme == "http"
	port, err := portOf(u, plain)
	if err != nil || port == 0 {
		return ErrURL
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil { // a name
		if plain && !p.AllowHTTP && len(p.AllowPrivate) == 0 {
			return ErrPlain
		}
		return nil
	}
	if addr.Zone() != "" {
		return ErrURL
	}
	return p.Check(netip.AddrPortFrom(addr, uint16(port)), plain)
}

func portOf(u *url.URL, plain bool) (uint64, error) {
	switch port := u.Port(); {
	case port != "":
		return strconv.ParseUint(port, 10, 16)
	case plain:
		return 80, nil
	}
	return 443, nil
}

// Check judges an address. Errors: ErrPlain, ErrPrivate.
func (p *Policy) Check(to netip.AddrPort, plain bool) error {
	addr := embedded(to.Addr().WithZone(""))
	if contains(p.AllowPrivate, addr) || contains(p.AllowPrivate, to.Addr().WithZone("")) {
		return nil
	}
	if contains(special, addr) || !addr.IsValid() || p.own(netip.AddrPortFrom(addr, to.Port())) {
		return ErrPrivate
	}
	if plain && !p.AllowHTTP {
		return ErrPlain
	}
	return nil
}

// Control is for [net.Dialer.Control]: it judges the address that a name was found to have, right
// before the connection is made, so that a name server cannot give another one between check and use.
func (p *Policy) Control(plain bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return ErrPrivate
		}
		return p.Check(to, plain)
	}
}

// embedded is the IPv4 address that a packet to addr ends up at, where addr is another form of one.
func embedded(addr netip.Addr) netip.Addr {
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		b := addr.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return addr
}

// own reports whether the node listens at the address.
func (p *Policy) own(to netip.AddrPort) bool {
	if p.Own == nil {
		return false
	}
	for _, o := range p.Own() {
		if o.Port() != to.Port() {
			continue
		}
		if o.Addr().Unmap() == to.Addr() || o.Addr().IsUnspecified() && isLocal(to.Addr()) {
			return true
		}
	}
	return false
}

// isLocal reports whether addr is one of this machine's. What cannot be told counts as local.
func isLocal(addr netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range addrs {
		if n, err := netip.ParsePrefix(a.String()); err == nil && n.Addr().Unmap().WithZone("") == addr {
			return true
		}
	}
	return false
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}
