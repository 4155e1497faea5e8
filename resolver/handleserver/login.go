package handleserver

import (
	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// login is the login of a connection, as the Teleinfo idpointer SDK does it (spec/handle-protocol.md,
// section 14): later requests with the session id that the client chose are those of the identity.
type login struct {
	session  uint32
	identity identifier.Ref
	pending  *challenge // nil: answered
	version  handle.Version
	proved   bool
}

// startLogin answers the login request with a challenge. The session id is the client's, and good on this
// connection only.
func (a *answerer) startLogin(x *exchange) []byte {
	identity, err := handle.ParseLogin(x.message.Body)
	switch {
	case err != nil:
		return a.refuse(x, handle.RcodeProtocolError, err.Error())
	case !a.connection || x.envelope.SessionID == 0:
		return a.deny(x, "login", handle.RcodeOperationDenied, textUnsupported)
	}
	a.countOp("login")
	a.login = &login{session: x.envelope.SessionID, identity: identity, pending: a.newChallenge(x), version: x.version}
	x.sessionID, x.plain = x.envelope.SessionID, true
	return a.tellChallenge(x, a.login.pending)
}

// loggedIn answers the answer to the challenge of a login.
func (a *answerer) loggedIn(x *exchange, l *login, c claim) []byte {
	pending := l.pending
	l.pending, l.proved = nil, false
	x.sessionID, x.plain = l.session, true
	x.message.Header.Opcode = handle.OpLogin
	switch {
	case pending == nil || !a.start.Before(pending.expires):
		return a.deny(x, "login", handle.RcodeAuthTimeout, "")
	case !sameRef(l.identity, c.ref):
		return a.deny(x, "login", handle.RcodeAuthFailed, "")
	}
	c.nonce, c.digest = pending.nonce[:], pending.digest
	if _, r := a.s.prove(a.s.base, &c); r != nil {
		return a.deny(x, "login", r.code, "")
	}
	l.proved = true
	a.count(0, "login", resolver.Found)
	x.message.Core = nil // its SDK reads no digest here, asked for or not
	a.body(x)
	return a.finish(x, handle.RcodeSuccess, 0)
}
