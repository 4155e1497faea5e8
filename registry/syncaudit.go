package registry

import (
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// AddAudit adds an audit entry of what a did to b, for packages that write batches of their own.
func (r *Registrar) AddAudit(b *storage.Batch, a Actor, e AuditEntry) error {
	return r.audit(b, r.now(), a, e)
}

// Owns reports whether ns belongs to a's enterprise and a's credential reaches it.
func (a Actor) Owns(ns *identifier.Namespace) bool { return a.owns(ns) }
