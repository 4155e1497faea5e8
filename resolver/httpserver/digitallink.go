package httpserver

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// A GS1 Digital Link is answered by the GS1-Conformant Resolver Standard 1.2: with a redirect to the default link of the
// item, or to one of the type that is asked for, or with all links as a linkset (RFC 9264). Links are values of a record:
//
//	URL                          the default link; of several the first, unless the request fits another better
//	gs1:pip, gs1:dpp, …          a link of that type of the GS1 Web Vocabulary, also by its full URI
//
// Their data is a URL, or a JSON object {"href", "title", "type", "hreflang": ["zh"], "context": ["CN"], "fwqs": false}.
// A value of type DESC or NAME describes the item. Links of the lot and the product are also those of a serial.

// gs1Vocabulary is the namespace of GS1's link types.
const gs1Vocabulary = "https://ref.gs1.org/voc/"

// linkRequest is one request for a Digital Link.
type linkRequest struct {
	*proxied
	id     identifier.ID
	base   string // of this resolver: scheme and host
	levels []level
}

// level is an item, its lot or its product, with the links of its record.
type level struct {
	id          identifier.ID
	description string
	links       []link
	record      bool // there is one
}

// readDigitalLink reads the path of a request as a Digital Link; ok is false if it is none. Err says what is wrong with one.
func readDigitalLink(req *http.Request, text string) (id identifier.ID, err error, ok bool) {
	path := req.URL.EscapedPath()
	uri := path
	if req.URL.RawQuery != "" {
		uri += "?" + req.URL.RawQuery
	}
	const host = "https://host" // only URIs are read as compressed
	if identifier.LooksLikeDigitalLink(path) {
		if id, err = identifier.GS1.Parse(uri); err != nil {
			if packed, errPacked := identifier.GS1.Parse(host + uri); errPacked == nil {
				return packed, nil, true
			}
		}
		return id, err, true
	}
	// A compressed one may look like other things: those go first.
	if id, err = identifier.GS1.Parse(host + uri); err != nil || !id.IsCompressedLink() {
		return identifier.ID{}, nil, false
	}
	for _, c := range identifier.Detect(text) {
		if c.Err == nil && c.Scheme != identifier.GS1 {
			return identifier.ID{}, nil, false
		}
	}
	return id, nil, true
}

// digitalLink answers a request for a Digital Link.
func (p *proxied) digitalLink(id identifier.ID, err error) {
	p.w.Header().Set("Access-Control-Expose-Headers", "Link, Location")
	asked := resolver.Asked{Query: resolver.Query{ID: id}, Answer: resolver.Answer{Status: resolver.Invalid}, Err: err}
	if err != nil {
		p.s.count(p.req, p.text, "resolve", func() (identifier.Scheme, *resolver.Answer) { return identifier.GS1, &asked.Answer })
		p.problem(http.StatusBadRequest, "invalid", &asked)
		return
	}
	l := &linkRequest{proxied: p, id: id, base: p.s.publicURL(p.req)}
	asked.Query.NoCache = flag(p.params, "auth", false)
	p.s.count(p.req, p.text, "resolve", func() (identifier.Scheme, *resolver.Answer) {
		asked.Answer = p.s.o.Resolver.Resolve(p.req.Context(), asked.Query)
		return identifier.GS1, &asked.Answer
	})
	switch a := &asked.Answer; a.Status {
	case resolver.Found, resolver.NoValues, resolver.NotFound:
		l.collect(a)
		l.answer(&asked)
	case resolver.Referral:
		if a.Service.HTTP != 0 {
			p.answer(&asked) // to the enterprise's own node, with path and query
			return
		}
		p.problem(http.StatusNotFound, "referral", &asked)
	default:
		if a.Status == resolver.Overloaded {
			p.w.Header().Set("Retry-After", "1")
		}
		kind := map[resolver.Status]string{resolver.Revoked: "revoked", resolver.Suspended: "suspended", resolver.NotResponsible: "not-responsible",
			resolver.Overloaded: "overloaded"}[a.Status]
		if kind == "" {
			kind = "failed"
		}
		p.problem(outcomes[a.Status].resolve, kind, &asked)
	}
}

