package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/storage"
	"github.com/idnode/idnode/storage/memstore"
)

var testTime = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// fixture is zones over a store in memory.
type fixture struct {
	t     testing.TB
	store storage.Store
	zones *zones
}

// brokenStore fails reads of records while broken is set.
type brokenStore struct {
	storage.Store
	err error
}

func (b *brokenStore) GetInto(ctx context.Context, key, dst []byte) (storage.Item, error) {
	if b.err != nil {
		return storage.Item{}, b.err
	}
	return b.Store.GetInto(ctx, key, dst)
}

func newTestZones(t testing.TB, o ZoneOptions) (*fixture, *brokenStore) {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	namespaces, err := storage.LoadNamespaces(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	if o.Apexes == nil {
		o.Apexes = []string{"id.example", "second.example."}
	}
	if o.Addrs == nil {
		o.Addrs = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	}
	z, err := newZones(o)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, zones: z}
	z.now = func() time.Time { return testTime }
	broken := &brokenStore{Store: engine}
	f.store = storage.Observe(engine, func(c []storage.Change) { z.resolver.Forget(context.Background(), c) })
	lru, err := cache.NewLRU(cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	z.resolver, err = resolver.New(resolver.Options{Store: broken, Namespaces: namespaces, Cache: lru,
		Own: []identifier.Key{{Scheme: identifier.Handle, Name: "88.1021"}, {Scheme: identifier.OID, Name: "1.2.156"}}})
	if err != nil {
		t.Fatal(err)
	}
	return f, broken
}

func (f *fixture) namespace(scheme identifier.Scheme, prefix string, edit func(*identifier.Namespace)) {
	f.t.Helper()
	ns := identifier.Namespace{Scheme: scheme, Prefix: prefix, State: identifier.NamespaceActive, Mode: identifier.Hosted}
	if edit != nil {
		edit(&ns)
	}
	value, err := storage.EncodeNamespace(&ns)
	if err != nil {
		f.t.Fatal(err)
	}
	f.put(storage.NamespaceKey(ns.Key()), value)
}

func delegated(service identifier.Service) func(*identifier.Namespace) {
	return func(ns *identifier.Namespace) { ns.Mode, ns.Service = identifier.Delegated, &service }
}

func (f *fixture) record(text string, values ...identifier.Value) {
	f.t.Helper()
	f.add(text, false, identifier.Record{State: identifier.Active, Values: values})
}

func (f *fixture) add(text string, caseSensitive bool, r identifier.Record) {
	f.t.Helper()
	id, err := identifier.Parse(text)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Scheme, r.ID = id.Scheme(), id.String()
	f.put(storage.RecordKey(id.Key(caseSensitive)), identifier.AppendRecord(nil, &r))
	if long, ok := dnsname.Long(id, caseSensitive); ok {
		f.put(storage.LongNameKey(long), []byte{})
	}
}

func (f *fixture) put(key, value []byte) {
	f.t.Helper()
	var b storage.Batch
	b.Set(key, value)
	b.Log(storage.Change{Op: storage.OpUpdate, Key: key, Version: 1})
	if _, err := f.store.Apply(f.t.Context(), &b); err != nil {
		f.t.Fatal(err)
	}
}

func value(index uint32, typ, data string) identifier.Value {
	return identifier.Value{Index: index, Type: typ, Data: []byte(data), TTL: 300, Perms: identifier.DefaultPerms}
}

// ask returns the reply in one line a record, as they come off the wire: "an: ", "ns: " or "ex: " before each.
func (f *fixture) ask(name string, typ uint16) (response, []string) {
	f.t.Helper()
	r := f.zones.answer(f.t.Context(), dns.Question{Name: dns.Fqdn(name), Qtype: typ, Qclass: dns.ClassINET}, new(resolver.Scratch))
	m := &dns.Msg{Answer: r.answer, Ns: r.authority, Extra: r.extra}
	wire, err := m.Pack()
	if err != nil {
		f.t.Fatalf("%s %s: %v", name, dns.TypeToString[typ], err)
	}
	if err := m.Unpack(wire); err != nil {
		f.t.Fatal(err)
	}
	var lines []string
	for i, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			lines = append(lines, []string{"an", "ns", "ex"}[i]+": "+strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	return r, lines
}

const (
	soaFirst  = "ns: id.example. 60 IN SOA ns1.id.example. hostmaster.id.example. 1 7200 900 1209600 60"
	soaSecond = "ns: second.example. 60 IN SOA ns1.second.example. hostmaster.second.example. 1 7200 900 1209600 60"
)

func populate(f *fixture) {
	f.namespace(identifier.Handle, "88.1021.150", nil)
	f.namespace(identifier.Handle, "88.1021.200", func(ns *identifier.Namespace) { ns.CaseSensitive = true })
	f.namespace(identifier.Handle, "88.1021.7", func(ns *identifier.Namespace) { ns.State, ns.Reason = identifier.NamespaceSuspended, "unpaid" })
	f.namespace(identifier.Handle, "88.1021.9", delegated(identifier.Service{IP: netip.MustParseAddr("192.0.2.9"), TCP: 2641, UDP: 2641, HTTP: 8000}))
	f.namespace(identifier.Handle, "88.1021.10", delegated(identifier.Service{IP: netip.MustParseAddr("2001:db8::10"), TCP: 2641, DNS: 53}))
	f.namespace(identifier.OID, "1.2.156.10001", nil)
	f.namespace(identifier.OID, "1.2.156.10002", delegated(identifier.Service{IP: netip.MustParseAddr("192.0.2.10"), DNS: 53}))
	f.namespace(identifier.GS1, "690123", nil)
	f.namespace(identifier.GS1, "690555", delegated(identifier.Service{IP: netip.MustParseAddr("192.0.2.11"), DNS: 53}))
	f.namespace(identifier.Ecode, "10064", nil)
	f.namespace(identifier.Ecode, "300001", nil)
	f.namespace(identifier.Ecode, "10065", delegated(identifier.Service{IP: netip.MustParseAddr("192.0.2.12"), HTTP: 80}))

	secret := value(5, "SECRET", "s")
	secret.Perms = identifier.AdminRead
	f.record("88.1021.150/SN-001", value(1, "URL", "https://a.example/sn"), value(2, "EMAIL", "b@example"),
		identifier.Value{Index: 3, Type: "URL.cn", Data: []byte("https://b.example/中文 x?q=!"), TTL: 60, Perms: identifier.DefaultPerms},
		secret, identifier.Value{Index: 100, Type: "HS_ADMIN", Data: []byte{0, 1, 2}, TTL: 5, Perms: identifier.DefaultPerms})
	f.record("88.1021.150/002", value(1, "URL", "https://a.example/2"))
	f.record("88.1021.150/private", secret)
	f.record("88.1021.150/alias", value(1, "HS_ALIAS", "88.1021.150/SN-001"), identifier.Value{Index: 100, Type: "HS_ADMIN", Data: []byte{0}, Perms: identifier.DefaultPerms})
	f.record("88.1021.150/alias-oid", value(1, "HS_ALIAS", "1.2.156.10001.7"))
	f.record("88.1021.150/alias-none", value(1, "HS_ALIAS", "88.1021.150/none"))
	f.record("88.1021.150/alias-out", value(1, "HS_ALIAS", "20.500/x"))
	f.record("88.1021.150/alias-both", value(1, "HS_ALIAS", "88.1021.150/SN-001"), value(2, "DESC", "d"))
	f.record("88.1021.150/alias-self", value(1, "HS_ALIAS", "88.1021.150/Alias-Self"))
	f.record("0.NA/88.1021.9", value(2, "DESC", "the prefix"))
	f.record("88.1021.150/loop-a", value(1, "HS_ALIAS", "88.1021.150/loop-b"))
	f.record("88.1021.150/loop-b", value(1, "HS_ALIAS", "88.1021.150/loop-a"))
	f.record("88.1021.150/"+strings.Repeat("lang ", 20), value(1, "DESC", "long"))
	f.add("88.1021.150/gone", false, identifier.Record{State: identifier.Revoked, Reason: "scrapped", Values: []identifier.Value{value(1, "URL", "https://x")}})
	f.add("88.1021.200/AbC", true, identifier.Record{State: identifier.Active, Values: []identifier.Value{value(1, "DESC", "case")}})
	f.record("1.2.156.10001.7", value(1, "URL", "https://oid.example/7"), value(2, "ORS.CINF", "https://oid.example/7/children"), value(3, "DESC", "seven"))
	f.record("1.2.156.10001.8", value(1, "DESC", "no url"))
	f.add("1.2.156.10001.9", false, identifier.Record{State: identifier.Revoked})
	f.add("1.2.156.10001.8.5", false, identifier.Record{State: identifier.Revoked})
	f.record("1.2.156.10001.9.1", value(1, "DESC", "child of a revoked one"))
	f.record("(01)06901234567892(21)123", value(1, "URL", "https://gs1.example/123"))
	f.record("(01)06901234567892(21)A1", value(1, "DESC", "upper"))
	f.record("ecode:10064000123456789", value(1, "URL", "https://e.example/1"))
	f.record("ecode:300001ABC123", value(1, "DESC", "v3"))
}

func TestAnswers(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{})
	populate(f)
	const hdl = "150.1021.88.hdl.id.example"
	const serial = "123.21.06901234567892.01.gs1.id.example."
	glue := func(name, ip string) string { return "ex: " + name + " 86400 IN " + ip }
	tests := []struct {
		name  string
		typ   uint16
		rcode int
		want  []string
	}{
		// NAPTR, URI, TXT
		{"sn-001." + hdl, dns.TypeNAPTR, 0, []string{
			`an: sn-001.150.1021.88.hdl.id.example. 60 IN NAPTR 100 10 "u" "IDIS+URL" "!^.*$!https://a.example/sn!" .`,
			`an: sn-001.150.1021.88.hdl.id.example. 60 IN NAPTR 100 20 "u" "IDIS+URLCN" "#^.*$#https://b.example/%E4%B8%AD%E6%96%87%20x?q=!#" .`}},
		{"sn-001." + hdl, dns.TypeURI, 0, []string{
			`an: sn-001.150.1021.88.hdl.id.example. 60 IN URI 10 1 "https://a.example/sn"`,
			`an: sn-001.150.1021.88.hdl.id.example. 60 IN URI 20 1 "https://b.example/%E4%B8%AD%E6%96%87%20x?q=!"`}},
		{"_idis._tcp.002." + hdl, dns.TypeURI, dns.RcodeNameError, []string{soaFirst}},
		{"_IDIS._tcp.60o34._b32." + hdl, dns.TypeURI, 0, []string{`an: _IDIS._tcp.60o34._b32.150.1021.88.hdl.id.example. 300 IN URI 10 1 "https://a.example/2"`}},
		{"_idis._tcp.60o34._b32." + hdl, dns.TypeTXT, 0, []string{soaFirst}},
		{"_tcp.60o34._b32." + hdl, dns.TypeURI, 0, []string{soaFirst}},
		{"_tcp.7.10001.156.2.1.oid.id.example", dns.TypeURI, 0, []string{soaFirst}},
		{"_tcp.8.10001.156.2.1.oid.id.example", dns.TypeURI, dns.RcodeNameError, []string{soaFirst}},
		{"_udp.60o34._b32." + hdl, dns.TypeURI, dns.RcodeNameError, []string{soaFirst}},
		{"SN-001." + hdl, dns.TypeTXT, 0, []string{
			`an: SN-001.150.1021.88.hdl.id.example. 60 IN TXT "1 URL=https://a.example/sn"`,
			`an: SN-001.150.1021.88.hdl.id.example. 60 IN TXT "2 EMAIL=b@example"`,
			`an: SN-001.150.1021.88.hdl.id.example. 60 IN TXT "3 URL.cn=https://b.example/\228\184\173\230\150\135 x?q=!"`}},
		{"ad72qc1g64._b32." + hdl, dns.TypeNAPTR, 0, nil}, // both forms, either spelling: compared below
		{"private." + hdl, dns.TypeTXT, 0, []string{soaFirst}},
		{"sn-001." + hdl, dns.TypeA, 0, []string{soaFirst}},
		{"sn-001." + hdl, dns.TypeCAA, 0, []string{soaFirst}},
		{"sn-001." + hdl, dns.TypeSOA, 0, []string{soaFirst}},
		{"sn-001." + hdl, 65280, 0, []string{soaFirst}},
		{"sn-001." + hdl, dns.TypeANY, 0, []string{`an: sn-001.150.1021.88.hdl.id.example. 3600 IN HINFO "RFC8482" ""`}},
		{"none." + hdl, dns.TypeANY, dns.RcodeNameError, []string{soaFirst}},
		{"sn-001.150.1021.88.hdl.Second.example", dns.TypeURI, 0, nil},
		{"none.150.1021.88.hdl.SECOND.example", dns.TypeURI, dns.RcodeNameError, []string{strings.Replace(soaSecond, "second", "SECOND", 1)}},
		{"c5h46._b32.200.1021.88.hdl.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}}, // abc
		{"85h46._b32.200.1021.88.hdl.id.example", dns.TypeTXT, 0, []string{`an: 85h46._b32.200.1021.88.hdl.id.example. 300 IN TXT "1 DESC=case"`}},
		{"abc.200.1021.88.hdl.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},

		// nothing there
		{"gone." + hdl, dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"none." + hdl, dns.TypeNAPTR, dns.RcodeNameError, []string{soaFirst}},
		{"x.99.hdl.id.example", dns.TypeNAPTR, dns.RcodeNameError, []string{soaFirst}},
		{"www.id.example", dns.TypeA, dns.RcodeNameError, []string{soaFirst}},
		{"x.7.1021.88.hdl.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"example", dns.TypeSOA, dns.RcodeRefused, nil},
		{"xid.example", dns.TypeSOA, dns.RcodeRefused, nil},
		{"sn-001." + hdl, dns.TypeAXFR, dns.RcodeRefused, nil},
		{"id.example", dns.TypeIXFR, dns.RcodeRefused, nil},

		// above names
		{"hdl.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"88.hdl.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"1021.88.hdl.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{hdl, dns.TypeTXT, 0, []string{soaFirst}},
		{"_b32." + hdl, dns.TypeTXT, 0, []string{soaFirst}},
		{"86.hdl.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"_b32.9.1021.88.hdl.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"gs1.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"01.gs1.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"06901234567892.01.gs1.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"21.06901234567892.01.gs1.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"10.06901234567892.01.gs1.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"_b32.21.06901234567892.01.gs1.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"ecode.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"v1.ecode.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"v2.ecode.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"0064.v1.ecode.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"oid.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"1.oid.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"0.oid.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"10001.156.2.1.oid.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"9.10001.156.2.1.oid.id.example", dns.TypeNAPTR, 0, []string{soaFirst}},
		{"6.10001.156.2.1.oid.id.example", dns.TypeNAPTR, dns.RcodeNameError, []string{soaFirst}},

		// OID resolution system
		{"7.10001.156.2.1.oid.id.example", dns.TypeNAPTR, 0, []string{
			`an: 7.10001.156.2.1.oid.id.example. 300 IN NAPTR 100 10 "u" "ORS+RINF" "!^.*$!https://oid.example/7!" .`,
			`an: 7.10001.156.2.1.oid.id.example. 300 IN NAPTR 100 20 "u" "ORS+CINF" "!^.*$!https://oid.example/7/children!" .`,
			`an: 7.10001.156.2.1.oid.id.example. 300 IN NAPTR 100 30 "u" "ORS+COID" "!^.*$!urn:oid:1.2.156.10001.7!" .`}},
		{"8.10001.156.2.1.oid.id.example", dns.TypeNAPTR, 0, []string{
			`an: 8.10001.156.2.1.oid.id.example. 86400 IN NAPTR 100 10 "u" "ORS+COID" "!^.*$!urn:oid:1.2.156.10001.8!" .`}},
		{"_up.3.2.8.10001.156.2.1.oid.id.example", dns.TypeTXT, 0, []string{
			`an: _up.3.2.8.10001.156.2.1.oid.id.example. 300 IN TXT "oid=1.2.156.10001.8"`,
			`an: _up.3.2.8.10001.156.2.1.oid.id.example. 300 IN TXT "1 DESC=no url"`}},
		{"_up.8.10001.156.2.1.oid.id.example", dns.TypeNAPTR, 0, []string{soaFirst}},
		{"_up.5.8.10001.156.2.1.oid.id.example", dns.TypeTXT, 0, []string{ // revoked itself
			`an: _up.5.8.10001.156.2.1.oid.id.example. 300 IN TXT "oid=1.2.156.10001.8"`,
			`an: _up.5.8.10001.156.2.1.oid.id.example. 300 IN TXT "1 DESC=no url"`}},
		{"_up.1.oid.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"_up.6.10001.156.2.1.oid.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"8.10001.CN.member-body.iso.oid.id.example", dns.TypeTXT, 0, []string{
			`an: iso.oid.id.example. 86400 IN DNAME 1.oid.id.example.`,
			`an: 8.10001.CN.member-body.iso.oid.id.example. 86400 IN CNAME 8.10001.CN.member-body.1.oid.id.example.`,
			`an: member-body.1.oid.id.example. 86400 IN DNAME 2.1.oid.id.example.`,
			`an: 8.10001.CN.member-body.1.oid.id.example. 86400 IN CNAME 8.10001.CN.2.1.oid.id.example.`,
			`an: CN.2.1.oid.id.example. 86400 IN DNAME 156.2.1.oid.id.example.`,
			`an: 8.10001.CN.2.1.oid.id.example. 86400 IN CNAME 8.10001.156.2.1.oid.id.example.`,
			`an: 8.10001.156.2.1.oid.id.example. 300 IN TXT "1 DESC=no url"`}},
		{"1.Country.oid.id.example", dns.TypeTXT, dns.RcodeNameError, []string{
			`an: Country.oid.id.example. 86400 IN DNAME 16.2.oid.id.example.`,
			`an: 1.Country.oid.id.example. 86400 IN CNAME 1.16.2.oid.id.example.`, soaFirst}},
		{"iso.oid.id.example", dns.TypeDNAME, 0, []string{`an: iso.oid.id.example. 86400 IN DNAME 1.oid.id.example.`}},
		{"iso.oid.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"nobody.oid.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},

		// GS1, Ecode
		{serial, dns.TypeURI, 0, []string{`an: ` + serial + ` 300 IN URI 10 1 "https://gs1.example/123"`}},
		{"84og._b32.21.06901234567892.01.gs1.id.example", dns.TypeTXT, 0, []string{`an: 84og._b32.21.06901234567892.01.gs1.id.example. 300 IN TXT "1 DESC=upper"`}},
		{"a1.21.06901234567892.01.gs1.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"000123456789.0064.v1.ecode.id.example", dns.TypeURI, 0, []string{`an: 000123456789.0064.v1.ecode.id.example. 300 IN URI 10 1 "https://e.example/1"`}},
		{"85146c9i6c._b32.00001.v3.ecode.id.example", dns.TypeTXT, 0, []string{`an: 85146c9i6c._b32.00001.v3.ecode.id.example. 300 IN TXT "1 DESC=v3"`}},
		{"abc123.00001.v3.ecode.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},

		// aliases
		{"alias." + hdl, dns.TypeURI, 0, []string{
			`an: alias.150.1021.88.hdl.id.example. 300 IN CNAME sn-001.150.1021.88.hdl.id.example.`,
			`an: sn-001.150.1021.88.hdl.id.example. 60 IN URI 10 1 "https://a.example/sn"`,
			`an: sn-001.150.1021.88.hdl.id.example. 60 IN URI 20 1 "https://b.example/%E4%B8%AD%E6%96%87%20x?q=!"`}},
		{"alias." + hdl, dns.TypeCNAME, 0, []string{`an: alias.150.1021.88.hdl.id.example. 300 IN CNAME sn-001.150.1021.88.hdl.id.example.`}},
		{"alias." + hdl, dns.TypeA, 0, []string{`an: alias.150.1021.88.hdl.id.example. 300 IN CNAME sn-001.150.1021.88.hdl.id.example.`, soaFirst}},
		{"alias-oid.150.1021.88.hdl.second.example", dns.TypeTXT, 0, []string{
			`an: alias-oid.150.1021.88.hdl.second.example. 300 IN CNAME 7.10001.156.2.1.oid.second.example.`,
			`an: 7.10001.156.2.1.oid.second.example. 300 IN TXT "1 URL=https://oid.example/7"`,
			`an: 7.10001.156.2.1.oid.second.example. 300 IN TXT "2 ORS.CINF=https://oid.example/7/children"`,
			`an: 7.10001.156.2.1.oid.second.example. 300 IN TXT "3 DESC=seven"`}},
		{"alias-none." + hdl, dns.TypeTXT, dns.RcodeNameError, []string{`an: alias-none.150.1021.88.hdl.id.example. 300 IN CNAME none.150.1021.88.hdl.id.example.`, soaFirst}},
		{"alias-out." + hdl, dns.TypeTXT, 0, []string{`an: alias-out.150.1021.88.hdl.id.example. 300 IN TXT "1 HS_ALIAS=20.500/x"`}},
		{"alias-both." + hdl, dns.TypeTXT, 0, []string{`an: alias-both.150.1021.88.hdl.id.example. 300 IN TXT "1 HS_ALIAS=88.1021.150/SN-001"`, `an: alias-both.150.1021.88.hdl.id.example. 300 IN TXT "2 DESC=d"`}},
		{"alias-self." + hdl, dns.TypeTXT, 0, []string{`an: alias-self.150.1021.88.hdl.id.example. 300 IN TXT "1 HS_ALIAS=88.1021.150/Alias-Self"`}},
		{"_idis._tcp.7.10001.156.2.iso.oid.id.example", dns.TypeURI, 0, []string{
			`an: iso.oid.id.example. 86400 IN DNAME 1.oid.id.example.`,
			`an: _idis._tcp.7.10001.156.2.iso.oid.id.example. 86400 IN CNAME _idis._tcp.7.10001.156.2.1.oid.id.example.`,
			`an: _idis._tcp.7.10001.156.2.1.oid.id.example. 300 IN URI 10 1 "https://oid.example/7"`,
			`an: _idis._tcp.7.10001.156.2.1.oid.id.example. 300 IN URI 20 1 "https://oid.example/7/children"`}},
		{"loop-a." + hdl, dns.TypeTXT, 0, []string{`an: loop-a.150.1021.88.hdl.id.example. 300 IN CNAME loop-b.150.1021.88.hdl.id.example.`,
			`an: loop-b.150.1021.88.hdl.id.example. 300 IN CNAME loop-a.150.1021.88.hdl.id.example.`}},

		// delegated namespaces
		{"9.1021.88.hdl.id.example", dns.TypeSRV, 0, []string{
			`an: 9.1021.88.hdl.id.example. 86400 IN SRV 10 0 2641 9._svc.1021.88.hdl.id.example.`,
			`an: 9.1021.88.hdl.id.example. 86400 IN SRV 20 0 8000 9._svc.1021.88.hdl.id.example.`, glue("9._svc.1021.88.hdl.id.example.", "A 192.0.2.9")}},
		{"9.1021.88.hdl.id.example", dns.TypeSVCB, 0, []string{
			`an: 9.1021.88.hdl.id.example. 86400 IN SVCB 1 9._svc.1021.88.hdl.id.example. port="2641" ipv4hint="192.0.2.9"`,
			`an: 9.1021.88.hdl.id.example. 86400 IN SVCB 2 9._svc.1021.88.hdl.id.example. alpn="http/1.1" port="8000" ipv4hint="192.0.2.9"`, glue("9._svc.1021.88.hdl.id.example.", "A 192.0.2.9")}},
		{"9.1021.88.hdl.id.example", dns.TypeHTTPS, 0, []string{
			`an: 9.1021.88.hdl.id.example. 86400 IN HTTPS 1 9._svc.1021.88.hdl.id.example. alpn="http/1.1" port="8000" ipv4hint="192.0.2.9"`, glue("9._svc.1021.88.hdl.id.example.", "A 192.0.2.9")}},
		{"9._svc.1021.88.hdl.id.example", dns.TypeA, 0, []string{`an: 9._svc.1021.88.hdl.id.example. 86400 IN A 192.0.2.9`}},
		{"9._svc.1021.88.hdl.id.example", dns.TypeAAAA, 0, []string{soaFirst}},
		{"_svc.1021.88.hdl.id.example", dns.TypeA, 0, []string{soaFirst}},
		{"150._svc.1021.88.hdl.id.example", dns.TypeA, dns.RcodeNameError, []string{soaFirst}},
		{hdl, dns.TypeSVCB, 0, []string{soaFirst}},
		{"x.9.1021.88.hdl.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"a.b.9.1021.88.hdl.id.example", dns.TypeTXT, 0, []string{soaFirst}},
		{"9.1021.88.hdl.id.example", dns.TypeTXT, 0, []string{`an: 9.1021.88.hdl.id.example. 300 IN TXT "2 DESC=the prefix"`}},
		{"0065.v1.ecode.id.example", dns.TypeSVCB, 0, []string{
			`an: 0065.v1.ecode.id.example. 86400 IN SVCB 1 0065._svc.v1.ecode.id.example. alpn="http/1.1" port="80" ipv4hint="192.0.2.12"`, glue("0065._svc.v1.ecode.id.example.", "A 192.0.2.12")}},
		{"x.10.1021.88.hdl.id.example", dns.TypeTXT, 0, []string{"ns: 10.1021.88.hdl.id.example. 86400 IN NS 10._svc.1021.88.hdl.id.example.", glue("10._svc.1021.88.hdl.id.example.", "AAAA 2001:db8::10")}},
		{"_idis._tcp.x.10.1021.88.hdl.id.example", dns.TypeURI, 0, []string{"ns: 10.1021.88.hdl.id.example. 86400 IN NS 10._svc.1021.88.hdl.id.example.", glue("10._svc.1021.88.hdl.id.example.", "AAAA 2001:db8::10")}},
		{"a.b.10.1021.88.hdl.id.example", dns.TypeTXT, 0, []string{"ns: 10.1021.88.hdl.id.example. 86400 IN NS 10._svc.1021.88.hdl.id.example.", glue("10._svc.1021.88.hdl.id.example.", "AAAA 2001:db8::10")}},
		{"3.10.1021.88.hdl.id.example", dns.TypeTXT, 0, []string{"ns: 10.1021.88.hdl.id.example. 86400 IN NS 10._svc.1021.88.hdl.id.example.", glue("10._svc.1021.88.hdl.id.example.", "AAAA 2001:db8::10")}},
		{"x.7.3.10.1021.88.hdl.id.example", dns.TypeNAPTR, 0, []string{"ns: 10.1021.88.hdl.id.example. 86400 IN NS 10._svc.1021.88.hdl.id.example.", glue("10._svc.1021.88.hdl.id.example.", "AAAA 2001:db8::10")}},
		{"3.9.1021.88.hdl.id.example", dns.TypeTXT, dns.RcodeNameError, []string{soaFirst}},
		{"10.1021.88.hdl.id.example", dns.TypeNS, 0, []string{"ns: 10.1021.88.hdl.id.example. 86400 IN NS 10._svc.1021.88.hdl.id.example.", glue("10._svc.1021.88.hdl.id.example.", "AAAA 2001:db8::10")}},
		{"10.1021.88.hdl.id.example", dns.TypeDS, 0, []string{soaFirst}},
		{"10.1021.88.hdl.id.example", dns.TypeSRV, 0, []string{
			`an: 10.1021.88.hdl.id.example. 86400 IN SRV 10 0 2641 10._svc.1021.88.hdl.id.example.`, glue("10._svc.1021.88.hdl.id.example.", "AAAA 2001:db8::10")}},
		{"5.3.10002.156.2.1.oid.id.example", dns.TypeNAPTR, 0, []string{"ns: 10002.156.2.1.oid.id.example. 86400 IN NS 10002._svc.156.2.1.oid.id.example.", glue("10002._svc.156.2.1.oid.id.example.", "A 192.0.2.10")}},
		{"9.21.06905551234567.01.gs1.id.example", dns.TypeURI, 0, []string{"ns: 06905551234567.01.gs1.id.example. 86400 IN NS 06905551234567._svc.01.gs1.id.example.", glue("06905551234567._svc.01.gs1.id.example.", "A 192.0.2.11")}},

		// apex
		{"ID.example", dns.TypeSOA, 0, []string{"an: ID" + soaFirst[len("ns: id"):]}},
		{"id.example", dns.TypeNS, 0, []string{"an: id.example. 86400 IN NS ns1.id.example.", "ex: ns1.id.example. 86400 IN A 192.0.2.1", "ex: ns1.id.example. 86400 IN AAAA 2001:db8::1"}},
		{"id.example", dns.TypeDNSKEY, 0, []string{soaFirst}},
		{"id.example", dns.TypeANY, 0, []string{`an: id.example. 3600 IN HINFO "RFC8482" ""`}},
		{"ns1.id.example", dns.TypeA, 0, []string{"an: ns1.id.example. 86400 IN A 192.0.2.1"}},
		{"ns1.id.example", dns.TypeMX, 0, []string{soaFirst}},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+dns.TypeToString[tt.typ], func(t *testing.T) {
			r, got := f.ask(tt.name, tt.typ)
			if r.rcode != tt.rcode || tt.want != nil && !slices.Equal(got, tt.want) {
				t.Errorf("got %s\n%s\nwant %s\n%s", dns.RcodeToString[r.rcode], strings.Join(got, "\n"), dns.RcodeToString[tt.rcode], strings.Join(tt.want, "\n"))
			}
			if tt.want == nil && tt.rcode == 0 && len(r.answer) == 0 {
				t.Error("got no answer")
			}
			referral := len(r.answer) == 0 && len(r.authority) == 1 && r.authority[0].Header().Rrtype == dns.TypeNS
			if want := tt.rcode != dns.RcodeRefused && !referral; r.authoritative != want {
				t.Errorf("authoritative: got %v, want %v", r.authoritative, want)
			}
		})
	}
}

// TestLongNames asks for every name above one of several labels.
func TestLongNames(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{})
	populate(f)
	id, err := identifier.Parse("88.1021.150/" + strings.Repeat("lang ", 20))
	if err != nil {
		t.Fatal(err)
	}
	name, err := dnsname.In(id, false, "id.example", "")
	if err != nil {
		t.Fatal(err)
	}
	labels := strings.Split(name, ".")
	if slices.Index(labels, dnsname.Encoded) != 3 {
		t.Fatalf("got %s, want three labels of value", name)
	}
	for i := range 4 {
		above := strings.Join(labels[i:], ".")
		if r, lines := f.ask(above, dns.TypeTXT); r.rcode != 0 || (i == 0) != (len(r.answer) == 1) {
			t.Errorf("%s: got rcode %d, %q", above, r.rcode, lines)
		}
	}
	upper, err := identifier.Parse("88.1021.150/" + strings.Repeat("LaNG ", 20))
	if err != nil {
		t.Fatal(err)
	}
	if name, err = dnsname.In(upper, true, "id.example", ""); err != nil {
		t.Fatal(err)
	}
	labels = strings.Split(name, ".")
	for i := range 4 {
		above := strings.Join(labels[i:], ".")
		if r, lines := f.ask(above, dns.TypeTXT); r.rcode != 0 || (i == 0) != (len(r.answer) == 1) {
			t.Errorf("%s: got rcode %d, %q", above, r.rcode, lines)
		}
	}
	other := "x" + labels[2][1:] + "." + strings.Join(labels[3:], ".")
	if r, _ := f.ask(other, dns.TypeTXT); r.rcode != dns.RcodeNameError {
		t.Errorf("%s: got rcode %d, want NXDOMAIN", other, r.rcode)
	}
}

// TestTooLongSubstitution asks for a name that a DNAME makes longer than names may be.
func TestTooLongSubstitution(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{})
	tail := ".gs1.oid.id.example."
	fill := strings.Repeat(strings.Repeat("1", 57)+".", 4)
	for n, want := range map[int]int{253: dns.RcodeNameError, 254: dns.RcodeYXDomain} { // octets of text
		name := fill + strings.Repeat("2", n-len(fill)-len(tail)) + tail
		r, lines := f.ask(name, dns.TypeTXT)
		if r.rcode != want || (want == dns.RcodeYXDomain) != (len(r.answer) == 1) {
			t.Errorf("name of %d octets: got %s, %q", n+1, dns.RcodeToString[r.rcode], lines)
		}
	}
}

// TestEscapedLabels asks for names with octets that no identifier's name has.
func TestEscapedLabels(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{})
	populate(f)
	for _, name := range []string{`sn\.150.1021.88.hdl.id.example`, `sn-001\.150.1021.88.hdl.id.example`, `\000.150.1021.88.hdl.id.example`, `\255\..hdl.id.example`, `\1.oid.id.example`} {
		if r, lines := f.ask(name, dns.TypeTXT); len(r.answer) != 0 {
			t.Errorf("%s: got %q", name, lines)
		}
	}
	if r, _ := f.ask(`\115n-001.150.1021.88.hdl.id.ex\097mple`, dns.TypeTXT); len(r.answer) != 3 || r.answer[0].Header().Name != `\115n-001.150.1021.88.hdl.id.ex\097mple.` {
		t.Errorf("escaped letters: got %v", r.answer)
	}
	if r, _ := f.ask(".", dns.TypeNS); r.rcode != dns.RcodeRefused {
		t.Errorf("root: got rcode %d", r.rcode)
	}
}

func BenchmarkAnswer(b *testing.B) {
	f, _ := newTestZones(b, ZoneOptions{})
	populate(f)
	for _, q := range []struct {
		what, name string
		typ        uint16
	}{
		{"handle", "sn-001.150.1021.88.hdl.id.example.", dns.TypeURI},
		{"oid", "7.10001.156.2.1.oid.id.example.", dns.TypeNAPTR},
		{"unknown", "none.150.1021.88.hdl.id.example.", dns.TypeTXT},
	} {
		b.Run(q.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.zones.answer(b.Context(), dns.Question{Name: q.name, Qtype: q.typ, Qclass: dns.ClassINET}, new(resolver.Scratch))
			}
		})
	}
}

func TestExtendedErrors(t *testing.T) {
	f, broken := newTestZones(t, ZoneOptions{SuspendedServfail: true})
	populate(f)
	tests := []struct {
		name  string
		err   error
		rcode int
		code  uint16
		text  string
	}{
		{"x.7.1021.88.hdl.id.example", nil, dns.RcodeServerFailure, dns.ExtendedErrorCodeBlocked, "unpaid"},
		{"outside.example", nil, dns.RcodeRefused, dns.ExtendedErrorCodeNotAuthoritative, ""},
		{"gone.150.1021.88.hdl.id.example", nil, dns.RcodeNameError, dns.ExtendedErrorCodeOther, "scrapped"},
		{"x.150.1021.88.hdl.id.example", errors.New("disk"), dns.RcodeServerFailure, dns.ExtendedErrorCodeOther, "the records cannot be read"},
		{"x.150.1021.88.hdl.id.example", context.DeadlineExceeded, dns.RcodeServerFailure, dns.ExtendedErrorCodeOther, "no capacity to answer now"},
	}
	for _, tt := range tests {
		broken.err = tt.err
		r, _ := f.ask(tt.name, dns.TypeTXT)
		if r.rcode != tt.rcode || len(r.ede) != 1 || r.ede[0].InfoCode != tt.code || r.ede[0].ExtraText != tt.text {
			t.Errorf("%s, %v: got rcode %d, %+v", tt.name, tt.err, r.rcode, r.ede)
		}
		if r.rcode == dns.RcodeServerFailure && (r.authoritative || len(r.authority) > 0) {
			t.Errorf("%s: got %+v, want nothing but the code", tt.name, r)
		}
	}
	if r, _ := f.ask("sn-001.150.1021.88.hdl.id.example", dns.TypeTXT); len(r.ede) != 0 && broken.err == nil {
		t.Errorf("got %+v for an answer", r.ede)
	}
}

func TestOutcomes(t *testing.T) {
	for _, s := range resolver.Statuses() {
		if int(s) >= len(rcodes) {
			t.Errorf("%v has no response code", s)
		}
	}
	if rcodeOf(0) != dns.RcodeServerFailure || rcodeOf(255) != dns.RcodeServerFailure {
		t.Error("an unknown status is not SERVFAIL")
	}
}

// TestTTL checks relative and absolute TTLs and their bounds.
func TestTTL(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{MaxTTL: time.Hour})
	for _, tt := range []struct {
		typ  identifier.TTLType
		ttl  int64
		want uint32
	}{
		{identifier.Relative, 60, 60}, {identifier.Relative, 86400, 3600}, {identifier.Relative, -1, 0}, {identifier.Relative, 0, 0},
		{identifier.Absolute, testTime.Unix() + 90, 90}, {identifier.Absolute, testTime.Unix() - 90, 0}, {identifier.Absolute, testTime.Unix() + 90000, 3600},
	} {
		v := identifier.Value{TTLType: tt.typ, TTL: int32(tt.ttl)}
		if got := f.zones.ttl(&v); got != tt.want {
			t.Errorf("%+v: got %d, want %d", tt, got, tt.want)
		}
	}
}

// TestWire checks octets on the wire: NAPTR regexps, TXT strings, URI targets.
func TestWire(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{})
	ask := func(typ uint16, v ...identifier.Value) []string {
		r := &record{}
		for i := range v {
			r.values = append(r.values, &v[i])
		}
		var set []dns.RR
		switch typ {
		case dns.TypeNAPTR:
			set = f.zones.naptr("x.", r)
		case dns.TypeURI:
			set = f.zones.uri("x.", r)
		default:
			set = f.zones.txt("x.", r)
		}
		var all []string
		for _, rr := range set {
			buffer := make([]byte, 1<<16)
			n, err := dns.PackRR(rr, buffer, 0, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(buffer[13:n])) // behind the name, type, class, TTL and length
		}
		return all
	}
	str := func(parts ...string) string {
		var b strings.Builder
		for _, p := range parts {
			b.WriteByte(byte(len(p)))
			b.WriteString(p)
		}
		return b.String()
	}
	naptr := func(service, regexp string) string { return "\x00\x64\x00\x0a" + str("u", service, regexp, "") }
	longURL := "https://a.example/" + strings.Repeat("p", 300)
	hugeURL := "https://a.example/" + strings.Repeat("p", 4000)
	tests := []struct {
		typ  uint16
		v    identifier.Value
		want []string
	}{
		{dns.TypeNAPTR, value(1, "URL", `https://a/b\1 "c"%41%4`), []string{naptr("IDIS+URL", `!^.*$!https://a/b%5C1%20%22c%22%41%254!`)}},
		{dns.TypeNAPTR, value(1, "url.中-x_9", "https://a/!"), []string{naptr("IDIS+URLX9", `#^.*$#https://a/!#`)}},
		{dns.TypeNAPTR, value(1, "URL", "https://a/!#"), []string{naptr("IDIS+URL", `~^.*$~https://a/!#~`)}},
		{dns.TypeNAPTR, value(1, "URL", "https://a/!#~"), nil},
		{dns.TypeNAPTR, value(1, "URL", longURL), nil},
		{dns.TypeNAPTR, value(1, "URL", "https://"+strings.Repeat("a", 255-8-7)), []string{naptr("IDIS+URL", "!^.*$!https://"+strings.Repeat("a", 240)+"!")}},
		{dns.TypeNAPTR, value(1, "URL", "https://"+strings.Repeat("a", 255-8-6)), nil},
		{dns.TypeNAPTR, value(1, "URL."+strings.Repeat("A", 40), "https://a"), []string{naptr("IDIS+URL"+strings.Repeat("A", 29), "!^.*$!https://a!")}},
		{dns.TypeNAPTR, value(1, "ORS.CINF", "https://a"), nil},
		{dns.TypeURI, value(1, "URL", longURL), []string{"\x00\x0a\x00\x01" + longURL}},
		{dns.TypeURI, value(1, "URL", hugeURL), []string{"\x00\x0a\x00\x01" + hugeURL}},
		{dns.TypeURI, value(1, "URL", "https://a/!#~"), []string{"\x00\x0a\x00\x01https://a/!#~"}},
		{dns.TypeTXT, value(7, "DESC", "a \"b\" \\ \t中\n"), []string{str("7 DESC=a \"b\" \\ \t中\n")}},
		{dns.TypeTXT, value(7, "D", strings.Repeat("x", 255-4)), []string{str("7 D=" + strings.Repeat("x", 251))}},
		{dns.TypeTXT, value(7, "D", strings.Repeat("x", 252)), []string{str("7 D="+strings.Repeat("x", 251), "x")}},
		{dns.TypeTXT, value(7, "D", strings.Repeat("x", 1201)), []string{str("truncated=7")}},
		{dns.TypeTXT, value(7, "D", "\x00"), nil},
		{dns.TypeTXT, value(7, "D", "\xff"), nil},
		{dns.TypeTXT, value(7, "D", ""), []string{str("7 D=")}},
	}
	for _, tt := range tests {
		if got := ask(tt.typ, tt.v); !slices.Equal(got, tt.want) {
			t.Errorf("%s of %s %.60q:\ngot  %.300q\nwant %.300q", dns.TypeToString[tt.typ], tt.v.Type, tt.v.Data, got, tt.want)
		}
	}
	if got := ask(dns.TypeTXT, value(1, "A", strings.Repeat("x", 1200))); len(got) != 1 || len(got[0]) != 5+1200-1+5 {
		t.Errorf("1200 octets: got %d records of %d octets", len(got), len(got[0]))
	}
}

