package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/storage"
)

// revokedKey is where it is kept that a token was revoked: in the bucket of the day on which the
// token ends, which is removed when that day is past, together with the idempotency entries of it.
func revokedKey(id string, expires time.Time) []byte {
	scope := sha256.Sum256([]byte("revoked token\x00" + id))
	return storage.IdempotencyKey(expires, scope[:])
}

// RevokeToken ends the token that the actor calls with, at once. Refusal: CodeInvalidRequest for
// other credentials.
func (r *Registrar) RevokeToken(ctx context.Context, a Actor) error {
	if a.Token == "" {
		return refuse(CodeInvalidRequest, "", "only a token that this node gave can be logged out; an API key is deleted")
	}
	var b storage.Batch
	b.Set(revokedKey(a.Token, a.TokenExpires), []byte{1})
	if err := r.audit(&b, r.now(), a, AuditEntry{Op: "token.revoke", ID: a.Token}); err != nil {
		return AsError(err)
	}
	if _, err := r.store.Apply(ctx, &b); err != nil {
		return AsError(fmt.Errorf("revoke token: %w", err))
	}
	return nil
}

// TokenRevoked reports whether a token was revoked.
func (r *Registrar) TokenRevoked(ctx context.Context, id string, expires time.Time) (bool, error) {
	_, err := r.store.Get(ctx, revokedKey(id, expires))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read revoked token: %w", err)
	}
	return true, nil
}
