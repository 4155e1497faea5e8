package httpserver

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/handle/location"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// target is where a record leads.
type target struct {
	url    string
	status int
	ttl    time.Duration // for which that may be relied on
}

// target finds where the record that answers leads: by an alias, else by a place of 10320/loc, else by the first URL among
// the values that are asked for. What is no safe URL is passed over.
func (p *proxied) target(asked *resolver.Asked) (to target, ok bool) {
	var alias, place, plain *identifier.Value
	asked.Answer.Values(&asked.Query, func(v *identifier.Value) bool {
		for kind, first := range map[string]**identifier.Value{"HS_ALIAS": &alias, location.Type: &place, "URL": &plain} {
			if *first != nil || !strings.EqualFold(v.Type, kind) {
				continue
			}
			if kind == "URL" {
				if _, safe := p.appended(string(v.Data)); !safe {
					continue
				}
			}
			*first = v
		}
		return true
	})
	if alias != nil && !flag(p.params, "ignore_aliases", false) {
		if name := string(alias.Data); name != "" && name != p.text {
			return target{"/" + escapePath(name), http.StatusMovedPermanently, lifetime(alias)}, true
		}
	}
	if place != nil {
		if to, ok := p.placed(place); ok {
			return to, true
		}
	}
	if plain == nil {
		return target{}, false
	}
	to = target{status: http.StatusFound, ttl: lifetime(plain)}
	to.url, ok = p.appended(string(plain.Data))
	return to, ok
}

// appended is the URL of a record with what the asker wants appended to it. It reports false if that is none to which
// anybody is to be sent, or leads to another host than the record says: who makes a link does not choose the host.
func (p *proxied) appended(text string) (whole string, ok bool) {
	whole = text + p.params.Get("urlappend")
	recorded, ok := p.s.safeURL(text)
	if !ok || strings.HasPrefix(text, "/") { // a record does not lead to paths of ours
		return "", false
	}
	encoded, ok := p.s.safeURL(whole)
	if !ok {
		return "", false
	}
	was, err := url.Parse(recorded)
	if err != nil {
		return "", false
	}
	is, err := url.Parse(encoded)
	return whole, err == nil && is.Scheme == was.Scheme && is.Host == was.Host && is.User.String() == was.User.String()
}

// maxAttributes bounds the attributes of a place that an asker names, each of which is looked for in every place.
const maxAttributes = 16

// placed chooses a place of a value of type 10320/loc.
func (p *proxied) placed(v *identifier.Value) (to target, ok bool) {
	places, err := location.Parse(v.Data)
	if err != nil {
		return target{}, false
	}
	r := location.Request{Random: func(below float64) float64 { return rand.Float64() * below }}
	for i, text := range p.params["locatt"] {
		if i == maxAttributes {
			break
		}
		if name, value, ok := strings.Cut(text, ":"); ok {
			r.Attributes = append(r.Attributes, [2]string{name, value})
		}
	}
	one := places.Choose(r)
	if one == nil {
		return target{}, false
	}
	to = target{status: http.StatusFound, ttl: lifetime(v)}
	to.url, ok = p.appended(one.Href)
	if code, err := strconv.Atoi(one.Attributes["http_sc"]); err == nil && slices.Contains([]int{301, 302, 303, 307, 308}, code) {
		to.status = code
	}
	return to, ok
}

// lifetime is how long from now a value may be relied on.
func lifetime(v *identifier.Value) time.Duration {
	if v.TTLType == identifier.Absolute {
		return max(0, time.Until(time.Unix(int64(uint32(v.TTL)), 0)))
	}
	return max(0, time.Duration(v.TTL)*time.Second)
}

// safeURL is the text of a URL as it may stand in a header: with what is not ASCII, and what has no place in a URL,
// percent-encoded. It reports false for what nobody is to be sent to: other schemes, no host, control characters.
func (s *Server) safeURL(text string) (string, bool) {
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") && !strings.HasPrefix(text, `/\`) {
		return encodeURL(text)
	}
	scheme, _, ok := strings.Cut(text, ":")
	if !ok || !slices.Contains(s.o.RedirectSchemes, strings.ToLower(scheme)) {
		return "", false
	}
	encoded, ok := encodeURL(text)
	if !ok {
		return "", false
	}
	u, err := url.Parse(encoded)
	return encoded, err == nil && (u.Hostname() != "" || u.Scheme != "http" && u.Scheme != "https")
}

// encodeURL percent-encodes what may not stand in a URL (RFC 3986, section 2). What is encoded already stays.
func encodeURL(text string) (string, bool) {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' || c == 0x7f:
			return "", false
		case c > 0x7f, strings.IndexByte(" \"<>\\^`{|}", c) >= 0:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// escapePath escapes an identifier for a path, in which its slashes may stay. They are escaped as well where a browser
// would make something else of them: a path that begins with two slashes is another host's, and segments of dots are
// taken out.
func escapePath(id string) string {
	dots := func(segment string) bool { return segment == "." || segment == ".." }
	if strings.HasPrefix(id, "/") || strings.HasPrefix(id, `\`) || slices.ContainsFunc(strings.Split(id, "/"), dots) {
		return url.PathEscape(id)
	}
	return strings.ReplaceAll(url.PathEscape(id), "%2F", "/")
}
