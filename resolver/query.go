package resolver

import (
	"time"

	"github.com/idnode/idnode/proto/identifier"
)

// Query is one question.
type Query struct {
	ID      identifier.ID
	Types   []string // value types asked for, see identifier.Value.MatchType
	Indexes []uint32 // value indexes asked for; together with Types a union; both empty asks for all
	Private bool     // the asker may read values without public read
	Recurse bool     // follow a referral for the asker, if the node is willing
	NoCache bool     // ask the store even if the cache has an answer

	// Fallback lets a broader record answer for an identifier that has none: the lot or the product
	// of a GS1 serial, the nearest registered ancestor of an OID.
	Fallback bool
	Trace    bool // have Answer.Steps filled

	// Scratch is the asker's memory for a record that is in no cache: the answer's Record is good until
	// the next query with the same Scratch, and is not put into the cache. Default: the record is
	// shared and stays.
	Scratch *Scratch
}

// Scratch is memory for the records of one asker's queries, one at a time. The zero Scratch is ready.
type Scratch struct {
	key, row []byte
	record   identifier.Record
}

// Wants reports whether v is asked for, without regard to permissions.
func (q *Query) Wants(v *identifier.Value) bool {
	if len(q.Types) == 0 && len(q.Indexes) == 0 {
		return true
	}
	for _, i := range q.Indexes {
		if i == v.Index {
			return true
		}
	}
	for _, t := range q.Types {
		if v.MatchType(t) {
			return true
		}
	}
	return false
}

// Answer is the outcome of a query. What it points to is shared with other answers: callers must not
// modify it. See Query.Scratch for how long it is good.
type Answer struct {
	Status    Status
	Tier      Tier
	Record    *identifier.Record    // Found, NoValues and Revoked; all its values, see Values
	Namespace *identifier.Namespace // the namespace that holds the identifier, if one is allocated
	Service   *identifier.Service   // Referral: whom to ask
	Reason    string                // Revoked and Suspended: why
	Err       error                 // Failed: what went wrong, for the log

	// Broader is the identifier whose record answers in place of the one asked for; zero unless the
	// query allowed it and it came to that.
	Broader identifier.ID
	Steps   []Step // of the ladder, in the order in which they were taken; only if asked for

	// Stamp is what the answer was made from, as it was before: for who keeps what it is told as. It
	// is zero if the answer is not to be kept.
	Stamp Stamp
}

// Step is one rung of the ladder, for those who want to see how an answer came about.
type Step struct {
	Stage  Stage
	Name   string // what was looked for: an identifier or a namespace, qualified by its scheme
	Status Status // of this step; 0 where the step decides nothing
	Tier   Tier   // where it was looked for
	Took   time.Duration
	Detail string // for people
}

// Stage is the kind of a step.
type Stage string

const (
	StageRead      Stage = "read"      // the text as an identifier of a scheme
	StageNamespace Stage = "namespace" // the namespace that holds it
	StageRecord    Stage = "record"    // its record
	StagePattern   Stage = "pattern"   // the namespace's rules and templates for identifiers without a record
	StageFallback  Stage = "fallback"  // a broader identifier's record
	StageReferral  Stage = "referral"  // the service that answers instead
)

// Values calls fn for each value of the answer that q asks for and may read, in stored order,
// until fn returns false. Without a record there are none.
func (a *Answer) Values(q *Query, fn func(v *identifier.Value) bool) {
	if a.Record == nil || a.Status == Revoked {
		return
	}
	for i := range a.Record.Values {
		v := &a.Record.Values[i]
		if (q.Private || v.Public()) && q.Wants(v) && !fn(v) {
			return
		}
	}
}
