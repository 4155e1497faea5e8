package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// againFor is how long a create that is repeated is the same create (DESIGN.md of the project, section 4).
const againFor = 24 * time.Hour

// repeats tells the creates that repeat an earlier one of the same credential, for a client that lost the
// first answer and has no idempotency key. It keeps what it read of the audit log while one call lives.
type repeats struct {
	r     *Registrar
	actor Actor
	made  map[time.Time]map[creation]struct{} // by moment: what the actor created in it
}

// creation is the version of a record that a create made.
type creation struct {
	id      string // qualified
	version uint64
}

func (r *Registrar) repeats(w Write) *repeats {
	if !w.Again {
		return nil
	}
	return &repeats{r: r, actor: w.Actor, made: make(map[time.Time]map[creation]struct{})}
}

// same reports whether q, a create of what is there as cur, says what cur says, and the present version of
// cur was made by a create of the same actor not longer than againFor ago. It changes nothing.
func (p *repeats) same(ctx context.Context, q *request, cur *identifier.Record, now time.Time) (bool, error) {
	if p == nil || q.kind != OpCreate || cur.State != identifier.Active || now.Sub(cur.Updated) > againFor {
		return false, nil
	}
	if !sameContent(cur, &identifier.Record{ID: q.id.String(), Template: q.in.Template, Values: q.in.Values}, q.keep) {
		return false, nil
	}
	made, known := p.made[cur.Updated]
	if !known {
		made = make(map[creation]struct{})
		err := p.r.auditAt(ctx, cur.Updated, func(e *AuditEntry) {
			if !e.by(p.actor) {
				return
			}
			if e.Op == "identifier."+string(OpCreate) {
				made[creation{e.ID, e.Version}] = struct{}{}
			}
			for _, row := range e.Items {
				if row.Op == OpCreate {
					made[creation{row.ID, row.Version}] = struct{}{}
				}
			}
		})
		if err != nil {
			return false, fmt.Errorf("who made %s: %w", q.id, err)
		}
		p.made[cur.Updated] = made
	}
	_, mine := made[creation{q.id.Qualified(), cur.Version}]
	return mine, nil
}

// by reports whether the entry is of something that a did with the same credential.
func (e *AuditEntry) by(a Actor) bool {
	return e.Key == a.KeyID && e.Account == a.Account && e.Enterprise == a.Enterprise && (a.KeyID != "" || a.Account != "")
}

// auditAt calls see with the audit entries of a moment, to the millisecond.
func (r *Registrar) auditAt(ctx context.Context, at time.Time, see func(e *AuditEntry)) error {
	span := storage.Range{Start: storage.AuditKey(at, [8]byte{}), End: storage.AuditKey(at.Add(time.Millisecond), [8]byte{})}
	return r.store.Scan(ctx, span, func(_ []byte, item storage.Item) error {
		var e AuditEntry
		if err := json.Unmarshal(item.Value, &e); err != nil {
			return fmt.Errorf("audit entry: %w", err)
		}
		see(&e)
		return nil
	})
}
