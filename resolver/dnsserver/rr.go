package dnsserver

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/miekg/dns"

	"github.com/idnode/idnode/proto/identifier"
)

const (
	maxString  = 255  // octets of a character-string (RFC 1035, section 3.3)
	maxText    = 1200 // octets of a value in a TXT record
	maxService = 32   // characters of a NAPTR service behind "IDIS+" or "ORS+"
	maxTarget  = 1024 // octets of a URI that the library packs as such
)

// record is the values of an identifier's record that may be told over the DNS.
type record struct {
	id     identifier.ID
	values []*identifier.Value // with public read, in stored order
	ors    bool                // asked for below a suffix of the OID resolution system
	broad  bool                // told for a name above which id stands
}

// header begins a resource record of the name asked for.
func header(name string, typ uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: typ, Class: dns.ClassINET, Ttl: ttl}
}

// ttl is how many seconds v may be kept from now on.
func (z *zones) ttl(v *identifier.Value) uint32 {
	seconds := int64(v.TTL)
	if v.TTLType == identifier.Absolute {
		seconds -= z.now().Unix()
	}
	return uint32(min(max(seconds, 0), int64(z.maxTTL)))
}

// level gives all records of a set the lowest TTL among them (RFC 2181, section 5.2).
func level(set []dns.RR) []dns.RR {
	if len(set) == 0 {
		return nil
	}
	least := set[0].Header().Ttl
	for _, rr := range set {
		least = min(least, rr.Header().Ttl)
	}
	for _, rr := range set {
		rr.Header().Ttl = least
	}
	return set
}

// urls yields the URL values of r, numbered from 1.
func (r *record) urls(fn func(position int, v *identifier.Value)) {
	n := 0
	for _, v := range r.values {
		if len(v.Data) == 0 || !r.isURL(v) {
			continue
		}
		n++
		fn(n, v)
	}
}

// isURL reports whether v is a URL: by its type or one below it, "URL.CN", or, for an OID, by being a URI under
// the name of a service, "ORS.CINF".
func (r *record) isURL(v *identifier.Value) bool {
	return v.MatchType("URL.") || r.ors && len(appendServiceName(nil, orsType(v.Type))) > 0 && hasScheme(v.Data)
}

// orsType returns what of a type names a service, "" if nothing does.
func orsType(typ string) string {
	if len(typ) < 4 || !identifier.EqualFoldASCII(typ[:4], "ORS.") {
		return ""
	}
	return typ[4:]
}

// appendServiceName appends typ in upper-case letters and digits.
func appendServiceName(dst []byte, typ string) []byte {
	begin := len(dst)
	for i := 0; i < len(typ) && len(dst) < begin+maxService; i++ {
		switch c := typ[i]; {
		case 'a' <= c && c <= 'z':
			dst = append(dst, c-'a'+'A')
		case 'A' <= c && c <= 'Z' || isDigit(c):
			dst = append(dst, c)
		}
	}
	return dst
}

// appendService appends the NAPTR service of v.
func (r *record) appendService(dst []byte, v *identifier.Value) []byte {
	if !r.ors {
		return appendServiceName(append(dst, "IDIS+"...), v.Type)
	}
	dst = append(dst, "ORS+"...)
	begin := len(dst)
	if dst = appendServiceName(dst, orsType(v.Type)); len(dst) == begin {
		dst = append(dst, "RINF"...)
	}
	return dst
}

// hasScheme reports whether data begins as a URI (RFC 3986, section 3.1).
func hasScheme(data []byte) bool {
	for i, c := range data {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
		case i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		default:
			return i > 0 && c == ':'
		}
	}
	return false
}

const hexDigits = "0123456789ABCDEF"

