package udpserver

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/resolver"
)

const (
	maxBatch  = 64                     // datagrams that are read at once
	batchTime = 250 * time.Microsecond // about what a batch may take to answer, or its first waits too long for its last
	arenaSize = 128 << 10              // octets of answers that are gathered before they are sent

	slowWait  = 200 * time.Microsecond // what has been waited for so long is left to workers
	fastWaits = 64                     // by so many the shorter waits outweigh before it is not any more
	slowCosts = 3                      // shorter waits that outweigh a long one
	workers   = 32                     // waits at a time
	queueSize = 1024                   // datagrams that wait for a worker
	drainMax  = 1024                   // datagrams answered at the end, if they have arrived by then
)

// Handler answers datagrams, one at a time.
type Handler interface {
	// Serve takes in packet, which is good until it returns, and gives the answer to w: by Send, Drop
	// or Lose once. If the answer would have to wait for something and w.MayWait is false, or would take
	// long to compute and w.Worker is false, it reports false and does nothing else: a worker will be
	// given the packet, too.
	Serve(w *Writer, packet []byte, from netip.AddrPort) (done bool)
}

// Options says how to serve. Sockets, New and PacketSize are required.
type Options struct {
	Sockets    []*net.UDPConn
	New        func() Handler         // called for each goroutine
	PacketSize int                    // octets of a datagram; of a longer one so many are handed on
	Metrics    *resolver.FrontMetrics // default: none
	Logger     *slog.Logger           // default: slog.Default()
}

// Server serves sockets until Stop.
type Server struct {
	o       Options
	slow    atomic.Bool  // what is waited for is slow: workers wait
	fast    atomic.Int32 // by how many the shorter waits outweigh
	queue   chan *job
	jobs    sync.Pool // of *job
	begin   sync.Once // starts the workers
	end     sync.Once // ends them
	readers sync.WaitGroup
	workers sync.WaitGroup
}

// job is a datagram for a worker.
type job struct {
	conn   *net.UDPConn
	to     peer
	packet []byte
	start  time.Time
}

// New returns a server that serves nothing yet.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Server{o: o, queue: make(chan *job, queueSize)}
	s.jobs.New = func() any { return new(job) }
	o.Metrics.Queue(func() int { return len(s.queue) })
	o.Metrics.Overruns(func(count func(socket int, n uint64)) {
		for i, c := range o.Sockets {
			if n, ok := overruns(c); ok {
				count(i, n)
			}
		}
	})
	return s
}

// Start begins to serve.
func (s *Server) Start() {
	for _, c := range s.o.Sockets {
		s.readers.Go(func() { s.serve(c) })
	}
}

// Stop has everything end that waits for a datagram. Those that have arrived are answered.
func (s *Server) Stop() {
	for _, c := range s.o.Sockets {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // fails on a closed socket, whose reader has ended
	}
}

// Wait returns when everything has ended, after Stop.
func (s *Server) Wait() {
	s.readers.Wait() // nobody else starts workers
	s.end.Do(func() { close(s.queue) })
	s.workers.Wait()
}

// serve reads and answers batches until c ends.
func (s *Server) serve(c *net.UDPConn) {
	r, err := newReader(c, s.o.PacketSize)
	if err != nil {
		s.o.Logger.Error("serving UDP", "err", err)
		return
	}
	h := s.o.New()
	w := newWriter(s, c, maxBatch)
	size := maxBatch / 8
	for {
		n, err := r.read(size)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.drain(r, w, h)
			return
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.o.Logger.Warn("reading from UDP", "err", err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		took := s.batch(r, w, h, n)
		switch {
		case took > batchTime:
			size = max(size/2, 1)
		case n == size && took < batchTime/2:
			size = min(2*size, maxBatch)
		}
	}
}

// drain answers what has arrived when the server stops.
func (s *Server) drain(r *reader, w *Writer, h Handler) {
	for total := 0; total < drainMax; {
		n, err := r.poll(maxBatch)
		if n == 0 || err != nil {
			return
		}
		s.batch(r, w, h, n)
		total += n
	}
}

// batch answers the n datagrams that r has read, and returns how long that took.
func (s *Server) batch(r *reader, w *Writer, h Handler, n int) time.Duration {
	start := time.Now()
	w.Start, w.MayWait, w.waits = start, !s.slow.Load(), 0
	w.tally.Batch(n)
	for i := range n {
		packet, to, from := r.packet(i)
		w.to = to
		w.tally.Took(len(packet))
		if !h.Serve(w, packet, from) {
			s.postpone(w.conn, to, packet, start)
		}
	}
	answered := time.Since(start)
	if w.waits > 0 && answered > slowWait*time.Duration(w.waits) {
		s.fast.Store(0)
		s.slow.Store(true)
	}
	w.flush()
	return answered
}

// postpone leaves a datagram to a worker.
func (s *Server) postpone(c *net.UDPConn, to *peer, packet []byte, start time.Time) {
	s.begin.Do(func() {
		for range workers {
			s.workers.Go(s.work)
		}
	})
	j := s.jobs.Get().(*job)
	j.conn, j.to, j.start = c, *to, start
	j.packet = append(j.packet[:0], packet...)
	select {
	case s.queue <- j:
	default:
		s.jobs.Put(j)
		s.o.Metrics.Drop("queue_full")
	}
}

// work answers the datagrams left to workers.
func (s *Server) work() {
	h := s.o.New()
	w := newWriter(s, nil, 1)
	w.Worker = true
	for j := range s.queue {
		begin := time.Now()
		w.conn, w.to, w.Start, w.MayWait, w.waits = j.conn, &j.to, j.start, true, 0
		h.Serve(w, j.packet, j.to.addrPort())
		switch {
		case w.waits == 0:
		case time.Since(begin) > slowWait:
			s.fast.Store(max(s.fast.Load()-slowCosts, -fastWaits)) // what workers do at one moment need not be exact
		case s.fast.Add(1) >= fastWaits:
			s.slow.Store(false)
		}
		w.flush()
		s.jobs.Put(j)
	}
}
