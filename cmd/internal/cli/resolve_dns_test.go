package cli

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/idnode/idnode/proto/dnsname"
	"github.com/idnode/idnode/proto/identifier"
)

// dnsNode is a DNS server on one port for UDP and TCP. It answers with what reply makes of a
// question.
func dnsNode(t *testing.T, reply func(q dnsmessage.Question, m *dnsmessage.Message)) string {
	t.Helper()
	answer := func(packed []byte, udp bool) []byte {
		var m dnsmessage.Message
		if err := m.Unpack(packed); err != nil || len(m.Questions) != 1 {
			t.Errorf("a broken question %x: %v", packed, err)
			return nil
		}
		m.Response, m.Authoritative, m.Additionals = true, true, nil
		reply(m.Questions[0], &m)
		if udp && len(m.Answers) > 5 {
			m.Truncated, m.Answers = true, nil
		}
		out, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		return out
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); u.Close() })
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := u.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = u.WriteTo([]byte("junk"), from) // which a client passes over
			_, _ = u.WriteTo(answer(buf[:n], true), from)
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var length [2]byte
			if _, err := io.ReadFull(c, length[:]); err == nil {
				packed := make([]byte, binary.BigEndian.Uint16(length[:]))
				_, _ = io.ReadFull(c, packed)
				out := answer(packed, false)
				_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

func txt(name dnsmessage.Name, class dnsmessage.Class, strs ...string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Class: class, TTL: 60}, Body: &dnsmessage.TXTResource{TXT: strs}}
}

// extended is an OPT record with an Extended DNS Error.
func extended(code uint16, text string) dnsmessage.Resource {
	var h dnsmessage.ResourceHeader
	_ = h.SetEDNS0(1232, dnsmessage.RCodeSuccess, false)
	return dnsmessage.Resource{Header: h, Body: &dnsmessage.OPTResource{Options: []dnsmessage.Option{
		{Code: 15, Data: append(binary.BigEndian.AppendUint16(nil, code), text...)}}}}
}

