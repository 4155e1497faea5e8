package node

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/resolver"
)

// bounds are what one listener allows its clients. The zero value works.
type bounds struct {
	conns   int                    // at a time; more are closed at once. Default 4096
	body    time.Duration          // for the rest of a request's body that no handler reads. Default 10 s
	write   time.Duration          // for one write to leave. Default 2 min, as an import is given
	metrics *resolver.FrontMetrics // counts the connections that are closed; default: none
}

func (b *bounds) setDefaults() {
	if b.conns == 0 {
		b.conns = 4096
	}
	if b.body == 0 {
		b.body = 10 * time.Second
	}
	if b.write == 0 {
		b.write = 2 * time.Minute
	}
}

// listen listens on addr over TCP.
func (b bounds) listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &boundedListener{TCPListener: ln.(*net.TCPListener), bounds: b}
	b.metrics.Connections(func() int { return int(l.open.Load()) })
	return l, nil
}

// bodies bounds what net/http waits for by itself: before or after the answer it reads on in a body
// that the handler has left, so that the connection can carry another request.
func (b bounds) bodies(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Body != http.NoBody {
			end := func() { _ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(b.body)) }
			switch req.Method {
			case http.MethodGet, http.MethodHead, http.MethodOptions: // no handler reads their bodies
				end()
			default:
				defer end()
			}
		}
		h.ServeHTTP(w, req)
	})
}

// boundedListener takes no more connections at a time than its bounds allow.
type boundedListener struct {
	*net.TCPListener
	bounds bounds
	open   atomic.Int64
}

// Accept implements [net.Listener].
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= int64(l.bounds.conns) {
			return &boundedConn{TCPConn: c, l: l}, nil
		}
		l.open.Add(-1)
		l.bounds.metrics.Drop("connections")
		c.Close()
	}
}

// boundedConn is a connection whose peer must take what is written.
type boundedConn struct {
	*net.TCPConn
	l      *boundedListener
	closed atomic.Bool
}

func (c *boundedConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.l.bounds.write)); err != nil {
		return 0, err
	}
	return c.TCPConn.Write(b)
}

func (c *boundedConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.l.open.Add(-1)
	}
	return c.TCPConn.Close()
}
