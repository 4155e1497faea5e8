package server

import (
	"context"
	"crypto/x509"
	"net/netip"

	"github.com/idnode/idnode/proto/epp"
)

// Caller is who has sent a command.
type Caller struct {
	Client string     // clID of the login, or what Authenticator.Application said
	Addr   netip.Addr // where the command came from
}

// Peer is who wants to log in.
type Peer struct {
	Addr        netip.Addr
	Certificate *x509.Certificate // nil: none was shown. One that was shown has been verified if Options.TLS says so
}

// TRID names a command: as the client does, which may be empty, and as the server does.
type TRID struct{ Client, Server string }

// Handler carries out commands. A refusal is an [epp.Error] with one of the codes of RFC 5730; any other error is told to
// the client as CodeFailed without its text, and logged. The context ends when the server does. Methods are called
// by many goroutines, and at least once: a client that has got no answer asks again.
type Handler interface {
	// CheckEnt returns the number of the enterprise with that certificate. Unknown ones are CodeNotExists.
	CheckEnt(ctx context.Context, c Caller, q *epp.CheckEnt) (entID string, err error)

	// CreateEnt takes an enterprise in. Pending says that it is to be reviewed; a message tells the end. One that is
	// known already is CodeExists.
	CreateEnt(ctx context.Context, c Caller, id TRID, q *epp.CreateEnt) (entID string, pending bool, err error)

	// UpdateEnt changes an enterprise. Unknown ones are CodeNotExists, foreign ones CodeAuthorization.
	UpdateEnt(ctx context.Context, c Caller, id TRID, q *epp.UpdateEnt) (pending bool, err error)

	// CheckPrefix returns nil for a prefix that is free. One that is not is CodeExists.
	CheckPrefix(ctx context.Context, c Caller, q *epp.CheckPrefix) error

	// CreatePrefix takes an application for a prefix in. One that is not free is CodeExists, an unknown enterprise
	// CodeNotExists, a prefix of another secondary node CodeAuthorization.
	CreatePrefix(ctx context.Context, c Caller, id TRID, q *epp.CreatePrefix) (pending bool, err error)

	// UpdatePrefix changes where a prefix is resolved. Unknown ones are CodeNotExists, foreign ones CodeAuthorization.
	UpdatePrefix(ctx context.Context, c Caller, id TRID, q *epp.UpdatePrefix) (pending bool, err error)

	// Poll returns the first message for the client and how many there are, or nil and 0.
	Poll(ctx context.Context, c Caller) (first *Mail, count int, err error)

	// Ack takes a message out and returns how many are left. Unknown ones are CodeNotExists.
	Ack(ctx context.Context, c Caller, id string) (left int, err error)
}

// Authenticator says who may ask.
type Authenticator interface {
	// Login returns nil if the client has that password, and may come from there. newPassword is what it shall be from
	// now on, or empty. Refusals: CodeAuthentication; CodeAuthorization for a client that is known and may not. A
	// client of another case is another client.
	Login(ctx context.Context, p Peer, client, password, newPassword string) error

	// Application returns the client that an application is, whose request was verified. Refusal: CodeAuthorization.
	Application(ctx context.Context, p Peer, app string) (client string, err error)
}
