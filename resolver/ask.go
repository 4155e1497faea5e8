package resolver

import (
	"context"
	"errors"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// Asked is the outcome of Ask: what was read out of the text, and the answer to that.
type Asked struct {
	Query  Query // with the identifier that was read; its ID is zero if the text is none
	Answer Answer

	// Candidates are all readings of a text that is not of one scheme beyond doubt, the likeliest
	// first, and of a text that is no identifier: with the slip that is wrong with it.
	Candidates []identifier.Candidate

	// Elsewhere is where the coding system of an Ecode that is not ours has its own service, "" if that
	// is not known.
	Elsewhere string

	// Err says why the text is no identifier; the answer is Invalid then. It is an
	// *identifier.SyntaxError.
	Err error
}

// Ask answers for a code as it was typed or scanned, in any spelling of any scheme (0: whichever it
// is written in). Carriers' wrapping is taken off. A text that may be of several schemes is looked
// for in each, the likeliest first; the first that has a record of it answers, or else the first for
// which something else speaks, see claim. q.ID is ignored.
func (r *Resolver) Ask(ctx context.Context, text string, scheme identifier.Scheme, q Query) Asked {
	var err error
	sole := true
	if scheme != 0 {
		q.ID, err = scheme.Parse(text)
		_, _, carrier := identifier.Unwrap(text)
		sole = carrier == ""
	} else {
		q.ID, sole, err = identifier.Read(text)
	}
	if err == nil && sole {
		err = r.o.NSI.Check(q.ID)
	}
	if err == nil && sole {
		asked := Asked{Query: q, Answer: r.Resolve(ctx, q)}
		r.point(&asked)
		return asked
	}
	asked := Asked{Query: q, Candidates: candidates(text, scheme), Err: err}
	best := -1
	for i := range asked.Candidates {
		c := &asked.Candidates[i]
		if c.Err == nil {
			c.Err, _ = errors.AsType[*identifier.SyntaxError](r.o.NSI.Check(c.ID))
		}
		if c.Err != nil || best >= certain {
			continue
		}
		q.ID = c.ID
		a := r.Resolve(ctx, q)
		if n := claim(&a); n > best {
			best = n
			asked.Query, asked.Answer, asked.Err = q, a, nil
		}
	}
	if best < 0 || best == 0 && asked.Candidates[0].Err != nil {
		// Nothing of ours, and what the text looks most like has a slip: "1.40.1" is a wrong OID
		// rather than a foreign Handle prefix.
		asked.Query.ID = identifier.ID{}
		asked.Answer = r.Resolve(ctx, asked.Query)
		if len(asked.Candidates) > 0 {
			asked.Err = asked.Candidates[0].Err
		}
	}
	r.point(&asked)
	return asked
}

// point fills in Elsewhere.
func (r *Resolver) point(asked *Asked) {
	if asked.Answer.Status != NotResponsible {
		return
	}
	if system := r.o.NSI.Lookup(asked.Query.ID); system != nil {
		asked.Elsewhere = system.URL(asked.Query.ID)
	}
}

// candidates are the readings of text, in scheme alone if that is not 0.
func candidates(text string, scheme identifier.Scheme) []identifier.Candidate {
	if scheme == 0 {
		return identifier.Detect(text)
	}
	// Behind its name the scheme is not in doubt, but what is carried is still unwrapped.
	inner, _, _ := identifier.Unwrap(text)
	name := scheme.String() + ":"
	return identifier.Detect(name + strings.TrimPrefix(inner, name))
}

// certain is the claim of an answer that settles what a text was meant to be.
const certain = 4

// claim says how much speaks for a reading that got the answer a: a record of its own more than
// one that stands in for it or is elsewhere, that more than a tombstone.
func claim(a *Answer) int {
	switch a.Status {
	case NotResponsible, Invalid:
		return 0
	case NotFound:
		return 1
	case Revoked, Suspended:
		return 2
	case Referral:
		return 3
	case Found, NoValues:
		if a.Tier == TierComputed || !a.Broader.IsZero() {
			return 3
		}
	}
	return certain
}
