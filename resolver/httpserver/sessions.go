package httpserver

import (
	"container/list"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/idnode/idnode/proto/identifier"
)

// Bounds of the sessions of the REST interface. One that is beyond them takes the place of the one that was used longest
// ago, of the same address or of all.
const (
	maxSessions    = 16384
	sessionsOfAddr = 256
	challengeTime  = 5 * time.Minute  // for one that nobody has authenticated
	sessionIdle    = 30 * time.Minute // since the last use
	sessionTime    = 24 * time.Hour   // in all
)

// session is a session of the REST interface: a nonce to be signed, and who has done so. Its id is as good as a
// credential, and travels over TLS only.
type session struct {
	id    string
	nonce [16]byte
	from  netip.Addr

	mu       sync.Mutex
	who      *identifier.Ref // nil: nobody has authenticated
	identity string          // who, as the client wrote it

	place   *list.Element // guarded by sessions.mu, like what follows
	expires time.Time
	end     time.Time
}

// asker is who has authenticated.
func (s *session) asker() (*identifier.Ref, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.who, s.identity
}

func (s *session) authenticated(who *identifier.Ref, identity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.who, s.identity = who, identity
}

// sessions are those of all clients.
type sessions struct {
	now func() time.Time

	mu     sync.Mutex
	byID   map[string]*session
	order  *list.List // used longest ago first
	ofAddr map[netip.Addr]int
}

func newSessions() *sessions {
	return &sessions{now: time.Now, byID: make(map[string]*session), order: list.New(), ofAddr: make(map[netip.Addr]int)}
}

// add makes a session.
func (t *sessions) add(from netip.Addr) *session {
	s := &session{id: rand.Text(), from: from}
	rand.Read(s.nonce[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for e := t.order.Front(); e != nil; {
		old := e.Value.(*session)
		e = e.Next()
		full := t.ofAddr[from] >= sessionsOfAddr
		if now.Before(old.expires) && len(t.byID) < maxSessions && !(full && old.from == from) {
			if !full {
				break
			}
			continue
		}
		t.drop(old)
	}
	s.expires, s.end = now.Add(challengeTime), now.Add(sessionTime)
	t.byID[s.id] = s
	t.ofAddr[from]++
	s.place = t.order.PushBack(s)
	return s
}

// get returns the session of that id, nil if there is none or it has ended.
func (t *sessions) get(id string) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byID[id]
	if s == nil {
		return nil
	}
	now := t.now()
	if !now.Before(s.expires) {
		t.drop(s)
		return nil
	}
	if who, _ := s.asker(); who != nil {
		if s.expires = now.Add(sessionIdle); s.end.Before(s.expires) {
			s.expires = s.end
		}
		t.order.MoveToBack(s.place)
	}
	return s
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

// sessionBody is what is told of a session.
type sessionBody struct {
	SessionID     string `json:"sessionId,omitempty"`
	Nonce         string `json:"nonce,omitempty"`
	Authenticated *bool  `json:"authenticated,omitempty"`
	ID            string `json:"id,omitempty"`
	Error         string `json:"error,omitempty"`
}

// sessions serves /api/sessions, which makes a session, and /api/sessions/this, which is the session of the request.
// A session is authenticated by the fields of an Authorization header of the scheme Handle, or the same in the body.
func (c *restCall) sessions() {
	if !c.secure() || c.s.o.Handles == nil {
		c.w.WriteHeader(http.StatusForbidden)
		return
	}
	fields, _ := parseHandleAuthorization(c.req.Header.Get("Authorization"))
	if !c.reads() && c.req.Method != http.MethodDelete {
		given, err := c.fields()
		if err != nil {
			c.w.WriteHeader(http.StatusBadRequest)
			return
		}
		for name, value := range given {
			if fields == nil {
				fields = make(map[string]string)
			}
			if name = strings.ToLower(name); fields[name] == "" {
				fields[name] = value
			}
		}
	}
	if id := fields["sessionid"]; id != "" {
		c.auth.session = c.s.sessions.get(id)
	}
	switch {
	case strings.TrimSuffix(c.name, "/") == "" && c.req.Method == http.MethodPost:
		c.newSession(fields)
		return
	case strings.TrimSuffix(c.name, "/") == "":
		c.w.Header().Set("Allow", "POST, OPTIONS")
		c.w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case strings.TrimSuffix(c.name, "/") != "this", c.auth.session == nil:
		c.w.WriteHeader(http.StatusForbidden)
		return
	case c.req.Method == http.MethodDelete:
		c.s.sessions.remove(c.auth.session)
		c.w.WriteHeader(http.StatusNoContent)
		return
	}
	status := http.StatusOK
	if !c.authenticateHandle(fields) {
		status = http.StatusUnauthorized
		c.invite()
	}
	c.tellSession(status)
}

// newSession makes a session, which a certificate may authenticate at once.
func (c *restCall) newSession(fields map[string]string) {
	if fields["sessionid"] != "" {
		c.w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.auth.session = c.s.sessions.add(peer(c.req))
	if c.authenticateCertificate() {
		c.auth.session.authenticated(c.auth.who, c.auth.id)
	}
	c.auth.failure = ""
	c.w.Header().Set("Location", sessionsPath+"/this")
	c.tellSession(http.StatusCreated)
}

func (c *restCall) tellSession(status int) {
	s := c.auth.session
	body := sessionBody{SessionID: s.id, Nonce: base64.StdEncoding.EncodeToString(s.nonce[:]), Error: c.auth.failure}
	if c.auth.who != nil {
		yes := true
		body.Authenticated, body.ID = &yes, c.auth.id
	}
	writeREST(c.w, c.params, status, body)
}

// maxFields bounds a body that is an object of texts, in octets.
const maxFields = 64 << 10

// fields reads a body that is a JSON object of texts, numbers and booleans, or is empty.
func (c *restCall) fields() (map[string]string, error) {
	c.req.Body = http.MaxBytesReader(c.w, c.req.Body, maxFields)
	raw, err := c.read()
	if err != nil || len(strings.TrimSpace(string(raw))) == 0 {
		return nil, err
	}
	var given map[string]any
	if err := json.Unmarshal(raw, &given); err != nil {
		return nil, errors.New("the body is no JSON object")
	}
	fields := make(map[string]string, len(given))
	for name, value := range given {
		switch value.(type) {
		case string, bool, float64:
			fields[name] = fmt.Sprint(value)
		}
	}
	return fields, nil
}
