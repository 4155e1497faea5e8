package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/epp"
)

// Serve answers connections of l over TLS (RFC 5734) until ctx ends, which is no error, or l fails. It closes l. Before it
// returns commands that are being carried out have been answered, within Options.DrainTime, and all connections are
// closed.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if s.o.TLS == nil {
		return errors.New("serve EPP: Options.TLS is not set")
	}
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var all sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	err := s.accept(ctx, work, l, &all)
	if ctx.Err() != nil {
		defer time.AfterFunc(s.o.DrainTime, cut).Stop()
		err = nil
	} else {
		cut()
	}
	all.Wait()
	return err
}

func (s *Server) accept(ctx, work context.Context, l net.Listener, all *sync.WaitGroup) error {
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil && isTemporary(err) { // out of file descriptors: some will be free again
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
				continue
			}
			return fmt.Errorf("serve EPP: %w", err)
		}
		addr := addrOf(c.RemoteAddr())
		if !s.enter(addr) {
			c.Close()
			continue
		}
		all.Go(func() {
			defer s.leave(addr)
			defer c.Close()
			s.converse(ctx, work, c, addr)
		})
	}
}

func isTemporary(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Temporary() //lint:ignore SA1019 nothing else tells a listener's passing failures
}

func addrOf(a net.Addr) netip.Addr {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

// converse is with one connection. Ctx ends it between two commands, work within one.
func (s *Server) converse(ctx, work context.Context, raw net.Conn, addr netip.Addr) {
	conn := tls.Server(raw, s.o.TLS)
	defer context.AfterFunc(work, func() { raw.Close() })()

	began := time.Now()
	handshake, done := context.WithTimeout(ctx, s.o.HandshakeTime)
	err := conn.HandshakeContext(handshake)
	done()
	if err != nil {
		s.o.Log.Debug("no TLS with a peer of EPP", "peer", addr, "err", err)
		return
	}
	talk := &conversation{Server: s, session: true, peer: Peer{Addr: addr}, caller: Caller{Addr: addr}}
	if certs := conn.ConnectionState().PeerCertificates; len(certs) > 0 {
		talk.peer.Certificate = certs[0]
	}
	defer func() {
		if talk.loggedIn {
			s.end(talk.caller.Client)
		}
	}()
	greeting, err := s.greeting()
	if err != nil || s.send(conn, greeting) != nil {
		return
	}
	in := bufio.NewReader(conn)
	for {
		src, err := s.receive(ctx, conn, in, talk, began)
		if err != nil {
			s.broken(conn, talk, err)
			return
		}
		r, err := talk.answer(work, src)
		if err != nil {
			s.o.Log.Error("an EPP response cannot be written", "peer", addr, "err", err)
			return
		}
		for _, octets := range s.o.Distort(talk.caller, r.octets) {
			if s.send(conn, octets) != nil {
				return
			}
		}
		if r.last {
			conn.Close() // with a TLS alert, unlike the raw connection
			return
		}
	}
}

// receive waits for the next message as long as it may be waited for, and then reads it in the time that it may take: a peer
// that sends an octet now and then is not waited for.
func (s *Server) receive(ctx context.Context, conn net.Conn, in *bufio.Reader, talk *conversation, began time.Time) ([]byte, error) {
	limit, until := s.o.MaxMessage, time.Now().Add(s.o.IdleTime)
	if !talk.loggedIn {
		limit = min(limit, maxBeforeLogin)
		if end := began.Add(s.o.LoginTime); end.Before(until) {
			until = end
		}
	}
	conn.SetReadDeadline(until)
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	_, err := in.Peek(1)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	conn.SetReadDeadline(time.Now().Add(s.o.MessageTime))
	return epp.ReadFrame(in, limit)
}

// broken tells a peer why the connection ends, if it can know: its frames are not ones, or it was too slow or silent. Clients
// that just go get no word.
func (s *Server) broken(conn net.Conn, talk *conversation, err error) {
	e := epp.Errorf(epp.CodeFailedClosing, "the server ends the session")
	switch {
	case errors.Is(err, epp.ErrFrame):
		e.Reason = "the frame is too short or too long"
		s.o.Log.Warn("a peer of EPP breaks the framing", "peer", talk.peer.Addr, "client", talk.caller.Client, "err", err)
	case isTimeout(err):
		e.Reason = "the time is over"
	case errors.Is(err, context.Canceled):
	default:
		if err != io.EOF {
			s.o.Log.Debug("a connection of EPP broke", "peer", talk.peer.Addr, "client", talk.caller.Client, "err", err)
		}
		return
	}
	if r, err := talk.refuse(e, ""); err == nil && s.send(conn, r.octets) == nil {
		s.o.Observe("unknown", r.code)
		conn.Close()
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func (s *Server) send(conn net.Conn, message []byte) error {
	conn.SetWriteDeadline(time.Now().Add(s.o.MessageTime))
	_, err := conn.Write(epp.AppendFrame(nil, message))
	return err
}
