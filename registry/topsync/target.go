package topsync

import (
	"context"
	"errors"

	"github.com/idnode/idnode/proto/topreport"
)

// Target is a node that is reported to, over some protocol: what an adapter is. Its methods may be called from many
// goroutines, but for one table by one at a time.
type Target interface {
	// Push hands over rows of one table, at least one, in the order of their numbers. It returns up to which row
	// the target has them, stored or refused; rows beyond that are pushed again. An error says that nothing is
	// known of them: all are pushed again. The context bounds the call.
	Push(ctx context.Context, b Batch) (Receipt, error)
}

// Batch is rows of one table, with rising numbers that may have gaps where a row was not sent.
type Batch struct {
	Table string
	Rows  []topreport.Row
}

// Receipt is the answer to a Push.
type Receipt struct {
	Acknowledged uint64      // number of the last row that is dealt with; that before the first row: none
	Rejected     []Rejection // of the rows up to there, those that were refused
}

// Rejection says why a row was refused.
type Rejection struct {
	Seq    uint64
	Detail string
}

// TargetOptions is a target, and what it is told.
type TargetOptions struct {
	Name   string   // in the status, in metrics, and in the store: it never changes
	Kind   string   // its adapter, for people
	Target Target   // required
	Tables []string // default all
}

// ErrHopeless is in the chain of errors of a Push after which trying soon again is of no use, such as a refused
// certificate or a table that the target does not take: the table waits for an hour, or for an operator.
var ErrHopeless = errors.New("only an operator can help")
