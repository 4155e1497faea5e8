package querylog

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// Front is the front end that was asked.
type Front uint8

const (
	DNSUDP    Front = 1
	DNSTCP    Front = 2
	HandleUDP Front = 3
	HandleTCP Front = 4
	GRPC      Front = 5
	HTTP      Front = 6
)

// fronts are the names of Front, as metrics have them.
var fronts = [...]string{"", "dns_udp", "dns_tcp", "handle_udp", "handle_tcp", "grpc", "http"}

func (f Front) String() string {
	if int(f) < len(fronts) {
		return fronts[f]
	}
	return ""
}

// Entry is a request and what it came to.
type Entry struct {
	Time   time.Time // of the request, to the microsecond
	Took   time.Duration
	Front  Front
	Scheme identifier.Scheme // 0: not an identifier
	Status resolver.Status
	Tier   resolver.Tier
	Client netip.Addr // invalid: not known
	Asked  []byte     // at most 1024 octets; see the package
}

const (
	entryHead = 19   // octets of an entry before the address
	maxAsked  = 1024 // octets kept of what was asked
	maxEntry  = entryHead + 16 + maxAsked
)

// appendEntry appends the stored form of an entry.
func appendEntry(dst []byte, at time.Time, took time.Duration, front Front, o resolver.Outcome, client netip.Addr, asked []byte) []byte {
	asked = asked[:min(len(asked), maxAsked)]
	var address [16]byte
	n := 0
	switch {
	case client.Is4():
		four := client.As4()
		n = copy(address[:], four[:])
	case client.IsValid():
		address = client.As16()
		n = 16
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(at.UnixMicro()))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(min(took.Microseconds(), 1<<32-1)))
	dst = append(dst, byte(front), byte(o.Scheme), byte(o.Status), byte(o.Tier), byte(n))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(asked)))
	dst = append(dst, address[:n]...)
	return append(dst, asked...)
}

var errEntry = errors.New("broken entry")

// parseEntry reads an entry, a view into src, and what follows it.
func parseEntry(src []byte) (e Entry, rest []byte, err error) {
	if len(src) < entryHead {
		return e, nil, errEntry
	}
	n, m := int(src[16]), int(binary.LittleEndian.Uint16(src[17:]))
	if n != 0 && n != 4 && n != 16 || m > maxAsked || len(src) < entryHead+n+m {
		return e, nil, errEntry
	}
	e = Entry{
		Time: time.UnixMicro(int64(binary.LittleEndian.Uint64(src))).UTC(), Took: time.Duration(binary.LittleEndian.Uint32(src[8:])) * time.Microsecond,
		Front: Front(src[12]), Scheme: identifier.Scheme(src[13]), Status: resolver.Status(src[14]), Tier: resolver.Tier(src[15]),
	}
	src = src[entryHead:]
	if n > 0 {
		e.Client, _ = netip.AddrFromSlice(src[:n])
	}
	e.Asked = src[n : n+m]
	return e, src[n+m:], nil
}
