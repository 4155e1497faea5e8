package handleserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/resolver/internal/conns"
	"github.com/idnode/idnode/resolver/querylog"
)

const (
	readBuffer = 4096     // octets; most requests take less than a hundred
	flushAt    = 64 << 10 // octets of answers that are sent while more requests wait
	readStep   = 16 << 10 // a long message is given memory as it arrives, not as it claims
	farewell   = time.Second
)

// conn is a connection with all that its goroutine needs. Answers gather in out and leave when the
// requests that have arrived are answered.
type conn struct {
	*conns.Conn
	answerer
	out    []byte
	long   []byte // a message that is longer than the reader's buffer
	served int    // messages answered
}

// errDone ends a connection without more words.
var errDone = errors.New("connection done")

// accept takes connections until the listener is closed.
func (s *Server) accept() {
	conns.Accept(s.listener, s.log, func(c net.Conn) {
		serve := func(c *conns.Conn) {
			t := &conn{Conn: c, answerer: answerer{s: s, front: s.tcp, pen: s.o.Log.Pen(querylog.HandleTCP), tally: s.tcp.NewTally(), connection: true, from: remote(c)}}
			t.send = t.sendNow
			t.serve(s.base)
		}
		if !s.conns.Serve(c, readBuffer, serve) {
			s.tcp.Drop("connections")
		}
	})
}

// serve answers messages in their order until the connection ends.
func (c *conn) serve(ctx context.Context) {
	for {
		e, src, n, err := c.next()
		if err != nil {
			c.flush()
			if err != errDone {
				c.farewell()
			}
			return
		}
		c.out = c.answer(ctx, c.out, e, src)
		c.tally.Add(c.outcome)
		c.served++
		c.R.Discard(n)
		if cap(c.long) > flushAt {
			c.long = nil
		}
		if len(c.out) >= flushAt && c.flush() != nil {
			return
		}
	}
}

// next reads a message. It is good until n octets are discarded from c.R. Any error ends the
// connection; what there is to say of it has been appended to c.out.
func (c *conn) next() (e handle.Envelope, src []byte, n int, err error) {
	if c.R.Buffered() == 0 {
		if err := c.await(); err != nil {
			return e, nil, 0, err
		}
	}
	var deadline time.Time
	b, err := c.peek(handle.EnvelopeSize, &deadline)
	if err != nil {
		if errors.Is(err, io.EOF) && len(b) >= minEcho {
			var whole [handle.EnvelopeSize]byte
			copy(whole[:], b)
			e, _, _ = handle.ParseEnvelope(whole[:])
			return e, nil, 0, c.complain(e, nil, textLength)
		}
		return e, nil, 0, c.cut(err)
	}
	e, _, _ = handle.ParseEnvelope(b)
	if e.Length < handle.HeaderSize || e.Length > handle.MaxMessage {
		return e, nil, 0, c.complain(e, nil, textLength)
	}
	n = handle.EnvelopeSize + int(e.Length)
	if n <= c.R.Size() {
		if b, err = c.peek(n, &deadline); len(b) > handle.EnvelopeSize {
			src = b[handle.EnvelopeSize:]
		}
	} else {
		c.R.Discard(handle.EnvelopeSize)
		src, err = c.readLong(int(e.Length), &deadline)
		n = 0
	}
	if errors.Is(err, io.EOF) {
		return e, nil, 0, c.complain(e, src, fmt.Sprintf("Expecting %d bytes, only received %d", e.Length, len(src)))
	}
	if err != nil {
		return e, nil, 0, c.cut(err)
	}
	return e, src, n, nil
}

// await flushes, and waits for the first octet of a message.
func (c *conn) await() error {
	if err := c.flush(); err != nil {
		return errDone
	}
	wait := c.s.o.IdleTimeout
	switch c.served {
	case 0:
		wait = c.s.o.FirstByteTimeout
	case 1:
		wait = c.s.o.LingerTimeout
	}
	if !c.Await(wait) {
		return errDone
	}
	c.start = c.s.now()
	return nil
}

// peek returns the next n octets, which fit c.R. What has been answered leaves before it blocks.
// All of a message must come by its deadline, which begins when it is first waited for.
func (c *conn) peek(n int, deadline *time.Time) ([]byte, error) {
	if c.R.Buffered() < n {
		if err := c.block(deadline); err != nil {
			return nil, err
		}
		defer func() { c.start = c.s.now() }()
	}
	return c.R.Peek(n)
}

// readLong reads n octets into memory that grows as they arrive.
func (c *conn) readLong(n int, deadline *time.Time) ([]byte, error) {
	if err := c.block(deadline); err != nil {
		return nil, err
	}
	c.long = c.long[:0]
	for len(c.long) < n {
		have := len(c.long)
		step := min(n-have, max(readStep, have))
		c.long = slices.Grow(c.long, step)
		m, err := io.ReadFull(c.R, c.long[have:have+step])
		c.long = c.long[:have+m]
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		if err != nil {
			return c.long, err
		}
	}
	return c.long, nil
}

func (c *conn) block(deadline *time.Time) error {
	if err := c.flush(); err != nil {
		return err
	}
	if deadline.IsZero() {
		*deadline = time.Now().Add(c.s.o.MessageTimeout)
		c.SetReadDeadline(*deadline)
	}
	return nil
}

// flush sends what has been answered.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	c.SetWriteDeadline(time.Now().Add(c.s.o.WriteTimeout))
	c.tally.Flush(c.s.now().Sub(c.start))
	_, err := c.Write(c.out)
	if err != nil {
		c.front.Drop("send")
	}
	c.out = c.out[:0]
	if cap(c.out) > 2*flushAt {
		c.out = nil
	}
	return err
}

// sendNow sends answers of which more are to come.
func (c *conn) sendNow(out []byte) error {
	c.SetWriteDeadline(time.Now().Add(c.s.o.WriteTimeout))
	_, err := c.Write(out)
	return err
}

// remote is the address of a connection's other end.
func remote(c net.Conn) netip.Addr {
	if t, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// complain answers what is no message: whatever follows it cannot be read.
func (c *conn) complain(e handle.Envelope, src []byte, text string) error {
	c.out = c.partial(c.out, e, src, handle.RcodeProtocolError, text)
	c.tally.Add(c.outcome)
	return handle.ErrLength
}

// cut counts a message that did not come whole.
func (c *conn) cut(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.front.Drop("timeout")
	} else {
		c.front.Drop("malformed")
	}
	return errDone
}

// farewell closes the sending half and reads a little longer, so that what the client is still
// sending does not make the system throw away our last words.
func (c *conn) farewell() {
	if t, ok := c.Conn.Conn.(*net.TCPConn); ok && t.CloseWrite() == nil {
		c.SetReadDeadline(time.Now().Add(farewell))
		io.CopyN(io.Discard, c.R, handle.MaxMessage)
	}
}
