package auth

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"

	"github.com/idnode/idnode/proto/handle"
)

// MACs of an answer under a secret, as its first octet says. The answer of version 2.0 has no such
// octet: it is an MD5 of 16 octets.
const (
	macMD5    = 0x01 // MD5(key + data + key)
	macSHA1   = 0x02
	macSHA256 = 0x03
	hmacSHA1  = 0x12
	hmacSHA2  = 0x13
	macPBKDF2 = 0x22 // HMAC-SHA-1 under a key derived from the secret
)

const (
	answerSaltSize   = 16
	answerIterations = 10_000 // of the Handle.Net library: about 5 ms of CPU
	answerKeyBits    = 160

	// What a checker will spend on an answer before it knows who sent it.
	maxIterations  = 100_000
	maxDerivedBits = 512
	maxSalt        = 1024
)

// AnswerWithSecret makes the answer to a challenge of version v with the secret of an HS_SECKEY
// value (spec/handle-protocol.md section 7): PBKDF2 from 2.7, SHA-1 before, MD5 in 2.0. The digest
// is without its algorithm octet.
func AnswerWithSecret(secret []byte, v handle.Version, nonce, digest []byte) ([]byte, error) {
	switch {
	case v.Before(handle.Version{Major: 2, Minor: 1}):
		return keyed(md5.New, secret, nonce, digest), nil
	case v.Before(handle.Version{Major: 2, Minor: 7}):
		return append([]byte{macSHA1}, keyed(sha1.New, secret, nonce, digest)...), nil
	}
	salt := make([]byte, answerSaltSize)
	rand.Read(salt) // never fails
	derived, err := derive(secret, salt, answerIterations, answerKeyBits)
	if err != nil {
		return nil, err
	}
	answer := handle.AppendBytes([]byte{macPBKDF2}, salt)
	answer = binary.BigEndian.AppendUint32(answer, answerIterations)
	answer = binary.BigEndian.AppendUint32(answer, answerKeyBits)
	return handle.AppendBytes(answer, hashed(sha1.New, derived, nonce, digest)), nil
}

// VerifySecretAnswer reports with [ErrAnswer] an answer that was not made with the secret, and with
// [ErrKey] an empty secret. Every form that a version of the protocol knows is accepted. A PBKDF2
// answer may ask for 100 000 iterations and 512 bits at most, some 100 ms of CPU: callers bound how
// many they check at once.
func VerifySecretAnswer(secret, nonce, digest, answer []byte) error {
	if len(secret) == 0 { // which everybody knows
		return ErrKey
	}
	want, got := []byte(nil), answer
	switch {
	case len(answer) == md5.Size:
		want = keyed(md5.New, secret, nonce, digest)
	case len(answer) > 0:
		got = answer[1:]
		switch answer[0] {
		case macMD5:
			want = keyed(md5.New, secret, nonce, digest)
		case macSHA1:
			want = keyed(sha1.New, secret, nonce, digest)
		case macSHA256:
			want = keyed(sha256.New, secret, nonce, digest)
		case hmacSHA1:
			want = hashed(sha1.New, secret, nonce, digest)
		case hmacSHA2:
			want = hashed(sha256.New, secret, nonce, digest)
		case macPBKDF2:
			f := fields{b: got}
			salt, iterations, bits := f.bytes(), f.int4(), f.int4()
			got = f.bytes()
			if f.bad {
				return ErrAnswer
			}
			derived, err := derive(secret, salt, iterations, bits)
			if err != nil {
				return err
			}
			want = hashed(sha1.New, derived, nonce, digest)
		}
	}
	if want == nil || subtle.ConstantTimeCompare(want, got) != 1 {
		return ErrAnswer
	}
	return nil
}

// keyed is the hash of key + parts + key: the protocol's MAC of before HMAC.
func keyed(h func() hash.Hash, key []byte, parts ...[]byte) []byte {
	d := h()
	d.Write(key)
	for _, p := range parts {
		d.Write(p)
	}
	d.Write(key)
	return d.Sum(nil)
}

// hashed is the HMAC of parts.
func hashed(h func() hash.Hash, key []byte, parts ...[]byte) []byte {
	d := hmac.New(h, key)
	for _, p := range parts {
		d.Write(p)
	}
	return d.Sum(nil)
}

// derive is PBKDF2 with HMAC-SHA-1. Each octet of the password counts as a character, encoded in
// UTF-8: Java's habit, seen for octets beyond ASCII (spec/handle-protocol.md section 1, item 9).
func derive(password, salt []byte, iterations, bits uint32) ([]byte, error) {
	if iterations == 0 || iterations > maxIterations || bits == 0 || bits > maxDerivedBits || bits%8 != 0 || len(salt) > maxSalt {
		return nil, ErrAnswer
	}
	runes := make([]rune, len(password))
	for i, b := range password {
		runes[i] = rune(b)
	}
	return pbkdf2.Key(sha1.New, string(runes), salt, int(iterations), int(bits/8))
}