// collect finds the links of the item, whose answer is a, and of what stands above it.
func (l *linkRequest) collect(a *resolver.Answer) {
	l.level(l.id, a)
	for _, id := range l.id.Broader() {
		if above := l.s.o.Resolver.Resolve(l.req.Context(), resolver.Query{ID: id}); above.Status == resolver.Found {
			l.level(id, &above)
		}
	}
}

func (l *linkRequest) level(id identifier.ID, a *resolver.Answer) {
	one := level{id: id, record: a.Status == resolver.Found}
	q := resolver.Query{ID: id}
	a.Values(&q, func(v *identifier.Value) bool {
		if kind := strings.ToUpper(v.Type); one.description == "" && (kind == "DESC" || kind == "NAME") {
			one.description = string(v.Data)
		}
		if got, ok := l.s.readLink(v); ok {
			one.links = append(one.links, got)
		}
		return true
	})
	for i := range one.links {
		if to := &one.links[i]; to.Title == "" {
			to.Title = one.description
			if to.Title == "" {
				to.Title = strings.TrimPrefix(to.rel, gs1Vocabulary)
			}
		}
	}
	l.levels = append(l.levels, one)
}

// param is the link type that is asked for, as a full URI, "linkset", or empty.
func (l *linkRequest) param() string {
	asked := l.params.Get("linkType")
	switch strings.ToLower(asked) {
	case "":
		return ""
	case "all", "linkset":
		return "linkset"
	}
	return relation(asked)
}

func (l *linkRequest) answer(asked *resolver.Asked) {
	want := l.param()
	l.header()
	if want == "linkset" || want == "" && l.accept.of("application/linkset+json") > 0 && l.accept.of("application/linkset+json") >= l.accept.of("text/html") {
		l.linkset("application/linkset+json", asked)
		return
	}
	to, ok := l.choose(want)
	if kind := l.dataType(); kind != "" && (!ok || !strings.EqualFold(to.Type, kind)) && want == "" {
		l.linkset(kind, asked) // a program that asks for data has no use for a page
		return
	}
	switch {
	case ok:
		l.redirectTo(to)
	case want == "" && asked.Answer.Status != resolver.NotFound:
		l.record(asked)
	case want == "" || !slices.ContainsFunc(l.levels, func(one level) bool { return one.record }):
		l.problem(http.StatusNotFound, "not-found", asked)
	default:
		l.problem(http.StatusNotFound, "no-link", asked)
	}
}

// dataType is a type of JSON that the request wants no less than a page; empty if there is none.
func (l *linkRequest) dataType() string {
	for _, kind := range []string{"application/json", "application/ld+json"} {
		if q := l.accept.of(kind); q > 0 && q >= l.accept.of("text/html", "application/xhtml+xml") {
			return kind
		}
	}
	return ""
}

// header tells where the linkset is, and what an item's uncompressed link is.
func (l *linkRequest) header() {
	self := l.base + l.id.DigitalLinkPath()
	links := []string{`<` + self + `?linkType=linkset>; rel="linkset"; type="application/linkset+json"`}
	links = append(links, `<https://ref.gs1.org/standards/resolver/linkset-context>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`)
	if l.id.IsCompressedLink() {
		links = append(links, `<`+self+`>; rel="owl:sameAs"`)
	}
	for _, one := range links {
		l.w.Header().Add("Link", one)
	}
}

// choose finds the link to go to: of the nearest level that has one of the type, or a default link. Among several the
// request's media type decides, then its language, then its context (standard, section 2.6.3).
func (l *linkRequest) choose(rel string) (to link, ok bool) {
	for _, one := range l.levels {
		all := one.links
		if rel == "" || rel == gs1Vocabulary+"defaultLink" || rel == gs1Vocabulary+"defaultLinkMulti" {
			all = defaults(all)
		} else {
			all = slices.DeleteFunc(slices.Clone(all), func(o link) bool { return o.rel != rel })
		}
		if len(all) > 0 {
			return l.best(all), true
		}
	}
	return link{}, false
}

