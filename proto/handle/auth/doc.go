// Package auth is the cryptography of the Handle System protocol: keys in the forms in which values
// and files hold them, answers to challenges, signatures and MACs of messages, and Diffie-Hellman
// sessions. It speaks versions 2.0 to 2.11 (spec/handle-protocol.md sections 6, 7, 9 and 14) and
// needs no server: callers bring the octets and take octets away.
//
// A digest here is the digest of a challenged request without the octet that names its algorithm,
// as [handle.DigestSum] returns it: answers to challenges cover nonce and digest in that form.
//
// What the network says is bounded before it costs anything: sizes of keys and groups, iterations
// and lengths of derived keys. Secrets are compared in constant time. MD5 and SHA-1 are accepted
// where an old version of the protocol knows nothing better, for MACs and SHA-1 signatures; MD5
// signatures are not.
package auth
