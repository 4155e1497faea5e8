package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/idnode/idnode/storage"
)

// EnterpriseChange is a change of an active enterprise's form that waits for a reviewer.
type EnterpriseChange struct {
	Patch json.RawMessage `json:"patch"` // the members to change (RFC 7396)
	By    string          `json:"by,omitempty"`
	At    time.Time       `json:"at"`
}

// freeMembers are the members that an active enterprise's admin changes without a review.
var freeMembers = []string{"contact", "website", "description"}

// PatchEnterprise merges patch (RFC 7396) into the form of an enterprise. Operators
// patch every enterprise; its own admin patches it while it is pending or returned. Once it is active what an
// admin changes beyond contact, website and description becomes a proposed change, which a reviewer decides on;
// later proposals add to it. Refusals: CodeForbidden, CodeNotFound, CodeVersionMismatch, CodeInvalidState,
// CodeInvalidRequest, CodeInvalidEnterprise, CodeAlreadyExists (the certificate).
func (r *Registrar) PatchEnterprise(ctx context.Context, id string, patch []byte, w Write) (*Enterprise, error) {
	if !w.Actor.IsOperator() && !(w.Actor.Has(RoleAdmin) && w.Actor.Enterprise == id) {
		return nil, refuse(CodeForbidden, "", "role %s does not change enterprise %s", w.Actor.Role, id)
	}
	members, refusal := patchMembers(patch)
	if refusal != nil {
		return nil, refusal
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "enterprise.update", []any{id, members}) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*Enterprise, error) {
		e, err := r.readEnterprise(ctx, id)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, refuse(CodeNotFound, "id", "no enterprise %s", id)
		}
		if err != nil {
			return nil, err
		}
		if w.IfMatch != 0 && w.IfMatch != e.Version {
			return nil, versionMismatch(e.Version, w.IfMatch)
		}
		entry := AuditEntry{Op: "enterprise.update", ID: id, From: e.State, To: e.State}
		atOnce, later := members, map[string]any(nil)
		switch {
		case w.Actor.IsOperator(), e.State == EnterprisePending, e.State == EnterpriseReturned:
		case e.State == EnterpriseActive:
			atOnce, later = splitPatch(members)
		default:
			return nil, refuse(CodeInvalidState, "id", "enterprise %s is %s: its form cannot be changed", id, e.State)
		}
		old := e.Form()
		form, err := mergeForm(old, atOnce)
		if err != nil {
			return nil, err
		}
		if err := r.setForm(ctx, b, e, form, "", now); err != nil {
			return nil, err
		}
		if entry.Changes, err = changes(old, e.Form()); err != nil {
			return nil, err
		}
		if len(later) > 0 {
			entry.Op = "enterprise.propose"
			if err := r.propose(ctx, b, e, later, w.Actor, &entry, now); err != nil {
				return nil, err
			}
		}
		e.Updated = now
		if err := putEnterprise(b, e, storage.OpUpdate); err != nil {
			return nil, err
		}
		entry.Version = e.Version
		return e.shownTo(w.Actor), r.audit(b, now, w.Actor, entry)
	})
}

// patchMembers reads a merge patch of a form.
func patchMembers(patch []byte) (map[string]any, *Error) {
	d := json.NewDecoder(bytes.NewReader(patch))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil || members == nil {
		return nil, refuse(CodeInvalidRequest, "", "an object with the members to change is expected")
	}
	known := formMembers()
	for name := range members {
		if !known[name] {
			return nil, refuse(CodeInvalidRequest, "/"+name, "the member is not known here")
		}
	}
	return members, nil
}

// formMembers are the names of the members of the form.
func formMembers() map[string]bool {
	known := make(map[string]bool)
	for _, t := range []reflect.Type{reflect.TypeFor[EnterpriseForm](), reflect.TypeFor[EnterpriseDetails]()} {
		for i := range t.NumField() {
			if m := t.Field(i); !m.Anonymous {
				known[memberName(m)] = true
			}
		}
	}
	return known
}

// splitPatch parts what an admin changes at once from what is proposed.
func splitPatch(members map[string]any) (free, proposed map[string]any) {
	free, proposed = make(map[string]any), make(map[string]any)
	for name, v := range members {
		if slices.Contains(freeMembers, name) {
			free[name] = v
		} else {
			proposed[name] = v
		}
	}
	return free, proposed
}

