// Package dnsserver answers for identifiers over the DNS, by spec/dns-mapping.md: names of the OID
// resolution system, and idnode's own mapping of Handles, Ecodes and GS1 keys. It is authoritative
// for its apexes and refuses everything else. What a name stands for is read by package dnsname,
// what is answered comes from the [resolver.Resolver].
//
// Beside the names of identifiers there are, for the name n:
//
//	_idis._tcp.n                 the URI records of n
//	_up.n                        TXT: "oid=<dotted>" and the values of the nearest registered superior of an OID, or its own
//	<label>._svc.<rest>          A and AAAA: the service that n, <label>.<rest>, is delegated to
//	zones.idnode. (class CHAOS)  TXT: the zones, and "ors=" with each suffix of the OID resolution system
package dnsserver
