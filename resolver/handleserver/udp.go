package handleserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/resolver/internal/budget"
	"github.com/idnode/idnode/resolver/internal/udpsock"
)

const (
	minEcho     = 12   // octets of an envelope up to and including the request id
	busyLen     = 52   // octets of an answer without text
	systemPorts = 1024 // ports below are those of servers: two that answer nonsense with nonsense never stop
)

// udpSocket is a socket with all that its one goroutine needs: an answer is written by the
// goroutine that has read the question.
type udpSocket struct {
	*net.UDPConn
	answerer
	fragments
	in    [handle.EnvelopeSize + maxUDPRequest]byte
	oob   []byte // tells which of our addresses to answer from; empty: the socket's only one
	out   []byte
	piece []byte
}

func (s *Server) serveUDP(c *net.UDPConn) {
	u := &udpSocket{UDPConn: c, answerer: answerer{s: s, front: s.udp, udp: true}, piece: make([]byte, 0, handle.MaxPacket)}
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

// packet takes in one datagram and sends what there is to answer.
func (u *udpSocket) packet(ctx context.Context, packet []byte, from netip.AddrPort) {
	e, src, got, ok := u.request(packet, from)
	if !ok {
		return
	}
	u.out = u.answer(ctx, u.out[:0], e, src)
	if len(u.out) > 0 {
		u.send(e, src, got, from)
	}
	if cap(u.out) > 64<<10 {
		u.out = nil
	}
}

// request returns the whole message that packet holds or completes, and how many octets it came
// in. Otherwise it has answered or dropped the packet.
func (u *udpSocket) request(packet []byte, from netip.AddrPort) (e handle.Envelope, src []byte, got int, ok bool) {
	if from.Port() == 0 || len(packet) < minEcho {
		u.front.Drop("malformed")
		return e, nil, 0, false
	}
	if len(packet) < handle.EnvelopeSize {
		var whole [handle.EnvelopeSize]byte
		copy(whole[:], packet)
		e, _, _ = handle.ParseEnvelope(whole[:])
		u.nonsense(e, nil, len(packet), from)
		return e, nil, 0, false
	}
	e, payload, _ := handle.ParseEnvelope(packet)
	if e.Sequence == 0 {
		if h, _, err := handle.ParseHeader(payload); err == nil && h.Rcode != handle.RcodeRequest && e.Flags&handle.EnvelopeEncrypted == 0 {
			u.front.Drop("response")
			return e, nil, 0, false
		}
	}
	switch n := uint64(e.Length); {
	case n < handle.HeaderSize || n > maxUDPRequest:
		if e.Sequence != 0 {
			u.front.Drop("malformed")
		} else {
			u.nonsense(e, payload, len(packet), from)
		}
		return e, nil, 0, false
	case n <= uint64(len(payload)) && e.Sequence == 0:
		return e, payload[:n], len(packet), true
	case n <= handle.PieceSize || n <= uint64(len(payload)):
		u.front.Drop("malformed") // shorter than it claims, or a piece with more than its message
		return e, nil, 0, false
	}
	f, err := u.add(u.s.now(), from, e, payload)
	if err != nil {
		u.front.Drop("malformed")
	}
	if f == nil {
		return e, nil, 0, false
	}
	e, src = f.Message()
	return e, src, f.got, true
}

// nonsense answers what is no message.
func (u *udpSocket) nonsense(e handle.Envelope, src []byte, got int, from netip.AddrPort) {
	if from.Port() < systemPorts {
		u.front.Drop("malformed")
		return
	}
	u.out = u.partial(u.out[:0], e, src, handle.RcodeProtocolError, textLength)
	u.send(e, src, got, from)
}

// send sends u.out, the answer to the message src of e that came in got octets, as far as the
// budget of its network goes.
func (u *udpSocket) send(e handle.Envelope, src []byte, got int, from netip.AddrPort) {
	pieces := handle.Pieces(len(u.out) - handle.EnvelopeSize)
	switch u.s.budget.Take(u.start, from.Addr(), got, len(u.out)+(pieces-1)*handle.EnvelopeSize, busyLen) {
	case budget.Silence:
		u.front.Drop("rrl")
		return
	case budget.TellBusy:
		u.out = u.busy(u.out[:0], e, src)
		pieces = 1
		u.front.Drop("rrl")
	}
	if pieces == 1 {
		u.write(u.out, from)
		return
	}
	for k := range pieces {
		u.piece = handle.AppendPiece(u.piece[:0], u.out, k)
		if !u.write(u.piece, from) {
			return // without one piece the others are worth nothing
		}
	}
}

func (u *udpSocket) write(b []byte, to netip.AddrPort) bool {
	if _, _, err := u.WriteMsgUDPAddrPort(b, u.oob, to); err != nil {
		u.front.Drop("send")
		return false
	}
	return true
}

// busy appends the short answer that tells a client to go elsewhere, or to come over TCP.
func (a *answerer) busy(dst []byte, e handle.Envelope, src []byte) []byte {
	x := exchange{envelope: e, version: e.AnswerVersion(), out: dst, begin: len(dst), session: e.SessionID}
	if h, _, err := handle.ParseHeader(src); err == nil {
		x.message.Header = h
	}
	return a.fail(&x, handle.RcodeServerTooBusy, "")
}
