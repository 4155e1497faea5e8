package drive

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

// wire carries messages to the server and back. Sending and receiving may go on at the same time.
type wire interface {
	send(message []byte) error // may wait for flush
	flush() error
	receive() ([]byte, error) // the next message, good until the next receive
	waiting() bool            // there is more to receive at once
	net.Conn
}

func dial(f *Front, c Codec) (wire, error) {
	conn, err := net.DialTimeout(f.Network, f.Addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	if u, ok := conn.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(1 << 20) // as far as the system allows
		return newDatagrams(u), nil
	}
	s := &stream{Conn: conn, frame: c.Frame, r: bufio.NewReaderSize(conn, 256<<10), w: bufio.NewWriterSize(conn, 64<<10)}
	return s, s.send(c.Preface())
}

const (
	batchSize   = 32 // datagrams in a system call
	maxDatagram = 4 << 10
)

// datagrams is a connected UDP socket, read and written by recvmmsg and sendmmsg.
type datagrams struct {
	*net.UDPConn
	batch *ipv4.PacketConn // works for IPv6 as well where, as here, no control messages are used

	in        [batchSize]ipv4.Message
	next, got int

	out    [batchSize]ipv4.Message
	queued int
}

func newDatagrams(c *net.UDPConn) *datagrams {
	d := &datagrams{UDPConn: c, batch: ipv4.NewPacketConn(c)}
	for i := range batchSize {
		d.in[i].Buffers = [][]byte{make([]byte, maxDatagram)}
		d.out[i].Buffers = [][]byte{make([]byte, 0, 512)}
	}
	return d
}

func (d *datagrams) send(message []byte) error {
	b := d.out[d.queued].Buffers
	b[0] = append(b[0][:0], message...)
	if d.queued++; d.queued == batchSize {
		return d.flush()
	}
	return nil
}

func (d *datagrams) flush() error {
	for sent := 0; sent < d.queued; {
		n, err := d.batch.WriteBatch(d.out[sent:d.queued], 0)
		if err != nil {
			return err
		}
		sent += n
	}
	d.queued = 0
	return nil
}

func (d *datagrams) waiting() bool { return d.next < d.got }

func (d *datagrams) receive() ([]byte, error) {
	if d.next == d.got {
		n, err := d.batch.ReadBatch(d.in[:], 0)
		if err != nil {
			d.next, d.got = 0, 0
			return nil, err
		}
		d.next, d.got = 0, n
	}
	m := &d.in[d.next]
	d.next++
	return m.Buffers[0][:m.N], nil
}

// stream is a kept connection.
type stream struct {
	net.Conn
	frame func([]byte) (int, error)
	r     *bufio.Reader
	last  int // octets of r that the message given last takes

	mu sync.Mutex // who receives may have to send as well
	w  *bufio.Writer
}

func (s *stream) send(message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.w.Write(message)
	return err
}

func (s *stream) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Flush()
}

func (s *stream) waiting() bool { return s.r.Buffered() > s.last }

// receive gives a view into the reader's buffer. After a deadline it goes on where it was.
func (s *stream) receive() ([]byte, error) {
	if _, err := s.r.Discard(s.last); err != nil {
		return nil, err
	}
	s.last = 0
	for {
		head, _ := s.r.Peek(s.r.Buffered()) // what is there is no error
		n, err := s.frame(head)
		switch {
		case err != nil:
			return nil, err
		case n > s.r.Size():
			return nil, fmt.Errorf("an answer of %d octets: %w", n, io.ErrShortBuffer)
		case n == 0:
			n = len(head) + 1
		case n <= len(head):
			s.last = n
			return head[:n], nil
		}
		if _, err := s.r.Peek(n); err != nil {
			return nil, err
		}
	}
}
