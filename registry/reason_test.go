package registry

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
)

// TestReasonsZH: every reason that package identifier gives for an error, and package nodepb for a field,
// stands in the catalogue with as many verbs; what is put together of several is a format.
func TestReasonsZH(t *testing.T) {
	used := reasonsIn(t, "../proto/identifier")
	if len(used) < 200 {
		t.Fatalf("found %d reasons", len(used))
	}
	for text := range reasonsIn(t, "../proto/nodepb") {
		used[text] = true
	}
	for text := range used {
		zh, ok := reasonsZH[text]
		if !ok {
			t.Errorf("%q has no Chinese", text)
			continue
		}
		if !slices.Equal(reasonVerb.FindAllString(zh, -1), reasonVerb.FindAllString(text, -1)) {
			t.Errorf("%q is %q in Chinese: other verbs", text, zh)
		}
	}
	for text := range reasonsZH {
		if !used[text] && !slices.Contains(composed, text) {
			t.Errorf("%q is said nowhere", text)
		}
	}
}

// composed are the formats by which reasons are put together of others, their parts, and those of errors
// without a type.
var composed = []string{
	"(%s) %v", "(%s) has %v", "label %s %v", "%v: %s, it should be %s", "unknown scheme %s", "hexadecimal", "binary",
	"coding system %s (%s)", "coding system %s", "digits", "hexadecimal digits", "alphanumeric", "letters and digits", "characters that are no control characters",
}

// reasonsIn are the reasons that the files of a package name, as formats whose verbs are all %s.
func reasonsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	sources, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal(dir, err)
	}
	c := reasonCollector{constants: make(map[string]string), found: make(map[string]bool)}
	var files []*ast.File
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".pb.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
		ast.Inspect(file, c.constant)
	}
	for _, file := range files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil && f.Name.Name != "readings" {
				c.at = reasonAmong(f)
				ast.Inspect(f.Body, c.reason)
			}
		}
	}
	return c.found
}

type reasonCollector struct {
	constants map[string]string // of the package
	found     map[string]bool
	at        int // which result of the function is a reason; -1 if none is
}

func (c *reasonCollector) constant(n ast.Node) bool {
	d, ok := n.(*ast.GenDecl)
	if !ok || d.Tok != token.CONST {
		return true
	}
	for _, s := range d.Specs {
		v := s.(*ast.ValueSpec)
		for i, name := range v.Names {
			if i < len(v.Values) {
				if text, ok := literal(v.Values[i]); ok {
					c.constants[name.Name] = text
				}
			}
		}
	}
	return true
}

// reasonAmong is the place of the reason among the results of f.
func reasonAmong(f *ast.FuncDecl) int {
	if f.Type.Results == nil {
		return -1
	}
	results := f.Type.Results.List
	if first, ok := results[0].Type.(*ast.Ident); ok && first.Name == "Likelihood" { // why a scheme was recognised
		return -1
	}
	at := 0
	for _, r := range results {
		for _, name := range r.Names {
			if name.Name == "reason" {
				return at
			}
			at++
		}
		if r.Names == nil {
			at++
		}
	}
	last, ok := results[len(results)-1].Type.(*ast.Ident)
	if !ok || last.Name != "string" || results[0].Names != nil {
		return -1
	}
	name := f.Name.Name
	if len(results) > 1 || strings.HasPrefix(name, "check") || strings.HasPrefix(name, "why") || name == "dangerIn" || name == "unknownEPC" {
		return len(results) - 1
	}
	return -1
}

func (c *reasonCollector) reason(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ReturnStmt:
		if c.at >= 0 && c.at < len(n.Results) {
			c.note(n.Results[c.at], "")
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if name, ok := left.(*ast.Ident); ok && name.Name == "reason" && i < len(n.Rhs) {
				c.note(n.Rhs[i], "")
			}
		}
	case *ast.CallExpr:
		switch f := n.Fun.(type) {
		case *ast.Ident:
			if f.Name == "syntaxError" {
				c.note(n.Args[2], "")
			}
		case *ast.SelectorExpr:
			if (f.Sel.Name == "fail" || f.Sel.Name == "text") && len(n.Args) == 1 {
				c.note(n.Args[0], "")
			}
		}
	case *ast.CompositeLit:
		name, _ := n.Type.(*ast.Ident)
		if name == nil {
			return true
		}
		other := ""
		for i, e := range n.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				if name.Name == "FieldError" && i == 1 {
					c.note(e, "")
				}
				continue
			}
			if kv.Key.(*ast.Ident).Name == "other" {
				other = " %s"
			}
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				if key := kv.Key.(*ast.Ident).Name; key == "Reason" && strings.HasSuffix(name.Name, "Error") || key == "what" {
					c.note(kv.Value, other)
				}
			}
		}
	}
	return true
}

// note takes a reason and what follows it, unless it is only another's.
func (c *reasonCollector) note(e ast.Expr, more string) {
	text := c.format(e)
	if text != "(%s) %s" && text != "label %s %s" && strings.Trim(strings.ReplaceAll(text, "%s", ""), " ") != "" {
		c.found[text+more] = true
	}
}

var anyVerb = regexp.MustCompile(`%[a-zA-Z]`)

// format is an expression as a format: what is no constant is a verb.
func (c *reasonCollector) format(e ast.Expr) string {
	if text, ok := literal(e); ok {
		return text
	}
	switch e := e.(type) {
	case *ast.Ident:
		if text, ok := c.constants[e.Name]; ok {
			return text
		}
	case *ast.BinaryExpr:
		return strings.ReplaceAll(c.format(e.X)+c.format(e.Y), "%s%s", "%s")
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" {
			return anyVerb.ReplaceAllString(c.format(e.Args[0]), "%s")
		}
		if f, ok := e.Fun.(*ast.Ident); ok && f.Name == "ordinal" {
			return c.format(e.Args[0]) + " %s "
		}
	}
	return "%s"
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// TestReasonsOfCorpus: whatever package identifier says of the identifiers that its corpus holds for
// wrong is told in Chinese.
func TestReasonsOfCorpus(t *testing.T) {
	n := 0
	for _, s := range identifier.Schemes() {
		corpus, err := os.ReadFile("../proto/identifier/testdata/" + s.String() + ".invalid.tsv")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(corpus)) {
			text, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if unquoted, err := strconv.Unquote(text); err == nil {
				text = unquoted
			}
			_, err := s.Parse(text)
			e, ok := errors.AsType[*identifier.SyntaxError](err)
			if !ok {
				continue
			}
			n++
			zh, ok := Reason(e.Reason).chinese()
			if !ok || regexp.MustCompile(`[a-z]+ [a-z]+ [a-z]+`).MatchString(zh) {
				t.Errorf("%q: %s is %q in Chinese", text, e.Reason, zh)
			}
		}
	}
	if n < 100 {
		t.Errorf("%d errors", n)
	}
}
