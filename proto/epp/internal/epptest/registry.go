package epptest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/epp/server"
)

// Names and secrets that the Registry takes.
const (
	Client   = "SHR-88.1021"
	Password = "correct-horse"
	App      = "app-88.1021"
	Prefix   = "88.1021"
	User     = "shr-88-1021"
)

// Registry is a server.Handler and server.Authenticator that keeps everything in memory. What comes is pending until Audit.
type Registry struct {
	Mailbox server.Mailbox

	// Before is called ahead of each command, if it is set; its error is the answer.
	Before func(verb string) error

	mu       sync.Mutex
	Ents     map[string]*epp.Enterprise // by number
	Prefixes map[string]*Held
	Calls    map[string]int // by verb
}

// Held is a prefix that somebody has applied for.
type Held struct {
	EntID string
	By    server.TRID
	Route epp.Route
}

// NewRegistry returns an empty one.
func NewRegistry() *Registry {
	return &Registry{Ents: make(map[string]*epp.Enterprise), Prefixes: make(map[string]*Held), Calls: make(map[string]int)}
}

// Called is how often a verb was carried out.
func (r *Registry) Called(verb string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Calls[verb]
}

// call begins a command; the registry is locked until the function that is returned.
func (r *Registry) call(verb string) (func(), error) {
	if r.Before != nil {
		if err := r.Before(verb); err != nil {
			return func() {}, err
		}
	}
	r.mu.Lock()
	r.Calls[verb]++
	return r.mu.Unlock, nil
}

// Login implements server.Authenticator: the certificate, if there is one, must have the client's name.
func (r *Registry) Login(_ context.Context, p server.Peer, client, password, _ string) error {
	switch {
	case client == "broken-1":
		return errors.New("the table of clients is gone")
	case client != Client || password != Password:
		return epp.Errorf(epp.CodeAuthentication, "unknown client, or wrong password")
	case p.Certificate != nil && p.Certificate.Subject.CommonName != client:
		return epp.Errorf(epp.CodeAuthorization, "the certificate is of %s", p.Certificate.Subject.CommonName)
	}
	return nil
}

// Application implements server.Authenticator.
func (r *Registry) Application(_ context.Context, _ server.Peer, app string) (string, error) {
	if app != App {
		return "", epp.Errorf(epp.CodeAuthorization, "the application %s may not ask", app)
	}
	return Client, nil
}

// CheckEnt implements server.Handler.
func (r *Registry) CheckEnt(_ context.Context, _ server.Caller, q *epp.CheckEnt) (string, error) {
	done, err := r.call("check ent")
	defer done()
	if err != nil {
		return "", err
	}
	for id, e := range r.Ents {
		if e.CreditCode == q.CertCode {
			return id, nil
		}
	}
	return "", epp.Errorf(epp.CodeNotExists, "no enterprise has the code %s", q.CertCode)
}

// CreateEnt implements server.Handler.
func (r *Registry) CreateEnt(_ context.Context, _ server.Caller, _ server.TRID, q *epp.CreateEnt) (string, bool, error) {
	done, err := r.call("create ent")
	defer done()
	if err != nil {
		return "", false, err
	}
	for _, e := range r.Ents {
		if e.CreditCode == q.Ent.CreditCode {
			return "", false, &epp.Error{Code: epp.CodeExists, Space: epp.NamespaceEnt, Element: "entCrCode", Value: e.CreditCode, Reason: "the code is known"}
		}
	}
	id, ent := fmt.Sprintf("%08d", len(r.Ents)+1), q.Ent
	r.Ents[id] = &ent
	return id, true, nil
}

// UpdateEnt implements server.Handler.
func (r *Registry) UpdateEnt(_ context.Context, _ server.Caller, _ server.TRID, q *epp.UpdateEnt) (bool, error) {
	done, err := r.call("update ent")
	defer done()
	if err != nil {
		return false, err
	}
	e := r.Ents[q.EntID]
	if e == nil {
		return false, epp.Errorf(epp.CodeNotExists, "no enterprise has the number %s", q.EntID)
	}
	if q.All != nil {
		*e = *q.All
		return true, nil
	}
	q.Some.Apply(e)
	return false, nil
}

// CheckPrefix implements server.Handler.
func (r *Registry) CheckPrefix(_ context.Context, _ server.Caller, q *epp.CheckPrefix) error {
	done, err := r.call("check prefix")
	defer done()
	if err == nil && r.Prefixes[q.Prefix] != nil {
		err = epp.Errorf(epp.CodeExists, "the prefix is in use")
	}
	return err
}

// CreatePrefix implements server.Handler.
func (r *Registry) CreatePrefix(_ context.Context, _ server.Caller, id server.TRID, q *epp.CreatePrefix) (bool, error) {
	done, err := r.call("create prefix")
	defer done()
	switch {
	case err != nil:
		return false, err
	case q.SHRPrefix != Prefix || !strings.HasPrefix(q.Prefix, Prefix+"."):
		return false, epp.Errorf(epp.CodeAuthorization, "the prefix is not under %s", Prefix)
	case r.Ents[q.EntID] == nil:
		return false, epp.Errorf(epp.CodeNotExists, "no enterprise has the number %s", q.EntID)
	case r.Prefixes[q.Prefix] != nil:
		return false, epp.Errorf(epp.CodeExists, "the prefix is in use")
	}
	r.Prefixes[q.Prefix] = &Held{EntID: q.EntID, By: id}
	return true, nil
}

// UpdatePrefix implements server.Handler.
func (r *Registry) UpdatePrefix(_ context.Context, _ server.Caller, _ server.TRID, q *epp.UpdatePrefix) (bool, error) {
	done, err := r.call("update prefix")
	defer done()
	if err != nil {
		return false, err
	}
	p := r.Prefixes[q.Prefix]
	if p == nil {
		return false, epp.Errorf(epp.CodeNotExists, "nobody has the prefix")
	}
	if q.All != nil {
		p.Route = *q.All
	}
	return false, nil
}

// Audit ends the audit of a prefix: the client is told.
func (r *Registry) Audit(prefix string, result epp.AuditResult, reason string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.Prefixes[prefix]
	_, err := r.Mailbox.Put(Client, server.Mail{Text: "audit of " + prefix, Data: &epp.PrefixAudit{
		ClTRID: p.By.Client, SvTRID: p.By.Server, EntID: p.EntID, Prefix: prefix, State: epp.StateNormal, Result: result, Reason: reason}})
	return err
}

// Poll implements server.Handler.
func (r *Registry) Poll(_ context.Context, c server.Caller) (*server.Mail, int, error) {
	done, err := r.call("poll")
	defer done()
	if err != nil {
		return nil, 0, err
	}
	m, n := r.Mailbox.Poll(c.Client)
	return m, n, nil
}

// Ack implements server.Handler.
func (r *Registry) Ack(_ context.Context, c server.Caller, id string) (int, error) {
	done, err := r.call("ack")
	defer done()
	if err != nil {
		return 0, err
	}
	return r.Mailbox.Ack(c.Client, id)
}
