// Package recordcsv is the form of records in CSV (RFC 4180, UTF-8, lines that end in LF): a line a value, under a header of
// [Columns]. The lines of an identifier follow one another. It carries all that the interchange form of a record has
// but version, state, reason, successor, created and updated:
//
//	id         the identifier, as it was registered
//	index      1 to 2147483647
//	type
//	data       text as it is; what is no text, and text that begins with {"format": , in the form of JSON:
//	           {"format":"base64","value":"…"}, {"format":"string","value":"…"}
//	ttl        seconds; an absolute TTL is a time, 2030-01-01T00:00:00Z. Empty: 86400
//	perms      four characters 0 or 1. Empty: 1110
//	timestamp  a time, 2026-01-02T03:04:05Z. Empty: not given
//	refs       [{"handle":"…","index":300}]. Empty: none
//	scheme     handle, oid, ecode or gs1. Empty: detected
//	template   of the record. Empty: none
//
// Scheme and template are of the record and stand in each of its lines. A cell that a spreadsheet would take for a
// formula has an apostrophe before it. A record without values has one line whose other cells are empty; readers
// refuse it, as a node does.
package recordcsv
