package registry

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/idnode/idnode/storage"
)

// Enterprise is an organisation that holds namespaces.
type Enterprise struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	CreditCode string          `json:"creditCode,omitempty"` // 统一社会信用代码, GB 32100
	Nature     string          `json:"nature,omitempty"`     // kind of organisation
	Industry   string          `json:"industry,omitempty"`   // GB/T 4754 code or name
	Region     string          `json:"region,omitempty"`     // GB/T 2260 code or name
	Address    string          `json:"address,omitempty"`
	Website    string          `json:"website,omitempty"`
	Contact    *Contact        `json:"contact,omitempty"`
	State      EnterpriseState `json:"state"`
	Reason     string          `json:"reason,omitempty"` // given with the last transition
	Created    time.Time       `json:"created"`
	Updated    time.Time       `json:"updated"`

	Version uint64 `json:"-"` // the store's
}

// Contact is whom to reach at an enterprise.
type Contact struct {
	Name  string `json:"name,omitempty"`
	Phone string `json:"phone,omitempty"`
	Email string `json:"email,omitempty"`
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
)

// Paging asks for a page of a list.
type Paging struct {
	Limit  int    // most items; 0: Limits.DefaultPageRows
	Cursor string // where the page before ended; "": from the start
}

// transitions are the states in which each action on an enterprise is allowed, and where it leads.
var transitions = map[Action]struct {
	from []EnterpriseState
	to   EnterpriseState
}{
	ActionApprove:  {[]EnterpriseState{EnterprisePending, EnterpriseReturned}, EnterpriseActive},
	ActionReturn:   {[]EnterpriseState{EnterprisePending}, EnterpriseReturned},
	ActionReject:   {[]EnterpriseState{EnterprisePending, EnterpriseReturned}, EnterpriseRejected},
	ActionSuspend:  {[]EnterpriseState{EnterpriseActive}, EnterpriseSuspended},
	ActionActivate: {[]EnterpriseState{EnterpriseSuspended}, EnterpriseActive},
	ActionWithdraw: {[]EnterpriseState{EnterpriseActive, EnterpriseSuspended}, EnterpriseWithdrawn},
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
// is pending. Of in only what the enterprise says of itself is taken. Refusals: CodeForbidden,
// CodeInvalidEnterprise, and those of the idempotency key.
func (r *Registrar) CreateEnterprise(ctx context.Context, in Enterprise, w Write) (*Enterprise, error) {
	state := EnterpriseActive
	switch w.Actor.Role {
	case RoleOperator:
	case RoleReviewer:
		state = EnterprisePending
	default:
		return nil, refuse(CodeForbidden, "", "role %s does not enter enterprises", w.Actor.Role)
	}
	if e := r.checkEnterprise(&in); e != nil {
		return nil, e
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "enterprise.create", in) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Enterprise, error) {
		e := in
		e.ID, e.State, e.Reason, e.Created, e.Updated, e.Version = newID("e"), state, "", now, now, 0
		if err := putEnterprise(b, &e, storage.OpCreate); err != nil {
			return nil, err
		}
		return &e, r.audit(b, now, w.Actor, AuditEntry{Op: "enterprise.create", ID: e.ID, Version: e.Version})
	})
}

// Enterprise returns an enterprise. People of the node see all, others their own. Refusals:
// CodeForbidden, CodeNotFound.
func (r *Registrar) Enterprise(ctx context.Context, id string, a Actor) (*Enterprise, error) {
	if !a.Role.ofNode() && a.Enterprise != id {
		return nil, refuse(CodeForbidden, "id", "enterprise %s is not yours", id)
	}
	e, err := r.readEnterprise(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse(CodeNotFound, "id", "no enterprise %s", id)
	}
	if err != nil {
		return nil, AsError(err)
	}
	return e, nil
}

