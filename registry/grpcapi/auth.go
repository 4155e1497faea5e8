package grpcapi

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/idnode/idnode/registry"
)

// Verifier says who holds a credential; *auth.Verifier does.
type Verifier interface {
	// Verify returns who holds the API key bearer and calls from addr. The error's chain holds a
	// *registry.Error if the credential is not accepted.
	Verify(ctx context.Context, bearer string, addr netip.Addr) (registry.Actor, error)
}

// actor says who calls, by the metadata "authorization: Bearer …".
func (s *Server) actor(ctx context.Context) (registry.Actor, error) {
	given := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(given) != 1 {
		return registry.Actor{}, refuse(registry.CodeUnauthenticated, "authorization", "the call needs one credential in its metadata")
	}
	scheme, bearer, ok := strings.Cut(given[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return registry.Actor{}, refuse(registry.CodeUnauthenticated, "authorization", "not a bearer credential")
	}
	actor, err := s.auth.Verify(ctx, strings.TrimSpace(bearer), callerAddr(ctx))
	if err != nil {
		return actor, err
	}
	return actor, checkScope(ctx, actor)
}

// callerAddr is the peer's address, or the zero Addr if it has none.
func callerAddr(ctx context.Context) netip.Addr {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return netip.Addr{}
	}
	tcp, ok := p.Addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}
