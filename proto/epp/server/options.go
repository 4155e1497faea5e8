package server

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/idnode/idnode/proto/epp"
)

// Options say what a [Server] is. The zero value has the defaults, and no TLS.
type Options struct {
	// Name is svID of greetings, 3 to 64 characters. Default: "idnode".
	Name string

	// Languages are those of response texts. All texts are English; a client that asks for another of the list gets
	// them all the same. Default: "en".
	Languages []string

	// TLS is how connections are secured. RFC 5734, section 8 asks for certificates of both sides: ClientAuth and ClientCAs
	// say so. Serve needs it; HTTP has the TLS of its http.Server.
	TLS *tls.Config

	MaxConnections int           // at a time. Default: 256
	MaxPerAddress  int           // connections of one address at a time. Default: 16
	MaxSessions    int           // of one client at a time; a login beyond it is CodeSessionLimit. Default: 4
	MaxFailures    int           // refused logins of a connection; the last is CodeAuthClosing. Default: 3
	MaxMessage     int           // octets of a command, once there is a session. Default and most: epp.MaxMessage
	HandshakeTime  time.Duration // for the TLS handshake. Default: 10 seconds
	LoginTime      time.Duration // until a session must have begun. Default: 1 minute
	IdleTime       time.Duration // between two commands. Default: 10 minutes
	MessageTime    time.Duration // for a command to arrive and for a response to be taken. Default: 30 seconds
	DrainTime      time.Duration // for commands that are being carried out when Serve ends. Default: 5 seconds

	// Observe is told of each command that has been answered: its verb, or "hello", or "unknown" for what is no command;
	// and the code of its response, 1000 for a greeting. Default: nobody.
	Observe func(verb string, code epp.Code)

	// Distort changes what goes out in place of a response: nothing, something else, or several. It is for servers that
	// shall misbehave, to see what clients make of it. Default: responses go out as they are.
	Distort func(c Caller, response []byte) [][]byte

	// Clock tells the time of greetings. Default: time.Now.
	Clock func() time.Time

	// Log is told of failures of the Handler, and of peers that break the rules. Default: slog.Default.
	Log *slog.Logger
}

// maxBeforeLogin bounds a message of a client that has not logged in, in octets: a login has a few hundred.
const maxBeforeLogin = 64 << 10

func (o Options) withDefaults() Options {
	number := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	span := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	if o.Name == "" {
		o.Name = "idnode"
	}
	if len(o.Languages) == 0 {
		o.Languages = []string{"en"}
	}
	number(&o.MaxConnections, 256)
	number(&o.MaxPerAddress, 16)
	number(&o.MaxSessions, 4)
	number(&o.MaxFailures, 3)
	number(&o.MaxMessage, epp.MaxMessage)
	o.MaxMessage = min(o.MaxMessage, epp.MaxMessage)
	span(&o.HandshakeTime, 10*time.Second)
	span(&o.LoginTime, time.Minute)
	span(&o.IdleTime, 10*time.Minute)
	span(&o.MessageTime, 30*time.Second)
	span(&o.DrainTime, 5*time.Second)
	if o.Observe == nil {
		o.Observe = func(string, epp.Code) {}
	}
	if o.Distort == nil {
		o.Distort = func(_ Caller, response []byte) [][]byte { return [][]byte{response} }
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}
