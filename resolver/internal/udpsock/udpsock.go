// Package udpsock opens the UDP sockets of the servers, one a core on one address, and the TCP
// listener beside them.
package udpsock

import (
	"context"
	"net"
)

const readBuffer = 1 << 20 // octets, as far as the system allows

// ListenBoth listens on addr over TCP, and over UDP with n sockets, or one where the system cannot
// share an address. Port 0 chooses one for both.
func ListenBoth(addr string, n int) (net.Listener, []*net.UDPConn, error) {
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
		if sockets, err = listen(l.Addr().String(), n); err == nil {
			return l, sockets, nil
		}
		l.Close()
	}
	return nil, nil, err
}

// listen opens n sockets on addr, or one where the system cannot share an address.
func listen(addr string, n int) ([]*net.UDPConn, error) {
	lc := net.ListenConfig{Control: shareAddress}
	if !CanShare {
		n = 1
	}
	sockets := make([]*net.UDPConn, 0, n)
	for range n {
		c, err := lc.ListenPacket(context.Background(), "udp", addr)
		if err != nil {
			for _, c := range sockets {
				c.Close()
			}
			return nil, err
		}
		u := c.(*net.UDPConn)
		_ = u.SetReadBuffer(readBuffer)
		sockets = append(sockets, u)
	}
	return sockets, nil
}
