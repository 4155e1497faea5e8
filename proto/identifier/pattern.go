package identifier

import (
	"fmt"
	"net/url"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a namespace's patterns.
const (
	MaxPatterns     = 16   // of one namespace
	MaxPatternURL   = 2048 // octets of a template
	MaxPatternMatch = 512  // octets of an expression
	maxPatternSteps = 1000 // instructions of a compiled expression: what one octet of input may cost
	maxMatched      = 255  // octets that an expression is tried on: with its steps and the patterns, the bound on the time
	maxComputed     = 4096 // octets of a URL that comes out
)

// What a value that a pattern computes has, unless the pattern says otherwise.
const (
	DefaultPatternType  = "URL"
	DefaultPatternIndex = 1
	DefaultPatternTTL   = 3600 // seconds
)

// Pattern is a rule of a namespace that computes a URL for an identifier without a record of its
// own. It takes effect once [Namespace.Compile] has accepted it.
//
// Match is an expression in the syntax of RE2 that the whole of the part of the identifier has to
// match that names it within the namespace, in the spelling in which it was asked for: of a Handle
// the suffix, of an OID the arcs after the namespace, of an Ecode what follows the namespace, of a
// GS1 key the whole element string. Where the namespace takes no notice of letter case, neither
// does Match. It matches nothing longer than 255 octets. Empty, it matches everything.
//
// URL is a template of an absolute URI. Each {name} in it stands for a text that is percent-encoded
// as a component of a URI (RFC 3986, section 2.3: all but letters, digits and "-._~"):
//
//	{id}         the identifier as it was asked for
//	{canonical}  its canonical form
//	{scheme}     its scheme
//	{prefix}     the prefix of a Handle, else the namespace
//	{suffix}     the part that Match sees
//	{01} {21}    GS1 only: the value of that application identifier; a rule does not apply to an
//	             identifier that lacks one
//	{0} {1} {n}  what Match, or its group of that number or name, has matched; a GS1 rule names its
//	             groups from the tenth on
type Pattern struct {
	Match string `json:"match,omitempty"`
	URL   string `json:"url"`
	Type  string `json:"type,omitempty"`  // of the value; default "URL"
	Index uint32 `json:"index,omitempty"` // of the value; default 1
	TTL   int32  `json:"ttl,omitempty"`   // of the value, in seconds; default 3600

	rule *rule // nil until compiled
}

// rule is a compiled Pattern. It is safe for concurrent use.
type rule struct {
	match *regexp.Regexp // nil: everything
	parts []part
}

// part is a piece of a template: fixed text, and what stands behind it.
type part struct {
	literal string
	source  source
	group   int    // of sourceGroup
	ai      string // of sourceElement
}

type source uint8

const (
	sourceNone source = iota // the template ends with the literal
	sourceID
	sourceCanonical
	sourceScheme
	sourcePrefix
	sourceSuffix
	sourceElement
	sourceGroup
)

var sources = map[string]source{
	"id": sourceID, "canonical": sourceCanonical, "scheme": sourceScheme, "prefix": sourcePrefix, "suffix": sourceSuffix,
}

// PatternError says which pattern of a namespace breaks which rule.
type PatternError struct {
	Pattern int    // its place in Namespace.Patterns; MaxPatterns if there are too many
	Field   string // its member: "match", "url", "type", "index", "ttl"; "" if it is none of them
	Reason  string // lower case
}

func (e *PatternError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return fmt.Sprintf("pattern %d: %s: %s", e.Pattern+1, e.Field, e.Reason)
}

// Compile checks n's patterns and makes them ready for Compute. Decoding a namespace does so too;
// call it when patterns or letter case were set by hand. The error is a *[PatternError].
func (n *Namespace) Compile() error {
	if len(n.Patterns) > MaxPatterns {
		return &PatternError{Pattern: MaxPatterns, Reason: fmt.Sprintf("%d patterns; at most %d", len(n.Patterns), MaxPatterns)}
	}
	for i := range n.Patterns {
		field, reason := n.Patterns[i].compile(n.Scheme, n.Scheme == Handle && !n.CaseSensitive)
		if reason != "" {
			return &PatternError{Pattern: i, Field: field, Reason: reason}
		}
	}
	return nil
}

// Compute returns the value that the first of n's patterns which applies to id makes for it. id lies
// in n. It is safe for concurrent use.
func (n *Namespace) Compute(id ID) (Value, bool) {
	if id.IsPrefixRecord() {
		return Value{}, false
	}
	for i := range n.Patterns {
		p := &n.Patterns[i]
		if p.rule == nil {
			continue
		}
		uri, ok := p.rule.expand(n, id)
		if !ok {
			continue
		}
		v := Value{Index: DefaultPatternIndex, Type: DefaultPatternType, Data: []byte(uri), TTL: DefaultPatternTTL,
			Perms: DefaultPerms, Timestamp: uint32(n.Updated.Unix())}
		if p.Index != 0 {
			v.Index = p.Index
		}
		if p.Type != "" {
			v.Type = p.Type
		}
		if p.TTL != 0 {
			v.TTL = p.TTL
		}
		return v, true
	}
	return Value{}, false
}

// within is the part of id that names it within n, as it was asked for.
func (n *Namespace) within(id ID) string {
	switch id.scheme {
	case Handle:
		return id.Suffix()
	case OID:
		return strings.TrimPrefix(strings.TrimPrefix(id.name, n.Prefix), ".")
	case Ecode:
		return strings.TrimPrefix(id.name, n.Prefix)
	}
	return id.name
}

func (p *Pattern) compile(scheme Scheme, fold bool) (field, reason string) {
	p.rule = nil
	switch {
	case len(p.Match) > MaxPatternMatch:
		return "match", fmt.Sprintf("longer than %d octets", MaxPatternMatch)
	case len(p.URL) > MaxPatternURL:
		return "url", fmt.Sprintf("longer than %d octets", MaxPatternURL)
	case len(p.Type) > 255 || !isPlainText(p.Type):
		return "type", "longer than 255 octets, not UTF-8, or with a control character"
	case p.Index > 1<<31-1:
		return "index", "not from 1 to 2147483647"
	case p.TTL < 0:
		return "ttl", "negative"
	}
	var r rule
	if p.Match != "" {
		if r.match, reason = compileMatch(p.Match, fold); reason != "" {
			return "match", reason
		}
	}
	if r.parts, reason = splitTemplate(p.URL, scheme, r.match); reason != "" {
		return "url", reason
	}
	p.rule = &r
	return "", ""
}

// compileMatch compiles an expression for the whole of a text.
func compileMatch(text string, fold bool) (*regexp.Regexp, string) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, "not an expression of RE2: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	if prog, err := syntax.Compile(parsed.Simplify()); err != nil || len(prog.Inst) > maxPatternSteps {
		return nil, "an expression that takes too long to match: fewer or smaller repetitions"
	}
	flags := "s"
	if fold {
		flags = "si"
	}
	match, err := regexp.Compile(`\A(?` + flags + `:` + text + `)\z`)
	if err != nil {
		return nil, "not an expression of RE2: " + err.Error()
	}
	return match, ""
}

