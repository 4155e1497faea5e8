package grpcserver

import (
	"context"
	"log/slog"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// broken is a stream that panics where a call would.
type broken struct{ grpc.ServerStream }

func (broken) Context() context.Context { return context.Background() }
func (broken) RecvMsg(any) error        { panic("receive") }

// TestPanics: methods that no interceptor guards fail with INTERNAL, and tell nothing.
func TestPanics(t *testing.T) {
	s := New(nil, Options{Logger: slog.New(slog.DiscardHandler)})
	unary := s.unary(func(context.Context, func(any) error) (any, error) { panic("call") })
	_, err := unary(nil, t.Context(), nil, nil)
	for name, err := range map[string]error{"unary": err, "stream": s.resolveStream(broken{})} {
		if st := status.Convert(err); st.Code() != codes.Internal || st.Message() != "internal error" {
			t.Errorf("%s: %v, want a bare Internal", name, err)
		}
	}
}
