package handleserver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// Admin carries out administration by the rules of whoever keeps the records. Errors that have a
// method Rcode() [handle.Rcode] are told the client with that code and their text.
type Admin interface {
	// Record returns a record as it is now, with all its values; nil if there is none. Records of
	// prefixes that are computed, not stored, are among them.
	Record(ctx context.Context, id identifier.ID) (*identifier.Record, error)

	// Change carries out one change of one record, all or nothing.
	Change(ctx context.Context, c Change) error

	// ListHandles calls yield with each handle of a prefix ("88.101.5"), in any order, until it
	// returns an error, which is returned.
	ListHandles(ctx context.Context, prefix string, yield func(handle string) error) error

	// Home makes the node answer for a prefix, Unhome ends that. Who may is the server's to say.
	Home(ctx context.Context, prefix string, who identifier.Ref, from netip.Addr) error
	Unhome(ctx context.Context, prefix string, who identifier.Ref, from netip.Addr) error

	// Homed returns the prefix records ("0.NA/88.101.5") of the prefixes that the node answers for.
	Homed(ctx context.Context) ([]string, error)
}

// Change is one change of one record.
type Change struct {
	ID   identifier.ID
	Op   string         // "create", "delete", "add", "remove" or "modify": for the audit
	Who  identifier.Ref // who was authenticated; zero for values that everybody may write
	From netip.Addr     // where the request came from; zero if that is not known

	// Decide returns the values that the record is to have, nil if it is to go; cur is what it is at
	// the moment of the change, nil if there is none. It may be called again, with a newer cur, if
	// another writer was faster. Its error ends the change and is returned as it is. Values that it
	// returns as they were keep their timestamps, all others get the time of the change.
	Decide func(cur *identifier.Record) (next []identifier.Value, err error)
}

// refusal is why a request is not carried out.
type refusal struct {
	code handle.Rcode
	text string
}

func refuse(code handle.Rcode, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// Error implements error.
func (r *refusal) Error() string { return r.code.String() + ": " + r.text }

// Rcode is what the client is told.
func (r *refusal) Rcode() handle.Rcode { return r.code }

// refusalOf is err as a refusal: with its own code and text if it has a code, else as a failure of
// this server, of which the client is told no more.
func (s *Server) refusalOf(op string, err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	var coded interface{ Rcode() handle.Rcode }
	if errors.As(err, &coded) {
		return &refusal{coded.Rcode(), err.Error()}
	}
	s.log.Error("handle administration failed", "op", op, "err", err)
	return &refusal{code: handle.RcodeError}
}
