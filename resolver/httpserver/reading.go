package httpserver

import (
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// reading says how a text was read.
type reading struct {
	Scheme  string `json:"scheme"`
	Form    string `json:"form,omitempty"`    // the way in which it is written: "GTIN-13", "Digital Link URI"
	Level   string `json:"level,omitempty"`   // its rung of the ladder: "item", "batch", "product"
	Carrier string `json:"carrier,omitempty"` // what was taken off a scan before: "AIM ]d2"
}

// readingOf describes the identifier that was found in a text.
func readingOf(asked *resolver.Asked) *reading {
	id := asked.Query.ID
	r := &reading{Scheme: id.Scheme().String(), Form: id.Form(), Level: id.Level()}
	for _, c := range asked.Candidates {
		if c.ID == id {
			r.Carrier = c.Carrier
		}
	}
	return r
}

// fallback says that a broader identifier's record answers.
type fallback struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Level string `json:"level,omitempty"` // of To
}

// candidate is one way to read the text.
type candidate struct {
	Scheme    string `json:"scheme"`
	Form      string `json:"form,omitempty"`
	Canonical string `json:"canonical,omitempty"` // qualified by the scheme
	Reason    string `json:"reason"`              // what speaks for the scheme
	Error     string `json:"error,omitempty"`     // what is wrong with the text
	Meant     string `json:"meant,omitempty"`     // the text with the right check digit
	Carrier   string `json:"carrier,omitempty"`   // as of a reading
}

func candidates(in []identifier.Candidate) []candidate {
	out := make([]candidate, len(in))
	for i, c := range in {
		out[i] = candidate{Scheme: c.Scheme.String(), Reason: c.Reason, Carrier: c.Carrier}
		if c.Err != nil {
			out[i].Error, out[i].Meant = c.Err.Reason, c.Err.Meant
		} else {
			out[i].Form, out[i].Canonical = c.ID.Form(), c.ID.Qualified()
		}
	}
	return out
}

// step is one rung of the ladder.
type step struct {
	Stage  resolver.Stage `json:"stage"`
	Name   string         `json:"name,omitempty"`
	Status string         `json:"status,omitempty"`
	Tier   string         `json:"tier,omitempty"`
	Micros float64        `json:"micros"` // microseconds that it took
	Detail string         `json:"detail,omitempty"`
}

func steps(in []resolver.Step) []step {
	out := make([]step, len(in))
	for i, s := range in {
		out[i] = step{Stage: s.Stage, Name: s.Name, Micros: float64(s.Took.Nanoseconds()) / 1000, Detail: s.Detail}
		if s.Status != 0 {
			out[i].Status = s.Status.String()
		}
		if s.Tier != resolver.TierNone {
			out[i].Tier = s.Tier.String()
		}
	}
	return out
}
