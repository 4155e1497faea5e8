package grpcserver

import (
	"time"

	"google.golang.org/grpc/codes"

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

// count counts a kept answer with outcome o as given in a call of that kind, which began at start.
func (s *Server) count(o resolver.Outcome, op resolver.Op, start time.Time) {
	t := s.o.Metrics.NewTally()
	o.Op = op
	t.Add(o)
	t.Flush(time.Since(start))
}
