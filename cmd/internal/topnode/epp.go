package topnode

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/epp"
	"github.com/idnode/idnode/proto/epp/server"
)

// application is an enterprise or a prefix that a secondary node has applied for.
type application struct {
	Client  string          `json:"client"` // whose it is
	ID      string          `json:"id"`     // of an enterprise "E000001", of a prefix the prefix itself
	Ent     string          `json:"ent"`    // the enterprise
	Name    string          `json:"name,omitempty"`
	Cert    string          `json:"cert,omitempty"` // of an enterprise: its unified social credit code
	Form    json.RawMessage `json:"form,omitempty"` // as it was sent
	Route   *epp.Route      `json:"route,omitempty"`
	State   string          `json:"state"` // "pending", "passed" or "failed"
	Reason  string          `json:"reason,omitempty"`
	ClTRID  string          `json:"clTRID,omitempty"`
	SvTRID  string          `json:"svTRID,omitempty"`
	Created time.Time       `json:"created"`
}

// States of applications.
const (
	pending = "pending"
	passed  = "passed"
	failed  = "failed"
)

// letter is a message in the mailbox of a client.
type letter struct {
	Number string          `json:"number"` // ours, in the journal
	Client string          `json:"client"`
	ClTRID string          `json:"clTRID,omitempty"`
	SvTRID string          `json:"svTRID,omitempty"`
	Ent    string          `json:"ent"`
	Prefix string          `json:"prefix,omitempty"` // "": it is about the enterprise
	State  epp.State       `json:"state"`
	Result epp.AuditResult `json:"result"`
	Reason string          `json:"reason,omitempty"`
	Date   time.Time       `json:"date"`
}

// login is a password that a client has chosen itself.
type login struct{ Client, Password string }

// data is the letter in terms of EPP.
func (l *letter) data() epp.Data {
	if l.Prefix == "" {
		return &epp.EntAudit{ClTRID: l.ClTRID, SvTRID: l.SvTRID, EntID: l.Ent, State: l.State, Result: l.Result, Reason: l.Reason}
	}
	return &epp.PrefixAudit{ClTRID: l.ClTRID, SvTRID: l.SvTRID, EntID: l.Ent, Prefix: l.Prefix, State: l.State, Result: l.Result, Reason: l.Reason}
}

// desk carries out commands of EPP. It is a server.Handler and a server.Authenticator.
type desk struct{ *Top }

func (r desk) CheckEnt(_ context.Context, c server.Caller, q *epp.CheckEnt) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.ents {
		if e.Client == c.Client && e.Cert == q.CertCode && e.State != failed {
			return e.ID, nil
		}
	}
	return "", epp.Errorf(epp.CodeNotExists, "no enterprise has that certificate")
}

func (r desk) CreateEnt(_ context.Context, c server.Caller, id server.TRID, q *epp.CreateEnt) (string, bool, error) {
	form, err := json.Marshal(q.Ent)
	if err != nil {
		return "", false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.ents {
		if e.Client == c.Client && e.Cert == q.Ent.CreditCode && e.State != failed {
			return "", false, epp.Errorf(epp.CodeExists, "the enterprise is %s", e.ID)
		}
	}
	a := &application{Client: c.Client, ID: fmt.Sprintf("E%06d", len(r.ents)+1), Name: q.Ent.NameCn, Cert: q.Ent.CreditCode, Form: form, State: pending,
		ClTRID: id.Client, SvTRID: id.Server, Created: r.o.Clock().UTC()}
	a.Ent = a.ID
	if err := r.journal.add(&entry{Ent: a}); err != nil {
		return "", false, err
	}
	r.ents[a.ID] = a
	r.audit(a)
	return a.ID, true, nil
}

func (r desk) UpdateEnt(_ context.Context, c server.Caller, id server.TRID, q *epp.UpdateEnt) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.ents[q.EntID]
	switch {
	case e == nil:
		return false, epp.Errorf(epp.CodeNotExists, "no enterprise %s", q.EntID)
	case e.Client != c.Client:
		return false, epp.Errorf(epp.CodeAuthorization, "the enterprise is of another node")
	}
	now := *e
	if q.All != nil {
		form, err := json.Marshal(q.All)
		if err != nil {
			return false, err
		}
		now.Form, now.Name, now.Cert = form, q.All.NameCn, q.All.CreditCode
	}
	now.State, now.Reason, now.ClTRID, now.SvTRID = pending, "", id.Client, id.Server
	if err := r.journal.add(&entry{Ent: &now}); err != nil {
		return false, err
	}
	r.ents[now.ID] = &now
	r.audit(&now)
	return true, nil
}

