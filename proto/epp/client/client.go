// Package client asks a server of EPP (RFC 5730) about enterprises and prefixes: over TLS in one session, which it keeps
// alive and makes again when it has broken (RFC 5734), or over HTTP with signed requests (package requestsign).
package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/idnode/idnode/proto/epp"
)

var (
	// ErrNoAnswer says that no answer came. Whether a command that changes something was carried out is not known: it is
	// asked again by whoever gave it, and CodeExists, or CodeNotExists for an acknowledgement, then means that it was.
	ErrNoAnswer = errors.New("no answer")
	// ErrBadAnswer says that what came is no answer to the command. What was said of ErrNoAnswer holds for it, too.
	ErrBadAnswer = errors.New("bad answer")
	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("client closed")
)

// Client asks one server. It has one command under way at a time; others wait. It may be used by many goroutines.
//
// A refusal is an *[epp.Error] with the server's code. Any other error means that there is no answer; it wraps [ErrNoAnswer],
// [ErrBadAnswer], [ErrClosed], or what the network or the context said.
type Client struct {
	via  transport
	turn chan struct{} // holds a token while nothing is under way

	run  string        // of this client: clTRIDs never come twice
	last atomic.Uint64 // command
}

// transport carries messages. Its methods are called by one goroutine at a time.
type transport interface {
	// exchange sends a message and calls take with what comes, until that reports that it was the answer, or an error.
	exchange(ctx context.Context, message []byte, take func(epp.Message) (bool, error)) error

	// alive does what keeps the session, and makes one if there is none.
	alive(ctx context.Context) error

	// interval is how often alive is called, or 0.
	interval() time.Duration

	// close ends the session.
	close(ctx context.Context) error
}

func newClient(via transport) *Client {
	var random [6]byte
	rand.Read(random[:])
	c := &Client{via: via, turn: make(chan struct{}, 1), run: "idn-" + hex.EncodeToString(random[:])}
	c.turn <- struct{}{}
	return c
}

// take waits for the client's turn.
func (c *Client) take(ctx context.Context) error {
	select {
	case <-c.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) release() { c.turn <- struct{}{} }

// Run keeps the session alive, with a hello where nothing else was asked for some time, and makes it again when it has broken,
// until ctx ends. Nothing is lost without it: what is asked makes a session when there is none.
func (c *Client) Run(ctx context.Context) {
	every := c.via.interval()
	if every <= 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if c.take(ctx) != nil {
			return
		}
		_ = c.via.alive(ctx) // who asks next is told why
		c.release()
	}
}

// Close logs out, if there is a session, and closes the connection. It waits for a command that is under way.
func (c *Client) Close(ctx context.Context) error {
	if err := c.take(ctx); err != nil {
		return err
	}
	defer c.release()
	return c.via.close(ctx)
}

// Hello asks the server for its greeting.
func (c *Client) Hello(ctx context.Context) (*epp.Greeting, error) {
	message, err := epp.Append(nil, &epp.Hello{})
	if err != nil {
		return nil, err
	}
	if err := c.take(ctx); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	defer c.release()
	var greeting *epp.Greeting
	err = c.via.exchange(ctx, message, func(m epp.Message) (ok bool, err error) {
		if r, refused := m.(*epp.Response); refused && answers(r, "") {
			return true, r.Err()
		}
		greeting, ok = m.(*epp.Greeting)
		return ok, nil
	})
	if err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	return greeting, nil
}

// Do gives a command and returns its response, if that is a success. Questions, which are checks and polls, are asked again
// if the connection has broken; what changes something is not (see [ErrNoAnswer]). Sessions are the client's own business:
// logins and logouts are not for Do.
func (c *Client) Do(ctx context.Context, v epp.Verb) (*epp.Response, error) {
	r, err := c.ask(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name(), err)
	}
	return r, nil
}

// aboutEnt is the credit code of the enterprise that a command makes known or changes.
func aboutEnt(v epp.Verb) string {
	switch v := v.(type) {
	case *epp.CreateEnt:
		return v.Ent.CreditCode
	case *epp.UpdateEnt:
		if v.All != nil {
			return v.All.CreditCode
		}
	}
	return ""
}

// CreditCode is that of the enterprise which a command of a Client was about, by the clTRID of the command as the result of its
// audit names it; "" if it tells none.
func CreditCode(clTRID string) string {
	if i := strings.LastIndexByte(clTRID, '-'); i >= 0 && len(clTRID)-i-1 == 18 {
		return clTRID[i+1:]
	}
	return ""
}

func (c *Client) ask(ctx context.Context, v epp.Verb) (*epp.Response, error) {
	again := false
	switch v.(type) {
	case *epp.Login, *epp.Logout:
		return nil, errors.New("sessions are made by the client itself")
	case *epp.CheckEnt, *epp.CheckPrefix, *epp.PollRequest:
		again = true
	}
	id := fmt.Sprintf("%s-%d", c.run, c.last.Add(1))
	if code := aboutEnt(v); code != "" {
		id += "-" + code
	}
	message, err := epp.Append(nil, &epp.Command{Verb: v, ClTRID: id})
	if err != nil {
		return nil, err
	}
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.release()
	r, err := c.once(ctx, id, message)
	if again && err != nil && ctx.Err() == nil && errors.Is(err, ErrNoAnswer) {
		r, err = c.once(ctx, id, message)
	}
	return r, err
}

