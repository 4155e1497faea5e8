package resolver

import (
	"context"
	"time"

	"github.com/idnode/idnode/proto/identifier"
)

// Upstream finds out what other nodes say of identifiers that are not answered here. Package resolver/upstream
// asks them; package resolver/cache keeps what they said. All methods are safe for concurrent use.
type Upstream interface {
	// Resolve returns what is registered under q.ID elsewhere. That nothing is, is an answer (NotFound); an
	// error means that nobody who is answerable could be asked within the limits, and is never to be kept as an
	// answer. What is returned is shared: callers must not modify it.
	Resolve(ctx context.Context, q UpstreamQuery) (*Foreign, error)
}

// UpstreamQuery is a question to other nodes. It always is for every public value, so that what comes back can answer whoever
// asks next.
type UpstreamQuery struct {
	ID identifier.ID

	// From is the service to ask, that of the delegated namespace that holds ID. Nil begins at the top-level node.
	From *identifier.Service

	// NoCache has the answerable server asked, whatever is kept; where a site tells its primary apart, that one.
	NoCache bool

	// Hop is told of each step, in order, before Resolve returns. Nil tells nobody.
	Hop func(Hop)
}

// Foreign is what another node said of an identifier.
type Foreign struct {
	Status  Status             // Found, Revoked, NotFound, Suspended, or NotResponsible: nobody answers for it
	Record  *identifier.Record // Found and Revoked; its public values
	Reason  string             // Revoked and Suspended, where the node told it
	Fetched time.Time          // when the node that is answerable said so
	Expires time.Time          // when that is to be asked for again
	Tier    Tier               // where it was taken from: TierLRU, TierRedis or TierUpstream
	Stale   bool               // it is past Expires, and was given because nothing newer could be had
}

// Hop is one step of asking elsewhere, for those who want to see it.
type Hop struct {
	Server string // whom: protocol, address and port, such as "udp 192.0.2.7:2641"; "l1" or "redis" for a cache
	Name   string // what was asked for, qualified by its scheme
	Code   string // the answer in the words of the protocol asked, such as "RC_SUCCESS (1)"; "hit", "miss", "stale" of a cache
	Took   time.Duration
	Detail string // for people: where it led, or what went wrong
}
