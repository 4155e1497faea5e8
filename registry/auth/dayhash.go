package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"github.com/idnode/idnode/registry"
)

// dayMargin is how near to midnight the day next to it counts too: clocks differ.
const dayMargin = 10 * time.Minute

// LoginDayHash is Login with a hash of the password and the day: the lower-case hexadecimal SHA-256 of
// the password's form and the date, "2019-08-15" (SNMS OpenAPI v5, /identity/token/v1). API keys
// are not taken: who could read their stored hashes could make it. Refusals as of Login, and
// CodeForbidden if such logins are off.
func (v *Verifier) LoginDayHash(ctx context.Context, username, hash string, addr netip.Addr) (Token, error) {
	if !v.dayHash {
		return Token{}, registry.Refuse(registry.CodeForbidden, "", "logins with a hash of the day are off at this node; log in with the password")
	}
	return v.login(ctx, username, addr, func(a *registry.Account) (bool, error) {
		form := []byte("nobody's")
		known := false
		if a != nil && len(a.SealedForm()) > 0 {
			opened, err := v.secret.Open(a.SealContext(), a.SealedForm())
			if err != nil {
				v.log.Warn("the sealed form of a password does not open: it was sealed with another secret.key; set the password again", "account", a.Username)
			} else {
				form, known = opened, true
			}
		}
		good := 0
		for _, day := range daysOf(v.clock().In(v.location)) {
			sum := sha256.Sum256(append(form[:len(form):len(form)], day...))
			good |= subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(strings.ToLower(hash)))
		}
		return known && good == 1, nil
	})
}

// daysOf are the dates that count at a time: its own, and the next one's if midnight is near.
func daysOf(now time.Time) []string {
	days := []string{now.Format(time.DateOnly)}
	for _, near := range []time.Time{now.Add(-dayMargin), now.Add(dayMargin)} {
		if day := near.Format(time.DateOnly); day != days[0] {
			days = append(days, day)
		}
	}
	return days
}