func TestResolveDNS(t *testing.T) {
	t.Chdir(t.TempDir())
	owner := func(text string) string {
		t.Helper()
		id, err := identifier.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		name, err := dnsname.In(id, true, "id.example", "ors.example")
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	alias := dnsmessage.MustNewName("target.id.example.")
	replies := map[string]func(dnsmessage.Name, *dnsmessage.Message){
		owner("88.100.1/x"): func(n dnsmessage.Name, m *dnsmessage.Message) {
			m.Answers = []dnsmessage.Resource{txt(n, dnsmessage.ClassINET, "1 URL=https://x.example/?a=b"), txt(n, dnsmessage.ClassINET, "2 NAME=轴", "承"),
				txt(n, dnsmessage.ClassINET, "truncated=3"), txt(n, dnsmessage.ClassINET, "v=spf1 -all")}
		},
		owner("88.100.1/many"): func(n dnsmessage.Name, m *dnsmessage.Message) { // cut over UDP
			for range 9 {
				m.Answers = append(m.Answers, txt(n, dnsmessage.ClassINET, "1 URL=https://x.example/tcp"))
			}
		},
		owner("88.100.1/alias"): func(n dnsmessage.Name, m *dnsmessage.Message) {
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: n, Class: dnsmessage.ClassINET}, Body: &dnsmessage.CNAMEResource{CNAME: alias}}}
		},
		alias.String(): func(n dnsmessage.Name, m *dnsmessage.Message) {
			m.Answers = []dnsmessage.Resource{txt(n, dnsmessage.ClassINET, "1 URL=https://x.example/target")}
		},
		owner("88.100.1/empty"): func(dnsmessage.Name, *dnsmessage.Message) {},
		owner("88.100.1/blocked"): func(_ dnsmessage.Name, m *dnsmessage.Message) {
			m.RCode, m.Additionals = dnsmessage.RCodeNameError, []dnsmessage.Resource{extended(15, "fees unpaid")}
		},
		owner("88.100.1/broken"): func(_ dnsmessage.Name, m *dnsmessage.Message) {
			m.RCode, m.Additionals = dnsmessage.RCodeServerFailure, []dnsmessage.Resource{extended(23, "upstream failed")}
		},
		owner("88.200.1/x"): func(_ dnsmessage.Name, m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeRefused },
		owner("88.300.1/x"): func(_ dnsmessage.Name, m *dnsmessage.Message) {
			m.Authoritative = false
			m.Authorities = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("1.300.88.hdl.id.example."), Class: dnsmessage.ClassINET},
				Body: &dnsmessage.NSResource{NS: dnsmessage.MustNewName("ns.example.")}}}
		},
		owner("oid:1.2.156.7"): func(n dnsmessage.Name, m *dnsmessage.Message) {
			m.Answers = []dnsmessage.Resource{txt(n, dnsmessage.ClassINET, "1 URL=https://x.example/oid")}
		},
		owner("gs1:6901234567892"): func(n dnsmessage.Name, m *dnsmessage.Message) {
			m.Answers = []dnsmessage.Resource{txt(n, dnsmessage.ClassINET, "1 URL=https://x.example/gtin")}
		},
	}
	addr := dnsNode(t, func(q dnsmessage.Question, m *dnsmessage.Message) {
		if q.Class == dnsmessage.ClassCHAOS && q.Name.String() == "zones.idnode." {
			m.Answers = []dnsmessage.Resource{txt(q.Name, q.Class, "id.example.", "more.example", "ors=ors.example")}
			return
		}
		if reply, ok := replies[strings.ToLower(q.Name.String())]; ok && q.Type == dnsmessage.TypeTXT {
			reply(q.Name, m)
			return
		}
		m.RCode = dnsmessage.RCodeNameError
	})
	for _, tc := range []struct {
		args string
		code int
		says string // of both outputs
	}{
		{"88.100.1/x", exitDone, "  1  URL   60  https://x.example/?a=b\n  2  NAME  60  轴承\n"},
		{"88.100.1/x --type NAME", exitDone, "  2  NAME  60  轴承\n"},
		{"88.100.1/x --index 1", exitDone, "  1  URL  60  https://x.example/?a=b\n"},
		{"88.100.1/x --type EMAIL", exitNotFound, "without a value"},
		{"88.100.1/many", exitDone, "https://x.example/tcp"},
		{"88.100.1/alias", exitDone, "https://x.example/target"},
		{"88.100.1/empty", exitNotFound, "without a value"},
		{"88.100.1/none", exitNotFound, "88.100.1/none: not found"},
		{"88.100.1/blocked", exitDenied, "suspended: fees unpaid"},
		{"88.100.1/broken", exitFailed, "unavailable: upstream failed"},
		{"88.200.1/x", exitNotFound, "no namespace of this node"},
		{"88.300.1/x", exitDone, "1.300.88.hdl.id.example is answered by"},
		{"88.300.1/x --zone id.example", exitDone, "1.300.88.hdl.id.example is answered by"},
		{"urn:oid:1.2.156.7", exitDone, "https://x.example/oid"},
		{"1.2.156.7 --scheme oid", exitDone, "https://x.example/oid"},
		{"6901234567892", exitDone, "https://x.example/gtin"},
		{"]E06901234567892", exitDone, "https://x.example/gtin"},
		{"6901234567893", exitFailed, "did you mean 6901234567892?"},
		{"6901234567892 --scheme oid", exitFailed, "not a valid oid identifier"},
		{"did:cn:88.100.1", exitNotFound, "no namespace of this node"},
		{"no identifier", exitFailed, "not an identifier"},
		{"abc.d/x", exitFailed, "cannot be asked over DNS"},
	} {
		args := append([]string{"resolve", "--via", "dns", "--addr", addr}, strings.Split(tc.args, " --")[0])
		for i, flag := range strings.Split(tc.args, " --") {
			if i > 0 {
				args = append(args, strings.Fields("--"+flag)...)
			}
		}
		out, errs, code := run(t, "", args...)
		if code != tc.code || !strings.Contains(out+errs, tc.says) {
			t.Errorf("%s: exit %d, out %q, err %q; want %d, %q", tc.args, code, out, errs, tc.code, tc.says)
		}
		if out, errs, code := run(t, "", append(args, "-o", "json")...); code != tc.code || !json.Valid([]byte(out+errs)) {
			t.Errorf("%s -o json: exit %d, out %q, err %q", tc.args, code, out, errs)
		}
	}
}

func TestZonesOf(t *testing.T) {
	t.Chdir(t.TempDir())
	addr := dnsNode(t, func(_ dnsmessage.Question, m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeRefused })
	if _, errs, code := run(t, "", "resolve", "88.1/x", "--via", "dns", "--addr", addr); code != exitFailed || !strings.Contains(errs, "--zone") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if _, errs, code := run(t, "", "resolve", "88.1/x", "--via", "dns", "--addr", unused(t), "--timeout", "300ms"); code != exitFailed || !strings.Contains(errs, "no answer from") {
		t.Errorf("exit %d, %q", code, errs)
	}
}
