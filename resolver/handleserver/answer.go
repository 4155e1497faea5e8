package handleserver

import (
	"context"
	"encoding/binary"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
	"github.com/idnode/idnode/resolver/querylog"
)

// answerer answers whole messages, one at a time. It keeps what it needs for the next.
type answerer struct {
	s     *Server
	front *resolver.FrontMetrics
	pen   *querylog.Pen
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

	x exchange // the one at hand

	from       netip.Addr         // of the message at hand; zero if that is not known
	connection bool               // messages come on one connection
	login      *login             // of the connection; nil if nobody has tried
	send       func([]byte) error // sends what has been answered; nil where answers go out whole
	asker      *resolver.Asker    // who asks, told apart before; nil: the protocol is to
	replaced   bool               // what was asked for took the place of something
}

// exchange is a request, and the answer that is being appended to out.
type exchange struct {
	envelope handle.Envelope
	message  handle.Message
	version  handle.Version // of the answer
	src      []byte         // the message, in clear
	out      []byte
	begin    int // where the answer begins in out

	sessionID uint32   // of the answer
	session   *session // that the message belongs to
	private   bool     // the answer holds what not everybody may read
	plain     bool     // the answer is that of a login: with fixed flags, neither authoritative nor signed

	claim *claim          // the answer to the challenge of this request, not yet proved
	who   *identifier.Ref // the asker, proved
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
	a.x = exchange{envelope: e, version: e.AnswerVersion(), out: dst, begin: len(dst), sessionID: e.SessionID}
	x := &a.x
	a.stamp = resolver.Stamp{}
	defer func() {
		defer func() { a.x = exchange{} }() // its views hold the request, and the answer
		if p := recover(); p != nil {
			a.front.Panic()
			a.s.log.Error("panic while answering", "panic", p, "stack", string(debug.Stack()))
			x.out = dst
			out = a.fail(x, handle.RcodeError, "")
			a.count(0, "malformed", resolver.Failed)
		}
	}()
	x.src = src
	if e.Flags&handle.EnvelopeEncrypted != 0 {
		var r *refusal
		if x.src, r = a.open(x, src); r != nil {
			return a.refuse(x, r.code, r.text)
		}
	}
	var err error
	if x.message, err = handle.ParseMessage(x.src); x.message.Header.Rcode != handle.RcodeRequest {
		if a.udp {
			return dst // two servers that answer one another's answers never stop
		}
		return a.refuse(x, handle.RcodeError, textResponse)
	}
	if err != nil {
		return a.refuse(x, handle.RcodeProtocolError, err.Error())
	}
	if r := a.bind(x); r != nil {
		return a.deny(x, "session", r.code, r.text)
	}
	out = a.dispatch(ctx, x)
	if x.message.Header.Opcode == handle.OpResolve {
		a.note(x.message.Body, a.s.now().Sub(a.start))
	}
	return out
}

// note logs the lookup with that body, which took so long.
func (a *answerer) note(body []byte, took time.Duration) {
	if a.pen == nil || len(body) < 4 {
		return
	}
	n := uint64(binary.BigEndian.Uint32(body)) // the handle stands first (RFC 3652, section 3.2.1)
	a.pen.Note(a.start, took, a.from, body[4:4+min(n, uint64(len(body)-4))], a.outcome)
}

// bind finds what the session id of a message says: the login of its connection, a session, or a challenge
// that is looked for later.
func (a *answerer) bind(x *exchange) *refusal {
	if a.asker != nil {
		x.who = a.asker.Who
		return nil
	}
	id := x.envelope.SessionID
	op := x.message.Header.Opcode
	if id == 0 || op == handle.OpGetSiteInfo || op == handle.OpLogin || op == handle.OpSessionSetup {
		return nil
	}
	if kind := op.Kind(); kind != handle.KindQuery && (a.s.o.Admin == nil || a.udp && kind == handle.KindAdmin || kind == handle.KindServer || kind == handle.KindUnknown) {
		return nil // refused whoever asks
	}
	if l := a.login; l != nil && l.session == id {
		if l.proved {
			x.who = &l.identity
		}
		return nil
	}
	if op == handle.OpChallengeResponse && a.s.sessions.get(id, a.start) == nil {
		return nil
	}
	return a.join(x)
}

