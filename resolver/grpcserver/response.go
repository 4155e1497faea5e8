package grpcserver

import (
	"strconv"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/nodepb"
	"github.com/idnode/idnode/resolver"
)

// answered is a response with what nearly all have, in one piece of memory.
type answered struct {
	response nodepb.ResolveResponse
	reading  nodepb.Reading
}

// response is the answer as a message, which shares the record's data.
func response(asked *resolver.Asked) *nodepb.ResolveResponse {
	q, a := &asked.Query, &asked.Answer
	if asked.Err != nil {
		_, resp := refusal(a.Status, asked.Err.Error())
		resp.Candidates = nodepb.FromCandidates(asked.Candidates)
		return resp
	}
	both := new(answered)
	resp := &both.response
	resp.Status, resp.Tier, resp.Steps = messageStatus(a.Status), a.Tier.String(), steps(a.Steps)
	if !q.ID.IsZero() {
		resp.Reading = &both.reading
		nodepb.FillReading(resp.Reading, q.ID)
	}
	for _, c := range asked.Candidates {
		if c.ID == q.ID {
			resp.Reading.Carrier = c.Carrier
		}
	}
	if len(asked.Candidates) > 1 {
		resp.Candidates = nodepb.FromCandidates(asked.Candidates)
	}
	if a.Namespace != nil {
		resp.Namespace = nodepb.Text(a.Namespace.Prefix)
	}
	if a.Record != nil {
		resp.Record = nodepb.FromRecordHead(a.Record)
		a.Values(q, func(v *identifier.Value) bool {
			resp.Record.Values = append(resp.Record.Values, nodepb.FromValue(v))
			return true
		})
	}
	if !a.Broader.IsZero() {
		resp.Fallback = &nodepb.Fallback{From: resp.Reading.GetCanonical(), To: nodepb.Text(a.Broader.Qualified()), Level: a.Broader.Level()}
	}
	if a.Service != nil && a.Status == resolver.Referral {
		resp.Referral = nodepb.FromService(resp.Namespace, a.Service)
	}
	resp.Explanation = explain(q, a)
	return resp
}

// explain says how the code was read and why the answer is what it is. Nothing of a.Err is told.
func explain(q *resolver.Query, a *resolver.Answer) string {
	const size = 256 // of nearly all
	return nodepb.Text(string(appendExplanation(make([]byte, 0, size), q, a)))
}

// appendExplanation appends what explain says, which may not be UTF-8 yet.
func appendExplanation(b []byte, q *resolver.Query, a *resolver.Answer) []byte {
	b = append(b, outcomes[a.Status].text...)
	if a.Reason != "" {
		b = append(append(b, ": "...), a.Reason...)
	}
	b = append(b, " ("...)
	if !q.ID.IsZero() {
		b = append(append(b, "read as "...), q.ID.Scheme().String()...)
		if form := q.ID.Form(); form != "" {
			b = append(append(b, ", "...), form...)
		}
		b = append(b, "; "...)
	}
	if a.Namespace != nil {
		b = append(append(append(b, "namespace "...), a.Namespace.Prefix...), "; "...)
	}
	if a.Record != nil {
		b = append(append(b, "record "...), a.Record.ID...)
		if !a.Broader.IsZero() {
			b = append(b, " answers for it"...)
		}
		b = append(strconv.AppendUint(append(b, " at version "...), a.Record.Version, 10), "; "...)
	}
	return append(append(append(b, "tier "...), a.Tier.String()...), ')')
}

// steps are the steps of the ladder as messages.
func steps(in []resolver.Step) []*nodepb.Step {
	if len(in) == 0 {
		return nil
	}
	out := make([]*nodepb.Step, len(in))
	for i, s := range in {
		out[i] = &nodepb.Step{Stage: string(s.Stage), Name: nodepb.Text(s.Name), Duration: durationpb.New(s.Took), Detail: nodepb.Text(s.Detail)}
		if s.Status != 0 {
			out[i].Status = messageStatus(s.Status)
		}
		if s.Tier != resolver.TierNone {
			out[i].Tier = s.Tier.String()
		}
	}
	return out
}
