package handleserver

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// answerer answers whole messages, one at a time. It keeps what it needs for the next.
type answerer struct {
	s     *Server
	front *resolver.FrontMetrics
	tally resolver.Tally // over what is no datagram
	udp   bool

	request handle.ResolveRequest
	types   []string
	scratch resolver.Scratch

	start   time.Time        // of the message at hand: set by who hands it in
	outcome resolver.Outcome // of its answer
	stamp   resolver.Stamp   // of the answer, if that may be kept

	key     []byte // what the answer is kept under, empty if it is not
	keyRoom [maxKey]byte
}

// exchange is a request, and the answer that is being appended to out.
type exchange struct {
	envelope handle.Envelope
	message  handle.Message
	version  handle.Version // of the answer
	out      []byte
	begin    int // where the answer begins in out
	session  uint32
}

// answer appends the answer to the message src, which e came with, or nothing if there is to be
// silence. src is not used after it returns. a.outcome is what to count.
func (a *answerer) answer(ctx context.Context, dst []byte, e handle.Envelope, src []byte) []byte {
	out, ok := a.kept(dst, &e, src)
	if !ok {
		out = a.make(ctx, dst, e, src)
	}
	return out
}

// make is answer where no answer is kept. It keeps this one if it is to be.
func (a *answerer) make(ctx context.Context, dst []byte, e handle.Envelope, src []byte) (out []byte) {
	x := exchange{envelope: e, version: e.AnswerVersion(), out: dst, begin: len(dst), session: e.SessionID}
	a.stamp = resolver.Stamp{}
	defer func() {
		if p := recover(); p != nil {
			a.front.Panic()
			a.s.log.Error("panic while answering", "panic", p, "stack", string(debug.Stack()))
			x.out = dst
			out = a.fail(&x, handle.RcodeError, "")
			a.count(0, "malformed", resolver.Failed)
		}
	}()
	if e.Flags&handle.EnvelopeEncrypted != 0 {
		return a.refuse(&x, handle.RcodeSessionFailed, textEncrypted)
	}
	var err error
	if x.message, err = handle.ParseMessage(src); x.message.Header.Rcode != handle.RcodeRequest {
		if a.udp {
			return dst // two servers that answer one another's answers never stop
		}
		return a.refuse(&x, handle.RcodeError, textResponse)
	}
	if err != nil {
		return a.refuse(&x, handle.RcodeProtocolError, err.Error())
	}
	switch op := x.message.Header.Opcode; op.Kind() {
	case handle.KindQuery:
		if op == handle.OpGetSiteInfo {
			return a.siteInfo(&x)
		}
		out = a.resolve(ctx, &x)
		a.keep(out[len(dst):])
		return out
	case handle.KindAdmin:
		if a.udp {
			return a.deny(&x, "admin", handle.RcodeProtocolError, textAdminOverUDP)
		}
		return a.deny(&x, "admin", handle.RcodeOperationDenied, textNoAdmin)
	case handle.KindChallenge:
		if op == handle.OpChallengeResponse {
			return a.deny(&x, "challenge", handle.RcodeUnableToAuth, textNoChallenge)
		}
		return a.deny(&x, "challenge", handle.RcodeOperationDenied, textUnsupported)
	case handle.KindSession:
		return a.deny(&x, "session", handle.RcodeOperationDenied, textUnsupported)
	case handle.KindServer:
		return a.deny(&x, "server", handle.RcodeOperationDenied, textUnsupported)
	}
	if x.message.Header.Opcode == 0 {
		return a.refuse(&x, handle.RcodeProtocolError, textOpcode)
	}
	return a.refuse(&x, handle.RcodeError, textOpcode)
}

// siteInfo answers with the node's site record.
func (a *answerer) siteInfo(x *exchange) []byte {
	site := a.s.site.Load()
	if site.encoded == nil {
		return a.deny(x, "site_info", handle.RcodeOperationDenied, textNoSite)
	}
	a.count(0, "site_info", resolver.Found)
	a.outcome.Tier = resolver.TierComputed
	a.body(x)
	x.out = append(x.out, site.encoded...)
	return a.finish(x, handle.RcodeSuccess, 0)
}

