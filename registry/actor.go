package registry

import (
	"net/netip"

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

// ofNode reports whether r is held by the people of the node rather than of an enterprise.
func (r Role) ofNode() bool {
	return r == RoleOperator || r == RoleReviewer || r == RoleAuditor
}

// Actor is who asks. The zero Actor may do nothing and read what is public.
type Actor struct {
	Enterprise string
	KeyID      string
	Role       Role
	Prefixes   []identifier.Key // the namespaces that the credential is limited to; empty: all of the enterprise's
	Addr       netip.Addr       // where the request came from
}

// IsOperator reports whether a runs the node.
func (a Actor) IsOperator() bool { return a.Role == RoleOperator }

// readsAll reports whether a sees private values of every namespace.
func (a Actor) readsAll() bool { return a.Role == RoleOperator || a.Role == RoleAuditor }

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
	switch a.Role {
	case RoleOperator, RoleAuditor:
		return true
	case RoleAdmin, RoleWriter, RoleReader:
		return a.owns(ns)
	}
	return false
}

// mayWrite reports whether a may write identifiers of ns, whatever state ns is in.
func (a Actor) mayWrite(ns *identifier.Namespace) bool {
	switch a.Role {
	case RoleOperator:
		return true
	case RoleAdmin, RoleWriter:
		return a.owns(ns)
	}
	return false
}
