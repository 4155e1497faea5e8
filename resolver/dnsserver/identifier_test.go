package dnsserver

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestNames: both readers of owner names find the same identifiers.
func TestNames(t *testing.T) {
	s, _ := newServer(t, Options{})
	names := s.Names()
	f := func(name, want string) {
		t.Helper()
		wire := make([]byte, 300)
		n, err := dns.PackDomainName(name, wire, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		wire = wire[:n]
		id, text, ok := s.Identifier(wire)
		got := ""
		if ok {
			got = id.Qualified()
		}
		if got != want || !strings.EqualFold(text, name) {
			t.Errorf("%s is %q, %q, want %q", name, got, text, want)
		}
		if id, ok := names.Identifier(wire); ok != (want != "") || ok && id.Qualified() != want {
			t.Errorf("%s is quickly %v, %v, want %q", name, id, ok, want)
		}
	}
	f("SN-1.150.1021.88.hdl."+"id.example.", "handle:88.1021.150/sn-1")
	f("_hdl._tcp.sn-1.150.1021.88.hdl."+"id.example.", "handle:88.1021.150/sn-1")
	f("7.10001.156.2.1.oid."+"id.example.", "oid:1.2.156.10001.7")
	f("www.example.com.", "")
	f("id.example.", "")
	for _, wire := range [][]byte{nil, {0}, {5, 'a'}, {0xc0, 12}, {1, 'a', 0, 9}} {
		if id, _, ok := s.Identifier(wire); ok {
			t.Errorf("%v is %v", wire, id)
		}
		if _, ok := names.Identifier(wire); ok && len(wire) != 4 {
			t.Errorf("%v is quickly something", wire)
		}
	}
}
