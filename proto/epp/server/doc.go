// Package server answers EPP (RFC 5730) as the business management system of a top-level node does: over TLS, in
// sessions with a login (RFC 5734), and over HTTP, where each request is signed by an application (package requestsign)
// and there are no sessions. What enterprises and prefixes are is up to a [Handler]; a [Mailbox] keeps its messages.
package server
