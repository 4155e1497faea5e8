package dnsserver

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/identifier"
)

// Identifier reads what an owner name in wire form stands for in the zones: for who reads the query log. Text is the name as
// people write it, "" if wire is no name.
func (s *Server) Identifier(wire []byte) (id identifier.ID, text string, ok bool) {
	text, n, err := dns.UnpackDomainName(wire, 0)
	if err != nil || n != len(wire) {
		return identifier.ID{}, "", false
	}
	o := newOwner(strings.ToLower(text))
	p := s.zones.find(o)
	if p.apex == nil || p.n == 0 {
		return identifier.ID{}, text, false
	}
	if strings.HasPrefix(o.labels[0], "_") { // of a service at the name
		o = o.above(1)
		for len(o.labels) > 0 && strings.HasPrefix(o.labels[0], "_") {
			o = o.above(1)
		}
		if p = s.zones.find(o); p.apex == nil || p.n == 0 {
			return identifier.ID{}, text, false
		}
	}
	name := p.parse(o, 0)
	return name.ID, text, !name.ID.IsZero()
}
