package handleserver

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// Bounds of pending challenges. What is beyond them is told that the server is busy, or gives way.
const (
	challengeExpiry  = time.Minute
	challengeOctets  = 16 << 20 // of the requests that wait
	challengesOfAddr = 64       // of one address
	nonceSize        = 16
)

// challenge is a request that waits until its sender has proved who it is. It is good for one answer.
type challenge struct {
	id      uint32
	from    netip.Addr
	expires time.Time
	request []byte // header, body and credential
	nonce   [nonceSize]byte
	digest  []byte // of the request, without the octet of its algorithm
	place   *list.Element
}

// challenges are the pending ones of all connections and datagrams, by unguessable numbers.
type challenges struct {
	mu     sync.Mutex
	byID   map[uint32]*challenge
	order  *list.List // oldest first
	ofAddr map[netip.Addr]int
	octets int
}

func newChallenges() *challenges {
	return &challenges{byID: make(map[uint32]*challenge), order: list.New(), ofAddr: make(map[netip.Addr]int)}
}

// add keeps c, for which it draws a number, and reports false if its address has too many already.
func (t *challenges) add(c *challenge, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.order.Front(); e != nil && !now.Before(e.Value.(*challenge).expires); e = t.order.Front() {
		t.drop(e.Value.(*challenge))
	}
	if t.ofAddr[c.from] >= challengesOfAddr {
		return false
	}
	for t.octets+len(c.request) > challengeOctets && t.order.Len() > 0 {
		t.drop(t.order.Front().Value.(*challenge))
	}
	for c.id == 0 || t.byID[c.id] != nil {
		c.id = randomID()
	}
	t.byID[c.id] = c
	t.ofAddr[c.from]++
	t.octets += len(c.request)
	c.place = t.order.PushBack(c)
	return true
}

// take returns the challenge of that number, which is used up by that; nil if there is none any more.
func (t *challenges) take(id uint32, now time.Time) *challenge {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.byID[id]
	if c == nil {
		return nil
	}
	t.drop(c)
	if !now.Before(c.expires) {
		return nil
	}
	return c
}

func (t *challenges) drop(c *challenge) {
	delete(t.byID, c.id)
	t.order.Remove(c.place)
	t.octets -= len(c.request)
	if t.ofAddr[c.from]--; t.ofAddr[c.from] == 0 {
		delete(t.ofAddr, c.from)
	}
}

// randomID is a positive number that nobody can guess.
func randomID() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:]) & 0x7fffffff
}

// newChallenge makes the challenge of the request m, whose octets are src.
func (a *answerer) newChallenge(x *exchange) *challenge {
	c := &challenge{from: a.from, expires: a.start.Add(challengeExpiry), request: append([]byte(nil), x.src...)}
	rand.Read(c.nonce[:])
	c.digest = handle.DigestSum(handle.AppendDigest(nil, x.version, x.message.Core), x.version)
	return c
}

// challenge asks the client to prove who it is. On a connection that logs in by itself (section 14) nobody is
// ever asked: its clients take a challenge for success.
func (a *answerer) challenge(x *exchange) []byte {
	a.stamp = resolver.Stamp{}
	switch {
	case a.login != nil:
		return a.fail(x, handle.RcodePermissionDenied, "")
	case a.asker != nil:
		return a.fail(x, handle.RcodeAuthNeeded, "")
	}
	c := a.newChallenge(x)
	if s := x.session; s != nil {
		s.pending.Store(c)
		x.sessionID = s.id
	} else {
		if !a.s.challenges.add(c, a.start) {
			return a.fail(x, handle.RcodeServerTooBusy, "")
		}
		x.sessionID = c.id
	}
	return a.tellChallenge(x, c)
}

func (a *answerer) tellChallenge(x *exchange, c *challenge) []byte {
	x.out = handle.AppendChallenge(handle.Begin(x.out[:x.begin]), x.version, x.message.Core, c.nonce[:])
	return a.finish(x, handle.RcodeAuthNeeded, handle.FlagDigest)
}

// answered carries out the request that was challenged, if the answer to the challenge is good.
func (a *answerer) answered(ctx context.Context, x *exchange) []byte {
	answer, err := handle.ParseChallengeAnswer(x.message.Body)
	if err != nil {
		return a.refuse(x, handle.RcodeProtocolError, err.Error())
	}
	claim := claim{kind: string(answer.KeyType), ref: answer.Identity, answer: answer.Answer}
	if l := a.login; l != nil && l.session == x.envelope.SessionID {
		return a.loggedIn(x, l, claim)
	}
	var c *challenge
	if x.session != nil {
		c = x.session.pending.Swap(nil)
		x.sessionID = x.session.id
		if c != nil && !a.start.Before(c.expires) {
			c = nil
		}
	} else {
		c = a.s.challenges.take(x.envelope.SessionID, a.start)
		x.sessionID = 0
	}
	if c == nil {
		return a.deny(x, "challenge", handle.RcodeAuthTimeout, textNoChallenge)
	}
	if x.session != nil && !sameRef(x.session.identity, claim.ref) {
		return a.deny(x, "challenge", handle.RcodeAuthFailed, "")
	}
	claim.nonce, claim.digest = c.nonce[:], c.digest
	x.src = c.request
	if x.message, err = handle.ParseMessage(c.request); err != nil {
		return a.refuse(x, handle.RcodeProtocolError, err.Error())
	}
	x.claim = &claim
	return a.dispatch(ctx, x)
}

func sameRef(a, b identifier.Ref) bool {
	return a.Index == b.Index && identifier.EqualFoldASCII(a.Handle, b.Handle)
}