// checkPrefix says why a prefix is not free, or not the client's to ask for.
func (r desk) checkPrefix(client, shr, prefix string) error {
	if shr != client {
		return epp.Errorf(epp.CodeAuthorization, "%s is not the prefix of this secondary node", shr)
	}
	if rest, ok := strings.CutPrefix(prefix, shr+"."); !ok || rest == "" {
		return epp.Errorf(epp.CodeAuthorization, "%s is not under %s", prefix, shr)
	}
	if p := r.prefixes[prefix]; p != nil && p.State != failed {
		return epp.Errorf(epp.CodeExists, "%s is %s", prefix, p.State)
	}
	return nil
}

func (r desk) CheckPrefix(_ context.Context, c server.Caller, q *epp.CheckPrefix) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.checkPrefix(c.Client, q.SHRPrefix, q.Prefix)
}

func (r desk) CreatePrefix(_ context.Context, c server.Caller, id server.TRID, q *epp.CreatePrefix) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.checkPrefix(c.Client, q.SHRPrefix, q.Prefix); err != nil {
		return false, err
	}
	e := r.ents[q.EntID]
	switch {
	case e == nil:
		return false, epp.Errorf(epp.CodeNotExists, "no enterprise %s", q.EntID)
	case e.Client != c.Client:
		return false, epp.Errorf(epp.CodeAuthorization, "the enterprise is of another node")
	}
	a := &application{Client: c.Client, ID: q.Prefix, Ent: q.EntID, Name: e.Name, State: pending, ClTRID: id.Client, SvTRID: id.Server, Created: r.o.Clock().UTC()}
	if err := r.journal.add(&entry{Prefix: a}); err != nil {
		return false, err
	}
	r.prefixes[a.ID] = a
	r.audit(a)
	return true, nil
}

func (r desk) UpdatePrefix(_ context.Context, c server.Caller, _ server.TRID, q *epp.UpdatePrefix) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.prefixes[q.Prefix]
	switch {
	case p == nil:
		return false, epp.Errorf(epp.CodeNotExists, "no prefix %s", q.Prefix)
	case p.Client != c.Client:
		return false, epp.Errorf(epp.CodeAuthorization, "the prefix is of another node")
	}
	now := *p
	switch {
	case q.All != nil:
		now.Route = q.All
	case now.Route == nil:
		now.Route = q.Some
	case q.Some != nil:
		route := *now.Route
		if q.Some.IP.IsValid() {
			route.IP = q.Some.IP
		}
		for _, port := range []struct{ to, from *int }{{&route.TCP, &q.Some.TCP}, {&route.UDP, &q.Some.UDP}, {&route.HTTP, &q.Some.HTTP}} {
			if *port.from != 0 {
				*port.to = *port.from
			}
		}
		now.Route = &route
	}
	if err := r.journal.add(&entry{Prefix: &now}); err != nil {
		return false, err
	}
	r.prefixes[now.ID] = &now
	return false, nil
}

func (r desk) Poll(_ context.Context, c server.Caller) (*server.Mail, int, error) {
	m, n := r.mail.Poll(c.Client)
	return m, n, nil
}

func (r desk) Ack(_ context.Context, c server.Caller, id string) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	number, ok := r.numbers[id]
	if !ok {
		return 0, epp.Errorf(epp.CodeNotExists, "no message of that id waits for the client")
	}
	left, err := r.mail.Ack(c.Client, id)
	if err != nil {
		return 0, err
	}
	delete(r.numbers, id)
	delete(r.letters, number)
	return left, r.journal.add(&entry{Ack: number})
}

// takeMail puts a letter into the mailbox. The caller holds mu.
func (t *Top) takeMail(l *letter) {
	id, err := t.mail.Put(l.Client, server.Mail{Date: l.Date, Text: l.Reason, Data: l.data()})
	if err != nil {
		t.o.Logger.Error("a letter has no place in the mailbox", "client", l.Client, "err", err)
		return
	}
	t.letters[l.Number] = l
	t.numbers[id] = l.Number
}

func (r desk) Login(_ context.Context, p server.Peer, client, password, newPassword string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.passwords[client]
	if !ok || subtle.ConstantTimeCompare([]byte(known), []byte(password)) != 1 {
		return epp.Errorf(epp.CodeAuthentication, "client or password is wrong")
	}
	if newPassword == "" {
		return nil
	}
	if err := r.journal.add(&entry{Password: &login{client, newPassword}}); err != nil {
		return err
	}
	r.passwords[client] = newPassword
	return nil
}

func (r desk) Application(_ context.Context, _ server.Peer, app string) (string, error) {
	if _, ok := r.o.Nodes[app]; !ok {
		return "", epp.Errorf(epp.CodeAuthorization, "the application is of no node")
	}
	return app, nil
}
