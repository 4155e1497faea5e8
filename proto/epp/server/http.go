package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/requestsign"
)

// MediaType is the type of EPP messages over HTTP.
const MediaType = "application/epp+xml"

// HTTP returns a handler that answers POSTs of a message, one a request, which v verifies. An answered command is status 200
// whatever its result code; what is not verified is 401 with CodeAuthentication, an application that may not ask 403,
// too many requests of one 503 with CodeFailed. The limit of bodies is that of a session; a body is read whole before its signature is
// known. Times and the number of connections are up to the http.Server and its listener.
func (s *Server) HTTP(v *requestsign.Verifier) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "a message is posted", http.StatusMethodNotAllowed)
			return
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != MediaType {
			http.Error(w, "expected is "+MediaType, http.StatusUnsupportedMediaType)
			return
		}
		src, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.o.MaxMessage)))
		if err != nil {
			status := http.StatusBadRequest
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, "the message did not arrive, or is too long", status)
			return
		}
		s.httpAnswer(w, r, v, src)
	})
}

func (s *Server) httpAnswer(w http.ResponseWriter, r *http.Request, v *requestsign.Verifier, src []byte) {
	var addr netip.Addr
	if p, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		addr = p.Addr().Unmap()
	}
	talk := &conversation{Server: s, peer: Peer{Addr: addr}, caller: Caller{Addr: addr}}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		talk.peer.Certificate = r.TLS.PeerCertificates[0]
	}
	answer, status, err := talk.answerSigned(r, v, src)
	if err != nil {
		s.o.Log.Error("an EPP response cannot be written", "peer", addr, "err", err)
		http.Error(w, "the response cannot be written", http.StatusInternalServerError)
		return
	}
	if status != http.StatusOK {
		s.o.Observe("unknown", answer.code)
	}
	w.Header().Set("Content-Type", MediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	for _, octets := range s.o.Distort(talk.caller, answer.octets) {
		if _, err := w.Write(octets); err != nil {
			return
		}
	}
}

// answerSigned carries out a message if an application that may ask has signed it.
func (c *conversation) answerSigned(r *http.Request, v *requestsign.Verifier, src []byte) (answer reply, status int, err error) {
	app, err := v.Verify(r, src)
	switch {
	case errors.Is(err, requestsign.ErrBusy):
		answer, err = c.refuse(epp.Errorf(epp.CodeFailed, "%s", err), "")
		return answer, http.StatusServiceUnavailable, err
	case err != nil:
		answer, err = c.refuse(epp.Errorf(epp.CodeAuthentication, "%s", err), "")
		return answer, http.StatusUnauthorized, err
	}
	client, err := c.auth.Application(r.Context(), c.peer, app)
	if e, ok := errors.AsType[*epp.Error](err); ok {
		answer, err = c.refuse(e, "")
		return answer, http.StatusForbidden, err
	}
	if err != nil {
		c.o.Log.Error("an application cannot be looked up", "app", app, "err", err)
		answer, err = c.refuse(epp.Errorf(epp.CodeFailed, ""), "")
		return answer, http.StatusInternalServerError, err
	}
	c.loggedIn, c.caller.Client = true, client
	answer, err = c.answer(r.Context(), src)
	return answer, http.StatusOK, err
}
