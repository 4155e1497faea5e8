package auth

import (
	"bytes"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 the protocol has DSA keys
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/pem"
	"math"
	"math/big"

	"github.com/emmansun/gmsm/sm2"

	"github.com/idnode/idnode/proto/handle"
)

// Sizes of keys that are used. Larger ones would let the owner of a record choose how much CPU a
// server spends on each answer.
const (
	maxKeyData = 16 << 10 // octets of an encoded key
	minRSA     = 1024
	maxRSA     = 8192
	minDSA     = 1024
	maxDSA     = 3072
	minDSAOrd  = 160 // bits of the subgroup's order
	maxDSAOrd  = 256
)

// ParsePublicKey reads the data of an HS_PUBKEY value in any of the forms seen: the Handle form of
// an RSA or DSA key (spec/handle-protocol.md section 9), PEM text of any algorithm, and
// "SM2_PUB_KEY" with PEM text or DER in it (section 14). The key is an [*rsa.PublicKey], a
// [*dsa.PublicKey], an [*ecdsa.PublicKey], on the curve sm2p256v1 for SM2, or an
// [ed25519.PublicKey]; answers and signatures exist for RSA, DSA and SM2. Keys of absurd size are
// refused with [ErrKey].
func ParsePublicKey(data []byte) (crypto.PublicKey, error) {
	if len(data) > maxKeyData {
		return nil, ErrKey
	}
	if isPEM(data) {
		return parsePublicPEM(data)
	}
	k, err := handle.ParsePublicKey(data)
	if err != nil {
		return nil, ErrKey
	}
	switch k.Algorithm {
	case handle.KeyRSA:
		key, err := newRSA(number(k.N), number(k.E))
		if err != nil {
			return nil, err
		}
		return key, nil
	case handle.KeyDSA:
		key := &dsa.PublicKey{Parameters: dsa.Parameters{P: number(k.P), Q: number(k.Q), G: number(k.G)}, Y: number(k.Y)}
		if err := checkDSA(key); err != nil {
			return nil, err
		}
		return key, nil
	case handle.KeySM2:
		return parseSM2Form(k.Encoded)
	}
	return nil, ErrKey // a Diffie-Hellman key signs nothing
}

// AppendPublicKey appends key as HS_PUBKEY data: in the Handle form for RSA and DSA, as
// "SM2_PUB_KEY" with PEM text, which is what the idpointer SDK writes, for SM2.
func AppendPublicKey(dst []byte, key crypto.PublicKey) ([]byte, error) {
	if err := checkPublic(key); err != nil {
		return dst, err
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		return handle.AppendPublicKey(dst, handle.PublicKey{Algorithm: handle.KeyRSA,
			N: k.N.Bytes(), E: big.NewInt(int64(k.E)).Bytes()}), nil
	case *dsa.PublicKey:
		return handle.AppendPublicKey(dst, handle.PublicKey{Algorithm: handle.KeyDSA,
			Q: k.Q.Bytes(), P: k.P.Bytes(), G: k.G.Bytes(), Y: k.Y.Bytes()}), nil
	case *ecdsa.PublicKey:
		if !isSM2(k) {
			return dst, ErrKey
		}
		der, err := marshalSM2Public(k)
		if err != nil {
			return dst, err
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		return handle.AppendPublicKey(dst, handle.PublicKey{Algorithm: handle.KeySM2, Encoded: text}), nil
	}
	return dst, ErrKey
}

func parseSM2Form(encoded []byte) (crypto.PublicKey, error) {
	var key crypto.PublicKey
	var err error
	if isPEM(encoded) {
		key, err = parsePublicPEM(encoded)
	} else {
		key, err = parseSPKI(encoded)
	}
	if k, ok := key.(*ecdsa.PublicKey); err != nil || !ok || !isSM2(k) {
		return nil, ErrKey
	}
	return key, nil
}

func isPEM(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("-----BEGIN "))
}

func isSM2(k *ecdsa.PublicKey) bool { return k.Curve == sm2.P256() }

// number reads a big-endian integer with or without a leading zero.
func number(b []byte) *big.Int { return new(big.Int).SetBytes(b) }

func newRSA(n, e *big.Int) (*rsa.PublicKey, error) {
	if !e.IsInt64() || e.Int64() > math.MaxInt32 {
		return nil, ErrKey
	}
	key := &rsa.PublicKey{N: n, E: int(e.Int64())}
	if err := checkRSA(key); err != nil {
		return nil, err
	}
	return key, nil
}

// checkPublic reports whether key is of a known kind and of reasonable size.
func checkPublic(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return checkRSA(k)
	case *dsa.PublicKey:
		return checkDSA(k)
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	return ErrKey
}

func checkRSA(k *rsa.PublicKey) error {
	if n := k.N.BitLen(); n < minRSA || n > maxRSA || k.N.Bit(0) == 0 || k.E < 3 || k.E&1 == 0 {
		return ErrKey
	}
	return nil
}

func checkDSA(k *dsa.PublicKey) error {
	p, q := k.P.BitLen(), k.Q.BitLen()
	if p < minDSA || p > maxDSA || k.P.Bit(0) == 0 || q < minDSAOrd || q > maxDSAOrd || q%8 != 0 {
		return ErrKey
	}
	if !between2AndEnd(k.G, k.P) || !between2AndEnd(k.Y, k.P) {
		return ErrKey
	}
	return nil
}

// between2AndEnd reports whether x is in 2..p-2.
func between2AndEnd(x, p *big.Int) bool {
	return x.Cmp(two) >= 0 && x.Cmp(new(big.Int).Sub(p, two)) <= 0
}

var two = big.NewInt(2)