// mergePatch merges patch into target as RFC 7396 says; into a patch, nulls are kept.
func mergePatch(target, patch any, intoPatch bool) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, _ := target.(map[string]any)
	merged := maps.Clone(t)
	if merged == nil {
		merged = make(map[string]any)
	}
	for name, v := range p {
		if v == nil && !intoPatch {
			delete(merged, name)
			continue
		}
		merged[name] = mergePatch(merged[name], v, intoPatch)
	}
	return merged
}

// mergeForm is the form after a merge patch.
func mergeForm(old EnterpriseForm, patch map[string]any) (EnterpriseForm, error) {
	text, err := json.Marshal(patch)
	if err != nil {
		return old, fmt.Errorf("encode patch: %w", err)
	}
	return mergeInto(old, text)
}

// mergeInto is a form after a merge patch in JSON. Refusals: CodeInvalidRequest.
func mergeInto[T any](old T, patch []byte) (T, error) {
	var form T
	text, err := json.Marshal(old)
	if err != nil {
		return form, fmt.Errorf("encode form: %w", err)
	}
	var sides [2]any
	for i, side := range [][]byte{text, patch} {
		d := json.NewDecoder(bytes.NewReader(side))
		d.UseNumber()
		if err := d.Decode(&sides[i]); err != nil {
			return form, refuse(CodeInvalidRequest, "", "not the JSON expected here: %s", err)
		}
	}
	if _, ok := sides[1].(map[string]any); !ok {
		return form, refuse(CodeInvalidRequest, "", "an object with the members to change is expected")
	}
	if text, err = json.Marshal(mergePatch(sides[0], sides[1], false)); err != nil {
		return form, fmt.Errorf("encode form: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&form); err != nil {
		return form, refuse(CodeInvalidRequest, "", "not the JSON expected here: %s", err)
	}
	return form, nil
}

// versionMismatch refuses a write on condition of another version than the current one.
func versionMismatch(current, expected uint64) *Error {
	e := refuse(CodeVersionMismatch, "", "the version is %d", current)
	e.Current, e.Expected = current, expected
	return e
}

// setForm checks form and makes it that of e, within b: its certificate is e's alone, and the files that
// it comes to name stay. Places of what is wrong are told under at.
func (r *Registrar) setForm(ctx context.Context, b *storage.Batch, e *Enterprise, form EnterpriseForm, at string, now time.Time) error {
	all := checkEnterpriseForm(&form, e.ID == Self, at, now)
	wrong, err := r.checkFormFiles(ctx, b, e.ID, e.files(), &form, at)
	if err != nil {
		return err
	}
	if refusal := refuseAll(CodeInvalidEnterprise, append(all, wrong...)); refusal != nil {
		return refusal
	}
	before := certificateOf(e.Form())
	e.SetForm(form)
	if e.State == EnterpriseRejected || e.State == EnterpriseWithdrawn {
		return nil // they hold no certificate
	}
	return r.holdCertificate(ctx, b, e.ID, before, certificateOf(form), at)
}

// files are the ids of all files that the form of e and its proposed change name.
func (e *Enterprise) files() []string {
	form := e.Form()
	ids, _ := formFiles(&form, "")
	ids = append(ids, e.claimed...)
	if e.Change != nil {
		var proposed EnterpriseForm
		if json.Unmarshal(e.Change.Patch, &proposed) == nil {
			more, _ := formFiles(&proposed, "")
			ids = append(ids, more...)
		}
	}
	return ids
}

// checkFormFiles returns what is wrong with the files that the form names, and sees to it that those
// that are new to it are still there when b is applied. A nil b is for a form that is only looked at.
func (r *Registrar) checkFormFiles(ctx context.Context, b *storage.Batch, enterprise string, before []string, form *EnterpriseForm, at string) ([]Violation, error) {
	var all []Violation
	ids, places := formFiles(form, at)
	seen := make(map[string]bool)
	for i, id := range ids {
		if slices.Contains(before, id) {
			continue
		}
		f, err := r.readFile(ctx, id)
		if errors.Is(err, storage.ErrNotFound) || err == nil && f.Enterprise != enterprise {
			all = append(all, violation(places[i], "the enterprise has no file %s: upload it first", id))
			continue
		}
		if err != nil {
			return nil, err
		}
		if b != nil && !seen[id] {
			seen[id] = true
			b.Check(storage.FileKey(id), f.version)
		}
	}
	return all, nil
}

// certificateOf names the certificate of a form, "" if it has none: kind and number.
func certificateOf(f EnterpriseForm) string {
	switch {
	case f.CreditCode != "":
		return "credit_code:" + f.CreditCode
	case f.Certificate != nil && f.Certificate.Type == "other" && f.Certificate.Number != "":
		return "other:" + f.Certificate.Number
	}
	return ""
}

// holdCertificate moves the enterprise's hold from one certificate to another, "" for none. A certificate is
// held by one enterprise: its row is put at version 0, so that of two that race one is refused.
func (r *Registrar) holdCertificate(ctx context.Context, b *storage.Batch, enterprise, before, after, at string) error {
	if before != "" && before != after {
		key := storage.IndexKey(storage.IndexCertificate, []string{before}, nil)
		item, err := r.store.Get(ctx, key)
		if err == nil && string(item.Value) == enterprise {
			b.Delete(key, item.Version)
		} else if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("read certificate: %w", err)
		}
	}
	if after == "" {
		return nil
	}
	key := storage.IndexKey(storage.IndexCertificate, []string{after}, nil)
	item, err := r.store.Get(ctx, key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		b.Put(key, []byte(enterprise), 0)
	case err != nil:
		return fmt.Errorf("read certificate: %w", err)
	case string(item.Value) != enterprise:
		return refuse(CodeAlreadyExists, at+"/creditCode", "an enterprise with this certificate has applied or is registered here already")
	}
	return nil
}

