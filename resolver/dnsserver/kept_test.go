package dnsserver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
)

// newKeeping returns a server over f's records that keeps answers.
func newKeeping(t testing.TB, f *fixture) *Server {
	t.Helper()
	answers, err := cache.NewAnswers(cache.AnswersOptions{Current: f.zones.resolver.Current})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Resolver: f.zones.resolver, Zone: ZoneOptions{Apexes: []string{"id.example"}}, Answers: answers})
	if err != nil {
		t.Fatal(err)
	}
	s.zones = f.zones
	return s
}

// names are all sorts of names of populate's records, and some that are not there.
var names = strings.Fields(`
id.example ns1.id.example www.id.example example.com second.example hdl.id.example 88.hdl.id.example 150.1021.88.hdl.id.example
sn-001.150.1021.88.hdl.id.example sn-001.150.1021.88.hdl.second.example sn-002.150.1021.88.hdl.id.example 60o34._b32.150.1021.88.hdl.id.example
60o35._b32.150.1021.88.hdl.id.example 60o34._b32._b32.150.1021.88.hdl.id.example -x.150.1021.88.hdl.id.example private.150.1021.88.hdl.id.example
alias.150.1021.88.hdl.id.example alias-both.150.1021.88.hdl.id.example alias-oid.150.1021.88.hdl.id.example loop-a.150.1021.88.hdl.id.example
gone.150.1021.88.hdl.id.example abc.200.1021.88.hdl.id.example 85hm6._b32.200.1021.88.hdl.id.example x.7.1021.88.hdl.id.example 7.1021.88.hdl.id.example
x.9.1021.88.hdl.id.example 9.1021.88.hdl.id.example x.10.1021.88.hdl.id.example x.11.1021.88.hdl.id.example x.1.99.hdl.id.example x.hdl.id.example
absolute.150.1021.88.hdl.id.example many.150.1021.88.hdl.id.example odd.150.1021.88.hdl.id.example huge.150.1021.88.hdl.id.example
7.10001.156.2.1.oid.id.example 8.10001.156.2.1.oid.id.example 9.10001.156.2.1.oid.id.example 10.10001.156.2.1.oid.id.example 1.oid.id.example
007.10001.156.2.1.oid.id.example 3.oid.id.example iso.oid.id.example 2.iso.oid.id.example _up.5.7.10001.156.2.1.oid.id.example
123.21.06901234567892.01.gs1.id.example 124.21.06901234567892.01.gs1.id.example 01.gs1.id.example x.01.gs1.id.example
123456789.0064.v1.ecode.id.example _idis._tcp.sn-001.150.1021.88.hdl.id.example _tcp.sn-001.150.1021.88.hdl.id.example
_svc.1021.88.hdl.id.example 9._svc.1021.88.hdl.id.example nothing.id.example
`)

var types = []uint16{dns.TypeNAPTR, dns.TypeURI, dns.TypeTXT, dns.TypeSOA, dns.TypeNS, dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeSVCB,
	dns.TypeHTTPS, dns.TypeCNAME, dns.TypeDNAME, dns.TypeANY, dns.TypeDS, dns.TypeAXFR, 65280}

