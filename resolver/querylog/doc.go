// Package querylog keeps who asked the node what, for as long as the law wants it kept (Cybersecurity Law of China,
// article 21: at least six months).
//
// A front end notes each answer with a Pen, which takes some tens of nanoseconds, allocates nothing and never waits: when
// the disk is slow or full, entries are dropped and counted. Pens fill chunks of 64 KiB; one goroutine (Log.Run) writes
// them to the files of a directory, half a second after the first entry of a chunk at the latest. What is in memory is
// bounded, and lost when the process is killed.
//
// # Files
//
// A segment is named for the moment it was begun, 20261123T070405.123Z.iql, and is followed by another after an hour or
// 64 MiB. It begins with the eight octets "idnodeQ1". Blocks follow, numbers in little endian:
//
//	4  "QLB1"
//	4  octets of the block's data as it is stored
//	4  octets of the data unpacked
//	4  CRC-32C of the data as it is stored
//	4  entries
//	8  time of the earliest entry, milliseconds since 1970
//	8  time of the latest
//	…  data: a zstd frame
//
// The unpacked data is entries one after the other:
//
//	8  time of the request, microseconds since 1970
//	4  microseconds until the answer
//	1  front end: 1 dns_udp 2 dns_tcp 3 handle_udp 4 handle_tcp 5 grpc 6 http
//	1  scheme of the identifier, 0 if it was none
//	1  outcome, 1  tier: as package resolver numbers them
//	1  octets of the client's address: 0, 4 or 16
//	2  octets of what was asked
//	…  address, then what was asked, at most 1024 octets of it: an identifier, over the DNS the owner name in wire form
//
// A block that was cut off by a crash, or whose checksum is wrong, ends the reading of its segment.
package querylog
