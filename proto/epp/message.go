package epp

import "encoding/xml"

// Message is a *Hello, *Greeting, *Command or *Response (RFC 5730, section 2.1). A protocol extension, the fifth kind, is
// refused.
type Message interface {
	body() string // the name of the element in <epp>
	form(*form)
}

// Hello asks for a greeting (RFC 5730, section 2.3).
type Hello struct{}

func (*Hello) body() string { return "hello" }
func (*Hello) form(*form)   {}

// Parse reads a message. The error is an *[Error]: CodeSyntax for what is no XML or not of the schema, CodeMissing,
// CodeRange and CodeValue for single parameters, CodeUnknownCommand, CodeNoCommand, CodeNoObject and CodeNoExtension
// for what RFC 5730 or the mappings have no place for. What Parse returns does not hold on to src.
func Parse(src []byte) (Message, error) {
	root, refused := readDocument(src)
	if refused != nil {
		return nil, refused
	}
	if root.name != (xml.Name{Space: NamespaceEPP, Local: "epp"}) || len(root.attrs) > 0 {
		return nil, &Error{Code: CodeSyntax, Space: root.name.Space, Element: root.name.Local, Reason: "expected is <epp> of " + NamespaceEPP}
	}
	var m Message
	body := root.first()
	if body == nil {
		return nil, Errorf(CodeSyntax, "the message is empty")
	}
	switch body.name {
	case xml.Name{Space: NamespaceEPP, Local: "hello"}:
		m = &Hello{}
	case xml.Name{Space: NamespaceEPP, Local: "greeting"}:
		m = &Greeting{}
	case xml.Name{Space: NamespaceEPP, Local: "command"}:
		m = &Command{}
	case xml.Name{Space: NamespaceEPP, Local: "response"}:
		m = &Response{}
	case xml.Name{Space: NamespaceEPP, Local: "extension"}:
		return nil, &Error{Code: CodeNoExtension, Space: NamespaceEPP, Element: "extension", Reason: "there are no protocol extensions here"}
	default:
		return nil, &Error{Code: CodeSyntax, Space: body.name.Space, Element: body.name.Local, Reason: "no kind of message has that name"}
	}
	f := reading(root, NamespaceEPP)
	f.object(m.body(), m.form)
	f.done()
	if f.err != nil {
		f.err.ClTRID = clientID(body)
		return nil, f.err
	}
	return m, nil
}

// clientID is the transaction id of a command that is refused, so that the refusal can have it (RFC 5730, section 2.6).
func clientID(command *element) string {
	e := command.child("clTRID")
	if e == nil {
		return ""
	}
	f := reading(command, NamespaceEPP)
	f.ordered = false
	var id string
	if f.text("clTRID", &id, transactionID); f.err != nil {
		return ""
	}
	return id
}

// Append appends m in wire form to dst. White space around texts is left out. The error is an *[Error], as it would be
// for whoever reads the message; dst is then returned as it was.
func Append(dst []byte, m Message) ([]byte, error) {
	w := &writer{buf: append(dst, header...)}
	w.start("", NamespaceEPP, "epp")
	f := writing(w, NamespaceEPP)
	f.object(m.body(), m.form)
	w.end(NamespaceEPP, "epp")
	if f.err == nil && len(w.buf)-len(dst) > MaxMessage {
		f.fail(CodeRange, "", "", "a message has at most %d octets", MaxMessage)
	}
	if f.err != nil {
		return dst, f.err
	}
	return w.buf, nil
}

// transactionID is trIDStringType (RFC 5730, section 4).
var transactionID = rule{min: 3, max: 64}
