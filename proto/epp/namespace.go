package epp

import "encoding/xml"

// Namespaces of messages and objects.
const (
	NamespaceEPP    = "urn:ietf:params:xml:ns:epp-1.0"            // RFC 5730, section 2.1
	NamespaceEnt    = "urn:ietf:params:xml:ns:idis-ent-1.0"       // enterprises; draft, section 3.1.1
	NamespacePrefix = "urn:ietf:params:xml:ns:idis-entprefix-1.0" // enterprise prefixes; draft, section 3.1.1

	// NamespacePrefixToo is how the draft writes NamespacePrefix in section 3.2.1. It is read, and never written.
	NamespacePrefixToo = "urn:ietf:params:xml:ns:prefix-1.0"

	namespaceXSI = "http://www.w3.org/2001/XMLSchema-instance"
	namespaceXML = "http://www.w3.org/XML/1998/namespace"
)

// tags are the prefixes with which the elements of a namespace are written.
var tags = map[string]string{NamespaceEPP: "", NamespaceEnt: "ent:", NamespacePrefix: "prefix:"}

// canonical is a name with the one spelling that its namespace has here.
func canonical(n xml.Name) xml.Name {
	if n.Space == NamespacePrefixToo {
		n.Space = NamespacePrefix
	}
	return n
}
