// Package eppadmin is the adapter for enterprises and their prefixes over EPP (RFC 5730 with the mappings idis-ent and
// idis-entprefix, see package proto/epp): rows of T6 become enterprises at the top-level node, rows of T7 prefixes with their
// routes, and what waits in the mailbox there, results of audits and orders, is carried out.
//
// The draft cannot say that an enterprise or a prefix ends: such rows are told as rejected, for an operator to see, and
// have to be ended in the top-level node's portal.
package eppadmin
