package httpserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// resolution is the body of /resolve.
type resolution struct {
	ResponseCode handle.Rcode      `json:"responseCode"`
	ID           string            `json:"id"`
	Scheme       string            `json:"scheme,omitempty"`
	Namespace    string            `json:"namespace,omitempty"`
	Version      uint64            `json:"version,omitempty"`
	Tier         string            `json:"tier,omitempty"`
	Values       []json.RawMessage `json:"values,omitempty"`
	Referral     *referral         `json:"referral,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Successor    string            `json:"successor,omitempty"`
	Detail       string            `json:"detail,omitempty"`
}

// referral names the service that answers for a delegated namespace.
type referral struct {
	Namespace string `json:"namespace"`
	*identifier.Service
}

// resolve serves GET /resolve?id=&scheme=&type=&index=&recurse=&nocache=. Values without public read
// are left out.
func (s *Server) resolve(w http.ResponseWriter, req *http.Request) {
	params := req.URL.Query()
	text := params.Get("id")
	body := resolution{ID: text}
	q, err := query(params)
	if err == nil {
		q.ID, err = parse(text, params.Get("scheme"))
	}
	if err != nil {
		body.Detail = err.Error()
		q.ID = identifier.ID{} // resolves to Invalid
	}
	q.Recurse = flag(params, "recurse", false)
	q.NoCache = flag(params, "nocache", false) || req.Header.Get("Cache-Control") == "no-cache"
	a := s.ask(req, q, "resolve")
	o := outcomes[a.Status]
	body.ResponseCode = o.rcode
	if !q.ID.IsZero() {
		body.ID, body.Scheme, body.Tier = q.ID.String(), q.ID.Scheme().String(), a.Tier.String()
	}
	if a.Namespace != nil {
		body.Namespace = a.Namespace.Prefix
	}
	if r := a.Record; r != nil {
		body.ID, body.Version, body.Successor = r.ID, r.Version, r.Successor
		a.Values(&q, func(v *identifier.Value) bool {
			body.Values = append(body.Values, identifier.AppendValueJSON(nil, v))
			return true
		})
	}
	switch a.Status {
	case resolver.Revoked, resolver.Suspended:
		body.Reason = a.Reason
	case resolver.Referral:
		body.Referral = &referral{a.Namespace.Prefix, a.Service}
	case resolver.NotFound, resolver.NotResponsible, resolver.Invalid:
		body.Reason = a.Status.String()
	case resolver.Overloaded:
		body.Reason = a.Status.String()
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, o.resolve, marshal(body))
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
