package auth

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"time"

	"github.com/idnode/idnode/registry"
)

// Clients of IDHub (idhub-api.md, section 6) sign a nonce of decimal digits and send back the signature alone, so
// that the nonces which an identity may have signed must be found again. An identity has nonceSlots of them each
// challengeLife, all made of the key of this process: what is given out takes no memory, and who asks for
// challenges of another's identity hinders nobody.
const (
	nonceSlots  = 32 // logins of one identity within challengeLife
	nonceDigits = 40 // 132 bits
)

// maxNonce is 10^nonceDigits.
var maxNonce = new(big.Int).Exp(big.NewInt(10), big.NewInt(nonceDigits), nil)

// digits is the nonce of an identity in a slot of the span of time number span.
func (c *challenges) digits(identity string, span int64, slot int) string {
	m := hmac.New(sha256.New, c.key[:])
	m.Write([]byte("digits\x00"))
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(span)))
	m.Write([]byte{byte(slot)})
	m.Write([]byte(registry.FoldUsername(identity)))
	n := new(big.Int).SetBytes(m.Sum(nil))
	return fmt.Sprintf("%0*d", nonceDigits, n.Mod(n, maxNonce))
}

// spanOf is the number of the span of time that now is in.
func spanOf(now time.Time) int64 { return now.UnixMilli() / challengeLife.Milliseconds() }

// endOf is when nonces of a span are no longer good: a span after it has ended.
func endOf(span int64) time.Time {
	return time.UnixMilli((span + 2) * challengeLife.Milliseconds()).UTC()
}

// unspent chooses a nonce of the present span that was not used, "" if all were.
func (c *challenges) unspent(identity string, span int64) string {
	var b [1]byte
	rand.Read(b[:])
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range nonceSlots {
		nonce := c.digits(identity, span, (int(b[0])+i)%nonceSlots)
		if _, used := c.used[nonce]; !used {
			return nonce
		}
	}
	return ""
}

// ChallengeDigits is Challenge with a nonce of 40 decimal digits, for LoginAnswered. It is good for one to two
// minutes. Two clients of one identity that ask at a time may be given the same nonce, of which one is then
// refused and asks again. Refusals: as of Challenge, CodeTooManyRequests.
func (v *Verifier) ChallengeDigits(identity string) (Challenge, error) {
	if v.reg == nil {
		return Challenge{}, registry.Refuse(registry.CodeUnauthenticated, "", "this node gives no tokens")
	}
	if _, _, ok := registry.ParseIdentity(identity); !ok {
		return Challenge{}, registry.Refuse(registry.CodeInvalidRequest, "/identity", "an index and a handle are expected, such as 300:88.1021.150/APP_mes")
	}
	span := spanOf(v.clock())
	nonce := v.challenges.unspent(identity, span)
	if nonce == "" {
		return Challenge{}, tooManyLogins()
	}
	return Challenge{nonce, endOf(span)}, nil
}

// LoginAnswered is LoginSigned for a nonce of ChallengeDigits, which the client does not repeat. Refusals: as of
// LoginSigned.
func (v *Verifier) LoginAnswered(ctx context.Context, identity, signature string, addr netip.Addr) (Token, error) {
	if v.reg == nil {
		return Token{}, registry.Refuse(registry.CodeUnauthenticated, "", "this node gives no tokens")
	}
	now := v.clock()
	if e := v.takeAddress(addr, now); e != nil {
		return Token{}, e
	}
	return v.loginIdentity(ctx, identity, addr, now, func(key crypto.PublicKey, handle string) (bool, error) {
		for span := spanOf(now); span >= spanOf(now)-1; span-- {
			for slot := range nonceSlots {
				nonce := v.challenges.digits(identity, span, slot)
				if !verifyNonce(key, handle, nonce, signature) {
					continue
				}
				first, err := v.challenges.spend(nonce, endOf(span), now)
				if err != nil {
					return false, tooManyLogins()
				}
				return first, nil
			}
		}
		return false, nil
	})
}
