package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Enterprise is an organisation that holds namespaces: what it says of itself ([EnterpriseForm], which
// says what the members mean), and where it stands.
type Enterprise struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	CreditCode string   `json:"creditCode,omitempty"`
	Nature     string   `json:"nature,omitempty"`
	Industry   string   `json:"industry,omitempty"`
	Region     string   `json:"region,omitempty"`
	Address    string   `json:"address,omitempty"`
	Website    string   `json:"website,omitempty"`
	Contact    *Contact `json:"contact,omitempty"`
	EnterpriseDetails

	Province string `json:"province,omitempty"` // of Region; shown, not kept, as City and County
	City     string `json:"city,omitempty"`
	County   string `json:"county,omitempty"`

	Application  string              `json:"prefixApplication,omitempty"` // id of the application for a prefix that came with its own
	State        EnterpriseState     `json:"state"`
	Reason       string              `json:"reason,omitempty"`       // given with the last transition
	Ordered      *identifier.Ordered `json:"ordered,omitempty"`      // the node above has ordered the state; it lasts until that orders otherwise
	Verification *Verification       `json:"verification,omitempty"` // the check of who it is
	Change       *EnterpriseChange   `json:"change,omitempty"`       // proposed, and not decided on
	ChangeReason string              `json:"changeReason,omitempty"` // why the last proposed change was not taken
	Missing      []string            `json:"missing,omitzero"`       // of the real-name data; shown to who decides, not kept
	Created      time.Time           `json:"created"`
	Updated      time.Time           `json:"updated"`

	Version uint64 `json:"-"` // the store's

	claimed []string // files that become its own with the batch that creates it
}

// EnterpriseState is where an enterprise stands in its life.
type EnterpriseState string

const (
	EnterprisePending   EnterpriseState = "pending"   // entered, not yet decided on
	EnterpriseReturned  EnterpriseState = "returned"  // sent back to be completed
	EnterpriseRejected  EnterpriseState = "rejected"  // for good
	EnterpriseActive    EnterpriseState = "active"    // may hold namespaces and write
	EnterpriseSuspended EnterpriseState = "suspended" // its writes are refused; what is registered still resolves
	EnterpriseWithdrawn EnterpriseState = "withdrawn" // as suspended, for good
)

// Action is a step in the life of an enterprise or a namespace.
type Action string

const (
	ActionApprove  Action = "approve"
	ActionReturn   Action = "return"
	ActionReject   Action = "reject"
	ActionSuspend  Action = "suspend"
	ActionWithdraw Action = "withdraw"
	ActionActivate Action = "activate"
	ActionTransfer Action = "transfer" // namespaces only
	ActionSubmit   Action = "submit"   // enterprises and applications: what was returned is handed in again
)

// Paging asks for a page of a list.
type Paging struct {
	Limit  int    // most items; 0: Limits.DefaultPageRows
	Cursor string // where the page before ended; "": from the start
}

// ensureSelf creates the node's own enterprise on a new store.
func (r *Registrar) ensureSelf(ctx context.Context) error {
	_, err := r.readEnterprise(ctx, Self)
	if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	now := r.now()
	e := &Enterprise{ID: Self, Name: "the node", State: EnterpriseActive, Created: now, Updated: now}
	var b storage.Batch
	if err := putEnterprise(&b, e, storage.OpCreate); err != nil {
		return err
	}
	_, err = r.store.Apply(ctx, &b)
	if errors.Is(err, storage.ErrConflict) {
		return nil // another node of the cluster was faster
	}
	return err
}

// CreateEnterprise enters an enterprise. What an operator enters is active; what a reviewer enters
// is pending; so is what an operator enters while real-name data is required and lacking. Of in only what the enterprise says of itself is taken. Refusals: CodeForbidden,
// CodeInvalidEnterprise, and those of the idempotency key.
func (r *Registrar) CreateEnterprise(ctx context.Context, in Enterprise, w Write) (*Enterprise, error) {
	state := EnterpriseActive
	switch {
	case w.Actor.IsOperator():
	case w.Actor.Has(RoleReviewer):
		state = EnterprisePending
	default:
		return nil, refuse(CodeForbidden, "", "role %s does not enter enterprises", w.Actor.Role)
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "enterprise.create", in) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Enterprise, error) {
		e := Enterprise{ID: newID("e"), State: state, Created: now, Updated: now}
		if err := r.setForm(ctx, b, &e, in.Form(), "", now); err != nil {
			return nil, err
		}
		if state == EnterpriseActive {
			e.Verification = &Verification{By: w.Actor.by(), Role: w.Actor.Role, At: now}
			if r.realName && len(e.missing()) > 0 {
				e.State, e.Verification = EnterprisePending, nil
			}
		}
		if err := putEnterprise(b, &e, storage.OpCreate); err != nil {
			return nil, err
		}
		return e.shownTo(w.Actor), r.audit(b, now, w.Actor, AuditEntry{Op: "enterprise.create", ID: e.ID, Version: e.Version, To: e.State})
	})
}

// Enterprise returns an enterprise. People of the node see all, others their own. Refusals:
// CodeForbidden, CodeNotFound.
func (r *Registrar) Enterprise(ctx context.Context, id string, a Actor) (*Enterprise, error) {
	if !a.ofNode() && a.Enterprise != id {
		return nil, refuse(CodeForbidden, "id", "enterprise %s is not yours", id)
	}
	e, err := r.readEnterprise(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse(CodeNotFound, "id", "no enterprise %s", id)
	}
	if err != nil {
		return nil, AsError(err)
	}
	return e.shownTo(a), nil
}

// ListEnterprises returns a page of enterprises in the order of their ids, and the cursor of the
// next. People of the node see all, others their own.
func (r *Registrar) ListEnterprises(ctx context.Context, a Actor, p Paging) ([]*Enterprise, string, error) {
	return page(ctx, r, storage.TableRange(storage.TableEnterprise), p, func(_ []byte, item storage.Item) (*Enterprise, error) {
		e, err := decodeEnterprise(item)
		if err != nil || !a.ofNode() && a.Enterprise != e.ID {
			return nil, err
		}
		return e.shownTo(a), nil
	})
}

// readEnterprise returns the enterprise of that id, or storage.ErrNotFound.
func (r *Registrar) readEnterprise(ctx context.Context, id string) (*Enterprise, error) {
	item, err := r.store.Get(ctx, storage.EnterpriseKey(id))
	if err != nil {
		return nil, fmt.Errorf("read enterprise %s: %w", id, err)
	}
	return decodeEnterprise(item)
}

func decodeEnterprise(item storage.Item) (*Enterprise, error) {
	e := &Enterprise{Version: item.Version}
	if err := json.Unmarshal(item.Value, e); err != nil {
		return nil, fmt.Errorf("decode enterprise: %w", err)
	}
	return e, nil
}

// putEnterprise adds e to b in place of its present version, and moves it to the next.
func putEnterprise(b *storage.Batch, e *Enterprise, op storage.Op) error {
	value, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode enterprise: %w", err)
	}
	key := storage.EnterpriseKey(e.ID)
	b.Put(key, value, e.Version)
	e.Version++
	b.Log(storage.Change{Op: op, Key: key, Version: e.Version})
	return nil
}
