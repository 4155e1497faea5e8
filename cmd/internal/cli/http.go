package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/idnode/idnode/cmd/internal/version"
)

// maxAnswer bounds one answer of the server in octets; a page of a list is the longest.
const maxAnswer = 256 << 20

// unreachable means that no answer came.
type unreachable struct {
	server string
	err    error
}

func (e *unreachable) Error() string { return e.in(english) }
func (e *unreachable) Unwrap() error { return e.err }

func (e *unreachable) in(l language) string {
	err := e.err
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL, which is long and says nothing more
	}
	return say(l, "no answer from %s: %v", e.server, cause{err})
}

// cause is why no answer came, with what to do about the commonest.
type cause struct{ error }

func (c cause) Error() string { return c.in(english) }

func (c cause) in(l language) string {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](c.error)
	_, name := errors.AsType[*net.DNSError](c.error)
	switch {
	case name:
		return say(l, "%v; is the name of the host right?", c.error)
	case errors.Is(c.error, syscall.ECONNREFUSED):
		return say(l, "%v; is the node running there?", c.error)
	case ok && timeout.Timeout():
		return say(l, "%v; is the address right? --timeout lets it take longer", c.error)
	}
	return tell(l, c.error)
}

// problem is a refusal of the server in the form of RFC 9457, or any other answer that is an error.
type problem struct {
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	Code     string          `json:"code"`
	Detail   string          `json:"detail"`
	Action   string          `json:"action"` // what to do about it
	Reason   string          `json:"reason"` // of /resolve, where it stands for the code
	Expected json.RawMessage `json:"expected"`
	Errors   []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`

	// Of /resolve: what the text may be, and what it was meant to be.
	Candidates []candidate `json:"candidates"`
	Meant      string      `json:"meant"`

	body []byte // as received, if it is JSON
	bare bool   // no key was sent
}

// Error is the problem in one line: code, sentence, and the places in the request.
func (p *problem) Error() string { return p.in(english) }

func (p *problem) in(l language) string {
	s := orDefault(p.Code, orDefault(p.Reason, strings.ToLower(orDefault(p.Title, http.StatusText(p.Status)))))
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	if p.Expected != nil {
		s += say(l, " (expected %s)", p.Expected)
	}
	for i, e := range p.Errors {
		if i == 5 {
			s += say(l, "; and %d more", len(p.Errors)-i)
			break
		}
		if e.Message != p.Detail {
			s += "; " + e.Message
		}
		if e.Location != "" {
			s += say(l, " (at %s)", e.Location)
		}
	}
	if p.Meant != "" {
		s += say(l, "; did you mean %s?", p.Meant)
	}
	if len(p.Candidates) > 1 {
		for _, c := range p.Candidates {
			s += say(l, "; as %s", c.String())
		}
	}
	if p.Status == http.StatusUnauthorized && !p.bare {
		s += say(l, "; is --key-file right?")
	}
	return s
}

// parseProblem reads an answer with an error status.
func parseProblem(status int, contentType string, body []byte) *problem {
	p := &problem{}
	kind, _, _ := mime.ParseMediaType(contentType)
	if (kind == "application/problem+json" || kind == "application/json") && json.Unmarshal(body, p) == nil {
		p.Status = status
		p.body = bytes.TrimSpace(body)
		return p
	}
	text, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return &problem{Status: status, Title: fmt.Sprintf("%d %s", status, http.StatusText(status)), Detail: text[:min(len(text), 200)]}
}

// request is one call of the HTTP interface.
type request struct {
	method string
	path   string // escaped, from the root
	query  url.Values
	body   any // sent as JSON; a []byte or io.Reader goes as it is
	header http.Header
	public bool // send a key only if one was named
	bare   bool // send no key
}

// do sends r and returns the answer, whatever its status. The caller closes the body.
func (a *app) do(ctx context.Context, r request) (*http.Response, error) {
	base, err := url.Parse(a.server)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, usagef("--server is a URL such as http://127.0.0.1:8080, not %q", a.server)
	}
	target := strings.TrimRight(base.Scheme+"://"+base.Host+base.EscapedPath(), "/") + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(b)
	case io.Reader:
		body = b
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("Accept-Language", string(a.language()))
	req.Header.Set("User-Agent", "idctl/"+version.String())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if !r.bare && (!r.public || a.keyFile != "") {
		key, err := a.key()
		if err != nil {
			return nil, err
		}
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
	}
	resp, err := a.web.Do(req)
	if err != nil {
		return nil, &unreachable{base.Host, err}
	}
	return resp, nil
}

// call sends r, waits for the whole answer and returns it. Any status but 2xx is a *problem.
func (a *app) call(ctx context.Context, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	resp, err := a.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		p := parseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)
		p.bare = r.bare
		return nil, p
	}
	return body, nil
}

func readAnswer(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, &unreachable{resp.Request.URL.Host, err}
	}
	if len(body) > maxAnswer {
		return nil, failf("answer of %s is longer than %d octets", resp.Request.URL.Host, maxAnswer)
	}
	return body, nil
}

// callInto is call with the answer decoded into v; the raw answer is returned too.
func (a *app) callInto(ctx context.Context, r request, v any) ([]byte, error) {
	body, err := a.call(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return nil, failf("answer of %s is not what idctl knows: %v", a.server, err)
	}
	return body, nil
}
