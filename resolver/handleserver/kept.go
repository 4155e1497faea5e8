package handleserver

import (
	"encoding/binary"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/cache"
)

// Answers to resolve requests are kept whole, as they are sent but for what differs from one request to
// another of the same octets: the request's id, how often it was passed on, and how long the answer is
// good. Requests for a digest of themselves, or for a signature, are never the same; that an answer can be trusted
// depends on other records and on the time, so it is checked each time.

const (
	keyHandle = 'h' // begins the keys of this front end in the cache of answers
	maxKey    = 512 // octets; answers to longer requests are not kept
)

// neverKept are the flags of requests whose answers are not kept.
const neverKept = handle.FlagDigest | handle.FlagCertify | handle.FlagEncrypt | handle.FlagCheckTrust

// plain sets a.key to what answers to the message src of e are kept under.
func (a *answerer) plain(e *handle.Envelope, src []byte) bool {
	if e.SessionID != 0 || e.Flags != 0 || len(src) < handle.HeaderSize || len(src) > maxKey {
		return false
	}
	h, _, _ := handle.ParseHeader(src)
	if h.Opcode != handle.OpResolve || h.Rcode != handle.RcodeRequest || h.Flags&neverKept != 0 || h.Recursion >= maxRecursion {
		return false
	}
	v := e.AnswerVersion()
	a.key = append(a.keyRoom[:0], keyHandle, v.Major, v.Minor)
	a.key = binary.BigEndian.AppendUint32(a.key, uint32(h.Flags))
	a.key = append(a.key, src[handle.HeaderSize-4:]...) // the body's length, the body, the credential
	return true
}

// kept appends the kept answer to the message src of e to dst, if there is one.
func (a *answerer) kept(dst []byte, e *handle.Envelope, src []byte) (out []byte, ok bool) {
	a.key = a.key[:0]
	if a.s.o.Answers == nil || !a.plain(e, src) {
		return dst, false
	}
	k, ok := a.s.o.Answers.Get(a.key)
	if !ok {
		return dst, false
	}
	begin := len(dst)
	dst = append(dst, k.Octets...)
	handle.Readdress(dst[begin:], e.RequestID, src[14], expires(a.start))
	a.outcome = k.Outcome
	a.note(src[handle.HeaderSize:], 0)
	return dst, true
}

// keep keeps out, the answer that was made last, if it is one to keep.
func (a *answerer) keep(out []byte) {
	if len(a.key) == 0 || len(out) == 0 || !a.s.o.Resolver.Current(a.stamp) || !a.s.o.Answers.Admit(a.key) {
		return
	}
	outcome := a.outcome
	if outcome.Tier == resolver.TierStore {
		outcome.Tier = resolver.TierLRU
	}
	a.s.o.Answers.Put(a.key, cache.Answer{Octets: out, Outcome: outcome, Stamp: a.stamp})
}
