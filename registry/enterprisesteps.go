package registry

import (
	"context"
	"errors"
	"hash"
	"slices"
	"time"

	"github.com/idnode/idnode/storage"
)

// transitions are the states in which each action on an enterprise is allowed, and where it leads.
var transitions = map[Action]struct {
	from []EnterpriseState
	to   EnterpriseState
}{
	ActionApprove:  {[]EnterpriseState{EnterprisePending, EnterpriseReturned}, EnterpriseActive},
	ActionReturn:   {[]EnterpriseState{EnterprisePending}, EnterpriseReturned},
	ActionReject:   {[]EnterpriseState{EnterprisePending, EnterpriseReturned}, EnterpriseRejected},
	ActionSubmit:   {[]EnterpriseState{EnterpriseReturned}, EnterprisePending},
	ActionSuspend:  {[]EnterpriseState{EnterpriseActive}, EnterpriseSuspended},
	ActionActivate: {[]EnterpriseState{EnterpriseSuspended}, EnterpriseActive},
	ActionWithdraw: {[]EnterpriseState{EnterpriseActive, EnterpriseSuspended}, EnterpriseWithdrawn},
}

// EnterpriseStep asks to take an enterprise to another state, or to decide on its proposed change.
type EnterpriseStep struct {
	Action       Action
	Reason       string
	Verification *Verification // of ActionApprove
}

