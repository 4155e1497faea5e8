package epp

import (
	"encoding/xml"
	"reflect"
	"slices"
)

// Command is what a client asks for (RFC 5730, section 2.5).
type Command struct {
	Verb   Verb
	ClTRID string // the client's name for it, 3 to 64 characters; a client may leave it out
}

// Verb is what a command does: a *[Login], *[Logout], *[PollRequest], *[PollAck], *[CheckEnt], *[CreateEnt], *[UpdateEnt],
// *[CheckPrefix], *[CreatePrefix] or *[UpdatePrefix].
type Verb interface {
	// Name is the verb in words, such as "check ent", for logs and figures.
	Name() string

	action() string // the element in <command>
	object() string // the namespace of the object in it, or ""
	form(*form)
}

// verbs has one of each.
var verbs = []Verb{&Login{}, &Logout{}, &PollRequest{}, &PollAck{}, &CheckEnt{}, &CreateEnt{}, &UpdateEnt{}, &CheckPrefix{}, &CreatePrefix{}, &UpdatePrefix{}}

// actions are all that RFC 5730 has. Those that no verb has are not implemented: the mappings define none of them.
var actions = []string{"check", "create", "delete", "info", "login", "logout", "poll", "renew", "transfer", "update"}

func (*Command) body() string { return "command" }

func (c *Command) form(f *form) {
	if f.in != nil && c.begin(f) != nil {
		return
	}
	if c.Verb == nil {
		f.fail(CodeMissing, "", "", "the command is empty")
		return
	}
	switch v := c.Verb.(type) {
	case *PollRequest, *PollAck:
		c.poll(f)
	default:
		if ns := v.object(); ns != "" {
			f.object(v.action(), func(f *form) { f.objectIn(ns, v.action(), v.form) })
		} else {
			f.object(v.action(), v.form)
		}
	}
	if f.has("extension", false) {
		f.fail(CodeNoExtension, "extension", "", "there are no command extensions here")
		return
	}
	f.text("clTRID", &c.ClTRID, rule{min: 3, max: 64, optional: true})
}

// begin finds out which verb a command has.
func (c *Command) begin(f *form) *Error {
	e := f.in.first()
	refuse := func(code Code, e *element, why string) *Error {
		if f.err == nil {
			f.err = &Error{Code: code, Space: e.name.Space, Element: e.name.Local, Reason: why}
		}
		return f.err
	}
	if e == nil {
		return refuse(CodeMissing, f.in, "the command is empty")
	}
	action := e.name.Local
	if e.name.Space != NamespaceEPP || !slices.Contains(actions, action) {
		return refuse(CodeUnknownCommand, e, "no command has that name")
	}
	for _, v := range verbs {
		if v.action() != action {
			continue
		}
		o := e.first()
		if v.object() != "" && (o == nil || o.name.Space != v.object()) {
			continue
		}
		if v.object() != "" && o.name != (xml.Name{Space: v.object(), Local: action}) {
			return refuse(CodeSyntax, o, "the object has another command within")
		}
		c.Verb = reflect.New(reflect.TypeOf(v).Elem()).Interface().(Verb)
		return nil
	}
	switch o := e.first(); {
	case action == "check" || action == "create" || action == "update":
		if o == nil {
			return refuse(CodeMissing, e, "the command has no object")
		}
		return refuse(CodeNoObject, o, "expected is an object of idis-ent or idis-entprefix")
	default:
		return refuse(CodeNoCommand, e, "the mappings of enterprises and prefixes do not define it")
	}
}

// poll has its parameters in attributes (RFC 5730, section 2.9.2.3).
func (c *Command) poll(f *form) {
	op, id := "req", ""
	if a, ok := c.Verb.(*PollAck); ok {
		op, id = "ack", a.Message
	}
	f.object("poll", func(*form) {},
		attr{"op", &op, rule{among: func(s string) bool { return s == "req" || s == "ack" }, says: "req or ack"}},
		attr{"msgID", &id, rule{max: 64, optional: true}})
	switch {
	case f.err != nil:
	case op == "ack" && id == "":
		f.fail(CodeMissing, "poll", "", "the attribute msgID says which message is meant")
	case op == "ack":
		c.Verb = &PollAck{Message: id}
	default:
		c.Verb = &PollRequest{}
	}
}

// Login begins a session (RFC 5730, section 2.9.1.1).
type Login struct {
	Client      string // clID, 3 to 16 characters
	Password    string // pw, 6 to 16 characters
	NewPassword string // newPW, to change it; may be empty
	Version     string // of the protocol, as the greeting has it
	Language    string // of response texts
	Objects     []string
	Extensions  []string
}

// Name implements Verb.
func (*Login) Name() string   { return "login" }
func (*Login) action() string { return "login" }
func (*Login) object() string { return "" }

func (l *Login) form(f *form) {
	password := rule{min: 6, max: 16}
	f.text("clID", &l.Client, rule{min: 3, max: 16})
	f.text("pw", &l.Password, password)
	password.optional = true
	f.text("newPW", &l.NewPassword, password)
	f.object("options", func(f *form) {
		f.text("version", &l.Version, version)
		f.text("lang", &l.Language, language)
	})
	f.object("svcs", func(f *form) { services(f, &l.Objects, &l.Extensions) })
	if f.err != nil && (f.err.Element == "pw" || f.err.Element == "newPW") {
		f.err.Value = "" // it would stand in a response and in logs
	}
}

// Logout ends a session (RFC 5730, section 2.9.1.2).
type Logout struct{}

// Name implements Verb.
func (*Logout) Name() string   { return "logout" }
func (*Logout) action() string { return "logout" }
func (*Logout) object() string { return "" }
func (*Logout) form(*form)     {}

// PollRequest asks for the first message of the client's queue (RFC 5730, section 2.9.2.3).
type PollRequest struct{}

// Name implements Verb.
func (*PollRequest) Name() string   { return "poll" }
func (*PollRequest) action() string { return "poll" }
func (*PollRequest) object() string { return "" }
func (*PollRequest) form(*form)     {}

// PollAck takes a message out of the queue.
type PollAck struct {
	Message string // its id, from the queue of the answer to a PollRequest
}

// Name implements Verb.
func (*PollAck) Name() string   { return "ack" }
func (*PollAck) action() string { return "poll" }
func (*PollAck) object() string { return "" }
func (*PollAck) form(*form)     {}
