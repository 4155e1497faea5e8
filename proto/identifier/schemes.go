package identifier

import (
	"fmt"
	"iter"
)

// Scheme is a coding scheme. Its number is part of stored keys and never changes.
type Scheme uint8

const (
	Handle Scheme = 1 // Handle System names, VAA (88.) and 86. among them: RFC 3650, 3651
	OID    Scheme = 2 // object identifiers: X.660, GB/T 26231
	Ecode  Scheme = 3 // entity codes: GB/T 31866
	GS1    Scheme = 4 // GS1 keys: GS1 General Specifications
	MA     Scheme = 5 // IDcode codes of the issuing agency MA: ISO/IEC 15459; recognised, not served
	DID    Scheme = 6 // did:cn, did:vaa, did:bid: W3C Decentralized Identifiers; recognised, not served
)

// Grammar is what a scheme must know of its identifiers. Implementations are stateless values in
// the table below; callers use the methods of [Scheme] and [ID].
type Grammar interface {
	// Name is the scheme's name on every surface: lower case, stable.
	Name() string
	// Parse reads any accepted spelling. The error is a *SyntaxError.
	Parse(text string) (ID, error)
	// Validate holds a parsed identifier to what may be registered. The error is a *SyntaxError.
	Validate(id ID) error
	// Detect says how surely text is written in this scheme, and by which of its marks: a constant
	// phrase, such as "a root arc, dots and digits". It is quick and allocates nothing; where it
	// does not say No, Parse may still find a slip.
	Detect(text string) (Likelihood, string)
	// Broader returns what stands above id on the ladder item, batch, product, the nearest first:
	// identifiers to try, one by one, when id itself has no record. Nil where there is no ladder.
	Broader(id ID) []ID
	// NextNamespace returns the canonical name of the longest namespace that could hold id, or,
	// after one, of the next longest; "" if there is none.
	NextNamespace(id ID, after string) string
	// ParseNamespace reads a namespace and returns its canonical name. The error is a *SyntaxError.
	ParseNamespace(text string) (string, error)
	// Contains reports whether the namespace inner is outer or lies under it.
	Contains(outer, inner string) bool
}

// grammars is the table of schemes: a new one is its file and its line here.
var grammars = [schemeCount]Grammar{
	Handle: handleGrammar{},
	OID:    oidGrammar{},
	Ecode:  ecodeGrammar{},
	GS1:    gs1Grammar{},
	MA:     maGrammar{},
	DID:    didGrammar{},
}

// schemeCount is the length of arrays that are indexed by Scheme.
const schemeCount = int(DID) + 1

// Schemes lists the schemes in the order of their numbers, those that are not served included.
func Schemes() []Scheme { return []Scheme{Handle, OID, Ecode, GS1, MA, DID} }

// ParseScheme returns the scheme of that name.
func ParseScheme(name string) (Scheme, error) {
	if s := schemeNamed(name); s != 0 {
		return s, nil
	}
	return 0, fmt.Errorf("unknown scheme %q", name)
}

// schemeNamed returns the scheme of that name, or 0.
func schemeNamed(name string) Scheme {
	for s := Handle; s.valid(); s++ {
		if grammars[s].Name() == name {
			return s
		}
	}
	return 0
}

// Served reports whether identifiers of s can be registered: those of MA and DID are recognised and
// named only.
func (s Scheme) Served() bool { return s.valid() && s != MA && s != DID }

func (s Scheme) valid() bool { return s >= Handle && int(s) < len(grammars) }

// String is the scheme's name, or "unknown".
func (s Scheme) String() string {
	if !s.valid() {
		return "unknown"
	}
	return grammars[s].Name()
}

// Parse reads text as an identifier of s, in any spelling s accepts.
func (s Scheme) Parse(text string) (ID, error) {
	if !s.valid() {
		return ID{}, &SyntaxError{Text: text, Reason: "unknown scheme"}
	}
	if len(text) > MaxLength {
		return ID{}, syntaxError(s, text, tooLong)
	}
	return grammars[s].Parse(text)
}

// ParseNamespace reads text as a namespace of s and returns its canonical name.
func (s Scheme) ParseNamespace(text string) (string, error) {
	if !s.valid() {
		return "", &SyntaxError{Text: text, Reason: "unknown scheme"}
	}
	return grammars[s].ParseNamespace(text)
}

// Contains reports whether the namespace inner is outer or lies under it. Both are canonical.
func (s Scheme) Contains(outer, inner string) bool {
	return s.valid() && grammars[s].Contains(outer, inner)
}

// Validate holds id to its scheme's rules for registration, which are narrower than those for
// lookups. The error is a *[SyntaxError].
func (id ID) Validate() error {
	if !id.scheme.valid() {
		return &SyntaxError{Text: id.text, Reason: "unknown scheme"}
	}
	return grammars[id.scheme].Validate(id)
}

// Namespaces yields the canonical names of the namespaces that could hold id, longest first. It is
// small enough to be inlined, so that ranging over it allocates nothing.
func (id ID) Namespaces() iter.Seq[string] {
	return func(yield func(string) bool) {
		for ns := id.nextNamespace(""); ns != "" && yield(ns); {
			ns = id.nextNamespace(ns)
		}
	}
}

// Broader returns what stands above id on the ladder item, batch, product, the nearest first: for a
// GS1 serial its lot and its GTIN, for an OID its ancestors. Nil where there is no ladder.
func (id ID) Broader() []ID {
	if !id.scheme.valid() {
		return nil
	}
	return grammars[id.scheme].Broader(id)
}

func (id ID) nextNamespace(after string) string {
	if !id.scheme.valid() {
		return ""
	}
	return grammars[id.scheme].NextNamespace(id, after)
}

// Likelihood says how surely a text is written in a scheme.
type Likelihood uint8

const (
	No       Likelihood = iota // it cannot be
	Possible                   // the characters fit
	Likely                     // the structure fits and little else does
	Certain                    // a mark that only this scheme has
)

// MarshalText encodes the scheme by name.
func (s Scheme) MarshalText() ([]byte, error) {
	if !s.valid() {
		return nil, fmt.Errorf("unknown scheme number %d", uint8(s))
	}
	return []byte(s.String()), nil
}

// UnmarshalText decodes the scheme's name.
func (s *Scheme) UnmarshalText(text []byte) error {
	v, err := ParseScheme(string(text))
	if err == nil {
		*s = v
	}
	return err
}