// refuse answers a message that is no request.
func (a *answerer) refuse(x *exchange, code handle.Rcode, text string) []byte {
	return a.deny(x, "malformed", code, text)
}

// deny answers a request that is not carried out.
func (a *answerer) deny(x *exchange, op string, code handle.Rcode, text string) []byte {
	a.count(0, op, resolver.Invalid)
	return a.fail(x, code, text)
}

// partial answers what did not get to be a message: src is what there is behind the envelope.
func (a *answerer) partial(dst []byte, e handle.Envelope, src []byte, code handle.Rcode, text string) []byte {
	x := exchange{envelope: e, version: e.AnswerVersion(), out: dst, begin: len(dst), session: e.SessionID}
	if h, _, err := handle.ParseHeader(src); err == nil {
		x.message.Header = h
	}
	return a.refuse(&x, code, text)
}

// fail makes the answer an error, whatever of another answer there is already.
func (a *answerer) fail(x *exchange, code handle.Rcode, text string) []byte {
	x.out = x.out[:x.begin]
	a.body(x)
	x.out = handle.AppendError(x.out, text)
	return a.finish(x, code, 0)
}

// body begins the answer up to what its operation puts into the body.
func (a *answerer) body(x *exchange) {
	x.out = handle.Begin(x.out)
	if x.message.Header.Flags&handle.FlagDigest != 0 && x.message.Core != nil {
		x.out = handle.AppendDigest(x.out, x.version, x.message.Core)
	}
}

// echoed are the flags of a request that its answer repeats. FlagCertify is none of them: answers
// are not signed.
const echoed = handle.FlagCacheCertify | handle.FlagPublicOnly | handle.FlagDoNotRefer

// finish completes the answer and returns all of x.out.
func (a *answerer) finish(x *exchange, code handle.Rcode, flags handle.OpFlags) []byte {
	in := &x.message.Header
	flags |= in.Flags&echoed | handle.FlagRecurse
	if x.message.Core != nil {
		flags |= in.Flags & handle.FlagDigest
	}
	site := a.s.site.Load()
	if site.primary {
		flags |= handle.FlagAuthoritative
	}
	if len(x.out)-x.begin > handle.MaxMessage-4 {
		return a.fail(x, handle.RcodeError, textTooLarge)
	}
	return handle.Finish(x.out, x.begin, handle.Envelope{
		Version:   x.version,
		Flags:     x.envelope.Flags & (handle.EnvelopeCompressed | handle.EnvelopeTruncated),
		Suggested: handle.Latest,
		SessionID: x.session,
		RequestID: x.envelope.RequestID,
	}, handle.Header{
		Opcode:     in.Opcode,
		Rcode:      code,
		Flags:      flags,
		SiteSerial: site.serial,
		Recursion:  in.Recursion,
		Expiration: expires(a.start),
	})
}

// count says what the message at hand counts as.
func (a *answerer) count(scheme identifier.Scheme, op string, status resolver.Status) {
	a.outcome = resolver.Outcome{Scheme: scheme, Op: a.front.Op(op), Status: status}
}

// expires is until when an answer of now is good.
func expires(now time.Time) uint32 { return uint32(now.Unix() + handle.Lifetime) }

// AppendAnswer appends the answer to one whole message, envelope included, as over TCP: for the
// tunnel through HTTP. The answer to what is no message is an error, like any other.
func (s *Server) AppendAnswer(ctx context.Context, dst, message []byte) []byte {
	a := s.spare.Get().(*answerer)
	defer s.spare.Put(a)
	a.start = s.now()
	e, src, err := handle.ParseEnvelope(message)
	if err != nil || e.Length < handle.HeaderSize || uint64(e.Length) > uint64(len(src)) {
		dst = a.partial(dst, e, src, handle.RcodeProtocolError, textLength)
	} else {
		dst = a.answer(ctx, dst, e, src[:e.Length])
	}
	a.tally.Add(a.outcome)
	a.tally.Flush(s.now().Sub(a.start))
	return dst
}
