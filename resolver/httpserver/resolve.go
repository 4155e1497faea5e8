package httpserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// resolution is the body of /resolve.
type resolution struct {
	ResponseCode handle.Rcode      `json:"responseCode"`
	ID           string            `json:"id"`                  // as its record has it; else as it was read; else the text
	Canonical    string            `json:"canonical,omitempty"` // qualified by the scheme
	Scheme       string            `json:"scheme,omitempty"`
	Reading      *reading          `json:"reading,omitempty"`
	Namespace    string            `json:"namespace,omitempty"`
	Record       string            `json:"record,omitempty"` // the identifier of the record that answered
	Version      uint64            `json:"version,omitempty"`
	Tier         string            `json:"tier,omitempty"`
	Fallback     *fallback         `json:"fallback,omitempty"`
	Values       []json.RawMessage `json:"values,omitempty"`
	Referral     *referral         `json:"referral,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Successor    string            `json:"successor,omitempty"`
	Detail       string            `json:"detail,omitempty"`
	Meant        string            `json:"meant,omitempty"` // with the check digit that would be right
	Candidates   []candidate       `json:"candidates,omitempty"`
	Elsewhere    string            `json:"elsewhere,omitempty"` // where the coding system of a foreign Ecode answers
	Steps        []step            `json:"steps,omitempty"`
}

// referral names the service that answers for a delegated namespace.
type referral struct {
	Namespace string `json:"namespace"`
	*identifier.Service
}

// resolve serves GET /resolve?id=&scheme=&type=&index=&recurse=&nocache=&fallback=&trace=. The id is
// any code in any spelling, carriers' wrapping included. Values without public read are left out.
func (s *Server) resolve(w http.ResponseWriter, req *http.Request) {
	params := req.URL.Query()
	text := params.Get("id")
	q, err := query(params)
	var scheme identifier.Scheme
	if name := params.Get("scheme"); err == nil && name != "" {
		if scheme, err = identifier.ParseScheme(name); err == nil && strings.HasPrefix(text, name+":") {
			scheme = 0 // the text names it as well
		}
	}
	q.Recurse = flag(params, "recurse", false)
	q.NoCache = flag(params, "nocache", false) || req.Header.Get("Cache-Control") == "no-cache"
	q.Fallback = flag(params, "fallback", false)
	q.Trace = flag(params, "trace", false)
	asked := resolver.Asked{Query: q, Answer: resolver.Answer{Status: resolver.Invalid}, Err: err}
	s.count(req, text, "resolve", func() (identifier.Scheme, *resolver.Answer) {
		if err == nil {
			asked = s.o.Resolver.Ask(req.Context(), text, scheme, q)
		}
		return asked.Query.ID.Scheme(), &asked.Answer
	})
	if asked.Answer.Status == resolver.Overloaded {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, outcomes[asked.Answer.Status].resolve, marshal(describe(text, &asked)))
}

// describe is the body that answers for text.
func describe(text string, asked *resolver.Asked) resolution {
	q, a := &asked.Query, &asked.Answer
	body := resolution{ResponseCode: outcomes[a.Status].rcode, ID: text, Elsewhere: asked.Elsewhere, Steps: steps(a.Steps)}
	if !q.ID.IsZero() {
		body.ID, body.Canonical, body.Scheme, body.Tier = q.ID.String(), q.ID.Qualified(), q.ID.Scheme().String(), a.Tier.String()
		body.Reading = readingOf(asked)
	}
	if len(asked.Candidates) > 1 || asked.Err != nil {
		body.Candidates = candidates(asked.Candidates)
	}
	if asked.Err != nil {
		body.Detail = asked.Err.Error()
		if e, ok := errors.AsType[*identifier.SyntaxError](asked.Err); ok {
			body.Meant = e.Meant
		}
	}
	if a.Namespace != nil {
		body.Namespace = a.Namespace.Prefix
	}
	if r := a.Record; r != nil {
		body.Record, body.Version, body.Successor = r.ID, r.Version, r.Successor
		if a.Broader.IsZero() {
			body.ID = r.ID
		} else {
			body.Fallback = &fallback{q.ID.Qualified(), a.Broader.Qualified(), a.Broader.Level()}
		}
		a.Values(q, func(v *identifier.Value) bool {
			body.Values = append(body.Values, identifier.AppendValueJSON(nil, v))
			return true
		})
	}
	switch a.Status {
	case resolver.Revoked, resolver.Suspended:
		body.Reason = a.Reason
	case resolver.Referral:
		body.Referral = &referral{a.Namespace.Prefix, a.Service}
	case resolver.NotFound, resolver.NotResponsible, resolver.Invalid, resolver.Overloaded:
		body.Reason = a.Status.String()
	}
	return body
}

// query reads the parameters that /resolve and /api/handles share.
func query(params map[string][]string) (resolver.Query, error) {
	q := resolver.Query{Types: params["type"]}
	for _, text := range params["index"] {
		i, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return q, fmt.Errorf("index %q is no number from 0 to 2147483647", text)
		}
		q.Indexes = append(q.Indexes, uint32(i))
	}
	return q, nil
}
