package trust

import (
	"bytes"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 the protocol has DSA keys
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"

	"github.com/emmansun/gmsm/sm2"
)

// maxJWS bounds the data of an HS_SIGNATURE or HS_CERT value, in octets.
const maxJWS = 256 << 10

// JWS is a JSON Web Signature (RFC 7515).
type JWS struct {
	Algorithm string // RS256, RS384, RS512, DS256 or SM2256
	Payload   []byte

	signed    []byte // what the signature covers
	signature []byte
}

// ParseJWS reads the data of an HS_SIGNATURE or HS_CERT value: the compact form, or the JSON form,
// of which the first signature counts.
func ParseJWS(data []byte) (*JWS, error) {
	if len(data) > maxJWS {
		return nil, ErrForm
	}
	data = bytes.TrimSpace(data)
	var header, payload, signature string
	if bytes.HasPrefix(data, []byte("{")) {
		var form struct {
			Payload    string
			Signatures []struct{ Protected, Signature string }
		}
		if json.Unmarshal(data, &form) != nil || len(form.Signatures) == 0 {
			return nil, ErrForm
		}
		header, payload, signature = form.Signatures[0].Protected, form.Payload, form.Signatures[0].Signature
	} else {
		parts := strings.Split(string(data), ".")
		if len(parts) != 3 {
			return nil, ErrForm
		}
		header, payload, signature = parts[0], parts[1], parts[2]
	}
	var head struct {
		Alg  string
		Crit []string
	}
	text, err := decode(header)
	if err != nil || json.Unmarshal(text, &head) != nil || len(head.Crit) > 0 {
		return nil, ErrForm
	}
	j := &JWS{Algorithm: head.Alg, signed: []byte(header + "." + payload)}
	if j.Payload, err = decode(payload); err != nil {
		return nil, ErrForm
	}
	if j.signature, err = decode(signature); err != nil {
		return nil, ErrForm
	}
	return j, nil
}

// decode reads base64url, or base64, with or without padding, as the Java libraries do.
func decode(s string) ([]byte, error) {
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	return base64.RawURLEncoding.DecodeString(s)
}

// Verify checks the signature with a key, which must be of the algorithm's kind.
func (j *JWS) Verify(key crypto.PublicKey) error {
	good := false
	switch j.Algorithm {
	case "RS256":
		good = j.verifyRSA(key, crypto.SHA256)
	case "RS384":
		good = j.verifyRSA(key, crypto.SHA384)
	case "RS512":
		good = j.verifyRSA(key, crypto.SHA512)
	case "DS256":
		good = j.verifyDSA(key)
	case "SM2256":
		k, ok := key.(*ecdsa.PublicKey)
		good = ok && sm2.IsSM2PublicKey(k) && sm2.VerifyASN1WithSM2(k, nil, j.signed, j.signature)
	default:
		return ErrAlgorithm
	}
	if !good {
		return ErrSignature
	}
	return nil
}

func (j *JWS) verifyRSA(key crypto.PublicKey, h crypto.Hash) bool {
	k, ok := key.(*rsa.PublicKey)
	return ok && rsa.VerifyPKCS1v15(k, h, sum(h, j.signed), j.signature) == nil
}

func (j *JWS) verifyDSA(key crypto.PublicKey) bool {
	k, ok := key.(*dsa.PublicKey)
	if !ok {
		return false
	}
	var s struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(j.signature, &s)
	digest := sum(crypto.SHA256, j.signed)
	digest = digest[:min(len(digest), (k.Q.BitLen()+7)/8)] // FIPS 186-4, section 4.6
	return err == nil && len(rest) == 0 && dsa.Verify(k, digest, s.R, s.S)
}

func sum(h crypto.Hash, data []byte) []byte {
	d := h.New()
	d.Write(data)
	return d.Sum(nil)
}
