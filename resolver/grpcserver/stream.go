package grpcserver

import (
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/idnode/idnode/proto/nodepb"
)

// ResolveStream answers questions as they come.
func (s *Server) ResolveStream(stream grpc.BidiStreamingServer[nodepb.ResolveRequest, nodepb.ResolveResponse]) error {
	ctx := stream.Context()
	questions := make(chan question)
	// Recv cannot be given a deadline, so it waits on its own; it ends with ctx, which gRPC
	// cancels when this function returns.
	go func() {
		for {
			req, err := stream.Recv()
			select {
			case questions <- question{req, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	idle := time.NewTimer(s.o.Idle)
	defer idle.Stop()
	for {
		var q question
		select {
		case q = <-questions:
		case <-idle.C:
			return status.Errorf(codes.DeadlineExceeded, "no question for %v", s.o.Idle)
		case <-s.stop:
			return status.Error(codes.Unavailable, "the node is stopping")
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
		if errors.Is(q.err, io.EOF) {
			return nil
		}
		if q.err != nil {
			return q.err
		}
		_, resp := s.ask(ctx, q.req, "stream")
		if err := stream.Send(resp); err != nil {
			return err
		}
		idle.Reset(s.o.Idle)
	}
}

type question struct {
	req *nodepb.ResolveRequest
	err error
}
