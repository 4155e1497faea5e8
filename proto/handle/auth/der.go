package auth

import (
	"bytes"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 the protocol has DSA keys
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
)

var (
	oidDSA = asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}   // RFC 3279, section 2.3.2
	oidEC  = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}   // RFC 5480, section 2.1.1
	oidSM2 = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301} // GB/T 33560: sm2p256v1
	ecSM2  = pkix.AlgorithmIdentifier{Algorithm: oidEC, Parameters: asn1.RawValue{FullBytes: mustMarshal(oidSM2)}}
)

// mustMarshal encodes what our own code has put together.
func mustMarshal(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic("auth: own structure cannot be encoded: " + err.Error())
	}
	return der
}

// isSM2Algorithm reports whether a names an elliptic curve key on sm2p256v1.
func isSM2Algorithm(a pkix.AlgorithmIdentifier) bool {
	return a.Algorithm.Equal(oidEC) && bytes.Equal(a.Parameters.FullBytes, ecSM2.Parameters.FullBytes)
}

// spki is SubjectPublicKeyInfo (RFC 5280, section 4.1).
type spki struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

func parseSPKI(der []byte) (crypto.PublicKey, error) {
	var info spki
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, ErrKey
	}
	if isSM2Algorithm(info.Algorithm) {
		key, err := sm2.NewPublicKey(info.Key.RightAlign())
		if err != nil {
			return nil, ErrKey
		}
		return key, nil
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil || checkPublic(key) != nil {
		return nil, ErrKey
	}
	return key, nil
}

func marshalSM2Public(k *ecdsa.PublicKey) ([]byte, error) {
	key, err := sm2.PublicKeyToECDH(k)
	if err != nil {
		return nil, ErrKey
	}
	point := key.Bytes()
	return mustMarshal(spki{Algorithm: ecSM2, Key: asn1.BitString{Bytes: point, BitLength: 8 * len(point)}}), nil
}

func parsePublicPEM(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, ErrKey
	}
	switch block.Type {
	case "PUBLIC KEY":
		return parseSPKI(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil || checkRSA(key) != nil {
			return nil, ErrKey
		}
		return key, nil
	}
	return nil, ErrKey
}

// pkcs8 is PrivateKeyInfo (RFC 5208, section 5).
type pkcs8 struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
}

// ecPrivate is ECPrivateKey (RFC 5915, section 3).
type ecPrivate struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// parsePrivatePEM reads PKCS#8 of an RSA, DSA or SM2 key, PKCS#1, or SEC 1 of an SM2 key.
func parsePrivatePEM(text []byte) (PrivateKey, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return PrivateKey{}, ErrKey
		}
		switch block.Type {
		case "PRIVATE KEY":
			return parsePKCS8(block.Bytes)
		case "RSA PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" { // encrypted as OpenSSL once did
				return PrivateKey{}, ErrPassphrase
			}
			key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
			if err != nil {
				return PrivateKey{}, ErrKey
			}
			return NewPrivateKey(key)
		case "EC PRIVATE KEY":
			return parseSM2Private(block.Bytes, false)
		case "ENCRYPTED PRIVATE KEY":
			return PrivateKey{}, ErrPassphrase
		}
		text = rest // OpenSSL writes parameters in a block before the key
	}
}

func parsePKCS8(der []byte) (PrivateKey, error) {
	var info pkcs8
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return PrivateKey{}, ErrKey
	}
	switch {
	case isSM2Algorithm(info.Algorithm):
		return parseSM2Private(info.PrivateKey, true)
	case info.Algorithm.Algorithm.Equal(oidDSA):
		return parseDSAPrivate(info)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return PrivateKey{}, ErrKey
	}
	return NewPrivateKey(key)
}

// parseSM2Private reads ECPrivateKey; the curve is known if it stands in PKCS#8.
func parseSM2Private(der []byte, known bool) (PrivateKey, error) {
	var ec ecPrivate
	if _, err := asn1.Unmarshal(der, &ec); err != nil || !known && !ec.Curve.Equal(oidSM2) {
		return PrivateKey{}, ErrKey
	}
	key, err := sm2.NewPrivateKey(ec.PrivateKey)
	if err != nil {
		return PrivateKey{}, ErrKey
	}
	return PrivateKey{key}, nil
}

func parseDSAPrivate(info pkcs8) (PrivateKey, error) {
	var params struct{ P, Q, G *big.Int } // Dss-Parms (RFC 3279, section 2.3.2)
	var x *big.Int
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil {
		return PrivateKey{}, ErrKey
	}
	if _, err := asn1.Unmarshal(info.PrivateKey, &x); err != nil {
		return PrivateKey{}, ErrKey
	}
	return newDSAPrivate(params.P, params.Q, params.G, x)
}

// newDSAPrivate makes a DSA key and computes its public half.
func newDSAPrivate(p, q, g, x *big.Int) (PrivateKey, error) {
	key := &dsa.PrivateKey{PublicKey: dsa.PublicKey{Parameters: dsa.Parameters{P: p, Q: q, G: g}, Y: two}, X: x}
	if checkDSA(&key.PublicKey) != nil || x.Sign() <= 0 || x.Cmp(q) >= 0 {
		return PrivateKey{}, ErrKey
	}
	key.Y = new(big.Int).Exp(g, x, p)
	return NewPrivateKey(key)
}

// appendPrivatePEM appends an SM2 key as PEM text in PKCS#8.
func appendPrivatePEM(dst []byte, key crypto.PrivateKey) ([]byte, error) {
	k, ok := key.(*sm2.PrivateKey)
	if !ok {
		return dst, ErrKey
	}
	secret, err := k.ECDH()
	if err != nil {
		return dst, ErrKey
	}
	point := secret.PublicKey().Bytes()
	inner := mustMarshal(ecPrivate{Version: 1, PrivateKey: secret.Bytes(),
		PublicKey: asn1.BitString{Bytes: point, BitLength: 8 * len(point)}})
	der := mustMarshal(pkcs8{Algorithm: ecSM2, PrivateKey: inner})
	return append(dst, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}
