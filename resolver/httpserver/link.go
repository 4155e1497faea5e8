package httpserver

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
)

// link is a link of an item, with the target attributes of RFC 9264, section 4.2.4, and those of GS1.
type link struct {
	Href      string    `json:"href"`
	Title     string    `json:"title"`
	Type      string    `json:"type,omitempty"`
	Languages languages `json:"hreflang,omitempty"`
	Context   languages `json:"context,omitempty"`

	rel     string // a full URI
	forward bool   // the request's parameters are passed on
	ttl     time.Duration
}

// languages is a list that may be given as one text.
type languages []string

// UnmarshalJSON reads a text or a list of texts.
func (l *languages) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = languages{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// maxAttribute bounds a title, and the number of languages or contexts of a link.
const maxAttribute = 512

// readLink reads a value as a link; ok is false if it is none, or none to which anybody may be sent.
func (s *Server) readLink(v *identifier.Value) (l link, ok bool) {
	switch {
	case strings.EqualFold(v.Type, "URL"):
		l.rel = gs1Vocabulary + "defaultLink"
	case strings.Contains(v.Type, ":"):
		l.rel = relation(v.Type)
	default:
		return link{}, false
	}
	data := bytes.TrimSpace(v.Data)
	l.Href, l.forward, l.ttl = string(data), true, lifetime(v)
	if len(data) > 0 && data[0] == '{' {
		var given struct {
			link
			FWQS *bool `json:"fwqs"`
		}
		if json.Unmarshal(data, &given) != nil {
			return link{}, false
		}
		l.Href, l.Title, l.Type, l.Languages, l.Context = given.Href, given.Title, given.Type, given.Languages, given.Context
		l.forward = given.FWQS == nil || *given.FWQS
	}
	if _, safe := s.safeURL(l.Href); !safe || strings.HasPrefix(l.Href, "/") {
		return link{}, false
	}
	for _, text := range append([]string{l.Title, l.Type}, append(l.Languages, l.Context...)...) {
		if len(text) > maxAttribute || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return link{}, false
		}
	}
	return l, len(l.Languages) <= maxAttribute && len(l.Context) <= maxAttribute
}

// relation is a link type as a full URI: one of GS1's may be written as CURIE, by either of the namespaces that GS1 has had,
// or as the bare term.
func relation(text string) string {
	for _, front := range []string{"gs1:", gs1Vocabulary, "https://gs1.org/voc/", "http://gs1.org/voc/", "https://www.gs1.org/voc/", "http://www.gs1.org/voc/"} {
		if len(text) > len(front) && identifier.EqualFoldASCII(text[:len(front)], front) {
			return gs1Vocabulary + text[len(front):]
		}
	}
	if !strings.Contains(text, ":") {
		return gs1Vocabulary + text
	}
	return text
}

// defaults are the default links among all; where none is named so, the product information page, else the first.
func defaults(all []link) []link {
	var named []link
	for _, one := range all {
		if one.rel == gs1Vocabulary+"defaultLink" || one.rel == gs1Vocabulary+"defaultLinkMulti" {
			named = append(named, one)
		}
	}
	if len(named) > 0 || len(all) == 0 {
		return named
	}
	for _, one := range all {
		if one.rel == gs1Vocabulary+"pip" {
			named = append(named, one)
		}
	}
	if len(named) > 0 {
		return named
	}
	return all[:1]
}

// linkset is the level as a member of a linkset: one default link with no more than URL and title, all default links if
// there are several, and the other links by their types.
func (one *level) linkset(base string) map[string]any {
	out := map[string]any{"anchor": base + one.id.DigitalLinkPath()}
	if one.description != "" {
		out["description"], out["itemDescription"] = one.description, one.description
	}
	if d := defaults(one.links); len(d) > 0 {
		out[gs1Vocabulary+"defaultLink"] = []link{{Href: d[0].Href, Title: d[0].Title}}
		if len(d) > 1 {
			out[gs1Vocabulary+"defaultLinkMulti"] = d
		}
	}
	for _, to := range one.links {
		if to.rel == gs1Vocabulary+"defaultLink" || to.rel == gs1Vocabulary+"defaultLinkMulti" {
			continue
		}
		list, _ := out[to.rel].([]link)
		out[to.rel] = append(list, to)
	}
	return out
}
