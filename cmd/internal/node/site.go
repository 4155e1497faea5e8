package node

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
)

// buildSite takes the node's HS_SITE from handle.site_file, or makes it from the listeners: one
// primary site with one server, TCP first.
func (n *Node) buildSite() error {
	given, err := n.cfg.Handle.Site()
	if err != nil {
		return err
	}
	var public []byte
	if !n.key.IsZero() {
		if public, err = auth.AppendPublicKey(nil, n.key.Public()); err != nil {
			return fmt.Errorf("handle.server_key_file: %w", err)
		}
	}
	if given != nil {
		site, err := handle.ParseSite(given)
		if err != nil {
			return fmt.Errorf("handle.site_file: %w", err)
		}
		if public != nil && !tells(site, public) {
			n.log.Warn("handle.site_file does not tell the key of handle.server_key_file: clients will refuse signed answers")
		}
		n.site = given
		return nil
	}
	ip, err := n.publicIP()
	if err != nil {
		return err
	}
	native, web := port(n.Addr("handle")), port(n.Addr("http"))
	n.site = handle.AppendSite(nil, &handle.Site{
		Format: 1, Protocol: handle.Latest, Serial: n.key.serial, Flags: handle.SitePrimary, Hash: handle.HashAll,
		Attributes: []handle.Attribute{{Name: "desc", Value: "idnode"}},
		Servers: []handle.Server{{ID: 1, Addr: ip, PublicKey: public, Interfaces: []handle.Interface{
			{Type: handle.InterfaceBoth, Protocol: handle.TransportTCP, Port: native},
			{Type: handle.InterfaceQuery, Protocol: handle.TransportUDP, Port: native},
			{Type: handle.InterfaceBoth, Protocol: handle.TransportHTTP, Port: web},
		}}},
	})
	return nil
}

// tells reports whether a server of the site has that public key, in whichever form.
func tells(site *handle.Site, public []byte) bool {
	return slices.ContainsFunc(site.Servers, func(s handle.Server) bool {
		key, err := auth.ParsePublicKey(s.PublicKey)
		if err != nil {
			return false
		}
		form, err := auth.AppendPublicKey(nil, key)
		return err == nil && bytes.Equal(form, public)
	})
}

// publicIP is the address that the site record tells.
func (n *Node) publicIP() (netip.Addr, error) {
	if n.cfg.Handle.PublicIP != "" {
		return netip.ParseAddr(n.cfg.Handle.PublicIP)
	}
	addr, err := netip.ParseAddrPort(n.Addr("handle").String())
	if err != nil {
		return netip.Addr{}, err
	}
	if ip := addr.Addr().Unmap(); !ip.IsUnspecified() {
		return ip, nil
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
}

// nameserverIP is the address of the node as a nameserver, unless dns.public_ip says otherwise.
func (n *Node) nameserverIP() netip.Addr {
	host, _, _ := net.SplitHostPort(n.cfg.DNS.Listen)
	for _, text := range []string{n.cfg.Handle.PublicIP, host} {
		if ip, err := netip.ParseAddr(text); err == nil && !ip.IsUnspecified() {
			return ip.Unmap()
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

func port(addr net.Addr) uint32 {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return uint32(a.Port)
	case *net.UDPAddr:
		return uint32(a.Port)
	}
	return 0
}
