// Package trust checks the signatures that records of the Handle System carry in themselves, whoever
// served them: HS_SIGNATURE values, each a JSON Web Signature over digests of the record's values,
// and HS_CERT values, by which an issuer hands a key and permissions down, from a trust root such as
// 0.0/0.0 or, in China, 88.111.1/0.0 (spec/handle-protocol.md sections 9 and 14).
//
// The forms are those of Handle.Net 9 and of the Teleinfo idpointer SDK 2.3.1, which adds the
// algorithm SM2256: SM2 with SM3 and the default user id. Required signers, a local narrowing of
// trust that Handle.Net servers know, are not part of it.
package trust

// Error says why a signature or certificate is not trusted.
type Error string

func (e Error) Error() string { return "handle trust: " + string(e) }

const (
	ErrForm       Error = "not a JSON Web Signature"
	ErrClaims     Error = "the claims cannot be read"
	ErrAlgorithm  Error = "unknown algorithm"
	ErrSignature  Error = "the signature is wrong"
	ErrTime       Error = "outside its time of validity"
	ErrHandle     Error = "made for another handle"
	ErrPermission Error = "the issuer has no authority over the handle"
	ErrChain      Error = "the chain of issuers is broken"
	ErrRoot       Error = "the chain of issuers does not end at a trust root"
	ErrUnknown    Error = "the record of an issuer is not known here"
	ErrMany       Error = "more signatures than are looked at"
)
