package httpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handlejson"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// The JSON REST interface of the Handle.Net software (spec/handle-protocol.md, section 13). What it is asked for is
// carried out as a message of the Handle protocol, on behalf of who has authenticated by the means of HTTP, so it
// has the same rules and the same codes.

const (
	apiPath           = "/api/"
	handlesPath       = "/api/handles"
	prefixesPath      = "/api/prefixes"
	sessionsPath      = "/api/sessions"
	verificationsPath = "/api/verifications"
	sitePath          = "/api/site"
)

// restCall is one request of the REST interface.
type restCall struct {
	s      *Server
	w      http.ResponseWriter
	req    *http.Request
	params url.Values
	name   string // what stands behind the endpoint in the path, unescaped
	auth   *authentication
}

// rest answers a request whose path begins with apiPath.
func (s *Server) rest(w http.ResponseWriter, req *http.Request) {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers", "Content-Length, Location, WWW-Authenticate")
	path := req.URL.EscapedPath()
	for _, e := range endpoints {
		rest, ok := strings.CutPrefix(path, e.path)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		allowed := strings.Split(e.methods, ", ")
		if req.Method == http.MethodOptions {
			header.Set("Allow", e.methods)
			header.Set("Access-Control-Allow-Methods", e.methods)
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Requested-With")
			header.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		c := &restCall{s: s, w: w, req: req, params: req.URL.Query(), auth: &authentication{}}
		name, err := url.PathUnescape(strings.TrimPrefix(rest, "/"))
		switch {
		case !contains(allowed, req.Method):
			header.Set("Allow", e.methods)
			c.refuse(http.StatusMethodNotAllowed, "Unknown HTTP API endpoint "+req.Method+" "+path)
			return
		case err != nil:
			c.refuse(http.StatusBadRequest, err.Error())
			return
		}
		c.name = name
		s.guard(w, req, func(http.ResponseWriter, *http.Request) { e.serve(c) })
		return
	}
	c := &restCall{s: s, w: w, req: req, params: req.URL.Query()}
	c.refuse(http.StatusNotFound, "Unknown HTTP API endpoint "+req.Method+" "+path)
}

// endpoints are what the interface has, each for its path and what is below it.
var endpoints = []struct {
	path, methods string
	serve         func(*restCall)
}{
	{handlesPath, "GET, HEAD, PUT, DELETE, OPTIONS", (*restCall).handles},
	{prefixesPath, "GET, HEAD, POST, DELETE, OPTIONS", (*restCall).prefixes},
	{sessionsPath, "GET, HEAD, POST, PUT, DELETE, OPTIONS", (*restCall).sessions},
	{verificationsPath, "GET, HEAD, POST, OPTIONS", (*restCall).verifications},
	{sitePath, "GET, HEAD, OPTIONS", (*restCall).site},
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// reads reports whether the request asks and changes nothing.
func (c *restCall) reads() bool {
	return c.req.Method == http.MethodGet || c.req.Method == http.MethodHead
}

// refuse answers a request that is none of the interface.
func (c *restCall) refuse(status int, message string) {
	writeREST(c.w, c.params, status, handleBody{ResponseCode: handle.RcodeProtocolError, Message: message})
}

// native carries out a request as a message, and returns the answers.
func (c *restCall) native(h handle.Header, body []byte) (answers []handle.Message, replaced bool, err error) {
	message := handle.Finish(append(handle.Begin(nil), body...), 0,
		handle.Envelope{Version: handle.Latest, Suggested: handle.Latest, RequestID: 1}, h)
	out, replaced := c.s.o.Handles.AppendAnswerFor(c.req.Context(), nil, message, c.asker())
	for len(out) > 0 {
		e, src, err := handle.ParseEnvelope(out)
		if err != nil {
			return nil, false, err
		}
		m, err := handle.ParseMessage(src[:e.Length])
		if err != nil {
			return nil, false, err
		}
		answers, out = append(answers, m), src[e.Length:]
	}
	if len(answers) == 0 {
		return nil, false, errors.New("no answer")
	}
	return answers, replaced, nil
}

func (c *restCall) asker() resolver.Asker {
	return resolver.Asker{Who: c.auth.who, From: peer(c.req)}
}

// carryOut carries out a request about c.name, and answers with what came of it.
func (c *restCall) carryOut(op handle.Opcode, flags handle.OpFlags, body []byte) {
	answers, replaced, err := c.native(handle.Header{Opcode: op, Flags: flags}, body)
	if err != nil {
		c.failed(err)
		return
	}
	m := answers[0]
	out := handleBody{ResponseCode: m.Header.Rcode, Handle: &c.name}
	if m.Header.Rcode != handle.RcodeSuccess {
		out.Message = errorText(m)
	} else if op == handle.OpCreateHandle {
		if made, err := handle.ParseHandleRequest(m.Body); err == nil && len(made) > 0 {
			text := string(made)
			out.Handle = &text
		}
	}
	c.answer(c.status(m.Header.Rcode, op, replaced), out)
}

func errorText(m handle.Message) string {
	text, err := handle.ParseError(m.Body)
	if err != nil {
		return ""
	}
	return string(text)
}

// failed answers a request on which this server fails.
func (c *restCall) failed(err error) {
	c.s.o.Logger.Error("REST interface failed", "path", c.req.URL.EscapedPath(), "err", err)
	c.answer(http.StatusInternalServerError, handleBody{ResponseCode: handle.RcodeError, Handle: &c.name})
}

// answer writes a body. Where it says that the asker has to authenticate, it says how as well.
func (c *restCall) answer(status int, body handleBody) {
	if status == http.StatusUnauthorized {
		if !c.secure() { // there credentials are not looked at
			status = http.StatusForbidden
		} else {
			c.invite()
		}
	}
	if status == http.StatusServiceUnavailable {
		c.w.Header().Set("Retry-After", "1")
	}
	writeREST(c.w, c.params, status, body)
}

// status is the HTTP status for a response code (section 13, "JSON REST").
func (c *restCall) status(code handle.Rcode, op handle.Opcode, replaced bool) int {
	switch code {
	case handle.RcodeSuccess:
		if !replaced && (op == handle.OpCreateHandle || op == handle.OpAddValue) {
			return http.StatusCreated
		}
		return http.StatusOK
	case handle.RcodeValuesNotFound:
		if op == handle.OpResolve {
			return http.StatusOK
		}
		return http.StatusBadRequest
	case handle.RcodePrefixReferral, handle.RcodeServiceReferral:
		return http.StatusMultipleChoices
	case handle.RcodeHandleNotFound:
		return http.StatusNotFound
	case handle.RcodeHandleExists, handle.RcodeValueExists:
		return http.StatusConflict
	case handle.RcodeProtocolError, handle.RcodeInvalidHandle, handle.RcodeInvalidValue, handle.RcodeServerNotResponsible:
		return http.StatusBadRequest
	case handle.RcodeOperationDenied:
		return http.StatusNotImplemented
	case handle.RcodeServerTooBusy, handle.RcodeServerReadOnly:
		return http.StatusServiceUnavailable
	case handle.RcodeAuthNeeded:
		return http.StatusUnauthorized
	case handle.RcodeInvalidAdmin, handle.RcodePermissionDenied, handle.RcodeAuthFailed, handle.RcodeInvalidCredential:
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}

// handleBody is the body of answers, in the member order of the reference server.
type handleBody struct {
	ResponseCode handle.Rcode       `json:"responseCode"`
	Message      string             `json:"message,omitempty"`
	Handle       *string            `json:"handle,omitempty"`
	Values       []handlejson.Value `json:"values,omitempty"`
	Site         any                `json:"site,omitempty"`
	Verified     *bool              `json:"verificationResult,omitempty"`

	// Of lists.
	Prefix     string    `json:"prefix,omitempty"`
	TotalCount string    `json:"totalCount,omitempty"`
	Page       *int      `json:"page,omitempty"`
	PageSize   *int      `json:"pageSize,omitempty"`
	Handles    *[]string `json:"handles,omitempty"`
	Prefixes   *[]string `json:"prefixes,omitempty"`
}

// writeREST writes body as the reference server does: indented for "pretty", as a script for
// "callback".
func writeREST(w http.ResponseWriter, params url.Values, status int, body any) {
	b := marshal(body)
	if flag(params, "pretty", false) {
		var out bytes.Buffer
		if err := json.Indent(&out, b, "", "  "); err != nil {
			panic("httpserver: indent answer: " + err.Error())
		}
		b = out.Bytes()
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if callback := params.Get("callback"); callback != "" {
		w.Header().Set("Content-Type", "application/javascript;charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(scriptName(callback) + "(" + string(b) + ");"))
		return
	}
	writeJSON(w, status, b)
}

// maxCallback bounds the name of a script's function, in characters.
const maxCallback = 256

// scriptName makes name a JavaScript identifier: what is not allowed in one becomes "_".
func scriptName(name string) string {
	if len(name) > maxCallback {
		name = name[:maxCallback]
	}
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '$' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, name)
}

// indexes are those of the parameters.
func (c *restCall) indexes() ([]uint32, error) {
	var out []uint32
	for _, text := range c.params["index"] {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return nil, errors.New("index " + strconv.Quote(text) + " is no number from 0 to 2147483647")
		}
		out = append(out, uint32(n))
	}
	return out, nil
}

// parseRef reads "300:88.990/admin"; without an index it is any key of the handle.
func parseRef(text string) identifier.Ref {
	if index, name, ok := strings.Cut(text, ":"); ok {
		if n, err := strconv.ParseUint(index, 10, 31); err == nil {
			return identifier.Ref{Handle: name, Index: uint32(n)}
		}
	}
	return identifier.Ref{Handle: text}
}
