package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// Application is an enterprise's wish for a namespace, which the people of the node decide on. The
// namespace exists from the approval on; until then nothing about resolution changes.
type Application struct {
	ID            string              `json:"id"`
	Enterprise    string              `json:"enterprise"`
	Scheme        identifier.Scheme   `json:"scheme"`
	Prefix        string              `json:"prefix,omitempty"` // canonical; "": the next free number
	Mode          identifier.Mode     `json:"mode"`
	CaseSensitive *bool               `json:"caseSensitive,omitempty"` // nil: the node's default
	Service       *identifier.Service `json:"service,omitempty"`
	Quota         *identifier.Quota   `json:"quota,omitempty"`
	Purpose       string              `json:"purpose,omitempty"` // what it is for, in the applicant's words
	State         ApplicationState    `json:"state"`
	Reason        string              `json:"reason,omitempty"`    // given with the last step
	Decided       string              `json:"decidedBy,omitempty"` // id of the credential that decided
	Allocated     string              `json:"allocated,omitempty"` // the namespace that the approval allocated
	Created       time.Time           `json:"created"`
	Updated       time.Time           `json:"updated"`

	Version uint64 `json:"-"` // the store's
}

// ApplicationState is where an application stands.
type ApplicationState string

const (
	ApplicationPending   ApplicationState = "pending"   // to be decided on
	ApplicationReturned  ApplicationState = "returned"  // the applicant has to amend it
	ApplicationApproved  ApplicationState = "approved"  // the namespace is allocated
	ApplicationRejected  ApplicationState = "rejected"  // for good
	ApplicationCancelled ApplicationState = "cancelled" // by the applicant
)

// ActionCancel takes an application back.
const ActionCancel Action = "cancel"

// ApplicationPatch changes an application; nil leaves a field as it is.
type ApplicationPatch struct {
	Prefix        *string
	Mode          *identifier.Mode
	CaseSensitive *bool
	Service       *identifier.Service
	Quota         *identifier.Quota
	Purpose       *string
}

// ApplicationList asks for applications in the order of their ids.
type ApplicationList struct {
	Actor      Actor
	Enterprise string           // "": all that the actor may see
	State      ApplicationState // "": all
	Paging
}

// applicationSteps are the states in which each step is possible, and where it leads.
var applicationSteps = map[Action]struct {
	from      []ApplicationState
	to        ApplicationState
	applicant bool // the step is the applicant's, else the reviewers'
}{
	ActionApprove: {[]ApplicationState{ApplicationPending}, ApplicationApproved, false},
	ActionReturn:  {[]ApplicationState{ApplicationPending}, ApplicationReturned, false},
	ActionReject:  {[]ApplicationState{ApplicationPending, ApplicationReturned}, ApplicationRejected, false},
	ActionSubmit:  {[]ApplicationState{ApplicationReturned}, ApplicationPending, true},
	ActionCancel:  {[]ApplicationState{ApplicationPending, ApplicationReturned}, ApplicationCancelled, true},
}

// ApplyForPrefix enters an application for a namespace. An enterprise's admin applies for the enterprise, also
// while that is still under review; operators and reviewers for any. The name is checked as an
// allocation would be, but not held: who is approved first has it. Refusals: CodeForbidden,
// CodeInvalidPrefix, CodeInvalidApplication, CodeAlreadyExists, CodeNotFound and
// CodeEnterpriseSuspended (the enterprise), CodeQuotaPrefixes, and those of the idempotency key.
func (r *Registrar) ApplyForPrefix(ctx context.Context, in Application, w Write) (*Application, error) {
	if !mayApply(w.Actor, in.Enterprise) {
		return nil, refuse(CodeForbidden, "", "role %s does not apply for prefixes of enterprise %s", w.Actor.Role, in.Enterprise)
	}
	if in.Mode == "" {
		in.Mode = identifier.Hosted
	}
	if e := r.checkApplication(&in); e != nil {
		return nil, e
	}
	if e := r.checkApplicant(ctx, in.Enterprise); e != nil {
		return nil, e
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "application.create", in) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Application, error) {
		if err := r.checkFree(ctx, &in); err != nil {
			return nil, err
		}
		a := in
		a.ID, a.State, a.Reason, a.Decided, a.Allocated = newID("p"), ApplicationPending, "", "", ""
		a.Created, a.Updated, a.Version = now, now, 0
		if err := putApplication(b, &a, storage.OpCreate); err != nil {
			return nil, err
		}
		return &a, r.audit(b, now, w.Actor, AuditEntry{Op: "application.create", ID: a.ID, Version: a.Version})
	})
}

