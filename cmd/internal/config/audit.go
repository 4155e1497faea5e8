package config

import (
	"fmt"
	"time"

	"github.com/idnode/idnode/registry/audit"
)

// Audit is how long it is kept who changed what.
type Audit struct {
	// Retention is how long an entry of the audit log is kept at least; audit.MinRetention or more. 0: for ever.
	Retention time.Duration `koanf:"retention"`
}

func (a *Audit) check() error {
	if a.Retention != 0 && a.Retention < audit.MinRetention {
		return fmt.Errorf("audit.retention: %v is less than %v: the Cybersecurity Law, article 21, has network logs kept for six months at least; 0 keeps them for ever", a.Retention, audit.MinRetention)
	}
	return nil
}