// odd puts records where replies are hard to write.
func odd(f *fixture) {
	f.record("88.1021.150/absolute", value(1, "URL", "https://a.example"),
		identifier.Value{Index: 2, Type: "URL", Data: []byte("https://b.example"), TTL: int32(testTime.Unix()) + 50, TTLType: identifier.Absolute, Perms: identifier.DefaultPerms})
	var many []identifier.Value
	for i := range 20 {
		many = append(many, value(uint32(i), "URL", fmt.Sprint("https://many.example/", i)))
	}
	f.record("88.1021.150/many", many...)
	f.record("88.1021.150/odd", value(1, "URL", "https://x.example/!#~"), value(2, "URL", "https://x.example/!"), value(3, "URL", `https://x.example/\!`),
		value(4, "url", "https://x.example/"+strings.Repeat("a", 240)), value(5, "URL", ""), value(6, "A\x01", "b"), value(7, "BIN", "\xff\x00"),
		value(8, "LONG", strings.Repeat("中", 300)), value(9, "QUOTE", `"\`+"\t"), value(10, "EMPTY", ""), value(11, "C1", "\u0085"))
	f.record("88.1021.150/huge", value(1, "TXT", strings.Repeat("x", 1100)), value(2, "TXT", strings.Repeat("y", 1100)), value(3, "URL", "https://h.example/"+strings.Repeat("z", 1200)))
}

func query4(t testing.TB, name string, typ uint16, edit func(*dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), typ)
	m.Id = uint16(rand.Uint32())
	if edit != nil {
		edit(m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var variants = map[string]func(*dns.Msg){
	"plain":        nil,
	"edns":         edns(),
	"cookie, nsid": edns(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}),
	"do, 512": func(m *dns.Msg) {
		m.SetEdns0(512, true)
		m.RecursionDesired, m.CheckingDisabled = false, true
	},
}

// TestKept holds what is kept, and what is written without a library, to what answer writes.
func TestKept(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{})
	populate(f)
	odd(f)
	keeping := newKeeping(t, f)
	addr := netip.MustParseAddr("192.0.2.1")
	kept, direct := 0, 0
	for _, name := range names {
		for _, typ := range types {
			for what, edit := range variants {
				for _, tcp := range []bool{false, true} {
					plain := exchange{s: keeping, front: keeping.udp, tcp: tcp, start: testTime}
					x := exchange{s: keeping, front: keeping.udp, tcp: tcp, start: testTime}
					for range 2 { // the second time a reply may be kept
						msg := query4(t, name, typ, edit)
						want := slices.Clone(plain.answer(t.Context(), msg, addr))
						got, ok := x.kept(nil, msg, addr)
						if ok {
							kept++
						} else if got, ok = x.direct(t.Context(), nil); ok {
							direct++
						} else {
							got = x.answer(t.Context(), msg, addr)
						}
						if !bytes.Equal(got, want) {
							t.Fatalf("%s %s, %s, tcp %v:\ngot  %x\nwant %x", name, dns.Type(typ), what, tcp, got, want)
						}
						o, w := x.outcome, plain.outcome
						if o.Tier == resolver.TierLRU {
							o.Tier = w.Tier
						}
						if o != w {
							t.Errorf("%s %s: counts as %+v, want %+v", name, dns.Type(typ), o, w)
						}
					}
					// In other letters the reply is the same in those letters, but for what is made of the name.
					other := query4(t, mixed(name), typ, edit)
					want := slices.Clone(plain.answer(t.Context(), other, addr))
					got := x.reply(t.Context(), nil, other, addr)
					if said(t, got) != said(t, want) || !bytes.Equal(question4(got), question4(other)) {
						t.Fatalf("%s %s, %s, tcp %v:\ngot  %x\nwant %x", mixed(name), dns.Type(typ), what, tcp, got, want)
					}
				}
			}
		}
	}
	if kept < 2000 || direct < 5 {
		t.Errorf("%d replies were kept, %d written directly", kept, direct)
	}
}

// said is what a message says, in lower case: pointers and letters apart.
func said(t *testing.T, msg []byte) string {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(msg); err != nil {
		t.Fatal(err)
	}
	return strings.ToLower(m.String())
}

// question4 is the question of a message that has one.
func question4(msg []byte) []byte {
	end := questionName(msg)
	return msg[headerSize : end+fixedQuestion]
}

// mixed writes every other letter in upper case.
func mixed(name string) string {
	b := []byte(name)
	for i := range b {
		if i%2 == 0 {
			b[i] = byte(strings.ToUpper(string(b[i]))[0])
		}
	}
	return string(b)
}

// TestKeptIsCurrent: a query that starts after a change was acknowledged finds it, whatever is kept.
func TestKeptIsCurrent(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{})
	f.namespace(identifier.Handle, "88.1021.150", nil)
	s := newKeeping(t, f)
	addr := netip.MustParseAddr("192.0.2.1")
	const above = "x.21.06901234567892.01.gs1.id.example"
	ask := func(x *exchange, name string, typ uint16) *dns.Msg {
		m := new(dns.Msg)
		if err := m.Unpack(x.reply(t.Context(), nil, query4(t, name, typ, nil), addr)); err != nil {
			t.Fatal(err)
		}
		return m
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() { // who keep old answers if any can be kept
			x := exchange{s: s, front: s.udp}
			for {
				select {
				case <-done:
					return
				default:
					for _, name := range []string{"a.150.1021.88.hdl.id.example", "150.1021.88.hdl.id.example", above} {
						ask(&x, name, dns.TypeTXT)
					}
				}
			}
		})
	}
	x := exchange{s: s, front: s.udp}
	expect := func(i int, what string, m *dns.Msg, rcode int, text string) {
		t.Helper()
		got := ""
		if len(m.Answer) > 0 {
			got = m.Answer[0].(*dns.TXT).Txt[0]
		}
		if m.Rcode != rcode || got != text {
			t.Fatalf("round %d, %s: %s %q, want %s %q", i, what, dns.RcodeToString[m.Rcode], got, dns.RcodeToString[rcode], text)
		}
	}
	const a = "a.150.1021.88.hdl.id.example"
	for i := range 300 {
		f.record("88.1021.150/a", value(1, "N", fmt.Sprint(i)))
		expect(i, "registered", ask(&x, a, dns.TypeTXT), 0, fmt.Sprint("1 N=", i))
		f.record("88.1021.150/a", value(1, "N", fmt.Sprint(i, "r")))
		expect(i, "replaced", ask(&x, a, dns.TypeTXT), 0, fmt.Sprint("1 N=", i, "r"))
		f.add("88.1021.150/a", false, identifier.Record{State: identifier.Revoked})
		expect(i, "revoked", ask(&x, a, dns.TypeTXT), dns.RcodeNameError, "")

		f.record("88.1021.150/a", value(1, "N", "on"))
		f.namespace(identifier.Handle, "88.1021.150", func(ns *identifier.Namespace) { ns.State = identifier.NamespaceSuspended })
		expect(i, "suspended", ask(&x, a, dns.TypeTXT), dns.RcodeNameError, "")
		f.namespace(identifier.Handle, "88.1021.150", delegated(identifier.Service{IP: addr, DNS: 53}))
		expect(i, "delegated", ask(&x, a, dns.TypeTXT), 0, "")
		f.namespace(identifier.Handle, "88.1021.150", nil)
		expect(i, "back", ask(&x, a, dns.TypeTXT), 0, "1 N=on")

		// A name that stands above one is there as long as that is.
		lot := fmt.Sprintf("(01)06901234567892(10)%d", i)
		if i == 0 {
			f.namespace(identifier.GS1, "690123", nil)
		}
		name := fmt.Sprintf("%d.10.06901234567892.01.gs1.id.example", i)
		expect(i, "not there", ask(&x, name, dns.TypeTXT), dns.RcodeNameError, "")
		f.record(lot+"(21)5", value(1, "N", "child"))
		expect(i, "above", ask(&x, name, dns.TypeTXT), 0, "")
		f.add(lot+"(21)5", false, identifier.Record{State: identifier.Revoked})
		expect(i, "above nothing", ask(&x, name, dns.TypeTXT), dns.RcodeNameError, "")
	}
	close(done)
	readers.Wait()
}

// TestPlain: what is not read as a query like most is left to the parser.
func TestPlain(t *testing.T) {
	s, _ := newServer(t, Options{})
	good := query4(t, "a.example", dns.TypeTXT, edns())
	f := func(what string, want bool, edit func(b []byte) []byte) {
		t.Helper()
		x := exchange{s: s, front: s.udp}
		if got := x.plain(edit(slices.Clone(good))); got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	end := headerSize + 11
	f("a query", true, func(b []byte) []byte { return b })
	f("a response", false, func(b []byte) []byte { b[2] |= 0x80; return b })
	f("a notification", false, func(b []byte) []byte { b[2] |= 4 << 3; return b })
	f("two questions", false, func(b []byte) []byte { b[5] = 2; return b })
	f("an answer", false, func(b []byte) []byte { b[7] = 1; return b })
	f("two additional records", false, func(b []byte) []byte { b[11] = 2; return b })
	f("a pointer", false, func(b []byte) []byte { b[headerSize] = 0xc0; return b })
	f("no end of the name", false, func(b []byte) []byte { return b[:end-1] })
	f("no type", false, func(b []byte) []byte { return b[:end+3] })
	f("octets behind", false, func(b []byte) []byte { return append(b, 0) })
	f("a record that is no OPT", false, func(b []byte) []byte { b[end+4+2] = 16; return b })
	f("another version", false, func(b []byte) []byte { b[end+4+6] = 1; return b })
	f("a broken option", false, func(b []byte) []byte {
		b = append(b, 0, 10, 0, 3, 1, 2, 3)
		binary.BigEndian.PutUint16(b[end+4+9:], 7)
		return b
	})
}
