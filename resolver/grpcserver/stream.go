package grpcserver

import (
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/idnode/idnode/proto/nodepb"
)

// stream is one call of ResolveStream. A goroutine of its own reads and answers, since RecvMsg cannot be given
// a deadline; the handler waits until that ends, or ends the call over its head.
type stream struct {
	s    *Server
	grpc grpc.ServerStream

	mu    sync.Mutex // held while a question is answered
	last  time.Time  // the end of the last answer
	ended bool
}

// resolveStream answers questions as they come.
func (s *Server) resolveStream(g grpc.ServerStream) error {
	t := &stream{s: s, grpc: g, last: time.Now()}
	done := make(chan error, 1)
	go func() { done <- t.run() }()
	idle := time.NewTimer(s.o.Idle)
	defer idle.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-s.stop:
			t.end()
			return status.Error(codes.Unavailable, "the node is stopping")
		case <-idle.C:
			left := t.endIfIdle()
			if left <= 0 {
				return status.Errorf(codes.DeadlineExceeded, "no question for %v", s.o.Idle)
			}
			idle.Reset(left)
		}
	}
}

// end ends t after the answer that is under way.
func (t *stream) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
}

// endIfIdle ends t if it has been without a question for too long. If not, it returns after how long it may
// have been.
func (t *stream) endIfIdle() (left time.Duration) {
	if !t.mu.TryLock() {
		return t.s.o.Idle
	}
	defer t.mu.Unlock()
	left = t.s.o.Idle - time.Since(t.last)
	t.ended = left <= 0
	return left
}

// run answers until the client has no more questions or t has ended. gRPC fails RecvMsg when the handler
// has returned.
func (t *stream) run() (err error) {
	defer t.s.recovered(&err)
	c := t.s.take()
	defer t.s.put(c)
	c.client = clientOf(t.grpc.Context())
	for {
		if err := t.grpc.RecvMsg(&c.in); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if more, err := t.answer(c); !more {
			return err
		}
	}
}

// answer answers the question in c, and reports whether another may follow.
func (t *stream) answer(c *call) (more bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false, nil
	}
	start := time.Now()
	reply, err := t.reply(c, start)
	if err == nil {
		err = t.grpc.SendMsg(reply)
	}
	t.last = time.Now()
	return err == nil, err
}

func (t *stream) reply(c *call, start time.Time) (reply any, err error) {
	if a, ok := c.kept(c.in.view()); ok {
		c.count(a.Outcome, t.s.ops.stream, start)
		return newReply(a.Octets), nil
	}
	req := new(nodepb.ResolveRequest)
	if err := proto.Unmarshal(c.in.view(), req); err != nil {
		return nil, malformed(err)
	}
	_, resp := c.ask(t.grpc.Context(), req, opStream)
	encoded, err := resp.octets()
	if err != nil {
		return nil, err
	}
	return newReply(encoded), nil
}
