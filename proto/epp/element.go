package epp

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
)

// element is an XML element as it was read, with names in full.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string // character data, of all its pieces; complete when the element ends
	children []*element

	pieces []byte // of text
}

// readDocument reads a message into elements. What it refuses is no XML 1.0 in UTF-8, has a document type declaration
// (RFC 5730 needs none, and entities could grow without bound), or goes beyond the limits.
func readDocument(src []byte) (*element, *Error) {
	if len(src) > MaxMessage {
		return nil, Errorf(CodeRange, "a message has at most %d octets", MaxMessage)
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	if err := checkMarkup(src); err != nil {
		return nil, err
	}
	d := xml.NewDecoder(bytes.NewReader(src))
	var root *element
	var open []*element
	for {
		start := d.InputOffset()
		token, err := d.Token()
		if err == io.EOF && root != nil {
			return root, nil // the decoder has seen to it that nothing is left open
		}
		if err != nil {
			return nil, &Error{Code: CodeSyntax, Reason: "no XML: " + reason(err)}
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) == 0 && root != nil {
				return nil, Errorf(CodeSyntax, "two root elements")
			}
			if len(open) >= maxDepth {
				return nil, Errorf(CodeSyntax, "elements stand more than %d deep", maxDepth)
			}
			e, refused := newElement(t)
			if refused != nil {
				return nil, refused
			}
			if len(open) == 0 {
				root = e
			} else {
				parent := open[len(open)-1]
				parent.children = append(parent.children, e)
			}
			open = append(open, e)
		case xml.EndElement:
			last := open[len(open)-1]
			last.text, last.pieces = string(last.pieces), nil
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				last := open[len(open)-1]
				last.pieces = append(last.pieces, t...)
			} else if len(bytes.Trim(t, space)) > 0 {
				return nil, Errorf(CodeSyntax, "text outside of the root element")
			}
		case xml.ProcInst:
			if t.Target != "xml" || start != 0 {
				return nil, Errorf(CodeSyntax, "a processing instruction")
			}
		case xml.Directive:
			return nil, errDeclaration()
		}
	}
}

func errDeclaration() *Error { return Errorf(CodeSyntax, "a document type declaration") }

// reason is what the XML decoder says, without the piece of the message that it may quote.
func reason(err error) string {
	text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "XML syntax error on "), "\n")
	if len(text) > 200 {
		text = text[:200]
	}
	return strings.ToValidUTF8(text, "?")
}

// newElement keeps what a start tag says. Declarations of namespaces are left out, and so is what belongs to XML Schema
// instances, such as xsi:schemaLocation.
func newElement(t xml.StartElement) (*element, *Error) {
	e := &element{name: canonical(t.Name)}
	if strings.Contains(t.Name.Local, ":") {
		return nil, Errorf(CodeSyntax, "a name with colons")
	}
	for i, a := range t.Attr {
		for _, b := range t.Attr[:i] {
			if a.Name == b.Name {
				return nil, Errorf(CodeSyntax, "an attribute twice")
			}
		}
		switch {
		case a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns":
		case a.Name.Space == namespaceXSI || a.Name.Space == namespaceXML:
		default:
			e.attrs = append(e.attrs, a)
		}
	}
	return e, nil
}

// checkMarkup passes over a message before it is parsed, and refuses document types and tags that would take much more
// memory than octets: a decoder keeps some hundred octets an attribute.
func checkMarkup(src []byte) *Error {
	for elements := 0; ; {
		i := bytes.IndexByte(src, '<')
		if i < 0 {
			return nil
		}
		src = src[i:]
		end := ""
		switch {
		case bytes.HasPrefix(src, []byte("<!--")):
			end = "-->"
		case bytes.HasPrefix(src, []byte("<![CDATA[")):
			end = "]]>"
		case bytes.HasPrefix(src, []byte("<?")):
			end = "?>"
		case bytes.HasPrefix(src, []byte("<!")):
			return errDeclaration()
		default:
			if elements++; elements > 2*maxElements {
				return Errorf(CodeSyntax, "more than %d elements", maxElements)
			}
			end = ">"
		}
		i = bytes.Index(src, []byte(end))
		if i < 0 {
			return Errorf(CodeSyntax, "no XML: a tag without end")
		}
		if tag := src[:i]; end == ">" {
			// A ">" within quotes is legal and nobody's habit; what follows it would be taken for text here.
			if len(tag) > maxTag || bytes.Count(tag, []byte(`"`))%2 != 0 || bytes.Count(tag, []byte(`'`))%2 != 0 {
				return Errorf(CodeSyntax, "a tag that is longer than %d octets or has uneven quotes", maxTag)
			}
		}
		src = src[i+len(end):]
	}
}

// space is the white space of XML 1.0, section 2.3.
const space = " \t\r\n"

// blank reports whether s is white space.
func blank(s string) bool { return strings.Trim(s, space) == "" }

// first is the first child, or nil.
func (e *element) first() *element {
	if len(e.children) == 0 {
		return nil
	}
	return e.children[0]
}

// child is the first child of that name in the namespace of EPP, or nil.
func (e *element) child(local string) *element {
	for _, c := range e.children {
		if c.name == (xml.Name{Space: NamespaceEPP, Local: local}) {
			return c
		}
	}
	return nil
}
