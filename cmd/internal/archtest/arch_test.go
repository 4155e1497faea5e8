package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/idnode/idnode/"
	root   = "../../.."
)

// arrows says what a package below a folder may import of this module, tests included. The longest
// folder that fits decides.
var arrows = map[string][]string{
	"proto/identifier":        {},
	"proto/handle":            {"proto/identifier", "proto/handle"},
	"proto/handle/dump":       {"proto/identifier", "proto/handle", "proto/jsonstream"},
	"proto/nodepb":            {"proto/identifier"},
	"proto/dnsname":           {"proto/identifier"},
	"proto/template":          {"proto/identifier"},
	"proto/archive":           {},
	"proto/recordcsv":         {"proto/identifier"},
	"proto/jsonstream":        {},
	"proto/snmsjson":          {"proto/identifier", "proto/template"},
	"proto/mint":              {},
	"proto/standardwebhooks":  {},
	"proto/auditchain":        {},
	"proto/requestsign":       {},
	"proto/epp":               {"proto/requestsign", "proto/epp"},
	"proto/topreport":         {},
	"storage":                 {"proto/identifier", "storage"},
	"resolver":                {"proto", "storage", "resolver"},
	"registry":                {"proto", "storage", "registry"},
	"bench":                   {"proto", "bench"},
	"bench/corpusload":        {"proto", "bench", "storage"}, // it makes the store of a node that does not run
	"deploy":                  {"proto"},
	"cmd/idctl":               {"cmd/internal/cli"},
	"cmd/internal/cli":        {"proto", "cmd/internal/cli", "cmd/internal/version"}, // it sees the node as any client does
	"cmd":                     {"proto", "storage", "resolver", "registry", "cmd"},
	"storage/internal/keyenc": {},
	"cmd/internal/archtest":   {},
}

// homes says where alone an outside module may be imported.
var homes = map[string][]string{
	"github.com/cockroachdb/pebble/":   {"storage/pebblestore"},
	"github.com/redis/":                {"resolver/cache"},
	"github.com/miekg/dns":             {"resolver/dnsserver", "resolver/upstream", "bench/dnsload"},
	"github.com/danielgtaylor/huma/":   {"registry/api"},
	"github.com/spf13/cobra":           {"cmd"},
	"github.com/knadh/koanf/":          {"cmd/internal/config"},
	"github.com/hashicorp/golang-lru/": {"resolver/cache"},
	"github.com/xuri/excelize/":        {"registry/sheet"},
}

// topLevel is what may stand in the root.
var topLevel = []string{"cmd", "resolver", "registry", "storage", "proto", "bench", "deploy",
	"go.mod", "go.sum", "Makefile", "README.md", "README.zh-CN.md", "LICENSE"}

// file is a parsed Go file: its folder in the module, and what it imports.
type file struct {
	path, dir string
	test      bool
	imports   []string
	doc       bool
	pkg       string
}

func files(t *testing.T) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || rel == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		f := file{path: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), pkg: parsed.Name.Name,
			doc: parsed.Doc != nil && strings.TrimSpace(parsed.Doc.Text()) != ""}
		for _, i := range parsed.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, name)
		}
		all = append(all, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found %d Go files: this is not the module's root", len(all))
	}
	return all
}

func within(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

func TestImportArrows(t *testing.T) {
	for _, f := range files(t) {
		rule := ""
		for folder := range arrows {
			if within(f.dir, folder) && len(folder) > len(rule) {
				rule = folder
			}
		}
		if rule == "" {
			t.Errorf("%s: no rule covers this folder", f.path)
			continue
		}
		for _, name := range f.imports {
			if target, ok := strings.CutPrefix(name, module); ok {
				allowed := target == f.dir || slices.ContainsFunc(arrows[rule], func(a string) bool { return within(target, a) })
				if !allowed {
					t.Errorf("%s imports %s: %s may import %v", f.path, target, rule, arrows[rule])
				}
				continue
			}
			if within(f.dir, "proto/identifier") && !f.test && strings.Contains(strings.SplitN(name, "/", 2)[0], ".") {
				t.Errorf("%s imports %s: the vocabulary imports only the standard library", f.path, name)
			}
			for lib, rooms := range homes {
				if !f.test && strings.HasPrefix(name, lib) && !slices.ContainsFunc(rooms, func(r string) bool { return within(f.dir, r) }) {
					t.Errorf("%s imports %s, which belongs in %v", f.path, name, rooms)
				}
			}
		}
	}
}

// TestServersStandAlone: the front ends know the resolver, not one another.
func TestServersStandAlone(t *testing.T) {
	servers := []string{"resolver/dnsserver", "resolver/handleserver", "resolver/grpcserver", "resolver/httpserver"}
	for _, f := range files(t) {
		if !slices.Contains(servers, f.dir) || f.test {
			continue
		}
		for _, name := range f.imports {
			if target := strings.TrimPrefix(name, module); target != f.dir && slices.Contains(servers, target) {
				t.Errorf("%s imports %s", f.path, target)
			}
		}
	}
}

func TestPackageDocs(t *testing.T) {
	docs := make(map[string][]string)
	for _, f := range files(t) {
		if f.test {
			continue
		}
		if _, ok := docs[f.dir]; !ok {
			docs[f.dir] = nil
		}
		if f.doc {
			docs[f.dir] = append(docs[f.dir], f.path)
		}
	}
	for dir, in := range docs {
		switch {
		case len(in) == 0:
			t.Errorf("%s: the package has no doc comment", dir)
		case len(in) > 1:
			t.Errorf("%s: the package is documented in %v; one place is enough", dir, in)
		}
	}
}

func TestTopLevel(t *testing.T) {
	// What git tracks or would add counts; data of a running node does not.
	out, err := exec.Command("git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skipf("git: %v", err) // an unpacked source archive
	}
	for name := range strings.FieldsSeq(string(out)) {
		top, _, _ := strings.Cut(name, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(topLevel, top) {
			t.Errorf("%s: the top level holds %v", name, topLevel)
		}
	}
	for _, dir := range []string{"resolver", "registry", "storage"} {
		if _, err := os.Stat(filepath.Join(root, dir, "DESIGN.md")); err != nil {
			t.Errorf("%s says nothing of its choices: %v", dir, err)
		}
	}
}
