package auth

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 the protocol has DSA keys
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"
	"hash"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"github.com/idnode/idnode/proto/handle"
)

// Names of the hashes that signatures are made with, as they stand in answers and credentials.
const (
	nameSHA1   = "SHA1"
	nameSHA256 = "SHA-256"
	nameSM3    = "SM3"
)

// hashOf finds the hash that a name means. Readers also take other spellings and the one octet by
// which old versions named a hash (spec/handle-protocol.md section 6).
func hashOf(name []byte) (crypto.Hash, bool) {
	switch string(name) {
	case nameSHA256, "SHA256", string(rune(handle.DigestSHA256)):
		return crypto.SHA256, true
	case nameSHA1, "SHA-1", string(rune(handle.DigestSHA1)):
		return crypto.SHA1, true
	}
	return 0, false
}

// hashFor names the hash with which key signs in version v: SHA-256 from 2.7, for DSA from 2.11,
// and SHA-1 before (spec/handle-protocol.md sections 6 and 7).
func (k PrivateKey) hashFor(v handle.Version) string {
	from := handle.Version{Major: 2, Minor: 7}
	switch k.key.(type) {
	case *sm2.PrivateKey:
		return nameSM3
	case *dsa.PrivateKey:
		from.Minor = 11
	}
	if v.Before(from) {
		return nameSHA1
	}
	return nameSHA256
}

// sign signs the joined parts with RSA PKCS#1 v1.5 or with DSA in DER.
func (k PrivateKey) sign(name string, parts ...[]byte) ([]byte, error) {
	h, ok := hashOf([]byte(name))
	if !ok {
		return nil, ErrKey
	}
	sum := sumOf(h, parts)
	switch key := k.key.(type) {
	case *rsa.PrivateKey:
		signature, err := rsa.SignPKCS1v15(nil, key, h, sum)
		if err != nil {
			return nil, ErrKey
		}
		return signature, nil
	case *dsa.PrivateKey:
		r, s, err := dsa.Sign(rand.Reader, key, leftmost(sum, key.Q))
		if err != nil {
			return nil, ErrKey
		}
		return asn1.Marshal(dsaSignature{r, s})
	}
	return nil, ErrKey
}

// verify reports whether signature is one of the joined parts under an RSA or DSA key.
func verify(key crypto.PublicKey, name, signature []byte, parts ...[]byte) bool {
	h, ok := hashOf(name)
	if !ok || checkPublic(key) != nil {
		return false
	}
	sum := sumOf(h, parts)
	switch k := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, h, sum, signature) == nil
	case *dsa.PublicKey:
		var s dsaSignature
		rest, err := asn1.Unmarshal(signature, &s)
		return err == nil && len(rest) == 0 && dsa.Verify(k, leftmost(sum, k.Q), s.R, s.S)
	}
	return false
}

// signSM2 signs the joined parts as the idpointer SDK does: SM2 over M = SM3(parts) for a user id,
// which adds its own SM3 over Z and M (spec/handle-protocol.md section 14).
func signSM2(key *sm2.PrivateKey, userID string, parts ...[]byte) ([]byte, error) {
	if userID == "" { // the library would take its default instead
		return nil, ErrKey
	}
	signature, err := key.SignWithSM2(rand.Reader, []byte(userID), sumSM3(parts))
	if err != nil {
		return nil, ErrKey
	}
	return signature, nil
}

func verifySM2(key *ecdsa.PublicKey, userID string, signature []byte, parts ...[]byte) bool {
	return userID != "" && isSM2(key) && sm2.VerifyASN1WithSM2(key, []byte(userID), sumSM3(parts), signature)
}

func sumOf(h crypto.Hash, parts [][]byte) []byte {
	var d hash.Hash
	if h == crypto.SHA1 {
		d = sha1.New()
	} else {
		d = sha256.New()
	}
	for _, p := range parts {
		d.Write(p)
	}
	return d.Sum(nil)
}

func sumSM3(parts [][]byte) []byte {
	d := sm3.New()
	for _, p := range parts {
		d.Write(p)
	}
	return d.Sum(nil)
}

// dsaSignature is Dss-Sig-Value (RFC 3279, section 2.2.2).
type dsaSignature struct{ R, S *big.Int }

// leftmost truncates a hash to the size of a DSA key's subgroup (FIPS 186-4, section 4.6), which
// package dsa leaves to its callers.
func leftmost(sum []byte, q *big.Int) []byte { return sum[:min(len(sum), (q.BitLen()+7)/8)] }
