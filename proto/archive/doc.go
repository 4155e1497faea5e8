// Package archive is the form in which what an enterprise owns leaves a node and comes to another: a tar
// file (POSIX.1-2001, pax), as it is or packed with gzip or zstd.
//
// Lists are NDJSON members: "records.ndjson", and where that would become longer than [PartOctets], on
// in "records.000002.ndjson" and so forth, so that who writes needs no more memory than a part and no
// disk. Each of these members has its SHA-256 in its pax header, under "IDNODE.sha256": who reads can
// check a part before it uses it. The last member is manifest.json ([Manifest]), which tells lines, octets
// and SHA-256 of every other member: an archive without it has been cut off.
//
//	enterprise.json           the enterprise: form and state; of a whole node enterprises.ndjson
//	files/ID.json, files/ID   a file: what is known of it, then its octets
//	namespaces.ndjson         prefixes
//	templates.ndjson          data templates; past revisions with "past": true
//	records.ndjson            records in the interchange form, tombstones with the values that they keep
//	history.ndjson            past versions of records, in the same form
//	accounts.ndjson           accounts, without passwords
//	keys.ndjson               API keys, without secrets
//	apps.ndjson               applications that use identifiers
//	applications.ndjson       applications for prefixes
//	audit.ndjson              what was done, and by whom
//	manifest.json
package archive
