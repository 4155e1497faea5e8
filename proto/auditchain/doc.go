// Package auditchain is the form of the node's audit log outside of the node: how its entries are
// chained by hashes, how it is exported, and how whoever has an export finds out that nothing in it was
// changed, removed, inserted or moved. It knows nothing of the store, so that a client verifies with
// the same code as the node; and all it does can be done with SHA-256 alone, as follows.
//
// # The chain
//
// An entry has a number n = 1, 2, 3, … without gaps, a key and a value. The key is 17 octets: 'a', the
// nanoseconds since 1970 of the entry's time (8 octets, big-endian), 8 random octets. The value is the
// entry as it is stored, a JSON object; the octets count, not what they mean. A log has an identity: 16
// random octets, made once. D is the 16 octets "idnode audit 1\r\n"; || joins octets.
//
//	hash(0) = SHA-256(D || identity)
//	hash(n) = SHA-256(D || hash(n-1) || n || key || leaf)
//	leaf    = SHA-256(value)
//
// with n in 8 octets, big-endian. So hash(n) says everything about the log up to n: who has kept n and
// hash(n) somewhere else (a head) can tell whether a later log still begins with what they saw. Without
// any head that was kept outside the node, who can write the node's store could make the whole chain
// anew; with one they cannot, without being found out.
//
// A leaf of 32 octets 0 stands for an entry that was gone before it could be chained: no value has that
// hash. Such a log is never verified.
//
// Old entries are removed after a time, from the front. The number and hash of the last one that was
// removed stay as the anchor, from which the rest is verified as from hash(0).
//
// # An export
//
// An export is NDJSON, in UTF-8, each line ended by a line feed. The first line is the anchor, what
// stands before the first entry (n is 0 if none was removed or left out):
//
//	{"format":"idnode-audit-1","store":"<identity, hex>","n":0,"hash":"<hash(0), hex>"}
//
// Then one line for each entry, in the order of n:
//
//	{"n":1,"hash":"<hash(1), hex>","time":"2026-01-02T03:04:05.678Z","key":"<base64url>","entry":{…}}
//
// The value is the octets from behind "entry": to before the last } of the line. If they could not stand
// there (they are no JSON object, hold control characters, or are not UTF-8, which no entry is that the
// node wrote) the member is "raw" in place of "entry", the value in base64url; if there is no value it
// is "missing":true. The time is that of the key. base64url is without padding (RFC 4648, section 5).
//
// The last line has the number, hash and time of the last entry; an export without it was cut short:
//
//	{"end":{"n":2,"hash":"<hash(2), hex>","time":"2026-01-02T03:05:00Z"}}
//
// An export that the node could not bring to its end ends with {"error":{"code":"…","detail":"…"}}.
//
// In a shell, line $i of an export after line $h is verified by
//
//	prev=$(sed -n ${h}p log | jq -r .hash); line=$(sed -n ${i}p log)
//	value=${line#*'"entry":'}; value=${value%'}'}
//	leaf=$(printf %s "$value" | sha256sum | cut -d' ' -f1)
//	key=$(printf %s "$line" | jq -r .key | basenc -d --base64url 2>/dev/null | xxd -p -c99)
//	n=$(printf %016x $(printf %s "$line" | jq .n))
//	{ printf 'idnode audit 1\r\n'; printf %s "$prev$n$key$leaf" | xxd -r -p; } | sha256sum
//
// whose result is the hash of that line.
//
// # Heads
//
// A node may sign its head, with Ed25519 (RFC 8032), over
//
//	"idnode audit head 1\r\n" || identity || n || hash(n) || milliseconds since 1970 of the head's time
//
// numbers in 8 octets, big-endian.
package auditchain
