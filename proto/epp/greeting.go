package epp

import (
	"slices"
	"time"
)

// Greeting is what a server says of itself when a session begins, and after a hello (RFC 5730, section 2.4).
type Greeting struct {
	Server     string    // svID: its name, 3 to 64 characters
	Date       time.Time // svDate: its clock
	Versions   []string  // of the protocol
	Languages  []string  // of response texts (RFC 5646)
	Objects    []string  // objURI: namespaces of objects
	Extensions []string  // extURI: namespaces of command extensions, often none
	Policy     Policy    // dcp
}

// Policy is a data collection policy (RFC 5730, section 2.4). When it ends is not kept.
type Policy struct {
	Access     string // all, none, null, other, personal or personalAndOther
	Statements []Statement
}

// Statement says what data is collected for.
type Statement struct {
	Purposes   []string // admin, contact, other, prov; each once
	Recipients []string // other, ours, public, same, unrelated; each once
	Retention  string   // business, indefinite, legal, none or stated
}

// Version is the version of the protocol that is spoken here.
const Version = "1.0"

var (
	version  = rule{max: 16}
	language = rule{max: 35} // RFC 5646, section 4.4.1
	uri      = rule{}

	accesses   = []string{"all", "none", "null", "other", "personal", "personalAndOther"}
	purposes   = []string{"admin", "contact", "other", "prov"}
	recipients = []string{"other", "ours", "public", "same", "unrelated"}
	retentions = []string{"business", "indefinite", "legal", "none", "stated"}
)

func (*Greeting) body() string { return "greeting" }

func (g *Greeting) form(f *form) {
	f.text("svID", &g.Server, rule{min: 3, max: 64})
	f.date("svDate", &g.Date)
	f.object("svcMenu", func(f *form) {
		f.texts("version", &g.Versions, version)
		f.texts("lang", &g.Languages, language)
		services(f, &g.Objects, &g.Extensions)
	})
	f.object("dcp", g.Policy.form)
}

// services are the objects and extensions of a greeting or a login.
func services(f *form, objects, extensions *[]string) {
	f.texts("objURI", objects, uri)
	if f.has("svcExtension", len(*extensions) > 0) {
		f.object("svcExtension", func(f *form) { f.texts("extURI", extensions, uri) })
	} else {
		*extensions = nil
	}
}

func (p *Policy) form(f *form) {
	f.object("access", func(f *form) { choice(f, &p.Access, accesses) })
	if f.in == nil {
		if len(p.Statements) == 0 {
			f.fail(CodeMissing, "statement", "", "the element is missing")
		}
		for i := range p.Statements {
			f.object("statement", p.Statements[i].form)
		}
		return
	}
	p.Statements = nil
	for f.err == nil && (len(p.Statements) == 0 || f.has("statement", false)) {
		if len(p.Statements) == maxList {
			f.fail(CodeRange, "statement", "", "more than %d of these", maxList)
			return
		}
		var s Statement
		f.object("statement", s.form)
		p.Statements = append(p.Statements, s)
	}
	if f.take("expiry") != nil {
		return // its own end changes nothing for who reads
	}
}

func (s *Statement) form(f *form) {
	f.object("purpose", func(f *form) { choices(f, &s.Purposes, purposes) })
	f.object("recipient", func(f *form) { choices(f, &s.Recipients, recipients) })
	f.object("retention", func(f *form) { choice(f, &s.Retention, retentions) })
}

// choice is one empty element of a list.
func choice(f *form, v *string, among []string) {
	one := []string{*v}
	if *v == "" {
		one = nil
	}
	choices(f, &one, among)
	if f.err != nil {
		return
	}
	if len(one) != 1 {
		f.fail(CodeSyntax, "", "", "one element is expected")
		return
	}
	*v = one[0]
}

// choices are empty elements of a list, each at most once. What "ours" describes is not kept.
func choices(f *form, v *[]string, among []string) {
	if f.in == nil {
		for i, name := range *v {
			if !slices.Contains(among, name) || slices.Contains((*v)[:i], name) {
				f.fail(CodeSyntax, "", name, "expected are some of %v, each once", among)
				return
			}
			f.out.element(f.space, name, "")
		}
		return
	}
	*v = nil
	for _, c := range f.in.children {
		name := c.name.Local
		if !slices.Contains(among, name) || slices.Contains(*v, name) || f.take(name) == nil {
			return // done finds it
		}
		*v = append(*v, name)
	}
}
