package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/idnode/idnode/proto/handle"
)

// waits are the times for which an answer is awaited after sending over UDP: those of the
// Handle.Net library.
var waits = [...]time.Duration{500 * time.Millisecond, time.Second, 1500 * time.Millisecond}

// tcpTimeout is for an exchange over TCP, unless its context ends earlier.
const tcpTimeout = 30 * time.Second

// dial connects, and makes reads and writes end with ctx.
func dial(ctx context.Context, network, addr string) (c net.Conn, done func(), err error) {
	var d net.Dialer
	if c, err = d.DialContext(ctx, network, addr); err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	return c, func() { stop(); c.Close() }, nil
}

// exchangeUDP sends q up to three times, under the same id, and puts the pieces of the answer
// together. Datagrams that are no part of an answer to q are passed over.
func exchangeUDP(ctx context.Context, addr string, q question) (handle.Envelope, []byte, error) {
	c, done, err := dial(ctx, "udp", addr)
	if err != nil {
		return handle.Envelope{}, nil, err
	}
	defer done()
	var a handle.Assembly
	var length uint32 // of the answer that a is for; 0 is none yet
	buf := make([]byte, 64<<10)
	for _, wait := range waits {
		if err := send(c, q.message); err != nil {
			return handle.Envelope{}, nil, err
		}
		c.SetReadDeadline(time.Now().Add(wait))
		for {
			n, err := c.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return handle.Envelope{}, nil, err
			}
			e, payload, err := handle.ParseEnvelope(buf[:n])
			if err != nil || e.RequestID != q.id {
				continue
			}
			if e.Sequence == 0 && uint64(e.Length) <= uint64(len(payload)) {
				return e, payload[:e.Length], nil
			}
			if e.Length != length {
				if a.Start(e) != nil {
					continue
				}
				length = e.Length
			}
			if whole, _ := a.Add(e, payload); whole {
				e, src := a.Message()
				return e, src, nil
			}
		}
	}
	return handle.Envelope{}, nil, ErrNoAnswer
}

// send sends a message in as many datagrams as it needs.
func send(c net.Conn, message []byte) error {
	piece := make([]byte, 0, handle.MaxPacket)
	for k := range handle.Pieces(len(message) - handle.EnvelopeSize) {
		if _, err := c.Write(handle.AppendPiece(piece, message, k)); err != nil {
			return err
		}
	}
	return nil
}

// exchangeTCP sends q over a connection of its own.
func exchangeTCP(ctx context.Context, addr string, q question) (handle.Envelope, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, tcpTimeout)
	defer cancel()
	c, done, err := dial(ctx, "tcp", addr)
	if err != nil {
		return handle.Envelope{}, nil, err
	}
	defer done()
	if _, err := c.Write(q.message); err != nil {
		return handle.Envelope{}, nil, err
	}
	for {
		var head [handle.EnvelopeSize]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return handle.Envelope{}, nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
		}
		e, _, _ := handle.ParseEnvelope(head[:])
		if e.Length > handle.MaxMessage {
			return handle.Envelope{}, nil, fmt.Errorf("%w: %w", ErrBadAnswer, handle.ErrTooLarge)
		}
		src := make([]byte, e.Length)
		if _, err := io.ReadFull(c, src); err != nil {
			return handle.Envelope{}, nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
		}
		if e.RequestID == q.id {
			return e, src, nil
		}
	}
}
