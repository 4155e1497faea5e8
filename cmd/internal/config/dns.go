package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver/dnsserver"
)

// DNS is the DNS surface.
type DNS struct {
	Listen string `koanf:"listen"` // UDP and TCP
	// Zone lists the apexes that are answered for; the first is the primary one.
	Zone []string `koanf:"zone"`
	// ORSSuffix lists the suffixes of the OID resolution system. Default: "oid." in front of each
	// zone.
	ORSSuffix []string `koanf:"ors_suffix"`
	// Nameservers are told in NS records. Default: ns1 in each zone, with the address public_ip.
	Nameservers []string `koanf:"nameservers"`
	Hostmaster  string   `koanf:"hostmaster"` // of the SOA records. Default: hostmaster in each zone
	// PublicIP is the address of nameservers in the zones. Default: handle.public_ip, or else the
	// address of listen, or 127.0.0.1 if that is unspecified.
	PublicIP    string        `koanf:"public_ip"`
	MaxTTL      time.Duration `koanf:"max_ttl"`
	NegativeTTL time.Duration `koanf:"negative_ttl"`
	// Suspended is the answer for names of suspended namespaces: "nxdomain" or "servfail".
	Suspended string `koanf:"suspended"`
	NSID      string `koanf:"nsid"` // told to who asks which server has answered
	// CookieSecretFile holds 16 octets, as they are or as hexadecimal digits, the same on all servers of
	// one address. Default: made up at start.
	CookieSecretFile string `koanf:"cookie_secret_file"`
	// ResponsesPerSecond bounds the answers to a network over UDP; 0 for no bound but that in octets.
	ResponsesPerSecond int `koanf:"responses_per_second"`
	// RRLSlip is of how many answers beyond the bounds one is sent, cut short; 0 for none.
	RRLSlip int `koanf:"rrl_slip"`
}

// Ecode is what is known of Ecode's coding systems.
type Ecode struct {
	NSIFile string `koanf:"nsi_file"` // see identifier.ParseNSITable. Default: nothing is known
}

// Zones is what of the configuration describes the zones; ip is the node's own address.
func (d *DNS) Zones(ip netip.Addr) (dnsserver.ZoneOptions, error) {
	o := dnsserver.ZoneOptions{Apexes: d.Zone, ORSSuffixes: d.ORSSuffix, Nameservers: d.Nameservers, Hostmaster: d.Hostmaster,
		MaxTTL: d.MaxTTL, NegativeTTL: d.NegativeTTL, SuspendedServfail: d.Suspended == "servfail"}
	if d.PublicIP != "" {
		var err error
		if ip, err = netip.ParseAddr(d.PublicIP); err != nil {
			return o, fmt.Errorf("dns.public_ip: %q is no IP address", d.PublicIP)
		}
	}
	if ip.IsValid() {
		o.Addrs = []netip.Addr{ip}
	}
	return o, nil
}

// CookieSecret is what cookie_secret_file holds; nil without one.
func (d *DNS) CookieSecret() ([]byte, error) {
	if d.CookieSecretFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(d.CookieSecretFile)
	if err != nil {
		return nil, fmt.Errorf("dns.cookie_secret_file: %w", err)
	}
	if len(text) == dnsserver.CookieSecretSize {
		return text, nil
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != dnsserver.CookieSecretSize {
		return nil, fmt.Errorf("dns.cookie_secret_file: %s holds neither 16 octets nor 32 hexadecimal digits", d.CookieSecretFile)
	}
	return secret, nil
}

// NSITable is what nsi_file holds; nil without one.
func (e *Ecode) NSITable() (*identifier.NSITable, error) {
	if e.NSIFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(e.NSIFile)
	if err != nil {
		return nil, fmt.Errorf("ecode.nsi_file: %w", err)
	}
	t, err := identifier.ParseNSITable(data)
	if err != nil {
		return nil, fmt.Errorf("ecode.nsi_file: %w", err)
	}
	return t, nil
}

// check reports every mistake in d.
func (d *DNS) check() error {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("dns."+key+": "+format, args...))
	}
	zones, err := d.Zones(netip.Addr{})
	if err != nil {
		errs = append(errs, err)
	}
	if len(d.Zone) == 0 {
		fail("zone", "is empty")
	} else if err := zones.Check(); err != nil {
		errs = append(errs, err)
	}
	if _, err := d.CookieSecret(); err != nil {
		errs = append(errs, err)
	}
	if d.Suspended != "nxdomain" && d.Suspended != "servfail" {
		fail("suspended", "%q is neither nxdomain nor servfail", d.Suspended)
	}
	if len(d.NSID) > dnsserver.MaxNSID {
		fail("nsid", "is longer than %d octets", dnsserver.MaxNSID)
	}
	if d.MaxTTL <= 0 {
		fail("max_ttl", "must be positive")
	}
	if d.NegativeTTL <= 0 {
		fail("negative_ttl", "must be positive")
	}
	if d.ResponsesPerSecond < 0 {
		fail("responses_per_second", "is negative")
	}
	if d.RRLSlip < 0 {
		fail("rrl_slip", "is negative")
	}
	return errors.Join(errs...)
}
