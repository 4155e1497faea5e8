package handle

import (
	"encoding/xml"
	"strings"
)

// Namespace is the data of an HS_NAMESPACE value: XML that says how handles under a prefix are kept,
// or, in a handle of its own, how handles derived from that one are computed (section 9 of
// spec/handle-protocol.md names it; the elements are those that the Handle.Net library reads).
type Namespace struct {
	Status    string   // "active" unless something else is said
	Message   string   // for people, if the status is another
	Contact   string   // address of who is responsible
	Locations []string // handles whose 10320/loc values count for all handles under the prefix

	// OwnLocations says that the locations of namespaces further up do not count.
	OwnLocations bool

	// Parent is the namespace around this one: that of the prefix for one found in a handle, that of
	// the prefix above for one of a derived prefix. Parsing leaves it nil.
	Parent *Namespace

	templates []*element
}

// StatusActive is the status of a namespace whose handles resolve.
const StatusActive = "active"

// Bounds of a namespace's XML.
const (
	maxNamespace      = 64 << 10 // octets
	maxNamespaceDepth = 32
)

// ParseNamespace reads the data of an HS_NAMESPACE value.
func ParseNamespace(data []byte) (*Namespace, error) {
	root, err := parseElement(data)
	if err != nil {
		return nil, err
	}
	n := &Namespace{Status: StatusActive}
	for _, e := range root.children {
		switch e.name {
		case "status":
			n.Status = strings.TrimSpace(e.text)
		case "statusmsg":
			n.Message = strings.TrimSpace(e.text)
		case "contact":
			n.Contact = strings.TrimSpace(e.text)
		case "locs":
			n.Locations = append(n.Locations, strings.TrimSpace(e.text))
			n.OwnLocations = n.OwnLocations || isYes(e.attr("no_nslocs", ""))
		case "template":
			n.templates = append(n.templates, e)
		}
	}
	return n, nil
}

// AllLocations is the locations of n and of the namespaces around it, as far as those count.
func (n *Namespace) AllLocations() (handles []string) {
	for ; n != nil; n = n.Parent {
		handles = append(handles, n.Locations...)
		if n.OwnLocations {
			break
		}
	}
	return handles
}

// Delimiter is what separates the extension of a templated handle from its base, of the nearest
// namespace that has a template; "" if handles are not templated.
func (n *Namespace) Delimiter() string {
	for ; n != nil; n = n.Parent {
		if len(n.templates) > 0 {
			return n.templates[0].attr("delimiter", "")
		}
	}
	return ""
}

// Split divides a templated handle at the first delimiter behind its prefix: "88.1/a-1" is base
// "88.1/a" with extension "1" if the delimiter is "-".
func (n *Namespace) Split(handle string) (base, extension string, ok bool) {
	delimiter := n.Delimiter()
	slash := strings.IndexByte(handle, '/')
	if delimiter == "" || slash < 0 {
		return "", "", false
	}
	base, extension, ok = strings.Cut(handle[slash:], delimiter)
	if !ok {
		return "", "", false
	}
	return handle[:slash] + base, extension, true
}

// isYes reads a boolean attribute.
func isYes(s string) bool {
	return s == "1" || strings.EqualFold(s, "true") || strings.EqualFold(s, "yes")
}

// element is one element of XML, with what is in it.
type element struct {
	name     string
	attrs    []xml.Attr
	text     string // its character data
	inner    string // all that is in it, as written
	children []*element
}

// attr is an attribute, or otherwise what it counts as.
func (e *element) attr(name, otherwise string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return otherwise
}

// has reports whether the attribute is there.
func (e *element) has(name string) bool {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return true
		}
	}
	return false
}

// parseElement reads the first element of data. Package xml expands no entities of the document's
// own, so that the tree is no larger than its text.
func parseElement(data []byte) (*element, error) {
	if len(data) > maxNamespace {
		return nil, ErrBody
	}
	source := string(data)
	d := xml.NewDecoder(strings.NewReader(source))
	type opened struct {
		*element
		from int64 // offset of what is in it
	}
	var stack []opened
	for {
		before := d.InputOffset()
		token, err := d.Token()
		if err != nil {
			return nil, ErrBody
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(stack) == maxNamespaceDepth {
				return nil, ErrBody
			}
			e := &element{name: t.Name.Local, attrs: t.Copy().Attr}
			if len(stack) > 0 {
				up := stack[len(stack)-1]
				up.children = append(up.children, e)
			}
			stack = append(stack, opened{e, d.InputOffset()})
		case xml.EndElement:
			e := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if before > e.from { // not <e/>
				e.inner = source[e.from:before]
			}
			if len(stack) == 0 {
				return e.element, nil
			}
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text += string(t)
			}
		}
	}
}