// mayApply reports whether a makes and amends applications of the enterprise.
func mayApply(a Actor, enterprise string) bool {
	return a.IsOperator() || a.Has(RoleReviewer) || a.Has(RoleAdmin) && a.Enterprise == enterprise && enterprise != ""
}

// checkApplication holds a to what needs no state.
func (r *Registrar) checkApplication(a *Application) *Error {
	if a.Scheme.String() == "unknown" {
		return refuse(CodeInvalidPrefix, "/scheme", "a scheme is required")
	}
	if e := r.checkText(CodeInvalidApplication, "/purpose", a.Purpose); e != nil {
		return e
	}
	ns := identifier.Namespace{Scheme: a.Scheme, Mode: a.Mode, Service: a.Service}
	if a.CaseSensitive != nil {
		ns.CaseSensitive = *a.CaseSensitive
	}
	return checkService(&ns)
}

// checkApplicant refuses unless the enterprise exists and is not at its end.
func (r *Registrar) checkApplicant(ctx context.Context, enterprise string) *Error {
	e, err := r.readEnterprise(ctx, enterprise)
	if errors.Is(err, storage.ErrNotFound) {
		return refuse(CodeNotFound, "/enterprise", "no enterprise %s", enterprise)
	}
	if err != nil {
		return AsError(err)
	}
	switch e.State {
	case EnterpriseActive, EnterprisePending, EnterpriseReturned:
		return nil
	}
	return refuse(CodeEnterpriseSuspended, "/enterprise", "enterprise %s is %s", enterprise, e.State)
}

// checkFree holds the name that a asks for to the state of now, and makes it canonical.
func (r *Registrar) checkFree(ctx context.Context, a *Application) error {
	if a.Prefix == "" {
		_, err := r.nextPrefix(ctx, a.Scheme)
		return err
	}
	name, err := r.choosePrefix(ctx, PrefixRequest{Scheme: a.Scheme, Prefix: a.Prefix, Enterprise: a.Enterprise})
	a.Prefix = name
	return err
}

// Application returns an application. Refusals: CodeNotFound, also for another enterprise's.
func (r *Registrar) Application(ctx context.Context, id string, a Actor) (*Application, error) {
	p, err := r.readApplication(ctx, id)
	if err != nil {
		return nil, err
	}
	if !a.ofNode() && p.Enterprise != a.Enterprise {
		return nil, refuse(CodeNotFound, "id", "no application %s", id)
	}
	return p, nil
}

// ListApplications returns a page of applications, and the cursor of the next. People of the node
// see all, others their enterprise's.
func (r *Registrar) ListApplications(ctx context.Context, l ApplicationList) ([]*Application, string, error) {
	return page(ctx, r, storage.TableRange(storage.TableApplication), l.Paging, func(_ []byte, item storage.Item) (*Application, error) {
		p, err := decodeApplication(item)
		if err != nil || l.Enterprise != "" && p.Enterprise != l.Enterprise || l.State != "" && p.State != l.State ||
			!l.Actor.ofNode() && p.Enterprise != l.Actor.Enterprise {
			return nil, err
		}
		return p, nil
	})
}

// AmendApplication changes an application that is not decided on. Refusals: as of ApplyForPrefix, and
// CodeInvalidState, CodeVersionMismatch.
func (r *Registrar) AmendApplication(ctx context.Context, id string, p ApplicationPatch, w Write) (*Application, error) {
	fingerprint := func(h hash.Hash) { hashJSON(h, "application.update", []any{id, p}) }
	return r.changeApplication(ctx, id, w, fingerprint, func(b *storage.Batch, a *Application, now time.Time) (AuditEntry, error) {
		if !mayApply(w.Actor, a.Enterprise) {
			return AuditEntry{}, refuse(CodeForbidden, "", "role %s does not change applications", w.Actor.Role)
		}
		if a.State != ApplicationPending && a.State != ApplicationReturned {
			return AuditEntry{}, refuse(CodeInvalidState, "", "application %s is %s: it does not change any more", id, a.State)
		}
		if p.Prefix != nil {
			a.Prefix = *p.Prefix
		}
		if p.Mode != nil {
			a.Mode = *p.Mode
		}
		if a.Mode == identifier.Hosted {
			a.Service = nil
		}
		if p.CaseSensitive != nil {
			a.CaseSensitive = p.CaseSensitive
		}
		if p.Service != nil {
			a.Service = p.Service
		}
		if p.Quota != nil {
			a.Quota = p.Quota
		}
		if p.Purpose != nil {
			a.Purpose = *p.Purpose
		}
		if e := r.checkApplication(a); e != nil {
			return AuditEntry{}, e
		}
		return AuditEntry{Op: "application.update"}, r.checkFree(ctx, a)
	})
}

