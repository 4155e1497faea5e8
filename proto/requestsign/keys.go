package requestsign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// ErrKey says that a text is no key of the kinds that sign here.
var ErrKey = errors.New("an SM2 or Ed25519 key is expected, in PEM or base64")

// maxKeyFile bounds a file with a key, in octets.
const maxKeyFile = 64 << 10

// ParsePrivateKey reads a private key: PEM with PKCS #8 (RFC 5208) of an SM2 or Ed25519 key or with SEC 1
// (RFC 5915) of an SM2 key, or bare base64 of PKCS #8, as the portal of the top-level node gives it. Blocks of
// parameters before the key are passed over. Error: ErrKey.
func ParsePrivateKey(text []byte) (crypto.Signer, error) {
	der, kind := block(text, "PRIVATE KEY", "EC PRIVATE KEY")
	if der == nil {
		return nil, ErrKey
	}
	var key any
	var err error
	if kind == "EC PRIVATE KEY" {
		key, err = smx509.ParseSM2PrivateKey(der)
	} else {
		key, err = smx509.ParsePKCS8PrivateKey(der)
	}
	if err != nil {
		return nil, ErrKey
	}
	switch k := key.(type) {
	case *sm2.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, ErrKey
}

// ParsePublicKey reads a public key: SubjectPublicKeyInfo (RFC 5280, section 4.1) of an SM2 or Ed25519 key in PEM or
// bare base64. Error: ErrKey.
func ParsePublicKey(text []byte) (crypto.PublicKey, error) {
	der, _ := block(text, "PUBLIC KEY")
	if der == nil {
		return nil, ErrKey
	}
	key, err := smx509.ParsePKIXPublicKey(der)
	if err != nil || !known(key) {
		return nil, ErrKey
	}
	return key, nil
}

// LoadPrivateKey reads a private key from a file; see [ParsePrivateKey].
func LoadPrivateKey(file string) (crypto.Signer, error) { return load(file, ParsePrivateKey) }

// LoadPublicKey reads a public key from a file; see [ParsePublicKey].
func LoadPublicKey(file string) (crypto.PublicKey, error) { return load(file, ParsePublicKey) }

func load[K any](file string, parse func([]byte) (K, error)) (key K, err error) {
	f, err := os.Open(file)
	if err != nil {
		return key, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return key, err
	}
	if key, err = parse(text); err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return key, err
}

// block is the first PEM block of one of the kinds, or the text as base64, which is taken for the first kind.
func block(text []byte, kinds ...string) (der []byte, kind string) {
	if !bytes.Contains(text, []byte("-----BEGIN ")) {
		der, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
		if err != nil || len(der) == 0 {
			return nil, ""
		}
		return der, kinds[0]
	}
	for {
		b, rest := pem.Decode(text)
		if b == nil {
			return nil, ""
		}
		for _, kind := range kinds {
			if b.Type == kind {
				return b.Bytes, kind
			}
		}
		text = rest
	}
}

// known reports whether key is of a kind that verifies here.
func known(key crypto.PublicKey) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return len(k) == ed25519.PublicKeySize
	case *ecdsa.PublicKey:
		return k.Curve == sm2.P256()
	}
	return false
}