// splitTemplate reads the template of a URL.
func splitTemplate(text string, scheme Scheme, match *regexp.Regexp) (parts []part, reason string) {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c == 0x7f || strings.IndexByte("\"<>\\^`|", c) >= 0 {
			return nil, fmt.Sprintf("the character %q does not stand in a URI", c)
		}
	}
	if !utf8.ValidString(text) {
		return nil, "not UTF-8"
	}
	var sample strings.Builder
	rest := text
	for rest != "" {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			parts = append(parts, part{literal: rest})
			sample.WriteString(rest)
			break
		}
		end := strings.IndexByte(rest, '}')
		if rest[open] == '}' || end < 0 {
			return nil, "a curly bracket without its other half; write one that is meant as %7B or %7D"
		}
		p := part{literal: rest[:open]}
		if reason := p.name(rest[open+1:end], scheme, match); reason != "" {
			return nil, reason
		}
		parts = append(parts, p)
		sample.WriteString(p.literal)
		sample.WriteByte('1')
		rest = rest[end+1:]
	}
	if len(parts) == 0 || !isAbsolute(parts[0].literal) || !isLocator(sample.String()) {
		return nil, "not an absolute URI, such as https://example.com/{suffix}"
	}
	return parts, dangerIn(text)
}

// dangerIn says what in the template of an absolute URI would give who asks power over who follows
// the answer, "" for nothing: a program to run, or the choice of the host.
func dangerIn(text string) string {
	scheme, rest, _ := strings.Cut(text, ":")
	switch FoldASCII(scheme) {
	case "javascript", "vbscript", "data":
		return "the URI of a program or document, not of a place"
	}
	authority, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	last := strings.LastIndexByte(authority, '}')
	if fixed := authority[last+1:]; last >= 0 && (len(fixed) < 2 || fixed[0] != '.') {
		return "a host whose end is not fixed, as in https://{suffix}.example.com/"
	}
	return ""
}

