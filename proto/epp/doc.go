// Package epp is the Extensible Provisioning Protocol 1.0 (EPP, RFC 5730) as secondary nodes and the national top-level
// node speak it: its messages, with the object mappings of enterprises (idis-ent) and of enterprise prefixes
// (idis-entprefix) that draft-chen-top-level-interface-protocol-03 describes (spec/toplevel.md, section 7.5), and the
// framing of RFC 5734. Package client asks, package server answers.
//
// [Parse] and [Append] hold to one description of each message, so what one refuses the other does not make:
// Parse(Append(m)) is m. White space around texts is not kept, nor is what extensions add to responses.
package epp