// Verification is the check of who an enterprise is, as it was made before it became active. Who and
// when are the node's to say.
type Verification struct {
	Method string    `json:"method,omitempty" doc:"How it was checked"`
	Source string    `json:"source,omitempty" doc:"Against which data"`
	Result string    `json:"result,omitempty" doc:"passed, or left out"`
	Note   string    `json:"note,omitempty"`
	By     string    `json:"by,omitempty" doc:"The credential of who checked"`
	Role   Role      `json:"role,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// Transition is [Registrar.Step] without a verification.
func (r *Registrar) Transition(ctx context.Context, id string, action Action, reason string, w Write) (*Enterprise, error) {
	return r.Step(ctx, id, EnterpriseStep{Action: action, Reason: reason}, w)
}

// Step takes an enterprise to another state. Operators take every step, reviewers approve, return and
// reject, an enterprise's admin submits. Of an active enterprise with a proposed change, approve applies
// the change, and return and reject drop it. Refusals: CodeForbidden, CodeNotFound, CodeInvalidState,
// CodeInvalidRequest (a return without reason), CodeIncomplete (real-name data is required and lacking),
// CodeInvalidEnterprise and CodeAlreadyExists (the change does not fit any more).
func (r *Registrar) Step(ctx context.Context, id string, q EnterpriseStep, w Write) (*Enterprise, error) {
	step, known := transitions[q.Action]
	if !known {
		return nil, refuse(CodeInvalidRequest, "action", "unknown action %q", q.Action)
	}
	reviews := q.Action == ActionApprove || q.Action == ActionReturn || q.Action == ActionReject
	submits := q.Action == ActionSubmit && w.Actor.Has(RoleAdmin) && w.Actor.Enterprise == id
	if !w.Actor.IsOperator() && !(w.Actor.Has(RoleReviewer) && reviews) && !submits {
		return nil, refuse(CodeForbidden, "", "role %s does not %s enterprises", w.Actor.Role, q.Action)
	}
	if e := r.checkStep(q); e != nil {
		return nil, e
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	fingerprint := func(h hash.Hash) {
		hashJSON(h, "enterprise."+string(q.Action), []any{id, q.Reason, q.Verification})
	}
	e, err := once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Enterprise, error) {
		e, err := r.readEnterprise(ctx, id)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, refuse(CodeNotFound, "id", "no enterprise %s", id)
		}
		if err != nil {
			return nil, err
		}
		entry := AuditEntry{Op: "enterprise." + string(q.Action), ID: id, Reason: q.Reason, From: e.State}
		if reviews && e.State == EnterpriseActive && e.Change != nil {
			if err := r.decideChange(ctx, b, e, q, w.Actor, &entry, now); err != nil {
				return nil, err
			}
		} else if q.Action == ActionActivate && e.Ordered != nil {
			return nil, refuse(CodeInvalidState, "action", "the node above, %s, has ordered that enterprise %s is %s: only it can lift that", e.Ordered.By, id, e.State)
		} else if id == Self || !slices.Contains(step.from, e.State) {
			return nil, refuse(CodeInvalidState, "action", "enterprise %s is %s: %s is not possible", id, e.State, q.Action)
		} else if err := r.takeStep(ctx, b, e, q, step.to, w.Actor, now); err != nil {
			return nil, err
		}
		e.Updated = now
		if err := putEnterprise(b, e, storage.OpUpdate); err != nil {
			return nil, err
		}
		entry.To, entry.Version = e.State, e.Version
		return e.shownTo(w.Actor), r.audit(b, now, w.Actor, entry)
	})
	if err == nil {
		r.log.Info("enterprise "+string(e.State), "enterprise", id, "step", q.Action, "by", w.Actor.by(), "reason", q.Reason)
	}
	return e, err
}

// checkStep holds the texts of a step to their rules.
func (r *Registrar) checkStep(q EnterpriseStep) *Error {
	if e := r.checkText(CodeInvalidRequest, "/reason", q.Reason); e != nil {
		return e
	}
	if q.Action == ActionReturn && q.Reason == "" {
		return refuse(CodeInvalidRequest, "/reason", "a reason is required: say what has to be corrected")
	}
	v := q.Verification
	if v == nil {
		return nil
	}
	if q.Action != ActionApprove {
		return refuse(CodeInvalidRequest, "/verification", "only approve takes a verification")
	}
	for _, f := range []struct{ field, text string }{
		{"/verification/method", v.Method}, {"/verification/source", v.Source}, {"/verification/note", v.Note},
	} {
		if e := r.checkText(CodeInvalidRequest, f.field, f.text); e != nil {
			return e
		}
	}
	if v.Result != "" && v.Result != "passed" {
		return refuse(CodeInvalidRequest, "/verification/result", "only a check that was passed lets approve: return or reject the enterprise")
	}
	return nil
}

// takeStep changes e by a step that its state allows.
func (r *Registrar) takeStep(ctx context.Context, b *storage.Batch, e *Enterprise, q EnterpriseStep, to EnterpriseState, a Actor, now time.Time) error {
	switch q.Action {
	case ActionApprove:
		e.verifiedBy(a, orZero(q.Verification), now)
		if missing := e.missing(); r.realName && len(missing) > 0 {
			all := make([]Violation, len(missing))
			for i, field := range missing {
				all[i] = violation(field, "the real-name check needs this member")
			}
			return refuseAll(CodeIncomplete, all)
		}
		if r.realName && e.ValidUntil != "" && e.ValidUntil < now.Format(time.DateOnly) {
			return refuse(CodeIncomplete, "/validUntil", "the certificate has expired")
		}
	case ActionReject, ActionWithdraw:
		e.Change = nil
		if err := r.holdCertificate(ctx, b, e.ID, certificateOf(e.Form()), "", ""); err != nil {
			return err
		}
	}
	e.State, e.Reason = to, q.Reason
	return nil
}

// verifiedBy notes that a checked who e is, in the way that v tells.
func (e *Enterprise) verifiedBy(a Actor, v Verification, now time.Time) {
	v.By, v.Role, v.At = a.by(), a.Role, now
	e.Verification = &v
}

// missing is what real-name data e lacks, as JSON Pointers: the certificate and its scan, the legal
// person with identity and scans, a contact with telephone, and how all that was checked.
func (e *Enterprise) missing() []string {
	var legal, contact Contact
	if e.Legal != nil {
		legal = e.Legal.Contact
	}
	if e.Contact != nil {
		contact = *e.Contact
	}
	var certificate Certificate
	if e.Certificate != nil {
		certificate = *e.Certificate
	}
	number := "/creditCode"
	if certificate.Type == "other" {
		number = "/certificate/number"
	}
	out := []string{}
	for _, m := range []struct {
		field string
		there bool
	}{
		{number, certificateOf(e.Form()) != ""},
		{"/certificate/scan", certificate.Scan != ""},
		{"/legal/name", legal.Name != ""},
		{"/legal/idType", legal.IDType != ""},
		{"/legal/idNumber", legal.IDNumber != ""},
		{"/legal/idFront", legal.IDFront != ""},
		{"/legal/idBack", legal.IDBack != "" || legal.IDType == "passport"}, // a passport has its data on one page
		{"/contact/name", contact.Name != ""},
		{"/contact/phone", contact.Phone != ""},
		{"/verification/method", e.Verification != nil && e.Verification.Method != ""},
	} {
		if !m.there {
			out = append(out, m.field)
		}
	}
	return out
}