// propose adds members to the proposed change of e, if the form would be right with it.
func (r *Registrar) propose(ctx context.Context, b *storage.Batch, e *Enterprise, members map[string]any, a Actor, entry *AuditEntry, now time.Time) error {
	if e.Change != nil {
		var earlier map[string]any
		d := json.NewDecoder(bytes.NewReader(e.Change.Patch))
		d.UseNumber()
		if err := d.Decode(&earlier); err != nil {
			return fmt.Errorf("decode change: %w", err)
		}
		members, _ = mergePatch(earlier, members, true).(map[string]any)
	}
	form, err := mergeForm(e.Form(), members)
	if err != nil {
		return err
	}
	// The batch is thrown away: the certificate is taken when the change is approved.
	next := *e
	if err := r.setForm(ctx, new(storage.Batch), &next, form, "", now); err != nil {
		return err
	}
	// But a file that is deleted meanwhile must not come to be named.
	if _, err := r.checkFormFiles(ctx, b, e.ID, e.files(), &form, ""); err != nil {
		return err
	}
	patch, err := json.Marshal(members)
	if err != nil {
		return fmt.Errorf("encode change: %w", err)
	}
	proposed, err := changes(e.Form(), next.Form())
	if err != nil {
		return err
	}
	entry.Changes = append(entry.Changes, proposed...)
	e.Change, e.ChangeReason = &EnterpriseChange{Patch: patch, By: a.by(), At: now}, ""
	return nil
}

// decideChange applies the proposed change of e, or drops it.
func (r *Registrar) decideChange(ctx context.Context, b *storage.Batch, e *Enterprise, q EnterpriseStep, a Actor, entry *AuditEntry, now time.Time) error {
	entry.Op = "enterprise.change." + string(q.Action)
	change := e.Change
	if q.Action != ActionApprove {
		e.Change, e.ChangeReason = nil, q.Reason
		return nil
	}
	members, refusal := patchMembers(change.Patch)
	if refusal != nil {
		return refusal
	}
	old := e.Form()
	form, err := mergeForm(old, members)
	if err != nil {
		return err
	}
	e.Change, e.ChangeReason = nil, ""
	if err := r.setForm(ctx, b, e, form, "", now); err != nil {
		return err
	}
	if q.Verification != nil {
		e.verifiedBy(a, *q.Verification, now)
	}
	entry.Changes, err = changes(old, e.Form())
	return err
}

// changes are the members in which two forms differ, in the order of their names.
func changes(old, new EnterpriseForm) ([]MemberChange, error) {
	var sides [2]map[string]json.RawMessage
	for i, f := range []EnterpriseForm{old, new} {
		text, err := json.Marshal(f)
		if err == nil {
			err = json.Unmarshal(text, &sides[i])
		}
		if err != nil {
			return nil, fmt.Errorf("compare forms: %w", err)
		}
	}
	names := maps.Clone(sides[0])
	maps.Copy(names, sides[1])
	var out []MemberChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a, b := sides[0][name], sides[1][name]; !bytes.Equal(a, b) {
			out = append(out, MemberChange{Member: name, Old: maskJSON(a), New: maskJSON(b)})
		}
	}
	return out, nil
}
