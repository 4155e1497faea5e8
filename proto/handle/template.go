package handle

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
)

// Expansion asks for the values of a templated handle.
type Expansion struct {
	Handle    string             // as asked for
	Base      string             // of [Namespace.Split]
	Extension string             // of [Namespace.Split]
	Values    []identifier.Value // of the base; nil if it does not exist

	// CaseSensitive says that expressions match with regard to case, as a server configured so does.
	CaseSensitive bool

	// Cite fetches the value that a template refers to (its attribute "ref"). Without it such a
	// template means that the handle is not found.
	Cite func(ref identifier.Ref) (data []byte, ok bool)
}

// Bounds of an expansion. A template can make its own words longer with each definition.
const (
	maxTemplateValues = 2048 // Handle.Net's limit of values in a handle
	maxTemplateText   = 64 << 10
	maxTemplateTotal  = 1 << 20 // octets of text that are made or looked at in all
	maxTemplateSteps  = 10_000
	maxTemplateCites  = 10 // as in Handle.Net
)

// Expand computes the values of a templated handle, by the templates of n or else of the nearest
// namespace around it that has some; without any the handle has the values of its base. It reports
// whether the handle exists. An error says that a template cannot be evaluated: it is too large, or
// has an expression that package regexp does not know (Java's look-ahead and back-references).
func (n *Namespace) Expand(x Expansion) (values []identifier.Value, found bool, err error) {
	t := expander{Expansion: x}
	vars := variables{text: map[string]string{"handle": x.Handle, "base": x.Base, "extension": x.Extension}}
	var out made
	for ; n != nil; n = n.Parent {
		switch t.all(n.templates, &out, vars) {
		case outcomeNotFound:
			return nil, false, t.err
		case outcomeTemplate:
			return out.values, true, nil
		}
	}
	return x.Values, x.Values != nil, nil
}

type expander struct {
	Expansion
	steps, cites int
	text         int // octets made or looked at
	compiled     map[string]*regexp.Regexp
	err          error
}

// made is the values that a template makes.
type made struct {
	values []identifier.Value
	used   map[uint32]bool // indexes
}

// add appends v under its index or the next free one.
func (m *made) add(v identifier.Value) {
	if m.used == nil {
		m.used = make(map[uint32]bool)
	}
	for m.used[v.Index] {
		v.Index++
	}
	m.used[v.Index] = true
	m.values = append(m.values, v)
}

type outcome uint8

const (
	outcomeNone     outcome = iota // there is no template
	outcomeNotFound                // a template says that there is no such handle, or cannot say what it has
	outcomeTemplate
)

func (t *expander) all(templates []*element, out *made, vars variables) outcome {
	result := outcomeNone
	for _, e := range templates {
		switch t.one(e, out, vars) {
		case outcomeNotFound:
			return outcomeNotFound
		case outcomeTemplate:
			result = outcomeTemplate
		}
	}
	return result
}

func (t *expander) one(e *element, out *made, vars variables) outcome {
	if !e.has("ref") {
		if t.run(e, nil, out, vars) {
			return outcomeNotFound
		}
		return outcomeTemplate
	}
	ref, ok := parseCite(e.attr("ref", ""))
	if !ok {
		return outcomeNone
	}
	if t.cites++; t.cites > maxTemplateCites || t.Cite == nil {
		return outcomeNotFound
	}
	data, ok := t.Cite(ref)
	if !ok {
		return outcomeNotFound
	}
	cited, err := parseElement(data)
	if err != nil {
		return outcomeNone
	}
	if cited.name == "template" {
		return t.one(cited, out, vars)
	}
	var templates []*element
	for _, e := range cited.children {
		if e.name == "template" {
			templates = append(templates, e)
		}
	}
	return t.all(templates, out, vars)
}

// parseCite reads "300:88.1/a".
func parseCite(s string) (identifier.Ref, bool) {
	index, handle, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(index, 10, 31)
	return identifier.Ref{Handle: handle, Index: uint32(n)}, ok && err == nil
}

// run evaluates what is in e and adds to out. Inside foreach, each is the base's value at
// hand. It reports whether the handle is not found; errors count as that.
func (t *expander) run(e *element, each *identifier.Value, out *made, vars variables) (notFound bool) {
	var c condition
	for _, e := range e.children {
		if t.steps++; t.steps > maxTemplateSteps {
			t.err = ErrTemplate
		}
		if t.err != nil {
			return true
		}
		switch e.name {
		case "value":
			t.value(e, each, out, vars)
		case "if", "else":
			if e.name == "if" {
				c = readCondition(e)
			} else {
				c.negate = !c.negate
			}
			if inner, ok := t.holds(c, vars); ok && t.run(e, each, out, inner) {
				return true
			}
		case "notfound":
			return true
		case "foreach":
			if each != nil {
				continue
			}
			for i := range t.Values {
				t.spend(len(t.Values[i].Data))
				if t.run(e, &t.Values[i], out, vars.withValue(&t.Values[i])) {
					return true
				}
			}
		case "def":
			var inner made
			if t.run(e, each, &inner, vars) {
				return true
			}
			if e.has("parameter") && len(inner.values) > 0 {
				vars = vars.with(e.attr("parameter", ""), string(inner.values[0].Data), nil)
			}
		}
	}
	return t.err != nil
}

