// Package handleserver answers the Handle protocol over UDP and TCP.
//
// answer.go takes a whole message and appends the answer, whatever it came over; resolve.go is the
// resolution among the operations, and outcome.go its one mapping from outcomes to response codes.
// kept.go gives finished answers again. udp.go answers the datagrams that package udpserver reads, with
// fragments.go for requests in pieces; tcp.go owns the connections.
//
// administer.go carries out changes and lists: operation.go says what values a record will have and which
// rights that takes, authority.go who has them, identity.go who somebody is. challenge.go, session.go and
// login.go are the three ways of telling, certify.go signs and encrypts answers, trusted.go checks the signatures that records carry in
// themselves. What each opcode and response
// code means here is listed in DESIGN.md of proto/handle.
//
// # Bad input
//
// The answer to what cannot be understood has the request's id and code 4 where 12 octets of an
// envelope arrived; the Handle.Net server answers with an id that no client matches. Over UDP
// there is silence to responses, to datagrams shorter than they claim, to source port 0, and to
// nonsense from ports below 1024: each of those could be the other end of a loop.
//
// # Closing connections
//
// Three kinds of clients exist. Handle.Net's takes what comes. The idpointer SDK keeps connections
// in a pool and hangs when it writes to one that the server has closed. HandleClient for Python
// reads until the server closes. So a connection stays open for Options.LingerTimeout after its
// first answer, and once a second request has shown that the client uses connections again, for
// Options.IdleTimeout.
package handleserver
