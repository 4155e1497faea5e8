package node

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/idnode/idnode/registry/grpcapi"
	"github.com/idnode/idnode/resolver/grpcserver"
)

// httpListener serves a handler over HTTP/1.1, and over TLS on the same port if it has a certificate.
type httpListener struct {
	srv    http.Server
	ln     net.Listener
	bounds bounds
	tls    *tls.Config // nil: plain HTTP only
}

func newHTTPListener(h http.Handler, b bounds, secure *tls.Config, log *slog.Logger) *httpListener {
	b.setDefaults()
	l := &httpListener{bounds: b, tls: secure}
	l.srv = http.Server{
		// The bodies that handlers read are bounded by them: an import may take as long as it needs.
		Handler:           b.bodies(h),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return l
}

func (l *httpListener) Bind(addr string) (err error) {
	if l.ln, err = l.bounds.listen(addr); err == nil && l.tls != nil {
		l.ln = newEitherListener(l.ln, l.tls)
	}
	return err
}

func (l *httpListener) Addr() net.Addr { return l.ln.Addr() }

func (l *httpListener) Serve(context.Context) error {
	if err := l.srv.Serve(l.ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (l *httpListener) Shutdown(ctx context.Context) error {
	err := l.srv.Shutdown(ctx)
	if err != nil {
		_ = l.srv.Close() // what has not finished by now is cut
	}
	return err
}

// grpcListener serves the gRPC services with health and reflection.
type grpcListener struct {
	srv      *grpc.Server
	resolver *grpcserver.Server
	health   *health.Server
	ln       net.Listener
	bounds   bounds
}

func newGRPCListener(r *grpcserver.Server, a *grpcapi.Server, j *grpcapi.Jobs, b bounds, opts []grpc.ServerOption) *grpcListener {
	b.setDefaults()
	l := &grpcListener{srv: grpc.NewServer(opts...), resolver: r, health: health.NewServer(), bounds: b}
	r.Register(l.srv)
	a.RegisterOn(l.srv)
	j.RegisterOn(l.srv)
	healthpb.RegisterHealthServer(l.srv, l.health)
	reflection.Register(l.srv)
	for name := range l.srv.GetServiceInfo() {
		l.health.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	return l
}

func (l *grpcListener) Bind(addr string) (err error) {
	l.ln, err = l.bounds.listen(addr)
	return err
}

func (l *grpcListener) Addr() net.Addr { return l.ln.Addr() }

func (l *grpcListener) Serve(context.Context) error {
	if err := l.srv.Serve(l.ln); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

func (l *grpcListener) Shutdown(ctx context.Context) error {
	l.health.Shutdown()
	l.resolver.Drain()
	done := make(chan struct{})
	go func() {
		l.srv.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		l.srv.Stop() // ends GracefulStop too
		<-done
		return ctx.Err()
	}
}