// dispatch answers a request.
func (a *answerer) dispatch(ctx context.Context, x *exchange) (out []byte) {
	begin := x.begin
	switch op := x.message.Header.Opcode; op.Kind() {
	case handle.KindQuery:
		if op == handle.OpGetSiteInfo {
			return a.siteInfo(x)
		}
		out = a.resolve(ctx, x)
		a.keep(out[begin:])
		return out
	case handle.KindAdmin:
		switch {
		case a.udp:
			return a.deny(x, "admin", handle.RcodeProtocolError, textAdminOverUDP)
		case a.s.o.Admin == nil:
			return a.deny(x, "admin", handle.RcodeOperationDenied, textNoAdmin)
		}
		return a.administer(ctx, x)
	case handle.KindChallenge:
		switch {
		case a.s.o.Admin == nil && op == handle.OpChallengeResponse:
			return a.deny(x, "challenge", handle.RcodeUnableToAuth, textNoChallenge)
		case a.s.o.Admin == nil:
			return a.deny(x, "challenge", handle.RcodeOperationDenied, textUnsupported)
		case op == handle.OpChallengeResponse:
			return a.answered(ctx, x)
		}
		return a.verify(x)
	case handle.KindSession:
		switch {
		case a.s.o.Admin == nil:
			return a.deny(x, "session", handle.RcodeOperationDenied, textUnsupported)
		case op == handle.OpSessionSetup:
			return a.setUp(x)
		case op == handle.OpSessionTerminate:
			return a.tearDown(x)
		case op == handle.OpLogin:
			return a.startLogin(x)
		}
		return a.deny(x, "session", handle.RcodeSessionFailed, textSessionMode)
	case handle.KindServer:
		return a.deny(x, "server", handle.RcodeOperationDenied, textUnsupported)
	}
	if x.message.Header.Opcode == 0 {
		return a.refuse(x, handle.RcodeProtocolError, textOpcode)
	}
	return a.refuse(x, handle.RcodeError, textOpcode)
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
	x := exchange{envelope: e, version: e.AnswerVersion(), out: dst, begin: len(dst), sessionID: e.SessionID}
	if h, _, err := handle.ParseHeader(src); err == nil {
		x.message.Header = h
	}
	return a.refuse(&x, code, text)
}

// fail makes the answer an error, whatever of another answer there is already.
func (a *answerer) fail(x *exchange, code handle.Rcode, text string) []byte {
	x.out, x.private = x.out[:x.begin], false
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

// echoed are the flags of a request that its answer repeats.
const echoed = handle.FlagCacheCertify | handle.FlagPublicOnly | handle.FlagDoNotRefer

// finish completes the answer and returns all of x.out.
func (a *answerer) finish(x *exchange, code handle.Rcode, flags handle.OpFlags) []byte {
	in := &x.message.Header
	flags |= in.Flags&echoed | handle.FlagRecurse
	serial := a.s.site.Load().serial
	if x.plain {
		flags |= handle.FlagCacheCertify | handle.FlagPublicOnly
		serial = handle.NoSiteSerial
	}
	if x.message.Core != nil {
		flags |= in.Flags & handle.FlagDigest
	}
	if a.s.site.Load().primary && !x.plain {
		flags |= handle.FlagAuthoritative
	}
	if len(x.out)-x.begin > handle.MaxMessage-maxCredential {
		return a.fail(x, handle.RcodeError, textTooLarge)
	}
	e := handle.Envelope{
		Version:   x.version,
		Flags:     x.envelope.Flags & (handle.EnvelopeCompressed | handle.EnvelopeTruncated),
		Suggested: handle.Latest,
		SessionID: x.sessionID,
		RequestID: x.envelope.RequestID,
	}
	h := handle.Header{
		Opcode:     in.Opcode,
		Rcode:      code,
		Flags:      flags,
		SiteSerial: serial,
		Recursion:  in.Recursion,
		Expiration: expires(a.start),
	}
	if in.Flags&(handle.FlagCertify|handle.FlagEncrypt) != 0 || x.private {
		return a.secure(x, e, h)
	}
	return handle.Finish(x.out, x.begin, e, h)
}

// count says what the message at hand counts as.
func (a *answerer) count(scheme identifier.Scheme, op string, status resolver.Status) {
	a.outcome = resolver.Outcome{Scheme: scheme, Op: a.front.Op(op), Status: status}
}

// countOp says that the message at hand counts as op, carried out unless it is said otherwise.
func (a *answerer) countOp(op string) { a.count(identifier.Handle, op, resolver.Found) }

// expires is until when an answer of now is good.
func expires(now time.Time) uint32 { return uint32(now.Unix() + handle.Lifetime) }

// AppendAnswer appends the answer to one whole message, envelope included, as over TCP: for the
// tunnel through HTTP. The answer to what is no message is an error, like any other.
func (s *Server) AppendAnswer(ctx context.Context, dst, message []byte, from netip.Addr) []byte {
	a := s.spare.Get().(*answerer)
	defer s.spare.Put(a)
	return a.whole(ctx, dst, message, from)
}

func (a *answerer) whole(ctx context.Context, dst, message []byte, from netip.Addr) []byte {
	s := a.s
	a.start, a.from = s.now(), from
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
