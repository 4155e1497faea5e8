package registry

import (
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/idnode/idnode/storage"
)

// AuditEntry is what the audit table keeps of one batch. The hash chain over the entries is made
// later, by one follower of the change log: package registry/audit.
type AuditEntry struct {
	Time       time.Time `json:"time"`
	Enterprise string    `json:"enterprise,omitempty"` // the actor's
	Key        string    `json:"key,omitempty"`        // the actor's API key
	Account    string    `json:"account,omitempty"`    // the actor's account, if no API key was used
	Role       Role      `json:"role,omitempty"`       // the actor's strongest
	Identity   string    `json:"identity,omitempty"`   // who was authenticated over the Handle protocol, "300:88.990/admin"
	Addr       string    `json:"addr,omitempty"`       // where the request came from
	Op         string    `json:"op"`                   // "identifier.create", "prefix.suspend", …
	ID         string    `json:"id,omitempty"`         // what was changed; of an import the first identifier
	Last       string    `json:"last,omitempty"`       // of an import the last identifier
	Rows       int       `json:"rows,omitempty"`       // of an import the rows that were stored
	Version    uint64    `json:"version,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Items      []Audited `json:"items,omitempty"` // of a batch, what was changed

	From    EnterpriseState `json:"from,omitempty"`    // of a step of an enterprise, the state before
	To      EnterpriseState `json:"to,omitempty"`      // and after
	Changes []MemberChange  `json:"changes,omitempty"` // of a form, what was changed
}

// Audited is one change of a batch.
type Audited struct {
	Op      OpKind `json:"op"`
	ID      string `json:"id"`
	Version uint64 `json:"version"`
	Reason  string `json:"reason,omitempty"`
}

// MemberChange is a member of a form before and after a change; numbers of identity documents are masked.
type MemberChange struct {
	Member string          `json:"member"`
	Old    json.RawMessage `json:"old,omitempty"`
	New    json.RawMessage `json:"new,omitempty"`
}

// audit adds an entry of what a did to b, and names it in the change log.
func (r *Registrar) audit(b *storage.Batch, now time.Time, a Actor, e AuditEntry) error {
	e.Time, e.Enterprise, e.Key, e.Account, e.Role = now, a.Enterprise, a.KeyID, a.Account, a.Role
	if a.Addr.IsValid() {
		e.Addr = a.Addr.String()
	}
	value, err := json.Marshal(&e)
	if err != nil {
		return err
	}
	var unique [8]byte
	rand.Read(unique[:])
	key := storage.AuditKey(now, unique)
	b.Set(key, value)
	b.Log(storage.Change{Op: storage.OpCreate, Key: key}) // by which the chain's follower finds it
	return nil
}
