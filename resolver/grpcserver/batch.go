package grpcserver

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/querylog"
)

const (
	batchWorkers = 8    // rows of one batch that wait for a store or another node at a time
	batchChunk   = 64   // rows that a worker takes at once: most come from memory, in some microseconds
	batchKeep    = 4096 // rows of which the memory is used again
	rowOverhead  = 5    // octets around a row in the response: tag and length

	rowField = 1 // of requests in BatchResolveRequest and of responses in BatchResolveResponse
)

// fullRow is the row that stands for one without room.
func fullRow() []byte {
	_, resp := refusal(resolver.Overloaded, "no room left in the batch: ask again")
	row, err := proto.Marshal(resp)
	if err != nil {
		panic("grpcserver: a message of ASCII has no encoding: " + err.Error())
	}
	return row
}

// batch is one call of BatchResolve under way.
type batch struct {
	call
	rows   [][]byte // questions, each until its answer is there
	missed []missed
	next   atomic.Int64 // the first of missed that no worker has taken
	room   atomic.Int64 // octets left, when each row without an answer is counted as full
}

// missed is a row without a kept answer.
type missed struct {
	row int
	req *nodepb.ResolveRequest
}

// batchResolve answers many questions: first those with kept answers, which is nearly all of it for
// identifiers that are asked for often, then the others, several at a time.
func (s *Server) batchResolve(ctx context.Context, receive func(any) error) (reply any, err error) {
	b, ok := s.batches.Get().(*batch)
	if !ok {
		b = &batch{call: call{s: s, pen: s.o.Log.Pen(querylog.GRPC)}}
	}
	defer b.release()
	if err := receive(&b.in); err != nil {
		return nil, err
	}
	b.client = clientOf(ctx)
	start := time.Now()
	n, err := b.read()
	if err != nil {
		return nil, malformed(err)
	}
	if n > s.o.Batch {
		s.o.Metrics.Drop("batch_size")
		return nil, status.Errorf(codes.InvalidArgument, "requests: %d in a batch, the limit is %d", n, s.o.Batch)
	}
	b.room.Store(int64(s.o.BatchBytes) - int64(n)*int64(len(s.full)+rowOverhead))
	if err := b.tellKept(start); err != nil {
		return nil, malformed(err)
	}
	if err := b.askMissed(ctx); err != nil {
		return nil, err
	}
	return b.reply(), nil
}

func (b *batch) release() {
	b.in.release()
	clear(b.rows)
	clear(b.missed)
	b.rows, b.missed = b.rows[:0], b.missed[:0]
	if cap(b.rows) > batchKeep {
		b.rows, b.missed = nil, nil
	}
	b.next.Store(0)
	b.s.batches.Put(b)
}

// read finds the rows of the request, and counts them; no more than one beyond the limit are noted.
func (b *batch) read() (n int, err error) {
	for in := b.in.view(); len(in) > 0; {
		field, kind, tag := protowire.ConsumeTag(in)
		if tag < 0 {
			return n, protowire.ParseError(tag)
		}
		if field > protowire.MaxValidNumber {
			return n, errors.New("field number out of range")
		}
		if in = in[tag:]; field != rowField || kind != protowire.BytesType {
			skip := protowire.ConsumeFieldValue(field, kind, in)
			if skip < 0 {
				return n, protowire.ParseError(skip)
			}
			in = in[skip:]
			continue
		}
		row, size := protowire.ConsumeBytes(in)
		if size < 0 {
			return n, protowire.ParseError(size)
		}
		in = in[size:]
		if n++; n <= b.s.o.Batch {
			b.rows = append(b.rows, row)
		}
	}
	return n, nil
}

// tellKept answers the rows whose answers are kept, and decodes the others. The error is that of a
// row that is no message; nothing is counted then.
func (b *batch) tellKept(start time.Time) error {
	tally := b.s.o.Metrics.NewTally()
	for i, q := range b.rows {
		a, ok := b.kept(q)
		if !ok {
			req := new(nodepb.ResolveRequest)
			if err := proto.Unmarshal(q, req); err != nil {
				return err
			}
			b.missed = append(b.missed, missed{i, req})
			continue
		}
		if !b.fits(len(a.Octets)) {
			b.rows[i] = b.s.full
			continue
		}
		b.rows[i] = a.Octets
		o := a.Outcome
		o.Op = b.s.ops.batch
		tally.Add(o)
		b.note(q, o, start)
	}
	tally.Flush(time.Since(start))
	return nil
}

// askMissed answers the rows that are left, or fails if ctx ends.
func (b *batch) askMissed(ctx context.Context) error {
	if workers := min(batchWorkers, (len(b.missed)+batchChunk-1)/batchChunk); workers > 1 {
		g, ctx := errgroup.WithContext(ctx)
		for range workers {
			g.Go(func() (err error) {
				defer b.s.recovered(&err)
				c := b.s.take()
				defer b.s.put(c)
				c.client = b.client
				return b.work(ctx, c)
			})
		}
		return g.Wait()
	}
	return b.work(ctx, &b.call)
}

// work answers chunks of the rows that are left until there are none.
func (b *batch) work(ctx context.Context, c *call) error {
	for {
		end := int(b.next.Add(batchChunk))
		for i := end - batchChunk; i < min(end, len(b.missed)); i++ {
			if err := ctx.Err(); err != nil {
				return status.FromContextError(err).Err()
			}
			m := &b.missed[i]
			row, err := b.answer(ctx, c, b.rows[m.row], m.req)
			if err != nil {
				return err
			}
			b.rows[m.row] = row
		}
		if end >= len(b.missed) {
			return nil
		}
	}
}

// answer returns the row that answers req, whose octets are q.
func (b *batch) answer(ctx context.Context, c *call, q []byte, req *nodepb.ResolveRequest) ([]byte, error) {
	if b.room.Load() <= 0 {
		b.s.o.Metrics.Drop("batch_bytes")
		return b.s.full, nil
	}
	c.setKey(q)
	_, resp := c.ask(ctx, req, opBatch)
	row, err := resp.octets()
	if err != nil {
		return nil, err
	}
	if !b.fits(len(row)) {
		return b.s.full, nil
	}
	return row, nil
}

// fits takes room for a row of n octets, if there is as much.
func (b *batch) fits(n int) bool {
	more := int64(n - len(b.s.full))
	if b.room.Add(-more) < 0 {
		b.room.Add(more)
		b.s.o.Metrics.Drop("batch_bytes")
		return false
	}
	return true
}

// reply is the encoded response.
func (b *batch) reply() mem.BufferSlice {
	var w writer
	for _, row := range b.rows {
		w.left += protowire.SizeTag(rowField) + protowire.SizeBytes(len(row))
	}
	var head [2 * binary.MaxVarintLen64]byte
	for _, row := range b.rows {
		w.write(protowire.AppendVarint(protowire.AppendTag(head[:0], rowField, protowire.BytesType), uint64(len(row))))
		w.write(row)
	}
	return w.pieces
}
