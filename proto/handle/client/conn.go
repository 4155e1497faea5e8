package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/handle"
)

// maxWaiting is how many messages of one answer may wait to be read before the connection waits, too.
const maxWaiting = 64

// conn is a TCP connection on which many requests are under way.
type conn struct {
	net.Conn
	timeout time.Duration // of each message of an answer

	write sync.Mutex

	mu      sync.Mutex
	waiting map[uint32]chan arrival // by request id
	err     error                   // why nothing more arrives
	used    bool                    // an answer has come
	done    chan struct{}           // closed with err
}

type arrival struct {
	envelope handle.Envelope
	src      []byte
}

func open(ctx context.Context, addr string, timeout time.Duration) (*conn, error) {
	d := net.Dialer{Timeout: timeout}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	k := &conn{Conn: c, timeout: timeout, waiting: make(map[uint32]chan arrival), done: make(chan struct{})}
	go k.read()
	return k, nil
}

// read hands out what arrives until the connection ends.
func (c *conn) read() {
	err := func() error {
		for {
			var head [handle.EnvelopeSize]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return fmt.Errorf("%w: %w", ErrNoAnswer, err)
			}
			e, _, _ := handle.ParseEnvelope(head[:])
			if e.Length > handle.MaxMessage {
				return fmt.Errorf("%w: %w", ErrBadAnswer, handle.ErrTooLarge)
			}
			src := make([]byte, e.Length)
			if _, err := io.ReadFull(c, src); err != nil {
				return fmt.Errorf("%w: %w", ErrNoAnswer, err)
			}
			c.mu.Lock()
			c.used = true
			to := c.waiting[e.RequestID]
			c.mu.Unlock()
			if to != nil { // or who asked has gone
				to <- arrival{e, src}
			}
		}
	}()
	c.mu.Lock()
	c.err = err
	close(c.done)
	c.mu.Unlock()
	c.Close()
}

// broken reports whether nothing more can be asked.
func (c *conn) broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// exchange sends q and calls take with each message that answers it, until that reports that it was the last. Reused
// says whether the connection had been used before: a server may have closed it in the meantime.
func (c *conn) exchange(ctx context.Context, q question, take func(arrival) (last bool, err error)) (reused bool, err error) {
	in := make(chan arrival, maxWaiting)
	c.mu.Lock()
	reused, err = c.used, c.err
	c.waiting[q.id] = in
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, q.id)
		c.mu.Unlock()
		for { // what has come meanwhile is nobody's, and must not hold up the others
			select {
			case <-in:
			default:
				return
			}
		}
	}()
	if err != nil {
		return reused, err
	}
	c.write.Lock()
	c.SetWriteDeadline(c.deadline(ctx))
	_, err = c.Write(q.message)
	c.write.Unlock()
	if err != nil {
		c.Close()
		return reused, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	wait := time.NewTimer(c.timeout)
	defer wait.Stop()
	for {
		select {
		case a := <-in:
			if last, err := take(a); last || err != nil {
				return false, err
			}
			reused = false // the request has arrived
			wait.Reset(c.timeout)
		case <-c.done:
			select {
			case a := <-in: // it came before the end
				if last, err := take(a); last || err != nil {
					return false, err
				}
				continue
			default:
			}
			return reused, c.err
		case <-ctx.Done():
			return false, ctx.Err()
		case <-wait.C:
			return false, ErrNoAnswer
		}
	}
}

// deadline is that of ctx, or the one of a message.
func (c *conn) deadline(ctx context.Context) time.Time {
	end := time.Now().Add(c.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		return d
	}
	return end
}

var errClosed = errors.New("client closed")
