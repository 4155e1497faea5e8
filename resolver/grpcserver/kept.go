package grpcserver

import (
	"context"
	"net"
	"net/netip"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
)

// Answers are kept as encoded ResolveResponses under the octets of the ResolveRequest, which is the
// message of a call or of a stream, or a row of a batch: all three share them. Other octets for the
// same question, such as fields in another order, are another key. What came of a request that is no
// message, or of one that asks to look again or to tell how, is never kept; so a request whose octets
// are found needs no decoding.

const (
	keyGRPC = 'g' // begins the keys of this front end in the cache of answers
	public  = 0   // then comes for whom: the octets of the asker's name, whom none has yet, and the name

	maxQuestion = 512      // octets; answers to longer requests are not kept
	maxKept     = 16 << 10 // octets of an answer that is kept
)

// kept returns the answer that is kept for the request q, if there is one, and sets c.key.
func (c *call) kept(q []byte) (cache.Answer, bool) {
	if !c.setKey(q) {
		return cache.Answer{}, false
	}
	return c.s.o.Answers.Get(c.key)
}

// setKey makes c.key what the answer to the request q is kept under, and reports whether it may be.
func (c *call) setKey(q []byte) bool {
	c.key = c.key[:0]
	if c.s.o.Answers == nil || len(q) > maxQuestion {
		return false
	}
	c.key = append(append(c.key, keyGRPC, public), q...)
	return true
}

// keep keeps the answer resp to what was asked under c.key, if it stays as it is until something changes.
// before is the moment before it was asked.
func (c *call) keep(asked resolver.Asked, before resolver.Stamp, resp result) {
	a := &asked.Answer
	if outcomes[a.Status].code != codes.OK || !c.s.r.Current(a.Stamp) {
		return
	}
	stamp := a.Stamp
	if len(asked.Candidates) > 0 {
		stamp = before.Wide() // other readings were looked for, too
	}
	if a.Tier == resolver.TierStore {
		a.Tier = resolver.TierLRU // where it comes from from now on
		if resp.encoded = c.append(&asked); resp.encoded == nil {
			resp.message = response(&asked)
		}
	}
	encoded, err := resp.octets()
	if err != nil || len(encoded) > maxKept {
		return
	}
	outcome := resolver.Outcome{Scheme: asked.Query.ID.Scheme(), Status: a.Status, Tier: a.Tier}
	c.s.o.Answers.Put(c.key, cache.Answer{Octets: encoded, Outcome: outcome, Stamp: stamp})
}

// count counts the kept answer with outcome o to the request of c.key as given in a call of that kind, which began at start.
func (c *call) count(o resolver.Outcome, op resolver.Op, start time.Time) {
	t := c.s.o.Metrics.NewTally()
	o.Op = op
	t.Add(o)
	t.Flush(time.Since(start))
	c.note(c.key[2:], o, start)
}

// note logs the request q, whose answer is kept.
func (c *call) note(q []byte, o resolver.Outcome, start time.Time) {
	if c.pen != nil {
		c.pen.Note(start, 0, c.client, idOf(q), o)
	}
}

// idOf is the identifier of the request q, of which it is a view.
func idOf(q []byte) []byte {
	for len(q) > 0 {
		field, kind, n := protowire.ConsumeTag(q)
		if n < 0 {
			return nil
		}
		if q = q[n:]; field == idField && kind == protowire.BytesType {
			id, _ := protowire.ConsumeBytes(q)
			return id
		}
		if n = protowire.ConsumeFieldValue(field, kind, q); n < 0 {
			return nil
		}
		q = q[n:]
	}
	return nil
}

// idField is the field of a request that holds the identifier.
const idField = 1

// clientOf is who makes the call of ctx.
func clientOf(ctx context.Context) netip.Addr {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return netip.Addr{}
	}
	if t, ok := p.Addr.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
