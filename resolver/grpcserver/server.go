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
	if err := outcomeError(outcome, resp.Explanation); err != nil {
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
		start = time.Now()
		tier  resolver.Tier
		q     resolver.Query
		taken bool
	)
	defer func() {
		if p := recover(); p != nil {
			s.o.Metrics.Panic()
			s.o.Logger.Error("panic in resolution", "id", req.GetId(), "panic", p, "stack", string(debug.Stack()))
			outcome, resp = refusal(resolver.Failed, "internal error")
		}
		if taken {
			s.o.Metrics.Done(q.ID.Scheme(), outcome, tier, time.Since(start))
		}
	}()
	q, err := s.query(req)
	s.o.Metrics.Request(q.ID.Scheme(), op)
	taken = true
	if err != nil {
		return refusal(resolver.Invalid, err.Error())
	}
	defer s.inFlight.Add(-1)
	if s.inFlight.Add(1) > int64(s.o.InFlight) {
		return refusal(resolver.Overloaded, "too many questions at a time")
	}
	a := s.r.Resolve(ctx, q)
	tier = a.Tier
	return a.Status, response(&q, &a)
}

// query reads a question. On an error the query holds what could be read.
func (s *Server) query(req *nodepb.ResolveRequest) (resolver.Query, error) {
	id, err := nodepb.ToID(req.GetId(), req.GetScheme())
	if err != nil {
		return resolver.Query{}, err
	}
	q := resolver.Query{
		ID:      id,
		Types:   req.GetTypes(),
		Indexes: req.GetIndexes(),
		Recurse: req.GetRecurse(),
		NoCache: req.GetNoCache(),
	}
	if n := len(q.Types) + len(q.Indexes); n > s.o.Selectors {
		return q, fmt.Errorf("types, indexes: %d in all, the limit is %d", n, s.o.Selectors)
	}
	return q, nil
}

// response is the answer as a message, which shares the record's data.
func response(q *resolver.Query, a *resolver.Answer) *nodepb.ResolveResponse {
	resp := &nodepb.ResolveResponse{Status: messageStatus(a.Status), Explanation: explain(a)}
	if a.Record != nil {
		resp.Record = nodepb.FromRecordHead(a.Record)
		a.Values(q, func(v *identifier.Value) bool {
			resp.Record.Values = append(resp.Record.Values, nodepb.FromValue(v))
			return true
		})
	}
	if a.Service != nil && a.Status == resolver.Referral {
		var name string
		if a.Namespace != nil {
			name = a.Namespace.Prefix
		}
		resp.Referral = nodepb.FromService(name, a.Service)
	}
	return resp
}
