package handleserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/trust"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/resolver/internal/budget"
	"github.com/idnode/idnode/resolver/internal/conns"
	"github.com/idnode/idnode/resolver/internal/udpserver"
	"github.com/idnode/idnode/resolver/querylog"
)

// Options says what a Server answers from and what it allows. Resolver is required.
type Options struct {
	Resolver *resolver.Resolver

	// Answers keeps answers in the form in which they are sent. Default: none are kept.
	Answers *cache.Answers

	// Site returns the node's own HS_SITE in wire form: the answer to get site info. Its serial is
	// told in every response: clients that know another fetch the site again. It is asked when Serve
	// begins, because a site tells ports that are known once the listeners are bound. Default: none,
	// and get site info is refused.
	Site func() []byte

	// Admin carries out administration, and knows the keys of identities. Default: none, and administration,
	// sessions and log-ins are refused.
	Admin Admin

	// Foreign returns the record of an identity that another node keeps, found and certified by who asks for
	// it; nil if there is none. Default: identities of other nodes cannot authenticate here.
	Foreign func(ctx context.Context, handle string) (*identifier.Record, error)

	// ServerAdmins may do everything. An index of 0 is any key of that handle.
	ServerAdmins []identifier.Ref

	// Key signs certified answers. Its public half stands in the Site. Default: none, and answers are not signed,
	// which stock clients that ask for a signature do not take.
	Key auth.PrivateKey

	// TrustRoots are the keys at which the chains of issuers of signed records have to end, for clients that ask
	// whether an answer can be trusted. Default: none, and they are told that it is unknown.
	TrustRoots []trust.Root

	UDPSockets int // sockets on the address, each with its goroutine. Default: one per CPU

	// UDPBytesPerSecond and UDPBurst bound what a network (IPv4 /24, IPv6 /56) is sent over UDP
	// beyond three times what it sent, in octets. Defaults 64 KiB/s and 256 KiB. Beyond it the
	// answer is SERVER_TOO_BUSY, and silence if that goes on; clients then turn to TCP.
	UDPBytesPerSecond int
	UDPBurst          int
	// UDPExempt lists networks without this bound, such as those of known recursive nodes. Default: none.
	UDPExempt []netip.Prefix

	MaxConns        int // TCP connections at a time. Default 4096
	MaxConnsPerAddr int // of one address. Default a quarter of MaxConns

	FirstByteTimeout time.Duration // from accepting a connection to its first octet. Default 10 s
	MessageTimeout   time.Duration // from the first octet of a message to its last. Default 10 s
	LingerTimeout    time.Duration // idle time after a connection's first answer. Default 10 s
	IdleTimeout      time.Duration // idle time of a connection that has carried several requests. Default 5 min
	WriteTimeout     time.Duration // for an answer to leave. Default 10 s

	Log     *querylog.Log     // takes what is asked; default: none
	Metrics *resolver.Metrics // default: none
	Logger  *slog.Logger      // default: slog.Default()
}

func (o *Options) setDefaults() {
	setDefault(&o.UDPSockets, runtime.NumCPU())
	setDefault(&o.UDPBytesPerSecond, 64<<10)
	setDefault(&o.UDPBurst, 256<<10)
	setDefault(&o.MaxConns, 4096)
	setDefault(&o.MaxConnsPerAddr, max(o.MaxConns/4, 1))
	setDefault(&o.FirstByteTimeout, 10*time.Second)
	setDefault(&o.MessageTimeout, 10*time.Second)
	setDefault(&o.LingerTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, 5*time.Minute)
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

// site is what answers tell of the node itself.
type site struct {
	encoded []byte // nil: unknown
	serial  uint16
	primary bool // it takes changes: answers are authoritative
}

// Server answers the Handle protocol on one address.
type Server struct {
	o       Options
	log     *slog.Logger
	resolve func(context.Context, resolver.Query) resolver.Answer
	now     func() time.Time
	site    atomic.Pointer[site]
	budget  *budget.Budget
	udp     *resolver.FrontMetrics
	tcp     *resolver.FrontMetrics
	spare   sync.Pool // of *answerer, for AppendAnswer

	listener net.Listener
	sockets  []*net.UDPConn
	packets  *udpserver.Server
	base     context.Context // of queries: it outlives the call of Shutdown, not its deadline
	cancel   context.CancelFunc
	conns    *conns.Table

	challenges *challenges
	sessions   *sessions
	heavy      heavy

	mu       sync.Mutex
	draining bool
}

// New returns a server that listens to nothing yet.
func New(o Options) (*Server, error) {
	if o.Resolver == nil {
		return nil, errors.New("handle server needs a resolver")
	}
	o.setDefaults()
	s := &Server{
		o: o, log: o.Logger, resolve: o.Resolver.Resolve, now: time.Now,
		budget: budget.New(o.UDPBytesPerSecond, o.UDPBurst, o.UDPExempt),
		udp:    o.Metrics.Front("handle_udp"),
		tcp:    o.Metrics.Front("handle_tcp"),
		conns:  conns.NewTable(o.MaxConns, o.MaxConnsPerAddr),

		challenges: newChallenges(), sessions: newSessions(), heavy: newHeavy(),
	}
	s.tcp.Connections(s.conns.Len)
	s.site.Store(&site{serial: handle.NoSiteSerial, primary: true})
	s.base, s.cancel = context.WithCancel(context.Background())
	tunnel := o.Metrics.Front("http")
	s.spare.New = func() any {
		return &answerer{s: s, front: tunnel, pen: s.o.Log.Pen(querylog.HTTP), tally: tunnel.NewTally()}
	}
	return s, nil
}

// Bind listens on addr over TCP, and over UDP on the same port. Port 0 chooses one.
func (s *Server) Bind(addr string) error {
	var err error
	if s.listener, s.sockets, err = udpserver.Listen(addr, s.o.UDPSockets); err != nil {
		return fmt.Errorf("bind handle server: %w", err)
	}
	s.packets = udpserver.New(udpserver.Options{Sockets: s.sockets, New: func() udpserver.Handler { return s.newDatagrams() },
		PacketSize: handle.EnvelopeSize + maxUDPRequest, Metrics: s.udp, Logger: s.log})
	return nil
}

// Addr is the address that Bind has listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers until Shutdown, and then returns nil. That ctx ends does not end it: the server
// goes on answering while the node takes itself out of service.
func (s *Server) Serve(ctx context.Context) error {
	if s.listener == nil {
		return errors.New("serve handle: not bound")
	}
	if err := s.loadSite(); err != nil {
		return fmt.Errorf("serve handle: %w", err)
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

func (s *Server) loadSite() error {
	if s.o.Site == nil {
		return nil
	}
	encoded := s.o.Site()
	if encoded == nil {
		return nil
	}
	parsed, err := handle.ParseSite(encoded)
	if err != nil {
		return fmt.Errorf("parse site: %w", err)
	}
	s.site.Store(&site{encoded, parsed.Serial, parsed.Flags&handle.SitePrimary != 0})
	return nil
}

// Shutdown stops listening, closes idle connections, and waits until the requests that have
// arrived are answered. If ctx ends first it breaks off the rest and returns ctx's error.
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
