package epp

import (
	"encoding/xml"
	"net/netip"
	"strings"
)

// CheckPrefix asks whether an enterprise prefix is free (draft, section 3.1.1). The draft does not say how the answer does:
// its text has data in it, its example none. Here it is CodeOK with a [PrefixChecked] for a prefix that is free,
// CodeExists for one that is not; a client also believes a PrefixChecked that says no.
type CheckPrefix struct {
	SHRPrefix string // shrPrefix: prefix of the secondary node
	Prefix    string // prefix of the enterprise, in full: 88.1000.1
}

// PrefixChecked says whether a prefix is free, in the form that other mappings have (RFC 5731, section 3.1.1).
type PrefixChecked struct {
	Prefix    string
	Available bool
	Reason    string // for people, why it is not; may be empty
}

// CreatePrefix applies for a prefix (draft, section 3.2.1). The answer is CodePending; an audit ends in a message, a
// [PrefixAudit].
type CreatePrefix struct {
	SHRPrefix string
	EntID     string // of the enterprise, from EntCreated
	Prefix    string
}

// UpdatePrefix changes where a prefix is resolved. That there is such a command is known, its items are not
// (spec/toplevel.md, section 7.5); these are the ones of table T7 of the data dictionary, and the names are ours.
// Of All and Some one is set.
type UpdatePrefix struct {
	SHRPrefix string // one of the two at least is there
	User      string
	EntID     string
	Prefix    string
	All       *Route // chgAll
	Some      *Route // chg: what is empty in it stays as it is
}

// Route is where a prefix is resolved (table T7).
type Route struct {
	IP   netip.Addr // ipType (4 or 6) and ip
	TCP  int        // ports, 1 to 65535, or 0
	UDP  int
	HTTP int
}

// Name implements Verb.
func (*CheckPrefix) Name() string   { return "check prefix" }
func (*CheckPrefix) action() string { return "check" }
func (*CheckPrefix) object() string { return NamespacePrefix }

func (c *CheckPrefix) form(f *form) {
	f.text("shrPrefix", &c.SHRPrefix, handles)
	f.text("prefix", &c.Prefix, handles)
}

// Name implements Verb.
func (*CreatePrefix) Name() string   { return "create prefix" }
func (*CreatePrefix) action() string { return "create" }
func (*CreatePrefix) object() string { return NamespacePrefix }

func (c *CreatePrefix) form(f *form) {
	f.text("shrPrefix", &c.SHRPrefix, handles)
	f.text("entId", &c.EntID, name64)
	f.text("prefix", &c.Prefix, handles)
}

// Name implements Verb.
func (*UpdatePrefix) Name() string   { return "update prefix" }
func (*UpdatePrefix) action() string { return "update" }
func (*UpdatePrefix) object() string { return NamespacePrefix }

func (u *UpdatePrefix) form(f *form) {
	who(f, &u.SHRPrefix, &u.User)
	f.text("entId", &u.EntID, name64)
	f.text("prefix", &u.Prefix, handles)
	if oneChange(f, u.All != nil, u.Some != nil) {
		if f.in != nil {
			u.All = &Route{}
		}
		f.object("chgAll", u.All.form)
		if f.err == nil && (!u.All.IP.IsValid() || u.All.TCP+u.All.UDP+u.All.HTTP == 0) {
			f.fail(CodeMissing, "ip", "", "an address and a port at least are expected")
		}
	} else if f.err == nil {
		if f.in != nil {
			u.Some = &Route{}
		}
		f.object("chg", u.Some.form)
		if *u.Some == (Route{}) {
			f.fail(CodeMissing, "chg", "", "nothing changes")
		}
	}
}

func (r *Route) form(f *form) {
	kind, ip := 0, ""
	if f.in == nil && r.IP.IsValid() {
		ip = r.IP.Unmap().String()
		if kind = 6; r.IP.Unmap().Is4() {
			kind = 4
		}
	}
	f.numberOr("ipType", &kind, 4, 6)
	f.text("ip", &ip, rule{max: 64, optional: true, valid: func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Zone() == "" && !a.Is4In6()
	}, says: "an address"})
	if f.err == nil && ip != "" {
		r.IP, _ = netip.ParseAddr(ip)
	}
	want := 0
	if r.IP.IsValid() {
		want = 6
		if r.IP.Unmap().Is4() {
			want = 4
		}
	}
	if kind != want {
		f.fail(CodeRange, "ipType", "", "the address is of another kind")
	}
	f.numberOr("tcp", &r.TCP, 1, 65535)
	f.numberOr("udp", &r.UDP, 1, 65535)
	f.numberOr("http", &r.HTTP, 1, 65535)
}

func (*PrefixChecked) name() xml.Name { return xml.Name{Space: NamespacePrefix, Local: "chkData"} }

func (d *PrefixChecked) form(f *form) {
	f.object("cd", func(f *form) {
		available := "0"
		if d.Available {
			available = "1"
		}
		f.text("prefix", &d.Prefix, handles, attr{"avail", &available,
			rule{among: func(s string) bool { return s == "0" || s == "1" || s == "true" || s == "false" }, says: "0 or 1"}})
		d.Available = available == "1" || available == "true"
		f.text("reason", &d.Reason, rule{max: 1024, optional: true}, attr{"lang", new(string), rule{max: language.max, optional: true}})
	})
}

// isPrefix reports whether s can be a prefix: visible characters of which none parts it from a suffix.
func isPrefix(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '/' })
}
