package client

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/identifier"
)

// Identity is who a client is, and how it proves that: by the private half of the HS_PUBKEY at the reference, or by the
// secret that stands there as HS_SECKEY.
type Identity struct {
	Ref    identifier.Ref
	Key    auth.PrivateKey // zero: Secret is used
	Secret []byte
}

// Options say what a [Client] is.
type Options struct {
	// Identity answers challenges. Default: none, and a challenge is an [Error] with code 402.
	Identity *Identity

	// Session has requests that change something made in a session, whose messages have a code, and are
	// encrypted where they hold values that not everybody may read (spec/handle-protocol.md, section 7).
	Session bool

	// ServerKey is the server's public key, from the HS_SITE by which it was found: session set-ups are held
	// against it. Default: whoever answers at the address is believed.
	ServerKey crypto.PublicKey

	// Timeout bounds the wait for a connection, and for each message of an answer. Default: 30 seconds.
	Timeout time.Duration
}

// Client asks one server over a kept TCP connection, and connects again when that has gone. It may be used by
// many goroutines.
type Client struct {
	addr string
	o    Options

	mu      sync.Mutex
	conn    *conn
	session *session // nil: none yet
	closed  bool
}

// New returns a client of the server at addr, host:port. It connects when it is first asked.
func New(addr string, o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = tcpTimeout
	}
	return &Client{addr: addr, o: o}
}

// Close ends the session, if there is one, and the connection.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	k, s := c.conn, c.session
	c.conn, c.session = nil, nil
	c.mu.Unlock()
	if k == nil {
		return nil
	}
	if s != nil {
		k.end(s)
	}
	return k.Close()
}

// Error is an answer that is no success.
type Error struct {
	Code handle.Rcode
	Text string // for people, often empty
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s (%d)", e.Code, uint32(e.Code))
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

func (c *Client) connect(ctx context.Context) (*conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, errClosed
	case c.conn != nil && !c.conn.broken():
		return c.conn, nil
	}
	k, err := open(ctx, c.addr, c.o.Timeout)
	if err != nil {
		return nil, err
	}
	c.conn = k
	return k, nil
}

// reply is a message that answers a question, in clear.
type reply struct {
	envelope handle.Envelope
	message  handle.Message
	body     []byte // without the digest of the request, unless it is a challenge
}

// send makes one exchange. A connection that the server has closed while nothing was under way is made again, once.
func (c *Client) send(ctx context.Context, q question, s *session, take func(*reply) (last bool, err error)) error {
	for again := false; ; again = true {
		k, err := c.connect(ctx)
		if err != nil {
			return err
		}
		reused, err := k.exchange(ctx, q, func(a arrival) (bool, error) {
			r, err := q.open(a, s)
			if err != nil {
				return true, fmt.Errorf("%w: %w", ErrBadAnswer, err)
			}
			return take(r)
		})
		if err == nil || again || !reused || !errors.Is(err, ErrNoAnswer) || ctx.Err() != nil {
			return err
		}
	}
}

// open takes an answer apart, decrypts it if it is one of a session, and makes sure that it answers q.
func (q question) open(a arrival, s *session) (*reply, error) {
	src := a.src
	if a.envelope.Flags&handle.EnvelopeEncrypted != 0 {
		if s == nil {
			return nil, errors.New("it is encrypted")
		}
		var err error
		if src, err = s.keys.Open(nil, src); err != nil {
			return nil, err
		}
	}
	m, err := handle.ParseMessage(src)
	if err != nil {
		return nil, err
	}
	if s != nil && m.Header.Rcode == handle.RcodeSuccess {
		if _, err := s.keys.VerifyMAC(a.envelope, m); err != nil {
			return nil, err
		}
	}
	r := &reply{envelope: a.envelope, message: m}
	r.body, err = q.hold(a.envelope, &m)
	return r, err
}

// request is what a client asks for.
type request struct {
	header  handle.Header
	body    []byte
	private bool // the body holds what not everybody may read
	change  bool // it is made in a session, if the client has them
}