// DecideApplication takes a step of an application: approve (which allocates the namespace, to an
// active enterprise), return and reject are for operators and reviewers, submit and cancel for the
// applicant. A return or rejection has a reason. Refusals: CodeForbidden, CodeNotFound,
// CodeInvalidState, CodeInvalidRequest, and for an approval those of AllocatePrefix.
func (r *Registrar) DecideApplication(ctx context.Context, id string, action Action, reason string, w Write) (*Application, error) {
	step, known := applicationSteps[action]
	if !known {
		return nil, refuse(CodeInvalidRequest, "action", "unknown action %q", action)
	}
	if e := r.checkText(CodeInvalidRequest, "/reason", reason); e != nil {
		return nil, e
	}
	if (action == ActionReturn || action == ActionReject) && reason == "" {
		return nil, refuse(CodeInvalidRequest, "/reason", "say why: the applicant reads it")
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "application."+string(action), []string{id, reason}) }
	a, err := r.changeApplication(ctx, id, w, fingerprint, func(b *storage.Batch, a *Application, now time.Time) (AuditEntry, error) {
		allowed := w.Actor.IsOperator() || w.Actor.Has(RoleReviewer)
		if step.applicant {
			allowed = mayApply(w.Actor, a.Enterprise)
		}
		if !allowed {
			return AuditEntry{}, refuse(CodeForbidden, "", "role %s does not %s applications", w.Actor.Role, action)
		}
		if !slices.Contains(step.from, a.State) {
			return AuditEntry{}, refuse(CodeInvalidState, "action", "application %s is %s: %s is not possible", id, a.State, action)
		}
		entry := AuditEntry{Op: "application." + string(action), Reason: reason}
		if action == ActionApprove {
			ns, err := r.allocate(ctx, b, now, PrefixRequest{Scheme: a.Scheme, Prefix: a.Prefix, Enterprise: a.Enterprise, Mode: a.Mode,
				CaseSensitive: a.CaseSensitive, Service: a.Service, Quota: a.Quota})
			if err != nil {
				return AuditEntry{}, err
			}
			a.Allocated = ns.Prefix
			entry.Last = qualified(ns.Key())
		}
		if !step.applicant {
			a.Decided = w.Actor.by()
		}
		a.State, a.Reason = step.to, reason
		return entry, nil
	})
	if err == nil {
		r.log.Info("application "+string(a.State), "application", id, "enterprise", a.Enterprise, "prefix", a.Allocated, "by", w.Actor.by(), "reason", reason)
	}
	return a, err
}

// changeApplication applies change to an application. What change refuses is not written.
func (r *Registrar) changeApplication(ctx context.Context, id string, w Write, fingerprint func(hash.Hash), change func(*storage.Batch, *Application, time.Time) (AuditEntry, error)) (*Application, error) {
	r.gate.Lock()
	defer r.gate.Unlock()
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Application, error) {
		a, err := r.Application(ctx, id, w.Actor)
		if err != nil {
			return nil, err
		}
		if w.IfMatch != 0 && w.IfMatch != a.Version {
			return nil, mismatch(a.Version, w.IfMatch)
		}
		entry, err := change(b, a, now)
		if err != nil {
			return nil, err
		}
		a.Updated = now
		if err := putApplication(b, a, storage.OpUpdate); err != nil {
			return nil, err
		}
		entry.ID, entry.Version = a.ID, a.Version
		return a, r.audit(b, now, w.Actor, entry)
	})
}

// mismatch is the refusal of a write under If-Match of another version than the present one.
func mismatch(current, expected uint64) *Error {
	e := refuse(CodeVersionMismatch, "If-Match", "the version is %d", current)
	e.Current, e.Expected = current, expected
	return e
}

func (r *Registrar) readApplication(ctx context.Context, id string) (*Application, error) {
	item, err := r.store.Get(ctx, storage.ApplicationKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse(CodeNotFound, "id", "no application %s", id)
	}
	if err != nil {
		return nil, AsError(fmt.Errorf("read application %s: %w", id, err))
	}
	return decodeApplication(item)
}

func decodeApplication(item storage.Item) (*Application, error) {
	a := &Application{Version: item.Version}
	if err := json.Unmarshal(item.Value, a); err != nil {
		return nil, fmt.Errorf("decode application: %w", err)
	}
	return a, nil
}

// putApplication adds a to b in place of its present version, and moves it to the next.
func putApplication(b *storage.Batch, a *Application, op storage.Op) error {
	value, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode application: %w", err)
	}
	key := storage.ApplicationKey(a.ID)
	b.Put(key, value, a.Version)
	a.Version++
	b.Log(storage.Change{Op: op, Key: key, Version: a.Version})
	return nil
}
