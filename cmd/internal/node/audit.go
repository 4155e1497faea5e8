package node

import (
	"context"
	"crypto/ed25519"

	"github.com/idnode/idnode/registry/audit"
)

// buildAudit makes the hash-chained log. Its heads are signed with a key of its own, derived from the
// node's secret.
func (n *Node) buildAudit() (err error) {
	n.audit, err = audit.New(context.Background(), audit.Options{
		Store: n.engine, Retention: n.cfg.Audit.Retention, SigningKey: ed25519.NewKeyFromSeed(n.secret.Derive("idnode audit head")),
		Logger: n.log, Registerer: n.metrics,
	})
	return err
}
