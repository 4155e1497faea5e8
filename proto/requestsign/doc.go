// Package requestsign signs HTTP requests with the private key of an application and verifies them. The national
// top-level node gives each docked system an application id and a private key, with which its own client signs;
// how that client signs is not public. The scheme here is this project's own, for both sides.
//
// A signed request has five headers: the application, the time, a nonce, the digest of the body, and the signature.
// What is signed is eight lines, joined by line feeds, without one at the end:
//
//	idnode-request-1
//	<method, as sent>
//	<request target: escaped path, and "?" with the query if there is one>
//	<Idnode-App>
//	<Idnode-Time>
//	<Idnode-Nonce>
//	<media type and parameters: Content-Type, as sent, or empty>
//	<Idnode-Digest>
//
// An SM2 key (GB/T 32918.2, curve sm2p256v1, user id 1234567812345678) goes with SM3 for the digest, an Ed25519 key
// (RFC 8032) with SHA-256. The key decides, not the request: a receiver takes what the application's key can make.
// The host is not signed, since proxies change it; a key is for one receiver.
package requestsign