// appendURI appends a URL as a URI: octets that no URI has are percent-encoded (RFC 3986, section 2; RFC 3987, section 3.1).
func appendURI(dst, data []byte) []byte {
	for i, c := range data {
		ok := inURI[c]
		if c == '%' {
			ok = i+2 < len(data) && isHex(data[i+1]) && isHex(data[i+2])
		}
		if ok {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

// inURI are the octets that stand in a URI as they are, but for "%".
var inURI = func() (in [256]bool) {
	for c := range in {
		in[c] = isDigit(byte(c)) || 'a' <= byte(c)|0x20 && byte(c)|0x20 <= 'z' || c < 0x80 && strings.IndexByte("-._~:/?#[]@!$&'()*+,;=", byte(c)) >= 0
	}
	return in
}()

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// naptr makes the NAPTR records of r (RFC 3403, section 4).
func (z *zones) naptr(name string, r *record) []dns.RR {
	var set []dns.RR
	n := 0
	add := func(position int, ttl uint32, service string, uri []byte) {
		n = position
		regexp, ok := appendSubstitution(nil, uri)
		if !ok {
			return
		}
		set = append(set, &dns.NAPTR{Hdr: header(name, dns.TypeNAPTR, ttl), Order: naptrOrder, Preference: preference(position),
			Flags: naptrFlags, Service: service, Regexp: escapeText(string(regexp)), Replacement: "."})
	}
	r.urls(func(position int, v *identifier.Value) {
		add(position, z.ttl(v), string(r.appendService(nil, v)), appendURI(nil, v.Data))
	})
	if r.ors {
		add(n+1, min(z.maxTTL, identifier.DefaultTTL), naptrCOID, []byte(r.id.URN()))
	}
	return level(set)
}

const (
	naptrOrder = 100
	naptrFlags = "u" // the regular expression makes a URI (RFC 3404, section 4.3)
	naptrCOID  = "ORS+COID"
)

// preference is 10 for the first, 20 for the second, as far as the field goes.
func preference(position int) uint16 { return uint16(min(10*position, 1<<16-1)) }

// appendSubstitution appends a regular expression that makes uri of everything (RFC 3402, section 3.2); false
// if no delimiter is free or it is longer than a character-string.
func appendSubstitution(dst, uri []byte) ([]byte, bool) {
	for _, delimiter := range [...]byte{'!', '#', '~'} {
		if bytes.IndexByte(uri, delimiter) >= 0 {
			continue
		}
		begin := len(dst)
		dst = append(dst, delimiter, '^', '.', '*', '$', delimiter)
		for _, c := range uri {
			if c == '\\' {
				dst = append(dst, c)
			}
			dst = append(dst, c)
		}
		dst = append(dst, delimiter)
		return dst, len(dst)-begin <= maxString
	}
	return dst, false
}

const uriWeight = 1

// uri makes the URI records of r (RFC 7553).
func (z *zones) uri(name string, r *record) []dns.RR {
	var set []dns.RR
	r.urls(func(position int, v *identifier.Value) {
		hdr := header(name, dns.TypeURI, z.ttl(v))
		uri := appendURI(nil, v.Data)
		if len(uri) <= maxTarget {
			set = append(set, &dns.URI{Hdr: hdr, Priority: preference(position), Weight: uriWeight, Target: escapeText(string(uri))})
			return
		}
		data := fmt.Sprintf("%04x%04x%s", preference(position), uriWeight, hex.EncodeToString(uri))
		set = append(set, &dns.RFC3597{Hdr: hdr, Rdata: data})
	})
	return level(set)
}

// txt makes the TXT records of r.
func (z *zones) txt(name string, r *record) []dns.RR {
	var set []dns.RR
	add := func(ttl uint32, text string) {
		set = append(set, &dns.TXT{Hdr: header(name, dns.TypeTXT, ttl), Txt: characterStrings(text)})
	}
	if r.broad {
		add(min(z.maxTTL, identifier.DefaultTTL), "oid="+r.id.Canonical())
	}
	for _, v := range r.values {
		if text, ok := appendText(nil, v); ok {
			add(z.ttl(v), string(text))
		}
	}
	return level(set)
}

// appendText appends what a TXT record says of v; false if v is no text.
func appendText(dst []byte, v *identifier.Value) ([]byte, bool) {
	if !isText([]byte(v.Type)) || !isText(v.Data) {
		return dst, false
	}
	if len(v.Data) > maxText {
		return strconv.AppendUint(append(dst, "truncated="...), uint64(v.Index), 10), true
	}
	dst = append(strconv.AppendUint(dst, uint64(v.Index), 10), ' ')
	dst = append(append(dst, v.Type...), '=')
	return append(dst, v.Data...), true
}

// isText reports whether data is UTF-8 without control characters other than tabs and ends of lines.
func isText(data []byte) bool {
	for i := 0; i < len(data); {
		r, n := rune(data[i]), 1
		if r >= utf8.RuneSelf {
			if r, n = utf8.DecodeRune(data[i:]); r == utf8.RuneError && n == 1 {
				return false
			}
		}
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || 0x7f <= r && r < 0xa0 {
			return false
		}
		i += n
	}
	return true
}

// characterStrings cuts text into strings of 255 octets, in presentation form.
func characterStrings(text string) []string {
	var all []string
	for len(text) > maxString {
		all = append(all, escapeText(text[:maxString]))
		text = text[maxString:]
	}
	return append(all, escapeText(text))
}

// escapeText writes octets in the presentation form that the library packs to these very octets.
func escapeText(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			b.Write([]byte{'\\', '0' + c/100, '0' + c/10%10, '0' + c%10})
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// cutText is the first n octets of text, or fewer so that no character is cut.
func cutText(text string, n int) string {
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// ports are what a service listens on for identifiers, each once, the first to be tried first.
func ports(s *identifier.Service) []uint16 {
	var all []uint16
	for _, port := range [...]uint16{s.TCP, s.UDP, s.HTTP} {
		known := port == 0
		for _, p := range all {
			known = known || p == port
		}
		if !known {
			all = append(all, port)
		}
	}
	return all
}

// serviceRRs makes the SRV, SVCB or HTTPS records (RFC 2782, RFC 9460) of a delegated namespace's service, whose
// addresses are those of target. HTTPS tells the HTTP interface alone.
func serviceRRs(typ uint16, name, target string, ttl uint32, s *identifier.Service) []dns.RR {
	var set []dns.RR
	for i, port := range ports(s) {
		web := port == s.HTTP
		if typ == dns.TypeHTTPS && !web {
			continue
		}
		hdr := header(name, typ, ttl)
		if typ == dns.TypeSRV {
			set = append(set, &dns.SRV{Hdr: hdr, Priority: preference(i + 1), Weight: 0, Port: port, Target: target})
			continue
		}
		var params []dns.SVCBKeyValue
		if web {
			params = append(params, &dns.SVCBAlpn{Alpn: []string{"http/1.1"}})
		}
		params = append(params, &dns.SVCBPort{Port: port}, hint(s.IP.Unmap()))
		svcb := dns.SVCB{Hdr: hdr, Priority: uint16(len(set) + 1), Target: target, Value: params}
		if typ == dns.TypeHTTPS {
			set = append(set, &dns.HTTPS{SVCB: svcb})
		} else {
			set = append(set, &svcb)
		}
	}
	return set
}

func hint(ip netip.Addr) dns.SVCBKeyValue {
	if ip.Is4() {
		return &dns.SVCBIPv4Hint{Hint: []net.IP{ip.AsSlice()}}
	}
	return &dns.SVCBIPv6Hint{Hint: []net.IP{ip.AsSlice()}}
}

// addresses makes the A or AAAA records of addrs.
func addresses(typ uint16, name string, ttl uint32, addrs ...netip.Addr) []dns.RR {
	var set []dns.RR
	for _, ip := range addrs {
		ip = ip.Unmap()
		switch {
		case typ == dns.TypeA && ip.Is4():
			set = append(set, &dns.A{Hdr: header(name, typ, ttl), A: ip.AsSlice()})
		case typ == dns.TypeAAAA && ip.Is6():
			set = append(set, &dns.AAAA{Hdr: header(name, typ, ttl), AAAA: ip.WithZone("").AsSlice()})
		}
	}
	return set
}

// bothAddresses makes the A and the AAAA records of addrs.
func bothAddresses(name string, ttl uint32, addrs ...netip.Addr) []dns.RR {
	return append(addresses(dns.TypeA, name, ttl, addrs...), addresses(dns.TypeAAAA, name, ttl, addrs...)...)
}

// hinfo is the answer to a question for all types (RFC 8482, section 4.2).
func hinfo(name string, maxTTL uint32) dns.RR {
	const ttl = uint32(time.Hour / time.Second)
	return &dns.HINFO{Hdr: header(name, dns.TypeHINFO, min(ttl, maxTTL)), Cpu: "RFC8482", Os: ""}
}
