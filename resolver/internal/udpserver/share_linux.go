package udpserver

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// CanShare says that several sockets may share an address, and that the kernel spreads what
// arrives over them by the sender's address and port.
const CanShare = true

// share lets a socket share its address. One on all addresses (wild) tells with each datagram which
// of the host's addresses that was sent to: a client takes an answer only from the address it has
// asked, and the socket would answer from the one that the route prefers.
func share(network string, c syscall.RawConn, wild bool) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		switch {
		case err != nil || !wild:
		case network == "udp6":
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		default:
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
	}); e != nil {
		return e
	}
	return err
}

// oobSize holds one control message of either family: struct in6_pktinfo is the longer.
var oobSize = unix.CmsgSpace(unix.SizeofInet6Pktinfo)

// answerFrom turns the control message that came with a datagram into the one to answer with: from
// the same address, by whatever interface the route says. It returns its length, 0 for none.
func answerFrom(oob []byte) int {
	head := unix.CmsgLen(0)
	switch {
	case len(oob) >= head+unix.SizeofInet6Pktinfo:
		clear(oob[head+16 : head+20]) // ipi6_ifindex
	case len(oob) >= head+unix.SizeofInet4Pktinfo:
		clear(oob[head : head+4]) // ipi_ifindex
	default:
		return 0
	}
	return len(oob)
}
