package registry

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sentences are the functions that make errors for people, and which argument is the sentence.
var sentences = map[string]int{"refuse": 2, "Refuse": 2, "violation": 1, "invalid": 1}

// TestDetailsZH: every sentence that a refusal can be told in stands in the catalogue, with the same
// verbs, and nothing else does.
func TestDetailsZH(t *testing.T) {
	used := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			at, ok := sentences[name]
			if !ok || len(call.Args) <= at {
				return true
			}
			if text, ok := literal(call.Args[at]); ok {
				used[text] = true
			} else if !handsOn(call.Args[at]) {
				t.Errorf("%s: the sentence is no literal", files.Position(call.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(used) < 200 {
		t.Fatalf("found %d sentences", len(used))
	}
	for text := range used {
		if text == "%s" || text == "" { // somebody else's sentence
			continue
		}
		zh, ok := detailsZH[text]
		if !ok {
			zh, ok = templatesZH[text]
		}
		if !ok {
			t.Errorf("%q has no Chinese", text)
			continue
		}
		if got, want := verbs(zh), verbs(text); !slices.Equal(got, want) {
			t.Errorf("%q has the verbs %q, its Chinese %q", text, want, got)
		}
	}
	for text := range detailsZH {
		if !used[text] && !strings.HasPrefix(text, "a unified social credit code") && !strings.HasPrefix(text, "the check character of") {
			t.Errorf("%q is said nowhere", text)
		}
	}
}

// handsOn reports whether a sentence is one that was said elsewhere: the parameter format, or what a
// template.Problem or its like has.
func handsOn(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "format"
	case *ast.SelectorExpr:
		return e.Sel.Name == "Format"
	}
	return false
}

// verbs are those of a format, in the order of the arguments that they take.
func verbs(format string) []string {
	found := regexp.MustCompile(`%(\[(\d)\])?([a-z])`).FindAllStringSubmatch(strings.ReplaceAll(format, "%%", ""), -1)
	out := make([]string, len(found))
	for i, v := range found {
		at := i
		if v[2] != "" {
			n, _ := strconv.Atoi(v[2])
			at = n - 1
		}
		if at >= len(out) {
			return nil
		}
		out[at] = v[3]
	}
	return out
}
