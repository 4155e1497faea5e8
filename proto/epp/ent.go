package epp

import "encoding/xml"

// CheckEnt asks whether an enterprise is known, by its certificate (draft, section 3.1.1). The answer is an [EntChecked].
type CheckEnt struct {
	User     string   // shrUserId: the secondary node's user at the top-level node
	CertType CertType // entCrtType
	CertCode string   // entCrtCode, at most 32 characters
}

// CertType is a kind of certificate of an enterprise.
type CertType int

// The kinds of certificates.
const (
	CertCredit CertType = 1 // unified social credit code
	CertOther  CertType = 3
)

// EntChecked has the number of an enterprise that is known.
type EntChecked struct{ EntID string }

// CreateEnt makes an enterprise known (draft, section 3.2.1). The answer is an [EntCreated], with CodePending while it is
// being reviewed.
type CreateEnt struct {
	SHRPrefix string // shrPrefix: prefix of the secondary node
	Ent       Enterprise
}

// EntCreated has the number that the top-level node gives to an enterprise.
type EntCreated struct{ EntID string }

// UpdateEnt changes an enterprise: all of it, which is reviewed, or lesser items of it (draft, section 3.2.5). Of All and
// Some one is set.
type UpdateEnt struct {
	SHRPrefix string // in the draft with All; one of the two at least is there
	User      string // in the draft with Some
	EntID     string
	All       *Enterprise // chgAll
	Some      *Changes    // chg
}

var (
	name64  = rule{max: 64}
	handles = rule{max: 255, valid: isPrefix, says: "a prefix"}
)

// Name implements Verb.
func (*CheckEnt) Name() string   { return "check ent" }
func (*CheckEnt) action() string { return "check" }
func (*CheckEnt) object() string { return NamespaceEnt }

func (c *CheckEnt) form(f *form) {
	f.text("shrUserId", &c.User, name64)
	kind := int(c.CertType)
	f.number("entCrtType", &kind, int(CertCredit), int(CertOther))
	if c.CertType = CertType(kind); kind == 2 {
		f.fail(CodeRange, "entCrtType", "2", "expected is 1 or 3")
	}
	f.text("entCrtCode", &c.CertCode, number)
}

// Name implements Verb.
func (*CreateEnt) Name() string   { return "create ent" }
func (*CreateEnt) action() string { return "create" }
func (*CreateEnt) object() string { return NamespaceEnt }

func (c *CreateEnt) form(f *form) {
	f.text("shrPrefix", &c.SHRPrefix, handles)
	c.Ent.form(f)
}

// Name implements Verb.
func (*UpdateEnt) Name() string   { return "update ent" }
func (*UpdateEnt) action() string { return "update" }
func (*UpdateEnt) object() string { return NamespaceEnt }

func (u *UpdateEnt) form(f *form) {
	who(f, &u.SHRPrefix, &u.User)
	f.text("entId", &u.EntID, name64)
	if oneChange(f, u.All != nil, u.Some != nil) {
		if f.in != nil {
			u.All = &Enterprise{}
		}
		f.object("chgAll", u.All.form)
	} else if f.err == nil {
		if f.in != nil {
			u.Some = &Changes{}
		}
		f.object("chg", u.Some.form)
		if *u.Some == (Changes{}) {
			f.fail(CodeMissing, "chg", "", "nothing changes")
		}
	}
}

// who are the two names of who updates, of which one is enough.
func who(f *form, prefix, user *string) {
	f.text("shrPrefix", prefix, optional(handles))
	f.text("shrUserId", user, optional(name64))
	if f.err == nil && *prefix == "" && *user == "" {
		f.fail(CodeMissing, "shrUserId", "", "the element is missing, and so is shrPrefix")
	}
}

// oneChange reports whether an update has chgAll, rather than chg. Neither and both are refused.
func oneChange(f *form, all, some bool) bool {
	all, some = f.has("chgAll", all), f.has("chg", some)
	switch {
	case all && some:
		f.fail(CodeSyntax, "chg", "", "chgAll and chg do not go together")
	case !all && !some:
		f.fail(CodeMissing, "chgAll", "", "the element is missing, and so is chg")
	}
	return all && f.err == nil
}

func (*EntChecked) name() xml.Name { return xml.Name{Space: NamespaceEnt, Local: "chkData"} }
func (d *EntChecked) form(f *form) { f.text("entId", &d.EntID, name64) }

func (*EntCreated) name() xml.Name { return xml.Name{Space: NamespaceEnt, Local: "creData"} }
func (d *EntCreated) form(f *form) { f.text("entId", &d.EntID, name64) }