// isAbsolute reports whether a template that begins with the fixed text literal has a fixed scheme.
func isAbsolute(literal string) bool {
	scheme, _, ok := strings.Cut(literal, ":")
	for i := range len(scheme) {
		c := scheme[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return ok && scheme != ""
}

// isLocator reports whether text is an absolute URI and, of a web address, one with a host.
func isLocator(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !u.IsAbs() {
		return false
	}
	return u.Scheme != "http" && u.Scheme != "https" || u.Hostname() != ""
}

// name makes p's source the one of that name in a template.
func (p *part) name(name string, scheme Scheme, match *regexp.Regexp) (reason string) {
	if s, ok := sources[name]; ok {
		p.source = s
		return ""
	}
	number, err := strconv.ParseUint(name, 10, 16)
	switch {
	case err == nil && scheme == GS1 && 2 <= len(name) && len(name) <= 4:
		p.source, p.ai = sourceElement, name
	case match == nil:
		return "{" + shortName(name) + "} is none of id, canonical, scheme, prefix, suffix, and there is no match to have groups"
	case err == nil && number <= uint64(match.NumSubexp()):
		p.source, p.group = sourceGroup, int(number)
	case err == nil || name == "" || match.SubexpIndex(name) < 0:
		return "{" + shortName(name) + "} is none of id, canonical, scheme, prefix, suffix, nor a group of match"
	default:
		p.source, p.group = sourceGroup, match.SubexpIndex(name)
	}
	return ""
}

// shortName keeps a message short whatever the template.
func shortName(name string) string {
	if len(name) > 40 {
		return strings.ToValidUTF8(name[:40], "") + "…"
	}
	return name
}

// expand computes the URL for id, which lies in n, if the rule applies to it.
func (r *rule) expand(n *Namespace, id ID) (string, bool) {
	text := n.within(id)
	var groups []int
	if r.match != nil {
		if len(text) > maxMatched {
			return "", false
		}
		if groups = r.match.FindStringSubmatchIndex(text); groups == nil {
			return "", false
		}
	}
	var out []byte
	for _, p := range r.parts {
		out = append(out, p.literal...)
		switch p.source {
		case sourceID:
			out = appendComponent(out, id.String())
		case sourceCanonical:
			out = appendComponent(out, id.Canonical())
		case sourceScheme:
			out = append(out, id.scheme.String()...)
		case sourcePrefix:
			prefix := n.Prefix
			if id.scheme == Handle {
				prefix = id.Prefix()
			}
			out = appendComponent(out, prefix)
		case sourceSuffix:
			out = appendComponent(out, text)
		case sourceElement:
			value, ok := elementOf(id.name, p.ai)
			if !ok {
				return "", false
			}
			out = appendComponent(out, value)
		case sourceGroup:
			if from := groups[2*p.group]; from >= 0 {
				out = appendComponent(out, text[from:groups[2*p.group+1]])
			}
		}
		if len(out) > maxComputed {
			return "", false
		}
	}
	uri := string(out)
	return uri, isLocator(uri)
}

// elementOf returns the value of an application identifier in a canonical element string.
func elementOf(name, ai string) (string, bool) {
	for name != "" {
		var this, value string
		if this, value, name = cutElement(name); this == ai {
			return strings.ReplaceAll(value, `\(`, "("), true
		}
	}
	return "", false
}

// cutElement cuts the first element off a canonical element string. The value is as it is written
// there, with "\(" for an opening bracket.
func cutElement(name string) (ai, value, rest string) {
	ai, value, _ = strings.Cut(strings.TrimPrefix(name, "("), ")")
	for i := range len(value) {
		if value[i] == '(' && (i == 0 || value[i-1] != '\\') {
			return ai, value[:i], value[i:]
		}
	}
	return ai, value, ""
}

// appendComponent appends text with everything percent-encoded that is not unreserved in a URI.
func appendComponent(dst []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', isDigit(c), c == '-', c == '.', c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// isPlainText reports whether s is UTF-8 without control characters.
func isPlainText(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return false
		}
	}
	return utf8.ValidString(s)
}
