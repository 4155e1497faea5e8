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
	// Detect says how surely text is written in this scheme.
	Detect(text string) Likelihood
	// NextNamespace returns the canonical name of the longest namespace that could hold id, or,
	// after one, of the next longest; "" if there is none.
	NextNamespace(id ID, after string) string
	// ParseNamespace reads a namespace and returns its canonical name. The error is a *SyntaxError.
	ParseNamespace(text string) (string, error)
	// Contains reports whether the namespace inner is outer or lies under it.
	Contains(outer, inner string) bool
}

// grammars is the table of schemes: a new one is its file and its line here.
var grammars = [...]Grammar{
	Handle: handleGrammar{},
	OID:    oidGrammar{},
	Ecode:  ecodeGrammar{},
	GS1:    gs1Grammar{},
}

// Schemes lists the schemes in the order of their numbers.
func Schemes() []Scheme { return []Scheme{Handle, OID, Ecode, GS1} }

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

// Detect names the scheme in which text is written: the likeliest, and of equals the first in
// [Schemes]. It returns 0 and a reason if no scheme could have it. Where the written forms of two
// schemes meet, the first is taken and the other needs its name in front ("ecode:10036129"):
//
//	1.2.156             OID, not a Handle prefix: a first arc of 0, 1 or 2 and no "/"
//	88.1021.150         Handle prefix: any other digits and dots without "/"
//	1.2.156/x           Handle: digits and dots before the first "/"
//	10036129            GS1: the length and check digit of a GTIN; with another last digit Ecode
//	106952012345678908  Ecode before SSCC; SSCC where the first digit is no version of Ecode
//	400001/x            Handle before Ecode
//	/2/999, /01/0690…   OID for a root arc or label, GS1 for a primary key: these never meet
func Detect(text string) (Scheme, string) {
	if text == "" {
		return 0, "empty"
	}
	var best Scheme
	var sure Likelihood
	for s := Handle; s.valid(); s++ {
		if l := grammars[s].Detect(text); l > sure {
			best, sure = s, l
		}
	}
	if best == 0 {
		return 0, "no scheme has identifiers of this form"
	}
	return best, ""
}

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
