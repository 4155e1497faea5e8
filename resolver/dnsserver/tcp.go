package dnsserver

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/internal/conns"
)

const (
	prefixSize = 2        // octets that tell a message's length (RFC 1035, section 4.2.2)
	readBuffer = 4096     // octets; most queries take less than a hundred
	flushAt    = 32 << 10 // octets of replies that are sent while more queries wait
	readStep   = 8 << 10  // a long message is given memory as it arrives, not as it claims
)

// errDone ends a connection.
var errDone = errors.New("connection done")

// conn is a connection with all that its goroutine needs. Replies gather in out and leave when the
// queries that have arrived are answered (RFC 7766, section 6.2.1.1), so that a client which reads none
// of them is given no memory: it is cut off when it has not taken them in time.
type conn struct {
	*conns.Conn
	s      *Server
	out    []byte
	tally  resolver.Tally // of the replies in out
	start  time.Time      // when what is being answered was read
	long   []byte         // a message that is longer than the buffer
	served bool
}

// serve answers messages in their order until the connection ends.
func (c *conn) serve(ctx context.Context) {
	for {
		msg, n, err := c.next()
		if err != nil {
			_ = c.flush() // it ends anyway
			return
		}
		if msg[2]&(flagQR>>8) != 0 {
			c.s.tcp.Drop("response")
		} else {
			c.reply(ctx, msg)
		}
		c.served = true
		_, _ = c.R.Discard(n) // no more than was peeked at
		if cap(c.long) > readStep {
			c.long = nil
		}
		if len(c.out) >= flushAt && c.flush() != nil {
			return
		}
	}
}

// reply appends the reply to msg to c.out.
func (c *conn) reply(ctx context.Context, msg []byte) {
	x := c.s.spare.Get().(*exchange)
	defer c.s.spare.Put(x)
	x.start, x.valid = c.start, false
	begin := len(c.out)
	out := x.reply(ctx, append(c.out, 0, 0), msg, c.Addr())
	binary.BigEndian.PutUint16(out[begin:], uint16(len(out)-begin-prefixSize))
	c.out = out
	c.tally.Add(x.outcome)
	x.query, x.r = query{}, response{} // they hold msg and records
}

// next reads a message, which has a whole header. It is good until n octets are discarded from c.R.
func (c *conn) next() (msg []byte, n int, err error) {
	if c.R.Buffered() == 0 {
		wait := c.s.o.IdleTimeout
		if !c.served {
			wait = c.s.o.FirstByteTimeout
		}
		if c.flush() != nil || !c.Await(wait) {
			return nil, 0, errDone
		}
		c.start = time.Now()
	}
	var deadline time.Time
	head, err := c.peek(prefixSize, &deadline)
	if err != nil {
		return nil, 0, c.cut(err)
	}
	size := int(binary.BigEndian.Uint16(head))
	if size < headerSize {
		return nil, 0, c.cut(io.ErrUnexpectedEOF)
	}
	if n = prefixSize + size; n <= c.R.Size() {
		if msg, err = c.peek(n, &deadline); err != nil {
			return nil, 0, c.cut(err)
		}
		return msg[prefixSize:], n, nil
	}
	_, _ = c.R.Discard(prefixSize)
	if msg, err = c.readLong(size, &deadline); err != nil {
		return nil, 0, c.cut(err)
	}
	return msg, 0, nil
}

// peek returns the next n octets, which fit the buffer. All of a message must come by its deadline,
// which begins when it is first waited for; what has been answered leaves before that.
func (c *conn) peek(n int, deadline *time.Time) ([]byte, error) {
	if c.R.Buffered() < n {
		if err := c.block(deadline); err != nil {
			return nil, err
		}
		defer func() { c.start = time.Now() }()
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
		c.long = slices.Grow(c.long, step)[:have+step]
		if _, err := io.ReadFull(c.R, c.long[have:]); err != nil {
			return nil, err
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
		return c.SetReadDeadline(*deadline)
	}
	return nil
}

// flush sends what has been answered.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	if err := c.SetWriteDeadline(time.Now().Add(c.s.o.WriteTimeout)); err != nil {
		return err
	}
	c.tally.Flush(time.Since(c.start))
	_, err := c.Write(c.out)
	if err != nil {
		c.s.tcp.Drop("send")
	}
	c.out = c.out[:0]
	if cap(c.out) > 2*flushAt {
		c.out = nil
	}
	return err
}

// cut counts a message that did not come whole.
func (c *conn) cut(err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		c.s.tcp.Drop("timeout")
	} else {
		c.s.tcp.Drop("malformed")
	}
	return errDone
}
