package grpcserver

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
)

const (
	batchWorkers = 8  // rows of one batch that wait for a store or another node at a time
	batchChunk   = 64 // rows that a worker takes at once: most come from memory, in under a microsecond
	rowOverhead  = 5  // octets around a row in the response: tag and length
)

// BatchResolve answers many questions.
func (s *Server) BatchResolve(ctx context.Context, req *nodepb.BatchResolveRequest) (*nodepb.BatchResolveResponse, error) {
	n := len(req.GetRequests())
	if n > s.o.Batch {
		s.o.Metrics.Drop("batch_size")
		return nil, status.Errorf(codes.InvalidArgument, "requests: %d in a batch, the limit is %d", n, s.o.Batch)
	}
	b := newBatch(s, req.GetRequests())
	g, ctx := errgroup.WithContext(ctx)
	for range min(batchWorkers, (n+batchChunk-1)/batchChunk) {
		g.Go(func() error { return b.work(ctx) })
	}
	if err := g.Wait(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	return &nodepb.BatchResolveResponse{Responses: b.responses}, nil
}

// batch is one call under way.
type batch struct {
	s         *Server
	requests  []*nodepb.ResolveRequest
	responses []*nodepb.ResolveResponse
	next      atomic.Int64 // the first row that no worker has taken

	full     *nodepb.ResolveResponse // the row that stands for one without room
	fullSize int64
	room     atomic.Int64 // octets left, when each row without an answer is counted as full
}

func newBatch(s *Server, requests []*nodepb.ResolveRequest) *batch {
	b := &batch{s: s, requests: requests, responses: make([]*nodepb.ResolveResponse, len(requests))}
	_, b.full = refusal(resolver.Overloaded, "no room left in the batch: ask again")
	b.fullSize = int64(proto.Size(b.full))
	b.room.Store(int64(s.o.BatchBytes) - int64(len(requests))*(b.fullSize+rowOverhead))
	return b
}

// work answers chunks of rows until there are none, or fails with ctx's error.
func (b *batch) work(ctx context.Context) error {
	for {
		end := int(b.next.Add(batchChunk))
		for i := end - batchChunk; i < min(end, len(b.requests)); i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			b.responses[i] = b.row(ctx, b.requests[i])
		}
		if end >= len(b.requests) {
			return nil
		}
	}
}

func (b *batch) row(ctx context.Context, req *nodepb.ResolveRequest) *nodepb.ResolveResponse {
	if b.room.Load() <= 0 {
		b.s.o.Metrics.Drop("batch_bytes")
		return b.full
	}
	_, resp := b.s.ask(ctx, req, "batch")
	more := int64(proto.Size(resp)) - b.fullSize
	if b.room.Add(-more) < 0 {
		b.room.Add(more)
		b.s.o.Metrics.Drop("batch_bytes")
		return b.full
	}
	return resp
}
