package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
)

// session is a session with the server, which the client's identity proves itself in.
type session struct {
	keys    auth.Session
	counter atomic.Uint32
}

// sessionTime is how long a session may be idle, in seconds: what the stock library asks for.
const sessionTime = 86400

// endTimeout bounds the wait for a server to take note that a session has ended. It ends of itself, later.
const endTimeout = time.Second

// end tells the server that s is not used any more.
func (c *conn) end(s *session) {
	r := request{header: handle.Header{Opcode: handle.OpSessionTerminate, Flags: stock}, body: handle.AppendHandleRequest(nil, "/")}
	q, err := r.question(s, 0)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	_, _ = c.exchange(ctx, q, func(arrival) (bool, error) { return true, nil })
}

// inSession returns the client's session, set up if need be.
func (c *Client) inSession(ctx context.Context) (*session, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := c.setUp(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up a session: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		c.session = s
	}
	return c.session, nil
}

func (c *Client) setUp(ctx context.Context) (*session, error) {
	if c.o.Identity == nil {
		return nil, errors.New("a session needs an identity")
	}
	dh, err := auth.NewDH(nil)
	if err != nil {
		return nil, err
	}
	setup := handle.SessionSetup{Mode: handle.SessionDH, Timeout: sessionTime, Identity: c.o.Identity.Ref, PublicKey: dh.AppendPublic(nil)}
	r := request{header: handle.Header{Opcode: handle.OpSessionSetup, Flags: handle.FlagCertify | handle.FlagDigest | handle.FlagRecurse |
		handle.FlagCacheCertify | handle.FlagPublicOnly}, body: handle.AppendSessionSetup(nil, setup)}
	q, err := r.question(nil, 0)
	if err != nil {
		return nil, err
	}
	s := new(session)
	err = c.send(ctx, q, nil, func(a *reply) (bool, error) {
		return finish(a, func(body []byte) error {
			if c.o.ServerKey != nil {
				if err := auth.VerifySignature(c.o.ServerKey, a.envelope, a.message); err != nil {
					return fmt.Errorf("%w: %w", ErrBadAnswer, err)
				}
			}
			mode, data, err := handle.ParseSessionKey(body)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrBadAnswer, err)
			}
			cipher, public, err := handle.ParseDHKey(data)
			if err != nil || mode != handle.SessionDH || cipher != handle.CipherAES {
				return fmt.Errorf("%w: mode %d, cipher %d", ErrBadAnswer, mode, cipher)
			}
			s.keys.ID = a.envelope.SessionID
			s.keys.Key, err = dh.Agree(public)
			return err
		})
	})
	return s, err
}
