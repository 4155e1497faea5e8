package template

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/identifier"
)

// fileForm is the form of the id of a file.
const fileForm = `^[A-Za-z0-9._-]{1,128}$`

var fileID = regexp.MustCompile(fileForm)

// data checks the data of a value of the field.
func (r *rule) data(path string, data []byte) []Problem {
	if !utf8.Valid(data) {
		return []Problem{problem(path, "the field %s takes text in UTF-8", r.Name)}
	}
	text := string(data)
	switch r.Type {
	case Number:
		return r.number(path, text)
	case Boolean:
		if text != "true" && text != "false" {
			return []Problem{problem(path, "the field %s is true or false", r.Name)}
		}
	case Date:
		return r.date(path, text)
	case Enum:
		if !r.options[text] {
			return []Problem{problem(path, "%s is none of the options of the field %s", short(text), r.Name)}
		}
	case File:
		if !fileID.MatchString(text) {
			return []Problem{problem(path, "the field %s takes the id of a file", r.Name)}
		}
	case Reference:
		if _, err := identifier.Parse(text); err != nil {
			return append([]Problem{problem(path, "the field %s takes an identifier: %s", r.Name, err)}, r.text(path, text)...)
		}
		return r.text(path, text)
	case URL:
		if !isURL(text) {
			return append([]Problem{problem(path, "the field %s takes an absolute URL, such as https://example.com/", r.Name)}, r.text(path, text)...)
		}
		return r.text(path, text)
	default:
		return r.text(path, text)
	}
	return nil
}

// text checks length and pattern.
func (r *rule) text(path, text string) (all []Problem) {
	n := utf8.RuneCountInString(text)
	switch {
	case n < r.shortest:
		all = append(all, problem(path, "the field %s has %d characters; at least %d", r.Name, n, r.shortest))
	case n > r.greatest:
		return append(all, problem(path, "the field %s has %d characters; at most %d", r.Name, n, r.greatest))
	}
	if r.match != nil && !r.match.MatchString(text) {
		all = append(all, problem(path, "%s does not match the pattern %s of the field %s", short(text), r.Pattern, r.Name))
	}
	return all
}

func (r *rule) number(path, text string) (all []Problem) {
	d, ok := parseDecimal(text)
	if !ok {
		return []Problem{problem(path, "the field %s takes a decimal number of at most %d digits without an exponent, such as -12.5", r.Name, MaxDigits)}
	}
	if r.minimum != nil && d.compare(*r.minimum) < 0 {
		all = append(all, problem(path, "the field %s is %s; at least %s", r.Name, text, string(r.Minimum)))
	}
	if r.maximum != nil && d.compare(*r.maximum) > 0 {
		all = append(all, problem(path, "the field %s is %s; at most %s", r.Name, text, string(r.Maximum)))
	}
	if r.decimals >= 0 && len(d.part) > r.decimals {
		all = append(all, problem(path, "the field %s has %d decimals; at most %d", r.Name, len(d.part), r.decimals))
	}
	return all
}

func (r *rule) date(path, text string) (all []Problem) {
	day, ok := dayOf(text)
	if !ok {
		return []Problem{problem(path, "the field %s takes a day YYYY-MM-DD or a moment such as 2026-01-02T15:04:05+08:00", r.Name)}
	}
	if r.Earliest != "" && day < r.Earliest {
		all = append(all, problem(path, "the field %s is %s; not before %s", r.Name, day, r.Earliest))
	}
	if r.Latest != "" && day > r.Latest {
		all = append(all, problem(path, "the field %s is %s; not after %s", r.Name, day, r.Latest))
	}
	return all
}

// isURL reports whether text is an absolute URL, of a web address with a host, that does not run a
// program where it is followed.
func isURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !u.IsAbs() || strings.ContainsFunc(text, func(r rune) bool { return r == ' ' || isControl(r) }) {
		return false
	}
	switch u.Scheme { // in lower case
	case "javascript", "vbscript", "data":
		return false
	case "http", "https":
		return u.Hostname() != ""
	}
	return true
}
