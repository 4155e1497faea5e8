package dnsserver

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/identifier"
)

// Names reads owner names in wire form as identifiers, many and quickly: for who counts what was asked. It is not safe for
// concurrent use.
type Names struct {
	x     exchange
	lower []byte
}

// Names returns a reader of the zones' names.
func (s *Server) Names() *Names { return &Names{x: exchange{s: s}} }

// Identifier is what wire stands for, good until the next call.
func (n *Names) Identifier(wire []byte) (identifier.ID, bool) {
	n.lower = n.lower[:0]
	for rest := wire; len(rest) > 0 && rest[0] != 0; {
		size := 1 + int(rest[0])
		if rest[0] > maxLabel || size > len(rest) {
			return identifier.ID{}, false
		}
		n.lower = append(n.lower, rest[0])
		for _, c := range rest[1:size] {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			n.lower = append(n.lower, c)
		}
		rest = rest[size:]
	}
	if len(n.lower) == 0 {
		return identifier.ID{}, false
	}
	if id, _, ok := n.x.identify(n.lower); ok {
		return id, true
	}
	id, _, ok := n.x.s.Identifier(wire)
	return id, ok
}

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
