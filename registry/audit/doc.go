// Package audit makes the node's audit log append-only in a way that can be proved: it chains the
// entries by hashes, exports and verifies the log, and removes what has been kept long enough.
//
// # The chain
//
// Each batch that writes an audit entry names its key in the change log. One follower of the log gives
// the entries their numbers, in the order of the log: no writer waits for another, or for the chain. With
//
//	hash(0) = SHA-256("idnode audit 1\r\n" || identity of the log, 16 octets)
//	hash(n) = SHA-256("idnode audit 1\r\n" || hash(n-1) || n, 8 octets big-endian || key, 17 octets || SHA-256(value))
//
// where key and value are those of the stored entry, octet by octet. Package auditchain (in proto, for
// clients need it too) has the construction and the form of exports in full, so that a third party
// verifies an export with SHA-256 alone.
//
// # What is stored
//
//	storage.MetaKey("audit")         identity of the log, made once
//	storage.MetaKey("audit.head")    newest number and hash
//	storage.MetaKey("audit.anchor")  number and hash of the last entry that was removed for its age
//	storage.ChainKey(n)              key of entry n, hash(n)
//	storage.IndexAudit               key of an entry → its number: what tells an entry that was put in from one of the log
//	storage.CursorKey("audit")       how far the change log has been chained
//
// Rows, head and cursor are written in one batch, so that a crash anywhere leaves a chain that goes on
// where it was. The head is put at its version: of two followers of one store one is refused, and
// goes on from what the other wrote.
//
// # What the change log does not tell
//
// A store of a version without the chain has entries that no change names; and a change log that was
// trimmed beyond the cursor (which the janitor does not do, but who restores a store may see) no longer
// names some. Then the follower puts its cursor at the end of the change log, goes through the table of
// entries in the order of keys and chains what is not in the chain, and after that follows the log
// again; entries that it meets twice are known by the index. The first time it goes through all of the
// table, later from a minute before the newest entry that was chained: what is older and not in the chain
// has been put there by somebody else, and is not made good by chaining it. It stays, and Verify tells of it.
package audit
