//go:build !linux

package udpserver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// peer is where a datagram came from.
type peer struct{ addr netip.AddrPort }

func (p *peer) addrPort() netip.AddrPort { return p.addr }

// reader reads datagrams from a socket, one at a time.
type reader struct {
	conn *net.UDPConn
	buf  []byte
	n    int
	from peer
}

func newReader(c *net.UDPConn, size int) (*reader, error) {
	return &reader{conn: c, buf: make([]byte, size)}, nil
}

// read waits for a datagram and reads it.
func (r *reader) read(int) (n int, err error) {
	if r.n, r.from.addr, err = r.conn.ReadFromUDPAddrPort(r.buf); err != nil {
		return 0, err
	}
	return 1, nil
}

// poll reads a datagram that has arrived.
func (r *reader) poll(int) (int, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return 0, err
	}
	n, err := r.read(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, nil
	}
	return n, err
}

// packet is the datagram read. It is good until the next read.
func (r *reader) packet(int) ([]byte, *peer, netip.AddrPort) {
	return r.buf[:r.n], &r.from, r.from.addr
}

// sender sends datagrams, one at a time.
type sender struct{}

func (*sender) init(int) {}

// send sends answers until one cannot be sent, and returns how many were.
func (*sender) send(c *net.UDPConn, answers []answer) int {
	for i := range answers {
		if _, err := c.WriteToUDPAddrPort(answers[i].octets, answers[i].to.addr); err != nil {
			return i
		}
	}
	return len(answers)
}
