package handleserver

import (
	"net/netip"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/resolver/internal/budget"
	"github.com/idnode/idnode/resolver/internal/udpserver"
	"github.com/idnode/idnode/resolver/querylog"
)

const (
	minEcho     = 12   // octets of an envelope up to and including the request id
	busyLen     = 52   // octets of an answer without text
	systemPorts = 1024 // ports below are those of servers: two that answer nonsense with nonsense never stop
)

// datagrams answers datagrams. It implements [udpserver.Handler].
type datagrams struct {
	answerer
	fragments
	long []byte // an answer that goes out in pieces
}

func (s *Server) newDatagrams() *datagrams {
	return &datagrams{answerer: answerer{s: s, front: s.udp, pen: s.o.Log.Pen(querylog.HandleUDP), udp: true}}
}

// laborious reports whether the answer to the message src of e takes signatures, their check, or key derivation.
func (s *Server) laborious(e *handle.Envelope, src []byte) bool {
	if e.SessionID != 0 || e.Flags&handle.EnvelopeEncrypted != 0 {
		return true
	}
	h, _, err := handle.ParseHeader(src)
	return err == nil && (h.Flags&handle.FlagCertify != 0 || h.Opcode == handle.OpVerifyResponse || h.Opcode == handle.OpSessionSetup ||
		h.Opcode == handle.OpResolve && h.Flags&handle.FlagCheckTrust != 0 && len(s.o.TrustRoots) > 0)
}

// whole is e for its message in one piece.
func whole(e handle.Envelope) handle.Envelope {
	e.Flags &^= handle.EnvelopeTruncated
	e.Sequence = 0
	return e
}

// Serve implements [udpserver.Handler]. A lookup that came in pieces is answered at once whatever it has to
// wait for: a worker would have no more than the last piece.
func (p *datagrams) Serve(w *udpserver.Writer, packet []byte, from netip.AddrPort) bool {
	p.start = w.Start
	e, src, got, ok := p.request(w, packet, from)
	if !ok {
		return true
	}
	if !w.Worker && p.s.laborious(&e, src) {
		if got == len(packet) {
			return false
		}
		w.Postpone(handle.AppendEnveloped(nil, whole(e), src))
		return true
	}
	p.from = from.Addr()
	out, ok := p.kept(w.Buffer(), &e, src)
	if !ok {
		if !w.MayWait && got == len(packet) {
			return false
		}
		w.Waited()
		out = p.make(p.s.base, out, e, src)
	}
	if len(out) == 0 {
		w.Drop("response")
		return true
	}
	p.send(w, out, e, src, got, from)
	return true
}

// request returns the whole message that packet holds or completes, and how many octets it came
// in. Otherwise it has answered or dropped the packet.
func (p *datagrams) request(w *udpserver.Writer, packet []byte, from netip.AddrPort) (e handle.Envelope, src []byte, got int, ok bool) {
	if from.Port() == 0 || len(packet) < minEcho {
		w.Drop("malformed")
		return e, nil, 0, false
	}
	if len(packet) < handle.EnvelopeSize {
		var whole [handle.EnvelopeSize]byte
		copy(whole[:], packet)
		e, _, _ = handle.ParseEnvelope(whole[:])
		p.nonsense(w, e, nil, len(packet), from)
		return e, nil, 0, false
	}
	e, payload, _ := handle.ParseEnvelope(packet)
	if e.Sequence == 0 {
		if h, _, err := handle.ParseHeader(payload); err == nil && h.Rcode != handle.RcodeRequest && e.Flags&handle.EnvelopeEncrypted == 0 {
			w.Drop("response")
			return e, nil, 0, false
		}
	}
	switch n := uint64(e.Length); {
	case n < handle.HeaderSize || n > maxUDPRequest:
		if e.Sequence != 0 {
			w.Drop("malformed")
		} else {
			p.nonsense(w, e, payload, len(packet), from)
		}
		return e, nil, 0, false
	case n <= uint64(len(payload)) && e.Sequence == 0:
		return e, payload[:n], len(packet), true
	case n <= handle.PieceSize || n <= uint64(len(payload)):
		w.Drop("malformed") // shorter than it claims, or a piece with more than its message
		return e, nil, 0, false
	}
	f, err := p.add(p.start, from, e, payload)
	if err != nil {
		w.Drop("malformed")
	}
	if f == nil {
		return e, nil, 0, false
	}
	e, src = f.Message()
	return e, src, f.got, true
}

// nonsense answers what is no message.
func (p *datagrams) nonsense(w *udpserver.Writer, e handle.Envelope, src []byte, got int, from netip.AddrPort) {
	if from.Port() < systemPorts {
		w.Drop("malformed")
		return
	}
	out := p.partial(w.Buffer(), e, src, handle.RcodeProtocolError, textLength)
	p.send(w, out, e, src, got, from)
}

// send sends out, the answer to the message src of e that came in got octets, as far as the
// budget of its network goes.
func (p *datagrams) send(w *udpserver.Writer, out []byte, e handle.Envelope, src []byte, got int, from netip.AddrPort) {
	pieces := handle.Pieces(len(out) - handle.EnvelopeSize)
	switch p.s.budget.Take(p.start, from.Addr(), got, len(out)+(pieces-1)*handle.EnvelopeSize, busyLen) {
	case budget.Silence:
		w.Lose(p.outcome, "rrl")
		return
	case budget.TellBusy:
		out = p.busy(out[:0], e, src)
		pieces = 1
		w.Slip() // the outcome stays: that a client has had its share is no failure of ours
	}
	if pieces == 1 {
		w.Send(out, p.outcome)
		return
	}
	p.long = append(p.long[:0], out...)
	for k := range pieces - 1 {
		w.SendPart(handle.AppendPiece(w.Buffer(), p.long, k))
	}
	w.Send(handle.AppendPiece(w.Buffer(), p.long, pieces-1), p.outcome)
	if cap(p.long) > 64<<10 {
		p.long = nil
	}
}

// busy appends the short answer that tells a client to go elsewhere, or to come over TCP.
func (a *answerer) busy(dst []byte, e handle.Envelope, src []byte) []byte {
	x := exchange{envelope: e, version: e.AnswerVersion(), out: dst, begin: len(dst), sessionID: e.SessionID}
	if h, _, err := handle.ParseHeader(src); err == nil {
		x.message.Header = h
	}
	return a.fail(&x, handle.RcodeServerTooBusy, "")
}
