package epp

import "encoding/xml"

// State is how an object stands at the top-level node. The draft has 1 only; the others are this project's own, for
// what it cannot express.
type State int

// States of objects.
const (
	StateNormal    State = 1
	StateSuspended State = 2
	StateWithdrawn State = 3
)

// AuditResult is how an audit ended. The draft has 1 only.
type AuditResult int

// Results of audits.
const (
	AuditPassed AuditResult = 1
	AuditFailed AuditResult = 2
)

// PrefixAudit is the data of a message that tells how the audit of a prefix ended, or that its state has changed
// (draft, section 3.1.3).
type PrefixAudit struct {
	ClTRID string // of the command that led to the audit
	SvTRID string
	EntID  string
	Prefix string
	State  State       // 1 to 9
	Result AuditResult // 1 to 9; only 1 is a success
	Reason string      // auditResultMsg, at most 1024 characters; may be empty
}

// EntAudit is the same of an enterprise. The draft has messages of prefixes only, though it has the creation of enterprises
// pending too; the form is the one of PrefixAudit without the prefix.
type EntAudit struct {
	ClTRID string
	SvTRID string
	EntID  string
	State  State
	Result AuditResult
	Reason string
}

func (*PrefixAudit) name() xml.Name { return xml.Name{Space: NamespacePrefix, Local: "resData"} }

func (d *PrefixAudit) form(f *form) {
	auditIDs(f, &d.ClTRID, &d.SvTRID, &d.EntID)
	f.text("prefix", &d.Prefix, handles)
	auditEnd(f, &d.State, &d.Result, &d.Reason)
}

func (*EntAudit) name() xml.Name { return xml.Name{Space: NamespaceEnt, Local: "resData"} }

func (d *EntAudit) form(f *form) {
	auditIDs(f, &d.ClTRID, &d.SvTRID, &d.EntID)
	auditEnd(f, &d.State, &d.Result, &d.Reason)
}

func auditIDs(f *form, client, server, ent *string) {
	f.text("clTRID", client, rule{max: 64, optional: true, keep: true})
	f.text("svTRID", server, rule{max: 64, optional: true, keep: true})
	f.text("entId", ent, name64)
}

func auditEnd(f *form, state *State, result *AuditResult, reason *string) {
	s, r := int(*state), int(*result)
	f.number("state", &s, 1, 9)
	f.number("auditResult", &r, 1, 9)
	*state, *result = State(s), AuditResult(r)
	f.text("auditResultMsg", reason, story)
}
