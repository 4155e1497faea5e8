package grpcserver

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/resolver"
)

// Limits bound what one connection may cost. The zero value works.
type Limits struct {
	MessageBytes int           // octets of one request message; default 4 MiB
	HeaderBytes  uint32        // octets of one call's metadata; default 16 KiB
	Streams      uint32        // calls of one connection at a time; default 256
	Handshake    time.Duration // for a new connection to become HTTP/2; default 10 s
	Idle         time.Duration // a connection without calls is closed; default 15 minutes
	Ping         time.Duration // a silent peer is asked whether it lives; default 2 minutes
	PingTimeout  time.Duration // and closed if it does not answer; default 20 s
	MinPing      time.Duration // a peer that pings more often is closed; default 10 s
}

// ServerOptions are the options of a [grpc.Server] that keeps to l, has the codec that a [Server]
// needs, and outlives panics: a call that panics fails with INTERNAL, is logged, and is counted in m,
// which may be nil. Stop waits for handlers, so that the store can be closed after it.
func ServerOptions(l Limits, m *resolver.FrontMetrics, log *slog.Logger) []grpc.ServerOption {
	setDefault(&l.MessageBytes, 4<<20)
	setDefault(&l.HeaderBytes, 16<<10)
	setDefault(&l.Streams, 256)
	setDefault(&l.Handshake, 10*time.Second)
	setDefault(&l.Idle, 15*time.Minute)
	setDefault(&l.Ping, 2*time.Minute)
	setDefault(&l.PingTimeout, 20*time.Second)
	setDefault(&l.MinPing, 10*time.Second)
	r := recoverer{metrics: m, log: log}
	if r.log == nil {
		r.log = slog.Default()
	}
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(l.MessageBytes),
		grpc.MaxHeaderListSize(l.HeaderBytes),
		grpc.MaxConcurrentStreams(l.Streams),
		grpc.ConnectionTimeout(l.Handshake),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: l.Idle, Time: l.Ping, Timeout: l.PingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: l.MinPing, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.ChainUnaryInterceptor(r.unary),
		grpc.ChainStreamInterceptor(r.stream),
	}
}

// streamWorkers are the goroutines that calls are given to, so that a call seldom begins on a stack that
// has to grow: of 64 calls under way at a time each costs 2.2 of 11.4 µs less. With four times as many
// nothing is won, because their stacks are cold. When all are busy a call has a goroutine of its own.
const streamWorkers = 64

// recoverer turns panics into errors.
type recoverer struct {
	metrics *resolver.FrontMetrics
	log     *slog.Logger
}

func (r recoverer) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = r.panicked(info.FullMethod, p)
		}
	}()
	return handler(ctx, req)
}

func (r recoverer) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = r.panicked(info.FullMethod, p)
		}
	}()
	return handler(srv, stream)
}

func (r recoverer) panicked(method string, p any) error {
	r.metrics.Panic()
	r.log.Error("panic in call", "method", method, "panic", p, "stack", string(debug.Stack()))
	return status.Error(codes.Internal, "internal error")
}
