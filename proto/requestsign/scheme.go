package requestsign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
)

// Headers of a signed request.
const (
	HeaderApp       = "Idnode-App"       // id of the application
	HeaderTime      = "Idnode-Time"      // of the signature, in milliseconds since 1970
	HeaderNonce     = "Idnode-Nonce"     // 16 random octets in base64url without padding, never used twice by an application
	HeaderDigest    = "Idnode-Digest"    // of the body: "sm3=" or "sha-256=" and hexadecimal, in lower case
	HeaderSignature = "Idnode-Signature" // "sm2=" (ASN.1 of r and s) or "ed25519=" and base64
)

// Limits of what stands in headers, in characters.
const (
	MaxApp       = 128
	maxSignature = 256
	nonceLength  = 22
)

// sm2UserID is the user id of SM2 signatures where nothing else is agreed on (GM/T 0009, section 10).
const sm2UserID = "1234567812345678"

// text is what is signed; see the package's documentation.
func text(method, target, app, time, nonce, contentType, digest string) []byte {
	return []byte(strings.Join([]string{"idnode-request-1", method, target, app, time, nonce, contentType, digest}, "\n"))
}

// target is the path and query of a request, as they stand in its first line: a receiver has that line as it came,
// whatever handlers before it made of the URL.
func target(r *http.Request) string {
	if r.RequestURI != "" {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// digest is the value of HeaderDigest for a body and the kind of key that signs.
func digest(key crypto.PublicKey, body []byte) string {
	if _, ok := key.(*ecdsa.PublicKey); ok {
		sum := sm3.Sum(body)
		return "sm3=" + hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256(body)
	return "sha-256=" + hex.EncodeToString(sum[:])
}

// sign is the value of HeaderSignature.
func sign(key crypto.Signer, text []byte) (string, error) {
	if k, ok := key.(*sm2.PrivateKey); ok {
		signature, err := k.SignWithSM2(rand.Reader, []byte(sm2UserID), text)
		return "sm2=" + base64.StdEncoding.EncodeToString(signature), err
	}
	signature, err := key.Sign(nil, text, crypto.Hash(0))
	return "ed25519=" + base64.StdEncoding.EncodeToString(signature), err
}

// verify reports whether signature is one of text by key.
func verify(key crypto.PublicKey, text []byte, signature string) bool {
	kind, encoded, _ := strings.Cut(signature, "=")
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return false
	}
	switch k := key.(type) {
	case ed25519.PublicKey:
		return kind == "ed25519" && ed25519.Verify(k, text, raw)
	case *ecdsa.PublicKey:
		return kind == "sm2" && sm2.VerifyASN1WithSM2(k, []byte(sm2UserID), text, raw)
	}
	return false
}