func TestSuffixes(t *testing.T) {
	f, _ := newTestZones(t, ZoneOptions{Apexes: []string{"id.example"}, ORSSuffixes: []string{"oid-res.test", "a.b.id.example"}, Hostmaster: "first.last@id.example"})
	populate(f)
	tests := []struct {
		name  string
		typ   uint16
		rcode int
		an    int
	}{
		{"oid-res.test", dns.TypeSOA, 0, 1},
		{"ns1.oid-res.test", dns.TypeA, 0, 1},
		{"7.10001.156.2.1.oid-res.test", dns.TypeNAPTR, 0, 3},
		{"7.10001.156.2.1.a.b.id.example", dns.TypeNAPTR, 0, 3},
		{"7.10001.156.2.1.oid.id.example", dns.TypeNAPTR, dns.RcodeNameError, 0},
		{"b.id.example", dns.TypeNAPTR, 0, 0},
		{"sn-001.150.1021.88.hdl.oid-res.test", dns.TypeTXT, dns.RcodeNameError, 0},
		{"sn-001.150.1021.88.hdl.id.example", dns.TypeTXT, 0, 3},
	}
	for _, tt := range tests {
		if r, lines := f.ask(tt.name, tt.typ); r.rcode != tt.rcode || len(r.answer) != tt.an {
			t.Errorf("%s: got rcode %d, %q", tt.name, r.rcode, lines)
		}
	}
	if _, lines := f.ask("id.example", dns.TypeSOA); !strings.Contains(lines[0], `first\.last.id.example.`) {
		t.Errorf("got %q, want the mailbox in it", lines)
	}
	r := f.zones.answer(t.Context(), dns.Question{Name: "zones.idnode.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}, new(resolver.Scratch))
	if got := fmt.Sprint(r.answer); strings.Count(got, "TXT") != 3 || !strings.Contains(got, `"id.example."`) || !strings.Contains(got, `"ors=oid-res.test."`) {
		t.Errorf("got %s", got)
	}
}

func TestZoneOptions(t *testing.T) {
	for _, tt := range []struct {
		o    ZoneOptions
		want string
	}{
		{ZoneOptions{}, "needs an apex"},
		{ZoneOptions{Apexes: []string{"."}}, "not a domain name"},
		{ZoneOptions{Apexes: []string{"a..b"}}, "not a domain name"},
		{ZoneOptions{Apexes: []string{"a"}, ORSSuffixes: []string{strings.Repeat("x", 64)}}, "ors suffix"},
		{ZoneOptions{Apexes: []string{"a"}, MaxTTL: time.Millisecond}, "max ttl"},
		{ZoneOptions{Apexes: []string{"a"}, NegativeTTL: -time.Second}, "negative ttl"},
		{ZoneOptions{Apexes: []string{"a"}, Hostmaster: "x..y"}, "mailbox"},
	} {
		if _, err := newZones(tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.o, err, tt.want)
		}
	}
}
