package resolver

import (
	"context"
	"time"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// traced is Resolve with the steps told.
func (r *Resolver) traced(ctx context.Context, q *Query) Answer {
	t := newTrace()
	t.step(Step{Stage: StageRead, Name: q.ID.Qualified(), Detail: q.ID.Form()})
	a := r.exact(ctx, q, t)
	switch a.Status {
	case Referral:
		t.step(Step{Stage: StageReferral, Name: qualified(a.Namespace), Status: a.Status, Tier: a.Tier, Detail: a.Service.IP.String()})
	default:
		t.step(Step{Stage: StageRecord, Name: q.ID.Qualified(), Status: a.Status, Tier: a.Tier, Detail: a.Reason})
	}
	if a.Status == NotFound {
		a = r.beyond(ctx, q, a, t)
	}
	a.Steps = t.steps
	return a
}

// trace collects the steps of one resolution. A nil trace collects nothing and costs nothing.
type trace struct {
	steps []Step
	last  time.Time
}

func newTrace() *trace { return &trace{last: time.Now()} }

// step adds s, which took the time since the step before.
func (t *trace) step(s Step) {
	if t == nil {
		return
	}
	now := time.Now()
	s.Took = now.Sub(t.last)
	t.last = now
	t.steps = append(t.steps, s)
}

// namespace adds the step of having looked for the namespace.
func (t *trace) namespace(ns *identifier.Namespace) {
	if t == nil {
		return
	}
	if ns == nil {
		t.step(Step{Stage: StageNamespace, Detail: "none is allocated"})
		return
	}
	t.step(Step{Stage: StageNamespace, Name: qualified(ns), Detail: string(ns.Mode) + ", " + string(ns.State)})
}

// template adds the step of having asked the template for x.
func (t *trace) template(x *handle.Expansion, status Status, tier Tier, detail string) {
	if t == nil {
		return
	}
	of := x.Base
	if of == "" { // it could not be divided
		of = x.Handle
	}
	t.step(Step{Stage: StagePattern, Name: identifier.Handle.String() + ":" + identifier.FoldASCII(of), Status: status, Tier: tier, Detail: detail})
}

func qualified(ns *identifier.Namespace) string { return ns.Scheme.String() + ":" + ns.Prefix }
