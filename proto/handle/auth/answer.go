package auth

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 the protocol has DSA keys
	"crypto/ecdsa"
	"crypto/rsa"

	"github.com/emmansun/gmsm/sm2"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// AnswerWithKey makes the answer to a challenge of version v with the key of an HS_PUBKEY value:
// the name of a hash and a signature over nonce and digest (spec/handle-protocol.md section 7, and
// section 14 for SM2, where the identity's handle is the user id). The digest is without its
// algorithm octet.
func AnswerWithKey(key PrivateKey, v handle.Version, identity identifier.Ref, nonce, digest []byte) ([]byte, error) {
	name := key.hashFor(v)
	var signature []byte
	var err error
	if k, ok := key.key.(*sm2.PrivateKey); ok {
		signature, err = signSM2(k, identity.Handle, nonce, digest)
	} else {
		signature, err = key.sign(name, nonce, digest)
	}
	if err != nil {
		return nil, err
	}
	return handle.AppendBytes(handle.AppendBytes(nil, name), signature), nil
}

// VerifyKeyAnswer reports with [ErrAnswer] an answer that was not made with the private half of key,
// and with [ErrKey] a key that can make none. The hash that the answer names decides, not the
// version; MD5 is not accepted.
func VerifyKeyAnswer(key crypto.PublicKey, identity identifier.Ref, nonce, digest, answer []byte) error {
	f := fields{b: answer}
	name, signature := f.bytes(), f.bytes()
	if f.bad {
		return ErrAnswer
	}
	good := false
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if !isSM2(k) {
			return ErrKey
		}
		good = string(name) == nameSM3 && verifySM2(k, identity.Handle, signature, nonce, digest)
	case *rsa.PublicKey, *dsa.PublicKey:
		good = verify(key, name, signature, nonce, digest)
	default:
		return ErrKey
	}
	if !good {
		return ErrAnswer
	}
	return nil
}
