package grpcserver

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
	"github.com/idnode/idnode/resolver/querylog"
)

// Options configure a Server. The zero value works.
type Options struct {
	Batch      int           // rows in a batch; default 10000
	BatchBytes int           // octets of a batch's response; default 4 MiB less 64 KiB, so that clients take it by default
	Selectors  int           // types and indexes in one question; default 256
	InFlight   int           // questions that wait for the resolver at a time, of all callers; default 4096
	Idle       time.Duration // how long a stream may go without a question; default 5 minutes

	// Answers keeps encoded responses. Default: none are kept.
	Answers *cache.Answers

	Log     *querylog.Log          // takes what is asked; default: none
	Metrics *resolver.FrontMetrics // counts requests and answers; default: none
	Logger  *slog.Logger           // default: slog.Default()
}

// Server answers idnode.v1.Resolver.
type Server struct {
	r *resolver.Resolver
	o Options

	full    []byte // the row of a batch that stands for one without room, encoded
	ops     struct{ resolve, batch, stream resolver.Op }
	calls   sync.Pool // of *call
	batches sync.Pool // of *batch

	inFlight atomic.Int64
	stopOnce sync.Once
	stop     chan struct{}
}

// New returns a server that asks r.
func New(r *resolver.Resolver, o Options) *Server {
	s := &Server{r: r, o: o, full: fullRow(), stop: make(chan struct{})}
	if s.o.Logger == nil {
		s.o.Logger = slog.Default()
	}
	setDefault(&s.o.Batch, 10000)
	setDefault(&s.o.BatchBytes, 4<<20-64<<10)
	setDefault(&s.o.Selectors, 256)
	setDefault(&s.o.InFlight, 4096)
	setDefault(&s.o.Idle, 5*time.Minute)
	s.ops.resolve, s.ops.batch, s.ops.stream = o.Metrics.Op(opResolve), o.Metrics.Op(opBatch), o.Metrics.Op(opStream)
	return s
}

// Kinds of requests, in metrics.
const (
	opResolve = "resolve"
	opBatch   = "batch"
	opStream  = "stream"
)

func setDefault[T int | uint32 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Register adds the service to g, which must have been made with [ServerOptions]: its methods take octets
// instead of messages. They pass by unary interceptors, and recover from panics themselves.
func (s *Server) Register(g *grpc.Server) {
	desc := nodepb.Resolver_ServiceDesc
	desc.HandlerType = (*any)(nil)
	desc.Methods = []grpc.MethodDesc{
		{MethodName: "Resolve", Handler: s.unary(s.resolve)},
		{MethodName: "BatchResolve", Handler: s.unary(s.batchResolve)},
	}
	desc.Streams = []grpc.StreamDesc{{
		StreamName:    "ResolveStream",
		Handler:       func(_ any, stream grpc.ServerStream) error { return s.resolveStream(stream) },
		ServerStreams: true,
		ClientStreams: true,
	}}
	g.RegisterService(&desc, s)
}

// unary makes h the handler of a method. h reads the request with receive; its reply is what codec takes.
func (s *Server) unary(h func(ctx context.Context, receive func(any) error) (reply any, err error)) grpc.MethodHandler {
	return func(_ any, ctx context.Context, receive func(any) error, _ grpc.UnaryServerInterceptor) (reply any, err error) {
		defer s.recovered(&err)
		return h(ctx, receive)
	}
}

// recovered, when deferred, turns a panic into an error.
func (s *Server) recovered(err *error) {
	if p := recover(); p != nil {
		s.o.Metrics.Panic()
		s.o.Logger.Error("panic in call", "panic", p, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "internal error")
	}
}

// Drain ends all streams, each after the answer that is under way, and those that come later.
// Call it before [grpc.Server.GracefulStop], which waits for streams.
func (s *Server) Drain() { s.stopOnce.Do(func() { close(s.stop) }) }

// resolve answers one question.
func (s *Server) resolve(ctx context.Context, receive func(any) error) (reply any, err error) {
	c := s.take()
	defer s.put(c)
	if err := receive(&c.in); err != nil {
		return nil, err
	}
	c.client = clientOf(ctx)
	start := time.Now()
	if a, ok := c.kept(c.in.view()); ok {
		c.count(a.Outcome, s.ops.resolve, start)
		return newReply(a.Octets), nil
	}
	req := new(nodepb.ResolveRequest)
	if err := proto.Unmarshal(c.in.view(), req); err != nil {
		return nil, malformed(err)
	}
	outcome, resp := c.ask(ctx, req, opResolve)
	if err := outcomeError(outcome, resp.message); err != nil {
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		return nil, err
	}
	encoded, err := resp.octets() // now, because c's memory goes to another call
	if err != nil {
		return nil, err
	}
	return newReply(encoded), nil
}

// malformed is the error of a request that is no message, as gRPC itself tells it.
func malformed(err error) error {
	return status.Errorf(codes.Internal, "grpc: failed to unmarshal the received message: %v", err)
}
