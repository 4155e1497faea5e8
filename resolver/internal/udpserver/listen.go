package udpserver

import (
	"context"
	"net"
	"syscall"
)

// ReadBuffer is the octets that a UDP socket holds at most until they are read, as far as the system allows.
const ReadBuffer = 1 << 20

// Listen listens on addr over TCP, and over UDP with n sockets, or one where the system cannot
// share an address. Port 0 chooses one for both.
func Listen(addr string, n int) (net.Listener, []*net.UDPConn, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, err
	}
	tries := 1
	if port == "0" {
		tries = 16 // the port that TCP is given may be taken for UDP
	}
	for range tries {
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err != nil {
			continue
		}
		var sockets []*net.UDPConn
		if sockets, err = listenUDP(l.Addr().(*net.TCPAddr), n); err == nil {
			return l, sockets, nil
		}
		l.Close()
	}
	return nil, nil, err
}

// listenUDP opens n sockets on addr, or one where the system cannot share an address.
func listenUDP(addr *net.TCPAddr, n int) ([]*net.UDPConn, error) {
	wild := addr.IP.IsUnspecified()
	lc := net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error { return share(network, c, wild) }}
	if !CanShare {
		n = 1
	}
	sockets := make([]*net.UDPConn, 0, n)
	for range n {
		c, err := lc.ListenPacket(context.Background(), "udp", addr.String())
		if err != nil {
			for _, c := range sockets {
				c.Close()
			}
			return nil, err
		}
		u := c.(*net.UDPConn)
		_ = u.SetReadBuffer(ReadBuffer)
		sockets = append(sockets, u)
	}
	return sockets, nil
}
