package egress

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestCheckURL(t *testing.T) {
	open := &Policy{}
	lab := &Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	plain := &Policy{AllowHTTP: true}
	tests := []struct {
		policy *Policy
		url    string
		want   error
	}{
		{open, "https://example.com/hook?x=1", nil},
		{open, "https://example.com:8443/", nil},
		{open, "https://93.184.216.34/", nil},
		{open, "https://[2606:4700::1111]/", nil},
		{open, "http://example.com/", ErrPlain},
		{open, "http://93.184.216.34/", ErrPlain},
		{plain, "http://example.com/", nil},
		{plain, "http://10.1.2.3/", ErrPrivate},
		{lab, "http://name.plant/", nil}, // judged when it is dialled
		{lab, "http://10.1.2.3/", nil},
		{lab, "http://93.184.216.34/", ErrPlain},
		{lab, "https://10.2.0.1/", ErrPrivate},
		{lab, "https://[::ffff:10.1.2.3]/", nil},
		{lab, "https://[64:ff9b::10.1.2.3]/", nil},
		{lab, "https://[fd00:1::5]/", nil},
		{open, "", ErrURL}, {open, "example.com", ErrURL}, {open, "ftp://example.com/", ErrURL}, {open, "https://", ErrURL},
		{open, "https://user:pw@example.com/", ErrURL}, {open, "https://example.com/#x", ErrURL}, {open, "https:example.com", ErrURL},
		{open, "https://example.com:0/", ErrURL}, {open, "https://example.com:99999/", ErrURL}, {open, "https://example.com:/", ErrURL},
		{open, "https://[fe80::1%25eth0]/", ErrURL}, {open, "https://:443/", ErrURL},
	}
	for _, test := range tests {
		if err := test.policy.CheckURL(test.url); !errors.Is(err, test.want) {
			t.Errorf("CheckURL(%s) = %v, want %v", test.url, err, test.want)
		}
	}
}

func TestCheckAddresses(t *testing.T) {
	p := &Policy{AllowHTTP: true}
	for _, text := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.1.2.3", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "192.0.0.8",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1",
		"2002:7f00:1::", "2001:0:1::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1",
	} {
		if err := p.Check(netip.AddrPortFrom(netip.MustParseAddr(text), 443), true); !errors.Is(err, ErrPrivate) {
			t.Errorf("Check(%s) = %v", text, err)
		}
	}
	for _, text := range []string{"1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "198.20.0.1", "223.255.255.255", "2400:3200::1", "64:ff9b::1.1.1.1"} {
		if err := p.Check(netip.AddrPortFrom(netip.MustParseAddr(text), 443), true); err != nil {
			t.Errorf("Check(%s) = %v", text, err)
		}
	}
	if err := p.Check(netip.AddrPort{}, false); !errors.Is(err, ErrPrivate) {
		t.Errorf("Check of no address = %v", err)
	}
}

// TestOwn has a node that listens at a public address, and one that listens at all of the machine's.
func TestOwn(t *testing.T) {
	to := netip.MustParseAddrPort("1.1.1.1:8080")
	p := &Policy{Own: func() []netip.AddrPort { return []netip.AddrPort{to} }}
	if err := p.Check(to, false); !errors.Is(err, ErrPrivate) {
		t.Errorf("the node's own listener: %v", err)
	}
	if err := p.Check(netip.MustParseAddrPort("1.1.1.1:443"), false); err != nil {
		t.Errorf("another port there: %v", err)
	}
	all := &Policy{Own: func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("[::]:8080")} }}
	if err := all.Check(to, false); err != nil {
		t.Errorf("another machine: %v", err)
	}
	if !all.own(netip.MustParseAddrPort("127.0.0.1:8080")) {
		t.Error("an address of this machine is not its own")
	}
}

// TestControl: what is refused is refused before anything is sent, however the address was come by.
func TestControl(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := net.Dialer{Control: (&Policy{AllowHTTP: true}).Control(false)}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		_, port, _ := net.SplitHostPort(l.Addr().String())
		if _, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); !errors.Is(err, ErrPrivate) {
			t.Errorf("dial %s: %v", host, err)
		}
	}
	allowed := net.Dialer{Control: (&Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}).Control(true)}
	c, err := allowed.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
