package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emmansun/gmsm/sm2"

	handleauth "github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

const (
	challengeLife = time.Minute
	nonceRandom   = 24 // octets of a nonce that are random
	nonceSeal     = 16 // octets that prove that it is ours
	maxUsed       = 1 << 14
	maxSignature  = 4 << 10 // characters

	// sm2UserID is the user id of SM2 signatures where nothing else is agreed on (GM/T 0009, section 10).
	sm2UserID = "1234567812345678"
)

// Challenge is what an application signs to log in.
type Challenge struct {
	Nonce   string    `json:"nonce" doc:"Its characters are what is signed"`
	Expires time.Time `json:"expires"`
}

// challenges makes nonces and sees to it that each is used once. What it gives out takes no memory:
// a nonce tells its own end, and carries a proof that it was made here, for this identity. Only those that
// were used are kept, to their end.
type challenges struct {
	key [32]byte // of this process: nonces do not outlive it

	mu   sync.Mutex
	used map[string]time.Time // nonce → its end
}

func (c *challenges) make(identity string, now time.Time) Challenge {
	expires := now.Add(challengeLife).Truncate(time.Millisecond)
	nonce := make([]byte, nonceRandom, nonceRandom+8+nonceSeal)
	rand.Read(nonce)
	nonce = binary.BigEndian.AppendUint64(nonce, uint64(expires.UnixMilli()))
	nonce = append(nonce, c.proof(identity, nonce)...)
	return Challenge{base64.RawURLEncoding.EncodeToString(nonce), expires.UTC()}
}

func (c *challenges) proof(identity string, nonce []byte) []byte {
	m := hmac.New(sha256.New, c.key[:])
	m.Write(nonce)
	m.Write([]byte(identity))
	return m.Sum(nil)[:nonceSeal]
}

var errManyUsed = errors.New("too many logins at a time")

// use reports whether nonce was made for identity, has not ended, and is used for the first time.
func (c *challenges) use(identity, nonce string, now time.Time) (bool, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(raw) != nonceRandom+8+nonceSeal || strings.ContainsAny(nonce, "\r\n") {
		return false, nil
	}
	said, proof := raw[:nonceRandom+8], raw[nonceRandom+8:]
	expires := time.UnixMilli(int64(binary.BigEndian.Uint64(said[nonceRandom:])))
	if !hmac.Equal(proof, c.proof(identity, said)) || !now.Before(expires) {
		return false, nil
	}
	return c.spend(nonce, expires, now)
}

// spend notes that nonce, which ends at expires, was used, and reports whether it was for the first time.
func (c *challenges) spend(nonce string, expires, now time.Time) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, again := c.used[nonce]; again {
		return false, nil
	}
	if c.used == nil {
		c.used = make(map[string]time.Time)
	}
	if len(c.used) >= maxUsed {
		for n, end := range c.used {
			if !now.Before(end) {
				delete(c.used, n)
			}
		}
		if len(c.used) >= maxUsed {
			return false, errManyUsed
		}
	}
	c.used[nonce] = expires
	return true, nil
}

// Challenge returns what the application with that identity ("300:88.1021.150/APP_mes") has to sign.
// Whether there is such an identity it does not tell.
func (v *Verifier) Challenge(identity string) (Challenge, error) {
	if v.reg == nil {
		return Challenge{}, registry.Refuse(registry.CodeUnauthenticated, "", "this node gives no tokens")
	}
	if _, _, ok := registry.ParseIdentity(identity); !ok {
		return Challenge{}, registry.Refuse(registry.CodeInvalidRequest, "/identity", "an index and a handle are expected, such as 300:88.1021.150/APP_mes")
	}
	return v.challenges.make(identity, v.clock()), nil
}