func (c *Client) once(ctx context.Context, id string, message []byte) (answer *epp.Response, err error) {
	err = c.via.exchange(ctx, message, func(m epp.Message) (bool, error) {
		r, ok := m.(*epp.Response)
		if !ok || !answers(r, id) {
			return false, nil
		}
		answer = r
		return true, r.Err()
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// answers reports whether r is the response to the command with that id. A server that could not read it has no id of it
// (RFC 5730, section 2.6); one that ends the session of itself has none either.
func answers(r *epp.Response, id string) bool {
	if r.ClTRID == "" {
		return !r.Code().Success() && !r.Code().Closes()
	}
	return r.ClTRID == id
}

// CheckEnt returns the number of the enterprise with that certificate, or "" if it is not known.
func (c *Client) CheckEnt(ctx context.Context, q epp.CheckEnt) (entID string, err error) {
	r, err := c.Do(ctx, &q)
	if err != nil {
		if e, ok := errors.AsType[*epp.Error](err); ok && e.Code == epp.CodeNotExists {
			return "", nil
		}
		return "", err
	}
	d, err := dataOf[*epp.EntChecked](&q, r)
	if err != nil {
		return "", err
	}
	return d.EntID, nil
}

// CreateEnt makes an enterprise known and returns its number. Pending says that it is being reviewed: a message will tell the
// end.
func (c *Client) CreateEnt(ctx context.Context, q epp.CreateEnt) (entID string, pending bool, err error) {
	r, err := c.Do(ctx, &q)
	if err != nil {
		return "", false, err
	}
	d, err := dataOf[*epp.EntCreated](&q, r)
	if err != nil {
		return "", false, err
	}
	return d.EntID, r.Code() == epp.CodePending, nil
}

// UpdateEnt changes an enterprise.
func (c *Client) UpdateEnt(ctx context.Context, q epp.UpdateEnt) (pending bool, err error) {
	return c.change(ctx, &q)
}

// CheckPrefix reports whether a prefix is free, and, if it is not, perhaps why.
func (c *Client) CheckPrefix(ctx context.Context, q epp.CheckPrefix) (free bool, reason string, err error) {
	r, err := c.Do(ctx, &q)
	if err != nil {
		if e, ok := errors.AsType[*epp.Error](err); ok && e.Code == epp.CodeExists {
			return false, e.Reason, nil
		}
		return false, "", err
	}
	if d, ok := r.Data.(*epp.PrefixChecked); ok {
		return d.Available, d.Reason, nil
	}
	return true, "", nil // the example of the draft, section 3.1.1
}

// CreatePrefix applies for a prefix.
func (c *Client) CreatePrefix(ctx context.Context, q epp.CreatePrefix) (pending bool, err error) {
	return c.change(ctx, &q)
}

// UpdatePrefix changes where a prefix is resolved.
func (c *Client) UpdatePrefix(ctx context.Context, q epp.UpdatePrefix) (pending bool, err error) {
	return c.change(ctx, &q)
}

func (c *Client) change(ctx context.Context, v epp.Verb) (pending bool, err error) {
	r, err := c.Do(ctx, v)
	if err != nil {
		return false, err
	}
	return r.Code() == epp.CodePending, nil
}

// Message is one that waits at the server.
type Message struct {
	ID    string
	Count int       // how many wait, with this one
	Date  time.Time // when it was made; zero if the server did not say
	Text  string
	Data  epp.Data // *epp.PrefixAudit, *epp.EntAudit, *epp.Foreign, others, or nil
}

// Poll returns the first message that waits, or nil. It stays the first until it is acknowledged.
func (c *Client) Poll(ctx context.Context) (*Message, error) {
	r, err := c.Do(ctx, &epp.PollRequest{})
	switch {
	case err != nil:
		return nil, err
	case r.Code() == epp.CodeNoMessages:
		return nil, nil
	case r.Queue == nil:
		return nil, fmt.Errorf("poll: %w: code %d without a queue", ErrBadAnswer, int(r.Code()))
	}
	return &Message{ID: r.Queue.ID, Count: r.Queue.Count, Date: r.Queue.Date, Text: r.Queue.Text, Data: r.Data}, nil
}

// Ack takes a message out of the server's queue, and returns how many are left.
func (c *Client) Ack(ctx context.Context, id string) (left int, err error) {
	r, err := c.Do(ctx, &epp.PollAck{Message: id})
	if err != nil || r.Queue == nil {
		return 0, err
	}
	return r.Queue.Count, nil
}

// dataOf is the data that belongs to a command.
func dataOf[D epp.Data](v epp.Verb, r *epp.Response) (d D, err error) {
	d, ok := r.Data.(D)
	if !ok {
		return d, fmt.Errorf("%s: %w: code %d without its data", v.Name(), ErrBadAnswer, int(r.Code()))
	}
	return d, nil
}
