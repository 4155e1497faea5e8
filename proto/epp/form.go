package epp

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// form is the content of one element that is read or written. A message names its elements once, in their order, and the
// form does with each what it is for: that is why the two directions agree.
type form struct {
	space string   // namespace of the elements in it
	in    *element // what is read; nil if it is written
	out   *writer
	used  []bool // reading: children that were asked for
	after int    // reading: children before this one must not follow; see ordered

	// ordered has children stand in the order of the schema, as those of EPP must. The mappings have no public schema
	// that says one, and their peers were made from its examples.
	ordered bool

	err *Error // the first
}

func reading(e *element, ns string) *form {
	return &form{space: ns, in: e, used: make([]bool, len(e.children)), ordered: ns == NamespaceEPP}
}

func writing(w *writer, ns string) *form { return &form{space: ns, out: w} }

// fail notes the first error.
func (f *form) fail(code Code, name, value, format string, args ...any) {
	if f.err != nil {
		return
	}
	if len(value) > 64 || !utf8.ValidString(value) || strings.ContainsFunc(value, func(c rune) bool { return !isChar(c) }) {
		value = ""
	}
	f.err = &Error{Code: code, Space: f.space, Element: name, Value: value, Reason: fmt.Sprintf(format, args...)}
}

// take is the next child of that name, or nil.
func (f *form) take(name string) *element {
	want := xml.Name{Space: f.space, Local: name}
	for i, c := range f.in.children {
		if c.name != want || f.used[i] {
			continue
		}
		if f.ordered && i < f.after {
			f.fail(CodeSyntax, name, "", "the element stands too late")
		}
		f.used[i], f.after = true, i+1
		return c
	}
	return nil
}

// has reports whether an element that may be missing is there: when writing, what the message says.
func (f *form) has(name string, writing bool) bool {
	if f.in == nil {
		return writing
	}
	want := xml.Name{Space: f.space, Local: name}
	for i, c := range f.in.children {
		if c.name == want && !f.used[i] {
			return true
		}
	}
	return false
}

// done refuses what was not asked for.
func (f *form) done() {
	if f.in == nil || f.err != nil {
		return
	}
	for i, c := range f.in.children {
		if f.used[i] {
			continue
		}
		f.fail(CodeSyntax, c.name.Local, "", "the element is not expected here, or not twice")
		f.err.Space = c.name.Space
		return
	}
	if len(f.in.children) > 0 && !blank(f.in.text) {
		f.fail(CodeSyntax, f.in.name.Local, "", "text stands between elements")
	}
}

// object is an element that must be there and whose content is another form.
func (f *form) object(name string, content func(*form), attrs ...attr) {
	f.objectIn(f.space, name, content, attrs...)
}

// objectIn is an object in a namespace of its own.
func (f *form) objectIn(ns, name string, content func(*form), attrs ...attr) {
	if f.err != nil {
		return
	}
	var inner *form
	if f.in != nil {
		outer := f.space
		f.space = ns
		c := f.take(name)
		f.space = outer
		if c == nil {
			f.fail(CodeMissing, name, "", "the element is missing")
			return
		}
		inner = reading(c, ns)
		f.readAttrs(c, attrs)
		content(inner)
		inner.done()
		if len(c.children) == 0 && !blank(c.text) {
			inner.fail(CodeSyntax, name, "", "the element has no text")
		}
	} else {
		inner = writing(f.out, ns)
		f.out.start(f.space, ns, name, f.writeAttrs(name, attrs)...)
		content(inner)
		f.out.end(ns, name)
	}
	if f.err == nil {
		f.err = inner.err
	}
}

// rule is what a text must be.
type rule struct {
	max      int // characters, at most; 0 is tokenMax
	min      int // characters, at least, if it is not empty
	optional bool
	keep     bool              // an optional text that is written even if it is empty
	lines    bool              // white space within is kept; else runs of it are one blank
	valid    func(string) bool // of the syntax
	among    func(string) bool // one of a list
	says     string            // what valid or among expect
}

// tokenMax is how many characters a text has at most if nothing else is said.
const tokenMax = 255

// attr is an attribute. An optional one that is empty is as good as missing.
type attr struct {
	name string
	v    *string
	rule rule
}

func (f *form) readAttrs(e *element, attrs []attr) {
	found := 0
	for _, a := range attrs {
		*a.v = ""
		for _, has := range e.attrs {
			if has.Name == (xml.Name{Local: a.name}) {
				*a.v = a.rule.normal(has.Value)
				found++
			}
		}
		f.check(e.name.Local, *a.v, a.rule)
	}
	if len(e.attrs) > found {
		f.fail(CodeSyntax, e.name.Local, "", "the element has an attribute that is not expected")
	}
}

func (f *form) writeAttrs(name string, attrs []attr) (pairs []string) {
	for _, a := range attrs {
		s := a.rule.normal(*a.v)
		f.check(name, s, a.rule)
		if s != "" {
			pairs = append(pairs, a.name, s)
		}
	}
	return pairs
}

