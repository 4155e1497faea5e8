package dnsserver

import (
	"net/netip"

	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/internal/budget"
	"github.com/idnode/idnode/resolver/internal/udpserver"
	"github.com/idnode/idnode/resolver/querylog"
)

// maxRequest is the octets of a query over UDP: with all options that are known it has not half as many.
const maxRequest = 4096

// packets answers datagrams. It implements [udpserver.Handler].
type packets struct {
	exchange
}

func (s *Server) newPackets() *packets {
	return &packets{exchange: exchange{s: s, front: s.udp, pen: s.o.Log.Pen(querylog.DNSUDP)}}
}

// Serve implements [udpserver.Handler].
func (p *packets) Serve(w *udpserver.Writer, packet []byte, from netip.AddrPort) bool {
	switch {
	case len(packet) < headerSize, len(packet) > maxRequest:
		w.Drop("malformed")
		return true
	case packet[2]&(flagQR>>8) != 0:
		w.Drop("response")
		return true
	case talksBack(from.Port()):
		w.Drop("source_port")
		return true
	}
	p.start, p.valid = w.Start, false
	out, ok := p.kept(w.Buffer(), packet, from.Addr())
	if !ok {
		if !w.MayWait {
			return false
		}
		w.Waited()
		out = p.make(p.s.base, out, packet, from.Addr())
		if p.outcome.Status == resolver.Overloaded {
			w.Lose(p.outcome, "overload") // the client asks again, or another server; a failure would be kept
			return true
		}
	}
	switch p.admit(len(out), len(packet), from.Addr()) {
	case budget.Silence:
		w.Lose(p.outcome, "rrl")
	case budget.TellBusy:
		w.Slip()
		w.Send(append(out[:0], p.busy(packet)...), p.outcome)
	default:
		w.Send(out, p.outcome)
	}
	return true
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

// admit says whether a network may have a reply of size octets to a query of got octets, or else what
// tells the client to come another way, or nothing.
func (p *packets) admit(size, got int, to netip.Addr) budget.Verdict {
	if p.valid {
		return budget.SendAll // no forged address: the client has had its cookie there
	}
	octets := p.s.octets.Take(p.start, to, got, size, 0)
	if replies := p.s.replies; octets == budget.SendAll && (replies == nil || replies.Take(p.start, to, 0, 1, 0) == budget.SendAll) {
		return budget.SendAll
	}
	if p.query.opt.client != nil {
		return budget.TellBusy
	}
	if slip := p.s.o.Slip; slip > 0 && p.s.limited.Add(1)%uint64(slip) == 0 {
		return budget.TellBusy
	}
	return budget.Silence
}