// ListEnterprises returns a page of enterprises in the order of their ids, and the cursor of the
// next. People of the node see all, others their own.
func (r *Registrar) ListEnterprises(ctx context.Context, a Actor, p Paging) ([]*Enterprise, string, error) {
	return page(ctx, r, storage.TableRange(storage.TableEnterprise), p, func(_ []byte, item storage.Item) (*Enterprise, error) {
		e, err := decodeEnterprise(item)
		if err != nil || !a.Role.ofNode() && a.Enterprise != e.ID {
			return nil, err
		}
		return e, nil
	})
}

// Transition takes an enterprise to another state. Operators take every step, reviewers approve,
// return and reject. Refusals: CodeForbidden, CodeNotFound, CodeInvalidState.
func (r *Registrar) Transition(ctx context.Context, id string, action Action, reason string, w Write) (*Enterprise, error) {
	step, known := transitions[action]
	if !known {
		return nil, refuse(CodeInvalidRequest, "action", "unknown action %q", action)
	}
	reviews := action == ActionApprove || action == ActionReturn || action == ActionReject
	if !w.Actor.IsOperator() && !(w.Actor.Role == RoleReviewer && reviews) {
		return nil, refuse(CodeForbidden, "", "role %s does not %s enterprises", w.Actor.Role, action)
	}
	if e := r.checkText(CodeInvalidRequest, "/reason", reason); e != nil {
		return nil, e
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	fingerprint := func(h hash.Hash) { hashJSON(h, "enterprise."+string(action), []string{id, reason}) }
	e, err := once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Enterprise, error) {
		e, err := r.readEnterprise(ctx, id)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, refuse(CodeNotFound, "id", "no enterprise %s", id)
		}
		if err != nil {
			return nil, err
		}
		if id == Self || !slices.Contains(step.from, e.State) {
			return nil, refuse(CodeInvalidState, "action", "enterprise %s is %s: %s is not possible", id, e.State, action)
		}
		e.State, e.Reason, e.Updated = step.to, reason, now
		if err := putEnterprise(b, e, storage.OpUpdate); err != nil {
			return nil, err
		}
		return e, r.audit(b, now, w.Actor, AuditEntry{Op: "enterprise." + string(action), ID: id, Version: e.Version, Reason: reason})
	})
	if err == nil {
		r.log.Info("enterprise "+string(e.State), "enterprise", id, "by", w.Actor.KeyID, "reason", reason)
	}
	return e, err
}

func (r *Registrar) checkEnterprise(e *Enterprise) *Error {
	if strings.TrimSpace(e.Name) == "" {
		return refuse(CodeInvalidEnterprise, "/name", "a name is required")
	}
	contact := Contact{}
	if e.Contact != nil {
		contact = *e.Contact
	}
	for _, f := range []struct{ field, text string }{
		{"/name", e.Name}, {"/nature", e.Nature}, {"/industry", e.Industry}, {"/region", e.Region}, {"/address", e.Address},
		{"/website", e.Website}, {"/contact/name", contact.Name}, {"/contact/phone", contact.Phone}, {"/contact/email", contact.Email},
	} {
		if refusal := r.checkText(CodeInvalidEnterprise, f.field, f.text); refusal != nil {
			return refusal
		}
	}
	if e.CreditCode != "" {
		if reason := checkCreditCode(e.CreditCode); reason != "" {
			return refuse(CodeInvalidEnterprise, "/creditCode", "%s", reason)
		}
	}
	if u, err := url.Parse(e.Website); e.Website != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return refuse(CodeInvalidEnterprise, "/website", "not an http or https address")
	}
	if contact.Email != "" && !strings.Contains(contact.Email, "@") {
		return refuse(CodeInvalidEnterprise, "/contact/email", "not an e-mail address")
	}
	return nil
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

// newID returns a random id of 64 bits behind a letter that tells what it is of.
func newID(kind string) string {
	var b [8]byte
	rand.Read(b[:])
	return kind + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}
