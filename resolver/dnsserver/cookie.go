package dnsserver

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/idnode/idnode/resolver/internal/siphash"
)

// CookieSecretSize is the octets of the secret that cookies are made with (RFC 9018, section 4.4).
const CookieSecretSize = 16

// Lengths of the COOKIE option (RFC 7873, section 4) and of our server cookie (RFC 9018, section 4).
const (
	clientCookie = 8
	serverCookie = 16
	minServer    = 8 // of any server's
	maxServer    = 32
)

const (
	cookieLife  = time.Hour
	cookieRenew = 30 * time.Minute
	cookieAhead = 5 * time.Minute // what another server of ours may be fast by
)

// cookies makes and checks server cookies in the layout that servers of other makers share (RFC
// 9018): version 1, three reserved octets, the time, and SipHash-2-4 of all that goes before and the
// client's address.
type cookies struct {
	secret [CookieSecretSize]byte
}

// append appends the server cookie for a client to dst.
func (c *cookies) append(dst []byte, client []byte, now time.Time, addr netip.Addr) []byte {
	head := [8]byte{0: 1}
	binary.BigEndian.PutUint32(head[4:], uint32(now.Unix()))
	dst = append(dst, head[:]...)
	return binary.LittleEndian.AppendUint64(dst, c.hash(client, head[:], addr))
}

func (c *cookies) hash(client, head []byte, addr netip.Addr) uint64 {
	var in [clientCookie + 8 + 16]byte
	b := append(append(in[:0], client...), head...)
	if addr = addr.Unmap(); addr.Is4() {
		ip := addr.As4()
		b = append(b, ip[:]...)
	} else {
		ip := addr.As16()
		b = append(b, ip[:]...)
	}
	return siphash.Sum64(&c.secret, b)
}

// check tells whether server is a cookie of ours for the client that is still good, and whether it
// is young enough to be kept.
func (c *cookies) check(client, server []byte, now time.Time, addr netip.Addr) (valid, fresh bool) {
	if len(server) != serverCookie || server[0] != 1 {
		return false, false
	}
	// Serial number arithmetic: the seconds wrap in 2106.
	age := time.Duration(int32(uint32(now.Unix())-binary.BigEndian.Uint32(server[4:8]))) * time.Second
	if age > cookieLife || age < -cookieAhead {
		return false, false
	}
	var want [8]byte
	binary.LittleEndian.PutUint64(want[:], c.hash(client, server[:8], addr))
	valid = subtle.ConstantTimeCompare(want[:], server[8:]) == 1
	return valid, valid && age <= cookieRenew
}
