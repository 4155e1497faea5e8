package udpserver

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/idnode/idnode/resolver"
)

// Writer gathers answers.
type Writer struct {
	Start   time.Time // when the packet at hand was read
	MayWait bool      // the answer may wait for the store
	Worker  bool      // nobody waits behind the packet: the answer may take milliseconds of CPU

	s     *Server
	conn  *net.UDPConn
	to    *peer // of the packet at hand
	waits int   // of the batch
	tally resolver.Tally
	arena []byte
	sender
	out []answer
}

// answer is a datagram that is to be sent.
type answer struct {
	octets  []byte
	to      *peer
	last    bool // of what is sent for one request, whose outcome it has
	outcome resolver.Outcome
}

func newWriter(s *Server, c *net.UDPConn, batch int) *Writer {
	size := arenaSize
	if batch == 1 {
		size /= 32
	}
	w := &Writer{s: s, conn: c, arena: make([]byte, 0, size), out: make([]answer, 0, batch), tally: s.o.Metrics.NewTally()}
	w.sender.init(batch)
	return w
}

// Waited says that the answer at hand had to be waited for.
func (w *Writer) Waited() { w.waits++ }

// Buffer returns room to append an answer to, for Send.
func (w *Writer) Buffer() []byte {
	if cap(w.arena)-len(w.arena) < cap(w.arena)/16 {
		w.flush()
	}
	return w.arena[len(w.arena):]
}

// Send sends b, which has been appended to Buffer, or nothing of it has, with outcome o. Whoever
// has made b may not change it afterwards.
func (w *Writer) Send(b []byte, o resolver.Outcome) {
	w.send(answer{octets: b, last: true, outcome: o})
}

// SendPart sends b as Send does; more for the same request follows.
func (w *Writer) SendPart(b []byte) { w.send(answer{octets: b}) }

func (w *Writer) send(a answer) {
	if len(w.out) == cap(w.out) {
		w.flush()
	}
	if free := w.arena[len(w.arena):cap(w.arena)]; len(a.octets) > 0 && len(free) > 0 && &a.octets[0] == &free[0] {
		w.arena = w.arena[:len(w.arena)+len(a.octets)]
	}
	a.to = w.to
	w.out = append(w.out, a)
}

// Drop counts the packet at hand as no request, and as left without an answer.
func (w *Writer) Drop(reason string) { w.s.o.Metrics.Drop(reason) }

// Lose counts the packet at hand as a request that is left without an answer.
func (w *Writer) Lose(o resolver.Outcome, reason string) { w.s.o.Metrics.Lose(o, reason) }

// Slip counts that the answer at hand is cut short, or an excuse, because a network has had its share. Send follows.
func (w *Writer) Slip() { w.s.o.Metrics.Slip() }

// flush sends what is gathered and counts it.
func (w *Writer) flush() {
	if len(w.out) == 0 || w.conn == nil {
		return
	}
	for done := 0; done < len(w.out); {
		n := w.sender.send(w.conn, w.out[done:])
		for i := range w.out[done : done+n] {
			a := &w.out[done+i]
			w.tally.Sent(len(a.octets))
			if a.last {
				w.tally.Add(a.outcome)
			}
		}
		if done += n; done < len(w.out) { // this one cannot be sent
			if a := &w.out[done]; a.last {
				w.Lose(a.outcome, "send")
			}
			done++
		}
	}
	w.tally.Flush(time.Since(w.Start))
	clear(w.out)
	w.out, w.arena = w.out[:0], w.arena[:0]
}

// Postpone leaves packet, which the packet at hand has completed, to a worker: in place of Send, Drop or Lose.
func (w *Writer) Postpone(packet []byte) { w.s.postpone(w.conn, w.to, packet, w.Start) }

// Try hands packet to h, which may wait, and returns what h would send: for tests of handlers.
func Try(h Handler, packet []byte, from netip.AddrPort) (sent [][]byte) {
	w := newWriter(new(Server), nil, maxBatch)
	w.Start, w.MayWait, w.Worker = time.Now(), true, true
	h.Serve(w, packet, from)
	for _, a := range w.out {
		sent = append(sent, slices.Clone(a.octets))
	}
	return sent
}
