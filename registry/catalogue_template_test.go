package registry

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// TestTemplatesZH: every sentence of the templates and their sheets is there in Chinese, with the same
// verbs, and no other is.
func TestTemplatesZH(t *testing.T) {
	verbs := regexp.MustCompile(`%[a-z]`)
	used := map[string]bool{}
	for _, dir := range []string{"../proto/template", "sheet"} {
		sources, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(sources) == 0 {
			t.Fatal(dir, err)
		}
		for _, name := range sources {
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "problem" || len(call.Args) < 2 {
					return true
				}
				literal, ok := call.Args[1].(*ast.BasicLit)
				if !ok {
					t.Errorf("%s: the format is no literal", set.Position(call.Pos()))
					return true
				}
				format, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				used[format] = true
				if got := templatesZH[format]; got == "" || !slices.Equal(verbs.FindAllString(got, -1), verbs.FindAllString(format, -1)) {
					t.Errorf("%s: %q is %q in Chinese", set.Position(call.Pos()), format, got)
				}
				if n := len(verbs.FindAllString(format, -1)); n != len(call.Args)-2 {
					t.Errorf("%s: %q has %d verbs for %d values", set.Position(call.Pos()), format, n, len(call.Args)-2)
				}
				return true
			})
		}
	}
	for format := range templatesZH {
		if !used[format] {
			t.Errorf("nobody says %q", format)
		}
	}
}
