package grpcserver

import (
	"context"
	"fmt"
	"net/netip"
	"runtime/debug"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/querylog"
)

// call is the memory of one goroutine that answers questions one after the other.
type call struct {
	s       *Server
	pen     *querylog.Pen
	client  netip.Addr // who asks
	in      octets
	key     []byte
	scratch resolver.Scratch
	encoded []byte // responses, of which the last may be followed by more
}

func (s *Server) take() *call {
	if c, ok := s.calls.Get().(*call); ok {
		return c
	}
	return &call{s: s, pen: s.o.Log.Pen(querylog.GRPC)}
}

func (s *Server) put(c *call) {
	c.in.release()
	s.calls.Put(c)
}

// result is a response: its octets, which stay as they are, or a message that shares memory with the
// call and is good until the next question.
type result struct {
	encoded []byte // nil: see message
	message *nodepb.ResolveResponse
}

// ask answers the request of c.key, whatever happens. Outcomes that are errors have a message.
func (c *call) ask(ctx context.Context, req *nodepb.ResolveRequest, op string) (outcome resolver.Status, resp result) {
	var (
		s      = c.s
		start  = time.Now()
		scheme identifier.Scheme
		tier   resolver.Tier
	)
	s.o.Metrics.Begin()
	defer func() {
		if p := recover(); p != nil {
			s.o.Metrics.Panic()
			s.o.Logger.Error("panic in resolution", "id", req.GetId(), "panic", p, "stack", string(debug.Stack()))
			outcome, resp.message = refusal(resolver.Failed, "internal error")
			resp.encoded = nil
		}
		s.o.Metrics.Read(scheme, op)
		took := time.Since(start)
		s.o.Metrics.Done(scheme, outcome, tier, took)
		if c.pen != nil {
			c.pen.Note(start, took, c.client, []byte(req.GetId()), resolver.Outcome{Scheme: scheme, Status: outcome, Tier: tier})
		}
	}()
	q, wanted, err := s.query(req)
	if err != nil {
		return c.refuse(resolver.Invalid, err.Error())
	}
	defer s.inFlight.Add(-1)
	if s.inFlight.Add(1) > int64(s.o.InFlight) {
		return c.refuse(resolver.Overloaded, "too many questions at a time")
	}
	var (
		keep   = len(c.key) > 0 && !q.NoCache && !q.Trace
		before resolver.Stamp
	)
	if keep {
		before = s.r.Stamp()
		keep = s.o.Answers.Admit(c.key)
		q.Scratch = &c.scratch // the answer stays, or is asked for seldom: the record need not
	}
	asked := s.r.Ask(ctx, req.GetId(), wanted, q)
	scheme, tier = asked.Query.ID.Scheme(), asked.Answer.Tier
	if outcomes[asked.Answer.Status].code == codes.OK {
		resp.encoded = c.append(&asked)
	}
	if resp.encoded == nil {
		resp.message = response(&asked)
	}
	if keep && len(resp.encoded) <= maxKept {
		c.keep(asked, before, resp)
	}
	return asked.Answer.Status, resp
}

func (c *call) refuse(o resolver.Status, text string) (resolver.Status, result) {
	o, message := refusal(o, text)
	return o, result{message: message}
}

// query reads a question: all of it but the identifier, and the scheme in which to read that, 0 for
// any.
func (s *Server) query(req *nodepb.ResolveRequest) (resolver.Query, identifier.Scheme, error) {
	q := resolver.Query{
		Types:    req.GetTypes(),
		Indexes:  req.GetIndexes(),
		Recurse:  req.GetRecurse(),
		NoCache:  req.GetNoCache(),
		Fallback: req.GetFallback(),
		Trace:    req.GetTrace(),
	}
	if n := len(q.Types) + len(q.Indexes); n > s.o.Selectors {
		return q, 0, fmt.Errorf("types, indexes: %d in all, the limit is %d", n, s.o.Selectors)
	}
	scheme, err := nodepb.ToScheme(req.GetId(), req.GetScheme())
	return q, scheme, err
}

// encodeRoom is the octets of the pieces in which memory for encoded responses is taken, and encodeLeast what
// a piece must have left.
const (
	encodeRoom  = 16 << 10
	encodeLeast = 1 << 10
)

// append encodes the response to asked, nil if that takes a message.
func (c *call) append(asked *resolver.Asked) []byte {
	if cap(c.encoded)-len(c.encoded) < encodeLeast {
		c.encoded = make([]byte, 0, encodeRoom)
	}
	b, ok := appendResponse(c.encoded, asked)
	if !ok {
		return nil
	}
	encoded := b[len(c.encoded):len(b):len(b)]
	if c.encoded = b; cap(b) > encodeRoom {
		c.encoded = nil // a long response has it for itself
	}
	return encoded
}

// octets encodes r.
func (r result) octets() ([]byte, error) {
	if r.encoded != nil {
		return r.encoded, nil
	}
	b, err := proto.Marshal(r.message)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "grpc: error while marshaling: %v", err)
	}
	return b, nil
}
