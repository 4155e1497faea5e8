package grpcserver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
)

// Options configure a Server. The zero value works.
type Options struct {
	Batch      int           // rows in a batch; default 10000
	BatchBytes int           // octets of a batch's response; default 4 MiB less 64 KiB, so that clients take it by default
	Selectors  int           // types and indexes in one question; default 256
	InFlight   int           // questions that are being answered at a time, of all callers; default 4096
	Idle       time.Duration // how long a stream may go without a question; default 5 minutes

	Metrics *resolver.FrontMetrics // counts requests and answers; default: none
	Logger  *slog.Logger           // default: slog.Default()
}

// Server implements idnode.v1.Resolver.
type Server struct {
	nodepb.UnimplementedResolverServer

	r *resolver.Resolver
	o Options

	inFlight atomic.Int64
	stopOnce sync.Once
	stop     chan struct{}
}

// New returns a server that asks r.
func New(r *resolver.Resolver, o Options) *Server {
	s := &Server{r: r, o: o, stop: make(chan struct{})}
	if s.o.Logger == nil {
		s.o.Logger = slog.Default()
	}
	setDefault(&s.o.Batch, 10000)
	setDefault(&s.o.BatchBytes, 4<<20-64<<10)
	setDefault(&s.o.Selectors, 256)
	setDefault(&s.o.InFlight, 4096)
	setDefault(&s.o.Idle, 5*time.Minute)
	return s
}

func setDefault[T int | uint32 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Register adds the service to g.
func (s *Server) Register(g *grpc.Server) { nodepb.RegisterResolverServer(g, s) }

// Drain ends all streams, each after the answer that is under way, and those that come later.
// Call it before [grpc.Server.GracefulStop], which waits for streams.
func (s *Server) Drain() { s.stopOnce.Do(func() { close(s.stop) }) }

// Resolve answers one question.
func (s *Server) Resolve(ctx context.Context, req *nodepb.ResolveRequest) (*nodepb.ResolveResponse, error) {
	outcome, resp := s.ask(ctx, req, "resolve")
	if err := outcomeError(outcome, resp); err != nil {
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		return nil, err
	}
	return resp, nil
}

// ask answers one question with a response, whatever happens.
func (s *Server) ask(ctx context.Context, req *nodepb.ResolveRequest, op string) (outcome resolver.Status, resp *nodepb.ResolveResponse) {
	var (
		start  = time.Now()
		scheme identifier.Scheme
		tier   resolver.Tier
	)
	s.o.Metrics.Begin()
	defer func() {
		if p := recover(); p != nil {
			s.o.Metrics.Panic()
			s.o.Logger.Error("panic in resolution", "id", req.GetId(), "panic", p, "stack", string(debug.Stack()))
			outcome, resp = refusal(resolver.Failed, "internal error")
		}
		s.o.Metrics.Read(scheme, op)
		s.o.Metrics.Done(scheme, outcome, tier, time.Since(start))
	}()
	q, wanted, err := s.query(req)
	if err != nil {
		return refusal(resolver.Invalid, err.Error())
	}
	defer s.inFlight.Add(-1)
	if s.inFlight.Add(1) > int64(s.o.InFlight) {
		return refusal(resolver.Overloaded, "too many questions at a time")
	}
	asked := s.r.Ask(ctx, req.GetId(), wanted, q)
	scheme, tier = asked.Query.ID.Scheme(), asked.Answer.Tier
	return asked.Answer.Status, response(&asked)
}

// query reads a question: all of it but the identifier, and the scheme in which to read that, 0 for
// any.
func (s *Server) query(req *nodepb.ResolveRequest) (resolver.Query, identifier.Scheme, error) {
	q := resolver.Query{
		Types:    req.GetTypes(),
		Indexes:  req.GetIndexes(),
		Recurse:  req.GetRecurse(),
		NoCache:  req.GetNoCache(),
		Fallback: req.GetFallback(),
		Trace:    req.GetTrace(),
	}
	if n := len(q.Types) + len(q.Indexes); n > s.o.Selectors {
		return q, 0, fmt.Errorf("types, indexes: %d in all, the limit is %d", n, s.o.Selectors)
	}
	scheme, err := nodepb.ToScheme(req.GetId(), req.GetScheme())
	return q, scheme, err
}
