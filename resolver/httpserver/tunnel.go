package httpserver

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/idnode/idnode/proto/handle"
)

// messageType is the content type of a binary message of the Handle protocol.
const messageType = "application/x-hdl-message"

// tunnelTimeout is how long a message may take to arrive: it is small.
const tunnelTimeout = 10 * time.Second

// tunnel answers a binary message that came as the body of a POST, on whatever path: stock clients
// write the handle there (spec/handle-protocol.md section 13).
func (s *Server) tunnel(w http.ResponseWriter, req *http.Request) {
	// Not every ResponseWriter has deadlines; the real one does.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(tunnelTimeout))
	message, err := io.ReadAll(http.MaxBytesReader(w, req.Body, handle.EnvelopeSize+handle.MaxMessage))
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "no message of the Handle protocol", status)
		return
	}
	w.Header().Set("Content-Type", messageType)
	_, _ = w.Write(s.o.Tunnel(req.Context(), nil, message, peer(req))) // the asker is gone: nobody to tell
}

// peer is the address at the other end of the connection that req came on.
func peer(req *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr().Unmap()
}
