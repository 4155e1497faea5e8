package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/epp"
)

// TLSOptions say how a session is made.
type TLSOptions struct {
	// TLS has the client's certificate and the authorities that are trusted (RFC 5734, section 8). Default: no certificate,
	// and the authorities of the system. ServerName is by default the host of the address.
	TLS *tls.Config

	Client   string // clID, 3 to 16 characters
	Password string // 6 to 16 characters
	Language string // of response texts. Default: "en", or else the first of the greeting

	Timeout   time.Duration // of each step: connecting, and each exchange. Default: 30 seconds
	KeepAlive time.Duration // a hello is sent so often, by Run, and before a command after that time. Default: 2 minutes
}

// session is a transport over TLS.
type session struct {
	addr   string
	o      TLSOptions
	closed bool

	conn *tls.Conn // nil: there is none
	in   *bufio.Reader
	used time.Time // when the last answer came
}

// maxStray is how many messages that answer nothing are passed over: repeated answers of a server.
const maxStray = 8

// NewTLS returns a client of the server at addr, host:port, over TLS. It connects when it is first asked.
func NewTLS(addr string, o TLSOptions) *Client {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.KeepAlive <= 0 {
		o.KeepAlive = 2 * time.Minute
	}
	return newClient(&session{addr: addr, o: o})
}

func (s *session) interval() time.Duration { return s.o.KeepAlive }

func (s *session) exchange(ctx context.Context, message []byte, take func(epp.Message) (bool, error)) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	return s.ask(ctx, message, take)
}

// alive sends a hello if nothing was asked for most of KeepAlive.
func (s *session) alive(ctx context.Context) error {
	if s.conn != nil && time.Since(s.used) < s.o.KeepAlive/2 {
		return nil
	}
	s.probe(ctx)
	return s.ready(ctx)
}

// ready sees to it that there is a session. One that was silent for long is tried first: what a server that has gone is
// asked has no answer, and nobody would know whether it was carried out.
func (s *session) ready(ctx context.Context) error {
	if s.closed {
		return ErrClosed
	}
	if s.conn != nil && time.Since(s.used) >= min(s.o.KeepAlive, probeAfter) {
		s.probe(ctx)
	}
	if s.conn != nil {
		return nil
	}
	return s.open(ctx)
}

// probeAfter is how long a session may be silent before a hello goes ahead of a command.
const probeAfter = 5 * time.Second

// probe closes the connection if it does not answer.
func (s *session) probe(ctx context.Context) {
	if s.conn == nil {
		return
	}
	hello, _ := epp.Append(nil, &epp.Hello{})
	_ = s.ask(ctx, hello, func(m epp.Message) (bool, error) {
		_, ok := m.(*epp.Greeting)
		return ok, nil
	})
}

// open connects and logs in.
func (s *session) open(ctx context.Context) error {
	dial, done := context.WithTimeout(ctx, s.o.Timeout)
	defer done()
	d := tls.Dialer{NetDialer: &net.Dialer{}, Config: s.o.TLS}
	conn, err := d.DialContext(dial, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	s.conn, s.in = conn.(*tls.Conn), bufio.NewReader(conn)
	var greeting *epp.Greeting
	err = s.ask(ctx, nil, func(m epp.Message) (ok bool, err error) {
		if r, refused := m.(*epp.Response); refused && !r.Code().Success() {
			return true, r.Err()
		}
		greeting, ok = m.(*epp.Greeting)
		return ok, nil
	})
	if err == nil {
		err = s.login(ctx, greeting)
	}
	if err != nil {
		s.drop()
		return fmt.Errorf("begin a session: %w", err)
	}
	return nil
}

func (s *session) login(ctx context.Context, g *epp.Greeting) error {
	l := &epp.Login{Client: s.o.Client, Password: s.o.Password, Version: epp.Version, Language: s.o.Language}
	if l.Language == "" {
		if l.Language = "en"; !slices.Contains(g.Languages, "en") {
			l.Language = g.Languages[0]
		}
	}
	for _, object := range g.Objects {
		switch object {
		case epp.NamespaceEnt, epp.NamespacePrefix, epp.NamespacePrefixToo:
			l.Objects = append(l.Objects, object)
		}
	}
	if len(l.Objects) == 0 || !slices.Contains(g.Versions, epp.Version) {
		return fmt.Errorf("%w: the server %q has no enterprises or prefixes, or not version %s", ErrBadAnswer, g.Server, epp.Version)
	}
	const id = "idn-login"
	message, err := epp.Append(nil, &epp.Command{Verb: l, ClTRID: id})
	if err != nil {
		return err
	}
	return s.ask(ctx, message, func(m epp.Message) (bool, error) {
		r, ok := m.(*epp.Response)
		if !ok || !answers(r, id) {
			return false, nil
		}
		return true, r.Err()
	})
}

// ask sends a message, if it is one, and reads answers until one fits. Whatever goes wrong the connection is closed: what
// comes later would be taken for the answer to something else.
func (s *session) ask(ctx context.Context, message []byte, take func(epp.Message) (bool, error)) error {
	end := time.Now().Add(s.o.Timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	s.conn.SetDeadline(end)
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	closes, err := s.readAnswer(message, take)
	if !stop() && err != nil && errors.Is(err, ErrNoAnswer) {
		err = fmt.Errorf("%w: %w", err, ctx.Err())
	}
	_, refused := errors.AsType[*epp.Error](err)
	if err != nil && !refused || closes || ctx.Err() != nil {
		s.drop()
		return err
	}
	s.used = time.Now()
	return err
}

// readAnswer is ask without its care for the connection. Closes says that the server ends the session.
func (s *session) readAnswer(message []byte, take func(epp.Message) (bool, error)) (closes bool, err error) {
	if message != nil {
		if _, err := s.conn.Write(epp.AppendFrame(nil, message)); err != nil {
			return false, fmt.Errorf("%w: %w", ErrNoAnswer, err)
		}
	}
	for range maxStray {
		src, err := epp.ReadFrame(s.in, epp.MaxMessage)
		if errors.Is(err, epp.ErrFrame) {
			return false, fmt.Errorf("%w: %w", ErrBadAnswer, err)
		}
		if err != nil {
			return false, fmt.Errorf("%w: %w", ErrNoAnswer, err)
		}
		m, err := parse(src)
		if err != nil {
			return false, err
		}
		r, ok := m.(*epp.Response)
		closes = ok && r.Code().Closes()
		if fits, err := take(m); fits || err != nil {
			return closes, err
		}
		if closes {
			return true, fmt.Errorf("%w: %w", ErrNoAnswer, r.Err())
		}
	}
	return false, fmt.Errorf("%w: %d messages that answer something else", ErrBadAnswer, maxStray)
}

// parse reads an answer. What is wrong with it is the server's fault, and no refusal of the command.
func parse(src []byte) (epp.Message, error) {
	m, err := epp.Parse(src)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrBadAnswer, err)
	}
	return m, nil
}

func (s *session) drop() {
	if s.conn != nil {
		s.conn.Close()
		s.conn, s.in = nil, nil
	}
}

func (s *session) close(ctx context.Context) error {
	s.closed = true
	if s.conn == nil {
		return nil
	}
	defer s.drop()
	const id = "idn-logout"
	message, err := epp.Append(nil, &epp.Command{Verb: &epp.Logout{}, ClTRID: id})
	if err != nil {
		return err
	}
	return s.ask(ctx, message, func(m epp.Message) (bool, error) {
		r, ok := m.(*epp.Response)
		if !ok || !answers(r, id) {
			return false, nil
		}
		return true, r.Err()
	})
}
