package registry

import (
	"net/netip"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/identifier"
)

// Self is the id of the node's own enterprise, which always exists.
const Self = "self"

// Role is what an actor may do.
type Role string

const (
	RoleOperator Role = "operator" // runs the node: everything
	RoleReviewer Role = "reviewer" // enters enterprises for review and decides on them; reads
	RoleAuditor  Role = "auditor"  // reads everything, writes nothing
	RoleAdmin    Role = "admin"    // an enterprise's: writes its identifiers, sees its keys and prefixes
	RoleWriter   Role = "writer"   // an enterprise's: writes its identifiers
	RoleReader   Role = "reader"   // an enterprise's: reads its identifiers, private values included
)

// Valid reports whether r is one of the roles above.
func (r Role) Valid() bool {
	switch r {
	case RoleOperator, RoleReviewer, RoleAuditor, RoleAdmin, RoleWriter, RoleReader:
		return true
	}
	return false
}

// strength is the order of roles, the strongest first.
var strength = []Role{RoleOperator, RoleReviewer, RoleAuditor, RoleAdmin, RoleWriter, RoleReader}

// ofNode reports whether r is held by the people of the node rather than of an enterprise.
func (r Role) ofNode() bool {
	return r == RoleOperator || r == RoleReviewer || r == RoleAuditor
}

// Actor is who asks. The zero Actor may do nothing and read what is public.
type Actor struct {
	Enterprise string
	KeyID      string           // the API key, "" if an account calls
	Account    string           // the folded name of the account, "" if an API key calls
	Role       Role             // the strongest role
	Roles      []Role           // all roles, Role among them; empty: Role alone
	Prefixes   []identifier.Key // the namespaces that the credential is limited to; empty: all of the enterprise's
	Scopes     []Scope          // what of its roles the credential is limited to; empty: all
	Addr       netip.Addr       // where the request came from

	Token        string    // the id of the node's token that a calls with, "" if it is no token
	TokenExpires time.Time // its end
}

// Has reports whether a holds one of the roles.
func (a Actor) Has(roles ...Role) bool {
	if slices.Contains(roles, a.Role) {
		return true
	}
	return slices.ContainsFunc(a.Roles, func(r Role) bool { return slices.Contains(roles, r) })
}

// IsOperator reports whether a runs the node.
func (a Actor) IsOperator() bool { return a.Has(RoleOperator) }

// ofNode reports whether a is one of the people of the node.
func (a Actor) ofNode() bool { return a.Has(RoleOperator, RoleReviewer, RoleAuditor) }

// by names a's credential, for the log.
func (a Actor) by() string {
	if a.KeyID == "" {
		return a.Account
	}
	return a.KeyID
}

// readsAll reports whether a sees private values of every namespace.
func (a Actor) readsAll() bool { return a.Has(RoleOperator, RoleAuditor) }

// owns reports whether ns belongs to a's enterprise and a's credential reaches it.
func (a Actor) owns(ns *identifier.Namespace) bool {
	if a.Enterprise == "" || ns.Enterprise != a.Enterprise {
		return false
	}
	if len(a.Prefixes) == 0 {
		return true
	}
	for _, p := range a.Prefixes {
		if p.Scheme == ns.Scheme && p.Scheme.Contains(p.Name, ns.Prefix) {
			return true
		}
	}
	return false
}

// mayRead reports whether a sees values of ns that are not public.
func (a Actor) mayRead(ns *identifier.Namespace) bool {
	return a.readsAll() || a.Has(RoleAdmin, RoleWriter, RoleReader) && a.owns(ns)
}

// mayWrite reports whether a may write identifiers of ns, whatever state ns is in.
func (a Actor) mayWrite(ns *identifier.Namespace) bool {
	return a.IsOperator() || a.Has(RoleAdmin, RoleWriter) && a.owns(ns)
}

// NodeActor is who acts when the node itself does.
func NodeActor() Actor { return Actor{Enterprise: Self, Role: RoleOperator} }
