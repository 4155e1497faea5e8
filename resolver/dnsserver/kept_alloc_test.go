//go:build !race

package dnsserver

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// TestHitAllocs: a kept reply costs no memory, over UDP and TCP, from the octets that arrive to those that leave.
func TestHitAllocs(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{})
	populate(f)
	s := newKeeping(t, f)
	if err := s.Bind("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background()) }()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for _, network := range []string{"udp", "tcp"} {
		for what, edit := range map[string]func(*dns.Msg){"plain": nil, "edns": edns(),
			"cookie": edns(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"})} {
			c, err := net.Dial(network, s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			msg := query4(t, "SN-001.150.1021.88.hdl.id.example", dns.TypeNAPTR, edit)
			if network == "tcp" {
				msg = append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...)
			}
			reply := make([]byte, 4096)
			size := 0
			exchange := func() {
				if _, err := c.Write(msg); err != nil {
					t.Fatal(err)
				}
				if size == 0 || network == "udp" {
					if size, err = c.Read(reply); err != nil {
						t.Fatal(err)
					}
				} else if _, err := io.ReadFull(c, reply[:size]); err != nil {
					t.Fatal(err)
				}
			}
			exchange()
			exchange()
			if n := testing.AllocsPerRun(300, exchange); n != 0 { // of both sides
				t.Errorf("%s, %s: %v allocations a query, want 0", network, what, n)
			}
		}
	}
}

// TestDirectAllocs: a reply made from a record that is in no cache costs no memory but the store's.
func TestDirectAllocs(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{})
	f.namespace(identifier.Handle, "88.1021.150", nil)
	f.record("88.1021.150/SN-001", value(1, "URL", "https://a.example/sn"), value(2, "MODEL", "VTX-1000"))
	s := newKeeping(t, f)
	s.o.Answers = nil
	x := exchange{s: s, front: s.udp}
	ctx := context.Background()
	store := testing.AllocsPerRun(300, func() {
		id, _ := identifier.Parse("88.1021.150/sn-001")
		f.zones.resolver.Resolve(ctx, resolver.Query{ID: id, Scratch: &x.scratch})
	})
	out := make([]byte, 0, 1232)
	for _, typ := range []uint16{dns.TypeNAPTR, dns.TypeURI, dns.TypeTXT} {
		msg := query4(t, "sn-001.150.1021.88.hdl.id.example", typ, edns())
		if n := testing.AllocsPerRun(300, func() {
			if !x.plain(msg) {
				t.Fatal("not a plain query")
			}
			var ok bool
			if out, ok = x.direct(ctx, out[:0]); !ok {
				t.Fatal("no direct answer")
			}
		}); n > store {
			t.Errorf("%s: %v allocations, the store alone has %v", dns.Type(typ), n, store)
		}
	}
}
