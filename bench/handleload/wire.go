package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/idnode/idnode/proto/handle"
)

// wire carries messages to the node and back. Sending and receiving may go on at the same time.
type wire interface {
	send(message []byte) error // may wait for flush
	flush() error
	receive() ([]byte, error) // the next message, envelope included, good until the next receive
	waiting() bool            // there is more to receive at once
	net.Conn
}

func dial(network, addr string) (wire, error) {
	c, err := net.DialTimeout(network, addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	if network == "udp" {
		_ = c.(*net.UDPConn).SetReadBuffer(1 << 20) // as far as the system allows
		return &datagrams{Conn: c}, nil
	}
	return &stream{Conn: c, r: bufio.NewReaderSize(c, 64<<10), w: bufio.NewWriterSize(c, 64<<10)}, nil
}

// datagrams is a connected UDP socket.
type datagrams struct {
	net.Conn
	in [64 << 10]byte
}

func (d *datagrams) send(message []byte) error { _, err := d.Write(message); return err }
func (d *datagrams) flush() error              { return nil }
func (d *datagrams) waiting() bool             { return false }

func (d *datagrams) receive() ([]byte, error) {
	n, err := d.Read(d.in[:])
	return d.in[:n], err
}

// stream is a kept connection.
type stream struct {
	net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	last int // octets of r that the message given last takes
}

func (s *stream) send(message []byte) error { _, err := s.w.Write(message); return err }
func (s *stream) flush() error              { return s.w.Flush() }

func (s *stream) waiting() bool { return s.r.Buffered() > s.last }

// receive gives a view into the reader's buffer. After a deadline it goes on where it was.
func (s *stream) receive() ([]byte, error) {
	if _, err := s.r.Discard(s.last); err != nil {
		return nil, err
	}
	s.last = 0
	head, err := s.r.Peek(handle.EnvelopeSize)
	if err != nil {
		return nil, err
	}
	e, _, err := handle.ParseEnvelope(head)
	if err != nil {
		return nil, err
	}
	n := handle.EnvelopeSize + int(e.Length)
	if e.Length > handle.MaxMessage || n > s.r.Size() {
		return nil, fmt.Errorf("an answer of %d octets: %w", e.Length, io.ErrShortBuffer)
	}
	message, err := s.r.Peek(n)
	if err == nil {
		s.last = n
	}
	return message, err
}
