package registry

import (
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// ParseID reads an identifier that is to be written, or read as the registry has it: field says
// where it stands. A zero scheme is detected. A text that is an identifier of several schemes is one
// of that in which the node has a namespace for it, and of the likeliest if there is none. Nothing
// that a scanner adds is taken off. Refusals: CodeInvalidIdentifier, and CodeAmbiguousIdentifier if
// the node has namespaces for it in several schemes.
func (r *Registrar) ParseID(scheme identifier.Scheme, text, field string) (identifier.ID, error) {
	id, refusal := r.parseID(scheme, text, field)
	if refusal != nil {
		return id, refusal
	}
	return id, nil
}

// parseID is ParseID: the first check of a write, syntax.
func (r *Registrar) parseID(scheme identifier.Scheme, text, field string) (identifier.ID, *Error) {
	if text == "" {
		return identifier.ID{}, refuse(CodeInvalidIdentifier, field, "an identifier is required")
	}
	var id identifier.ID
	var err error
	sole := true
	if scheme != 0 {
		id, err = scheme.Parse(text)
	} else {
		id, sole, err = identifier.Read(text)
	}
	if err != nil {
		return id, refuse(CodeInvalidIdentifier, field, "%s", err)
	}
	if !sole {
		return r.chooseScheme(id, text, field)
	}
	return id, nil
}

// chooseScheme returns the reading of text that a namespace of ours holds, or first if there is none.
func (r *Registrar) chooseScheme(first identifier.ID, text, field string) (identifier.ID, *Error) {
	var held []identifier.ID
	for _, c := range identifier.Detect(text) {
		if c.Err != nil {
			continue
		}
		// Detect has read what a scan holds; this one is of the text as it stands.
		if id, err := c.Scheme.Parse(text); err == nil && r.holds(id) {
			held = append(held, id)
		}
	}
	switch len(held) {
	case 0:
		return first, nil
	case 1:
		return held[0], nil
	}
	names := make(readings, len(held))
	for i, id := range held {
		names[i] = id.Qualified()
	}
	return identifier.ID{}, refuse(CodeAmbiguousIdentifier, field, "this node has namespaces for %s: name the scheme", names)
}

// readings are the identifiers that a text may be, qualified.
type readings []string

func (r readings) String() string { return r.In(English) }

// In is the list in a language.
func (r readings) In(l Language) string {
	if l == Chinese {
		return strings.Join(r, " 和 ")
	}
	return strings.Join(r, " and for ")
}

// holds reports whether id lies in a namespace that is allocated, or under one of the node's own.
func (r *Registrar) holds(id identifier.ID) bool {
	if r.namespaces.Find(id) != nil {
		return true
	}
	for name := range id.Namespaces() {
		return r.ownsPrefix(identifier.Key{Scheme: id.Scheme(), Name: name})
	}
	return false
}
