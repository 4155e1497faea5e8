package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"slices"
)

// encryptCBC appends a random initialization vector and plain under AES-CBC, padded as PKCS#5 does.
func encryptCBC(dst, key, plain []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("auth: AES key of a wrong size")
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	start := len(dst)
	dst = slices.Grow(dst, aes.BlockSize+len(plain)+pad)[:start+aes.BlockSize+len(plain)+pad]
	iv, body := dst[start:start+aes.BlockSize], dst[start+aes.BlockSize:]
	copy(body, plain)
	for i := len(plain); i < len(body); i++ {
		body[i] = byte(pad)
	}
	rand.Read(iv) // never fails
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(body, body)
	return dst
}

// decryptCBC appends what sealed holds under AES-CBC. The padding is looked at in constant time.
func decryptCBC(dst, key, iv, sealed []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil || len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return dst, ErrSealed
	}
	start := len(dst)
	out := slices.Grow(dst, len(sealed))[:start+len(sealed)]
	body := out[start:]
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(body, sealed)
	last := body[len(body)-aes.BlockSize:]
	pad := int(last[aes.BlockSize-1])
	good := subtle.ConstantTimeLessOrEq(1, pad) & subtle.ConstantTimeLessOrEq(pad, aes.BlockSize)
	for i, b := range last {
		inside := subtle.ConstantTimeLessOrEq(aes.BlockSize-i, pad)
		good &= subtle.ConstantTimeSelect(inside, subtle.ConstantTimeByteEq(b, byte(pad)), 1)
	}
	if good != 1 {
		return dst, ErrSealed
	}
	return out[:len(out)-pad], nil
}
