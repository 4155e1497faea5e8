package server

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/idnode/idnode/proto/epp"
)

// Server answers EPP. It may serve any number of listeners and HTTP requests at a time.
type Server struct {
	handler Handler
	auth    Authenticator
	o       Options

	run  string        // of this process: svTRIDs never come twice
	last atomic.Uint64 // command

	mu          sync.Mutex
	connections int
	addresses   map[netip.Addr]int // connections of each
	sessions    map[string]int     // of each client
}

// New returns a server. It starts nothing. The error says which option is wrong.
func New(h Handler, a Authenticator, o Options) (*Server, error) {
	o = o.withDefaults()
	if n := len([]rune(o.Name)); n < 3 || n > 64 {
		return nil, fmt.Errorf("the name of an EPP server has 3 to 64 characters, not %d", n)
	}
	var random [5]byte
	rand.Read(random[:])
	s := &Server{handler: h, auth: a, o: o, run: hex.EncodeToString(random[:]),
		addresses: make(map[netip.Addr]int), sessions: make(map[string]int)}
	if _, err := s.greeting(); err != nil {
		return nil, fmt.Errorf("the greeting of an EPP server: %w", err)
	}
	return s, nil
}

// greeting is what the server says of itself.
func (s *Server) greeting() ([]byte, error) {
	return epp.Append(nil, &epp.Greeting{
		Server: s.o.Name, Date: s.o.Clock(), Versions: []string{epp.Version}, Languages: s.o.Languages,
		Objects: []string{epp.NamespaceEnt, epp.NamespacePrefix},
		Policy: epp.Policy{Access: "all", Statements: []epp.Statement{
			{Purposes: []string{"admin", "prov"}, Recipients: []string{"ours"}, Retention: "stated"}}},
	})
}

func (s *Server) nextID() string {
	return fmt.Sprintf("%s-%d", s.run, s.last.Add(1))
}

// enter counts a connection, if there is place for it.
func (s *Server) enter(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connections >= s.o.MaxConnections || s.addresses[a] >= s.o.MaxPerAddress {
		return false
	}
	s.connections++
	s.addresses[a]++
	return true
}

func (s *Server) leave(a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections--
	if s.addresses[a]--; s.addresses[a] == 0 {
		delete(s.addresses, a)
	}
}

// begin counts a session of a client, if there is place for it.
func (s *Server) begin(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[client] >= s.o.MaxSessions {
		return false
	}
	s.sessions[client]++
	return true
}

func (s *Server) end(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[client]--; s.sessions[client] == 0 {
		delete(s.sessions, client)
	}
}

// speaks reports whether texts come in a language: RFC 5730, section 2.9.1.1 has clients name one of the greeting's.
func (s *Server) speaks(language string) bool {
	for _, l := range s.o.Languages {
		if strings.EqualFold(l, language) {
			return true
		}
	}
	return false
}