// text is an element whose content is text.
func (f *form) text(name string, v *string, r rule, attrs ...attr) {
	if f.err != nil {
		return
	}
	var s string
	if f.in != nil {
		c := f.take(name)
		if c == nil {
			if *v = ""; !r.optional {
				f.fail(CodeMissing, name, "", "the element is missing")
			}
			return
		}
		f.plain(c)
		f.readAttrs(c, attrs)
		s = c.text
	} else {
		s = *v
	}
	s = r.normal(s)
	f.check(name, s, r)
	if f.err != nil {
		return
	}
	if f.in != nil {
		*v = s
	} else if s != "" || !r.optional || r.keep {
		f.out.element(f.space, name, s, f.writeAttrs(name, attrs)...)
	}
}

// texts is a list of elements with text: one at least, maxList at most.
func (f *form) texts(name string, v *[]string, r rule) {
	if f.in == nil {
		if len(*v) == 0 {
			f.fail(CodeMissing, name, "", "the element is missing")
		}
		if len(*v) > maxList {
			f.fail(CodeRange, name, "", "more than %d of these", maxList)
		}
		for i := range *v {
			f.text(name, &(*v)[i], r)
		}
		return
	}
	*v = nil
	for f.err == nil && (len(*v) == 0 || f.has(name, false)) {
		if len(*v) == maxList {
			f.fail(CodeRange, name, "", "more than %d of these", maxList)
			return
		}
		var s string
		f.text(name, &s, r)
		*v = append(*v, s)
	}
}

// plain makes sure that c has text only.
func (f *form) plain(c *element) {
	if len(c.children) > 0 {
		f.fail(CodeSyntax, c.name.Local, "", "text is expected")
	}
}

// normal is s as a peer would read it.
func (r rule) normal(s string) string {
	if r.lines {
		return strings.Trim(s, space)
	}
	if !strings.ContainsAny(s, space) {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c < 0x80 && strings.ContainsRune(space, c) }), " ")
}

func (f *form) check(name, s string, r rule) {
	limit := r.max
	if limit == 0 {
		limit = tokenMax
	}
	switch n := utf8.RuneCountInString(s); {
	case s == "":
		if !r.optional {
			f.fail(CodeMissing, name, "", "the element is empty")
		}
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return !isChar(c) }):
		f.fail(CodeValue, name, "", "XML has no such characters")
	case n > limit:
		f.fail(CodeRange, name, "", "the text has %d characters; %d is the most", n, limit)
	case n < r.min:
		f.fail(CodeRange, name, s, "the text has %d characters; %d is the least", n, r.min)
	case r.valid != nil && !r.valid(s):
		f.fail(CodeValue, name, s, "expected is %s", r.says)
	case r.among != nil && !r.among(s):
		f.fail(CodeRange, name, s, "expected is %s", r.says)
	}
}

// number is an element with a whole number from low to high.
func (f *form) number(name string, v *int, low, high int) {
	s := strconv.Itoa(*v)
	f.text(name, &s, rule{max: 10, among: func(s string) bool {
		n, ok := parseNumber(s)
		return ok && n >= low && n <= high
	}, says: fmt.Sprintf("a number from %d to %d", low, high)})
	if f.err == nil {
		*v, _ = parseNumber(s)
	}
}

// numberOr is a number that may be missing, which is 0.
func (f *form) numberOr(name string, v *int, low, high int) {
	if f.has(name, *v != 0) {
		f.number(name, v, low, high)
	} else {
		*v = 0
	}
}

// parseNumber reads a decimal without sign.
func parseNumber(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil && s[0] != '+'
}

// date is an element with a date and time. It is read with any offset, as peers write it in spite of RFC 5730, section 2.4,
// and written in UTC, to the millisecond.
func (f *form) date(name string, v *time.Time) {
	s := v.UTC().Format(dateForm)
	f.text(name, &s, rule{valid: func(s string) bool { _, ok := parseDate(s); return ok }, says: "a date and time"})
	if f.err == nil {
		*v, _ = parseDate(s)
	}
}

const dateForm = "2006-01-02T15:04:05.999Z07:00"

func parseDate(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	t = t.UTC().Truncate(time.Millisecond)
	return t, err == nil && t.Year() >= 1 && t.Year() <= 9999
}

// image is an element with octets in base64. It may be missing.
func (f *form) image(name string, v *[]byte) {
	if f.err != nil {
		return
	}
	if f.in == nil {
		switch {
		case len(*v) > MaxImage:
			f.fail(CodeRange, name, "", "an image has at most %d octets", MaxImage)
		case len(*v) > 0:
			f.out.element(f.space, name, base64.StdEncoding.EncodeToString(*v))
		}
		return
	}
	c := f.take(name)
	if c == nil {
		return
	}
	f.plain(c)
	f.readAttrs(c, nil)
	text := strings.Map(func(c rune) rune { // XML Schema, part 2, section 3.2.16: white space may stand anywhere
		if c < 0x80 && strings.ContainsRune(space, c) {
			return -1
		}
		return c
	}, c.text)
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case err != nil:
		f.fail(CodeValue, name, "", "base64 is expected")
	case len(data) > MaxImage:
		f.fail(CodeRange, name, "", "an image has at most %d octets", MaxImage)
	case len(data) > 0:
		*v = data
	}
}

// isChar reports whether XML 1.0 (section 2.2) has the character.
func isChar(c rune) bool {
	return c == '\t' || c == '\n' || c == '\r' || c >= ' ' && c <= 0xd7ff || c >= 0xe000 && c <= 0xfffd || c >= 0x10000 && c <= 0x10ffff
}
