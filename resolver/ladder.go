package resolver

import (
	"context"

	"github.com/idnode/idnode/proto/identifier"
)

// beyond goes on where the identifier of q has no record: first the rules of its namespace, which
// speak of this very identifier, then the templates of its prefix record, then, if the asker allows it,
// what stands above it. missing is the answer if nothing comes of that.
func (r *Resolver) beyond(ctx context.Context, q *Query, missing Answer, t *trace) Answer {
	if a, ok := r.pattern(q, missing.Namespace); ok {
		a.Stamp = missing.Stamp
		t.step(Step{Stage: StagePattern, Name: qualified(missing.Namespace), Status: a.Status, Tier: a.Tier})
		return a
	}
	if missing = r.templated(ctx, q, missing, t); missing.Status != NotFound || !q.Fallback {
		return missing
	}
	missing.Stamp = Stamp{} // much more was looked at than it tells
	for _, id := range q.ID.Broader() {
		broader := *q
		broader.ID = id
		a := r.exact(ctx, &broader, nil)
		t.step(Step{Stage: StageFallback, Name: id.Qualified(), Status: a.Status, Tier: a.Tier})
		switch a.Status {
		case Found, NoValues:
			a.Broader, a.Stamp = id, Stamp{}
			return a
		case NotFound, Revoked: // a lot that was recalled does not hide the product
		case Overloaded, Failed:
			return a
		default:
			return missing // the ladder leaves what is ours to answer
		}
	}
	return missing
}

// pattern makes the record that a rule of the namespace computes for q's identifier.
func (r *Resolver) pattern(q *Query, ns *identifier.Namespace) (Answer, bool) {
	if ns == nil || len(ns.Patterns) == 0 {
		return Answer{}, false
	}
	v, ok := ns.Compute(q.ID)
	if !ok {
		return Answer{}, false
	}
	rec := &identifier.Record{Scheme: q.ID.Scheme(), ID: q.ID.String(), State: identifier.Active,
		Values: []identifier.Value{v}, Created: ns.Created, Updated: ns.Updated, Version: ns.Version}
	return r.answer(q, ns, rec, TierComputed, nil), true
}
