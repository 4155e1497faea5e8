package udpserver

import (
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32 // octets received or sent
}

// peer is where a datagram came from and, on a socket on all addresses, which one it was sent to:
// both as the kernel tells them, and as it wants them for the answer.
type peer struct {
	name    unix.RawSockaddrInet6 // or an Inet4 in its first octets
	nameLen uint32
	oob     [40]byte
	oobLen  int
}

// addrPort is p's address.
func (p *peer) addrPort() netip.AddrPort {
	if p.name.Family == unix.AF_INET {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&p.name))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), port(in.Port))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(p.name.Addr), port(p.name.Port))
}

// port turns a port from the network's order.
func port(n uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&n))
	return uint16(b[0])<<8 | uint16(b[1])
}

// reader reads datagrams from a socket, many at a time.
type reader struct {
	conn syscall.RawConn
	size int // of a packet
	bufs []byte
	iovs [maxBatch]unix.Iovec
	msgs [maxBatch]mmsghdr
	from [maxBatch]peer

	// Of the call under way. The function is made once, or each call would allocate it.
	want, got int
	err       error
	call      func(fd uintptr) bool
}

func newReader(c *net.UDPConn, size int) (*reader, error) {
	conn, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &reader{conn: conn, size: size, bufs: make([]byte, maxBatch*size)}
	for i := range r.msgs {
		r.iovs[i].Base = &r.bufs[i*size]
		r.iovs[i].SetLen(size)
		h := &r.msgs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&r.from[i].name))
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Control = &r.from[i].oob[0]
	}
	r.call = r.receive
	return r, nil
}

// read waits for datagrams and reads up to n.
func (r *reader) read(n int) (int, error) {
	r.want, r.got, r.err = n, 0, nil
	if err := r.conn.Read(r.call); err != nil {
		return 0, err
	}
	return r.got, r.err
}

// poll reads up to n datagrams that have arrived.
func (r *reader) poll(n int) (int, error) {
	r.want, r.got, r.err = n, 0, nil
	if err := r.conn.Control(func(fd uintptr) { r.receive(fd) }); err != nil {
		return 0, err
	}
	return r.got, r.err
}

// receive reports whether there was anything.
func (r *reader) receive(fd uintptr) bool {
	for i := range r.msgs[:r.want] {
		h := &r.msgs[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(oobSize)
	}
	for {
		// No more than a copy of what is there: the runtime need not know of the call, and would take the
		// processor away from one of 20 µs. So with sending.
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.msgs[0])), uintptr(r.want), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			r.got = int(n)
		case unix.EAGAIN:
			return false
		case unix.EINTR:
			continue
		default:
			r.err = errno
		}
		return true
	}
}

// packet is the i-th datagram read. Both are good until the next read.
func (r *reader) packet(i int) ([]byte, *peer, netip.AddrPort) {
	m, p := &r.msgs[i], &r.from[i]
	p.nameLen = m.hdr.Namelen
	p.oobLen = answerFrom(p.oob[:m.hdr.Controllen])
	at := i * r.size
	return r.bufs[at : at+int(m.n)], p, p.addrPort()
}

// sender sends datagrams, many at a time.
type sender struct {
	iovs []unix.Iovec
	msgs []mmsghdr

	conn *net.UDPConn // that raw is of
	raw  syscall.RawConn
	want int
	sent int
	call func(fd uintptr) bool
}

func (s *sender) init(batch int) {
	s.iovs, s.msgs = make([]unix.Iovec, batch), make([]mmsghdr, batch)
	for i := range s.msgs {
		s.msgs[i].hdr.Iov = &s.iovs[i]
		s.msgs[i].hdr.SetIovlen(1)
	}
	s.call = s.transmit
}

// send sends answers until one cannot be sent, and returns how many were.
func (s *sender) send(c *net.UDPConn, answers []answer) int {
	if s.raw == nil || s.conn != c {
		raw, err := c.SyscallConn()
		if err != nil {
			return 0
		}
		s.raw, s.conn = raw, c
	}
	for i := range answers {
		a, m := &answers[i], &s.msgs[i]
		s.iovs[i].Base = unsafe.SliceData(a.octets)
		s.iovs[i].SetLen(len(a.octets))
		m.hdr.Name = (*byte)(unsafe.Pointer(&a.to.name))
		m.hdr.Namelen = a.to.nameLen
		m.hdr.Control = nil
		if a.to.oobLen > 0 {
			m.hdr.Control = &a.to.oob[0]
		}
		m.hdr.SetControllen(a.to.oobLen)
	}
	s.want, s.sent = len(answers), 0
	_ = s.raw.Write(s.call) // what it fails with has no more to say than that less is sent
	for i := range answers {
		s.iovs[i].Base = nil // it may be large
	}
	return s.sent
}

// transmit reports whether there was room for anything.
func (s *sender) transmit(fd uintptr) bool {
	for s.sent < s.want {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&s.msgs[s.sent])), uintptr(s.want-s.sent), 0, 0, 0)
		switch errno {
		case 0:
			s.sent += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return false // the socket's own buffer is full: what has not left is sent when there is room
		default:
			return true // the first of the rest
		}
	}
	return true
}
