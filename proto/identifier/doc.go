// Package identifier is the vocabulary of the node: coding schemes, identifiers, namespaces,
// records and their values, and the binary and JSON forms in which records are kept and exchanged.
//
// A scheme ([Handle], [OID], [Ecode], [GS1], [MA], [DID]) is one line in the table of schemes.go and
// the files that begin with its name. What is scanned or typed goes through [Detect].
// [Parse] reads an identifier in any spelling that a scheme accepts; the resulting [ID] keeps the
// spelling and holds the canonical form under which records are stored and found.
//
// The package imports only the standard library, so that every other part of the node can use it.
package identifier
