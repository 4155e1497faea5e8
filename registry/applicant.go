package registry

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"time"

	"github.com/idnode/idnode/storage"
)

// Applicants are people whose enterprise is not known yet, as the market's interface has them (SNMS, /identity/registry): an
// operator enters the person first, the enterprise follows. Such an account belongs to no enterprise and has the role
// reader: it logs in, keeps files for its application, and nothing else.

// EnterApplicant makes the account of an applicant. Operators only; otherwise as [Registrar.CreateAccount].
func (r *Registrar) EnterApplicant(ctx context.Context, q AccountRequest, w Write) (*Account, error) {
	if !w.Actor.IsOperator() {
		return nil, refuse(CodeForbidden, "", "role %s does not enter applicants", w.Actor.Role)
	}
	q.Enterprise, q.Roles = "", []Role{RoleReader}
	a, err := r.applicant(ctx, q)
	if err != nil {
		return nil, err
	}
	return once(ctx, r, w, fingerprintOf("applicant.create", q), func(b *storage.Batch, now time.Time) (*Account, error) {
		return r.addAccount(ctx, b, *a, w, now)
	})
}

// fingerprintOf is that of an account, without its password.
func fingerprintOf(op string, q AccountRequest, more ...any) func(hash.Hash) {
	q.Password, q.FormHash = "", ""
	return func(h hash.Hash) { hashJSON(h, op, append(more, q)) }
}

// applicant checks an account to be made whose enterprise is left out.
func (r *Registrar) applicant(ctx context.Context, q AccountRequest) (*Account, error) {
	a := &Account{Username: q.Username, Kind: PersonAccount, Enterprise: Self, Roles: q.Roles, Name: q.Name, Email: q.Email, Mobile: q.Mobile}
	all := checkUsername(q.Username)
	more, err := r.checkAccount(ctx, a)
	if err != nil {
		return nil, AsError(err)
	}
	form, wrong := checkPassword(q.Username, q.Password, q.FormHash)
	if q.Password == "" && q.FormHash == "" {
		wrong = []Violation{violation("/password", "a password is required")}
	}
	if refusal := refuseAll(CodeInvalidAccount, slices.Concat(all, more, wrong)); refusal != nil {
		return nil, refusal
	}
	a.Enterprise = q.Enterprise
	return a, r.setPassword(ctx, a, form)
}

// ApplyAs enters an enterprise that applies together with the person who acts for it: a new account, or, if
// Account.Username alone is given, an applicant's. The enterprise is pending, the account becomes its admin. Files that the
// actor keeps and the form names become the enterprise's. Operators do that for all, applicants for themselves.
// Refusals: CodeForbidden, CodeNotFound (the account), CodeInvalidState (it has an enterprise already), CodeInvalidAccount, and
// those of [Registrar.Apply].
func (r *Registrar) ApplyAs(ctx context.Context, q EnterpriseApplication, account AccountRequest, w Write) (*Enterprise, error) {
	known := account.Password == "" && account.FormHash == ""
	if !w.Actor.IsOperator() && !(known && w.Actor.Account != "" && w.Actor.Account == FoldUsername(account.Username)) {
		return nil, refuse(CodeForbidden, "", "role %s does not apply for others", w.Actor.Role)
	}
	id := newID("e")
	account.Roles = []Role{RoleAdmin}
	var made *Account
	if !known {
		account.Enterprise = id
		var err error
		if made, err = r.applicant(ctx, account); err != nil {
			return nil, err
		}
	}
	r.applying.Lock() // one at a time: counting those that wait reads all enterprises
	defer r.applying.Unlock()
	if err := r.checkUndecided(ctx); err != nil {
		return nil, AsError(err)
	}
	account.Enterprise = ""
	scope := w
	scope.Actor.Enterprise = "" // an applicant has one once the request has been carried out, and may repeat it then
	e, err := once(ctx, r, scope, fingerprintOf("enterprise.applyAs", account, q), func(b *storage.Batch, now time.Time) (*Enterprise, error) {
		e := Enterprise{ID: id, State: EnterprisePending, Created: now, Updated: now}
		var err error
		if known {
			err = r.promote(ctx, b, account.Username, id, w, now)
		} else {
			_, err = r.addAccount(ctx, b, *made, w, now)
		}
		if err != nil {
			return nil, err
		}
		form := q.Enterprise
		if wrong := r.checkWish(q.Prefix, "/prefix"); len(wrong) > 0 {
			return nil, refuseAll(CodeInvalidEnterprise, append(checkEnterpriseForm(&form, false, "/enterprise", now), wrong...))
		}
		if e.claimed, err = r.claimFiles(ctx, b, &form, id, w.Actor); err != nil {
			return nil, err
		}
		if err := r.setForm(ctx, b, &e, form, "/enterprise", now); err != nil {
			return nil, err
		}
		if q.Prefix != nil {
			a, err := r.applyFor(ctx, b, q.Prefix, id, now, w.Actor)
			if err != nil {
				return nil, err
			}
			e.Application = a.ID
		}
		if err := putEnterprise(b, &e, storage.OpCreate); err != nil {
			return nil, err
		}
		return &e, r.audit(b, now, w.Actor, AuditEntry{Op: "enterprise.apply", ID: id, Version: e.Version, To: e.State})
	})
	if err == nil {
		r.log.Info("enterprise applied", "enterprise", e.ID, "by", w.Actor.by())
	}
	return e, err
}

