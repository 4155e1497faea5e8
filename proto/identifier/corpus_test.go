package identifier

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// corpusCase is one line of testdata/*.tsv, three or four fields separated by tabs. A field that
// begins with a double quote is a Go string literal.
type corpusCase struct {
	line   int
	fields []string
}

func corpus(t *testing.T, name string, fields, least int) []corpusCase {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all []corpusCase
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		c := corpusCase{i + 1, strings.Split(line, "\t")}
		if len(c.fields) != fields {
			t.Errorf("%s:%d: %d fields, want %d", name, c.line, len(c.fields), fields)
			continue
		}
		for i, f := range c.fields {
			if strings.HasPrefix(f, `"`) {
				if c.fields[i], err = strconv.Unquote(f); err != nil {
					t.Fatalf("%s:%d: field %d: %v", name, c.line, i+1, err)
				}
			}
		}
		all = append(all, c)
	}
	if len(all) < least {
		t.Errorf("%s has %d cases, want %d", name, len(all), least)
	}
	return all
}

// corpusSize is the least number of cases, valid and invalid each.
func corpusSize(s Scheme) int {
	if s.Served() {
		return 60
	}
	return 15
}

// Every valid code parses to its canonical form, by every spelling of that, and is never silently
// taken for one of another scheme.
func TestCorpusValid(t *testing.T) {
	for _, s := range Schemes() {
		name := s.String() + ".valid.tsv"
		seen := map[string]bool{}
		for _, c := range corpus(t, name, 4, corpusSize(s)) {
			text, canonical, form := c.fields[0], c.fields[1], c.fields[2]
			if seen[text] {
				t.Errorf("%s:%d: %q stands twice", name, c.line, text)
			}
			seen[text] = true
			id, err := s.Parse(text)
			if err != nil {
				t.Errorf("%s:%d: %q: %v", name, c.line, text, err)
				continue
			}
			if id.Canonical() != canonical || id.Form() != form {
				t.Errorf("%s:%d: %q is %q, %q; want %q, %q", name, c.line, text, id.Canonical(), id.Form(), canonical, form)
			}
			if again, err := Parse(id.Qualified()); err != nil || again.Canonical() != canonical || again.Scheme() != s {
				t.Errorf("%s:%d: %q read back is %q, %v", name, c.line, id.Qualified(), again.Qualified(), err)
			}
			candidates := Detect(text)
			listed := slices.ContainsFunc(candidates, func(c Candidate) bool { return c.Scheme == s && c.Err == nil && c.ID == id })
			if !listed || candidates[0].Scheme != s && len(candidates) < 2 {
				t.Errorf("%s:%d: %q is detected as %v", name, c.line, text, candidates)
			}
			other, sole, err := Read(text)
			if err == nil && sole && other.Key(true) != id.Key(true) {
				t.Errorf("%s:%d: %q is silently read as %q", name, c.line, text, other.Qualified())
			}
		}
	}
}

// Every invalid code is refused for its reason, when read or when registered.
func TestCorpusInvalid(t *testing.T) {
	for _, s := range Schemes() {
		name := s.String() + ".invalid.tsv"
		for _, c := range corpus(t, name, 3, corpusSize(s)) {
			text, reason := c.fields[0], c.fields[1]
			if reason == "" {
				t.Errorf("%s:%d: no reason is expected", name, c.line)
			}
			id, err := s.Parse(text)
			if err == nil {
				err = id.Validate()
			}
			if err == nil {
				t.Errorf("%s:%d: %q is %q", name, c.line, text, id.Canonical())
				continue
			}
			slip, ok := err.(*SyntaxError)
			if !ok || slip.Scheme != s || !strings.Contains(slip.Reason, reason) {
				t.Errorf("%s:%d: %q: %v, want %q", name, c.line, text, err, reason)
			}
			if ok && (!utf8.ValidString(slip.Reason) || len(slip.Reason) > 250) {
				t.Errorf("%s:%d: %q: reason %q", name, c.line, text, slip.Reason)
			}
			if ok && slip.Meant != "" {
				if _, err := s.Parse(slip.Meant); err != nil {
					t.Errorf("%s:%d: %q: meant %q: %v", name, c.line, text, slip.Meant, err)
				}
			}
			for _, c := range Detect(text) {
				if c.Reason == "" {
					t.Errorf("%q: %s without a reason", text, c.Scheme)
				}
			}
		}
	}
}