// value adds a value: inside foreach a copy of the base's with what the element says otherwise,
// outside a new one, which needs type and data. An index in use moves to the next free one; outside
// foreach the reference implementation heeds no index and counts from 1.
func (t *expander) value(e *element, each *identifier.Value, out *made, vars variables) {
	data, hasData := e.attr("data", ""), e.has("data")
	if !hasData {
		if data = e.text; strings.TrimSpace(data) == "" {
			data = strings.TrimSpace(e.inner)
		}
		hasData = data != ""
	}
	v := identifier.Value{Index: 1, TTL: identifier.DefaultTTL, Perms: identifier.DefaultPerms}
	switch {
	case each != nil:
		v = *each
		if index, err := strconv.ParseUint(e.attr("index", ""), 10, 31); err == nil && index > 0 {
			v.Index = uint32(index)
		}
	case !e.has("type") || !hasData:
		return
	}
	if e.has("type") {
		v.Type = t.replace(e.attr("type", ""), vars)
	}
	if hasData {
		v.Data = []byte(t.replace(data, vars))
	}
	out.add(v)
	if len(out.values) > maxTemplateValues {
		t.err = ErrTemplate
	}
}

func (t *expander) replace(s string, vars variables) string {
	made, ok := vars.replace(s)
	if !ok {
		t.err = ErrTemplate
	}
	t.spend(len(s) + len(made))
	return made
}

// spend counts text against what an expansion may take.
func (t *expander) spend(octets int) {
	if t.text += octets; t.text > maxTemplateTotal {
		t.err = ErrTemplate
	}
}

// condition is what stands in an if element; an else negates the one before it.
type condition struct {
	value, parameter, test, expression string
	tested, expressed, negate          bool
}

func readCondition(e *element) condition {
	value := e.attr("value", "extension")
	return condition{
		value: value, parameter: e.attr("parameter", value),
		test: e.attr("test", ""), tested: e.has("test"),
		expression: e.attr("expression", ""), expressed: e.has("expression"),
		negate: e.attr("negate", "") == "true",
	}
}

// holds reports whether c is fulfilled, and the variables inside it: the parameter is the value that
// was looked at, with the groups of the expression if it matched.
func (t *expander) holds(c condition, vars variables) (variables, bool) {
	if !c.expressed {
		return vars, !c.tested && !c.negate
	}
	value := vars.get(c.value)
	t.spend(len(value))
	switch {
	case !c.tested || c.test == "equals":
		return vars.with(c.parameter, value, nil), (value == c.expression) != c.negate
	case c.test == "matches":
		re := t.expression(c.expression)
		if re == nil {
			return vars, false
		}
		groups := re.FindStringSubmatch(value)
		if c.negate {
			return vars.with(c.parameter, value, nil), groups == nil
		}
		return vars.with(c.parameter, value, groups), groups != nil
	}
	return vars, false
}

// expression compiles an expression that is to match the whole of a value; nil if it cannot be.
func (t *expander) expression(text string) *regexp.Regexp {
	if re := t.compiled[text]; re != nil {
		return re
	}
	flags := "(?i)"
	if t.CaseSensitive {
		flags = ""
	}
	re, err := regexp.Compile(flags + `\A(?:` + text + `)\z`)
	if err != nil {
		t.err = ErrTemplate
		return nil
	}
	if t.compiled == nil {
		t.compiled = make(map[string]*regexp.Regexp)
	}
	t.compiled[text] = re
	return re
}

// variables are the words that a template may use. They are shared and never changed.
type variables struct {
	text   map[string]string
	groups map[string][]string // of an expression that matched
}

func (v variables) with(name, value string, groups []string) variables {
	w := variables{text: cloneWith(v.text, name, value), groups: v.groups}
	if groups != nil || v.groups[name] != nil {
		w.groups = cloneWith(v.groups, name, groups)
	}
	return w
}

func (v variables) withValue(each *identifier.Value) variables {
	w := variables{text: cloneWith(v.text, "type", each.Type), groups: v.groups}
	w.text["data"] = string(each.Data)
	w.text["index"] = strconv.FormatUint(uint64(each.Index), 10)
	return w
}

func cloneWith[V any](m map[string]V, key string, value V) map[string]V {
	c := make(map[string]V, len(m)+3)
	for k, v := range m {
		c[k] = v
	}
	c[key] = value
	return c
}

// get is the value of "name", of "name[2]", group 2 of the expression that name matched, or of "2",
// that group of the extension. What is unknown is empty.
func (v variables) get(name string) string {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return v.group("extension", int(n))
	}
	if at := strings.LastIndexByte(name, '['); at >= 0 && strings.HasSuffix(name, "]") {
		if n, err := strconv.ParseUint(name[at+1:len(name)-1], 10, 31); err == nil {
			return v.group(name[:at], int(n))
		}
	}
	return v.text[name]
}

func (v variables) group(name string, n int) string {
	if groups := v.groups[name]; groups != nil {
		if n < len(groups) {
			return groups[n]
		}
		return ""
	}
	if n == 0 {
		return v.text[name]
	}
	return ""
}

// replace puts values in the place of ${name} and $2 in s; a backslash takes the character behind it
// as it is. It reports whether the result is of reasonable length.
func (v variables) replace(s string) (string, bool) {
	if !strings.ContainsAny(s, `\$`) {
		return s, len(s) <= maxTemplateText
	}
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() <= maxTemplateText; i++ {
		next := byte(0)
		if i+1 < len(s) {
			next = s[i+1]
		}
		switch {
		case s[i] == '\\' && i+1 < len(s):
			b.WriteByte(next)
			i++
		case s[i] == '$' && next == '{' && strings.IndexByte(s[i:], '}') > 0:
			end := i + strings.IndexByte(s[i:], '}')
			b.WriteString(v.get(s[i+2 : end]))
			i = end
		case s[i] == '$' && next >= '0' && next <= '9':
			end := i + 1
			for end < len(s) && s[end] >= '0' && s[end] <= '9' {
				end++
			}
			b.WriteString(v.get(s[i+1 : end]))
			i = end - 1
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), b.Len() <= maxTemplateText
}
