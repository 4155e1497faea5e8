package dnsserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/resolver/internal/budget"
	"github.com/idnode/idnode/resolver/internal/conns"
	"github.com/idnode/idnode/resolver/internal/udpserver"
	"github.com/idnode/idnode/resolver/querylog"
)

// UDPBuffer is the octets that each UDP socket asks the system to hold until they are read; those of the
// Handle protocol ask for as much.
const UDPBuffer = udpserver.ReadBuffer

// Options says what a Server answers from and what it allows. Resolver and Zone.Apexes are required.
type Options struct {
	Resolver *resolver.Resolver
	Zone     ZoneOptions

	// Answers keeps replies in the form in which they are sent. Default: none are kept.
	Answers *cache.Answers

	UDPSockets int // sockets on the address, each with its goroutine. Default: one per CPU

	// UDPBytesPerSecond and UDPBurst bound what a network (IPv4 /24, IPv6 /56) is sent over UDP
	// beyond three times what it sent, in octets. Defaults 64 KiB/s and 256 KiB.
	UDPBytesPerSecond int
	UDPBurst          int
	// ResponsesPerSecond bounds the replies that a network is sent over UDP, whatever their length; as
	// many as in two seconds may go at once. Default: no bound.
	ResponsesPerSecond int
	// UDPExempt lists networks without these bounds, such as those of known recursive servers. Clients
	// that show a valid cookie have none either. Default: none.
	UDPExempt []netip.Prefix
	// Slip is of how many replies beyond the bounds one is sent, without records and with TC, so that
	// clients come over TCP; the others are dropped. Default 2; negative: none is sent.
	Slip int

	MaxConns        int // TCP connections at a time. Default 4096
	MaxConnsPerAddr int // of one address. Default a quarter of MaxConns

	FirstByteTimeout time.Duration // from accepting a connection to its first octet. Default 10 s
	MessageTimeout   time.Duration // from the first octet of a message to its last. Default 10 s
	IdleTimeout      time.Duration // idle time after a connection's first reply. Default 30 s
	WriteTimeout     time.Duration // for replies to leave. Default 10 s

	// NSID tells clients that ask which server has answered (RFC 5001), at most 128 octets. Default:
	// nothing is told.
	NSID string
	// CookieSecret is the key of server cookies (RFC 9018), 16 octets, the same for all servers behind
	// one address. Default: random.
	CookieSecret []byte

	Log     *querylog.Log     // takes what is asked; default: none
	Metrics *resolver.Metrics // default: none
	Logger  *slog.Logger      // default: slog.Default()
}

func (o *Options) setDefaults() {
	setDefault(&o.UDPSockets, runtime.NumCPU())
	setDefault(&o.UDPBytesPerSecond, 64<<10)
	setDefault(&o.UDPBurst, 256<<10)
	setDefault(&o.Slip, 2)
	setDefault(&o.MaxConns, 4096)
	setDefault(&o.MaxConnsPerAddr, max(o.MaxConns/4, 1))
	setDefault(&o.FirstByteTimeout, 10*time.Second)
	setDefault(&o.MessageTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, 30*time.Second)
	setDefault(&o.WriteTimeout, 10*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Server answers the DNS on one address.
type Server struct {
	o       Options
	log     *slog.Logger
	zones   *zones
	now     func() time.Time
	cookies cookies
	octets  *budget.Budget
	replies *budget.Budget // nil: not bounded
	limited atomic.Uint64  // replies that were more than a network may have
	udp     *resolver.FrontMetrics
	tcp     *resolver.FrontMetrics
	spare   sync.Pool // of *exchange, for TCP

	listener net.Listener
	sockets  []*net.UDPConn
	packets  *udpserver.Server
	base     context.Context // of queries: it outlives the call of Shutdown, not its deadline
	cancel   context.CancelFunc
	conns    *conns.Table

	mu       sync.Mutex
	draining bool
}

// New returns a server that listens to nothing yet.
func New(o Options) (*Server, error) {
	if o.Resolver == nil {
		return nil, errors.New("dns server needs a resolver")
	}
	o.setDefaults()
	if len(o.NSID) > MaxNSID {
		return nil, fmt.Errorf("dns nsid has %d octets, more than %d", len(o.NSID), MaxNSID)
	}
	z, err := newZones(o.Zone)
	if err != nil {
		return nil, err
	}
	z.resolver = o.Resolver
	s := &Server{
		o: o, log: o.Logger, zones: z, now: time.Now,
		octets: budget.New(o.UDPBytesPerSecond, o.UDPBurst, o.UDPExempt),
		udp:    o.Metrics.Front("dns_udp"),
		tcp:    o.Metrics.Front("dns_tcp"),
		conns:  conns.NewTable(o.MaxConns, o.MaxConnsPerAddr),
	}
	s.tcp.Connections(s.conns.Len)
	if n := o.ResponsesPerSecond; n > 0 {
		s.replies = budget.New(n, 2*n, o.UDPExempt)
	}
	switch len(o.CookieSecret) {
	case 0:
		_, _ = rand.Read(s.cookies.secret[:]) // never fails
	case len(s.cookies.secret):
		copy(s.cookies.secret[:], o.CookieSecret)
	default:
		return nil, fmt.Errorf("dns cookie secret has %d octets, not %d", len(o.CookieSecret), len(s.cookies.secret))
	}
	s.base, s.cancel = context.WithCancel(context.Background())
	s.spare.New = func() any { return &exchange{s: s, front: s.tcp, pen: s.o.Log.Pen(querylog.DNSTCP), tcp: true} }
	return s, nil
}

// Bind listens on addr over TCP, and over UDP on the same port. Port 0 chooses one.
func (s *Server) Bind(addr string) error {
	var err error
	if s.listener, s.sockets, err = udpserver.Listen(addr, s.o.UDPSockets); err != nil {
		return fmt.Errorf("bind dns server: %w", err)
	}
	s.packets = udpserver.New(udpserver.Options{Sockets: s.sockets, New: func() udpserver.Handler { return s.newPackets() },
		PacketSize: maxRequest + 1, Metrics: s.udp, Logger: s.log})
	return nil
}

// Addr is the address that Bind has listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers until Shutdown, and then returns nil. That ctx ends does not end it: the server
// goes on answering while the node takes itself out of service.
func (s *Server) Serve(context.Context) error {
	if s.listener == nil {
		return errors.New("serve dns: not bound")
	}
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return nil
	}
	s.packets.Start()
	s.mu.Unlock()
	s.accept()
	s.packets.Wait()
	s.conns.Wait()
	return nil
}

// accept takes connections until the listener is closed.
func (s *Server) accept() {
	conns.Accept(s.listener, s.log, func(c net.Conn) {
		if !s.conns.Serve(c, readBuffer, func(c *conns.Conn) { (&conn{Conn: c, s: s, tally: s.tcp.NewTally()}).serve(s.base) }) {
			s.tcp.Drop("connections")
		}
	})
}

// Shutdown stops listening, closes idle connections, and waits until the queries that have arrived
// are answered. If ctx ends first it breaks off the rest and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.cancel()
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.conns.Drain()
	if s.listener != nil {
		s.listener.Close()
	}
	if s.packets != nil {
		s.packets.Stop()
	}
	done := make(chan struct{})
	go func() {
		if s.packets != nil {
			s.packets.Wait()
		}
		s.conns.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		s.cancel()
		s.conns.Cut()
		<-done
	}
	for _, c := range s.sockets {
		c.Close()
	}
	return err
}
