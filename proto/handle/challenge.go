package handle

import "github.com/idnode/idnode/proto/identifier"

// Types of the values that hold an identity's key, as [ChallengeAnswer.KeyType] names them.
const (
	KeyTypePublic = "HS_PUBKEY" // a public key; the answer is a signature
	KeyTypeSecret = "HS_SECKEY" // a secret that both sides know; the answer is a MAC
)

// ChallengeAnswer is the body of the answer to a challenge (opcode 200, spec/handle-protocol.md
// section 7). KeyType and Answer are views. Package auth makes and checks answers.
type ChallengeAnswer struct {
	KeyType  []byte         // [KeyTypePublic] or [KeyTypeSecret]
	Identity identifier.Ref // whose key it is; index 0 is any key of that type
	Answer   []byte
}

// AppendChallengeAnswer appends the body of the answer to a challenge.
func AppendChallengeAnswer(dst []byte, a ChallengeAnswer) []byte {
	dst = AppendBytes(dst, a.KeyType)
	dst = AppendRef(dst, a.Identity)
	return AppendBytes(dst, a.Answer)
}

// ParseChallengeAnswer reads the body of the answer to a challenge.
func ParseChallengeAnswer(src []byte) (ChallengeAnswer, error) {
	c := cursor{b: src}
	a := ChallengeAnswer{KeyType: c.bytes(), Identity: c.ref(), Answer: c.bytes()}
	if c.err != nil {
		return ChallengeAnswer{}, c.err
	}
	return a, nil
}

// Verification is the body of a request (opcode 201, spec/handle-protocol.md section 7) by which
// another server asks whether Answer fits a secret that only this one holds. Its slices are views.
type Verification struct {
	Key    identifier.Ref
	Nonce  []byte
	Digest []byte // of the challenged request, without the octet that names the algorithm
	Answer []byte
}

// AppendVerification appends the body of a verification request.
func AppendVerification(dst []byte, v Verification) []byte {
	dst = AppendRef(dst, v.Key)
	dst = AppendBytes(dst, v.Nonce)
	dst = AppendBytes(dst, v.Digest)
	return AppendBytes(dst, v.Answer)
}

// ParseVerification reads the body of a verification request.
func ParseVerification(src []byte) (Verification, error) {
	c := cursor{b: src}
	v := Verification{Key: c.ref(), Nonce: c.bytes(), Digest: c.bytes(), Answer: c.bytes()}
	if c.err != nil {
		return Verification{}, c.err
	}
	return v, nil
}

// AppendVerified appends the body of the successful answer to a verification request.
func AppendVerified(dst []byte, valid bool) []byte {
	if valid {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// ParseVerified reads the body of the successful answer to a verification request, behind the
// digest if it has one. Anything but 1 is a no.
func ParseVerified(src []byte) (valid bool, err error) {
	c := cursor{b: src}
	return c.int1() == 1, c.err
}

// AppendLogin appends the body of the login of the Teleinfo idpointer SDK (opcode 2001,
// spec/handle-protocol.md section 14): who will answer the challenge.
func AppendLogin(dst []byte, identity identifier.Ref) []byte { return AppendRef(dst, identity) }

// ParseLogin reads the body of a login.
func ParseLogin(src []byte) (identifier.Ref, error) {
	c := cursor{b: src}
	r := c.ref()
	if c.err != nil {
		return identifier.Ref{}, c.err
	}
	return r, nil
}
