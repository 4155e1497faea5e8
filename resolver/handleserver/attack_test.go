package handleserver

import (
	"bytes"
	"encoding/pem"
	"net"
	"testing"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

// reply is an answer, taken apart.
type reply struct {
	handle.Envelope
	handle.Message
}

// asker sends single requests over TCP, each on a connection of its own unless conn is set.
type asker struct {
	t    *testing.T
	s    *Server
	conn net.Conn
	next uint32 // request id
}

func (a *asker) ask(session uint32, op handle.Opcode, flags handle.OpFlags, body []byte) reply {
	a.t.Helper()
	a.next++
	e := handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, SessionID: session, RequestID: a.next}
	return a.send(handle.Finish(append(handle.Begin(nil), body...), 0, e, handle.Header{Opcode: op, Flags: flags}))
}

func (a *asker) send(request []byte) reply {
	a.t.Helper()
	c := a.conn
	if c == nil {
		c = dial(a.t, a.s, "tcp")
		defer c.Close()
	}
	c.Write(request)
	e, src, err := handle.ParseEnvelope(readMessage(a.t, &packets{Conn: c}))
	if err != nil {
		a.t.Fatal(err)
	}
	r := reply{Envelope: e}
	if e.Flags&handle.EnvelopeEncrypted == 0 {
		if r.Message, err = handle.ParseMessage(bytes.Clone(src)); err != nil {
			a.t.Fatal(err)
		}
	}
	return r
}

func (a *asker) want(what string, r reply, code handle.Rcode) {
	a.t.Helper()
	if r.Header.Rcode != code {
		a.t.Errorf("%s: got %v, want %v", what, r.Header.Rcode, code)
	}
}

func privateKey(t *testing.T, name string) auth.PrivateKey {
	t.Helper()
	key, err := auth.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: handletest.Key(t, name)}), nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// answer is the body of a good answer of 88.990/admin to the challenge r.
func answer(t *testing.T, r reply, who string, key auth.PrivateKey) []byte {
	t.Helper()
	digest, nonce, err := handle.ParseChallenge(r.Body, r.Version)
	if err != nil {
		t.Fatal(err)
	}
	sum := handle.DigestSum(digest, r.Version)
	proof, err := auth.AnswerWithKey(key, r.Version, ref(who), nonce, sum)
	if err != nil {
		t.Fatal(err)
	}
	return handle.AppendChallengeAnswer(nil, handle.ChallengeAnswer{KeyType: []byte(handle.KeyTypePublic), Identity: ref(who), Answer: proof})
}

func add(index uint32) []byte {
	return handle.AppendValuesRequest(nil, "88.990.1001/item-1", []identifier.Value{{Index: index, Type: "NOTE", Data: []byte("x"), Perms: identifier.DefaultPerms}})
}

const admin = "300:88.990/admin"

// TestChallengeAbuse: a challenge is good for one answer, for a minute, for the request it was made for, and for the
// key of whoever has the right.
func TestChallengeAbuse(t *testing.T) {
	o := options(t)
	m := o.Admin.(*memory)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	late := time.Duration(0)
	s.now = func() time.Time { return time.Now().Add(late) }
	serve(t, s)
	a := &asker{t: t, s: s}
	key := privateKey(t, "admin_rsa")

	c := a.ask(0, handle.OpAddValue, 0, add(50))
	a.want("unsigned", c, handle.RcodeAuthNeeded)
	good := answer(t, c, admin, key)
	a.want("guessed number", a.ask(c.SessionID^1, handle.OpChallengeResponse, 0, good), handle.RcodeAuthTimeout)
	a.want("answer", a.ask(c.SessionID, handle.OpChallengeResponse, 0, good), handle.RcodeSuccess)
	a.want("replay", a.ask(c.SessionID, handle.OpChallengeResponse, 0, good), handle.RcodeAuthTimeout)

	other := a.ask(0, handle.OpAddValue, 0, add(51))
	a.want("answer to another challenge", a.ask(other.SessionID, handle.OpChallengeResponse, 0, good), handle.RcodeAuthFailed)
	a.want("after a wrong answer", a.ask(other.SessionID, handle.OpChallengeResponse, 0, answer(t, other, admin, key)), handle.RcodeAuthTimeout)

	forged := a.ask(0, handle.OpAddValue, 0, add(51))
	nonce := forged
	nonce.Body = bytes.Clone(forged.Body)
	nonce.Body[len(nonce.Body)-40] ^= 1 // in the digest
	a.want("answer to another digest", a.ask(forged.SessionID, handle.OpChallengeResponse, 0, answer(t, nonce, admin, key)), handle.RcodeAuthFailed)

	slow := a.ask(0, handle.OpAddValue, 0, add(51))
	late = challengeExpiry
	a.want("late", a.ask(slow.SessionID, handle.OpChallengeResponse, 0, answer(t, slow, admin, key)), handle.RcodeAuthTimeout)

	limited := a.ask(0, handle.OpAddValue, 0, add(51))
	a.want("without the right", a.ask(limited.SessionID, handle.OpChallengeResponse, 0, answer(t, limited, "300:88.990/limited", privateKey(t, "limited_rsa"))), handle.RcodeInvalidAdmin)
	missing := a.ask(0, handle.OpAddValue, 0, add(51))
	a.want("no such key", a.ask(missing.SessionID, handle.OpChallengeResponse, 0, answer(t, missing, "0:88.990/user-sk", key)), handle.RcodeUnableToAuth)

	if len(m.changes) != 1 || m.changes[0].Who != ref(admin) || !m.changes[0].From.IsLoopback() {
		t.Errorf("changes: %+v", m.changes)
	}

	late = 3 * challengeExpiry
	for range challengesOfAddr {
		a.want("many", a.ask(0, handle.OpAddValue, 0, add(51)), handle.RcodeAuthNeeded)
	}
	a.want("too many", a.ask(0, handle.OpAddValue, 0, add(51)), handle.RcodeServerTooBusy)
	late += challengeExpiry
	a.want("a minute later", a.ask(0, handle.OpAddValue, 0, add(51)), handle.RcodeAuthNeeded)
}

