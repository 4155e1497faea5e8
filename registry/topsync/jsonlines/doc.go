// Package jsonlines is the adapter for tables of which the top-level node's format is not public: rows as lines of JSON
// over HTTP.
//
//	POST <base>/tables/T9 HTTP/1.1
//	Content-Type: application/x-ndjson
//	Content-Encoding: gzip
//	Sync-Node: 88.100
//	Authorization: Bearer idn_…, if there is a token
//	Signature-Input, Signature: as the Signer makes them, if there is one
//
//	{"table":"T9","seq":42,"key":"88.100.5/pump-42","op":"add","time":"2026-11-23T07:04:05Z","data":{…}}
//	…
//
// The answer, 200 with at most 1 MiB of JSON, says up to which row all is dealt with, and which of those were refused:
//
//	{"acknowledged":42,"rejected":[{"seq":41,"detail":"/data/brand: longer than 255 characters"}]}
//
// A receiver keeps the greatest number that it has of each table, drops what is at or below it, and acknowledges it
// again. Any other answer means that nothing is known of the rows. Redirects are not followed. Retry-After is not
// looked at: the sync has its own waits.
package jsonlines
