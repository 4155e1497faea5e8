package auth

import (
	"crypto/aes"
	"crypto/dsa" //lint:ignore SA1019 the protocol has DSA keys
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"math/big"

	"github.com/idnode/idnode/proto/handle"
)

// Forms of a private key file, its first four octets (spec/handle-protocol.md section 9).
const (
	filePlain  = 1 // ENCRYPT_NONE
	filePBKDF2 = 4 // ENCRYPT_PBKDF2_AES_CBC_PKCS5

	fileIterations = 10_000 // what the Handle.Net tools write
	fileKeyBits    = 128
	fileSaltSize   = 16
)

// Names of private keys in files.
const (
	fileRSA = "RSA_PRIVCRT_KEY" // n, e, d, p, q, d mod p-1, d mod q-1, 1/q mod p
	fileDSA = "DSA_PRIV_KEY"    // x, p, q, g
)

// ParsePrivateKey reads a private key file: of the Handle.Net tools, plain or encrypted under a
// passphrase (spec/handle-protocol.md section 9), or PEM text in PKCS#8 or PKCS#1. Passphrases of
// PEM files are not supported, nor are the DES forms of Handle.Net versions before 8. A missing or
// wrong passphrase is [ErrPassphrase].
func ParsePrivateKey(data, passphrase []byte) (PrivateKey, error) {
	if len(data) > maxKeyData {
		return PrivateKey{}, ErrKey
	}
	if isPEM(data) {
		return parsePrivatePEM(data)
	}
	f := fields{b: data}
	switch f.int4() {
	case filePlain:
		return parseKeyFields(f)
	case filePBKDF2:
		plain, err := decryptKey(f, passphrase)
		if err != nil {
			return PrivateKey{}, err
		}
		key, err := parseKeyFields(fields{b: plain})
		if err != nil { // right padding by chance
			return PrivateKey{}, ErrPassphrase
		}
		return key, nil
	}
	return PrivateKey{}, ErrKey
}

// NeedsPassphrase reports whether a private key file is encrypted.
func NeedsPassphrase(data []byte) bool {
	if isPEM(data) {
		_, err := parsePrivatePEM(data)
		return err == ErrPassphrase
	}
	f := fields{b: data}
	return f.int4() != filePlain && !f.bad
}

// AppendPrivateKey appends key as a file of the Handle.Net tools, encrypted if there is a
// passphrase. They have no form for SM2: such a key is written as PEM text in PKCS#8, without a
// passphrase only.
func AppendPrivateKey(dst []byte, key PrivateKey, passphrase []byte) ([]byte, error) {
	plain, err := appendKeyFields(nil, key)
	if err != nil {
		if len(passphrase) > 0 {
			return dst, ErrKey
		}
		return appendPrivatePEM(dst, key.key)
	}
	if len(passphrase) == 0 {
		return append(binary.BigEndian.AppendUint32(dst, filePlain), plain...), nil
	}
	salt := make([]byte, fileSaltSize)
	rand.Read(salt) // never fails
	derived, err := derive(passphrase, salt, fileIterations, fileKeyBits)
	if err != nil {
		return dst, ErrKey
	}
	sealed := encryptCBC(nil, derived, plain)
	dst = binary.BigEndian.AppendUint32(dst, filePBKDF2)
	dst = handle.AppendBytes(dst, salt)
	dst = binary.BigEndian.AppendUint32(dst, fileIterations)
	dst = binary.BigEndian.AppendUint32(dst, fileKeyBits)
	dst = handle.AppendBytes(dst, sealed[:aes.BlockSize])
	return handle.AppendBytes(dst, sealed[aes.BlockSize:]), nil
}

func decryptKey(f fields, passphrase []byte) ([]byte, error) {
	salt, iterations, bits := f.bytes(), f.int4(), f.int4()
	iv, sealed := f.bytes(), f.bytes()
	if f.bad || len(iv) != aes.BlockSize || bits != 128 && bits != 192 && bits != 256 {
		return nil, ErrKey
	}
	derived, err := derive(passphrase, salt, iterations, bits)
	if err != nil {
		return nil, ErrKey
	}
	plain, err := decryptCBC(nil, derived, iv, sealed)
	if err != nil {
		return nil, ErrPassphrase
	}
	return plain, nil
}

func parseKeyFields(f fields) (PrivateKey, error) {
	switch string(f.bytes()) {
	case fileRSA:
		n, e, d, p, q := number(f.bytes()), number(f.bytes()), number(f.bytes()), number(f.bytes()), number(f.bytes())
		public, err := newRSA(n, e)
		if f.bad || err != nil {
			return PrivateKey{}, ErrKey
		}
		key := &rsa.PrivateKey{PublicKey: *public, D: d, Primes: []*big.Int{p, q}}
		if key.Validate() != nil {
			return PrivateKey{}, ErrKey
		}
		key.Precompute()
		return NewPrivateKey(key)
	case fileDSA:
		x, p, q, g := number(f.bytes()), number(f.bytes()), number(f.bytes()), number(f.bytes())
		if f.bad {
			return PrivateKey{}, ErrKey
		}
		return newDSAPrivate(p, q, g, x)
	}
	return PrivateKey{}, ErrKey
}

// appendKeyFields appends an RSA or DSA key as it stands in a file.
func appendKeyFields(dst []byte, key PrivateKey) ([]byte, error) {
	switch k := key.key.(type) {
	case *rsa.PrivateKey:
		if len(k.Primes) != 2 {
			return nil, ErrKey
		}
		k.Precompute()
		dst = handle.AppendBytes(dst, fileRSA)
		return appendNumbers(dst, k.N, big.NewInt(int64(k.E)), k.D, k.Primes[0], k.Primes[1],
			k.Precomputed.Dp, k.Precomputed.Dq, k.Precomputed.Qinv), nil
	case *dsa.PrivateKey:
		return appendNumbers(handle.AppendBytes(dst, fileDSA), k.X, k.P, k.Q, k.G), nil
	}
	return nil, ErrKey
}

// appendNumbers appends positive integers in two's complement, as Java's BigInteger writes them.
func appendNumbers(dst []byte, numbers ...*big.Int) []byte {
	for _, n := range numbers {
		size := n.BitLen()/8 + 1 // room for the sign
		dst = binary.BigEndian.AppendUint32(dst, uint32(size))
		start := len(dst)
		dst = append(dst, make([]byte, size)...)
		n.FillBytes(dst[start:])
	}
	return dst
}
