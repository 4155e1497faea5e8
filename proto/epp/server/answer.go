package server

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/idnode/idnode/proto/epp"
)

// conversation is with one peer: a connection, or one request over HTTP.
type conversation struct {
	*Server
	peer Peer

	caller   Caller
	loggedIn bool
	session  bool // sessions are possible: there may be a login
	failures int  // refused logins
}

// reply is what goes out.
type reply struct {
	octets []byte
	code   epp.Code
	last   bool // the connection ends after it
}

// answer carries out what a message asks for.
func (c *conversation) answer(ctx context.Context, src []byte) (r reply, err error) {
	verb := "unknown"
	defer func() {
		if err == nil {
			c.o.Observe(verb, r.code)
		}
	}()
	m, err := epp.Parse(src)
	if err != nil {
		return c.refuse(err, "")
	}
	switch m := m.(type) {
	case *epp.Hello:
		verb = "hello"
		octets, err := c.greeting()
		return reply{octets: octets, code: epp.CodeOK}, err
	case *epp.Command:
		verb = m.Verb.Name()
		id := TRID{m.ClTRID, c.nextID()}
		resp, err := c.carryOut(ctx, id, m.Verb)
		if err != nil {
			e := epp.AsError(err)
			if e.Code == epp.CodeFailed && e.Reason == "" {
				c.o.Log.Error("an EPP command failed", "verb", verb, "client", c.caller.Client, "svtrid", id.Server, "err", err)
			}
			return c.refuse(e, id.Client, id.Server)
		}
		resp.ClTRID, resp.SvTRID = id.Client, id.Server
		octets, err := epp.Append(nil, resp)
		if err != nil { // the handler has made what cannot be told
			c.o.Log.Error("an EPP response cannot be written", "verb", verb, "client", c.caller.Client, "svtrid", id.Server, "err", err)
			return c.refuse(epp.Errorf(epp.CodeFailed, ""), id.Client, id.Server)
		}
		return reply{octets, resp.Code(), resp.Code().Closes()}, nil
	}
	return c.refuse(epp.Errorf(epp.CodeSyntax, "a client sends commands and hellos"), "")
}

// refuse is the response to what was not carried out.
func (c *conversation) refuse(err error, ids ...string) (reply, error) {
	e := epp.AsError(err)
	client, server := ids[0], ""
	if client == "" {
		client = e.ClTRID
	}
	if len(ids) > 1 {
		server = ids[1]
	} else {
		server = c.nextID()
	}
	result := epp.Result{Code: e.Code}
	if e.Reason != "" || e.Element != "" {
		result.Details = []epp.Detail{{Space: e.Space, Element: e.Element, Value: e.Value, Reason: e.Reason}}
	}
	r := &epp.Response{Results: []epp.Result{result}, ClTRID: client, SvTRID: server}
	octets, err := epp.Append(nil, r)
	if err != nil { // what is at fault has a name or a text that XML has not
		r.Results[0].Details = nil
		octets, err = epp.Append(nil, r)
	}
	return reply{octets, e.Code, e.Code.Closes()}, err
}

// carryOut is a command of a client that may give it.
func (c *conversation) carryOut(ctx context.Context, id TRID, v epp.Verb) (r *epp.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, fmt.Errorf("%s panicked: %v\n%s", v.Name(), p, debug.Stack())
		}
	}()
	switch v := v.(type) {
	case *epp.Login:
		return c.login(ctx, v)
	case *epp.Logout:
		if !c.loggedIn || !c.session {
			return nil, epp.Errorf(epp.CodeUse, "there is no session")
		}
		return response(epp.CodeEnding, nil), nil
	}
	if !c.loggedIn {
		return nil, epp.Errorf(epp.CodeUse, "there is no session; log in first") // RFC 5730, section 2
	}
	switch v := v.(type) {
	case *epp.CheckEnt:
		ent, err := c.handler.CheckEnt(ctx, c.caller, v)
		return told(&epp.EntChecked{EntID: ent}, false, err)
	case *epp.CreateEnt:
		ent, pending, err := c.handler.CreateEnt(ctx, c.caller, id, v)
		return told(&epp.EntCreated{EntID: ent}, pending, err)
	case *epp.UpdateEnt:
		pending, err := c.handler.UpdateEnt(ctx, c.caller, id, v)
		return told(nil, pending, err)
	case *epp.CheckPrefix:
		err := c.handler.CheckPrefix(ctx, c.caller, v)
		return told(&epp.PrefixChecked{Prefix: v.Prefix, Available: true}, false, err)
	case *epp.CreatePrefix:
		pending, err := c.handler.CreatePrefix(ctx, c.caller, id, v)
		return told(nil, pending, err)
	case *epp.UpdatePrefix:
		pending, err := c.handler.UpdatePrefix(ctx, c.caller, id, v)
		return told(nil, pending, err)
	case *epp.PollRequest:
		return c.poll(ctx)
	case *epp.PollAck:
		left, err := c.handler.Ack(ctx, c.caller, v.Message)
		r, err := told(nil, false, err)
		if err == nil {
			r.Queue = &epp.Queue{Count: left, ID: v.Message}
		}
		return r, err
	}
	return nil, epp.Errorf(epp.CodeNoCommand, "%s", v.Name())
}

