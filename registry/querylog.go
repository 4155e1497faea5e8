package registry

import "github.com/idnode/idnode/proto/identifier"

// ReadsAllQueries reports whether a sees the log of resolution requests whole.
func (a Actor) ReadsAllQueries() bool { return a.readsAll() }

// ReadsQueries reports whether a sees the requests for id: those of the namespaces that its enterprise holds now, if it is
// an admin of it.
func (r *Registrar) ReadsQueries(a Actor, id identifier.ID) bool {
	if a.readsAll() {
		return true
	}
	ns := r.namespaces.Find(id)
	return ns != nil && a.Has(RoleAdmin) && a.owns(ns)
}