// LoginSigned gives a token to the application that has signed a challenge of its identity. The
// signature, in base64, is over the nonce's characters: RSA PKCS #1 v1.5, ECDSA in ASN.1, both with
// SHA-256, Ed25519, or SM2 with SM3 and the user id 1234567812345678 or the handle. Refusals:
// CodeUnauthenticated, CodeTooManyRequests, CodeForbidden (disabled), CodeNamespaceSuspended,
// CodeEnterpriseSuspended.
func (v *Verifier) LoginSigned(ctx context.Context, identity, nonce, signature string, addr netip.Addr) (Token, error) {
	if v.reg == nil {
		return Token{}, registry.Refuse(registry.CodeUnauthenticated, "", "this node gives no tokens")
	}
	now := v.clock()
	if e := v.takeAddress(addr, now); e != nil {
		return Token{}, e
	}
	fresh, err := v.challenges.use(identity, nonce, now)
	if err != nil {
		return Token{}, tooManyLogins()
	}
	if !fresh {
		v.failures.WithLabelValues(kindPassword).Inc()
		return Token{}, registry.Refuse(registry.CodeUnauthenticated, "", "the nonce is not for this identity, was used or has ended; ask for another")
	}
	return v.loginIdentity(ctx, identity, addr, now, func(key crypto.PublicKey, handle string) (bool, error) {
		return verifyNonce(key, handle, nonce, signature), nil
	})
}

func tooManyLogins() error {
	e := registry.Refuse(registry.CodeTooManyRequests, "", "too many logins at a time; it may be tried again in %s", challengeLife)
	e.RetryAfter = challengeLife
	return e
}

// loginIdentity gives a token to the application with that identity if it proved that it has the key.
func (v *Verifier) loginIdentity(ctx context.Context, identity string, addr netip.Addr, now time.Time, proved func(key crypto.PublicKey, handle string) (bool, error)) (Token, error) {
	a, err := v.reg.IdentityAccount(ctx, identity)
	if errors.Is(err, storage.ErrNotFound) {
		return v.refuseSignature()
	}
	if err != nil {
		return Token{}, registry.AsError(err)
	}
	k, err := v.reg.IdentityKey(ctx, a)
	if err != nil {
		if registry.AsError(err).Code == registry.CodeNotFound {
			return v.refuseSignature()
		}
		return v.refuseLogin(registry.AsError(err))
	}
	key, err := handleauth.ParsePublicKey(k.Data)
	if err != nil {
		return v.refuseSignature()
	}
	good, err := proved(key, k.Handle)
	if err != nil {
		return Token{}, err
	}
	if !good {
		return v.refuseSignature()
	}
	v.addresses.giveBack(networkOf(addr), now)
	if a.Disabled {
		return v.refuseLogin(registry.Refuse(registry.CodeForbidden, "", "the account %s is disabled; ask an administrator to enable it", a.Username))
	}
	if err := v.reg.LoginSucceeded(ctx, a.Username, addr); err != nil {
		return Token{}, err
	}
	return v.issueIdentity(a, k, now)
}

func (v *Verifier) refuseSignature() (Token, error) {
	v.failures.WithLabelValues(kindPassword).Inc()
	return Token{}, registry.Refuse(registry.CodeUnauthenticated, "", "the identity is not known here, or the signature is not one of its key over the nonce")
}

// verifyNonce reports whether signature is one of nonce.
func verifyNonce(key crypto.PublicKey, handle, nonce, signature string) bool {
	if len(signature) > maxSignature {
		return false
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	message := []byte(nonce)
	digest := sha256.Sum256(message)
	switch k := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], sig) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(k, message, sig)
	case *ecdsa.PublicKey:
		if k.Curve != sm2.P256() {
			return ecdsa.VerifyASN1(k, digest[:], sig)
		}
		for _, uid := range []string{sm2UserID, handle} {
			if sm2.VerifyASN1WithSM2(k, []byte(uid), message, sig) || sm2.VerifyASN1WithSM2(k, []byte(uid), message, joinedSM2(sig)) {
				return true
			}
		}
	}
	return false
}

// joinedSM2 is an SM2 signature in ASN.1 (GM/T 0009, section 7.3) of one that is r and s in 32 octets
// each (GB/T 32918.2), as some libraries write it; nil of any other.
func joinedSM2(sig []byte) []byte {
	if len(sig) != 64 {
		return nil
	}
	out, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
	if err != nil {
		return nil
	}
	return out
}
