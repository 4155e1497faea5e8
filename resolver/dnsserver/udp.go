package dnsserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/internal/budget"
	"github.com/idnode/idnode/resolver/internal/udpsock"
)

// maxRequest is the octets of a query over UDP: with all options that are known it has not half as many.
const maxRequest = 4096

// udpSocket is a socket with all that its one goroutine needs: a reply is written by the goroutine
// that has read the query.
type udpSocket struct {
	*net.UDPConn
	exchange
	in      [maxRequest + 1]byte
	oob     []byte // tells which of our addresses to answer from; empty: the socket's only one
	limited int    // replies that were more than a network may have
}

func (s *Server) serveUDP(c *net.UDPConn) {
	u := &udpSocket{UDPConn: c, exchange: exchange{s: s, front: s.udp}}
	oob := make([]byte, udpsock.OOBSize)
	for {
		n, m, _, from, err := u.ReadMsgUDPAddrPort(u.in[:], oob)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Warn("reading from UDP", "err", err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		u.oob = udpsock.AnswerFrom(oob[:m])
		u.packet(s.base, u.in[:n], from)
	}
}

// packet takes in one datagram and sends what there is to reply.
func (u *udpSocket) packet(ctx context.Context, packet []byte, from netip.AddrPort) {
	switch {
	case len(packet) < headerSize, len(packet) > maxRequest:
		u.front.Drop("malformed")
		return
	case packet[2]&(flagQR>>8) != 0:
		u.front.Drop("response")
		return
	case talksBack(from.Port()):
		u.front.Drop("source_port")
		return
	}
	out := u.answer(ctx, packet, from.Addr())
	if u.r.status == resolver.Overloaded {
		u.abandon("overload") // the client asks again, or another server; a failure would be kept
		return
	}
	if out = u.admit(out, len(packet), from.Addr()); out == nil {
		u.abandon("rrl")
		return
	}
	if _, _, err := u.WriteMsgUDPAddrPort(out, u.oob, from); err != nil {
		u.abandon("send")
		return
	}
	u.done()
}

// talksBack reports whether what answers on a port answers anything: such a service and we would never
// stop. DNS servers drop responses, so that port 53, which some resolvers ask from, is none.
func talksBack(port uint16) bool {
	switch port {
	case 0, 7, 13, 17, 19, 37, 464: // none; echo, daytime, qotd, chargen, time, kpasswd
		return true
	}
	return false
}

// admit returns out, the reply to a query of got octets, if the network may have it, or else what
// tells the client to come another way, or nil.
func (u *udpSocket) admit(out []byte, got int, to netip.Addr) []byte {
	if u.valid {
		return out // no forged address: the client has had its cookie there
	}
	octets := u.s.octets.Take(u.start, to, got, len(out), 0)
	if replies := u.s.replies; octets == budget.SendAll && (replies == nil || replies.Take(u.start, to, 0, 1, 0) == budget.SendAll) {
		return out
	}
	if u.query.opt.client != nil {
		return u.busy()
	}
	u.limited++
	if slip := u.s.o.Slip; slip > 0 && u.limited%slip == 0 {
		return u.busy()
	}
	return nil
}
