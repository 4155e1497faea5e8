// Package resolver turns a query into an answer: it finds the namespace of an identifier, then asks
// the nearest tier that can answer, and names the outcome.
//
// The outcomes are the rows of the table in outcome.go; each front end (dnsserver, handleserver,
// grpcserver, httpserver) has one mapping from them to its own codes. See DESIGN.md.
package resolver
