package trust

import (
	"crypto"
	"encoding/json"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/identifier"
)

// Claims is what a signature says. Times are seconds since 1970; nil is unbounded.
type Claims struct {
	Issuer    string   `json:"iss"` // reference to the issuer's key, such as "300:0.NA/88"
	Subject   string   `json:"sub"` // of HS_SIGNATURE the handle, of HS_CERT a reference to the key certified
	Expires   *int64   `json:"exp"`
	NotBefore *int64   `json:"nbf"`
	IssuedAt  *int64   `json:"iat"`
	Chain     []string `json:"chain"` // references to the certificates of the issuer, of its issuer, and so on

	Digests     *Digests     `json:"digests"` // of HS_SIGNATURE
	Permissions []Permission `json:"perms"`   // of HS_CERT: what the subject may sign for
	Key         *Key         `json:"publicKey"`
}

// Claims reads the payload. It is worth no more than the signature: [JWS.Verify] first, or after.
func (j *JWS) Claims() (*Claims, error) {
	c := new(Claims)
	if err := json.Unmarshal(j.Payload, c); err != nil {
		return nil, ErrClaims
	}
	return c, nil
}

// ValidAt reports whether the claims hold at a time.
func (c *Claims) ValidAt(t time.Time) bool {
	now := t.Unix()
	return (c.Expires == nil || now <= *c.Expires) && (c.NotBefore == nil || now >= *c.NotBefore)
}

// SelfIssued reports whether the subject is its own issuer, as a trust root is.
func (c *Claims) SelfIssued() bool { return c.Subject != "" && c.Subject == c.Issuer }

// publicKey is the key that a certificate certifies.
func (c *Claims) publicKey() crypto.PublicKey {
	if c.Key == nil {
		return nil
	}
	return c.Key.Public
}

// Key is a public key as a JSON Web Key: RSA (RFC 7518, section 6.3), and the forms of Handle.Net
// for DSA and of the idpointer SDK for SM2.
type Key struct{ Public crypto.PublicKey }

// UnmarshalJSON reads the key and holds it to the bounds of [auth.ParsePublicKey].
func (k *Key) UnmarshalJSON(data []byte) error {
	var form struct{ Kty, N, E, Y, P, Q, G, D string }
	if err := json.Unmarshal(data, &form); err != nil {
		return ErrClaims
	}
	bad := false
	field := func(s string) []byte {
		b, err := decode(s)
		bad = bad || err != nil || len(b) == 0
		return b
	}
	var key handle.PublicKey
	switch strings.ToUpper(form.Kty) {
	case "RSA":
		key = handle.PublicKey{Algorithm: handle.KeyRSA, N: field(form.N), E: field(form.E)}
	case "DSA":
		key = handle.PublicKey{Algorithm: handle.KeyDSA, Y: field(form.Y), P: field(form.P), Q: field(form.Q), G: field(form.G)}
	case "SM2": // "d" holds SubjectPublicKeyInfo
		key = handle.PublicKey{Algorithm: handle.KeySM2, Encoded: field(form.D)}
	default:
		return ErrAlgorithm
	}
	if bad {
		return ErrClaims
	}
	var err error
	k.Public, err = auth.ParsePublicKey(handle.AppendPublicKey(nil, key))
	return err
}

// Permission is a right to sign.
type Permission struct {
	Handle string `json:"handle"` // of a prefix, as "0.NA/88", or any
	Perm   string `json:"perm"`
}

// What a [Permission] gives.
const (
	PermEverything  = "everything"             // all handles
	PermThisHandle  = "thisHandle"             // the handle named, and those under it if it is a prefix's
	PermDerived     = "derivedPrefixes"        // prefixes derived from the one named, and handles under those
	PermUnderPrefix = "handlesUnderThisPrefix" // handles under the prefix named
)

// allows reports whether one of perms covers the handle.
func allows(perms []Permission, name string) bool {
	for _, p := range perms {
		good := false
		switch p.Perm {
		case PermEverything:
			good = true
		case PermThisHandle:
			good = sameHandle(name, p.Handle) || underPrefix(name, p.Handle)
		case PermDerived:
			good = derived(name, p.Handle) || derived(prefixHandle(name), p.Handle)
		case PermUnderPrefix:
			good = underPrefix(name, p.Handle)
		}
		if good {
			return true
		}
	}
	return false
}

const prefixOfPrefixes = "0.NA/"

// sameHandle compares as the protocol does at least: prefixes without regard to case.
func sameHandle(a, b string) bool {
	pa, sa, oka := strings.Cut(a, "/")
	pb, sb, okb := strings.Cut(b, "/")
	return oka == okb && sa == sb && identifier.EqualFoldASCII(pa, pb)
}

// underPrefix reports whether name is under the prefix of a handle such as "0.NA/88.1".
func underPrefix(name, prefix string) bool {
	prefix, ok := cutFold(prefix, prefixOfPrefixes)
	own, _, slash := strings.Cut(name, "/")
	return ok && slash && identifier.EqualFoldASCII(own, prefix)
}

// derived reports whether name is the handle of a prefix derived from ancestor's.
func derived(name, ancestor string) bool {
	if _, ok := cutFold(name, prefixOfPrefixes); !ok {
		return false
	}
	_, ok := cutFold(name, ancestor+".")
	return ok
}

// prefixHandle is the handle of the prefix that name is under.
func prefixHandle(name string) string {
	prefix, _, _ := strings.Cut(name, "/")
	return prefixOfPrefixes + prefix
}

func cutFold(s, front string) (string, bool) {
	if len(s) < len(front) || !identifier.EqualFoldASCII(s[:len(front)], front) {
		return s, false
	}
	return s[len(front):], true
}
