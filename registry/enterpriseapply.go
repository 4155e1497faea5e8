package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"net/netip"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

const (
	// applicationsPerHour is how many enterprises may apply from one network (IPv4 /24, IPv6 /56) in an hour.
	applicationsPerHour = 5
	// maxUndecided is the most enterprises that may wait for a decision before further ones apply by themselves.
	maxUndecided = 1000
)

// EnterpriseApplication is what an enterprise hands in that has no credential yet.
type EnterpriseApplication struct {
	Enterprise EnterpriseForm
	Prefix     *PrefixWish
}

// PrefixWish is the prefix that an enterprise would like.
type PrefixWish struct {
	Scheme  string              `json:"scheme,omitempty" enum:"handle,oid,ecode,gs1" default:"handle"`
	Prefix  string              `json:"prefix,omitempty" doc:"Absent: the next free number"`
	Mode    identifier.Mode     `json:"mode,omitempty" enum:"hosted,delegated" default:"hosted"`
	Service *identifier.Service `json:"service,omitempty" doc:"Of a delegated prefix: whom to ask"`
	Purpose string              `json:"purpose,omitempty" doc:"What the identifiers are for"`
}

// Apply enters an enterprise that applies by itself: it is pending, and has an API key of role admin, of which
// the secret form is returned this once. With it the applicant reads and amends the form and uploads files.
// Applying is not idempotent: the key is not kept. Refusals: CodeForbidden (applications are closed),
// CodeTooManyRequests, CodeInvalidEnterprise, CodeAlreadyExists (the certificate).
func (r *Registrar) Apply(ctx context.Context, q EnterpriseApplication, w Write) (*Enterprise, string, error) {
	if r.closed {
		return nil, "", refuse(CodeForbidden, "", "this node takes no applications without a credential: ask its operators to enter the enterprise")
	}
	back, refusal := r.applicants.take(w.Actor.Addr, r.now())
	if refusal != nil {
		return nil, "", refusal
	}
	e, secret, err := r.apply(ctx, q, w)
	if err != nil {
		back() // what was refused may be corrected at once
		return nil, "", err
	}
	r.log.Info("enterprise applied", "enterprise", e.ID, "peer", w.Actor.Addr)
	return e, secret, nil
}

func (r *Registrar) apply(ctx context.Context, q EnterpriseApplication, w Write) (*Enterprise, string, error) {
	r.applying.Lock() // one at a time: counting those that wait reads all enterprises
	defer r.applying.Unlock()
	if err := r.checkUndecided(ctx); err != nil {
		return nil, "", AsError(err)
	}
	w.IdempotencyKey = ""
	secret, id := newSecret(), newID("e")
	k := &Key{ID: newID("k"), Enterprise: id, Role: RoleAdmin, SecretHash: sha256.Sum256([]byte(secret)), Version: 1}
	e, err := once(ctx, r, w, func(hash.Hash) {}, func(b *storage.Batch, now time.Time) (*Enterprise, error) {
		e := Enterprise{ID: id, State: EnterprisePending, Created: now, Updated: now}
		form := q.Enterprise
		wrong := r.checkWish(q.Prefix, "/prefix")
		if len(wrong) > 0 {
			return nil, refuseAll(CodeInvalidEnterprise, append(checkEnterpriseForm(&form, false, "/enterprise", now), wrong...))
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
		k.Created = now
		value, err := encodeKey(k)
		if err != nil {
			return nil, err
		}
		key := storage.CredentialKey(k.ID)
		b.Put(key, value, 0)
		b.Log(storage.Change{Op: storage.OpCreate, Key: key, Version: 1})
		return &e, r.audit(b, now, w.Actor, AuditEntry{Op: "enterprise.apply", ID: id, Version: e.Version, To: e.State})
	})
	return e, keyPrefix + k.ID + "_" + secret, err
}

// applyFor adds to b the application for the prefix that an enterprise would like.
func (r *Registrar) applyFor(ctx context.Context, b *storage.Batch, q *PrefixWish, enterprise string, now time.Time, by Actor) (*Application, error) {
	scheme, err := identifier.ParseScheme(q.Scheme)
	if err != nil {
		return nil, err
	}
	a := &Application{ID: newID("p"), Enterprise: enterprise, Scheme: scheme, Prefix: q.Prefix, Mode: q.Mode, Service: q.Service, Purpose: q.Purpose,
		State: ApplicationPending, Created: now, Updated: now}
	if err := r.checkFree(ctx, a); err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Field == "/prefix" {
			e.Field = "/prefix/prefix"
		}
		return nil, err
	}
	if err := putApplication(b, a, storage.OpCreate); err != nil {
		return nil, err
	}
	return a, r.audit(b, now, by, AuditEntry{Op: "application.create", ID: a.ID, Version: a.Version})
}

// checkUndecided refuses while too many enterprises wait for a decision.
func (r *Registrar) checkUndecided(ctx context.Context) error {
	undecided := 0
	err := r.store.Scan(ctx, storage.TableRange(storage.TableEnterprise), func(_ []byte, item storage.Item) error {
		e, err := decodeEnterprise(item)
		if err == nil && (e.State == EnterprisePending || e.State == EnterpriseReturned) {
			undecided++
		}
		if undecided == maxUndecided {
			return storage.Stop
		}
		return err
	})
	if err == nil && undecided == maxUndecided {
		e := refuse(CodeTooManyRequests, "", "%d applications wait for a decision here: apply later", maxUndecided)
		e.RetryAfter = time.Hour
		return e
	}
	return err
}

// checkWish brings the wish for a prefix into its normal shape and returns what is wrong with it.
func (r *Registrar) checkWish(q *PrefixWish, at string) []Violation {
	if q == nil {
		return nil
	}
	var all []Violation
	scheme := identifier.Handle
	if q.Scheme != "" {
		var err error
		if scheme, err = identifier.ParseScheme(q.Scheme); err != nil {
			all = append(all, violation(at+"/scheme", "%s", err))
			return all
		}
	}
	q.Scheme = scheme.String()
	if q.Prefix != "" {
		name, err := scheme.ParseNamespace(q.Prefix)
		switch {
		case err != nil:
			all = append(all, violation(at+"/prefix", "%s", err))
		case !r.ownsPrefix(identifier.Key{Scheme: scheme, Name: name}):
			all = append(all, violation(at+"/prefix", "%s is not under a prefix of this node", name))
		default:
			q.Prefix = name
		}
	}
	if q.Mode == "" {
		q.Mode = identifier.Hosted
	}
	if e := checkService(&identifier.Namespace{Scheme: scheme, Mode: q.Mode, Service: q.Service}); e != nil {
		all = append(all, e.violation(at))
	}
	if e := r.checkText(CodeInvalidEnterprise, "/purpose", q.Purpose); e != nil {
		all = append(all, e.violation(at))
	}
	return all
}

// violation is what e refuses, at a place under at.
func (e *Error) violation(at string) Violation {
	return Violation{Field: at + e.Field, Detail: e.Detail, format: e.format, args: e.args}
}

// networkOf is the network that limits count together: IPv4 /24, IPv6 /56.
func networkOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 56
	if addr.Is4() {
		bits = 24
	}
	n, _ := addr.Prefix(bits) // zero for the zero address
	return n
}
