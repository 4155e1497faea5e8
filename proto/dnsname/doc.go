// Package dnsname maps identifiers to names of the DNS and back: which owner name, below a zone, an
// identifier has. The mapping of OIDs is that of the OID resolution system (ITU-T X.672 | ISO/IEC
// 29168-1); no standard maps the other schemes, and theirs is idnode's own published contract:
//
//	oid      1.2.156.10001.7            7.10001.156.2.1.oid
//	handle   88.1021.150/sn-001         sn-001.150.1021.88.hdl
//	handle   88.1021.150/SN 1           ad720c8._b32.150.1021.88.hdl
//	gs1      (01)06901234567892(21)123  123.21.06901234567892.01.gs1
//	ecode    10064000123456789          000123456789.0064.v1.ecode
//
// The package imports only the standard library and proto/identifier.
package dnsname