// told is the response to a command that has succeeded, unless err says otherwise.
func told(data epp.Data, pending bool, err error) (*epp.Response, error) {
	switch {
	case err != nil:
		return nil, err
	case pending:
		return response(epp.CodePending, data), nil
	}
	return response(epp.CodeOK, data), nil
}

func response(code epp.Code, data epp.Data) *epp.Response {
	return &epp.Response{Results: []epp.Result{{Code: code}}, Data: data}
}

func (c *conversation) poll(ctx context.Context) (*epp.Response, error) {
	mail, count, err := c.handler.Poll(ctx, c.caller)
	if err != nil {
		return nil, err
	}
	if mail == nil {
		return response(epp.CodeNoMessages, nil), nil
	}
	r := response(epp.CodeMessage, mail.Data)
	r.Queue = &epp.Queue{Count: count, ID: mail.ID, Date: mail.Date, Text: mail.Text}
	return r, nil
}

// login begins a session (RFC 5730, section 2.9.1.1).
func (c *conversation) login(ctx context.Context, l *epp.Login) (*epp.Response, error) {
	switch {
	case !c.session:
		return nil, epp.Errorf(epp.CodeUse, "there are no sessions over HTTP: each request is signed")
	case c.loggedIn:
		return nil, epp.Errorf(epp.CodeUse, "there is a session already; log out first")
	case l.Version != epp.Version:
		return nil, &epp.Error{Code: epp.CodeVersion, Space: epp.NamespaceEPP, Element: "version", Value: l.Version, Reason: "expected is " + epp.Version}
	case !c.speaks(l.Language):
		return nil, &epp.Error{Code: epp.CodeNoOption, Space: epp.NamespaceEPP, Element: "lang", Value: l.Language, Reason: "expected is a language of the greeting"}
	case len(l.Extensions) > 0:
		return nil, &epp.Error{Code: epp.CodeNoExtension, Space: epp.NamespaceEPP, Element: "extURI", Value: l.Extensions[0], Reason: "there are no extensions"}
	}
	for _, object := range l.Objects {
		switch object {
		case epp.NamespaceEnt, epp.NamespacePrefix, epp.NamespacePrefixToo:
		default:
			return nil, &epp.Error{Code: epp.CodeNoObject, Space: epp.NamespaceEPP, Element: "objURI", Value: object, Reason: "expected are objects of the greeting"}
		}
	}
	if err := c.auth.Login(ctx, c.peer, l.Client, l.Password, l.NewPassword); err != nil {
		e, ok := errors.AsType[*epp.Error](err)
		if !ok {
			return nil, err
		}
		if c.failures++; c.failures >= c.o.MaxFailures {
			return nil, epp.Errorf(epp.CodeAuthClosing, "%d logins were refused", c.failures)
		}
		return nil, e
	}
	if !c.begin(l.Client) {
		return nil, epp.Errorf(epp.CodeSessionLimit, "%d sessions of the client are open", c.o.MaxSessions)
	}
	c.loggedIn, c.caller.Client = true, l.Client
	return response(epp.CodeOK, nil), nil
}