// inSession is a session as a client has it.
type inSession struct {
	*asker
	auth.Session
	counter uint32
}

func (a *asker) setUp(who string) *inSession {
	a.t.Helper()
	dh, err := auth.NewDH(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	r := a.ask(0, handle.OpSessionSetup, 0, handle.AppendSessionSetup(nil, handle.SessionSetup{Mode: handle.SessionDH, Timeout: 60, Identity: ref(who), PublicKey: dh.AppendPublic(nil)}))
	a.want("set-up", r, handle.RcodeSuccess)
	_, data, err := handle.ParseSessionKey(r.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	_, public, err := handle.ParseDHKey(data)
	if err != nil {
		a.t.Fatal(err)
	}
	key, err := dh.Agree(public)
	if err != nil {
		a.t.Fatal(err)
	}
	return &inSession{asker: a, Session: auth.Session{ID: r.SessionID, Key: key}}
}

func (s *inSession) message(op handle.Opcode, body []byte) []byte {
	s.t.Helper()
	s.counter++
	s.next++
	e := handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, SessionID: s.ID, RequestID: s.next}
	out, err := s.Finish(append(handle.Begin(nil), body...), 0, e, handle.Header{Opcode: op}, s.counter)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// TestSessionAbuse: a session is its owner's. Who has its number and not its key, or repeats a message of its owner, gets
// nowhere; it ends when it is idle, and when it is ended.
func TestSessionAbuse(t *testing.T) {
	o := options(t)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	late := time.Duration(0)
	s.now = func() time.Time { return time.Now().Add(late) }
	serve(t, s)
	a := &asker{t: t, s: s}
	own := a.setUp(admin)
	c := own.send(own.message(handle.OpAddValue, add(50)))
	own.want("first change", c, handle.RcodeAuthNeeded)
	if c.SessionID != own.ID {
		t.Errorf("challenge %d in session %d", c.SessionID, own.ID)
	}
	own.want("answer of somebody else", own.send(own.message(handle.OpChallengeResponse, answer(t, c, "301:88.990/admin", privateKey(t, "admin_dsa")))), handle.RcodeAuthFailed)
	c = own.send(own.message(handle.OpAddValue, add(50)))
	proof := answer(t, c, admin, privateKey(t, "admin_rsa"))
	a.want("answer, as stock clients send it", a.ask(own.ID, handle.OpChallengeResponse, 0, proof), handle.RcodeSuccess)
	a.want("the same again", a.ask(own.ID, handle.OpChallengeResponse, 0, proof), handle.RcodeAuthTimeout)

	change := own.message(handle.OpAddValue, add(51))
	own.want("no challenge any more", own.send(change), handle.RcodeSuccess)
	own.want("repeated", own.send(change), handle.RcodeSessionRejected)
	a.want("stolen number", a.ask(own.ID, handle.OpAddValue, 0, add(52)), handle.RcodeInvalidCredential)
	thief := &inSession{asker: a, Session: auth.Session{ID: own.ID, Key: [32]byte{1}}, counter: 1000}
	a.want("wrong key", a.send(thief.message(handle.OpAddValue, add(52))), handle.RcodeInvalidSessionKey)
	a.want("end of a stolen session", a.send(thief.message(handle.OpSessionTerminate, handle.AppendHandleRequest(nil, "/"))), handle.RcodeInvalidSessionKey)
	tampered := own.message(handle.OpAddValue, add(52))
	tampered[len(tampered)-120] ^= 1
	a.want("tampered", a.send(tampered), handle.RcodeInvalidSessionKey)
	sealed := handle.AppendEnveloped(nil, handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, SessionID: own.ID, Flags: handle.EnvelopeEncrypted}, make([]byte, 48))
	a.want("garbage for ciphertext", a.send(sealed), handle.RcodeInvalidSessionKey)

	own.want("end", own.send(own.message(handle.OpSessionTerminate, handle.AppendHandleRequest(nil, "/"))), handle.RcodeSuccess)
	own.want("after the end", own.send(own.message(handle.OpAddValue, add(52))), handle.RcodeSessionTimeout)

	idle := a.setUp(admin)
	late = time.Minute
	idle.want("idle", idle.send(idle.message(handle.OpAddValue, add(52))), handle.RcodeSessionTimeout)

	for mode, body := range map[string][]byte{
		"no group":    handle.AppendSessionSetup(nil, handle.SessionSetup{Mode: handle.SessionDH, PublicKey: []byte("x")}),
		"small group": handle.AppendSessionSetup(nil, handle.SessionSetup{Mode: handle.SessionDH, PublicKey: handle.AppendPublicKey(nil, handle.PublicKey{Algorithm: handle.KeyDH, P: []byte{23}, G: []byte{5}, Y: []byte{8}})}),
	} {
		a.want(mode, a.ask(0, handle.OpSessionSetup, 0, body), handle.RcodeInvalidSessionSetup)
	}
	a.want("RSA", a.ask(0, handle.OpSessionSetup, 0, handle.AppendSessionSetup(nil, handle.SessionSetup{Mode: handle.SessionServerKey})), handle.RcodeSessionFailed)
}

// TestLogin: a log-in is its connection's, and who has tried to log in is never challenged.
func TestLogin(t *testing.T) {
	a := &asker{t: t, s: start(t, options(t))}
	const session = 10001
	login := func(key auth.PrivateKey) handle.Rcode {
		t.Helper()
		a.conn = dial(t, a.s, "tcp")
		c := a.ask(session, handle.OpLogin, handle.FlagDigest, handle.AppendLogin(nil, ref(admin)))
		a.want("log-in", c, handle.RcodeAuthNeeded)
		r := a.ask(session, handle.OpChallengeResponse, 0, answer(t, c, admin, key))
		if r.Header.Opcode != handle.OpLogin || r.SessionID != session {
			t.Errorf("got opcode %d in session %d", r.Header.Opcode, r.SessionID)
		}
		return r.Header.Rcode
	}
	if got := login(privateKey(t, "limited_rsa")); got != handle.RcodeAuthFailed {
		t.Errorf("with another's key: %v", got)
	}
	a.want("change after a log-in that failed", a.ask(session, handle.OpAddValue, 0, add(50)), handle.RcodePermissionDenied)
	a.want("change outside", a.ask(0, handle.OpAddValue, 0, add(50)), handle.RcodePermissionDenied)
	if got := login(privateKey(t, "admin_rsa")); got != handle.RcodeSuccess {
		t.Errorf("log-in: %v", got)
	}
	a.want("change", a.ask(session, handle.OpAddValue, 0, add(50)), handle.RcodeSuccess)
	a.want("change in another session", a.ask(session+1, handle.OpAddValue, 0, add(51)), handle.RcodeSessionTimeout)
	a.want("another answer", a.ask(session, handle.OpChallengeResponse, 0, handle.AppendChallengeAnswer(nil, handle.ChallengeAnswer{Identity: ref(admin)})), handle.RcodeAuthTimeout)
	a.conn = nil
	a.want("on another connection", a.ask(session, handle.OpAddValue, 0, add(51)), handle.RcodeSessionTimeout)
}

// TestOpenValue: values that everybody may write are, without a challenge, and nothing else with them.
func TestOpenValue(t *testing.T) {
	o := options(t)
	a := &asker{t: t, s: start(t, o)}
	m := o.Admin.(*memory)
	rec := m.records["88.990.1001/writable"]
	var open *identifier.Value
	for i := range rec.Values {
		if rec.Values[i].Perms&identifier.PublicWrite != 0 {
			open = &rec.Values[i]
		}
	}
	if open == nil {
		t.Fatal("no such value")
	}
	v := *open
	v.Data = []byte("new")
	r := a.ask(0, handle.OpModifyValue, 0, handle.AppendValuesRequest(nil, rec.ID, []identifier.Value{v}))
	a.want("open value", r, handle.RcodeSuccess)
	if len(m.changes) != 1 || m.changes[0].Who != (identifier.Ref{}) {
		t.Errorf("changes: %+v", m.changes)
	}
	v = rec.Values[len(rec.Values)-1]
	a.want("another", a.ask(0, handle.OpModifyValue, 0, handle.AppendValuesRequest(nil, rec.ID, []identifier.Value{v})), handle.RcodeAuthNeeded)
}
