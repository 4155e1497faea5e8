// Package conns bounds the TCP connections of a server, and ends them when it stops: those that
// wait for a request at once, the others after their answer.
package conns

import (
	"bufio"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Table is the connections of a server. It is safe for concurrent use.
type Table struct {
	max, maxPerAddr int
	running         sync.WaitGroup

	mu       sync.Mutex
	conns    map[*Conn]struct{}
	perAddr  map[netip.Addr]int
	draining bool
}

// NewTable returns a table of at most max connections, and maxPerAddr of one address.
func NewTable(max, maxPerAddr int) *Table {
	return &Table{max: max, maxPerAddr: maxPerAddr, conns: make(map[*Conn]struct{}), perAddr: make(map[netip.Addr]int)}
}

// Conn is a connection that has been admitted.
type Conn struct {
	net.Conn
	R *bufio.Reader // what has arrived

	addr netip.Addr

	mu       sync.Mutex
	idle     bool // waiting for the first octet of a message
	draining bool // to be closed when idle
}

// Serve runs fn for c in a goroutine of its own and then closes c, or closes c and returns false
// if there are too many. buffer is the octets that are read at once.
func (t *Table) Serve(c net.Conn, buffer int, fn func(*Conn)) bool {
	var addr netip.Addr
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		addr = a.AddrPort().Addr().Unmap()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining || len(t.conns) >= t.max || t.perAddr[addr] >= t.maxPerAddr {
		c.Close()
		return false
	}
	admitted := &Conn{Conn: c, R: bufio.NewReaderSize(c, buffer), addr: addr}
	t.conns[admitted] = struct{}{}
	t.perAddr[addr]++
	t.running.Go(func() {
		defer t.forget(admitted)
		defer c.Close()
		fn(admitted)
	})
	return true
}

// Len is how many connections there are.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.conns)
}

func (t *Table) forget(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
	if t.perAddr[c.addr]--; t.perAddr[c.addr] == 0 {
		delete(t.perAddr, c.addr)
	}
}

// Drain admits no more, ends the connections that wait for a request, and has the others end
// before they wait again.
func (t *Table) Drain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.draining = true
	for c := range t.conns {
		c.drain()
	}
}

// Wait returns when all connections have ended.
func (t *Table) Wait() { t.running.Wait() }

// Cut closes the connections that are left.
func (t *Table) Cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		c.Close()
	}
}

// Addr is the peer's address.
func (c *Conn) Addr() netip.Addr { return c.addr }

// Await waits for the first octet of a message, at most for d. It reports false if there is to be
// none: the peer is gone or silent, or the server stops.
func (c *Conn) Await(d time.Duration) bool {
	c.mu.Lock()
	if c.draining {
		c.mu.Unlock()
		return false
	}
	c.idle = true
	_ = c.SetReadDeadline(time.Now().Add(d))
	c.mu.Unlock()
	_, err := c.R.Peek(1)
	c.mu.Lock()
	c.idle = false
	c.mu.Unlock()
	return err == nil
}

func (c *Conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if c.idle {
		_ = c.SetReadDeadline(time.Unix(1, 0))
	}
}

// Accept hands the connections that arrive on l to take, until l is closed.
func Accept(l net.Listener, log *slog.Logger, take func(net.Conn)) {
	var wait time.Duration
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors or the like: others may end soon.
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			log.Warn("accepting a connection", "err", err, "wait", wait)
			time.Sleep(wait)
			continue
		}
		wait = 0
		take(c)
	}
}
