package registry

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/idnode/idnode/storage"
)

// DefaultGrace is how long a secret stays good after a rotation unless something else is asked for,
// and maxGrace the longest.
const (
	DefaultGrace = 24 * time.Hour
	maxGrace     = 30 * 24 * time.Hour
)

// RotateKey gives an API key a new secret and returns the key with its secret form, which is shown
// this once. The secret before stays good for the time grace, from 0 to 30 days. A key has at
// most two good secrets. Who may issue a key with its limits may rotate it. Rotating is not
// idempotent. Refusals: CodeForbidden, CodeInvalidKey, CodeNotFound, CodeInvalidState (two secrets are
// good, or the key has ended), CodeConflict.
func (r *Registrar) RotateKey(ctx context.Context, id string, grace time.Duration, w Write) (*Key, string, error) {
	a := w.Actor
	if !a.Has(RoleOperator, RoleAdmin) {
		return nil, "", refuse(CodeForbidden, "", "role %s does not rotate keys", a.Role)
	}
	if grace < 0 || grace > maxGrace {
		return nil, "", refuse(CodeInvalidKey, "/grace", "a time from 0s to %s is expected", maxGrace)
	}
	k, refusal := r.readKey(ctx, id, a.IsOperator(), a)
	if refusal != nil {
		return nil, "", refusal
	}
	if !a.IsOperator() && k.Role.ofNode() || !a.coversScopes(k.Scopes) || !a.coversPrefixes(k.Prefixes) {
		return nil, "", refuse(CodeForbidden, "", "key %s reaches further than your own credential", id)
	}
	now := r.now()
	if k.Ended(now) {
		return nil, "", refuse(CodeInvalidState, "id", "key %s ended at %s; issue another", id, k.Expires.Format(time.RFC3339))
	}
	if now.Before(k.PreviousUntil) {
		return nil, "", refuse(CodeInvalidState, "id", "key %s has two good secrets until %s; rotate it after that", id, k.PreviousUntil.Format(time.RFC3339))
	}
	secret := newSecret()
	k.PreviousHash, k.PreviousUntil = k.SecretHash, now.Add(grace)
	k.SecretHash = sha256.Sum256([]byte(secret))
	value, err := encodeKey(k)
	if err != nil {
		return nil, "", AsError(err)
	}
	var b storage.Batch
	key := storage.CredentialKey(id)
	b.Put(key, value, k.Version)
	k.Version++
	b.Log(storage.Change{Op: storage.OpUpdate, Key: key, Version: k.Version})
	if err := r.audit(&b, now, a, AuditEntry{Op: "apikey.rotate", ID: id, Version: k.Version}); err != nil {
		return nil, "", AsError(err)
	}
	if _, err := r.store.Apply(ctx, &b); err != nil {
		return nil, "", AsError(fmt.Errorf("rotate key %s: %w", id, err))
	}
	r.log.Info("API key rotated", "key", id, "enterprise", k.Enterprise, "by", a.by(), "grace", grace)
	return k, keyPrefix + id + "_" + secret, nil
}
