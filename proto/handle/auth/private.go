package auth

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 the protocol has DSA keys
	"crypto/rsa"

	"github.com/emmansun/gmsm/sm2"
)

// PrivateKey is a key that answers challenges, and, unless it is an SM2 key, signs messages. The
// zero PrivateKey is none.
type PrivateKey struct {
	key crypto.PrivateKey // *rsa.PrivateKey, *dsa.PrivateKey or *sm2.PrivateKey
}

// NewPrivateKey wraps an [*rsa.PrivateKey], a [*dsa.PrivateKey] or an [*sm2.PrivateKey] of
// reasonable size.
func NewPrivateKey(key crypto.PrivateKey) (PrivateKey, error) {
	k := PrivateKey{key}
	switch key.(type) {
	case *rsa.PrivateKey, *dsa.PrivateKey, *sm2.PrivateKey:
		if err := checkPublic(k.Public()); err != nil {
			return PrivateKey{}, err
		}
		return k, nil
	}
	return PrivateKey{}, ErrKey
}

// IsZero reports whether there is no key.
func (k PrivateKey) IsZero() bool { return k.key == nil }

// Key is the key itself, for signatures of other protocols; nil without a key.
func (k PrivateKey) Key() crypto.PrivateKey { return k.key }

// Public is the public half of the key, as [ParsePublicKey] returns it; nil without a key.
func (k PrivateKey) Public() crypto.PublicKey {
	switch key := k.key.(type) {
	case *rsa.PrivateKey:
		return &key.PublicKey
	case *dsa.PrivateKey:
		return &key.PublicKey
	case *sm2.PrivateKey:
		return &key.PublicKey
	}
	return nil
}