// promote makes an applicant's account that of the admin of an enterprise.
func (r *Registrar) promote(ctx context.Context, b *storage.Batch, username, enterprise string, w Write, now time.Time) error {
	a, err := readAccount(ctx, r.store, FoldUsername(username))
	if errors.Is(err, storage.ErrNotFound) {
		return refuse(CodeNotFound, "/username", "no account %s", username)
	}
	if err != nil {
		return err
	}
	if a.Enterprise != "" || a.Kind != PersonAccount {
		return refuse(CodeInvalidState, "/username", "the account %s belongs to an enterprise already", a.Username)
	}
	a.Enterprise, a.Roles, a.Updated = enterprise, []Role{RoleAdmin}, now
	if err := putAccount(b, a, storage.OpUpdate); err != nil {
		return err
	}
	return r.audit(b, now, w.Actor, AuditEntry{Op: "account.update", ID: a.Username, Version: a.Version})
}

// waitingFor is how long a file waits for the form that names it.
const waitingFor = 7 * 24 * time.Hour

// KeepFile keeps an attachment: of the actor's enterprise as AddFile does, or, of an operator's or applicant's, for the form in which it
// will be named within seven days.
func (r *Registrar) KeepFile(ctx context.Context, name string, data []byte, w Write) (*File, error) {
	if w.Actor.Enterprise != "" && !w.Actor.IsOperator() {
		return r.AddFile(ctx, FileUpload{Name: name, Data: data}, w)
	}
	if w.Actor.by() == "" {
		return nil, refuse(CodeForbidden, "", "role %s does not keep files of enterprise %s", w.Actor.Role, Self)
	}
	media, refusal := r.checkFile(FileAttachment, data)
	if refusal != nil {
		return nil, refusal
	}
	if e := r.checkText(CodeInvalidRequest, "name", name); e != nil {
		return nil, e
	}
	if err := r.dropWaiting(ctx, w.Actor.by()); err != nil {
		return nil, AsError(err)
	}
	digest := sha256.Sum256(data)
	f := File{Name: name, MediaType: media, Size: len(data), SHA256: fmt.Sprintf("%x", digest), Enterprise: Self, Purpose: FileAttachment, Waiting: w.Actor.by()}
	return once(ctx, r, w, func(h hash.Hash) { hashJSON(h, "file.keep", f) }, func(b *storage.Batch, now time.Time) (*File, error) {
		f := f
		f.ID, f.Created = newID("f"), now
		value, err := json.Marshal(&f)
		if err != nil {
			return nil, fmt.Errorf("encode file: %w", err)
		}
		if err := r.putFile(ctx, b, &f, value, data); err != nil {
			return nil, err
		}
		return &f, r.audit(b, now, w.Actor, AuditEntry{Op: "file.create", ID: f.ID, Version: 1})
	})
}

// dropWaiting removes files that have waited too long, and the oldest of one credential's if it has many.
func (r *Registrar) dropWaiting(ctx context.Context, by string) error {
	node := Actor{Enterprise: Self, KeyID: by, Role: RoleOperator}
	var mine []*File
	for cursor := ""; ; {
		files, next, err := r.ListFiles(ctx, node, Self, Paging{Limit: r.limits.PageRows, Cursor: cursor})
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.Waiting != "" && (r.now().Sub(f.Created) > waitingFor || f.Waiting == by) {
				mine = append(mine, f)
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	slices.SortFunc(mine, func(a, b *File) int { return a.Created.Compare(b.Created) })
	for i, f := range mine {
		if f.Waiting != by || r.now().Sub(f.Created) > waitingFor || len(mine)-i > mostWaiting {
			if err := r.DeleteFile(ctx, f.ID, Write{Actor: node}); err != nil && AsError(err).Code != CodeNotFound {
				return err
			}
		}
	}
	return nil
}

// mostWaiting is how many files wait for the forms of one credential.
const mostWaiting = 50

// claimFiles makes the files that wait for the actor's form, and that the form names, those of the enterprise. It returns
// their ids.
func (r *Registrar) claimFiles(ctx context.Context, b *storage.Batch, form *EnterpriseForm, enterprise string, a Actor) ([]string, error) {
	ids, _ := formFiles(form, "")
	slices.Sort(ids)
	var claimed []string
	octets := 0
	for _, id := range slices.Compact(ids) {
		f, err := r.readFile(ctx, id)
		if errors.Is(err, storage.ErrNotFound) || err == nil && (f.Waiting == "" || f.Waiting != a.by()) {
			continue // the form is refused for it
		}
		if err != nil {
			return nil, err
		}
		f.Enterprise, f.Waiting = enterprise, ""
		value, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("encode file: %w", err)
		}
		key := storage.FileKey(id)
		b.Put(key, value, f.version)
		b.Log(storage.Change{Op: storage.OpUpdate, Key: key, Version: f.version + 1})
		b.Delete(fileIndexKey(Self, id), 1)
		b.Put(fileIndexKey(enterprise, id), value, 0)
		claimed, octets = append(claimed, id), octets+f.Size
	}
	if len(claimed) == 0 {
		return nil, nil
	}
	if err := r.useFiles(ctx, b, Self, -len(claimed), -octets); err != nil {
		return nil, err
	}
	return claimed, r.useFiles(ctx, b, enterprise, len(claimed), octets)
}
