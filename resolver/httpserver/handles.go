package httpserver

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handlejson"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// handleBody is the body of /api/handles and /api/site, in the member order of the reference server.
type handleBody struct {
	ResponseCode handle.Rcode      `json:"responseCode"`
	Message      string            `json:"message,omitempty"`
	Handle       *string           `json:"handle,omitempty"`
	Values       []json.RawMessage `json:"values,omitempty"`
	Site         any               `json:"site,omitempty"`
}

// handle serves GET /api/handles/H?type=&index=&publicOnly=&pretty=&callback=. The handle stands in
// the path raw or percent-encoded, and in the answer as it was asked.
func (s *Server) handle(w http.ResponseWriter, req *http.Request) {
	text, err := url.PathUnescape(strings.TrimPrefix(req.URL.EscapedPath(), handlesPath))
	params := req.URL.Query()
	body := handleBody{Handle: &text}
	q, queryErr := query(params)
	if err == nil {
		err = queryErr
	}
	if err == nil {
		q.ID, err = identifier.Handle.Parse(text)
	}
	if err != nil {
		body.Message = err.Error()
		q.ID = identifier.ID{}
	}
	a := s.ask(req, q, "resolve")
	o := outcomes[a.Status]
	body.ResponseCode = o.rcode
	status := o.handles
	if a.Record != nil && !flag(params, "publicOnly", true) && hidden(&a, q) {
		// The asker insists on values that only administrators may read.
		body.ResponseCode, status = handle.RcodeAuthNeeded, http.StatusForbidden
	} else {
		a.Values(&q, func(v *identifier.Value) bool {
			body.Values = append(body.Values, marshal(handlejson.FromValue(v)))
			return true
		})
	}
	if a.Status == resolver.Referral {
		site := handle.ServiceSite(a.Service)
		body.Values = append(body.Values, marshal(handlejson.FromValue(&identifier.Value{
			Index: 1, Type: "HS_SITE.PREFIX", Data: handle.AppendSite(nil, &site),
			TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms, Timestamp: uint32(a.Namespace.Updated.Unix())})))
	}
	if a.Status == resolver.Overloaded {
		w.Header().Set("Retry-After", "1")
	}
	writeREST(w, params, status, body)
}

// hidden reports whether the record has a value that q asks for and may not read.
func hidden(a *resolver.Answer, q resolver.Query) bool {
	for i := range a.Record.Values {
		if v := &a.Record.Values[i]; !v.Public() && q.Wants(v) {
			return true
		}
	}
	return false
}

// site serves GET /api/site.
func (s *Server) site(w http.ResponseWriter, req *http.Request) {
	params := req.URL.Query()
	site, err := handle.ParseSite(s.o.Site())
	if err != nil {
		writeREST(w, params, http.StatusNotFound, handleBody{ResponseCode: handle.RcodeError, Message: "this node has no site record"})
		return
	}
	writeREST(w, params, http.StatusOK, handleBody{ResponseCode: handle.RcodeSuccess, Site: handlejson.FromSite(site)})
}

// writeREST writes body as the reference server does: indented for "pretty", as a script for
// "callback".
func writeREST(w http.ResponseWriter, params url.Values, status int, body handleBody) {
	b := marshal(body)
	if flag(params, "pretty", false) {
		var out bytes.Buffer
		if err := json.Indent(&out, b, "", "  "); err != nil {
			panic("httpserver: indent answer: " + err.Error())
		}
		b = out.Bytes()
	}
	if callback := params.Get("callback"); callback != "" {
		w.Header().Set("Content-Type", "application/javascript;charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(scriptName(callback) + "(" + string(b) + ");"))
		return
	}
	writeJSON(w, status, b)
}

// scriptName makes name a JavaScript identifier: what is not allowed in one becomes "_".
func scriptName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '$' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, name)
}
