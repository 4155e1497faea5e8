package httpserver

import (
	"errors"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// maxRawPath bounds the path of an identifier as it stands, in octets.
const maxRawPath = 8192

// proxy answers GET /{identifier} as the redirecting proxies of the Handle System do (spec/handle-protocol.md, section 13,
// "Redirects"): browsers are sent where the record leads, or shown the record; programs get JSON if they ask for
// it. The identifier is all that stands behind the first slash, unescaped once: two slashes, dots and escaped
// question marks are part of it.
func (s *Server) proxy(w http.ResponseWriter, req *http.Request) {
	path, params := req.URL.EscapedPath(), req.URL.Query()
	p := &proxied{s: s, w: w, req: req, params: params, accept: parsePreferences(req.Header.Get("Accept"))}
	p.lang = p.language()
	w.Header().Set("Vary", "Accept, Accept-Language")
	switch path {
	case "", "/":
		p.landing()
		return
	case "/favicon.ico":
		w.WriteHeader(http.StatusNotFound)
		return
	case "/robots.txt":
		w.Header().Set("Content-Type", "text/plain;charset=utf-8")
		_, _ = w.Write([]byte("User-agent: *\nDisallow: /api/\nDisallow: /v1/\n"))
		return
	}
	text, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	switch {
	case len(path) > maxRawPath:
		p.problem(http.StatusRequestURITooLong, "too-long", &resolver.Asked{})
		return
	case err != nil, !utf8.ValidString(text), strings.ContainsFunc(text, unicode.IsControl):
		p.problem(http.StatusBadRequest, "malformed", &resolver.Asked{})
		return
	}
	p.text = text
	if id, err, ok := readDigitalLink(req, text); ok {
		p.digitalLink(id, err)
		return
	}
	q, err := query(params)
	q.NoCache = flag(params, "auth", false)
	asked := resolver.Asked{Query: q, Answer: resolver.Answer{Status: resolver.Invalid}, Err: err}
	s.count(req, text, "resolve", func() (identifier.Scheme, *resolver.Answer) {
		if err == nil {
			asked = s.o.Resolver.Ask(req.Context(), text, 0, q)
		}
		return asked.Query.ID.Scheme(), &asked.Answer
	})
	p.answer(&asked)
}

// proxied is one request for an identifier as it stands.
type proxied struct {
	s      *Server
	w      http.ResponseWriter
	req    *http.Request
	params url.Values
	accept preferences
	lang   string // "zh" or "en"
	text   string // as the asker wrote it
}

func (p *proxied) answer(asked *resolver.Asked) {
	a := &asked.Answer
	if a.Status == resolver.Overloaded {
		p.w.Header().Set("Retry-After", "1")
	}
	if p.accept.json() {
		p.json(asked)
		return
	}
	show := flag(p.params, "noredirect", false) || p.params.Get("action") == "showvalues"
	switch a.Status {
	case resolver.Found, resolver.NoValues:
		if to, ok := p.target(asked); ok && !show {
			p.redirect(to)
			return
		}
		p.record(asked)
	case resolver.Referral:
		at := "http://" + netip.AddrPortFrom(a.Service.IP.Unmap(), a.Service.HTTP).String() + p.req.URL.RequestURI()
		if _, ok := p.s.safeURL(at); ok && a.Service.HTTP != 0 && !show {
			p.redirect(target{url: at, status: http.StatusFound, ttl: 0})
			return
		}
		p.problem(http.StatusOK, "referral", asked)
	case resolver.Revoked:
		p.problem(http.StatusGone, "revoked", asked)
	case resolver.Suspended:
		p.problem(http.StatusForbidden, "suspended", asked)
	case resolver.NotFound:
		p.problem(http.StatusNotFound, "not-found", asked)
	case resolver.NotResponsible:
		p.problem(http.StatusNotFound, "not-responsible", asked)
	case resolver.Overloaded:
		p.problem(http.StatusServiceUnavailable, "overloaded", asked)
	case resolver.Invalid:
		p.problem(http.StatusBadRequest, "invalid", asked)
	default:
		p.problem(http.StatusInternalServerError, "failed", asked)
	}
}

// json answers a program, with the status that a page would have: for a Handle with the body of the REST interface, for
// others with that of /resolve.
func (p *proxied) json(asked *resolver.Asked) {
	a := &asked.Answer
	status := outcomes[a.Status].resolve
	p.keep(status)
	if asked.Query.ID.Scheme() != identifier.Handle {
		writeJSON(p.w, status, marshal(describe(p.text, asked)))
		return
	}
	_, body := restAnswer(&asked.Query, a, false)
	body.Handle = &p.text
	if a.Status == resolver.Revoked || a.Status == resolver.Suspended {
		body.Message = a.Reason
	}
	writeREST(p.w, p.params, status, body)
}

// maxShared bounds how long an answer may be kept by those between us and the asker: a record that is changed or revoked
// must be seen soon.
const maxShared = 5 * time.Minute

// brief lets an answer be kept for a short while.
func (p *proxied) brief() { p.w.Header().Set("Cache-Control", "max-age=60") }

// keep lets an answer be kept for a short while, but not that we were too busy or broken.
func (p *proxied) keep(status int) {
	p.brief()
	if status >= http.StatusInternalServerError {
		p.w.Header().Set("Cache-Control", "no-store")
	}
}

// redirect sends the asker to a target.
func (p *proxied) redirect(to target) {
	location, ok := p.s.safeURL(to.url)
	if !ok { // what we make ourselves is safe; what records hold has been checked
		p.problem(http.StatusBadRequest, "malformed", &resolver.Asked{})
		return
	}
	h := p.w.Header()
	h.Set("Location", location)
	h.Set("Expires", time.Now().Add(to.ttl).UTC().Format(http.TimeFormat))
	h.Set("Cache-Control", "max-age="+strconv.Itoa(int(max(0, min(to.ttl, maxShared)).Seconds())))
	h.Set("Content-Type", "text/html;charset=utf-8")
	p.w.WriteHeader(to.status)
	link := html.EscapeString(to.url)
	_, _ = p.w.Write([]byte("<html><head><title>Handle Redirect</title></head>\n<body><a href=\"" + link + "\">" + link + "</a></body></html>"))
}

// landing answers for the root: a page with a field for an identifier, or the way to the one in it.
func (p *proxied) landing() {
	if id := strings.TrimSpace(p.params.Get("id")); id != "" {
		p.w.Header().Set("Location", "/"+url.PathEscape(id))
		p.w.WriteHeader(http.StatusSeeOther)
		return
	}
	if !p.accept.html() && len(p.accept) > 0 && !p.accept.anything() {
		p.w.Header().Set("Content-Type", "text/plain;charset=utf-8")
		_, _ = p.w.Write([]byte(overview))
		return
	}
	p.show(http.StatusOK, &page{Kind: "landing"})
}

// overview is what a program is told of the root.
const overview = `This is an idnode. It has:
  /{identifier}            goes where the identifier's record leads; ?noredirect shows the record
  /resolve?id=IDENTIFIER   what an identifier stands for, of any scheme, in JSON
  /api/handles/HANDLE      the same for Handle clients
  /v1/                     registration, described in /openapi.json
`

// problem answers that there is nothing to show or to go to.
func (p *proxied) problem(status int, kind string, asked *resolver.Asked) {
	p.keep(status)
	if p.accept.json() { // the path is none of an identifier; what identifiers have to say has been told
		writeJSON(p.w, status, marshal(describe(p.text, &resolver.Asked{Answer: resolver.Answer{Status: resolver.Invalid}})))
		return
	}
	out := p.page(kind, asked)
	if e, ok := errors.AsType[*identifier.SyntaxError](asked.Err); ok {
		out.Meant = e.Meant
	}
	if asked.Err != nil {
		out.Detail = asked.Err.Error()
	}
	if p.accept.html() || len(p.accept) == 0 {
		p.show(status, out)
		return
	}
	p.w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	p.w.Header().Set("X-Content-Type-Options", "nosniff")
	p.w.WriteHeader(status)
	line := words[kind+"-title"][english]
	for _, more := range []string{words[kind+"-text"][english], out.Reason, out.Successor, out.Detail} {
		if more != "" {
			line += ": " + more
		}
	}
	_, _ = p.w.Write([]byte(line + "\n"))
}

// record shows a record.
func (p *proxied) record(asked *resolver.Asked) {
	p.brief()
	p.show(http.StatusOK, p.page("record", asked))
}

// preference is one choice of an Accept or Accept-Language header, in lower case, with its weight.
type preference struct {
	name    string
	quality float64
}

type preferences []preference

// maxPreferences bounds the choices that are looked at.
const maxPreferences = 32

// parsePreferences reads a header such as "zh-CN,zh;q=0.9" (RFC 9110, section 12.4.2).
func parsePreferences(header string) (out preferences) {
	for part := range strings.SplitSeq(header, ",") {
		name, rest, _ := strings.Cut(part, ";")
		quality := 1.0
		for param := range strings.SplitSeq(rest, ";") {
			if v, ok := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(param), " ", ""), "q="); ok {
				if f, err := strconv.ParseFloat(v, 64); err == nil && f >= 0 && f <= 1 {
					quality = f
				}
			}
		}
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && len(out) < maxPreferences {
			out = append(out, preference{name, quality})
		}
	}
	return out
}

// of is the weight of a choice, 0 if it is not among them.
func (p preferences) of(names ...string) (quality float64) {
	for _, one := range p {
		for _, name := range names {
			if one.name == name {
				quality = max(quality, one.quality)
			}
		}
	}
	return quality
}

func (p preferences) html() bool { return p.of("text/html", "application/xhtml+xml") > 0 }

func (p preferences) anything() bool { return p.of("*/*", "text/*") > 0 }

// json reports whether JSON is asked for by name, and wanted no less than a page.
func (p preferences) json() bool {
	q := p.of("application/json")
	return q > 0 && q >= p.of("text/html", "application/xhtml+xml")
}