// best is the link that fits the request best, the first of those that fit alike.
func (l *linkRequest) best(all []link) link {
	languages := parsePreferences(l.req.Header.Get("Accept-Language"))
	context := l.params.Get("context")
	best, most := all[0], -1.0
	for _, one := range all {
		fit := 0.0
		if one.Type != "" {
			fit += 100 * l.accept.of(strings.ToLower(one.Type))
		}
		fit += 10 * language(one.Languages, languages)
		if context != "" && slices.ContainsFunc(one.Context, func(c string) bool { return strings.EqualFold(c, context) }) {
			fit++
		}
		if fit > most {
			best, most = one, fit
		}
	}
	return best
}

// language is how well languages fit the preferences of a request: by their tags, or by what those begin with (RFC 4647,
// section 3.4).
func language(tags []string, wanted preferences) (fit float64) {
	for _, tag := range tags {
		tag = strings.ToLower(tag)
		for i, one := range wanted {
			quality := one.quality - float64(i)*1e-6 // of two that are wanted alike the first
			for try := one.name; try != ""; try = parent(try) {
				if tag == try || strings.HasPrefix(tag, try+"-") {
					fit = max(fit, quality)
				}
				quality -= 1e-3
			}
		}
	}
	return fit
}

func parent(tag string) string {
	i := strings.LastIndexByte(tag, '-')
	if i < 0 {
		return ""
	}
	return tag[:i]
}

// redirectTo sends the asker to a link, with what else is in the query.
func (l *linkRequest) redirectTo(to link) {
	l.redirect(target{forward(to, l.req.URL.RawQuery), http.StatusTemporaryRedirect, to.ttl})
}

// forward is the URL of a link with the parameters of a request behind it: all but the link type (standard, section 2.6.4).
func forward(to link, query string) string {
	if !to.forward || query == "" {
		return to.Href
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if text, err := url.QueryUnescape(name); err == nil {
			name = text
		}
		if part != "" && !strings.EqualFold(name, "linkType") {
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return to.Href
	}
	href, fragment, hasFragment := strings.Cut(to.Href, "#")
	separator := "?"
	if strings.Contains(href, "?") {
		separator = "&"
	}
	href += separator + strings.Join(kept, "&")
	if hasFragment {
		href += "#" + fragment
	}
	return href
}

// publicURL is where this resolver is seen: as configured, or as the request found it.
func (s *Server) publicURL(req *http.Request) string {
	if s.o.PublicURL != "" {
		return strings.TrimSuffix(s.o.PublicURL, "/")
	}
	scheme := "http://"
	if req.TLS != nil {
		scheme = "https://"
	}
	host, ok := encodeURL(req.Host)
	if !ok || strings.ContainsAny(host, "/\\?#@%<>") {
		host = "localhost"
	}
	return scheme + host
}

// linkset answers with all links, level by level.
func (l *linkRequest) linkset(kind string, asked *resolver.Asked) {
	set := []map[string]any{}
	for _, one := range l.levels {
		if !one.record {
			continue
		}
		set = append(set, one.linkset(l.base))
	}
	if len(set) == 0 {
		l.problem(http.StatusNotFound, "not-found", asked)
		return
	}
	body := map[string]any{"linkset": set}
	if kind == "application/ld+json" {
		body["@context"] = "https://ref.gs1.org/standards/resolver/linkset-context"
	}
	l.brief()
	l.w.Header().Set("Content-Type", kind)
	l.w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = l.w.Write(marshal(body))
}

// wellKnown serves /.well-known/gs1resolver: what this resolver is (standard, section 2.9).
func (s *Server) wellKnown(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Cache-Control", "max-age="+strconv.Itoa(int(maxShared/time.Second)))
	writeJSON(w, http.StatusOK, marshal(map[string]any{
		"name":                        "idnode",
		"resolverRoot":                s.publicURL(req),
		"supportedPrimaryKeys":        []string{"all"},
		"supportedLinkType":           []map[string]string{{"namespace": gs1Vocabulary, "prefix": "gs1:"}},
		"linkTypeDefaultCanBeLinkset": false,
	}))
}