// do makes a request, proves the client's identity if it is challenged, and calls take with the body of each message of a
// successful answer.
func (c *Client) do(ctx context.Context, r request, take func(body []byte) error) error {
	for again := false; ; again = true {
		err := c.once(ctx, r, take)
		var e *Error
		if again || !r.change || !c.o.Session || !errors.As(err, &e) {
			return err
		}
		switch e.Code {
		case handle.RcodeSessionTimeout, handle.RcodeSessionFailed, handle.RcodeInvalidSessionKey, handle.RcodeSessionRejected:
			c.mu.Lock()
			c.session = nil // it has ended, or the server has lost it: nothing was carried out
			c.mu.Unlock()
		default:
			return err
		}
	}
}

func (c *Client) once(ctx context.Context, r request, take func(body []byte) error) error {
	var s *session
	if c.o.Session && r.change {
		var err error
		if s, err = c.inSession(ctx); err != nil {
			return err
		}
	}
	q, err := r.question(s, 0)
	if err != nil {
		return err
	}
	var asked *reply
	err = c.send(ctx, q, s, func(a *reply) (bool, error) {
		if a.message.Header.Rcode == handle.RcodeAuthNeeded {
			asked = a
			return true, nil
		}
		return finish(a, take)
	})
	if err != nil || asked == nil {
		return err
	}
	if c.o.Identity == nil {
		return &Error{Code: handle.RcodeAuthNeeded}
	}
	proof, err := c.o.Identity.prove(asked)
	if err != nil {
		return err
	}
	answer := request{header: handle.Header{Opcode: handle.OpChallengeResponse, Flags: r.header.Flags &^ handle.FlagDigest}, body: proof}
	if q, err = answer.question(s, asked.envelope.SessionID); err != nil {
		return err
	}
	return c.send(ctx, q, s, func(a *reply) (bool, error) { return finish(a, take) })
}

// finish hands a message of an answer to take, and reports whether it was the last.
func finish(a *reply, take func(body []byte) error) (last bool, err error) {
	h := &a.message.Header
	if h.Rcode != handle.RcodeSuccess {
		text, err := handle.ParseError(a.body)
		if err != nil {
			return true, fmt.Errorf("%w: %w", ErrBadAnswer, err)
		}
		return true, &Error{h.Rcode, string(text)}
	}
	if take != nil {
		err = take(a.body)
	}
	return h.Flags&handle.FlagContinues == 0, err
}

// question puts r into octets: as a message of s, or of the session or challenge of that number.
func (r *request) question(s *session, session uint32) (question, error) {
	h := r.header
	if s != nil {
		h.Flags |= handle.FlagCertify
	}
	q, e := begin(&h)
	e.SessionID = session
	out := append(handle.Begin(nil), r.body...)
	if s == nil {
		q.message = handle.Finish(out, 0, e, h)
		q.core = q.message[handle.EnvelopeSize : len(q.message)-4]
		return q, nil
	}
	q.core = append([]byte(nil), handle.FinishCore(out, 0, h)...)
	e.SessionID = s.keys.ID
	if r.private {
		e.Flags |= handle.EnvelopeEncrypted
	}
	var err error
	q.message, err = s.keys.Finish(out, 0, e, h, s.counter.Add(1))
	return q, err
}

// prove makes the body of the answer to a challenge.
func (i *Identity) prove(a *reply) ([]byte, error) {
	digest, nonce, err := handle.ParseChallenge(a.body, a.envelope.Version)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	sum := handle.DigestSum(digest, a.envelope.Version)
	answer := handle.ChallengeAnswer{KeyType: []byte(handle.KeyTypePublic), Identity: i.Ref}
	if i.Key.IsZero() {
		answer.KeyType = []byte(handle.KeyTypeSecret)
		answer.Answer, err = auth.AnswerWithSecret(i.Secret, a.envelope.Version, nonce, sum)
	} else {
		answer.Answer, err = auth.AnswerWithKey(i.Key, a.envelope.Version, i.Ref, nonce, sum)
	}
	if err != nil {
		return nil, err
	}
	return handle.AppendChallengeAnswer(nil, answer), nil
}
