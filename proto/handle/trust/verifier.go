package trust

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/handle/auth"
	"github.com/idnode/idnode/proto/identifier"
)

// Types of values that carry signatures.
const (
	TypeSignature   = "HS_SIGNATURE"
	TypeCertificate = "HS_CERT"
)

const (
	maxChain      = 16 // certificates; each may cost a look-up elsewhere
	maxSignatures = 8  // of one record that are looked at
)

// Root is a key that is trusted to begin with.
type Root struct {
	Handle string // such as "0.0/0.0"
	Key    crypto.PublicKey
}

// Verifier checks the signatures of records.
type Verifier struct {
	Roots []Root

	// Lookup fetches the values of an issuer's handle. ErrUnknown says that the handle is not kept where Lookup
	// looks: a root's certificate may be elsewhere, since its key is known all the same.
	Lookup func(ctx context.Context, name string) ([]identifier.Value, error)
}

// Report says which values of a record can be trusted.
type Report struct {
	Signed   []uint32 // indexes of values that a trusted signature covers
	Unsigned []uint32 // indexes of public values that none covers, signatures aside
	Problems []error  // why signatures were not trusted
}

// Record checks the signatures in a record: of those that hold for the handle, by a chain of issuers
// that have authority over it and end at a root, the values whose digests are right are signed.
func (v *Verifier) Record(ctx context.Context, name string, values []identifier.Value, now time.Time) Report {
	var r Report
	signed := make(map[uint32]bool)
	looked := 0
	for i := range values {
		if !identifier.EqualFoldASCII(values[i].Type, TypeSignature) {
			continue
		}
		if looked++; looked > maxSignatures {
			r.Problems = append(r.Problems, ErrMany)
			break
		}
		covered, err := v.signature(ctx, name, values, values[i].Data, now)
		if err != nil {
			r.Problems = append(r.Problems, err)
			continue
		}
		for _, index := range covered {
			signed[index] = true
		}
	}
	for i := range values {
		switch {
		case signed[values[i].Index]:
			r.Signed = append(r.Signed, values[i].Index)
		case values[i].Public() && !identifier.EqualFoldASCII(values[i].Type, TypeSignature):
			r.Unsigned = append(r.Unsigned, values[i].Index)
		}
	}
	return r
}

// signature checks one signature of a record and returns what it covers.
func (v *Verifier) signature(ctx context.Context, name string, values []identifier.Value, data []byte, now time.Time) ([]uint32, error) {
	s, err := parse(data)
	if err != nil {
		return nil, err
	}
	if !sameHandle(name, s.claims.Subject) {
		return nil, ErrHandle
	}
	if s.claims.Digests == nil {
		return nil, ErrClaims
	}
	if err := v.chain(ctx, name, s, now); err != nil {
		return nil, err
	}
	return s.claims.Digests.Covered(values)
}

// signed is a signature with its claims.
type signed struct {
	jws    *JWS
	claims *Claims
}

func parse(data []byte) (signed, error) {
	j, err := ParseJWS(data)
	if err != nil {
		return signed{}, err
	}
	c, err := j.Claims()
	return signed{j, c}, err
}

// chain follows the issuers of s to a root. Each signature must be right under the key that its
// issuer's certificate certifies, valid now, and its issuer permitted to sign for the handle.
func (v *Verifier) chain(ctx context.Context, name string, s signed, now time.Time) error {
	var links []string
	seen := make(map[string]bool)
	for range maxChain {
		if s.claims.SelfIssued() {
			if err := check(name, s, s.claims, now); err != nil {
				return err
			}
			if !v.isRoot(s.claims) {
				return ErrRoot
			}
			return nil
		}
		if len(links) == 0 {
			if links = s.claims.Chain; len(links) == 0 {
				_, issuer := reference(s.claims.Issuer)
				links = []string{issuer}
			}
		}
		link := links[0]
		if links = links[1:]; seen[link] {
			return ErrChain
		}
		seen[link] = true
		parent, err := v.certificate(ctx, link, s.claims.Issuer)
		if errors.Is(err, ErrUnknown) {
			return v.anchored(s, link, now)
		}
		if err != nil {
			return err
		}
		if !sameReference(parent.claims.Subject, s.claims.Issuer) {
			return ErrChain
		}
		if err := check(name, s, parent.claims, now); err != nil {
			return err
		}
		s = parent
	}
	return ErrChain
}

// anchored checks a signature whose issuer's certificate, which link names, is not known here: it is good if the issuer
// is a root, whose key needs no certificate and has authority over every handle. The link has to name the root, too, or
// a signer could lead around a root's certificate that is known.
func (v *Verifier) anchored(s signed, link string, now time.Time) error {
	err := error(ErrUnknown)
	_, issuer := reference(s.claims.Issuer)
	_, missing := reference(link)
	for _, r := range v.Roots {
		if !sameHandle(r.Handle, issuer) || !sameHandle(r.Handle, missing) {
			continue
		}
		if !s.claims.ValidAt(now) {
			return ErrTime
		}
		if err = s.jws.Verify(r.Key); err == nil {
			return nil
		}
	}
	return err
}

// check checks a signature against the certificate of its issuer.
func check(name string, s signed, issuer *Claims, now time.Time) error {
	if !s.claims.ValidAt(now) {
		return ErrTime
	}
	if !allows(issuer.Permissions, name) {
		return ErrPermission
	}
	return s.jws.Verify(issuer.publicKey())
}

// certificate fetches the certificate of subject that a link names: a value, or the latest of a
// handle's.
func (v *Verifier) certificate(ctx context.Context, link, subject string) (signed, error) {
	index, name := reference(link)
	values, err := v.Lookup(ctx, name)
	if err != nil {
		return signed{}, err
	}
	best, found := signed{}, false
	for i := range values {
		if index != 0 && values[i].Index != index || index == 0 && !identifier.EqualFoldASCII(values[i].Type, TypeCertificate) {
			continue
		}
		s, err := parse(values[i].Data)
		if err != nil || index == 0 && !sameReference(s.claims.Subject, subject) {
			continue
		}
		if !found || later(s.claims.IssuedAt, best.claims.IssuedAt) {
			best, found = s, true
		}
	}
	if !found {
		return signed{}, ErrChain
	}
	return best, nil
}

func later(a, b *int64) bool { return a != nil && (b == nil || *a > *b) }

func (v *Verifier) isRoot(c *Claims) bool {
	_, name := reference(c.Subject)
	return slices.ContainsFunc(v.Roots, func(r Root) bool {
		return sameHandle(r.Handle, name) && sameKey(r.Key, c.publicKey())
	})
}

func sameKey(a, b crypto.PublicKey) bool {
	x, err := auth.AppendPublicKey(nil, a)
	if err != nil {
		return false
	}
	y, err := auth.AppendPublicKey(nil, b)
	return err == nil && bytes.Equal(x, y)
}

// reference reads "300:0.NA/88"; without an index it is a handle alone.
func reference(s string) (index uint32, name string) {
	if front, rest, ok := strings.Cut(s, ":"); ok {
		if n, err := strconv.ParseUint(front, 10, 31); err == nil {
			return uint32(n), rest
		}
	}
	return 0, s
}

func sameReference(a, b string) bool {
	i, x := reference(a)
	j, y := reference(b)
	return i == j && sameHandle(x, y)
}
