package handleserver

import (
	"container/list"
	"crypto/rand"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/identifier"
)

// Bounds of sessions. One that is beyond them takes the place of the one that was idle longest of the
// same address, or of all.
const (
	maxSessions    = 16384
	sessionsOfAddr = 256
	maxSessionTime = 24 * time.Hour
)

// session is a session that a client has set up by Diffie-Hellman (spec/handle-protocol.md, section 7). It
// belongs to no connection.
type session struct {
	id       uint32
	from     netip.Addr
	identity identifier.Ref // who will authenticate
	idle     time.Duration
	keys     auth.Session

	pending atomic.Pointer[challenge]
	proved  atomic.Bool // identity has answered a challenge
	counter atomic.Uint32

	mu     sync.Mutex
	window auth.Window

	place   *list.Element // guarded by sessions.mu, like what follows
	expires time.Time
	end     time.Time
}

// sessions are the sessions of all connections and datagrams.
type sessions struct {
	mu     sync.Mutex
	byID   map[uint32]*session
	order  *list.List // idle longest first
	ofAddr map[netip.Addr]int
}

func newSessions() *sessions {
	return &sessions{byID: make(map[uint32]*session), order: list.New(), ofAddr: make(map[netip.Addr]int)}
}

// add keeps s, for which it draws a number.
func (t *sessions) add(s *session, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.order.Front(); e != nil; {
		old := e.Value.(*session)
		e = e.Next()
		crowded := len(t.byID) >= maxSessions || t.ofAddr[s.from] >= sessionsOfAddr && old.from == s.from
		if now.Before(old.expires) && !crowded {
			if t.ofAddr[s.from] < sessionsOfAddr {
				break
			}
			continue
		}
		t.drop(old)
	}
	for s.id == 0 || t.byID[s.id] != nil {
		s.id = randomID()
	}
	s.end = now.Add(maxSessionTime)
	s.expires = now.Add(s.idle)
	t.byID[s.id] = s
	t.ofAddr[s.from]++
	s.place = t.order.PushBack(s)
}

// get returns the session of that number, nil if there is none or it has ended.
func (t *sessions) get(id uint32, now time.Time) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byID[id]
	if s == nil {
		return nil
	}
	if !now.Before(s.expires) {
		t.drop(s)
		return nil
	}
	return s
}

// use notes that s has been used by its owner.
func (t *sessions) use(s *session, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[s.id] != s {
		return
	}
	if s.expires = now.Add(s.idle); s.end.Before(s.expires) {
		s.expires = s.end
	}
	t.order.MoveToBack(s.place)
}

// remove ends s.
func (t *sessions) remove(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[s.id] == s {
		t.drop(s)
	}
}

func (t *sessions) drop(s *session) {
	delete(t.byID, s.id)
	t.order.Remove(s.place)
	if t.ofAddr[s.from]--; t.ofAddr[s.from] == 0 {
		delete(t.ofAddr, s.from)
	}
}

// hasSessions reports whether sessions are in version v as they are here: since 2.4 the answer names the cipher,
// and ciphertext has an initialisation vector; the codes of 2.5 and 2.6 leave out octets by mistake, and
// nobody sends them.
func hasSessions(v handle.Version) bool {
	return v == handle.Version{Major: 2, Minor: 4} || !v.Before(handle.Version{Major: 2, Minor: 7})
}

// setUp answers a request for a session. Only Diffie-Hellman is offered: the stock programs manage no other mode.
func (a *answerer) setUp(x *exchange) []byte {
	setup, err := handle.ParseSessionSetup(x.message.Body)
	switch {
	case err != nil:
		return a.deny(x, "session", handle.RcodeInvalidSessionSetup, "")
	case setup.Mode != handle.SessionDH || !hasSessions(x.version):
		return a.deny(x, "session", handle.RcodeSessionFailed, textSessionMode)
	case !a.s.heavy.enter():
		return a.deny(x, "session", handle.RcodeServerTooBusy, "")
	}
	public, key, err := auth.Agree(setup.PublicKey, rand.Reader)
	a.s.heavy.leave()
	if err != nil {
		return a.deny(x, "session", handle.RcodeInvalidSessionSetup, err.Error())
	}
	s := &session{from: a.from, identity: setup.Identity, keys: auth.Session{Key: key}, idle: maxSessionTime}
	if t := time.Duration(setup.Timeout) * time.Second; t > 0 && t < s.idle {
		s.idle = t
	}
	a.s.sessions.add(s, a.start)
	a.countOp("session")
	x.sessionID = s.id
	a.body(x)
	x.out = handle.AppendSessionKey(x.out, setup.Mode, handle.AppendDHKey(nil, handle.CipherAES, public))
	return a.finish(x, handle.RcodeSuccess, 0)
}

// tearDown ends the session of a request that has proved to belong to it.
func (a *answerer) tearDown(x *exchange) []byte {
	if x.session == nil {
		return a.deny(x, "session", handle.RcodeSessionTimeout, textSession)
	}
	a.s.sessions.remove(x.session)
	a.countOp("session")
	a.body(x)
	return a.finish(x, handle.RcodeSuccess, 0)
}

// open finds the session of an encrypted message and decrypts it.
func (a *answerer) open(x *exchange, sealed []byte) (src []byte, r *refusal) {
	s := a.s.sessions.get(x.envelope.SessionID, a.start)
	if s == nil {
		return nil, refuse(handle.RcodeSessionFailed, textEncrypted)
	}
	src, err := s.keys.Open(nil, sealed)
	if err != nil {
		return nil, refuse(handle.RcodeInvalidSessionKey, "")
	}
	return src, nil
}

// join finds the session that a message says it belongs to, and holds the message to it: its code must be
// the session's, and its counter one that has not been seen.
func (a *answerer) join(x *exchange) *refusal {
	s := a.s.sessions.get(x.envelope.SessionID, a.start)
	if s == nil {
		return refuse(handle.RcodeSessionTimeout, textSession)
	}
	x.session = s
	if x.message.Credential == nil && x.message.Header.Opcode == handle.OpChallengeResponse {
		return nil // stock clients leave it out here (vector 093); the proof is in the answer
	}
	if x.message.Credential == nil {
		return refuse(handle.RcodeInvalidCredential, "")
	}
	counter, err := s.keys.VerifyMAC(x.envelope, x.message)
	if err != nil {
		return refuse(handle.RcodeInvalidSessionKey, "")
	}
	s.mu.Lock()
	fresh := s.window.Accept(counter)
	s.mu.Unlock()
	if !fresh {
		return refuse(handle.RcodeSessionRejected, "")
	}
	a.s.sessions.use(s, a.start)
	if s.proved.Load() {
		x.who = &s.identity
	}
	return nil
}
