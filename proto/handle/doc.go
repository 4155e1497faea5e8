// Package handle is the wire form of the Handle System protocol, versions 2.0 to 2.11 (RFC 3652 as
// the Handle.Net software speaks it, also called DO-IRP 2).
//
// A message is a header of 24 octets, a body, and a credential behind a length. Every message, or
// over UDP every piece of one, stands behind an envelope of 20 octets. All integers are big-endian;
// strings are UTF-8 behind a length of four octets.
//
// Functions named AppendX append the wire form to a slice and allocate nothing but its growth.
// Functions named ParseX read from the front of a slice and return what follows; byte slices in
// what they return are views into the source. Every length and count is held against what is left
// before it is believed, and the only error they return is an [Error].
//
// Package auth beside this one has the cryptography: challenges, signatures of messages, sessions.
// Package trust checks the signatures that records carry in themselves.
package handle
